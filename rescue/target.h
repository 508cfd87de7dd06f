/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_TARGET_H
#define RESCUE_TARGET_H

/* The records of repairs that were made here, by target, in the state directory:
 *
 *   STATE/targets/ID/          0700; ID: the identity, escaped; a long one's SHA-256
 *     identity                 the identity itself, for a person who looks
 *     lock                     locked (flock) by the process that changes the target
 *     boot-20261122-073015.console  of a boot that was rehearsed (rescue/boot.h)
 *     20261122-073015-4f2a91/  one repair: redo, undo and patch records (fs/volume.h)
 *
 * The identity is what stays the same while a target is moved about: the serial number of a disk
 * (for EBS the volume id) and the partition's number, else the resolved path of the device, image
 * or directory. */

#include "fs/volume.h"
#include "rescue/options.h"

struct target {
	char *identity;
	char *path;    /* as it was given */
	char *state;   /* STATE */
	char *targets; /* STATE/targets */
	char *dir;     /* STATE/targets/ID; NULL until it was needed */
	int lock;      /* -1: not held */
};
#define TARGET_INIT        \
	(struct target)    \
	{                  \
		.lock = -1 \
	}

/* Nothing is made. ERR_NOTFOUND, ERR_DENIED: the target itself, named with what to do. */
int target_find(const struct options *, const char *path, struct target *ret, struct err *)
	__attribute__((warn_unused_result));
void target_done(struct target *); /* lets go of the lock */
DEFINE_CLEANUP_DONE(struct target, target_done)

/* Makes the directory and locks it. ERR_BUSY: another ec2-rescue works on the target. ERR_DENIED: it
 * may not be written (and what is done in a user namespace, where the owner of a file may write it
 * whatever its mode, must not). */
int target_lock(struct target *, struct err *) __attribute__((warn_unused_result));
/* The directory, whether it exists or not. */
const char *target_dir(struct target *) __attribute__((returns_nonnull));
/* The name of a new record, malloc'd; the surgeon makes it when it commits. */
char *target_new_record(struct target *) __attribute__((returns_nonnull));
/* The newest record in this state; NULL: there is none. Malloc'd. */
int target_record(struct target *, enum record_state, char **ret_dir, struct err *)
	__attribute__((warn_unused_result));

#endif
