/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Partition tables and superblocks: what is told of a disk lies on it. */
#include "fs/fsinfo.h"
#include "fs/probe.h"
#include "tests/fuzz/disk.h"
#include "tests/fuzz/fuzz.h"

/* Rows that are followed are inside the disk and have nothing in common. */
static void expect_sound(const struct disks *disks, uint64_t size)
{
	vec_foreach (row, disks) {
		if (!row->type)
			continue;
		if (row->offset_bytes > size || row->size_bytes > size - row->offset_bytes)
			fuzz_broken("partition %u is not on the disk", row->partition);
		for (const struct disk_fs *other = disks->items; other < row; other++)
			if (other->type &&
			    other->offset_bytes < row->offset_bytes + row->size_bytes &&
			    row->offset_bytes < other->offset_bytes + other->size_bytes)
				fuzz_broken("partitions %u and %u overlap", other->partition,
					    row->partition);
	}
}

/* What the surgeon tells the other process, which validates it. */
static void through_json(const struct disks *disks)
{
	cleanup(disks_done) struct disks back = { 0 };
	json_t *json = disks_to_json(disks), *again;
	struct err err;

	if (!json || disks_from_json(json, &back, &err) < 0)
		fuzz_broken("disks do not come through JSON");
	again = disks_to_json(&back);
	if (!json_equal(json, again))
		fuzz_broken("disks are changed by JSON");
	json_decref(json);
	json_decref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup(fuzz_disk_close) struct overlay *disk = fuzz_disk(data, size);
	cleanup(disks_done) struct disks disks = { 0 };
	cleanup(tree_names_done) struct tree_names warnings = { 0 };
	struct err err = ERR_INIT, failed = ERR_INIT;

	if (!disk)
		return 0;
	if (probe_disk(disk, "disk", &disks, &warnings, &err) < 0)
		fuzz_printable("an error", err.text, false);
	vec_foreach (warning, &warnings)
		fuzz_printable("a warning", *warning, false);
	expect_sound(&disks, overlay_size(disk));
	through_json(&disks);
	vec_foreach (row, &disks)
		if (row->type && probe_check_size(disk, row, &err) < 0)
			fuzz_printable("an error", err.text, false);
	if (probe_explain(&disks, "disk", &failed, &err) != -1)
		fuzz_broken("an explanation that is none");
	return 0;
}
