/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_JBD2_LOG_H
#define FS_JBD2_LOG_H

/* Inside of fs/jbd2.h: an open journal, and the passes over its log.
 *
 * Source of the format and of what counts as the end of the log: linux Documentation/filesystems/
 * ext4/journal.rst, include/linux/jbd2.h, fs/jbd2/recovery.c. All numbers are big-endian. */

#include "fs/ext2io.h"

#include <stdbool.h>
#include <stdint.h>

#define JBD2_MAGIC 0xc03b3998u

enum block_type { DESCRIPTOR = 1, COMMIT = 2, SUPER_V1 = 3, SUPER_V2 = 4, REVOKE = 5 };
enum { COMPAT_CHECKSUM = 1 };
enum {
	INCOMPAT_REVOKE = 0x1,
	INCOMPAT_64BIT = 0x2,
	INCOMPAT_ASYNC_COMMIT = 0x4,
	INCOMPAT_CSUM_V2 = 0x8,
	INCOMPAT_CSUM_V3 = 0x10,
	INCOMPAT_FAST_COMMIT = 0x20,
	INCOMPAT_KNOWN = 0x1f,
};

struct revoke { /* a block and the last transaction that revoked it */
	uint64_t block;
	uint32_t tid;
	bool is_used;
};

struct journal {
	struct overlay *overlay;
	uint64_t offset_bytes, size_bytes;
	ext2_filsys fs;
	ext2_ino_t ino;
	uint32_t block_size, first, last, start, sequence, compat, incompat;
	uint32_t seed;	     /* of checksums v2 and v3 */
	uint32_t end;	     /* first transaction that is not complete */
	bool has_bad_block;  /* its sum is wrong; the kernel refuses such a journal */
	bool has_bad_commit; /* the log was cut there; the kernel notes an error and goes on */
	unsigned char *block, *data; /* two blocks of scratch */
	struct revoke *revokes;	     /* open addressing */
	size_t revoke_room, revoke_count;
};

static inline uint32_t be32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t be64(const unsigned char *p)
{
	return (uint64_t)be32(p) << 32 | be32(p + 4);
}

static inline void put_be32(unsigned char *p, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(value >> (24 - 8 * i));
}

static inline bool has_csum(const struct journal *journal)
{
	return journal->incompat & (INCOMPAT_CSUM_V2 | INCOMPAT_CSUM_V3);
}

/* ERR_DAMAGED with what to do; returns -1. */
int jbd2_damaged(struct err *err, const char *what);
/* A block of the log. */
int jbd2_read(struct journal *, uint32_t number, unsigned char *into, struct err *)
	__attribute__((warn_unused_result));
/* The three passes: finds the end, collects what was revoked, and writes the blocks. */
int jbd2_walk(struct journal *, struct err *) __attribute__((warn_unused_result));

#endif
