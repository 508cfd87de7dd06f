/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_FSTAB_H
#define FS_FSTAB_H

/* /etc/fstab as the two programs that read it at boot see it, with every byte kept.
 *
 * libmount (mount(8)) and getmntent(3) (systemd-fstab-generator, systemd-remount-fs) split a line
 * in the same fields but do not agree on which lines count: libmount ignores a line with fewer than
 * three fields or a fifth or sixth field that is no number, getmntent takes what is there. An entry
 * here is any line that one of them takes, and says whether libmount takes it.
 *
 * Source: fstab(5); libmount tab_parse.c, optstr.c and mangle.c (2.38); getmntent(3). */

#include "base/str.h"

#include <stdint.h>

enum fstab_field { FSTAB_SPEC, FSTAB_FILE, FSTAB_TYPE, FSTAB_OPTS, FSTAB_FREQ, FSTAB_PASSNO };
#define FSTAB_FIELDS	  6
#define FSTAB_ENTRIES_MAX 1024u

struct fstab_entry {
	uint32_t line;	 /* 1-based */
	const char *raw; /* the line with its line end; points into the text that was parsed */
	size_t raw_len;
	struct fstab_span {
		uint32_t at, len;
	} span[FSTAB_FIELDS];	   /* where in raw; len 0: there is no such field */
	char *field[FSTAB_FIELDS]; /* octal escapes decoded; "" where there is none */
	int freq, passno;	   /* 0 when absent or no number, as both readers have it */
	const char *rejected;	   /* why libmount ignores the line; NULL: it takes it. Static. */
};

struct fstab {
	struct fstab_entry *items;
	size_t count, room;
	uint32_t line_count;
	size_t crlf_count;    /* lines that end in CR LF */
	bool has_nul;	      /* at least one NUL byte */
	bool ends_in_newline; /* false also for an empty text */
	bool is_cut;	      /* more than FSTAB_ENTRIES_MAX entries: the rest was not looked at */
};

/* Parses a text, which stays the caller's and must outlive the result. Never fails. */
void fstab_parse(const struct str *text, struct fstab *ret);
void fstab_done(struct fstab *);
DEFINE_CLEANUP_DONE(struct fstab, fstab_done)

/* One option of the fourth field, as libmount splits it: commas inside double quotes or behind a
 * backslash do not split, empty ones do not count. */
struct fstab_option {
	const char *name, *value; /* not terminated; value NULL: no "=" */
	size_t name_len, value_len;
};
/* The next option at *at (start with the field's text); false at the end. */
bool fstab_option_next(const char **at, struct fstab_option *ret);
static inline bool fstab_option_is(const struct fstab_option *o, const char *name)
{
	return strlen(name) == o->name_len && !memcmp(name, o->name, o->name_len);
}
/* The last option of that name in an option text; false when there is none. `ret` may be NULL. */
bool fstab_option_find(const char *opts, const char *name, struct fstab_option *ret);
/* The later of two opposite options decides: `no`, `yes` or neither (false), as in systemd. */
bool fstab_option_yes_no(const char *opts, const char *yes, const char *no);

/* New lines. Each appends the entry's whole line, line end included, with only the meant bytes
 * changed. Texts that are put in are plain; blanks and backslashes in them are escaped. */
void fstab_line_set(const struct fstab_entry *, enum fstab_field, const char *text,
		    struct str *into);
/* Adds options behind those that are there ("nofail,x-systemd.device-timeout=10s"), before them where they end
 * in an open quote or a backslash, or in place of nothing. An entry without a type gets "auto". */
void fstab_line_add_options(const struct fstab_entry *, const char *options, struct str *into);
/* Leaves out the options for which `drop` is true, with one comma each; when none remains the
 * field becomes "defaults". */
typedef bool (*fstab_drop)(const struct fstab_option *, void *arg);
void fstab_line_drop_options(const struct fstab_entry *, fstab_drop drop, void *arg,
			     struct str *into);
/* The line behind a "#", under a comment that says who did it and why. `reason` is one line of
 * our own text. */
void fstab_line_comment_out(const struct fstab_entry *, const char *reason, struct str *into);
#define FSTAB_MARK "# ec2-rescue: "
/* Appends text as it has to stand in a field: blank, tab, newline, backslash as octal. */
void fstab_add_encoded(struct str *into, const char *text);

#endif
