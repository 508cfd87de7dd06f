/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/blocks.h"

#define ESP "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"

/* Is there anything that UEFI reads? It looks into every FAT, not only into one of the right type. */
static bool has_fat(const struct disks *disks)
{
	vec_foreach (fs, disks)
		if ((fs->type && str_eq(fs->type, "vfat")) ||
		    (fs->parttype && (str_eq(fs->parttype, ESP) || str_eq(fs->parttype, "0xef"))))
			return true;
	return false;
}

static const struct disk_table *root_table(const struct disks *disks)
{
	vec_foreach (table, &disks->tables) {
		const struct disk_fs probe = { .disk = table->disk };

		if (blocks_is_on_root_disk(disks, &probe))
			return table;
	}
	return NULL;
}

static void judge_bios(const struct machine *machine, const struct disks *disks,
		       const struct disk_table *table, struct findings *out)
{
	if (!table->lacks_boot_code)
		return;
	finding_add(out, SEVERITY_BLOCKS_BOOT, REPAIR_NONE, "56", NULL, 0,
		    "%s: the instance starts in BIOS mode, and the disk's first sector holds no "
		    "program, so that nothing is started%s",
		    blocks_where(machine, table->disk, 0),
		    has_fat(disks)
			    ? "; what UEFI starts is there: register an image of the volume with "
			      "the boot mode uefi and launch it on a type that supports it, or "
			      "install GRUB for the BIOS from a chroot (grub-install)"
			    : "; install GRUB from a chroot (grub-install)");
}

static void judge_uefi(const struct machine *machine, const struct disks *disks,
		       const struct disk_table *table, struct findings *out)
{
	if (has_fat(disks))
		return;
	finding_add(
		out, SEVERITY_BLOCKS_BOOT, REPAIR_NONE, "56", NULL, 0,
		"%s: the instance starts in UEFI mode, and the disk has no EFI system partition "
		"nor another FAT file system with a program to start%s",
		blocks_where(machine, table->disk, 0),
		table->lacks_boot_code ? ""
				       : "; what a BIOS starts is there: register an image of the "
					 "volume with the boot mode legacy-bios and launch it on a "
					 "type that supports it");
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct cloud_facts *cloud = machine_cloud(machine);
	const struct disks *disks = machine_disks(machine);
	const struct disk_table *table = disks ? root_table(disks) : NULL;

	(void)err;
	if (!cloud || !cloud->is_known || !cloud->boot_mode || !table || !disks->is_complete)
		return 0;
	if (str_eq(cloud->boot_mode, "legacy-bios"))
		judge_bios(machine, disks, table, out);
	else if (str_eq(cloud->boot_mode, "uefi"))
		judge_uefi(machine, disks, table, out);
	return 0;
}

const struct check check_boot_mode = {
	.name = "boot-mode",
	.title = "the disk holds nothing that the instance's firmware starts",
	.explain = "An instance starts in the boot mode that its image was registered with: a BIOS "
		   "runs the program in the first sector of the disk, UEFI one of a FAT file "
		   "system. A volume that was made for the one does not start in the other, as "
		   "after registering an image of it without its boot mode, or after a change to "
		   "a type that has another. The mode of an instance cannot be changed: there is "
		   "advice, and no repair.",
	.source = "Amazon EC2 User Guide, \"Instance launch behavior with Amazon EC2 boot modes\", "
		  "\"Determine the boot mode of an EC2 instance\"; UEFI 2.10, 3.5.1.1 and 13.3",
	.rows = "56",
	.repair = REPAIR_NONE,
	.needs = NEEDS_DISKS | NEEDS_CLOUD,
	.examine = examine,
};
