/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/file.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

int file_read(const char *path, size_t max_bytes, struct str *into, struct err *err)
{
	cleanup(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	size_t before = into->len;
	char buf[16384];

	if (fd < 0)
		return err_errno(err, errno, "%s", path);
	for (;;) {
		ssize_t got = read(fd, buf, sizeof(buf));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_errno(err, errno, "%s", path);
		if (!got)
			return 0;
		if (into->len - before + (size_t)got > max_bytes)
			return err_set(err, ERR_MALFORMED, "%s: longer than %zu bytes", path,
				       max_bytes);
		str_add_bytes(into, buf, (size_t)got);
	}
}

int dir_sync(const char *path, struct err *err)
{
	cleanup(fd_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return err_errno(err, errno, "%s: could not be synced", path);
	return 0;
}

static char *parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return mem_strdup(".");
	return slash == path ? mem_strdup("/") : mem_strndup(path, (size_t)(slash - path));
}

int file_replace(const char *path, const void *data, size_t len, mode_t mode, struct err *err)
{
	cleanup(free) char *parent = parent_of(path);
	cleanup(free) char *temp = mem_printf("%s.new.%ld", path, (long)getpid());
	cleanup(fd_close) int fd =
		open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);

	if (fd < 0)
		return err_errno(err, errno, "%s", temp);
	if (fd_write_all(fd, data, len) < 0 || fsync(fd) < 0 || rename(temp, path) < 0) {
		int saved = errno;

		unlink(temp);
		return err_errno(err, saved, "%s could not be written", path);
	}
	return dir_sync(parent, err);
}

/* Like one of those that dir_make makes. */
static bool may_be_made_here(const struct stat *st)
{
	return st->st_uid == geteuid() && (st->st_mode & 07777) == 0700;
}

/* A directory that is there may have been made by a run that was killed before it synced the name. */
int dir_make(const char *path, struct err *err)
{
	cleanup(free) char *parent = parent_of(path);
	struct stat st;
	bool is_there = !stat(path, &st);

	if (is_there && !S_ISDIR(st.st_mode))
		return err_set(err, ERR_IO, "%s is not a directory", path);
	if (is_there && (!may_be_made_here(&st) || str_eq(parent, path) || access(parent, R_OK)))
		return 0;
	if (!is_there && errno != ENOENT)
		return err_errno(err, errno, "%s", path);
	if (dir_make(parent, err) < 0)
		return -1;
	if (!is_there && mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_errno(err, errno, "%s could not be made", path);
	return dir_sync(parent, err);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	(void)!remove(path);
	return 0;
}

void dir_remove_all(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

int fd_pread_all(int fd, void *data, size_t len, uint64_t offset_bytes)
{
	char *p = data;

	while (len) {
		ssize_t got = pread(fd, p, len, (off_t)offset_bytes);

		if (got < 0 && errno == EINTR)
			continue;
		if (got == 0)
			errno = EIO;
		if (got <= 0)
			return -1;
		p += got;
		len -= (size_t)got;
		offset_bytes += (uint64_t)got;
	}
	return 0;
}

int fd_pwrite_all(int fd, const void *data, size_t len, uint64_t offset_bytes)
{
	const char *p = data;

	while (len) {
		ssize_t put = pwrite(fd, p, len, (off_t)offset_bytes);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -1;
		p += put;
		len -= (size_t)put;
		offset_bytes += (uint64_t)put;
	}
	return 0;
}

int fd_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t put = write(fd, p, len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -1;
		p += put;
		len -= (size_t)put;
	}
	return 0;
}
