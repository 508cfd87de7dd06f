/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/probe.h"
#include "base/file.h"
#include "fs/fsinfo.h"
#include "fs/gpt.h"
#include "fs/state.h"

#include <blkid/blkid.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>

#define PARTITIONS_MAX 256 /* libblkid and the kernel stop at 128 in a GPT */

static void warn(struct tree_names *warnings, char *text)
{
	vec_push(warnings, text);
}

static char *value_of(blkid_probe probe, const char *name)
{
	const char *value;

	/* Hostile bytes: libblkid encodes what is unsafe in *_ENC values only. */
	if (blkid_probe_lookup_value(probe, name, &value, NULL) < 0 || !*value)
		return NULL;
	return mem_strdup(value);
}

/* libblkid reads a megabyte to see that there is no ZFS. Its uberblocks are at every KiB of the second
 * half of each label of 256 KiB, two at the start and two at the end (OpenZFS vdev_impl.h); libblkid
 * wants several. Without a single one the rest need not be read. */
static bool has_uberblock(struct overlay *overlay, const struct disk_fs *row)
{
	static const uint64_t half = 128 << 10, magic = 0x00bab10c;
	uint64_t end = row->size_bytes / (2 * half) * (2 * half);
	const uint64_t labels[] = { 0, 2 * half, end - 4 * half, end - 2 * half };
	cleanup(free) char *array = NULL;

	if (end < 8 * half)
		return true; /* libblkid shall say */
	array = mem_alloc(half);
	for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
		struct err ignored;

		if (overlay_pread(overlay, array, half, row->offset_bytes + labels[i] + half,
				  &ignored) < 0)
			return true;
		for (size_t at = 0; at < half; at += 1024) {
			uint64_t value;

			memcpy(&value, array + at, sizeof(value));
			if (value == magic || value == __builtin_bswap64(magic))
				return true;
		}
	}
	return false;
}

/* One device or partition. A stale second signature makes libblkid (and so udev on the instance)
 * refuse to say anything: then the type is unknown here as it is there. */
static void probe_content(blkid_probe probe, struct overlay *overlay, struct disk_fs *row,
			  struct tree_names *warnings)
{
	char *zfs[] = { (char[]){ "zfs_member" }, NULL };
	int result;

	blkid_probe_enable_superblocks(probe, 1);
	if (!has_uberblock(overlay, row))
		blkid_probe_filter_superblocks_type(probe, BLKID_FLTR_NOTIN, zfs);
	blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_UUID |
							 BLKID_SUBLKS_LABEL | BLKID_SUBLKS_VERSION |
							 BLKID_SUBLKS_BADCSUM);
	result = blkid_do_safeprobe(probe);
	if (result == -2)
		warn(warnings,
		     mem_printf("%s, partition %u: signatures of several file systems; a system "
				"would not recognise it (wipefs shows them)",
				row->disk, row->partition));
	if (result)
		return;
	row->type = value_of(probe, "TYPE");
	row->uuid = value_of(probe, "UUID");
	row->label = value_of(probe, "LABEL");
	row->is_damaged = blkid_probe_has_value(probe, "SBBADCSUM");
}

#define HEAD_BYTES (2ull << 20)
#define TAIL_BYTES (1ull << 20)

static int copy_part(struct overlay *overlay, const struct disk_fs *row, uint64_t at, uint64_t len,
		     int fd, struct err *err)
{
	cleanup(free) char *bytes = mem_alloc(len);

	if (overlay_pread(overlay, bytes, len, row->offset_bytes + at, err) < 0)
		return -1;
	if (pwrite(fd, bytes, len, (off_t)at) != (ssize_t)len)
		return err_set(err, ERR_IO, "%s: no memory to examine it in", row->disk);
	return 0;
}

/* libblkid wants a descriptor and the overlay has none: where a window was changed, or the source has no
 * descriptor either, it is shown a copy of those parts that it looks at, which are its beginning and its
 * end. -1: failed. */
static int copy_window(struct overlay *overlay, const struct disk_fs *row, struct err *err)
{
	cleanup(fd_close) int fd = memfd_create("window", MFD_CLOEXEC);
	uint64_t size = row->size_bytes, head = size < HEAD_BYTES ? size : HEAD_BYTES;
	uint64_t tail = size < TAIL_BYTES ? size : TAIL_BYTES;

	if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
		return err_set(err, ERR_IO, "%s: no memory to examine it in", row->disk);
	if (copy_part(overlay, row, 0, head, fd, err) < 0 ||
	    copy_part(overlay, row, size - tail, tail, fd, err) < 0)
		return -1;
	return TAKE_FD(fd);
}

/* A window of a disk as libblkid sees it. */
struct window {
	blkid_probe probe;
	int copy; /* -1: none */
};

static void window_done(struct window *window)
{
	blkid_free_probe(window->probe);
	fd_close(window->copy);
}
DEFINE_CLEANUP_DONE(struct window, window_done)

static int open_window(struct overlay *overlay, const struct disk_fs *row, struct window *ret,
		       struct err *err)
{
	struct source *source = overlay_source(overlay);
	/* Of a whole disk the table alone is wanted: that is at both ends. */
	bool is_changed =
		overlay_is_changed(overlay, row->offset_bytes,
				   row->size_bytes < HEAD_BYTES ? row->size_bytes : HEAD_BYTES) ||
		(row->partition && overlay_is_changed(overlay, row->offset_bytes, row->size_bytes));
	int fd = source->ops->descriptor ? source->ops->descriptor(source->private) : -1;
	uint64_t offset = row->offset_bytes;

	*ret = (struct window){ .probe = blkid_new_probe(), .copy = -1 };
	if (is_changed || fd < 0) {
		ret->copy = fd = copy_window(overlay, row, err);
		offset = 0;
		if (fd < 0)
			return -1;
	}
	if (!ret->probe || blkid_probe_set_device(ret->probe, fd, (blkid_loff_t)offset,
						  (blkid_loff_t)row->size_bytes) < 0)
		return err_set(err, ERR_IO, "%s: could not be examined by libblkid", row->disk);
	return 0;
}

static char *copy_or_null(const char *s)
{
	return s && *s ? mem_strdup(s) : NULL;
}

static void fill_partition(struct disk_fs *row, blkid_partition part, const char *name)
{
	int number = blkid_partition_get_partno(part);
	cleanup(free) char *mbr_type = NULL;
	const char *type = blkid_partition_get_type_string(part);

	if (!type) {
		mbr_type = mem_printf("0x%x", (unsigned)blkid_partition_get_type(part));
		type = mbr_type;
	}
	row->disk = mem_strdup(name);
	row->partition = number > 0 ? (uint32_t)number : 0;
	row->offset_bytes = (uint64_t)blkid_partition_get_start(part) * 512;
	row->size_bytes = (uint64_t)blkid_partition_get_size(part) * 512;
	row->partuuid = copy_or_null(blkid_partition_get_uuid(part));
	row->partlabel = copy_or_null(blkid_partition_get_name(part));
	row->parttype = copy_or_null(type);
}

/* The rows that were followed. What is wrong with their file systems is another matter. */
struct sound_rows {
	const struct disks *disks;
	size_t at[PARTITIONS_MAX], count;
};

/* Sound when it lies inside the disk and touches none that was followed before it. */
static bool is_sound(const struct sound_rows *sound, const struct disk_fs *row, uint64_t disk_size,
		     struct tree_names *warnings)
{
	if (!row->size_bytes || row->offset_bytes > disk_size ||
	    row->size_bytes > disk_size - row->offset_bytes) {
		warn(warnings,
		     mem_printf("%s, partition %u: reaches past the end of the disk (it ends at "
				"%" PRIu64 ", the disk at %" PRIu64 " bytes); not examined",
				row->disk, row->partition, row->offset_bytes + row->size_bytes,
				disk_size));
		return false;
	}
	for (size_t i = 0; i < sound->count; i++) {
		const struct disk_fs *other = &sound->disks->items[sound->at[i]];

		if (other->offset_bytes < row->offset_bytes + row->size_bytes &&
		    row->offset_bytes < other->offset_bytes + other->size_bytes) {
			warn(warnings, mem_printf("%s, partition %u: overlaps partition %u; not "
						  "examined",
						  row->disk, row->partition, other->partition));
			return false;
		}
	}
	return true;
}

int probe_check_size(struct overlay *overlay, const struct disk_fs *row, struct err *err)
{
	uint64_t needs = fsinfo_size(overlay, row);
	char where[32] = "";

	if (needs <= row->size_bytes)
		return 0;
	if (row->partition)
		snprintf(where, sizeof(where), ", partition %u", row->partition);
	return err_set(err, ERR_DAMAGED,
		       "%s%s: its %s is truncated: it needs %" PRIu64 " bytes and has %" PRIu64
		       "; copy the volume again",
		       row->disk, where, row->type, needs, row->size_bytes);
}

static int probe_row(struct overlay *overlay, struct disk_fs *row, struct tree_names *warnings,
		     struct err *err)
{
	cleanup(window_done) struct window window = { .copy = -1 };
	uint64_t needs;

	if (open_window(overlay, row, &window, err) < 0)
		return -1;
	probe_content(window.probe, overlay, row, warnings);
	state_read(overlay, row, time(NULL));
	needs = fsinfo_size(overlay, row);
	if (needs > row->size_bytes) {
		row->is_damaged = true;
		warn(warnings,
		     mem_printf("%s, partition %u: its %s needs %" PRIu64
				" bytes and has only %" PRIu64,
				row->disk, row->partition, row->type, needs, row->size_bytes));
	}
	return 0;
}

/* ret_found: there is a table, even an empty one. */
static int probe_table(struct overlay *overlay, const char *name, struct disks *disks,
		       struct tree_names *warnings, bool *ret_found, struct err *err)
{
	struct disk_fs whole = { .disk = (char *)(uintptr_t)name,
				 .size_bytes = overlay_size(overlay) };
	struct sound_rows sound = { .disks = disks };
	cleanup(window_done) struct window window = { .copy = -1 };
	blkid_partlist list;
	int count, result = 0;

	if (open_window(overlay, &whole, &window, err) < 0)
		return -1;
	blkid_probe_enable_superblocks(window.probe, 0);
	blkid_probe_enable_partitions(window.probe, 1);
	list = blkid_probe_get_partitions(window.probe);
	*ret_found = list && blkid_partlist_get_table(list);
	count = *ret_found ? blkid_partlist_numof_partitions(list) : 0;
	for (int i = 0; !result && i < count && i < PARTITIONS_MAX; i++) {
		blkid_partition part = blkid_partlist_get_partition(list, i);
		struct disk_fs row = { 0 };

		if (blkid_partition_is_extended(part))
			continue;
		fill_partition(&row, part, name);
		row.is_damaged = !is_sound(&sound, &row, whole.size_bytes, warnings);
		vec_push(disks, row);
		if (row.is_damaged)
			continue;
		sound.at[sound.count++] = disks->count - 1;
		result = probe_row(overlay, &disks->items[disks->count - 1], warnings, err);
	}
	return result;
}

static bool is_zero(const unsigned char *bytes, size_t len)
{
	return !bytes[0] && !memcmp(bytes, bytes + 1, len - 1);
}

/* The first 64 KiB and samples of the rest: an image of nothing but zeros deserves a plain word. */
static int refuse_blank(struct overlay *overlay, const char *name, struct err *err)
{
	uint64_t size = overlay_size(overlay);
	unsigned char bytes[4096];

	for (unsigned i = 0; i < 32; i++) {
		uint64_t at = i < 17 ? i * 4096ULL : size / 16 * (i - 16) / 4096 * 4096;
		size_t len = sizeof(bytes);

		if (at >= size)
			continue;
		if (len > size - at)
			len = (size_t)(size - at);
		if (overlay_pread(overlay, bytes, len, at, err) < 0)
			return -1;
		if (!is_zero(bytes, len))
			return 0;
	}
	return err_set(err, ERR_DAMAGED,
		       "%s holds only zeros: no partition table and no file system; is it the "
		       "right volume, and was it copied to the end?",
		       name);
}

static uint64_t little64(const unsigned char *p)
{
	uint64_t value = 0;

	for (int i = 7; i >= 0; i--)
		value = value << 8 | p[i];
	return value;
}

/* libblkid passes over a GPT that does not fit the disk; a truncated image is worth its own word.
 * Source: UEFI 2.10, table 5-5: signature at 0 of LBA 1, AlternateLBA at 32. */
static int refuse_foreign(struct overlay *overlay, const char *name, struct err *err)
{
	static const struct {
		const char *magic, *format;
	} formats[] = { { "QFI\xfb", "qcow2" },
			{ "KDMV", "VMDK" },
			{ "vhdxfile", "VHDX" },
			{ "conectix", "VHD" },
			{ "\x1f\x8b", "gzip" },
			{ "\xfd"
			  "7zXZ",
			  "xz" },
			{ "\x28\xb5\x2f\xfd", "zstd" } };
	uint64_t size = overlay_size(overlay), last;
	unsigned char head[1024] = { 0 };

	if (overlay_pread(overlay, head, size < sizeof(head) ? (size_t)size : sizeof(head), 0,
			  err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(formats); i++)
		if (!memcmp(head, formats[i].magic, strlen(formats[i].magic)))
			return err_set(err, ERR_UNSUPPORTED,
				       "%s is a %s file, not a raw image; unpack or convert it "
				       "first (qemu-img convert -O raw)",
				       name, formats[i].format);
	last = little64(head + 512 + 32);
	if (!memcmp(head + 512, "EFI PART", 8) && last < UINT64_MAX / 512 - 1 &&
	    last * 512 + 512 > size)
		return err_set(err, ERR_DAMAGED,
			       "%s is truncated: its partition table belongs to a disk of %" PRIu64
			       " bytes and it has %" PRIu64 "; copy it again",
			       name, last * 512 + 512, size);
	return 0;
}

/* libblkid reads through a descriptor of its own, past the source's count; the kernel counts it. */
static uint64_t bytes_read_here(void)
{
	cleanup(str_done) struct str text = STR_INIT;
	struct err ignored;

	if (file_read("/proc/self/io", 4096, &text, &ignored) < 0 || !str_starts(text.s, "rchar: "))
		return 0;
	return strtoull(text.s + strlen("rchar: "), NULL, 10);
}

static int probe_counted(struct overlay *overlay, const char *name, struct disks *disks,
			 struct tree_names *warnings, struct err *err)
{
	const struct disk_table *table;
	struct disk_fs *row;
	bool has_table;

	if (refuse_foreign(overlay, name, err) < 0)
		return -1;
	if (probe_table(overlay, name, disks, warnings, &has_table, err) < 0)
		return -1;
	if (has_table) {
		gpt_read(overlay, name, true, &disks->tables);
		return 0;
	}
	row = vec_add(disks);
	row->disk = mem_strdup(name);
	row->size_bytes = overlay_size(overlay);
	if (probe_row(overlay, row, warnings, err) < 0)
		return -1;
	if (row->type)
		return 0;
	gpt_read(overlay, name, false, &disks->tables);
	table = &disks->tables.items[disks->tables.count - 1];
	return table->kind || table->lost.count ? 0 : refuse_blank(overlay, name, err);
}

int probe_disk(struct overlay *overlay, const char *name, struct disks *disks,
	       struct tree_names *warnings, struct err *err)
{
	_Atomic uint64_t *counter = overlay_source(overlay)->read_bytes;
	uint64_t here = bytes_read_here(), counted = *counter;
	int result = probe_counted(overlay, name, disks, warnings, err);
	uint64_t all = bytes_read_here() - here, known = *counter - counted;

	if (all > known)
		*counter += all - known;
	return result;
}

bool probe_is_linux_fs(const struct disk_fs *row)
{
	return row->type && (str_eq(row->type, "ext4") || str_eq(row->type, "ext3") ||
			     str_eq(row->type, "ext2") || str_eq(row->type, "xfs") ||
			     str_eq(row->type, "btrfs"));
}

int probe_explain(const struct disks *disks, const char *name, const struct err *failed,
		  struct err *err)
{
	static const struct {
		const char *type, *what, *advice;
	} rows[] = {
		{ "LVM2_member", "an LVM physical volume",
		  "activate its volume group on a helper (vgchange -ay), mount the root and run "
		  "this on the mounted tree" },
		{ "crypto_LUKS", "encrypted with LUKS",
		  "open it on a helper (cryptsetup open), mount the root and run this on the "
		  "mounted tree" },
		{ "linux_raid_member", "a member of a software RAID (mdraid)",
		  "assemble it on a helper (mdadm --assemble), mount the root and run this on the "
		  "mounted tree" },
		{ "zfs_member", "a member of a ZFS pool",
		  "import the pool on a helper and run this on the mounted tree" },
		{ "bcache", "a bcache device",
		  "assemble it on a helper and run this on the mounted tree" },
		{ "BitLocker", "encrypted with BitLocker", "this program repairs Linux systems" },
		{ "ntfs", "an NTFS file system", "this program repairs Linux systems" },
	};

	for (size_t r = 0; r < ARRAY_LEN(rows); r++)
		for (size_t i = 0; i < disks->count; i++) {
			const struct disk_fs *row = &disks->items[i];

			if (row->type && str_eq(row->type, rows[r].type))
				return err_set(err, ERR_UNSUPPORTED,
					       "%s, partition %u is %s, which cannot be followed; "
					       "%s",
					       row->disk, row->partition, rows[r].what,
					       rows[r].advice);
		}
	if (failed->code) {
		*err = *failed;
		return -1;
	}
	for (size_t i = 0; i < disks->count; i++)
		if (probe_is_linux_fs(&disks->items[i]))
			return err_set(err, ERR_DAMAGED,
				       "%s: no file system on it holds a Linux root (no /etc with "
				       "/usr or /bin); is it a data volume? Give the root volume",
				       name);
	return err_set(err, ERR_DAMAGED,
		       "%s: no file system is recognised on it; is it the right volume, and was it "
		       "copied to the end?",
		       name);
}
