/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_RECORD_H
#define FS_RECORD_H

/* What a commit leaves behind in its directory, so that it can be finished or taken back by whoever
 * comes later. Everything is on stable storage before the next thing is begun.
 *
 *   record.json   what was changed: {"version": 1, "kind": "blocks" or "tree", "disks": [...]}
 *   patch.json    the change in terms of files, for taking it back after others wrote
 *   blocks.undo,  the blocks before and after (kind "blocks"), in the same order and pieces
 *   blocks.redo
 *   state         {"version": 1, "state": "committing" | "finished" | "undone", "witness": "hex"};
 *                 absent: nothing was begun
 *   undo/         the record of an undo that had to go file by file. While `state` is "finished" it is
 *                 this record that says where the target is: its "committing" is between old and
 *                 new, its "finished" is undone
 *
 * The block files, all numbers little-endian:
 *   16 bytes      "EC2RESCUE-BLOCKS"
 *   u32 u32       version 1; kind 1 = undo, 2 = redo
 *   pieces, each  u32 disk (index in record.json); u32 length, 1..1 MiB; u64 offset in bytes;
 *                 SHA-256 of these 16 bytes and the data; data
 *   end           u32 0xffffffff; u32 0; u64 number of pieces;
 *                 SHA-256 of everything before it */

#include "base/hash.h"
#include "base/mem.h"
#include "fs/volume.h"

#include <jansson.h>
#include <stdio.h>

#define RECORD_PIECE_MAX (1u << 20)
#define RECORD_UNDO_DIR	 "undo"

/* For tests that die at every single step: called before each write, sync and change of state, with
 * a word for what comes. Non-zero stops there with ERR_INTERRUPTED. NULL: none, as in life. */
struct record_hook {
	int (*before)(void *arg, const char *what);
	void *arg;
	size_t max_write_bytes; /* writes to a target are cut into such pieces; 0: not */
};
void record_set_hook(const struct record_hook *);
int record_step(const char *what, struct err *) __attribute__((warn_unused_result));
size_t record_max_write(void); /* bytes */

enum record_kind { RECORD_UNDO_BLOCKS = 1, RECORD_REDO_BLOCKS = 2 };
struct record_piece {
	uint32_t disk, len;
	uint64_t offset_bytes;
	const void *data;
};

struct record_writer;
int record_create(const char *dir, enum record_kind, struct record_writer **ret, struct err *)
	__attribute__((warn_unused_result));
int record_add(struct record_writer *, const struct record_piece *, struct err *)
	__attribute__((warn_unused_result));
/* Complete and durable, or an error. Frees the writer in both cases. */
int record_finish(struct record_writer *, struct err *) __attribute__((warn_unused_result));
void record_abandon(struct record_writer *);
DEFINE_CLEANUP(struct record_writer *, record_abandon)

struct record_reader;
/* Reads the whole file once and believes it only if every sum holds. ERR_MALFORMED. */
int record_open(const char *dir, enum record_kind, struct record_reader **ret, struct err *)
	__attribute__((warn_unused_result));
/* The next piece; data is valid until the next call. ret->len 0: the end. */
int record_next(struct record_reader *, struct record_piece *ret, struct err *)
	__attribute__((warn_unused_result));
void record_rewind(struct record_reader *);
void record_close(struct record_reader *);
DEFINE_CLEANUP(struct record_reader *, record_close)

/* JSON documents of the directory. */
int record_save(const char *dir, const char *name, const json_t *, struct err *)
	__attribute__((warn_unused_result));
int record_load(const char *dir, const char *name, json_t **ret, struct err *)
	__attribute__((warn_unused_result));
static inline void json_decref_cleanup(json_t **json)
{
	json_decref(*json);
}
/* witness: NULL leaves it out. */
int record_set_state(const char *dir, enum record_state, const struct sha256 *witness, struct err *)
	__attribute__((warn_unused_result));
/* What `state` says, without the record of an undo: for those who work on both. What is said is
 * durable by then; a run that was killed may have left it in memory only. */
int record_own_state(const char *dir, enum record_state *ret, struct err *err)
	__attribute__((warn_unused_result));
int record_witness(const char *dir, struct sha256 *ret, struct err *)
	__attribute__((warn_unused_result));

#endif
