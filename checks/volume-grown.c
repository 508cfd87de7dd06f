/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/blocks.h"

#define LEAST_GAP (1ull << 30)

static const struct disk_table *table_of(const struct disks *disks, const struct disk_fs *fs)
{
	vec_foreach (table, &disks->tables)
		if (table->disk && str_eq(table->disk, fs->disk))
			return table;
	return NULL;
}

/* Bytes behind a partition that nothing else has. */
static uint64_t room_behind(const struct disks *disks, const struct disk_fs *fs)
{
	const struct disk_table *table = table_of(disks, fs);
	uint64_t end = fs->offset_bytes + fs->size_bytes, next = table ? table->size_bytes : 0;

	vec_foreach (other, disks)
		if (other->disk && str_eq(other->disk, fs->disk) && other->offset_bytes >= end &&
		    other->offset_bytes < next)
			next = other->offset_bytes;
	return next > end ? next - end : 0;
}

static const char *grower(const struct disk_fs *fs)
{
	return str_eq(fs->type, "xfs")	   ? "xfs_growfs"
	       : str_eq(fs->type, "btrfs") ? "btrfs filesystem resize max"
					   : "resize2fs";
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct disks *disks = machine_disks(machine);
	const struct disk_fs *root = disks ? blocks_root(disks) : NULL;
	uint64_t inside, behind;

	(void)err;
	/* Space that is left free on purpose is nobody's fault: it matters when the root has none. */
	if (!root || !root->disk || !root->type || !root->state.is_counted ||
	    !root->state.size_bytes || root->state.bytes_free > root->state.size_bytes / 20)
		return 0;
	inside = root->size_bytes > root->state.size_bytes
			 ? root->size_bytes - root->state.size_bytes
			 : 0;
	behind = root->partition ? room_behind(disks, root) : 0;
	if (inside >= LEAST_GAP)
		finding_add(
			out, SEVERITY_NOTE, REPAIR_NONE, "29", NULL, 0,
			"%s: the root has hardly space left, and its partition is %s larger than "
			"the file system; %s makes use of it",
			blocks_where_fs(machine, root), blocks_size(machine, inside), grower(root));
	if (behind >= LEAST_GAP)
		finding_add(
			out, SEVERITY_NOTE, REPAIR_NONE, "29", NULL, 0,
			"%s: the root has hardly space left, and %s behind its partition are not "
			"used; growpart and then %s make use of them",
			blocks_where_fs(machine, root), blocks_size(machine, behind), grower(root));
	return 0;
}

const struct check check_volume_grown = {
	.name = "volume-grown",
	.title = "the volume was grown, and its file system was not",
	.explain =
		"Growing an EBS volume makes the disk larger, and nothing on it. cloud-init grows "
		"the "
		"last partition and its file system at boot where growpart is installed; elsewhere "
		"somebody has to. It is said only where the root is nearly full, and nothing is "
		"changed: growing cannot be taken back.",
	.source = "EC2 user guide, \"Extend the file system after resizing an Amazon EBS volume\"; "
		  "growpart(1); resize2fs(8); xfs_growfs(8)",
	.rows = "29",
	.repair = REPAIR_NONE,
	.needs = NEEDS_DISKS,
	.examine = examine,
};
