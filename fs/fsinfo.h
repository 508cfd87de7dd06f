/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_FSINFO_H
#define FS_FSINFO_H

/* The few superblock fields that libblkid does not tell. */

#include "fs/disks.h"
#include "fs/overlay.h"

/* Bytes that the file system says it occupies; 0 when it cannot be told. */
uint64_t fsinfo_size(struct overlay *, const struct disk_fs *);

#endif
