/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/jbd2_log.h"
#include "base/mem.h"

#include <stdio.h>

#define HEADER_BYTES 12u
#define REVOKES_MAX  (1u << 22) /* blocks; a journal of 1 GiB full of them has more */

enum { TAG_ESCAPED = 1, TAG_SAME_UUID = 2, TAG_LAST = 8 };

int jbd2_damaged(struct err *err, const char *what)
{
	return err_set(err, ERR_DAMAGED,
		       "the ext journal is damaged (%s); run e2fsck on a copy of the volume first",
		       what);
}

int jbd2_read(struct journal *journal, uint32_t number, unsigned char *into, struct err *err)
{
	blk64_t physical = 0;
	errcode_t code =
		ext2fs_bmap2(journal->fs, journal->ino, NULL, NULL, 0, number, NULL, &physical);

	if (!code && (!physical || physical >= ext2fs_blocks_count(journal->fs->super)))
		return jbd2_damaged(err, "its file has holes");
	if (!code)
		code = io_channel_read_blk64(journal->fs->io, physical, 1, into);
	return code ? ext2io_err(err, code, "reading the journal") : 0;
}

/* Transaction numbers wrap around. */
static bool tid_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

/* Checksums. A sum is taken with its own field as zero. */

static bool sum_holds(const struct journal *journal, unsigned char *block, size_t field)
{
	uint32_t stored = be32(block + field), sum;

	if (!has_csum(journal))
		return true;
	put_be32(block + field, 0);
	sum = ext2fs_crc32c_le(journal->seed, block, journal->block_size);
	put_be32(block + field, stored);
	return sum == stored;
}

static bool tail_sum_holds(const struct journal *journal, unsigned char *block)
{
	return sum_holds(journal, block, journal->block_size - 4);
}

/* Tags of a descriptor block */

struct tag {
	uint64_t block;
	uint32_t flags, sum;
};

static size_t tag_bytes(const struct journal *journal)
{
	size_t size = 12;

	if (journal->incompat & INCOMPAT_CSUM_V3)
		return 16;
	if (journal->incompat & INCOMPAT_CSUM_V2)
		size += 2;
	return journal->incompat & INCOMPAT_64BIT ? size : size - 4;
}

/* The tag at *at, which is moved behind it. False: there is none any more. */
static bool next_tag(const struct journal *journal, const unsigned char *block, size_t *at,
		     struct tag *ret)
{
	size_t end = journal->block_size - (has_csum(journal) ? 4 : 0);
	const unsigned char *p = block + *at;

	if (*at + tag_bytes(journal) > end)
		return false;
	*ret = (struct tag){ .block = be32(p) };
	if (journal->incompat & INCOMPAT_CSUM_V3) {
		ret->flags = be32(p + 4);
		ret->sum = be32(p + 12);
	} else {
		ret->flags = (uint32_t)p[6] << 8 | p[7];
		ret->sum = (uint32_t)p[4] << 8 | p[5];
	}
	if (journal->incompat & INCOMPAT_64BIT)
		ret->block |= (uint64_t)be32(p + 8) << 32;
	*at += tag_bytes(journal) + (ret->flags & TAG_SAME_UUID ? 0 : 16);
	if (ret->flags & TAG_LAST)
		*at = end;
	return true;
}

static uint32_t count_tags(const struct journal *journal, const unsigned char *block)
{
	size_t at = HEADER_BYTES;
	uint32_t count = 0;
	struct tag tag;

	while (next_tag(journal, block, &at, &tag))
		count++;
	return count;
}

static bool tag_sum_holds(const struct journal *journal, const struct tag *tag, uint32_t tid,
			  const unsigned char *data)
{
	unsigned char sequence[4];
	uint32_t sum;

	if (!has_csum(journal))
		return true;
	put_be32(sequence, tid);
	sum = ext2fs_crc32c_le(journal->seed, sequence, sizeof(sequence));
	sum = ext2fs_crc32c_le(sum, data, journal->block_size);
	return journal->incompat & INCOMPAT_CSUM_V3 ? sum == tag->sum : (sum & 0xffff) == tag->sum;
}

/* Revoked blocks */

static struct revoke *revoke_slot(const struct journal *journal, uint64_t block)
{
	size_t i = (size_t)(block * 0x9e3779b97f4a7c15u >> 20) & (journal->revoke_room - 1);

	while (journal->revokes[i].is_used && journal->revokes[i].block != block)
		i = (i + 1) & (journal->revoke_room - 1);
	return &journal->revokes[i];
}

static int revoke_add(struct journal *journal, uint64_t block, uint32_t tid, struct err *err)
{
	struct revoke *slot;

	if (2 * (journal->revoke_count + 1) > journal->revoke_room) {
		struct journal old = *journal;

		if (journal->revoke_count > REVOKES_MAX)
			return jbd2_damaged(err, "more revoked blocks than can be");
		journal->revoke_room = old.revoke_room ? 2 * old.revoke_room : 1024;
		journal->revokes = mem_array(journal->revoke_room, sizeof(*journal->revokes));
		for (size_t i = 0; i < old.revoke_room; i++)
			if (old.revokes[i].is_used)
				*revoke_slot(journal, old.revokes[i].block) = old.revokes[i];
		free(old.revokes);
	}
	slot = revoke_slot(journal, block);
	if (!slot->is_used)
		journal->revoke_count++;
	if (!slot->is_used || tid_before(slot->tid, tid))
		*slot = (struct revoke){ .block = block, .tid = tid, .is_used = true };
	return 0;
}

/* Revoked by this transaction or a later one? Then its old copy must not come back. */
static bool is_revoked(const struct journal *journal, uint64_t block, uint32_t tid)
{
	const struct revoke *slot;

	if (!journal->revoke_room)
		return false;
	slot = revoke_slot(journal, block);
	return slot->is_used && !tid_before(slot->tid, tid);
}

/* The three passes over the log */

enum pass { PASS_SCAN, PASS_REVOKE, PASS_REPLAY };

struct position {
	uint32_t block, tid;
	uint32_t crc;		/* COMPAT_CHECKSUM: over the blocks of this transaction */
	uint64_t last_time;	/* of the commit before, PASS_SCAN */
	bool must_check_time;	/* a wrong sum may be a block that was never written */
	uint64_t blocks_passed; /* the log is finite, a hostile one a circle */
};

/* To the next block of the log. False: more blocks than there are, so this log is a circle. */
static bool advance(const struct journal *journal, struct position *here)
{
	here->block = here->block + 1 >= journal->last ? journal->first : here->block + 1;
	return ++here->blocks_passed <= journal->last;
}

static int replay_block(struct journal *journal, const struct tag *tag, struct err *err)
{
	uint64_t at;

	if (tag->flags & TAG_ESCAPED)
		put_be32(journal->data, JBD2_MAGIC);
	if (__builtin_mul_overflow(tag->block, (uint64_t)journal->block_size, &at) ||
	    at > journal->size_bytes || journal->block_size > journal->size_bytes - at)
		return jbd2_damaged(err, "it has a block from beyond the file system");
	return overlay_pwrite(journal->overlay, journal->data, journal->block_size,
			      journal->offset_bytes + at, err);
}

static int pass_tags(struct journal *journal, struct position *here, enum pass pass,
		     struct err *err)
{
	size_t at = HEADER_BYTES;
	struct tag tag;

	while (next_tag(journal, journal->block, &at, &tag)) {
		if (jbd2_read(journal, here->block, journal->data, err) < 0)
			return -1;
		if (!advance(journal, here))
			return jbd2_damaged(err, "it has no end");
		if (pass == PASS_SCAN) {
			here->crc = ext2fs_crc32_be(here->crc, journal->data, journal->block_size);
			continue;
		}
		if (is_revoked(journal, tag.block, here->tid))
			continue;
		if (!tag_sum_holds(journal, &tag, here->tid, journal->data))
			journal->has_bad_block = true;
		else if (replay_block(journal, &tag, err) < 0)
			return -1;
	}
	return 0;
}

static int on_descriptor(struct journal *journal, struct position *here, enum pass pass,
			 struct err *err)
{
	bool reads_data =
		pass == PASS_REPLAY || (pass == PASS_SCAN && journal->compat & COMPAT_CHECKSUM);

	if (!tail_sum_holds(journal, journal->block)) {
		if (pass != PASS_SCAN)
			return jbd2_damaged(err, "a descriptor block has a wrong checksum");
		here->must_check_time = true;
	}
	if (reads_data) {
		here->crc = ext2fs_crc32_be(here->crc, journal->block, journal->block_size);
		return pass_tags(journal, here, pass, err);
	}
	for (uint32_t left = count_tags(journal, journal->block); left; left--)
		if (!advance(journal, here))
			return jbd2_damaged(err, "it has no end");
	return 0;
}

/* Sum of the whole transaction in its commit block (before sums v2). */
static bool old_sum_holds(const struct journal *journal, const struct position *here)
{
	enum { CRC32 = 1 };
	const unsigned char *block = journal->block;
	bool is_unused = !be32(block + 16) && !block[12] && !block[13];

	return !(journal->compat & COMPAT_CHECKSUM) || is_unused ||
	       (block[12] == CRC32 && block[13] == 4 && be32(block + 16) == here->crc);
}

/* ret_ends: the log ends before this commit. */
static int on_commit(struct journal *journal, struct position *here, enum pass pass, bool *ret_ends,
		     struct err *err)
{
	uint64_t seconds = be64(journal->block + 48);

	*ret_ends = false;
	if (pass == PASS_SCAN) {
		bool is_remnant = seconds < here->last_time; /* of an earlier round of the log */

		if (here->must_check_time && !is_remnant)
			return jbd2_damaged(err, "a complete transaction has a wrong checksum");
		*ret_ends = here->must_check_time || !sum_holds(journal, journal->block, 16) ||
			    !old_sum_holds(journal, here);
		journal->has_bad_commit |= *ret_ends && !is_remnant;
		here->last_time = seconds;
	}
	here->crc = ~0u;
	here->tid += !*ret_ends;
	return 0;
}

static int on_revoke(struct journal *journal, struct position *here, enum pass pass,
		     struct err *err)
{
	size_t record = journal->incompat & INCOMPAT_64BIT ? 8 : 4;
	size_t used = be32(journal->block + HEADER_BYTES);
	size_t end = journal->block_size - (has_csum(journal) ? 4 : 0);

	if (pass == PASS_SCAN && !tail_sum_holds(journal, journal->block))
		here->must_check_time = true;
	if (pass != PASS_REVOKE)
		return 0;
	if (!tail_sum_holds(journal, journal->block) || used > end)
		return jbd2_damaged(err, "a revoke block is wrong");
	for (size_t at = HEADER_BYTES + 4; at + record <= used; at += record) {
		const unsigned char *p = journal->block + at;

		if (revoke_add(journal, record == 8 ? be64(p) : be32(p), here->tid, err) < 0)
			return -1;
	}
	return 0;
}

static int walk_log(struct journal *journal, enum pass pass, struct err *err)
{
	struct position here = { .block = journal->start, .tid = journal->sequence, .crc = ~0u };
	bool ends = false;

	while (!ends && (pass == PASS_SCAN || tid_before(here.tid, journal->end))) {
		int result = 0;

		if (jbd2_read(journal, here.block, journal->block, err) < 0)
			return -1;
		if (be32(journal->block) != JBD2_MAGIC || be32(journal->block + 8) != here.tid)
			break;
		if (!advance(journal, &here))
			return jbd2_damaged(err, "it has no end");
		switch (be32(journal->block + 4)) {
		case DESCRIPTOR:
			result = on_descriptor(journal, &here, pass, err);
			break;
		case COMMIT:
			result = on_commit(journal, &here, pass, &ends, err);
			break;
		case REVOKE:
			result = on_revoke(journal, &here, pass, err);
			break;
		default:
			ends = true;
		}
		if (result < 0)
			return -1;
	}
	if (pass == PASS_SCAN)
		journal->end = here.tid;
	return 0;
}

int jbd2_walk(struct journal *journal, struct err *err)
{
	for (enum pass pass = PASS_SCAN; pass <= PASS_REPLAY; pass++)
		if (walk_log(journal, pass, err) < 0)
			return -1;
	return journal->has_bad_block ? jbd2_damaged(err, "a block in it has a wrong checksum") : 0;
}
