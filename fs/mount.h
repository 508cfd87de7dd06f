/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_MOUNT_H
#define FS_MOUNT_H

/* mount(2) for a patient's file systems: never with its set-uid bits, devices or programs, never
 * with its own choice of what happens on an error (a superblock may ask for a kernel panic). */

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* A mount namespace of this process's own: nothing mounted in it is seen outside, and it ends with
 * the process and its children. The surgeon calls it once, before volume_open and before it has
 * threads. Without root it comes with a user namespace, in which the overlay can be exported for
 * e2fsck without a set-uid helper; where that is not allowed (ERR_DENIED) the program still works,
 * through fusermount3. */
int mount_private_namespace(struct err *) __attribute__((warn_unused_result));
/* May this process mount at all, in the namespace that it is in? */
bool mount_is_allowed(void);

enum mount_mode { MOUNT_READ, MOUNT_WRITE };
struct mount_spec {
	const char *device;
	const char *type; /* libblkid's name */
	const char *target;
	const char *name; /* what messages call it */
	enum mount_mode mode;
	uint64_t subvolume; /* btrfs: id; 0: the default one */
};
/* ERR_UNSUPPORTED: the kernel has no such file system. ERR_BUSY: btrfs with the same UUID is
 * mounted here. ERR_DAMAGED: the file system cannot be mounted. */
int mount_attach(const struct mount_spec *, struct err *) __attribute__((warn_unused_result));
/* Waits for short-lived users. ERR_BUSY: somebody keeps it. */
int mount_detach(const char *target, struct err *) __attribute__((warn_unused_result));
/* Takes it out of the namespace whoever uses it. */
void mount_detach_lazily(const char *target);

#endif
