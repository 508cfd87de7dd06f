/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/boot_past.h"
#include "checks/journals.h"

#include <stdlib.h>

/* Of the boot that is told last. */
struct past {
	char *cmdline;
	uint64_t ram_bytes;
};

/* Behind the last such mark in the text; NULL: it has none. */
static const char *behind_last(const char *text, size_t len, const char *mark)
{
	const char *found = NULL, *end = text + len, *p = text;

	while (p && (p = memmem(p, (size_t)(end - p), mark, strlen(mark)))) {
		p += strlen(mark);
		found = p;
	}
	return found;
}

uint64_t boot_past_ram_in(const char *text, size_t len)
{
	static const char mark[] = "Memory: ", unit[] = "K available";
	const char *p = behind_last(text, len, mark);
	cleanup(free) char *line = NULL;
	unsigned long long kib;
	char *end;

	if (!p)
		return 0;
	line = mem_strndup(p, len - (size_t)(p - text) < 64 ? len - (size_t)(p - text) : 64);
	strtoull(line, &end, 10);
	if (!str_starts(end, "K/"))
		return 0;
	kib = strtoull(end + 2, &end, 10);
	return str_starts(end, unit) && kib < (UINT64_C(1) << 40) ? kib * 1024 : 0;
}

/* True: no more is wanted. */
static bool find_in(void *arg, const struct str *text)
{
	struct past *past = arg;
	const char *found = behind_last(text->s, text->len, "Command line: ");
	const char *end = text->s + text->len;
	size_t len = 0;

	/* A journal's field ends where its length says; what follows is no printable text. */
	while (found && found + len < end && len < 4096 && found[len] >= ' ' && found[len] <= '~')
		len++;
	if (!past->ram_bytes)
		past->ram_bytes = boot_past_ram_in(text->s, text->len);
	if (len)
		past->cmdline = mem_strndup(found, len);
	return len;
}

static void find(const struct machine *machine, struct past *past)
{
	static const char *const logs[] = { "/var/log/kern.log", "/var/log/dmesg",
					    "/var/log/messages", "/var/log/syslog" };
	struct err ignored = ERR_INIT;

	for (size_t i = 0; i < ARRAY_LEN(logs); i++) {
		cleanup(str_done) struct str text = STR_INIT;

		if (!tree_read(machine_tree(machine), logs[i], TREE_FILE_MAX, &text, &ignored) &&
		    find_in(past, &text))
			return;
	}
	journals_each(machine, find_in, past);
}

static void past_free(void *value)
{
	struct past *past = value;

	free(past->cmdline);
	free(past);
}

static const struct past *past_of(const struct machine *machine)
{
	static const char key;
	struct past *past = machine_kept(machine, &key);

	if (!past) {
		past = mem_alloc(sizeof(*past));
		*past = (struct past){ 0 };
		find(machine, past);
		machine_keep(machine, &key, past, past_free);
	}
	return past;
}

const char *boot_past_cmdline(const struct machine *machine)
{
	return past_of(machine)->cmdline;
}

uint64_t boot_past_ram(const struct machine *machine)
{
	return past_of(machine)->ram_bytes;
}
