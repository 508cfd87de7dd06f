/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_TREE_PIPE_NAMES_H
#define FS_TREE_PIPE_NAMES_H

/* What cannot be in a directory, told from the names that are in it.
 *
 * A file system may take one name for another: FAT on the EFI partition and ext4 directories with
 * +F do not mind the case, FAT has a second, short name ("EFI~1") and drops dots and blanks at the
 * end. So a name is thought missing only when no rule of that kind could lead to one that is there;
 * in doubt it may be held. */

#include "fs/tree.h"

struct name_set;
/* By path, as it was asked for; all zero: none is known. */
struct name_sets {
	struct name_set *buckets[64];
};

/* NULL: not known. The set belongs to the sets, and lives as long. */
const struct name_set *name_sets_find(const struct name_sets *sets, const char *dir, size_t len);
/* names NULL: they cannot be told, so anything may be there. */
const struct name_set *name_sets_add(struct name_sets *sets, const char *dir, size_t len,
				     const struct tree_names *names)
	__attribute__((returns_nonnull));
void name_sets_done(struct name_sets *sets);

bool name_set_may_hold(const struct name_set *set, const char *name, size_t len);
/* Absolute, without "//", ".", ".." or a slash at the end: each component is a name in the directory
 * before it, and the last one is meant itself. */
bool name_path_is_plain(const char *path);

#endif
