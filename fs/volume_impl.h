/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_VOLUME_IMPL_H
#define FS_VOLUME_IMPL_H

/* Inside of struct volume: for the files that implement fs/volume.h only. */

#include "base/mem.h"
#include "fs/export.h"
#include "fs/overlay.h"
#include "fs/source.h"
#include "fs/volume.h"

struct volume_disk {
	char *path, *name;
	struct source *source;
	struct overlay *overlay;
	/* While there is a scratch, that is `overlay`, and this is what it lies on. */
	struct overlay *beneath;
	struct source *beneath_source;
};

/* A way to get from overlays to a tree. */
struct way {
	/* Finds the root the first time (sets volume->root_row), mounts and sets volume->tree. */
	int (*mount)(struct volume *, struct err *);
	/* Afterwards everything that was changed is in the overlays, and volume->tree is NULL. */
	int (*unmount)(struct volume *, struct err *);
	void (*close)(struct volume *); /* after a failed unmount as well */
};
extern const struct way way_kernel, way_ext2fs;

/* A careful check that gave up; kept when the disks are looked at again. */
struct volume_gave_up {
	char *disk, *text;
	uint32_t partition;
};

struct volume {
	char *work_dir;
	enum volume_access access;
	enum volume_way asked_way;
	VEC(struct volume_gave_up) gave_up;
	VEC(char *) mended;	       /* texts of the repairs of blocks that are in the overlays */
	VEC(struct volume_disk) parts; /* [0] is the one that was asked for */
	struct disks disks;
	size_t *disk_of_row; /* index in parts for each row of disks */
	struct tree_names warnings;
	const struct way *way; /* NULL: a mounted tree */
	void *state;	       /* the way's own */
	struct tree *tree;     /* NULL while unmounted */
	int tree_fd;	       /* a mounted tree: its directory */
	struct export *export; /* NULL while there is none */
	bool root_is_known;
	size_t root_row; /* in disks */
	uint64_t root_subvol_id;
	bool has_warned; /* about submounts; a remount does not say it again */
	/* What was changed, kept when a commit empties the overlays. */
	uint64_t committed_blocks;
	struct sha256 baseline; /* of the superblocks, when it was opened for repair */
};

/* Looks at every disk again, through its overlay. Nothing may be mounted. */
int volume_probe(struct volume *, struct tree_names *warnings, struct err *)
	__attribute__((warn_unused_result));
/* Why a file system could not be mounted; the first reason stays. */
void volume_note_mount_error(struct volume *, size_t row, const struct err *);
/* Lets go of tree, mounts, loop devices and export. The overlays stay. */
void volume_let_go(struct volume *);

/* "vol-1, partition 2" for messages; caller frees. */
char *volume_row_name(const struct volume *, size_t row);
struct overlay *volume_row_overlay(const struct volume *, size_t row);
/* Starts the export when there is none, and gives the path of a row in it (caller frees). */
/* Asks `mount_one` for each file system that the volume's own fstab mounts inside the root (the root itself may be
 * among them again). What fails is a warning, said once even when the volume is mounted again. */
struct submount;
typedef int volume_mount_func(struct volume *, const struct submount *, struct err *);
void volume_mount_inside(struct volume *, volume_mount_func *mount_one);
int volume_export(struct volume *, struct err *) __attribute__((warn_unused_result));
char *volume_export_path(const struct volume *, size_t row);

/* ERR_CONFLICT: somebody wrote to a source since its baseline was taken. */
int volume_check_baseline(struct volume *, struct err *) __attribute__((warn_unused_result));
int volume_take_baseline(struct volume *, struct err *) __attribute__((warn_unused_result));

#endif
