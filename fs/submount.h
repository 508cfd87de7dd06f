/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_SUBMOUNT_H
#define FS_SUBMOUNT_H

/* Which other file systems belong inside the root: read from the volume's own fstab. */

#include "fs/disks.h"
#include "fs/tree.h"

struct submount {
	char *target;	    /* "/boot" */
	size_t row;	    /* in disks */
	char *subvol;	    /* btrfs: its subvol= option without a leading slash; NULL: none */
	uint64_t subvol_id; /* btrfs: its subvolid= option; 0: none */
};
VEC_TYPE(submounts, struct submount);

/* The lines for places that an examination looks at (/boot, /usr, /var, ...), outer ones first.
 * UUIDs, labels and device names are looked up in `disks` and nowhere else; what is not there, and
 * an fstab that cannot be read, is a sentence in `warnings`. */
void submounts_find(struct tree *, const struct disks *, struct submounts *ret,
		    struct tree_names *warnings);
/* The subvol= or subvolid= of the fstab line for "/", as above; NULL and 0 when there is none. */
void submounts_root_subvol(struct tree *, char **ret_subvol, uint64_t *ret_id);
void submounts_done(struct submounts *);
DEFINE_CLEANUP_DONE(struct submounts, submounts_done)

#endif
