/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_TREE_H
#define FS_TREE_H

/* The tree of a sick system: the only way anybody looks at or changes a patient's files.
 *
 * Paths are absolute inside the tree ("/etc/fstab"). Symbolic links are resolved inside it:
 * absolute targets start at the tree's root, ".." stops there, magic links are refused, and nothing
 * can lead outside. Only regular files are read; opening never blocks. Backends: a directory held
 * by descriptor (openat2), an ext2/3/4 image through libext2fs, and a channel to another process
 * that holds one of these (so that checks run without any access of their own). */

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#define TREE_FILE_MAX (16u << 20) /* largest file that is read or written, bytes */
#define TREE_LIST_MAX 100000u	  /* most names in one directory listing */
#define TREE_PATH_MAX 4096u

struct tree_stat {
	uint32_t mode; /* type and permission bits, as st_mode */
	uint32_t uid, gid;
	uint64_t size_bytes, ino;
	uint32_t nlink;
	int64_t mtime;
	uint32_t attr_flags; /* TREE_IMMUTABLE, TREE_APPEND when the file system tells */
};
#define TREE_IMMUTABLE 1u
#define TREE_APPEND    2u

enum tree_follow { TREE_NOFOLLOW, TREE_FOLLOW }; /* about the last component only */

struct tree_names {
	char **items;
	size_t count, room;
}; /* sorted bytewise, without "." and ".." */

struct tree;

/* Every function: 0 or -1. ERR_NOTFOUND: no such name (also a dangling link, a non-directory on the
 * way). ERR_MALFORMED: not a regular file, too large, too many names, a loop of links. ERR_IO: the
 * file system is damaged there. The text names the path, escaped. */
int tree_stat(struct tree *, const char *path, enum tree_follow, struct tree_stat *ret,
	      struct err *);
/* Appends the contents. max_bytes <= TREE_FILE_MAX. */
int tree_read(struct tree *, const char *path, size_t max_bytes, struct str *into, struct err *);
/* Appends `len` bytes from `offset` on, fewer at the end of the file and none past it: for a look into
 * a file of any size. len <= TREE_FILE_MAX. */
int tree_read_at(struct tree *, const char *path, uint64_t offset, size_t len, struct str *into,
		 struct err *);
int tree_readlink(struct tree *, const char *path, struct str *into, struct err *);
int tree_list(struct tree *, const char *dir, struct tree_names *ret, struct err *);
/* Extended attribute, e.g. "security.selinux"; ERR_NOTFOUND when there is none. */
int tree_getxattr(struct tree *, const char *path, const char *name, struct str *into,
		  struct err *);
/* The path with every link in it resolved ("/var/run/x" -> "/run/x"); the last component need not
 * exist. */
int tree_resolve(struct tree *, const char *path, struct str *into, struct err *);
bool tree_exists(struct tree *, const char *path); /* follows; false also when it cannot be told */
bool tree_is_dir(struct tree *, const char *path);
/* Free space, for refusals before a write. ERR_UNSUPPORTED where a backend cannot tell. */
struct tree_space {
	uint64_t bytes, bytes_free, inodes, inodes_free;
};
int tree_space(struct tree *, struct tree_space *ret, struct err *);

/* Changes. All keep owner, mode, xattrs, ACL, label and hard links of what exists; contents are
 * written in place (crash safety is the overlay's and the undo record's business, not rename's).
 * The last component is not followed except by tree_write, which writes through a link. */
struct tree_new {
	uint32_t mode; /* permission bits */
	uint32_t uid, gid;
	const char *label; /* security.selinux value to set, NULL: none */
	size_t label_len;
};
int tree_write(struct tree *, const char *path, const void *data, size_t len, struct err *);
int tree_create(struct tree *, const char *path, const struct tree_new *, const void *data,
		size_t len, struct err *); /* ERR_CONFLICT when the name exists */
int tree_mkdir(struct tree *, const char *path, const struct tree_new *, struct err *);
int tree_symlink(struct tree *, const char *path, const char *target, const struct tree_new *,
		 struct err *);
int tree_remove(struct tree *, const char *path, struct err *); /* file, link or empty directory */
int tree_chmod(struct tree *, const char *path, uint32_t mode, struct err *);
int tree_chown(struct tree *, const char *path, uint32_t uid, uint32_t gid, struct err *);
/* TREE_IMMUTABLE and TREE_APPEND of a file or directory become these; other attributes stay. */
int tree_chflags(struct tree *, const char *path, uint32_t flags, struct err *);
int tree_sync(struct tree *, struct err *); /* everything written is durable in what is below */

void tree_names_done(struct tree_names *);
DEFINE_CLEANUP_DONE(struct tree_names, tree_names_done)
void tree_close(struct tree *);
DEFINE_CLEANUP(struct tree *, tree_close)

/* Backend: a directory. Takes over nothing: dir_fd stays the caller's and must outlive the tree.
 * ERR_TOOL where the kernel has no openat2 (before 5.6). */
int tree_open_dir(int dir_fd, struct tree **ret, struct err *);

/* For tests without privilege: modes and owners come from (and go to) a table instead of the inode.
 * Lines: "MODE UID GID PATH", the mode followed by i or a when the file is immutable or append-only;
 * unlisted: 0 0 owner, directories 0755, files 0644, links 0777. "label PATH LABEL" gives the path an
 * SELinux label; unlisted: none. */
int tree_open_dir_with_attrs(int dir_fd, const char *attrs_text, struct tree **ret, struct err *);
/* The table as text, sorted by path, without rows that equal the default. */
void tree_attrs_text(struct tree *, struct str *into);

/* A backend is this table; private is its own. See fs/tree_dir.c. */
struct tree_ops {
	int (*stat)(void *, const char *, enum tree_follow, struct tree_stat *, struct err *);
	int (*read)(void *, const char *, size_t, struct str *, struct err *);
	int (*read_at)(void *, const char *, uint64_t, size_t, struct str *, struct err *);
	int (*readlink)(void *, const char *, struct str *, struct err *);
	int (*list)(void *, const char *, struct tree_names *, struct err *);
	int (*getxattr)(void *, const char *, const char *, struct str *, struct err *);
	int (*resolve)(void *, const char *, struct str *, struct err *);
	int (*space)(void *, struct tree_space *, struct err *);
	int (*write)(void *, const char *, const void *, size_t, struct err *);
	int (*create)(void *, const char *, const struct tree_new *, const void *, size_t,
		      struct err *);
	int (*mkdir)(void *, const char *, const struct tree_new *, struct err *);
	int (*symlink)(void *, const char *, const char *, const struct tree_new *, struct err *);
	int (*remove)(void *, const char *, struct err *);
	int (*chmod)(void *, const char *, uint32_t, struct err *);
	int (*chown)(void *, const char *, uint32_t, uint32_t, struct err *);
	int (*chflags)(void *, const char *, uint32_t, struct err *);
	int (*sync)(void *, struct err *);
	void (*close)(void *);
};
/* NULL functions: changes are refused as read-only; resolve works step by step through stat and
 * readlink; space cannot be told; sync and close do nothing. list need not sort. */
struct tree *tree_new_backend(const struct tree_ops *ops, void *private);
/* The backend's own data when the tree is of this backend, else NULL. */
void *tree_private(const struct tree *, const struct tree_ops *ops);
/* err_set with the path escaped in front; for backends. Returns -1. */
int tree_path_err(struct err *, enum err_code, const char *path, const char *what);
#define tree_path_err(...) FAILS(tree_path_err(__VA_ARGS__))

#endif
