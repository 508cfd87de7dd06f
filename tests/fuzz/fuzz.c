/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/fuzz/fuzz.h"
#include "base/file.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

void fuzz_broken(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "a law is broken: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	abort();
}

void fuzz_printable(const char *what, const char *text, bool newlines)
{
	while (*text) {
		cleanup(str_done) struct str shown = STR_INIT;
		size_t len = newlines ? strcspn(text, "\n") : strlen(text);

		str_add_escaped(&shown, text, len);
		if (shown.len != len || memcmp(shown.s, text, len))
			fuzz_broken("%s is not printable: %s", what, shown.s);
		text += len + (text[len] == '\n');
	}
}

uint8_t fuzz_byte(struct fuzz_input *in)
{
	if (!in->size)
		return 0;
	in->size--;
	return *in->data++;
}

uint32_t fuzz_u32(struct fuzz_input *in)
{
	uint32_t value = 0;

	for (int i = 0; i < 32; i += 8)
		value |= (uint32_t)fuzz_byte(in) << i;
	return value;
}

char *fuzz_text(struct fuzz_input *in)
{
	const char *text = (const char *)in->data;
	size_t len = in->size ? strnlen(text, in->size) : 0;
	size_t used = len + (len < in->size);

	in->data += used;
	in->size -= used;
	return len ? mem_strndup(text, len) : mem_strdup("");
}

static char dir[64];

static void forget_dir(void)
{
	dir_remove_all(dir);
}

const char *fuzz_dir(void)
{
	if (dir[0])
		return dir;
	snprintf(dir, sizeof(dir), "%s/rescue-fuzz-XXXXXX",
		 access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	if (!mkdtemp(dir))
		fuzz_broken("no directory could be made");
	atexit(forget_dir);
	return dir;
}

void fuzz_file(const char *name, const void *data, size_t size)
{
	cleanup(free) char *path = mem_printf("%s/%s", fuzz_dir(), name);
	cleanup(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || fd_write_all(fd, data, size) < 0)
		fuzz_broken("%s could not be written", path);
}
