/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/loopdev.h"
#include "base/str.h"

#include <errno.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define LOOP_MAJOR    7u
#define TRIES	      64
#define READ_AHEAD_KB "16" /* examinations read small files here and there */

/* Containers may have the driver but not the nodes. */
static int open_node(int number, char path[32])
{
	int fd;

	snprintf(path, 32, "/dev/loop%d", number);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT &&
	    !mknod(path, S_IFBLK | 0600, makedev(LOOP_MAJOR, (unsigned)number)))
		fd = open(path, O_RDWR | O_CLOEXEC);
	return fd;
}

static void set_read_ahead(const char *device)
{
	cleanup(free) char *path =
		mem_printf("/sys/block/%s/queue/read_ahead_kb", strrchr(device, '/') + 1);
	cleanup(fd_close) int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		(void)!write(fd, READ_AHEAD_KB, sizeof(READ_AHEAD_KB) - 1);
}

int loopdev_open(const char *file, struct loopdev *ret, struct err *err)
{
	cleanup(fd_close) int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	cleanup(fd_close) int backing = open(file, O_RDWR | O_CLOEXEC);
	struct loop_config config = { .fd = (uint32_t)backing,
				      .info = { .lo_flags = LO_FLAGS_AUTOCLEAR } };

	if (backing < 0)
		return err_errno(err, errno, "%s", file);
	if (control < 0)
		return err_set(err, ERR_TOOL,
			       "no loop devices here (/dev/loop-control: %s): load the kernel "
			       "module (modprobe loop), or give this container the device",
			       strerror(errno));
	snprintf((char *)config.info.lo_file_name, sizeof(config.info.lo_file_name), "ec2-rescue");
	for (int i = 0; i < TRIES; i++) {
		int number = ioctl(control, LOOP_CTL_GET_FREE);
		int fd = number < 0 ? -1 : open_node(number, ret->path);

		if (fd < 0)
			return err_set(err, ERR_TOOL, "no free loop device can be had (%s)",
				       strerror(errno));
		if (!ioctl(fd, LOOP_CONFIGURE, &config)) {
			ret->fd = fd;
			set_read_ahead(ret->path);
			return 0;
		}
		if (errno != EBUSY) { /* EBUSY: somebody else was faster */
			int saved = errno;

			close(fd);
			return err_set(err, ERR_TOOL,
				       "%s could not be set up (%s); Linux 5.8 or later is needed",
				       ret->path, strerror(saved));
		}
		close(fd);
	}
	return err_set(err, ERR_BUSY, "every free loop device was taken by others; try again");
}

void loopdev_close(struct loopdev *loop)
{
	struct loop_info64 info;
	cleanup(fd_close) int fd = -1;

	if (loop->fd < 0)
		return;
	fsync(loop->fd);
	ioctl(loop->fd, LOOP_CLR_FD);
	close(loop->fd);
	loop->fd = -1;
	/* Letting go of the file may be done by a kernel worker. */
	fd = open(loop->path, O_RDONLY | O_CLOEXEC);
	for (int i = 0; fd >= 0 && i < 400 && !ioctl(fd, LOOP_GET_STATUS64, &info); i++) {
		if (!str_eq((const char *)info.lo_file_name, "ec2-rescue"))
			break;
		usleep(1000);
	}
}
