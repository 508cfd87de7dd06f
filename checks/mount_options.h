/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_MOUNT_OPTIONS_H
#define CHECKS_MOUNT_OPTIONS_H

/* Which mount options mount(8) or the kernel's file systems take.
 *
 * The tables hold what any kernel from 3.10 to 6.18 takes, so an option that is in none is refused
 * by all of them. Source: mount(8); libmount optmap.c; the kernel's Documentation/filesystems and
 * Documentation/admin-guide (ext4, xfs with its list of removed options, btrfs, vfat, tmpfs). */

#include "fs/fstab.h"

#include <stdint.h>

enum option_verdict {
	OPTION_TAKEN,
	OPTION_REFUSED,	 /* by every kernel: the mount fails */
	OPTION_REMOVED,	 /* by kernels from a certain version on */
	OPTION_UNJUDGED, /* nothing is known of the file system's options */
};

/* ret_version: for OPTION_REMOVED, the first kernel without it, major << 16 | minor. */
enum option_verdict mount_option_judge(const char *fs_type, const struct fstab_option *,
				       uint32_t *ret_version);

/* For tests: the rows of a type's table ("discard[=]", "data=journal|ordered|writeback"); NULL at
 * the end, or for a type without a table. */
const char *const *mount_option_table(const char *fs_type);

#endif
