/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_GPT_H
#define FS_GPT_H

/* The two copies of a GUID partition table, and making one from the other. Source: UEFI Specification
 * 2.10, chapter 5; what the kernel accepts: linux block/partitions/efi.c. */

#include "fs/disks.h"
#include "fs/overlay.h"

/* Appends what the disk's partition table is like. `has_table`: libblkid or the kernel would follow it. */
void gpt_read(struct overlay *, const char *disk, bool has_table, struct disk_tables *);
/* Writes what is bad from what is good: the primary from the backup, or the backup from the primary, at
 * the end of the disk; a protective MBR where there is none (the boot code stays). No entry is changed.
 * ERR_CONFLICT: there is nothing to be mended, or no good copy. */
int gpt_mend(struct overlay *, struct err *) __attribute__((warn_unused_result));

#endif
