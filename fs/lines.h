/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_LINES_H
#define FS_LINES_H

/* Files of lines, counted from 1. A last line without its newline counts. */

#include "fs/edit.h"

uint32_t lines_count(const char *text, size_t len);
/* Appends the bytes of lines [line, line + count) with their line ends. */
void lines_copy(const char *text, size_t len, uint32_t line, uint32_t count, struct str *into);
/* Where the line begins; text->len past the last one. */
size_t lines_offset(const struct str *text, uint32_t line);
/* The text without the CRs at the ends of its lines, the last one's too. */
void lines_drop_crs(const struct str *text, struct str *into);

/* Edits of some lines of a file that holds `text` now. */

/* Puts "#ec2-rescue# " before each line: for every format in which a # in the first column begins a
 * comment. Undo by hand is taking the mark away. */
#define LINES_MARK "#ec2-rescue# "
void lines_edit_comment(struct edits *, const char *path, const struct str *text, uint32_t line,
			uint32_t count);
void lines_edit_replace(struct edits *, const char *path, const struct str *text, uint32_t line,
			uint32_t count, const char *new);
/* New lines (with their line ends) before the line; line = last + 1 appends, and gives a last line
 * its missing newline. */
void lines_edit_insert(struct edits *, const char *path, const struct str *text, uint32_t line,
		       const char *new);
/* The one run of lines in which `new` differs from `text`, as an edit. */
void lines_edit_text(struct edits *, const char *path, const struct str *text,
		     const struct str *new);

#endif
