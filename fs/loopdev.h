/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_LOOPDEV_H
#define FS_LOOPDEV_H

/* A loop device over a file, for mount(2). The device goes away by itself with its last user. */

#include "base/err.h"

struct loopdev {
	char path[32]; /* "/dev/loop7" */
	int fd;	       /* keeps it attached */
};
#define LOOPDEV_INIT     \
	(struct loopdev) \
	{                \
		.fd = -1 \
	}

/* ERR_TOOL: this kernel has no loop devices (or none before 5.8 has LOOP_CONFIGURE). */
int loopdev_open(const char *file, struct loopdev *ret, struct err *)
	__attribute__((warn_unused_result));
/* After the file system on it was unmounted: waits until the file is let go of. */
void loopdev_close(struct loopdev *);

#endif
