/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/file.h"
#include "fs/tree_dir.h"

#include <errno.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>

int dir_write(void *private, const char *path, const void *data, size_t len, struct err *err)
{
	struct stat st;
	cleanup(fd_close) int fd = dir_open_regular(private, path, O_WRONLY, &st, err);

	if (fd < 0)
		return -1;
	if (fd_pwrite_all(fd, data, len, 0) < 0 || ftruncate(fd, (off_t)len) < 0)
		return dir_open_err(err, errno, path);
	return 0;
}

/* The directory that holds the last component, and that component. */
static int open_parent(const struct dir *dir, const char *path, const char **ret_name,
		       struct err *err)
{
	const char *slash = strrchr(path, '/');
	cleanup(free) char *parent = mem_strndup(path, (size_t)(slash - path));
	int fd;

	*ret_name = slash + 1;
	if (!slash[1] || str_eq(slash + 1, ".") || str_eq(slash + 1, ".."))
		return tree_path_err(err, ERR_INTERNAL, path, "does not name an entry");
	fd = dir_open(dir, parent[0] ? parent : "/", O_PATH | O_DIRECTORY, 0);
	return fd < 0 ? dir_open_err(err, errno, path) : fd;
}

/* Owner, mode and label of what was just made, by its descriptor: its name may stand for another object
 * by now, and a link among those would lead out of the tree. The way through /proc ends at the object
 * itself, also when that is a symbolic link. */
static int dress(struct dir *dir, int fd, const char *path, const struct tree_new *new,
		 bool is_link, struct err *err)
{
	cleanup(str_done) struct str key = STR_INIT;
	char at[64];

	if (dir->has_attrs) {
		if (dir_table_path(dir, path, TREE_NOFOLLOW, &key, err) < 0)
			return -1;
		tree_table_set(&dir->table, key.s, is_link ? 0777 : new->mode, new->uid, new->gid);
		if (new->label)
			tree_table_set_label(&dir->table, key.s, new->label, new->label_len);
		return 0;
	}
	if (fchownat(fd, "", new->uid, new->gid, AT_EMPTY_PATH) < 0)
		return dir_open_err(err, errno, path);
	snprintf(at, sizeof(at), "/proc/self/fd/%d", fd);
	/* Without SELinux in this kernel the label is still stored, by a privileged caller. */
	if (new->label && setxattr(at, "security.selinux", new->label, new->label_len, 0) < 0 &&
	    errno != ENOTSUP)
		return dir_open_err(err, errno, path);
	if (!is_link && chmod(at, new->mode & 07777) < 0)
		return dir_open_err(err, errno, path);
	return 0;
}

int dir_create(void *private, const char *path, const struct tree_new *new, const void *data,
	       size_t len, struct err *err)
{
	const char *name;
	cleanup(fd_close) int parent = open_parent(private, path, &name, err);
	cleanup(fd_close) int fd = -1;

	if (parent < 0)
		return -1;
	fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return dir_open_err(err, errno, path);
	if (fd_write_all(fd, data, len) < 0) {
		int saved = errno;

		unlinkat(parent, name, 0);
		return dir_open_err(err, saved, path);
	}
	return dress(private, fd, path, new, false, err);
}

/* What was made under this name, if it is still of that type. */
static int open_made(int parent_fd, const char *name, uint32_t type, const char *path,
		     struct err *err)
{
	int fd = openat(parent_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return dir_open_err(err, errno, path);
	if (fstat(fd, &st) < 0 || (st.st_mode & S_IFMT) != type) {
		close(fd);
		return tree_path_err(err, ERR_CONFLICT, path,
				     "was replaced while it was being made");
	}
	return fd;
}

int dir_mkdir(void *private, const char *path, const struct tree_new *new, struct err *err)
{
	const char *name;
	cleanup(fd_close) int parent = open_parent(private, path, &name, err);
	cleanup(fd_close) int fd = -1;

	if (parent < 0)
		return -1;
	if (mkdirat(parent, name, 0700) < 0)
		return dir_open_err(err, errno, path);
	fd = open_made(parent, name, S_IFDIR, path, err);
	return fd < 0 ? -1 : dress(private, fd, path, new, false, err);
}

int dir_symlink(void *private, const char *path, const char *target, const struct tree_new *new,
		struct err *err)
{
	const char *name;
	cleanup(fd_close) int parent = open_parent(private, path, &name, err);
	cleanup(fd_close) int fd = -1;

	if (parent < 0)
		return -1;
	if (symlinkat(target, parent, name) < 0)
		return dir_open_err(err, errno, path);
	fd = open_made(parent, name, S_IFLNK, path, err);
	return fd < 0 ? -1 : dress(private, fd, path, new, true, err);
}

int dir_remove(void *private, const char *path, struct err *err)
{
	cleanup(str_done) struct str key = STR_INIT;
	struct dir *dir = private;
	const char *name;
	cleanup(fd_close) int parent = open_parent(dir, path, &name, err);

	if (parent < 0)
		return -1;
	if (dir->has_attrs && dir_table_path(dir, path, TREE_NOFOLLOW, &key, err) < 0)
		return -1;
	if (unlinkat(parent, name, 0) < 0 &&
	    ((errno != EISDIR && errno != EPERM) || unlinkat(parent, name, AT_REMOVEDIR) < 0))
		return dir_open_err(err, errno, path);
	if (dir->has_attrs) {
		tree_table_drop(&dir->table, key.s);
	}
	return 0;
}

/* A change of mode or owner, in the table or on the inode. */
static int change_attrs(struct dir *dir, const char *path, const uint32_t *mode,
			const uint32_t *owner, struct err *err)
{
	cleanup(fd_close) int fd = dir_open(dir, path, O_PATH | O_NOFOLLOW, 0);
	struct tree_stat st;
	char link[64];

	if (fd < 0)
		return dir_open_err(err, errno, path);
	if (dir_stat(dir, path, TREE_NOFOLLOW, &st, err) < 0)
		return -1;
	if (mode && S_ISLNK(st.mode))
		return tree_path_err(err, ERR_MALFORMED, path, "a symbolic link has no mode");
	if (dir->has_attrs) {
		cleanup(str_done) struct str key = STR_INIT;

		if (dir_table_path(dir, path, TREE_NOFOLLOW, &key, err) < 0)
			return -1;
		tree_table_set(&dir->table, key.s, mode ? *mode : st.mode,
			       owner ? owner[0] : st.uid, owner ? owner[1] : st.gid);
		return 0;
	}
	if (owner && fchownat(fd, "", owner[0], owner[1], AT_EMPTY_PATH) < 0)
		return dir_open_err(err, errno, path);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (mode && chmod(link, *mode & 07777) < 0)
		return dir_open_err(err, errno, path);
	return 0;
}

int dir_chmod(void *private, const char *path, uint32_t mode, struct err *err)
{
	return change_attrs(private, path, &mode, NULL, err);
}

int dir_chown(void *private, const char *path, uint32_t uid, uint32_t gid, struct err *err)
{
	return change_attrs(private, path, NULL, (uint32_t[]){ uid, gid }, err);
}

/* FS_IOC_SETFLAGS, ioctl_iflags(2): ext4, xfs and btrfs have it. */
int dir_chflags(void *private, const char *path, uint32_t flags, struct err *err)
{
	struct dir *dir = private;
	cleanup(fd_close) int path_fd = dir_open(dir, path, O_PATH | O_NOFOLLOW, 0);
	cleanup(fd_close) int fd = -1;
	struct tree_stat st;
	int now = 0;

	if (dir_stat(dir, path, TREE_NOFOLLOW, &st, err) < 0)
		return -1;
	if (!S_ISREG(st.mode) && !S_ISDIR(st.mode))
		return tree_path_err(err, ERR_MALFORMED, path, "is neither file nor directory");
	if (dir->has_attrs) {
		cleanup(str_done) struct str key = STR_INIT;

		if (dir_table_path(dir, path, TREE_NOFOLLOW, &key, err) < 0)
			return -1;
		tree_table_set(&dir->table, key.s, st.mode, st.uid, st.gid)->flags = flags;
		return 0;
	}
	if (path_fd < 0 || (fd = dir_reopen(path_fd, O_RDONLY | O_NONBLOCK | O_NOCTTY)) < 0 ||
	    ioctl(fd, FS_IOC_GETFLAGS, &now) < 0)
		return dir_open_err(err, errno, path);
	now &= ~(FS_IMMUTABLE_FL | FS_APPEND_FL);
	now |= (flags & TREE_IMMUTABLE ? FS_IMMUTABLE_FL : 0) |
	       (flags & TREE_APPEND ? FS_APPEND_FL : 0);
	return ioctl(fd, FS_IOC_SETFLAGS, &now) < 0 ? dir_open_err(err, errno, path) : 0;
}

int dir_flush(void *private, struct err *err)
{
	struct dir *dir = private;
	/* An O_PATH descriptor cannot be synced. */
	cleanup(fd_close) int fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || syncfs(fd) < 0)
		return err_errno(err, errno, "the tree could not be synced");
	return 0;
}
