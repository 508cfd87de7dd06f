/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_SECTIONS_H
#define FS_SECTIONS_H

/* Files of "[Section]" lines with "Key=value" lines below them: systemd's units and settings, .network
 * and .link files, NetworkManager's keyfiles. Every byte is kept; edits touch whole lines of one key.
 *
 * Source: systemd.syntax(7): lines that end in a backslash are continued, comment lines in between
 * are skipped; what is no assignment is ignored with a warning. GLib's GKeyFile, for keyfiles: no
 * continuation, and one line that is neither comment, group nor assignment spoils the whole file. */

#include "fs/edit.h"

enum sections_dialect { SECTIONS_SYSTEMD, SECTIONS_KEYFILE };

struct section_item {
	enum section_kind {
		SECTION_HEAD, /* "[Name]": section is the name */
		SECTION_SET,  /* an assignment */
		SECTION_JUNK, /* anything else that is not empty and no comment */
	} kind;
	char *section;	   /* "" before the first head */
	char *key, *value; /* SECTION_SET, trimmed; continued lines are joined by a blank */
	uint32_t line, line_count;
};
struct sections {
	struct section_item *items;
	size_t count, room;
	struct str text;
	enum sections_dialect dialect;
};

/* Never fails. Copies the text. */
void sections_parse(const struct str *text, enum sections_dialect, struct sections *ret);
void sections_done(struct sections *);
DEFINE_CLEANUP_DONE(struct sections, sections_done)

/* The last assignment of the key in all sections of that name; NULL: none. Names are compared with
 * case, as both readers do. */
const struct section_item *sections_find(const struct sections *, const char *section,
					 const char *key);
/* Its value; NULL: none. */
const char *sections_get(const struct sections *, const char *section, const char *key);
bool sections_has(const struct sections *, const char *section);
/* The first line that is no assignment, head or comment; NULL: none. */
const struct section_item *sections_junk(const struct sections *);

/* systemd's words: 1 for 1, yes, y, true, t, on; 0 for their opposites; -1 for anything else. Source:
 * systemd parse_boolean(). */
int sections_boolean(const char *value);

/* Makes the key have this value: the last assignment is rewritten; without one a line is added at the
 * end of the (first) section, which is made at the end of the file if need be. */
void sections_edit_set(const struct sections *, const char *path, const char *section,
		       const char *key, const char *value, struct edits *);
/* Puts the mark of fs/lines.h before the item's lines. */
void sections_edit_comment(const struct sections *, const char *path, const struct section_item *,
			   struct edits *);

#endif
