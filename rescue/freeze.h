/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_FREEZE_H
#define RESCUE_FREEZE_H

/* Mounted file systems that hold still for a moment: synced, then frozen (FIFREEZE), so that snapshots of their
 * volumes need no log replay and hold everything that any writer was told is safe. Whoever writes meanwhile waits.
 *
 * A freeze belongs to no process, so it would outlast a death of this one; and a file system whose device hangs lets
 * nobody out of the system call. So two processes of their own do it: the freezer syncs, freezes and thaws; the
 * guard thaws when the limit is over, when the freezer dies and when this process does. Either is enough, and
 * neither writes to a file or needs memory while something is frozen. This process never waits longer than the
 * limits.
 * Source: ioctl_fs(2) FIFREEZE, FITHAW; xfs_freeze(8). */

#include "base/err.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct frozen {
	char *path, *type; /* mount point, file system */
	dev_t dev;	   /* of its device: the same at all its mount points */
	int fd;
};
VEC_TYPE(freeze_list, struct frozen);
void freeze_list_done(struct freeze_list *);
DEFINE_CLEANUP_DONE(struct freeze_list, freeze_list_done)

/* Every mounted file system that is writable and on a block device, each once, in the order of their mounting.
 * on_volume (NULL: all) says whether it is wanted, by the numbers of its device. */
int freeze_find(bool (*on_volume)(void *arg, unsigned major, unsigned minor), void *arg,
		struct freeze_list *ret, struct err *err) __attribute__((warn_unused_result));
/* The file system that is mounted there, or that this path is on. ERR_NOTFOUND. */
int freeze_add(struct freeze_list *, const char *path, struct err *err)
	__attribute__((warn_unused_result));

struct freeze_limits {
	uint32_t sync_ms; /* before anybody has to wait */
	uint32_t hold_ms; /* from the first freeze on */
};
struct freeze;
/* Syncs all, then freezes all, those first that were mounted last; those that have no freeze (vfat) are synced only.
 * ERR_DENIED: that takes root. ERR_BUSY: another program has one of them frozen. ERR_TIMEOUT. After a failure
 * nothing stays frozen. */
int freeze_begin(const struct freeze_list *, const struct freeze_limits *, struct freeze **ret,
		 struct err *err) __attribute__((warn_unused_result));
/* Thaws, in any case. ret_ms: for how long writers had to wait. ERR_TIMEOUT: the limit was over before, so what was
 * done meanwhile did not all find the file systems frozen. */
int freeze_end(struct freeze *, double *ret_ms, struct err *err)
	__attribute__((warn_unused_result));

#endif
