/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/blocks.h"

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct disks *disks = machine_disks(machine);

	(void)err;
	if (!disks)
		return 0;
	vec_foreach (fs, disks) {
		struct finding *finding;

		if (!fs->type || !fs->disk || !str_eq(fs->type, "vfat") ||
		    (!fs->state.is_unclean && !fs->state.mount_error))
			continue;
		finding = finding_add(out, SEVERITY_NOTE, REPAIR_OFFERED, "23", NULL, 0,
				      fs->state.mount_error
					      ? "%s: its FAT cannot be mounted"
					      : "%s: its FAT was not unmounted; the firmware and "
						"the kernel read it all the same",
				      blocks_where_fs(machine, fs));
		edit_blocks(&finding->edits, fs->disk, fs->partition, MEND_FAT);
	}
	return 0;
}

const struct check check_esp_dirty = {
	.name = "esp-dirty",
	.title = "the EFI system partition was not unmounted",
	.explain =
		"While a FAT is mounted for writing it has a mark; an instance that was stopped "
		"hard "
		"leaves it there. Nothing fails because of it, so it is a note; the offered repair "
		"is fsck.vfat -a, which also takes back half-written files.",
	.source = "linux fs/fat/inode.c, fat_set_state; fsck.fat(8)",
	.rows = "23",
	.repair = REPAIR_OFFERED,
	.needs = NEEDS_DISKS,
	.is_of_blocks = true,
	.examine = examine,
};
