/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/gpt.h"
#include "base/str.h"
#include "fs/bytes.h"
#include "fs/state.h"

#include <inttypes.h>

#define SECTOR	    512u
#define ENTRIES_MAX (128u << 10) /* bytes; everybody makes 16 KiB */
#define GIB	    (1ull << 30)
#define SEARCH_MAX  16384u /* GiB: the largest EBS volume is 64 TiB, images are small */

struct gpt {
	unsigned char header[SECTOR];
	unsigned char *entries;
	size_t entries_len;
};

static void gpt_done(struct gpt *gpt)
{
	free(gpt->entries);
}
DEFINE_CLEANUP_DONE(struct gpt, gpt_done)

static uint32_t crc32(const unsigned char *data, size_t len)
{
	uint32_t crc = ~0u;

	for (size_t i = 0; i < len; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static uint32_t header_crc(const unsigned char *header)
{
	unsigned char copy[SECTOR];

	memcpy(copy, header, sizeof(copy));
	put_le32(copy + 16, 0);
	return crc32(copy, le32_at(header + 12));
}

static uint64_t last_sector(struct overlay *overlay)
{
	return overlay_size(overlay) / SECTOR - 1;
}

/* Is there a whole and sound copy at this sector? */
static bool read_copy(struct overlay *overlay, uint64_t sector, struct gpt *gpt)
{
	unsigned char *h = gpt->header;
	uint64_t at, len;
	struct err ignored;

	if (sector > last_sector(overlay) ||
	    overlay_pread(overlay, h, SECTOR, sector * SECTOR, &ignored) < 0 ||
	    memcmp(h, "EFI PART", 8) || le32_at(h + 12) < 92 || le32_at(h + 12) > SECTOR ||
	    header_crc(h) != le32_at(h + 16) || le64_at(h + 24) != sector)
		return false;
	at = le64_at(h + 72);
	len = (uint64_t)le32_at(h + 80) * le32_at(h + 84);
	if (le32_at(h + 84) < 128 || !len || len > ENTRIES_MAX || at > last_sector(overlay) ||
	    len > overlay_size(overlay) - at * SECTOR)
		return false;
	free(gpt->entries);
	gpt->entries = mem_alloc(len);
	gpt->entries_len = (size_t)len;
	return !overlay_pread(overlay, gpt->entries, (size_t)len, at * SECTOR, &ignored) &&
	       crc32(gpt->entries, (size_t)len) == le32_at(h + 88);
}

/* The backup of a lost primary is in the last sector, or, where the disk was grown, in what was the last
 * one: volumes and images are of whole GiB. */
static bool find_backup(struct overlay *overlay, struct gpt *gpt)
{
	uint64_t gibs = overlay_size(overlay) / GIB;

	if (read_copy(overlay, last_sector(overlay), gpt))
		return true;
	for (uint64_t g = gibs < SEARCH_MAX ? gibs : SEARCH_MAX; g > 0; g--)
		if (read_copy(overlay, g * (GIB / SECTOR) - 1, gpt))
			return true;
	return false;
}

#define BOOT_CODE 440u /* behind it the disk's signature and the table */
enum mbr { MBR_PROTECTIVE, MBR_OTHER, MBR_EMPTY };

/* The kernel takes a GPT when any entry is of type 0xEE; without a signature or an entry it looks no
 * further. An MBR with partitions of its own wins over a GPT that it does not protect. *ret_lacks_code, unless NULL,
 * becomes true when the sector holds no program. */
static enum mbr read_mbr(struct overlay *overlay, bool *ret_lacks_code)
{
	static const unsigned char zero[BOOT_CODE];
	unsigned char mbr[SECTOR];
	struct err ignored;

	if (overlay_pread(overlay, mbr, SECTOR, 0, &ignored) < 0)
		return MBR_OTHER;
	if (ret_lacks_code)
		*ret_lacks_code = !memcmp(mbr, zero, BOOT_CODE);
	if (mbr[510] != 0x55 || mbr[511] != 0xaa || !memcmp(mbr + 446, zero, 64))
		return MBR_EMPTY;
	for (int i = 0; i < 4; i++)
		if (mbr[446 + 16 * i + 4] == 0xee)
			return MBR_PROTECTIVE;
	return MBR_OTHER;
}

/* --- lost partitions ------------------------------------------------------------------------------ */

#define LOST_MAX   16u
#define PLACES_MAX 1200u

/* Partitions begin at whole MiB, those of old tools at sector 63; one follows the other. */
static void find_lost(struct overlay *overlay, struct disk_table *table)
{
	const uint64_t mib = 1 << 20;
	uint64_t at = UINT64_C(63) * SECTOR;

	for (unsigned i = 0; i < PLACES_MAX && table->lost.count < LOST_MAX; i++) {
		uint64_t size = 0;
		const char *type =
			at < table->size_bytes ? state_superblock_at(overlay, at, &size) : NULL;

		if (type && size && size <= table->size_bytes - at) {
			vec_push(&table->lost, ((struct lost_fs){ .offset_bytes = at,
								  .size_bytes = size,
								  .type = mem_strdup(type) }));
			at += size - 1;
		}
		at = (at / mib + 1) * mib;
	}
}

void gpt_read(struct overlay *overlay, const char *disk, bool has_table, struct disk_tables *tables)
{
	struct disk_table *table = vec_add(tables);
	cleanup(gpt_done) struct gpt primary = { 0 }, backup = { 0 };
	enum mbr mbr = read_mbr(overlay, &table->lacks_boot_code);
	bool has_primary = read_copy(overlay, 1, &primary), has_backup;
	uint64_t last = last_sector(overlay);

	table->disk = mem_strdup(disk);
	table->size_bytes = overlay_size(overlay);
	if (mbr == MBR_OTHER) {
		table->kind = has_table ? mem_strdup("dos") : NULL;
		return;
	}
	has_backup = has_primary ? read_copy(overlay, le64_at(primary.header + 32), &backup)
				 : find_backup(overlay, &backup);
	if (!has_primary && !has_backup) {
		table->kind = has_table ? mem_strdup("gpt") : NULL;
		if (!has_table)
			find_lost(overlay, table);
		return;
	}
	table->kind = mem_strdup("gpt");
	table->is_primary_bad = !has_primary;
	table->is_backup_bad = !has_backup;
	table->is_backup_misplaced = has_primary ? le64_at(primary.header + 32) != last
						 : le64_at(backup.header + 24) != last;
	table->lacks_protective_mbr = mbr == MBR_EMPTY;
}

/* --- mending -------------------------------------------------------------------------------------- */

static int write_copy(struct overlay *overlay, struct gpt *gpt, uint64_t own, uint64_t other,
		      uint64_t entries, struct err *err)
{
	unsigned char *h = gpt->header;

	put_le64(h + 24, own);
	put_le64(h + 32, other);
	put_le64(h + 72, entries);
	put_le32(h + 16, header_crc(h));
	if (overlay_pwrite(overlay, gpt->entries, gpt->entries_len, entries * SECTOR, err) < 0)
		return -1;
	return overlay_pwrite(overlay, h, SECTOR, own * SECTOR, err);
}

/* An entry protecting the whole disk, as UEFI 2.10, table 5-4. */
static int write_mbr(struct overlay *overlay, struct err *err)
{
	uint64_t last = last_sector(overlay);
	unsigned char mbr[SECTOR], *entry = mbr + 446;

	if (overlay_pread(overlay, mbr, SECTOR, 0, err) < 0)
		return -1;
	memset(entry, 0, 64);
	memcpy(entry, "\x00\x00\x02\x00\xee\xff\xff\xff", 8);
	put_le32(entry + 8, 1);
	put_le32(entry + 12, last > UINT32_MAX ? UINT32_MAX : (uint32_t)last);
	mbr[510] = 0x55;
	mbr[511] = 0xaa;
	return overlay_pwrite(overlay, mbr, SECTOR, 0, err);
}

/* The highest sector that a partition uses. */
static uint64_t end_of_entries(const struct gpt *gpt)
{
	static const unsigned char unused[16];
	uint32_t size = le32_at(gpt->header + 84);
	uint64_t end = 0;

	for (size_t at = 0; at + size <= gpt->entries_len; at += size)
		if (memcmp(gpt->entries + at, unused, 16) && le64_at(gpt->entries + at + 40) > end)
			end = le64_at(gpt->entries + at + 40);
	return end;
}

int gpt_mend(struct overlay *overlay, struct err *err)
{
	cleanup(gpt_done) struct gpt gpt = { 0 };
	uint64_t last = last_sector(overlay), sectors, usable;

	if (read_mbr(overlay, NULL) == MBR_OTHER)
		return err_set(err, ERR_CONFLICT, "the disk has a partition table of another kind");
	if (!read_copy(overlay, 1, &gpt) && !find_backup(overlay, &gpt))
		return err_set(err, ERR_CONFLICT, "the disk has no sound copy of a GPT");
	sectors = (gpt.entries_len + SECTOR - 1) / SECTOR;
	if (last < 2 * sectors + 4 || 2 + sectors > le64_at(gpt.header + 40))
		return err_set(err, ERR_CONFLICT, "there is no room for the partition table");
	usable = last - sectors - 1;
	if (end_of_entries(&gpt) > usable)
		return err_set(
			err, ERR_CONFLICT,
			"a partition is where the partition table's backup would be (it ends "
			"at sector %" PRIu64 ")",
			end_of_entries(&gpt));
	put_le64(gpt.header + 48, usable);
	if (write_copy(overlay, &gpt, last, 1, last - sectors, err) < 0 ||
	    write_copy(overlay, &gpt, 1, last, 2, err) < 0)
		return -1;
	return read_mbr(overlay, NULL) == MBR_EMPTY ? write_mbr(overlay, err) : 0;
}
