/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_WITNESS_H
#define FS_WITNESS_H

/* Small proofs about a source: that it is the disk which was examined, and that nobody has written
 * to its file systems since. */

#include "base/hash.h"
#include "fs/disks.h"
#include "fs/source.h"

#include <jansson.h>

enum witness_depth {
	WITNESS_SUPERBLOCKS, /* a few KiB */
	WITNESS_LOGS,	     /* and the XFS logs: its superblock is not written by a mere mount */
};
struct witness_place { /* a file system of one disk */
	char type[16];
	uint64_t offset_bytes, size_bytes;
};
VEC_TYPE(witness_places, struct witness_place);

/* Changes when a file system among these is mounted read-write, anywhere: ext2/3/4 count mounts and
 * note times in the superblock, btrfs its generation, XFS writes to its log. */
int witness_of(struct source *, const struct witness_places *, enum witness_depth,
	       struct sha256_stream *into, struct err *) __attribute__((warn_unused_result));

/* What makes this disk this disk: its size, the identifiers of its partition table and its file
 * systems, as bytes at their places. None of them changes by mounting or repairing. */
json_t *witness_identity(struct source *, const struct witness_places *, struct err *);
/* ERR_CONFLICT: another disk. ERR_MALFORMED: no such identity. */
int witness_check_identity(struct source *, const json_t *identity, struct err *)
	__attribute__((warn_unused_result));

json_t *witness_places_to_json(const struct witness_places *);
int witness_places_from_json(const json_t *, struct witness_places *ret, struct err *)
	__attribute__((warn_unused_result));

#endif
