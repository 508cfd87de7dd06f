/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_VOLUME_H
#define FS_VOLUME_H

/* The operating table: one target from its raw blocks to a tree that can be examined and changed,
 * and back again as a commit. source -> overlay -> export -> loop -> mount -> tree; without root
 * privilege source -> overlay -> libext2fs -> tree; a mounted tree is a tree at once, with no
 * overlay.
 *
 * Nothing is written to the target before volume_commit, not even a journal replay: all that goes
 * to the overlay. The caller runs in a private mount namespace when it is root. */

#include "fs/disks.h"
#include "fs/edit.h"
#include "fs/tree.h"

struct volume;
struct served;

enum volume_access {
	VOLUME_READ,   /* examine only: a dirty log is still replayed, into the overlay */
	VOLUME_REPAIR, /* the tree may be changed (in the overlay) and committed */
};
enum volume_way {
	VOLUME_WAY_AUTO,   /* kernel when root, else libext2fs */
	VOLUME_WAY_KERNEL, /* FUSE export, loop device, mount(2): any file system the kernel knows
			    */
	VOLUME_WAY_EXT2FS, /* no privilege: ext2/3/4 */
};

struct volume_request {
	const char *path; /* block device, raw image, or directory that is the root of a system */
	struct served *served; /* instead of the path (fs/served.h); NULL: none. Read-only */
	const char *name;      /* "vol-0abc…" for messages and disk_fs.disk; NULL: the path */
	enum volume_access access;
	enum volume_way way;
	const char *work_dir; /* private directory (0700) for mount points and overlay data */
	/* Further devices or images that belong to the same system (a /var on a volume of its own).
	 */
	const char *const *more_paths;
	size_t more_count;
	bool disks_are_complete; /* path and more_paths are all the volumes the instance has */
};

/* ERR_NOTFOUND, ERR_DENIED: no such target, no permission. ERR_DAMAGED: zeros, truncated, no root
 * file system in it. ERR_UNSUPPORTED: LVM, LUKS, software RAID or a file system this way cannot
 * read (named, with what to do). ERR_BUSY: the device is mounted or in use here. Each text says
 * what to do next. */
int volume_open(const struct volume_request *, struct volume **ret, struct err *)
	__attribute__((warn_unused_result));
/* The same in two steps, for what is to be done between them: what is on the disks is known, and the
 * blocks can be mended (fs/mend.h); nothing is mounted, and volume_tree is NULL. */
int volume_open_disks(const struct volume_request *, struct volume **ret, struct err *)
	__attribute__((warn_unused_result));
/* After a failure the disks' rows say what could not be mounted (state.mount_error). */
int volume_mount(struct volume *, struct err *) __attribute__((warn_unused_result));
/* Lets go of everything (unmount, loop, export); what was not committed is gone. */
void volume_close(struct volume *);
DEFINE_CLEANUP(struct volume *, volume_close)

struct tree *volume_tree(struct volume *);
const struct disks *volume_disks(const struct volume *);
bool volume_is_tree(const struct volume *); /* a mounted tree: no overlay, no block undo */
/* Separately mounted parts found in the volume's own fstab that could not be mounted ("/boot:
 * ..."). */
const struct tree_names *volume_warnings(const struct volume *);

struct volume_figures {
	uint64_t size_bytes, source_read_bytes, changed_bytes, changed_blocks;
};
struct volume_figures volume_figures(const struct volume *);

/* After changes: syncs, unmounts, and has the changed file systems checked read-only by their own
 * program (e2fsck -fn, xfs_repair -n, btrfs check --readonly) on the overlay. The tree stays gone
 * until volume_remount. `clean` false: `report` holds the program's words. A missing program is
 * ERR_TOOL. */
int volume_fsck(struct volume *, bool *ret_clean, struct str *report, struct err *)
	__attribute__((warn_unused_result));
int volume_remount(struct volume *, struct err *) __attribute__((warn_unused_result));

/* A scratch: from now on every change of disks and files goes to a second overlay, until it is thrown
 * away and the volume is as it was, unmounted. Unmounts; volume_remount mounts the scratch. Not for a
 * mounted tree. */
int volume_scratch_begin(struct volume *, struct err *) __attribute__((warn_unused_result));
void volume_scratch_end(struct volume *);
int volume_unmount(struct volume *, struct err *) __attribute__((warn_unused_result));
/* The disks as they are shown now, in the order of path and more_paths; for nobody who writes while
 * something is mounted. */
struct overlay;
size_t volume_disk_count(const struct volume *);
struct overlay *volume_disk_overlay(const struct volume *, size_t disk);

/* Commit: redo and undo records are written to record_dir and fsynced, then the changed blocks go
 * to the source, fsync, then the finished mark. Killed anywhere in between, volume_recover finishes
 * or takes it back. The patch is recorded too, for taking edits back file by file after the
 * instance has run. ERR_CONFLICT: the source changed since it was opened; nothing was written. For
 * a mounted tree the undo record alone is written before the tree is changed (volume_tree_apply).
 */
int volume_commit(struct volume *, const char *record_dir, const struct patch *, struct err *)
	__attribute__((warn_unused_result));
int volume_tree_apply(struct volume *, const char *record_dir, const struct patch *, struct err *)
	__attribute__((warn_unused_result));

/* What a record directory says, and what is on stable storage by the time that it is said. */
enum record_state {
	RECORD_NONE,	   /* nothing was begun: the target is untouched */
	RECORD_COMMITTING, /* begun, or its undo: the target is between old and new */
	RECORD_FINISHED,
	RECORD_UNDONE,
};
int record_state(const char *record_dir, enum record_state *ret, struct err *)
	__attribute__((warn_unused_result));
enum record_direction { RECORD_FINISH, RECORD_TAKE_BACK };
/* Brings a target that is between old and new to one side. Idempotent; may itself be killed. */
int volume_recover(const struct volume_request *, const char *record_dir, enum record_direction,
		   struct err *) __attribute__((warn_unused_result));

struct undo_result {
	bool was_exact;		    /* the exact old bytes are back */
	struct tree_names put_back; /* else: the paths that were taken back file by file */
	struct tree_names changed; /* and those left alone because they are no longer as repaired */
	struct tree_names kept;	   /* repairs of blocks, which only the exact bytes take back */
};
void undo_result_done(struct undo_result *);
/* The exact old bytes while nobody has written to the target since the commit; otherwise file by
 * file (with an overlay and a commit of its own, recorded in record_dir/undo). */
int volume_undo(const struct volume_request *, const char *record_dir, struct undo_result *ret,
		struct err *) __attribute__((warn_unused_result));

#endif
