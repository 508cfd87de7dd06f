/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_DISKS_H
#define FS_DISKS_H

/* What is on the disks that belong to a system: facts that checks compare configuration with. */

#include "base/err.h"
#include "base/mem.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct disk_fs {    /* one file system, swap area or other recognised content */
	char *disk; /* "vol-0abc…" or the name given for the disk; never an identity on the instance
		     */
	uint32_t partition; /* number in the partition table, 0: the whole disk */
	uint64_t offset_bytes, size_bytes;
	char *type; /* libblkid TYPE: "ext4", "xfs", "btrfs", "vfat", "swap", "LVM2_member",
		       "crypto_LUKS", ...; NULL: unrecognised */
	char *uuid, *label, *partuuid, *partlabel, *parttype; /* NULL when there is none */
	bool is_root;					      /* the tree's root comes from here */
	char *root_subvol; /* btrfs: path of the subvolume that is the root ("@"); NULL otherwise */
	bool is_damaged;   /* superblock checksum wrong, or it reaches past its device */
	char **subvols;	   /* btrfs: all subvolume paths, when known */
	size_t subvol_count;
};
struct disks {
	struct disk_fs *items;
	size_t count, room;
	bool is_complete; /* every volume the instance has is in here: then "not found" means
			     "missing" */
};

json_t *disks_to_json(const struct disks *);
int disks_from_json(const json_t *, struct disks *ret, struct err *)
	__attribute__((warn_unused_result));
void disks_done(struct disks *);
DEFINE_CLEANUP_DONE(struct disks, disks_done)

#endif
