/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/blocks.h"

#include <inttypes.h>

static bool is_root_disk(const struct disks *disks, const struct disk_table *table)
{
	const struct disk_fs probe = { .disk = table->disk };

	return blocks_is_on_root_disk(disks, &probe);
}

/* The kernel looks for a GPT only behind a protective MBR, and takes the backup only when it is told to
 * (gpt on its command line); GRUB reads the primary alone. */
static void judge_gpt(const struct machine *machine, const struct disks *disks,
		      const struct disk_table *table, struct findings *out)
{
	bool is_here = is_root_disk(disks, table);
	enum severity severity = is_here ? SEVERITY_BLOCKS_BOOT : SEVERITY_DELAYS;
	enum repair_class repair = is_here ? REPAIR_SURE : REPAIR_OFFERED;
	const char *what = NULL;

	/* A disk whose beginning was wiped to be used without partitions may have an old copy at its end. */
	if (!is_here && table->is_primary_bad && table->lacks_protective_mbr)
		return;
	if (table->is_primary_bad)
		what = "its partition table (GPT) is damaged at the beginning of the disk, where "
		       "it "
		       "is looked for; the copy at the end is sound";
	else if (table->lacks_protective_mbr)
		what = "its partition table (GPT) has lost the protective MBR in front of it, "
		       "without which the kernel does not look at it";
	if (!what) {
		severity = SEVERITY_NOTE;
		repair = REPAIR_OFFERED;
		if (table->is_backup_misplaced)
			what = "the copy of its partition table (GPT) is where the disk ended "
			       "before "
			       "it was grown";
		else if (table->is_backup_bad)
			what = "the copy of its partition table (GPT) at the end of the disk is "
			       "damaged";
	}
	if (what)
		edit_blocks(&finding_add(out, severity, repair, "28", NULL, 0, "%s: %s",
					 blocks_where(machine, table->disk, 0), what)
				     ->edits,
			    table->disk, 0, MEND_GPT);
}

/* Nothing is written: only the operator knows whether these are today's file systems. */
static void judge_lost(const struct machine *machine, const struct disks *disks,
		       const struct disk_table *table, struct findings *out)
{
	cleanup(str_done) struct str list = STR_INIT;

	vec_foreach (lost, &table->lost)
		str_addf(&list,
			 "%s%s of %s at sector %" PRIu64 " (for sfdisk: \"start=%" PRIu64
			 ", size=%" PRIu64 "\")",
			 list.len ? "; " : "", lost->type, blocks_size(machine, lost->size_bytes),
			 lost->offset_bytes / 512, lost->offset_bytes / 512,
			 (lost->size_bytes + 511) / 512);
	finding_add(out, is_root_disk(disks, table) ? SEVERITY_BLOCKS_BOOT : SEVERITY_DELAYS,
		    REPAIR_NONE, "30", NULL, 0,
		    "%s: there is no partition table, but there are file systems where partitions "
		    "would begin: %s",
		    blocks_where(machine, table->disk, 0), list.s);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct disks *disks = machine_disks(machine);

	(void)err;
	if (!disks)
		return 0;
	vec_foreach (table, &disks->tables) {
		if (!table->disk)
			continue;
		if (table->kind && str_eq(table->kind, "gpt"))
			judge_gpt(machine, disks, table, out);
		else if (!table->kind && table->lost.count)
			judge_lost(machine, disks, table, out);
	}
	return 0;
}

const struct check check_partition_table = {
	.name = "partition-table",
	.title = "a partition table is damaged or gone",
	.explain =
		"A GPT is kept twice, at the beginning and at the end of the disk. The kernel "
		"finds no "
		"partition when the first is damaged or when the protective MBR before it is gone. "
		"The repair writes the damaged copy from the sound one, entry for entry, and "
		"leaves the "
		"boot code as it is. After a volume has grown, the second copy is no longer at the "
		"end; "
		"that is a note, and the move is offered. Where no table is left, the file systems "
		"that are found are listed, and nothing is written.",
	.source = "UEFI Specification 2.10, 5.3; linux block/partitions/efi.c; sgdisk(8), -e",
	.rows = "28,30",
	.repair = REPAIR_SURE,
	.needs = NEEDS_DISKS,
	.is_of_blocks = true,
	.examine = examine,
};
