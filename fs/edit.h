/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_EDIT_H
#define FS_EDIT_H

/* Edits are data. A check makes them; only this file applies them, shows them and takes them back.
 * Several findings may edit the same file: line edits name lines of the file as it was examined and
 * are merged; two edits of the same lines conflict, the later one is left for the next examination.
 */

#include "base/hash.h"
#include "fs/tree.h"

#include <jansson.h>

enum edit_kind {
	EDIT_LINES,   /* replace `count` lines starting at `line` (1-based) whose bytes are `old` by
			 `new`;   count 0 inserts before `line` (line = last + 1 appends) */
	EDIT_CREATE,  /* a new file with `new` (missing parents are made 0755 root) */
	EDIT_REPLACE, /* the whole contents: must be `old`, becomes `new` */
	EDIT_REMOVE,  /* a file or symbolic link */
	EDIT_MKDIR,   /* with missing parents */
	EDIT_SYMLINK, /* `new` is the target; replaces an existing link or file only if `old` is set
		       */
	EDIT_MODE,    /* permission bits and owner: from old_mode/uid/gid to mode/uid/gid */
	EDIT_BLOCKS, /* a repair below the files, from the list below. No part of a patch: it is done
			 on the overlay before the tree is mounted (fs/mend.h) */
	EDIT_FLAGS,  /* TREE_IMMUTABLE and TREE_APPEND: from old_flags to flags */
};

/* Whoever examines says which repair, never which bytes: those are worked out, from what is on the
 * disk, by the one who holds it. */
enum block_repair {
	MEND_E2FSCK_CAREFUL,	  /* e2fsck -p: only what loses nothing */
	MEND_E2FSCK_COPY_CAREFUL, /* the same, beginning with a copy of the superblock */
	MEND_E2FSCK,		  /* e2fsck -y: what cannot be kept goes */
	MEND_E2FSCK_COPY,
	MEND_XFS_REPAIR, /* never with -L */
	MEND_FAT,	 /* fsck.vfat -a */
	MEND_NO_PERIODIC_CHECK,
	MEND_GPT, /* the bad copy of a GPT from the good one, the backup at the end of the disk */
};
/* "e2fsck -p", ... */
const char *block_repair_name(enum block_repair);

struct edit {
	enum edit_kind kind;
	char *path;
	uint32_t line, count; /* EDIT_LINES */
	struct str old, new;  /* bytes; lines with their line ends */
	uint32_t mode, uid, gid;
	uint32_t old_mode, old_uid, old_gid; /* EDIT_MODE */
	char *disk; /* EDIT_BLOCKS, as in struct disk_fs; path is NULL then */
	uint32_t partition;
	enum block_repair repair;
	uint32_t flags, old_flags; /* EDIT_FLAGS */
	char *like; /* created things take the SELinux label of this path; NULL: of their directory
		     */
};
VEC_TYPE(edits, struct edit);

/* Constructors append to `edits` and copy what they are given. Line text includes its line end. */
void edit_lines(struct edits *, const char *path, uint32_t line, uint32_t count, const char *old,
		const char *new);
/* For lines as they are on a volume: a crash leaves NULs even in text. */
void edit_line_bytes(struct edits *, const char *path, uint32_t line, uint32_t count,
		     const struct str *old, const struct str *new);
void edit_create(struct edits *, const char *path, const struct tree_new *, const char *text,
		 size_t len);
void edit_replace(struct edits *, const char *path, const struct str *old, const struct str *new);
void edit_remove(struct edits *, const char *path);
void edit_mkdir(struct edits *, const char *path, const struct tree_new *);
void edit_symlink(struct edits *, const char *path, const char *target);
void edit_mode(struct edits *, const char *path, const struct tree_stat *now, uint32_t mode,
	       uint32_t uid, uint32_t gid);
void edit_blocks(struct edits *, const char *disk, uint32_t partition, enum block_repair);
/* "e2fsck -p on vol-0abc…, partition 1", for people. */
void edit_blocks_text(const struct edit *, struct str *into);
void edit_flags(struct edits *, const char *path, const struct tree_stat *now, uint32_t flags);
void edits_done(struct edits *);
DEFINE_CLEANUP_DONE(struct edits, edits_done)
/* Appends copies of all of `from`. */
void edits_add_all(struct edits *, const struct edits *from);

/* Bytes as base64; NULL for a path that is not UTF-8 (such a file cannot be edited). */
json_t *edit_to_json(const struct edit *);
/* ERR_MALFORMED on anything that is not exactly what edit_to_json makes, including a path that is
 * relative, has "..", or is too long: this crosses from the unprivileged examiner. */
int edit_from_json(const json_t *, struct edit *ret, struct err *);

/* What applying would do, per path: the state before and after. A patch is computed from edits by
 * reading the tree, applied, recorded as the undo record, and reverted. */
struct patch_side {
	bool exists;
	bool is_bare; /* the bytes are not part of it: mode, owner or flags of a (large) file change */
	uint32_t mode, uid, gid; /* mode with type bits */
	uint32_t flags;		 /* TREE_IMMUTABLE, TREE_APPEND */
	struct str bytes;	 /* contents of a file, target of a link */
	struct str label;	 /* security.selinux; empty: none */
};
struct patch_item {
	char *path;
	struct patch_side before, after;
};
struct patch {
	struct patch_item *items;
	size_t count, room;
	size_t left_out; /* edits that conflicted with an earlier one */
};
/* ERR_CONFLICT when the tree is not as an edit expects (other bytes, name exists). */
int patch_make(struct tree *, const struct edits *, struct patch *ret, struct err *);
int patch_apply(struct tree *, const struct patch *, struct err *);
/* Takes the patch back where a path is still as the patch left it; paths that are not are appended
 * to `changed` and left alone. Directories it made are removed only when empty. */
int patch_revert(struct tree *, const struct patch *, struct tree_names *changed, struct err *);
/* Unified diff with 3 lines of context (contents), one "mode 0777 -> 0755" line (modes, owners) and
 * so on. Bytes are escaped for a terminal. */
void patch_diff(const struct patch *, struct str *into);
/* Makes `to` the patch that does what `to` and then `next` do: each path from its first state to its
 * last. What ends as it began is dropped. */
void patch_compose(struct patch *to, const struct patch *next);
void patch_item_diff(const struct patch_item *, struct str *into);
json_t *patch_to_json(const struct patch *);
int patch_from_json(const json_t *, struct patch *ret, struct err *);
void patch_done(struct patch *);
DEFINE_CLEANUP_DONE(struct patch, patch_done)

/* Pieces of the JSON form, for whoever sends such things across the same border. */
json_t *bytes_to_json(const struct str *bytes);
int bytes_from_json(const json_t *value, const char *what, struct str *ret, struct err *err);
int u32_from_json(const json_t *object, const char *key, uint32_t *ret, struct err *err);
int path_from_json(const json_t *value, char **ret, struct err *err);
/* Absolute, not too long, without empty names, "." and "..": only such a path comes through JSON. */
bool path_is_plain(const char *path);
/* A name of the kernel's: a string where it is text, else an object with its bytes. */
json_t *name_to_json(const char *name);
int name_from_json(const json_t *value, struct str *ret, struct err *err);

#endif
