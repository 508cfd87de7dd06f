/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_BLOCKS_H
#define CHECKS_BLOCKS_H

/* What the checks of disks and file systems share. They read facts (fs/disks.h), never blocks. */

#include "checks/check.h"

/* "vol-0abc…, partition 2" for messages, escaped. It lives as long as the machine. */
const char *blocks_where(const struct machine *, const char *disk, uint32_t partition);
const char *blocks_where_fs(const struct machine *, const struct disk_fs *);
bool blocks_is_ext(const struct disk_fs *);
const struct disk_fs *
blocks_root(const struct disks *); /* NULL: nothing could be mounted as root */
/* Is this on the disk that the system starts from? When no root is known, the first disk is. */
bool blocks_is_on_root_disk(const struct disks *, const struct disk_fs *);
/* Where the volume's own fstab mounts it at boot ("/", "/boot"); NULL: nowhere, or not known. It lives
 * as long as the machine. */
const char *blocks_target(const struct machine *, const struct disk_fs *);
/* "1.5 GiB", "300 MiB" */
const char *blocks_size(const struct machine *, uint64_t bytes);

#endif
