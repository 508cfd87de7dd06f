/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_BTRFS_H
#define FS_BTRFS_H

/* The subvolumes of a mounted btrfs. */

#include "base/err.h"
#include "base/mem.h"

#include <stdint.h>

#define BTRFS_TOP 5u /* id of the top level: linux BTRFS_FS_TREE_OBJECTID */

struct btrfs_subvol {
	uint64_t id;
	char *path; /* from the top level, "@/var"; "" for the top level */
};
VEC_TYPE(btrfs_subvols, struct btrfs_subvol);

/* fd: any directory of the mounted file system. Fills the top level and all subvolumes that can be
 * reached, and which one is mounted by default. Needs root. ERR_IO, ERR_MALFORMED. */
int btrfs_list(int fd, struct btrfs_subvols *ret, uint64_t *ret_default, struct err *)
	__attribute__((warn_unused_result));
void btrfs_subvols_done(struct btrfs_subvols *);
DEFINE_CLEANUP_DONE(struct btrfs_subvols, btrfs_subvols_done)
/* The kernel remembers every device on which it saw a btrfs; this makes it forget ours. */
void btrfs_forget(const char *device);

#endif
