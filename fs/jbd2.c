/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/jbd2.h"
#include "base/mem.h"
#include "fs/jbd2_log.h"

#include <stdio.h>

#define SUPER_BYTES 1024u

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
		return jbd2_damaged(err, "its kind of checksum is unknown");
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

	if (jbd2_read(journal, 0, super, err) < 0)
		return -1;
	type = be32(super + 4);
	if (be32(super) != JBD2_MAGIC || (type != SUPER_V1 && type != SUPER_V2) ||
	    be32(super + 12) != journal->block_size)
		return jbd2_damaged(err, "its superblock is not one");
	journal->last = be32(super + 16);
	journal->first = be32(super + 20);
	journal->sequence = be32(super + 24);
	journal->start = be32(super + 28);
	if (type == SUPER_V2) {
		journal->compat = be32(super + 36);
		journal->incompat = be32(super + 40);
	}
	if (!journal->first || journal->first >= journal->last || journal->start >= journal->last)
		return jbd2_damaged(err, "its superblock contradicts itself");
	if (check_features(journal, super, err) < 0)
		return -1;
	if (has_csum(journal) && super_sum(super) != be32(super + 252))
		return jbd2_damaged(err, "its superblock has a wrong checksum");
	journal->seed = ext2fs_crc32c_le(~0u, super + 48, 16);
	return 0;
}

/* The journal is empty from here on. */
static int mark_empty(struct journal *journal, bool *ret_had_error, struct err *err)
{
	unsigned char *super = journal->block;
	blk64_t physical = 0;
	errcode_t code;

	if (jbd2_read(journal, 0, super, err) < 0)
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
		if (jbd2_walk(journal, err) < 0)
			return -1;
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
