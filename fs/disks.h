/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_DISKS_H
#define FS_DISKS_H

/* What is on the disks that belong to a system: facts that checks compare configuration with. */

#include "base/err.h"
#include "base/mem.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* What a file system says of itself, and what was seen when it was tried. Read by fs/state.c, judged by
 * checks as data. Zero, false or NULL: not told. */
struct fs_state {
	uint64_t size_bytes; /* that it says it occupies */
	bool is_counted;     /* the four counts below are known */
	uint64_t bytes_free, inodes, inodes_free;
	bool has_errors;   /* ext: the kernel met damage and noted it */
	bool is_unclean;   /* FAT: it was not unmounted, or the kernel met damage */
	bool is_check_due; /* ext: its count of mounts or the time since the last check is over */
	char *on_error;	   /* ext: "continue", "remount-ro", "panic" */
	/* The superblock cannot be used and a copy of it can: what it is, and where (ext). */
	char *lost_type, *lost_uuid, *lost_label;
	uint64_t copy_block;
	uint32_t block_bytes;
	char *mount_error; /* why it could not be mounted here */
	char *check_error; /* last words of a careful file system check that gave up */
	/* A member of a group of devices (btrfs, md, LVM): the group's name and identity, how many
	 * members it says it has, how many it cannot do without, and which one this is. */
	char *group, *group_name, *member;
	uint32_t members, members_needed;
	char **other_members; /* LVM: identities of all physical volumes of the group */
	size_t other_member_count;
};

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
	struct fs_state state;
};

/* The partition table of a disk. */
struct lost_fs { /* a superblock where no partition is */
	uint64_t offset_bytes, size_bytes;
	char *type;
};
struct disk_table {
	char *disk;
	uint64_t size_bytes;
	char *kind; /* "gpt", "dos"; NULL: none */
	/* GPT: each copy is a header with its entries. */
	bool is_primary_bad, is_backup_bad, is_backup_misplaced, lacks_protective_mbr;
	bool lacks_boot_code;	  /* nothing but zeros where a BIOS looks for a program */
	VEC(struct lost_fs) lost; /* where there is no table */
};
VEC_TYPE(disk_tables, struct disk_table);

struct disks {
	struct disk_fs *items;
	size_t count, room;
	bool is_complete; /* every volume the instance has is in here: then "not found" means
			     "missing" */
	struct disk_tables tables; /* one a disk, where it was looked at */
};

json_t *disks_to_json(const struct disks *);
int disks_from_json(const json_t *, struct disks *ret, struct err *)
	__attribute__((warn_unused_result));
void disks_done(struct disks *);
void fs_state_done(struct fs_state *); /* and all zero */
void disk_table_done(struct disk_table *);
DEFINE_CLEANUP_DONE(struct disks, disks_done)

#endif
