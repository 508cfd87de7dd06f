/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/tree_dir.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

int dir_open(const struct dir *dir, const char *path, int flags, uint32_t mode)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
		.mode = mode,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	const char *inside = path + strspn(path, "/");
	int fd;

	/* openat2(2): EAGAIN when a rename or mount anywhere on the machine happened while ".." was
	 * being resolved, so that staying inside could not be proven; asking again is the remedy.
	 */
	for (unsigned tries = 0; tries < 1000; tries++) {
		fd = (int)syscall(SYS_openat2, dir->fd, *inside ? inside : ".", &how, sizeof(how));
		if (fd >= 0 || errno != EAGAIN)
			break;
	}
	return fd;
}

int(dir_open_err)(struct err *err, int errnum, const char *path)
{
	switch (errnum) {
	case ENOENT:
	case ENOTDIR:
		return tree_path_err(err, ERR_NOTFOUND, path, "no such file on the volume");
	case ELOOP:
		return tree_path_err(err, ERR_MALFORMED, path,
				     "the symbolic links go round in a circle");
	case ENAMETOOLONG:
		return tree_path_err(err, ERR_MALFORMED, path, "the name is too long");
	case ENOSYS:
		return err_set(err, ERR_TOOL,
			       "this kernel has no openat2; Linux 5.6 or newer is needed");
	case EACCES:
	case EPERM:
		return tree_path_err(err, ERR_DENIED, path, strerror(errnum));
	case EEXIST:
		return tree_path_err(err, ERR_CONFLICT, path, "exists already");
	default:
		return tree_path_err(err, ERR_IO, path, strerror(errnum));
	}
}

int dir_reopen(int path_fd, int flags)
{
	char link[64];
	int fd;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", path_fd);
	fd = open(link, flags | O_CLOEXEC | O_NOATIME);
	if (fd < 0 && errno == EPERM)
		fd = open(link, flags | O_CLOEXEC); /* O_NOATIME is for owners only */
	return fd;
}

int dir_open_regular(const struct dir *dir, const char *path, int flags, struct stat *ret_st,
		     struct err *err)
{
	cleanup(fd_close) int path_fd = dir_open(dir, path, O_PATH, 0);
	int fd;

	if (path_fd < 0)
		return dir_open_err(err, errno, path);
	if (fstat(path_fd, ret_st) < 0)
		return dir_open_err(err, errno, path);
	if (!S_ISREG(ret_st->st_mode))
		return tree_path_err(err, ERR_MALFORMED, path, "is not a regular file");
	fd = dir_reopen(path_fd, flags | O_NONBLOCK | O_NOCTTY);
	return fd < 0 ? dir_open_err(err, errno, path) : fd;
}

int dir_table_path(struct dir *dir, const char *path, enum tree_follow follow, struct str *into,
		   struct err *err)
{
	const char *slash = strrchr(path, '/');
	cleanup(free) char *parent = NULL;

	if (follow == TREE_FOLLOW || !slash[1])
		return tree_resolve(dir->self, path, into, err);
	parent = mem_strndup(path, (size_t)(slash - path));
	if (tree_resolve(dir->self, parent[0] ? parent : "/", into, err) < 0)
		return -1;
	if (into->s[into->len - 1] != '/')
		str_add_char(into, '/');
	str_add(into, slash + 1);
	return 0;
}

int dir_stat(void *private, const char *path, enum tree_follow follow, struct tree_stat *ret,
	     struct err *err)
{
	struct dir *dir = private;
	cleanup(fd_close) int fd =
		dir_open(dir, path, O_PATH | (follow == TREE_FOLLOW ? 0 : O_NOFOLLOW), 0);
	struct statx sx;

	if (fd < 0)
		return dir_open_err(err, errno, path);
	if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &sx) < 0)
		return dir_open_err(err, errno, path);
	*ret = (struct tree_stat){
		.mode = sx.stx_mode,
		.uid = sx.stx_uid,
		.gid = sx.stx_gid,
		.size_bytes = sx.stx_size,
		.ino = sx.stx_ino,
		.nlink = sx.stx_nlink,
		.mtime = sx.stx_mtime.tv_sec,
		.attr_flags = (sx.stx_attributes & STATX_ATTR_IMMUTABLE ? TREE_IMMUTABLE : 0) |
			      (sx.stx_attributes & STATX_ATTR_APPEND ? TREE_APPEND : 0),
	};
	if (dir->has_attrs) {
		cleanup(str_done) struct str key = STR_INIT;
		struct attr_row plain = tree_table_default(ret->mode), *row;

		/* A link in the last component is looked up under its own name: resolving asks
		 * here. */
		if (S_ISLNK(ret->mode)) {
			row = tree_table_find(&dir->table, path);
		} else {
			if (dir_table_path(dir, path, follow, &key, err) < 0)
				return -1;
			row = tree_table_find(&dir->table, key.s);
		}
		row = row ? row : &plain;
		ret->mode = (ret->mode & S_IFMT) | row->mode;
		ret->uid = row->uid;
		ret->gid = row->gid;
		ret->attr_flags = row->flags;
	}
	return 0;
}

static int dir_read(void *private, const char *path, size_t max_bytes, struct str *into,
		    struct err *err)
{
	struct stat st;
	cleanup(fd_close) int fd = dir_open_regular(private, path, O_RDONLY, &st, err);
	size_t before = into->len;
	char buf[16384];

	if (fd < 0)
		return -1;
	if ((uint64_t)st.st_size > max_bytes)
		return tree_path_err(err, ERR_MALFORMED, path,
				     "is too large to be what it should be");
	for (;;) {
		ssize_t got = read(fd, buf, sizeof(buf));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return dir_open_err(err, errno, path);
		if (!got)
			return 0;
		if (into->len - before + (size_t)got > max_bytes)
			return tree_path_err(err, ERR_MALFORMED, path, "grows while it is read");
		str_add_bytes(into, buf, (size_t)got);
	}
}

static int dir_read_at(void *private, const char *path, uint64_t offset, size_t len,
		       struct str *into, struct err *err)
{
	struct stat st;
	cleanup(fd_close) int fd = dir_open_regular(private, path, O_RDONLY, &st, err);
	char buf[16384];

	if (fd < 0)
		return -1;
	while (len) {
		size_t part = len < sizeof(buf) ? len : sizeof(buf);
		ssize_t got = pread(fd, buf, part, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return dir_open_err(err, errno, path);
		if (!got)
			return 0;
		str_add_bytes(into, buf, (size_t)got);
		offset += (size_t)got;
		len -= (size_t)got;
	}
	return 0;
}

static int dir_readlink(void *private, const char *path, struct str *into, struct err *err)
{
	cleanup(fd_close) int fd = dir_open(private, path, O_PATH | O_NOFOLLOW, 0);
	char buf[TREE_PATH_MAX];
	ssize_t got;

	if (fd < 0)
		return dir_open_err(err, errno, path);
	got = readlinkat(fd, "", buf, sizeof(buf));
	if (got < 0)
		return tree_path_err(err, ERR_MALFORMED, path, "is not a symbolic link");
	str_add_bytes(into, buf, (size_t)got);
	return 0;
}

static int dir_list(void *private, const char *path, struct tree_names *ret, struct err *err)
{
	int fd = dir_open(private, path, O_RDONLY | O_DIRECTORY | O_NOATIME, 0);
	struct dirent *entry;
	DIR *stream;
	int rc = 0;

	if (fd < 0 && errno == EPERM)
		fd = dir_open(private, path, O_RDONLY | O_DIRECTORY, 0);
	stream = fd < 0 ? NULL : fdopendir(fd);
	if (!stream) {
		dir_open_err(err, errno, path);
		fd_close(fd);
		return -1;
	}
	while (errno = 0, !rc && (entry = readdir(stream))) {
		if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
			continue;
		if (ret->count == TREE_LIST_MAX)
			rc = tree_path_err(err, ERR_MALFORMED, path, "has too many entries");
		else
			vec_push(ret, mem_strdup(entry->d_name));
	}
	if (!rc && errno)
		rc = dir_open_err(err, errno, path);
	closedir(stream);
	return rc;
}

static int label_from_table(struct dir *dir, const char *path, const char *name, struct str *into,
			    struct err *err)
{
	cleanup(str_done) struct str key = STR_INIT;
	const char *label;

	if (dir_table_path(dir, path, TREE_FOLLOW, &key, err) < 0)
		return -1;
	label = str_eq(name, "security.selinux") ? tree_table_label(&dir->table, key.s) : NULL;
	if (!label)
		return tree_path_err(err, ERR_NOTFOUND, path, "has no such attribute");
	str_add(into, label);
	return 0;
}

static int dir_getxattr(void *private, const char *path, const char *name, struct str *into,
			struct err *err)
{
	struct dir *dir = private;
	cleanup(fd_close) int fd = dir_open(private, path, O_PATH, 0);
	char link[64], value[65536];
	ssize_t got;

	if (fd < 0)
		return dir_open_err(err, errno, path);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (dir->has_attrs)
		return label_from_table(dir, path, name, into, err);
	got = getxattr(link, name, value, sizeof(value));
	if (got < 0 && (errno == ENODATA || errno == ENOTSUP))
		return tree_path_err(err, ERR_NOTFOUND, path, "has no such attribute");
	if (got < 0)
		return dir_open_err(err, errno, path);
	str_add_bytes(into, value, (size_t)got);
	return 0;
}

static int dir_space(void *private, struct tree_space *ret, struct err *err)
{
	struct dir *dir = private;
	struct statfs sf;

	if (fstatfs(dir->fd, &sf) < 0)
		return err_errno(err, errno, "the free space cannot be told");
	*ret = (struct tree_space){
		.bytes = (uint64_t)sf.f_blocks * (uint64_t)sf.f_bsize,
		.bytes_free = (uint64_t)sf.f_bfree * (uint64_t)sf.f_bsize,
		.inodes = sf.f_files,
		.inodes_free = sf.f_ffree,
	};
	return 0;
}

static void dir_close(void *private)
{
	struct dir *dir = private;

	tree_table_done(&dir->table);
	free(dir);
}

static const struct tree_ops dir_ops = {
	.stat = dir_stat,
	.read = dir_read,
	.read_at = dir_read_at,
	.readlink = dir_readlink,
	.list = dir_list,
	.getxattr = dir_getxattr,
	.space = dir_space,
	.write = dir_write,
	.create = dir_create,
	.mkdir = dir_mkdir,
	.symlink = dir_symlink,
	.remove = dir_remove,
	.chmod = dir_chmod,
	.chown = dir_chown,
	.chflags = dir_chflags,
	.sync = dir_flush,
	.close = dir_close,
};

int tree_open_dir(int dir_fd, struct tree **ret, struct err *err)
{
	struct dir probe = { .fd = dir_fd };
	cleanup(fd_close) int fd = dir_open(&probe, "/", O_PATH | O_DIRECTORY, 0);
	struct dir *dir;

	if (fd < 0)
		return dir_open_err(err, errno, "/");
	dir = mem_alloc(sizeof(*dir));
	dir->fd = dir_fd;
	*ret = dir->self = tree_new_backend(&dir_ops, dir);
	return 0;
}

int tree_open_dir_with_attrs(int dir_fd, const char *attrs_text, struct tree **ret, struct err *err)
{
	cleanup(tree_close) struct tree *tree = NULL;
	struct dir *dir;

	if (tree_open_dir(dir_fd, &tree, err) < 0)
		return -1;
	dir = tree_private(tree, &dir_ops);
	dir->has_attrs = true;
	if (tree_table_read(&dir->table, attrs_text, err) < 0)
		return -1;
	*ret = TAKE(tree);
	return 0;
}

void tree_attrs_text(struct tree *tree, struct str *into)
{
	struct dir *dir = tree_private(tree, &dir_ops);

	if (!dir)
		return;
	tree_table_sort(&dir->table);
	vec_foreach (row, &dir->table.rows) {
		struct err ignored = ERR_INIT;
		struct tree_stat st;
		struct attr_row plain;

		if (dir_stat(dir, row->path, TREE_NOFOLLOW, &st, &ignored) < 0)
			continue;
		plain = tree_table_default(st.mode);
		if (row->mode != plain.mode || row->uid || row->gid || row->flags)
			str_addf(into, "%04o%s%s %u %u %s\n", row->mode,
				 row->flags & TREE_IMMUTABLE ? "i" : "",
				 row->flags & TREE_APPEND ? "a" : "", row->uid, row->gid,
				 row->path);
	}
	vec_foreach (row, &dir->table.labels)
		str_addf(into, "label %s %s\n", row->path, row->label);
}
