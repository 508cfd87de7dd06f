/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_PROBE_H
#define FS_PROBE_H

/* What is on a disk: partition table and superblocks, told by libblkid. */

#include "fs/disks.h"
#include "fs/overlay.h"
#include "fs/tree.h"

/* Appends what is on the disk to `disks`, in the order of the table, and to `warnings` one sentence
 * for each partition that is not followed because it reaches past the disk or overlaps another
 * (its row has no type and is_damaged).
 * ERR_DAMAGED: all zeros, or the table says that the disk goes on where the image ends (truncated).
 * ERR_UNSUPPORTED: another image format than raw (named). A disk on which nothing is recognised is
 * one row without a type. */
int probe_disk(struct overlay *, const char *name, struct disks *disks, struct tree_names *warnings,
	       struct err *) __attribute__((warn_unused_result));

/* Why no root file system was found among these rows: what is there that cannot be followed (LVM,
 * LUKS, RAID, ZFS, Windows; ERR_UNSUPPORTED with what to do), else `failed`, the trouble with a
 * file system that could not be opened, else ERR_DAMAGED. Always -1. */
int probe_explain(const struct disks *, const char *name, const struct err *failed, struct err *);

/* ERR_DAMAGED: the file system is longer than its partition or disk. */
int probe_check_size(struct overlay *, const struct disk_fs *, struct err *)
	__attribute__((warn_unused_result));

/* ext2/3/4, xfs, btrfs: may hold a Linux root. */
bool probe_is_linux_fs(const struct disk_fs *);

#endif
