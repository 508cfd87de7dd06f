/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_COMMIT_H
#define FS_COMMIT_H

/* What committing, recovering and undoing share. The order of a commit, each step durable before
 * the next: record.json, patch.json, undo, redo, state "committing", the blocks, state "finished".
 */

#include "fs/record.h"
#include "fs/served.h"
#include "fs/source.h"
#include "fs/witness.h"

/* The disks of a record. */
struct target {
	struct source *source;
	struct witness_places places;
	bool is_borrowed; /* the source is somebody else's */
};
struct targets {
	struct target *items;
	size_t count, room;
};
void targets_done(struct targets *);
DEFINE_CLEANUP_DONE(struct targets, targets_done)

/* Where the disks of a record are now. */
struct target_paths {
	const char *first;
	struct served *served;	 /* instead of the first path (fs/served.h); NULL: none */
	const char *const *more; /* the others may be here, or where they were */
	size_t more_count;
};
/* Opens the disks of record.json for changing and makes sure that they are those that were
 * recorded. ERR_CONFLICT: they are not. */
int targets_open(const json_t *record, const struct target_paths *, struct targets *ret,
		 struct err *) __attribute__((warn_unused_result));
json_t *targets_to_json(const struct targets *, struct err *);
int targets_witness(const struct targets *, enum witness_depth, struct sha256 *ret, struct err *)
	__attribute__((warn_unused_result));

/* Writes the blocks of one record to the targets and syncs them. */
int targets_write(const struct targets *, struct record_reader *, struct err *)
	__attribute__((warn_unused_result));
/* How far are the targets from the one record to the other? */
enum targets_are {
	TARGETS_OLD,	 /* every block as in undo (also when there are no blocks) */
	TARGETS_NEW,	 /* every block as in redo */
	TARGETS_BETWEEN, /* every sector as in one of them */
	TARGETS_FOREIGN, /* somebody else wrote there */
};
int targets_compare(const struct targets *, struct record_reader *undo, struct record_reader *redo,
		    enum targets_are *ret, struct err *) __attribute__((warn_unused_result));

/* A tree of its own: no blocks, the patch is the record. Brings every path to one side, whatever
 * half-written state it is in. ERR_CONFLICT: a path is in no state that the patch can have left. */
int tree_force(struct tree *, const struct patch *, enum record_direction, struct err *)
	__attribute__((warn_unused_result));
/* Is the path as on this side (contents, mode, owner)? */
bool tree_is_at(struct tree *, const char *path, const struct patch_side *);

#endif
