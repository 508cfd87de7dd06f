/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fs/fstab.c beside libmount, over real fstabs and mutations of them: the same lines taken, with
 * the same fields; the same lines refused. */
#include "base/file.h"
#include "base/proc.h"
#include "fs/fstab.h"

#include <dirent.h>
#include <libmount.h>
#include <stdio.h>
#include <sys/mman.h>

#define MUTATIONS 400

static unsigned tests_run, tests_failed;

static void result(bool ok, const char *name)
{
	tests_run++;
	tests_failed += !ok;
	printf("%sok %u - %s\n", ok ? "" : "not ", tests_run, name);
}

/* Mutations have to be the same in every run: xorshift64*. */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 2685821657736338717u;
}

/* The lines that libmount refuses, one bit each. */
struct refused {
	bool line[1u << 16];
};
static struct refused refused_lines;

static int on_error(struct libmnt_table *tb, const char *name, int line)
{
	size_t at = line > 0 ? (size_t)line : 0;

	(void)tb;
	(void)name;
	if (at && at < ARRAY_LEN(refused_lines.line))
		refused_lines.line[at] = true;
	return 1;
}

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

static bool same_options(const char *ours, const char *theirs)
{
	struct fstab_option option;
	char *name, *value;
	size_t name_len, value_len;

	/* An open quote swallows the rest in libmount; a comma behind a backslash splits in 2.38
	 * but not in systemd nor in libmount from 2.39. */
	if (strchr(ours, '"') || strstr(ours, "\\,"))
		return str_eq(ours, theirs);
	while (fstab_option_next(&ours, &option)) {
		if (mnt_optstr_next_option((char **)&theirs, &name, &name_len, &value,
					   &value_len) != 0)
			return false;
		if (option.name_len != name_len || memcmp(option.name, name, name_len) ||
		    (option.value && value &&
		     (option.value_len != value_len || memcmp(option.value, value, value_len))))
			return false;
	}
	return mnt_optstr_next_option((char **)&theirs, &name, &name_len, &value, &value_len) != 0;
}

static bool same_entry(const struct fstab_entry *ours, struct libmnt_fs *fs)
{
	const char *source = mnt_fs_get_source(fs);
	const char *options = mnt_fs_get_options(fs);

	return str_eq(ours->field[FSTAB_SPEC], source ? source : "none") &&
	       str_eq(ours->field[FSTAB_FILE], or_empty(mnt_fs_get_target(fs))) &&
	       str_eq(ours->field[FSTAB_TYPE], or_empty(mnt_fs_get_fstype(fs))) &&
	       same_options(ours->field[FSTAB_OPTS], or_empty(options)) &&
	       ours->freq == mnt_fs_get_freq(fs) && ours->passno == mnt_fs_get_passno(fs);
}

/* One text, both parsers. Says what differs. */
static bool agree(const struct str *text, struct str *why)
{
	cleanup(fstab_done) struct fstab fstab;
	struct libmnt_table *tb = mnt_new_table();
	struct libmnt_iter *it = mnt_new_iter(MNT_ITER_FORWARD);
	cleanup(fd_close) int fd = memfd_create("fstab", MFD_CLOEXEC);
	cleanup(free) char *path = mem_printf("/proc/self/fd/%d", fd);
	struct libmnt_fs *fs = NULL;
	bool ok = fd >= 0 && !fd_write_all(fd, text->s, text->len);

	memset(&refused_lines, 0, sizeof(refused_lines));
	fstab_parse(text, &fstab);
	mnt_table_set_parser_errcb(tb, on_error);
	ok = ok && !mnt_table_parse_fstab(tb, path);
	if (!ok)
		str_add(why, "libmount did not read it; ");
	for (size_t i = 0; ok && i < fstab.count; i++) {
		const struct fstab_entry *entry = &fstab.items[i];

		if (refused_lines.line[entry->line] != (entry->rejected != NULL)) {
			str_addf(why, "line %u: libmount %s it, we say: %s: ", entry->line,
				 refused_lines.line[entry->line] ? "refuses" : "takes",
				 or_empty(entry->rejected));
			str_add_escaped(why, entry->raw, entry->raw_len);
			ok = false;
		} else if (!entry->rejected &&
			   (mnt_table_next_fs(tb, it, &fs) || !same_entry(entry, fs))) {
			str_addf(why, "line %u differs: ", entry->line);
			str_add_escaped(why, entry->raw, entry->raw_len);
			str_addf(why, " libmount: %s|%s|%s|%s|%d|%d; ",
				 or_empty(mnt_fs_get_source(fs)), or_empty(mnt_fs_get_target(fs)),
				 or_empty(mnt_fs_get_fstype(fs)), or_empty(mnt_fs_get_options(fs)),
				 mnt_fs_get_freq(fs), mnt_fs_get_passno(fs));
			ok = false;
		}
	}
	if (ok && !mnt_table_next_fs(tb, it, &fs)) {
		str_add(why, "libmount has more entries; ");
		ok = false;
	}
	mnt_free_iter(it);
	mnt_unref_table(tb);
	return ok;
}

/* A few changes of the kinds people and crashes make. */
static void mutate(const struct str *text, uint64_t *random, struct str *into)
{
	static const char *const inserts[] = { " ",	"\t",	 "\r", "\n",   "\r\n", "\\040",
					       "\\04",	"#",	 ",",  ",,",   "\"",   "=",
					       "0",	"x",	 "\\", " 0 0", " 1x",  "none",
					       "UUID=", "\\134", "\v" };
	size_t changes = 1 + next_random(random) % 4;

	str_clear(into);
	str_add_bytes(into, text->s, text->len);
	while (changes--) {
		size_t at = into->len ? next_random(random) % into->len : 0;
		size_t cut = next_random(random) % 3 ? 0 : next_random(random) % 12;
		const char *what = inserts[next_random(random) % ARRAY_LEN(inserts)];
		cleanup(str_done) struct str next = STR_INIT;

		if (cut > into->len - at)
			cut = into->len - at;
		str_add_bytes(&next, into->s, at);
		if (next_random(random) % 8)
			str_add(&next, what);
		else
			str_add_bytes(&next, "\0", next_random(random) % 2);
		str_add_bytes(&next, into->s + at + cut, into->len - at - cut);
		str_clear(into);
		str_add_bytes(into, next.s, next.len);
	}
}

static void beside_libmount(const char *path, const char *name)
{
	cleanup(str_done) struct str text = STR_INIT, mutant = STR_INIT, why = STR_INIT;
	struct err err = ERR_INIT;
	uint64_t random = 88172645463325252u;
	bool ok = !file_read(path, 1u << 20, &text, &err) && agree(&text, &why);

	for (unsigned i = 0; ok && i < MUTATIONS; i++) {
		mutate(&text, &random, &mutant);
		ok = agree(&mutant, &why);
		if (!ok)
			str_addf(&why, "mutation %u", i);
	}
	result(ok, name);
	if (!ok)
		printf("#   %s\n", why.s);
}

int main(void)
{
	const char *corpus = getenv("CORPUS") ? getenv("CORPUS") : "../shared/corpus";
	cleanup(free) char *dir = mem_printf("%s/fstab", corpus);
	struct dirent **list = NULL;
	int n = scandir(dir, &list, NULL, alphasort);

	if (n < 0) {
		printf("1..1\nok 1 - fstabs beside libmount # SKIP no corpus at %s\n", dir);
		return 0;
	}
	for (int i = 0; i < n; i++) {
		cleanup(free) char *path = mem_printf("%s/%s", dir, list[i]->d_name);

		if (list[i]->d_name[0] != '.')
			beside_libmount(path, list[i]->d_name);
		free(list[i]);
	}
	free(list);
	printf("1..%u\n", tests_run);
	return tests_failed > 0;
}
