/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/fsinfo.h"

#include <string.h>

static uint16_t le16(const unsigned char *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t le32(const unsigned char *p)
{
	return (uint32_t)le16(p) | (uint32_t)le16(p + 2) << 16;
}

static uint64_t le64(const unsigned char *p)
{
	return (uint64_t)le32(p) | (uint64_t)le32(p + 4) << 32;
}

static uint32_t be32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint64_t product(uint64_t blocks, uint64_t block_size)
{
	uint64_t bytes;

	return __builtin_mul_overflow(blocks, block_size, &bytes) ? UINT64_MAX : bytes;
}

/* Source: linux fs/ext4/ext4.h struct ext4_super_block: s_blocks_count_lo at 4, s_log_block_size at
 * 24, s_feature_incompat at 96 (64BIT 0x80), s_blocks_count_hi at 0x150. */
static uint64_t ext_size(const unsigned char *sb)
{
	uint64_t blocks = le32(sb + 4);

	if (le16(sb + 56) != 0xef53 || le32(sb + 24) > 6)
		return 0;
	if (le32(sb + 96) & 0x80)
		blocks |= (uint64_t)le32(sb + 0x150) << 32;
	return product(blocks, 1024u << le32(sb + 24));
}

/* Source: linux fs/xfs/libxfs/xfs_format.h struct xfs_dsb: sb_blocksize at 4, sb_dblocks at 8. */
static uint64_t xfs_size(const unsigned char *sb)
{
	uint64_t blocks = (uint64_t)be32(sb + 8) << 32 | be32(sb + 12);

	return memcmp(sb, "XFSB", 4) ? 0 : product(blocks, be32(sb + 4));
}

/* Source: linux fs/btrfs: super block at 64 KiB, magic at 64, num_devices at 136, dev_item at 201
 * with total_bytes at its byte 8. */
static uint64_t btrfs_size(const unsigned char *sb)
{
	return memcmp(sb + 64, "_BHRfS_M", 8) ? 0 : le64(sb + 201 + 8);
}

static const struct {
	const char *type;
	uint64_t offset;
	uint64_t (*size)(const unsigned char *sb);
} kinds[] = {
	{ "ext4", 1024, ext_size }, { "ext3", 1024, ext_size },	    { "ext2", 1024, ext_size },
	{ "xfs", 0, xfs_size },	    { "btrfs", 65536, btrfs_size },
};

uint64_t fsinfo_size(struct overlay *overlay, const struct disk_fs *row)
{
	unsigned char sb[1024];
	struct err ignored;

	for (size_t i = 0; row->type && i < ARRAY_LEN(kinds); i++) {
		if (strcmp(kinds[i].type, row->type))
			continue;
		if (overlay_pread(overlay, sb, sizeof(sb), row->offset_bytes + kinds[i].offset,
				  &ignored) < 0)
			return 0;
		return kinds[i].size(sb);
	}
	return 0;
}
