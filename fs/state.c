/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/state.h"
#include "base/str.h"
#include "fs/bytes.h"
#include "fs/fsinfo.h"

#include <ext2fs/ext2_fs.h>
#include <ext2fs/ext2fs.h>

#define SUPER_BYTES 1024u

/* --- ext2/3/4. Source: linux fs/ext4/ext4.h, struct ext4_super_block ------------------------------- */

static bool is_ext_super(const unsigned char *sb)
{
	return le16_at(sb + 56) == EXT2_SUPER_MAGIC && le32_at(sb + 24) <= 6;
}

/* With metadata_csum (0x400) the superblock has a checksum, and the kernel insists on it. */
static bool ext_checksum_is_right(const unsigned char *sb)
{
	if (!(le32_at(sb + 100) & EXT4_FEATURE_RO_COMPAT_METADATA_CSUM))
		return true;
	return ext2fs_crc32c_le(~0u, sb, 0x3fc) == le32_at(sb + 0x3fc);
}

static uint64_t ext_count(const unsigned char *sb, size_t low, size_t high)
{
	uint64_t count = le32_at(sb + low);

	if (le32_at(sb + 96) & EXT4_FEATURE_INCOMPAT_64BIT)
		count |= (uint64_t)le32_at(sb + high) << 32;
	return count;
}

static uint64_t product(uint64_t a, uint64_t b)
{
	uint64_t result;

	return __builtin_mul_overflow(a, b, &result) ? UINT64_MAX : result;
}

/* As e2fsck decides (e2fsck/unix.c, check_if_skip). A clock that is wrong makes nothing due. */
static bool ext_check_is_due(const unsigned char *sb, int64_t now)
{
	int16_t max_mounts = (int16_t)le16_at(sb + 54);
	uint32_t last = le32_at(sb + 64), interval = le32_at(sb + 68);

	if (max_mounts > 0 && le16_at(sb + 52) >= max_mounts)
		return true;
	return interval && now > 0 && (uint64_t)now >= (uint64_t)last + interval;
}

static void read_ext(const unsigned char *sb, int64_t now, struct fs_state *state)
{
	static const char *const on_error[] = { NULL, "continue", "remount-ro", "panic" };
	uint32_t block = 1024u << le32_at(sb + 24), errors = le16_at(sb + 60);

	state->block_bytes = block;
	state->has_errors = le16_at(sb + 58) & EXT2_ERROR_FS;
	state->is_check_due = ext_check_is_due(sb, now);
	if (errors < ARRAY_LEN(on_error) && on_error[errors])
		state->on_error = mem_strdup(on_error[errors]);
	state->is_counted = true;
	state->bytes_free = product(ext_count(sb, 12, 0x158), block);
	state->inodes = le32_at(sb);
	state->inodes_free = le32_at(sb + 16);
}

/* A name of one block is a name in every block: the first copy is in group 1 wherever there is any, and
 * with sparse_super the next are in 3, 5 and 7. */
static bool ext_copy_at(struct overlay *overlay, const struct disk_fs *row, uint32_t log_block,
			unsigned group, unsigned char *sb)
{
	uint32_t block = 1024u << log_block;
	uint64_t number = (uint64_t)group * 8 * block + (log_block ? 0 : 1);
	uint64_t at = number * block;
	struct err ignored;

	if (at > row->size_bytes || row->size_bytes - at < SUPER_BYTES ||
	    overlay_pread(overlay, sb, SUPER_BYTES, row->offset_bytes + at, &ignored) < 0)
		return false;
	return is_ext_super(sb) && le32_at(sb + 24) == log_block && le16_at(sb + 90) == group &&
	       ext_checksum_is_right(sb) &&
	       product(ext_count(sb, 4, 0x150), block) <= row->size_bytes;
}

static char *uuid_text(const unsigned char *bytes)
{
	cleanup(str_done) struct str text = STR_INIT;

	for (int i = 0; i < 16; i++)
		str_addf(&text, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
			 bytes[i]);
	return str_take(&text);
}

static void find_ext_copy(struct overlay *overlay, struct disk_fs *row)
{
	static const unsigned groups[] = { 1, 3, 5, 7 };
	struct fs_state *state = &row->state;
	unsigned char sb[SUPER_BYTES];

	for (size_t g = 0; g < ARRAY_LEN(groups); g++)
		for (uint32_t log_block = 0; log_block <= 2; log_block++) {
			uint32_t block = 1024u << log_block;

			if (!ext_copy_at(overlay, row, log_block, groups[g], sb))
				continue;
			state->lost_type = mem_strdup(
				le32_at(sb + 96) & EXT3_FEATURE_INCOMPAT_EXTENTS     ? "ext4"
				: le32_at(sb + 92) & EXT3_FEATURE_COMPAT_HAS_JOURNAL ? "ext3"
										     : "ext2");
			state->lost_uuid = uuid_text(sb + 104);
			if (sb[120])
				state->lost_label = mem_strndup((char *)sb + 120, 16);
			state->block_bytes = block;
			state->copy_block = (uint64_t)groups[g] * 8 * block + (log_block ? 0 : 1);
			return;
		}
}

/* --- XFS, btrfs, FAT ------------------------------------------------------------------------------ */

/* Source: linux fs/xfs/libxfs/xfs_format.h, struct xfs_dsb: sb_fdblocks at 144. */
static void read_xfs(const unsigned char *sb, struct fs_state *state)
{
	state->block_bytes = be32_at(sb + 4);
	state->is_counted = true;
	state->bytes_free = product(be64_at(sb + 144), state->block_bytes);
}

/* mkfs.xfs makes four groups of equal size unless told otherwise; the second begins with a copy. Only a
 * hint for the reader: xfs_repair looks for itself. */
static void find_xfs_copy(struct overlay *overlay, struct disk_fs *row)
{
	uint64_t quarter = row->size_bytes / 4 / 4096 * 4096;
	unsigned char sb[512];
	struct err ignored;

	for (uint64_t at = quarter; at <= quarter + 4096; at += 4096) {
		if (row->size_bytes < 64 << 20 ||
		    overlay_pread(overlay, sb, sizeof(sb), row->offset_bytes + at, &ignored) < 0 ||
		    memcmp(sb, "XFSB", 4))
			continue;
		row->state.lost_type = mem_strdup("xfs");
		row->state.lost_uuid = uuid_text(sb + 32);
		return;
	}
}

/* Source: linux fs/btrfs/ctree.h: copies of the superblock at 64 MiB and 256 GiB. */
static void find_btrfs_copy(struct overlay *overlay, struct disk_fs *row)
{
	unsigned char sb[SUPER_BYTES];
	struct err ignored;
	uint64_t at = 64 << 20;

	if (row->size_bytes < at + 4096 ||
	    overlay_pread(overlay, sb, sizeof(sb), row->offset_bytes + at, &ignored) < 0 ||
	    memcmp(sb + 64, "_BHRfS_M", 8) || le64_at(sb + 48) != at)
		return;
	row->state.lost_type = mem_strdup("btrfs");
	row->state.lost_uuid = uuid_text(sb + 32);
}

/* Source: linux include/uapi/linux/msdos_fs.h, struct fat_boot_sector: state at 65 (FAT32, which has no
 * fat_length at 22) or 37; FAT_STATE_DIRTY is 1. */
static void read_fat(const unsigned char *boot, struct fs_state *state)
{
	state->is_unclean = boot[le16_at(boot + 22) ? 37 : 65] & 1;
}

/* --- all ------------------------------------------------------------------------------------------ */

static bool is_ext(const char *type)
{
	return type && (str_eq(type, "ext4") || str_eq(type, "ext3") || str_eq(type, "ext2"));
}

static void find_copies(struct overlay *overlay, struct disk_fs *row)
{
	find_ext_copy(overlay, row);
	if (!row->state.lost_type && !row->type)
		find_xfs_copy(overlay, row);
	if (!row->state.lost_type && !row->type)
		find_btrfs_copy(overlay, row);
}

void state_read(struct overlay *overlay, struct disk_fs *row, int64_t now)
{
	unsigned char bytes[2 * SUPER_BYTES] = { 0 };
	const char *type = row->type;
	struct err ignored;

	fs_state_done(&row->state);
	if (row->size_bytes < 2 * sizeof(bytes) ||
	    overlay_pread(overlay, bytes, sizeof(bytes), row->offset_bytes, &ignored) < 0)
		return;
	if (!type) {
		find_copies(overlay, row);
		return;
	}
	row->state.size_bytes = fsinfo_size(overlay, row);
	if (is_ext(type) && is_ext_super(bytes + 1024)) {
		read_ext(bytes + 1024, now, &row->state);
		if (!ext_checksum_is_right(bytes + 1024))
			find_ext_copy(overlay, row);
	} else if (str_eq(type, "xfs")) {
		read_xfs(bytes, &row->state);
	} else if (str_eq(type, "vfat")) {
		read_fat(bytes, &row->state);
	}
	state_read_group(overlay, row);
}

const char *state_superblock_at(struct overlay *overlay, uint64_t offset, uint64_t *ret_size)
{
	unsigned char bytes[2 * SUPER_BYTES];
	struct disk_fs row = { .offset_bytes = offset };
	const char *type = NULL;
	struct err ignored;

	if (overlay_pread(overlay, bytes, sizeof(bytes), offset, &ignored) < 0)
		return NULL;
	if (is_ext_super(bytes + 1024) && !le16_at(bytes + 1024 + 90))
		type = "ext4";
	else if (!memcmp(bytes, "XFSB", 4) && be32_at(bytes + 4) >= 512)
		type = "xfs";
	else if (!memcmp(bytes + 82, "FAT32   ", 8) && bytes[510] == 0x55 && bytes[511] == 0xaa)
		type = "vfat";
	else if (overlay_pread(overlay, bytes, SUPER_BYTES, offset + 65536, &ignored) < 0 ||
		 memcmp(bytes + 64, "_BHRfS_M", 8) || le64_at(bytes + 48) != 65536)
		return NULL;
	else
		type = "btrfs";
	row.type = (char *)(uintptr_t)type;
	*ret_size = fsinfo_size(overlay, &row);
	if (str_eq(type, "vfat"))
		*ret_size = product(le32_at(bytes + 32), le16_at(bytes + 11));
	return type;
}
