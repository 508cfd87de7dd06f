/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/blocks.h"
#include "checks/fstab_util.h"

#define LARGE_BYTES (64ull << 30) /* below, a full check is a matter of a minute or two */

/* With a sixth field of 0 nothing checks it at boot. */
static bool is_checked(const struct machine *machine, const struct disk_fs *fs)
{
	cleanup(fstab_view_done) struct fstab_view view = { 0 };
	struct err ignored = ERR_INIT;

	if (fstab_view_open(machine, &view, &ignored) < 0)
		return false;
	vec_foreach (entry, &view.fstab) {
		cleanup(fstab_device_done) struct fstab_device device = { 0 };

		if (fstab_pull(entry) < PULL_REMOTE || !entry->passno)
			continue;
		fstab_device(&view, entry, &device);
		if (device.fs == fs || (fs->is_root && fstab_is_root(entry)))
			return true;
	}
	return false;
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct disks *disks = machine_disks(machine);

	(void)err;
	if (!disks)
		return 0;
	vec_foreach (fs, disks) {
		struct finding *finding;

		if (!fs->state.is_check_due || !fs->disk || fs->state.size_bytes < LARGE_BYTES ||
		    !is_checked(machine, fs))
			continue;
		finding = finding_add(
			out, SEVERITY_DELAYS, REPAIR_OFFERED, "24", NULL, 0,
			"%s: its %s is due for a periodic check, so the next boot reads "
			"through its %s before anybody can log in",
			blocks_where_fs(machine, fs), fs->type,
			blocks_size(machine, fs->state.size_bytes));
		edit_blocks(&finding->edits, fs->disk, fs->partition, MEND_NO_PERIODIC_CHECK);
	}
	return 0;
}

const struct check check_fs_periodic_check = {
	.name = "fs-periodic-check",
	.title = "a large file system is due for a check at the next boot",
	.explain =
		"Older mke2fs set a number of mounts, or days, after which e2fsck reads the whole "
		"file system at boot; on a large volume, and on one restored from a snapshot, that "
		"takes hours in which the instance answers nobody. It is reported for file systems "
		"of "
		"64 GiB and more that fstab has checked. The offered repair turns the counting "
		"off, "
		"which is what mke2fs has done by itself for years.",
	.source = "tune2fs(8), -c and -i; e2fsck/unix.c, check_if_skip; fstab(5), the sixth field",
	.rows = "24",
	.repair = REPAIR_OFFERED,
	.needs = NEEDS_DISKS,
	.is_of_blocks = true,
	.examine = examine,
};
