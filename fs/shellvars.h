/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_SHELLVARS_H
#define FS_SHELLVARS_H

/* Files of NAME=value lines that a shell sources: ifcfg files, /etc/sysconfig, /etc/default.
 *
 * Read the way bash reads them: quotes, backslashes, continued lines, `export`, several
 * assignments in a line, trailing comments; the last assignment of a name wins. Nothing is
 * executed: as soon as a file holds real shell code (if, source, $(...), functions), no value of it
 * is certain, and that is what is answered. Edits change the bytes of one value and no other. */

#include "fs/edit.h"

enum shellvar_kind {
	SHELLVAR_SET,	/* an assignment that lasts */
	SHELLVAR_STRAY, /* no assignment and no known command, "DEVICE = eth0": bash complains and
			   goes on */
	SHELLVAR_CODE,	/* shell code: may change anything */
	SHELLVAR_OPEN,	/* a quote that is never closed: bash drops everything from here on */
};
struct shellvar {
	enum shellvar_kind kind;
	char *name;		    /* SHELLVAR_SET; for SHELLVAR_STRAY the first word */
	char *value;		    /* SHELLVAR_SET, unquoted; NULL when it holds an expansion */
	uint32_t line, line_count;  /* whole lines that it touches, 1-based */
	size_t value_at, value_len; /* the value as written, in the file's bytes */
	bool is_alone;		    /* nothing else is on its lines, but perhaps a comment */
};
struct shellvars {
	struct shellvar *items;
	size_t count, room;
	struct str text;
	bool has_code; /* SHELLVAR_CODE or SHELLVAR_OPEN among the items */
	bool has_crlf; /* some line ends in CR LF, or the last in CR: the CR becomes part of a value in bash */
};

/* Never fails: what cannot be read as assignments is an item of another kind. Copies the text.
 * Source: bash(1), "QUOTING" and "Simple Commands". */
void shellvars_parse(const char *text, size_t len, struct shellvars *ret);
void shellvars_done(struct shellvars *);
DEFINE_CLEANUP_DONE(struct shellvars, shellvars_done)

enum shellvar_answer { SHELLVAR_UNSET, SHELLVAR_IS, SHELLVAR_UNKNOWN };
/* The value of a name after the file was sourced. SHELLVAR_IS sets *ret (borrowed); otherwise *ret
 * is "". SHELLVAR_UNKNOWN when the file holds code or the value an expansion. */
enum shellvar_answer shellvars_get(const struct shellvars *, const char *name, const char **ret);
/* The assignment that counts; NULL: there is none. */
const struct shellvar *shellvars_find(const struct shellvars *, const char *name);

/* Makes the name have this value: changes the assignment that counts, or appends a line. */
void shellvars_edit_set(const struct shellvars *, const char *path, const char *name,
			const char *value, struct edits *);
/* Takes away every assignment of the name; one with neighbours on its line is left with an empty value. Of several on
 * one line it is one at a time: drop again what was left out. */
void shellvars_edit_drop(const struct shellvars *, const char *path, const char *name,
			 struct edits *);

#endif
