/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_EXT2_WALK_H
#define FS_EXT2_WALK_H

/* Several ext2/3/4 file systems as one tree, and the way from a path to an inode in it. libext2fs
 * resolves links against no root of ours, so the walk is our own. */

#include "base/mem.h"
#include "fs/ext2io.h"
#include "fs/tree.h"

struct ext2_part {
	ext2_filsys fs; /* owned */
	bool has_bitmaps;
	/* Mounted on this directory; for the first part: nowhere. */
	size_t host;
	ext2_ino_t host_ino;
};
struct ext2_tree {
	VEC(struct ext2_part) parts;
};

struct ext2_spot { /* one inode of the tree */
	size_t part;
	ext2_ino_t ino;
};

/* What an error is called: the path, escaped. Returns -1. */
int ext2_path_err(struct err *err, errcode_t code, const char *path);
#define ext2_path_err(...) FAILS(ext2_path_err(__VA_ARGS__))

static inline ext2_filsys ext2_fs(const struct ext2_tree *tree, struct ext2_spot spot)
{
	return tree->parts.items[spot.part].fs;
}
int ext2_read_inode(const struct ext2_tree *, struct ext2_spot, const char *path,
		    struct ext2_inode_large *ret, struct err *) __attribute__((warn_unused_result));
/* The target of a link, appended. */
int ext2_read_link(const struct ext2_tree *, struct ext2_spot, const char *path, struct str *into,
		   struct err *) __attribute__((warn_unused_result));

int ext2_walk(const struct ext2_tree *, const char *path, enum tree_follow, struct ext2_spot *ret,
	      struct err *) __attribute__((warn_unused_result));
/* The directory that has (or would have) the last component as an entry, and that name. */
int ext2_walk_parent(const struct ext2_tree *, const char *path, struct ext2_spot *ret,
		     const char **ret_name, struct err *) __attribute__((warn_unused_result));
/* An entry of a directory. ERR_NOTFOUND. */
int ext2_lookup(const struct ext2_tree *, struct ext2_spot dir, const char *name, const char *path,
		struct ext2_spot *ret, struct err *) __attribute__((warn_unused_result));

#endif
