/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A source that is a block device or a raw image of this machine. */
#include "base/file.h"
#include "base/mem.h"
#include "fs/source.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#define LOOP_TRIES    20
#define LOOP_PAUSE_US 50000

struct local {
	char *path;
	int fd;	      /* read-only, holds the lock */
	int write_fd; /* -1 until source_make_writable */
	struct stat st;
	bool was_written;
};

static int local_pread(void *private, void *data, size_t len, uint64_t offset, struct err *err)
{
	struct local *local = private;

	if (fd_pread_all(local->fd, data, len, offset) < 0)
		return err_errno(err, errno, "reading %zu bytes at %llu", len,
				 (unsigned long long)offset);
	return 0;
}

static int local_pwrite(void *private, const void *data, size_t len, uint64_t offset,
			struct err *err)
{
	struct local *local = private;

	local->was_written = true;
	if (fd_pwrite_all(local->write_fd, data, len, offset) < 0)
		return err_errno(err, errno, "writing %zu bytes at %llu", len,
				 (unsigned long long)offset);
	return 0;
}

static int local_flush(void *private, struct err *err)
{
	struct local *local = private;

	if (fsync(local->write_fd) < 0)
		return err_errno(err, errno, "syncing");
	return 0;
}

static int local_make_writable(void *private, struct err *err)
{
	struct local *local = private;
	struct stat st;

	if (local->write_fd >= 0)
		return 0;
	local->write_fd = open(local->path, O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (local->write_fd < 0)
		return err_errno(err, errno, "%s could not be opened for writing", local->path);
	if (fstat(local->write_fd, &st) < 0)
		return err_errno(err, errno, "%s", local->path);
	if (st.st_dev != local->st.st_dev || st.st_ino != local->st.st_ino ||
	    st.st_rdev != local->st.st_rdev)
		return err_set(err, ERR_CONFLICT,
			       "%s is another file or device now; nothing was written",
			       local->path);
	return 0;
}

/* An image file has a time of last change; a block device has not, and is held by O_EXCL. */
static int local_unchanged(void *private, struct err *err)
{
	struct local *local = private;
	struct stat st;

	if (fstat(local->fd, &st) < 0)
		return err_errno(err, errno, "%s", local->path);
	if (S_ISREG(st.st_mode) && !local->was_written &&
	    (st.st_size != local->st.st_size || st.st_mtim.tv_sec != local->st.st_mtim.tv_sec ||
	     st.st_mtim.tv_nsec != local->st.st_mtim.tv_nsec))
		return err_set(err, ERR_CONFLICT,
			       "%s was written by somebody else while it was examined; nothing was "
			       "written, examine it again",
			       local->path);
	return 0;
}

static int local_descriptor(void *private)
{
	return ((struct local *)private)->fd;
}

static void local_close(void *private)
{
	struct local *local = private;

	fd_close(local->write_fd);
	fd_close(local->fd);
	free(local->path);
	free(local);
}

static const struct source_ops local_ops = {
	.pread = local_pread,
	.pwrite = local_pwrite,
	.flush = local_flush,
	.make_writable = local_make_writable,
	.unchanged = local_unchanged,
	.descriptor = local_descriptor,
	.close = local_close,
};

/* Is a loop device of this machine backed by this file? By device and inode when the loop device
 * may be opened, else by the path that sysfs shows. */
static bool loop_backed_by(const char *loop, const struct stat *st)
{
	cleanup(free) char *device = mem_printf("/dev/%s", loop);
	cleanup(free) char *attribute = mem_printf("/sys/block/%s/loop/backing_file", loop);
	cleanup(fd_close) int fd = open(device, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	cleanup(str_done) struct str backing = STR_INIT;
	struct loop_info64 info;
	struct err ignored;
	struct stat backing_st;

	if (fd >= 0 && !ioctl(fd, LOOP_GET_STATUS64, &info))
		return info.lo_inode == st->st_ino && info.lo_device == st->st_dev;
	if (file_read(attribute, 8192, &backing, &ignored) < 0)
		return false;
	if (backing.len && backing.s[backing.len - 1] == '\n')
		backing.s[backing.len - 1] = '\0';
	return !stat(backing.s, &backing_st) && backing_st.st_dev == st->st_dev &&
	       backing_st.st_ino == st->st_ino;
}

/* The name of a loop device over this file, into ret; false: there is none. */
static bool find_loop(const struct stat *st, char ret[NAME_MAX + 1])
{
	DIR *dir = opendir("/sys/block");
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		cleanup(free) char *attribute = NULL;

		if (!str_starts(entry->d_name, "loop"))
			continue;
		attribute = mem_printf("/sys/block/%s/loop", entry->d_name);
		found = !access(attribute, F_OK) && loop_backed_by(entry->d_name, st);
		if (found)
			snprintf(ret, NAME_MAX + 1, "%s", entry->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

static int refuse_looped(const char *name, const struct stat *st, struct err *err)
{
	char loop[NAME_MAX + 1];

	/* A loop device goes away a moment after the unmount that ended it. */
	for (int i = 0; find_loop(st, loop); i++) {
		if (i == LOOP_TRIES)
			return err_set(err, ERR_BUSY,
				       "%s is in use: /dev/%s is backed by it; unmount it and run "
				       "`losetup -d /dev/%s`, then try again",
				       name, loop, loop);
		usleep(LOOP_PAUSE_US);
	}
	return 0;
}

static int hold_image(struct local *local, const char *name, enum source_use use, struct err *err)
{
	if (refuse_looped(name, &local->st, err) < 0)
		return -1;
	if (flock(local->fd, (use == SOURCE_CHANGE ? LOCK_EX : LOCK_SH) | LOCK_NB) < 0)
		return err_set(err, ERR_BUSY,
			       "%s is being %s by another run of this program; wait for that one "
			       "to end, then try again",
			       name, use == SOURCE_CHANGE ? "worked on" : "repaired");
	return 0;
}

static int open_error(const char *path, const char *name, int errnum, struct err *err)
{
	switch (errnum) {
	case ENOENT:
	case ENOTDIR:
		return err_set(err, ERR_NOTFOUND, "%s: there is no such file or device (%s)", name,
			       path);
	case EACCES:
	case EPERM:
		return err_set(err, ERR_DENIED,
			       "%s: this user may not read it; run as root or as its owner", name);
	case EBUSY:
		return err_set(err, ERR_BUSY,
			       "%s is mounted or in use on this machine; unmount it (findmnt -S %s "
			       "shows where) and try again",
			       name, path);
	case ENXIO:
	case ENOMEDIUM:
		return err_set(err, ERR_DAMAGED, "%s: nothing is behind this device", name);
	default:
		return err_errno(err, errnum, "%s", name);
	}
}

/* O_EXCL on a block device: the kernel refuses it while a file system, swap or another exclusive
 * user holds the device or one of its partitions, and keeps them away while we hold it. */
static int open_device(struct local *local, uint64_t *ret_size, const char *name, struct err *err)
{
	int fd = open(local->path, O_RDONLY | O_EXCL | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return open_error(local->path, name, errno, err);
	close(local->fd);
	local->fd = fd;
	if (fstat(fd, &local->st) < 0 || ioctl(fd, BLKGETSIZE64, ret_size) < 0)
		return err_errno(err, errno, "%s", name);
	return 0;
}

int source_open(const char *path, const char *name, enum source_use use, struct source **ret,
		struct err *err)
{
	struct local *local = mem_alloc(sizeof(*local));
	uint64_t size = 0;
	int result = -1;

	name = name ? name : path;
	local->path = mem_strdup(path);
	local->write_fd = -1;
	local->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (local->fd < 0)
		open_error(path, name, errno, err);
	else if (fstat(local->fd, &local->st) < 0)
		err_errno(err, errno, "%s", name);
	else if (S_ISBLK(local->st.st_mode))
		result = open_device(local, &size, name, err);
	else if (S_ISREG(local->st.st_mode))
		result = hold_image(local, name, use, err);
	else
		err_set(err, ERR_UNSUPPORTED,
			"%s is neither a block device nor a raw image nor a directory", name);
	if (!result && S_ISREG(local->st.st_mode))
		size = (uint64_t)local->st.st_size;
	if (!result && !size)
		result = err_set(err, ERR_DAMAGED, "%s is empty (0 bytes); give a raw disk image",
				 name);
	if (result < 0)
		local_close(local);
	else
		*ret = source_new(&local_ops, local, name, size);
	return result;
}
