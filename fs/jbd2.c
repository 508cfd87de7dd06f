/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Source of the format and of what counts as the end of the log: linux Documentation/filesystems/
 * ext4/journal.rst, include/linux/jbd2.h, fs/jbd2/recovery.c. All numbers are big-endian. */
#include "fs/jbd2.h"
#include "base/mem.h"
#include "fs/ext2io.h"

#include <stdio.h>

#define MAGIC	     0xc03b3998u
#define HEADER_BYTES 12u
#define SUPER_BYTES  1024u
#define REVOKES_MAX  (1u << 22) /* blocks; a journal of 1 GiB full of them has more */

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
enum { TAG_ESCAPED = 1, TAG_SAME_UUID = 2, TAG_LAST = 8 };

struct revoke {
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

static uint32_t be32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint64_t be64(const unsigned char *p)
{
	return (uint64_t)be32(p) << 32 | be32(p + 4);
}

static void put_be32(unsigned char *p, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(value >> (24 - 8 * i));
}

static bool has_csum(const struct journal *journal)
{
	return journal->incompat & (INCOMPAT_CSUM_V2 | INCOMPAT_CSUM_V3);
}

/* Transaction numbers wrap around. */
static bool tid_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static int damaged(struct err *err, const char *what)
{
	return err_set(err, ERR_DAMAGED,
		       "the ext journal is damaged (%s); run e2fsck on a copy of the volume first",
		       what);
}

/* A block of the log. */
static int read_log(struct journal *journal, uint32_t number, unsigned char *into, struct err *err)
{
	blk64_t physical = 0;
	errcode_t code =
		ext2fs_bmap2(journal->fs, journal->ino, NULL, NULL, 0, number, NULL, &physical);

	if (!code && (!physical || physical >= ext2fs_blocks_count(journal->fs->super)))
		return damaged(err, "its file has holes");
	if (!code)
		code = io_channel_read_blk64(journal->fs->io, physical, 1, into);
	return code ? ext2io_err(err, code, "reading the journal") : 0;
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
			return damaged(err, "more revoked blocks than can be");
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
		put_be32(journal->data, MAGIC);
	if (__builtin_mul_overflow(tag->block, (uint64_t)journal->block_size, &at) ||
	    at > journal->size_bytes || journal->block_size > journal->size_bytes - at)
		return damaged(err, "it has a block from beyond the file system");
	return overlay_pwrite(journal->overlay, journal->data, journal->block_size,
			      journal->offset_bytes + at, err);
}

static int pass_tags(struct journal *journal, struct position *here, enum pass pass,
		     struct err *err)
{
	size_t at = HEADER_BYTES;
	struct tag tag;

	while (next_tag(journal, journal->block, &at, &tag)) {
		if (read_log(journal, here->block, journal->data, err) < 0)
			return -1;
		if (!advance(journal, here))
			return damaged(err, "it has no end");
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
			return damaged(err, "a descriptor block has a wrong checksum");
		here->must_check_time = true;
	}
	if (reads_data) {
		here->crc = ext2fs_crc32_be(here->crc, journal->block, journal->block_size);
		return pass_tags(journal, here, pass, err);
	}
	for (uint32_t left = count_tags(journal, journal->block); left; left--)
		if (!advance(journal, here))
			return damaged(err, "it has no end");
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
			return damaged(err, "a complete transaction has a wrong checksum");
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
		return damaged(err, "a revoke block is wrong");
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

		if (read_log(journal, here.block, journal->block, err) < 0)
			return -1;
		if (be32(journal->block) != MAGIC || be32(journal->block + 8) != here.tid)
			break;
		if (!advance(journal, &here))
			return damaged(err, "it has no end");
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

/* Opening and closing */

static int check_features(const struct journal *journal, const unsigned char *super,
			  struct err *err)
{
	enum { CRC32C = 4 };

	if (journal->incompat & INCOMPAT_FAST_COMMIT)
		return err_set(err, ERR_UNSUPPORTED,
			       "this ext4 has fast commits in its journal; run as root, then the "
			       "kernel replays them");
	if (journal->incompat & ~(unsigned)INCOMPAT_KNOWN)
		return err_set(
			err, ERR_UNSUPPORTED,
			"this ext journal has features from after this program (0x%x); run as "
			"root, then the kernel replays it",
			journal->incompat);
	if (has_csum(journal) && super[80] != CRC32C)
		return damaged(err, "its kind of checksum is unknown");
	return 0;
}

/* Of the 1024 bytes of the superblock itself, the field at 252 taken as zero. */
static uint32_t super_sum(unsigned char *super)
{
	uint32_t stored = be32(super + 252), sum;

	put_be32(super + 252, 0);
	sum = ext2fs_crc32c_le(~0u, super, SUPER_BYTES);
	put_be32(super + 252, stored);
	return sum;
}

static int load(struct journal *journal, struct err *err)
{
	unsigned char *super = journal->block;
	uint32_t type;

	if (read_log(journal, 0, super, err) < 0)
		return -1;
	type = be32(super + 4);
	if (be32(super) != MAGIC || (type != SUPER_V1 && type != SUPER_V2) ||
	    be32(super + 12) != journal->block_size)
		return damaged(err, "its superblock is not one");
	journal->last = be32(super + 16);
	journal->first = be32(super + 20);
	journal->sequence = be32(super + 24);
	journal->start = be32(super + 28);
	if (type == SUPER_V2) {
		journal->compat = be32(super + 36);
		journal->incompat = be32(super + 40);
	}
	if (!journal->first || journal->first >= journal->last || journal->start >= journal->last)
		return damaged(err, "its superblock contradicts itself");
	if (check_features(journal, super, err) < 0)
		return -1;
	if (has_csum(journal) && super_sum(super) != be32(super + 252))
		return damaged(err, "its superblock has a wrong checksum");
	journal->seed = ext2fs_crc32c_le(~0u, super + 48, 16);
	return 0;
}

/* The journal is empty from here on. */
static int mark_empty(struct journal *journal, bool *ret_had_error, struct err *err)
{
	unsigned char *super = journal->block;
	blk64_t physical = 0;
	errcode_t code;

	if (read_log(journal, 0, super, err) < 0)
		return -1;
	*ret_had_error = be32(super + 32) || journal->has_bad_commit;
	put_be32(super + 24, journal->end + 1);
	put_be32(super + 28, 0);
	put_be32(super + 32, 0);
	if (has_csum(journal))
		put_be32(super + 252, super_sum(super));
	code = ext2fs_bmap2(journal->fs, journal->ino, NULL, NULL, 0, 0, NULL, &physical);
	if (code)
		return ext2io_err(err, code, "the journal");
	return overlay_pwrite(journal->overlay, super, journal->block_size,
			      journal->offset_bytes + physical * journal->block_size, err);
}

/* The file system's own superblock, which may just have come out of the journal. */
static int mark_recovered(struct journal *journal, bool had_error, struct err *err)
{
	ext2_filsys fs;
	errcode_t code;

	if (ext2io_open(journal->overlay, journal->offset_bytes, journal->size_bytes, EXT2IO_WRITE,
			&fs, err) < 0)
		return -1;
	ext2fs_clear_feature_journal_needs_recovery(fs->super);
	if (had_error)
		fs->super->s_state |= EXT2_ERROR_FS;
	fs->flags |= EXT2_FLAG_SUPER_ONLY;
	ext2fs_mark_super_dirty(fs);
	code = ext2fs_close_free(&fs);
	return code ? ext2io_err(err, code, "writing the superblock") : 0;
}

static int replay(struct journal *journal, struct err *err)
{
	bool had_error = false;

	if (load(journal, err) < 0)
		return -1;
	if (journal->start) {
		journal->data = mem_alloc(journal->block_size);
		for (enum pass pass = PASS_SCAN; pass <= PASS_REPLAY; pass++)
			if (walk_log(journal, pass, err) < 0)
				return -1;
		if (journal->has_bad_block)
			return damaged(err, "a block in it has a wrong checksum");
		if (mark_empty(journal, &had_error, err) < 0)
			return -1;
	}
	return mark_recovered(journal, had_error, err);
}

/* From the superblock alone: most file systems were unmounted cleanly, and then this is all.
 * Source: linux fs/ext4/ext4.h: s_feature_incompat at 96, RECOVER 0x4. */
static int needs_replay(struct overlay *overlay, uint64_t offset_bytes, bool *ret, struct err *err)
{
	unsigned char sb[128];

	if (overlay_pread(overlay, sb, sizeof(sb), offset_bytes + 1024, err) < 0)
		return -1;
	*ret = sb[96] & 0x4;
	return 0;
}

int jbd2_replay(struct overlay *overlay, uint64_t offset_bytes, uint64_t size_bytes,
		bool *ret_was_dirty, struct err *err)
{
	struct journal journal = { .overlay = overlay,
				   .offset_bytes = offset_bytes,
				   .size_bytes = size_bytes };
	int result = 0;

	if (needs_replay(overlay, offset_bytes, ret_was_dirty, err) < 0)
		return -1;
	if (!*ret_was_dirty)
		return 0;
	if (ext2io_open(overlay, offset_bytes, size_bytes, EXT2IO_RECOVER, &journal.fs, err) < 0)
		return -1;
	journal.ino = journal.fs->super->s_journal_inum;
	journal.block_size = journal.fs->blocksize;
	if (!journal.ino) {
		result = err_set(err, ERR_UNSUPPORTED,
				 "this ext file system has its journal on another device; mount it "
				 "on a helper and run this on the mounted tree");
	} else {
		journal.block = mem_alloc(journal.block_size);
		result = replay(&journal, err);
	}
	free(journal.block);
	free(journal.data);
	free(journal.revokes);
	ext2fs_close_free(&journal.fs);
	return result;
}
