/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_STATE_H
#define FS_STATE_H

/* Reads struct fs_state from the blocks of a file system, and struct disk_table from those of a disk.
 * Everything is hostile: what does not fit is not told. */

#include "fs/disks.h"
#include "fs/overlay.h"

/* Fills row->state. `now`: seconds since 1970, for what is due by time. */
void state_read(struct overlay *, struct disk_fs *row, int64_t now);
/* One superblock at an offset of the disk: its type (a constant) and the size that it says; NULL: none
 * that is known. For looking where no partition is. */
const char *state_superblock_at(struct overlay *, uint64_t offset_bytes, uint64_t *ret_size_bytes);
/* Where a group of devices says who belongs to it: LVM, md, btrfs. */
void state_read_group(struct overlay *, struct disk_fs *row);

#endif
