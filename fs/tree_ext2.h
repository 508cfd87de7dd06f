/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_TREE_EXT2_H
#define FS_TREE_EXT2_H

/* The tree backend over libext2fs: ext2/3/4 without any privilege. */

#include "fs/ext2_walk.h"

/* The parts stay the caller's and must outlive the tree; they may be added to later. */
struct tree *tree_open_ext2(struct ext2_tree *);
/* Puts a further file system on a directory. Takes fs over on success. */
int ext2_tree_mount(struct ext2_tree *, const char *dir, ext2_filsys fs, struct err *)
	__attribute__((warn_unused_result));

/* Changing operations, in fs/tree_ext2_write.c; `private` is the struct ext2_tree. */
int ext2_write(void *private, const char *path, const void *data, size_t len, struct err *);
int ext2_create(void *private, const char *path, const struct tree_new *, const void *data,
		size_t len, struct err *);
int ext2_mkdir(void *private, const char *path, const struct tree_new *, struct err *);
int ext2_symlink(void *private, const char *path, const char *target, const struct tree_new *,
		 struct err *);
int ext2_remove(void *private, const char *path, struct err *);
int ext2_chmod(void *private, const char *path, uint32_t mode, struct err *);
int ext2_chown(void *private, const char *path, uint32_t uid, uint32_t gid, struct err *);
int ext2_chflags(void *private, const char *path, uint32_t flags, struct err *);
/* What they share. Reads the bitmaps the first time; ERR_UNSUPPORTED: not to be changed this way.
 */
int ext2_make_ready(struct ext2_tree *, struct ext2_spot, const char *path, struct err *)
	__attribute__((warn_unused_result));
void ext2_set_owner(struct ext2_inode_large *, uint32_t uid, uint32_t gid);
bool ext2_is_dot(const struct ext2_dir_entry *); /* "." or ".." */
int ext2_sync(void *private, struct err *);

#endif
