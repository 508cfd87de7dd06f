/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_TREE_TABLE_H
#define FS_TREE_TABLE_H

/* Modes, owners, attributes and labels of a tree's files that come from a table, for tests without
 * privilege (tree_open_dir_with_attrs). Paths are without links. */

#include "fs/tree.h"

struct attr_row {
	char *path;
	uint32_t mode, uid, gid; /* permission bits */
	uint32_t flags;		 /* TREE_IMMUTABLE, TREE_APPEND */
};
struct label_row {
	char *path, *label;
};
struct tree_table {
	VEC(struct attr_row) rows;
	VEC(struct label_row) labels;
};

/* Adds the lines of the text: see tree_open_dir_with_attrs. */
int tree_table_read(struct tree_table *, const char *text, struct err *);
void tree_table_done(struct tree_table *);
struct attr_row *tree_table_find(struct tree_table *, const char *path); /* NULL: unlisted */
struct attr_row tree_table_default(uint32_t type);			 /* of what is unlisted */
struct attr_row *tree_table_set(struct tree_table *, const char *path, uint32_t mode, uint32_t uid,
				uint32_t gid);
const char *tree_table_label(struct tree_table *, const char *path); /* NULL: none */
void tree_table_set_label(struct tree_table *, const char *path, const char *label, size_t len);
void tree_table_drop(struct tree_table *, const char *path); /* all that is known of it */
void tree_table_sort(struct tree_table *);

#endif
