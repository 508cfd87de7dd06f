/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_TREE_DIR_H
#define FS_TREE_DIR_H

/* The inside of the tree backend over a directory descriptor, shared by its two files. Every access is
 * openat2 with RESOLVE_IN_ROOT, so that absolute links and ".." stay inside and nothing has to be
 * checked before use. `private` is the struct dir. */

#include "fs/tree_table.h"

struct dir {
	int fd;
	bool has_attrs;
	struct tree *self; /* for tree_resolve, only with attrs */
	struct tree_table table;
};

/* A descriptor of the path inside the tree; -1 with errno. */
int dir_open(const struct dir *, const char *path, int flags, uint32_t mode);
/* What an O_PATH descriptor stands for, opened: the same inode, whatever its name is by now. -1 with
 * errno. */
int dir_reopen(int path_fd, int flags);
/* A regular file, opened without ever opening a device, FIFO or socket: its descriptor. */
int dir_open_regular(const struct dir *, const char *path, int flags, struct stat *ret_st,
		     struct err *);
/* err_set for what a system call said of the path. Returns -1. */
int dir_open_err(struct err *, int errnum, const char *path);
#define dir_open_err(...) FAILS(dir_open_err(__VA_ARGS__))
/* The path as the table knows it: links before the last component resolved. */
int dir_table_path(struct dir *, const char *path, enum tree_follow, struct str *into,
		   struct err *);
int dir_stat(void *private, const char *path, enum tree_follow, struct tree_stat *ret,
	     struct err *);

/* Changing operations, in fs/tree_dir_write.c. */
int dir_write(void *private, const char *path, const void *data, size_t len, struct err *);
int dir_create(void *private, const char *path, const struct tree_new *, const void *data,
	       size_t len, struct err *);
int dir_mkdir(void *private, const char *path, const struct tree_new *, struct err *);
int dir_symlink(void *private, const char *path, const char *target, const struct tree_new *,
		struct err *);
int dir_remove(void *private, const char *path, struct err *);
int dir_chmod(void *private, const char *path, uint32_t mode, struct err *);
int dir_chown(void *private, const char *path, uint32_t uid, uint32_t gid, struct err *);
int dir_chflags(void *private, const char *path, uint32_t flags, struct err *);
int dir_flush(void *private, struct err *);

#endif
