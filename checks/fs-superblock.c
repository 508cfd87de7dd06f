/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/blocks.h"
#include "checks/fstab_util.h"

static bool may_hold_root(const struct disk_fs *fs)
{
	return str_eq(fs->type, "LVM2_member") || str_eq(fs->type, "crypto_LUKS") ||
	       str_eq(fs->type, "linux_raid_member") || str_eq(fs->type, "zfs_member");
}

/* Does the system want this file system by the identity that its copy tells? A partition that holds
 * something else today may have the copies of a file system of old times in it. */
static bool is_wanted(const struct machine *machine, const struct disk_fs *fs)
{
	cleanup(fstab_view_done) struct fstab_view view = { 0 };
	const struct disks *disks = machine_disks(machine);
	struct err ignored = ERR_INIT;

	if (!blocks_root(disks)) {
		/* Nothing else on these disks can be the root. */
		vec_foreach (other, disks)
			if (other != fs && other->type && !other->state.lost_type &&
			    (other->state.mount_error || may_hold_root(other)))
				return false;
		return true;
	}
	if (fstab_view_open(machine, &view, &ignored) < 0)
		return false;
	vec_foreach (entry, &view.fstab) {
		const char *spec = entry->field[FSTAB_SPEC];

		if ((str_starts(spec, "UUID=") && fs->state.lost_uuid &&
		     !strcasecmp(spec + 5, fs->state.lost_uuid)) ||
		    (str_starts(spec, "LABEL=") && fs->state.lost_label &&
		     str_eq(spec + 6, fs->state.lost_label)))
			return true;
	}
	return false;
}

static void judge(const struct machine *machine, const struct disk_fs *fs, struct findings *out)
{
	const struct fs_state *state = &fs->state;
	const char *where = blocks_where_fs(machine, fs);
	bool is_on_root_disk = blocks_is_on_root_disk(machine_disks(machine), fs);
	enum severity severity = is_on_root_disk ? SEVERITY_BLOCKS_BOOT : SEVERITY_DELAYS;
	struct finding *finding;

	if (str_eq(state->lost_type, "xfs")) {
		finding = finding_add(out, severity, REPAIR_OFFERED, "21", NULL, 0,
				      "%s: the first superblock of an XFS is destroyed and a copy "
				      "of it is there; nothing mounts it as it is",
				      where);
		edit_blocks(&finding->edits, fs->disk, fs->partition, MEND_XFS_REPAIR);
	} else if (!str_starts(state->lost_type, "ext")) {
		finding_add(out, severity, REPAIR_NONE, "22", NULL, 0,
			    "%s: the first superblock of a btrfs is destroyed and a copy of it is "
			    "there; `btrfs rescue super-recover` on a helper puts it back",
			    where);
	} else if (state->check_error) {
		finding = finding_add(
			out, severity, REPAIR_OFFERED, "20", NULL, 0,
			"%s: the superblock of its %s is destroyed, and a careful check from the "
			"copy at block %llu gives up (%s); e2fsck -y may remove what it cannot "
			"keep",
			where, state->lost_type, (unsigned long long)state->copy_block,
			machine_quote(machine, state->check_error, strlen(state->check_error)));
		edit_blocks(&finding->edits, fs->disk, fs->partition, MEND_E2FSCK_COPY);
	} else {
		finding = finding_add(
			out, severity, is_on_root_disk ? REPAIR_SURE : REPAIR_OFFERED, "20", NULL,
			0,
			"%s: the superblock of its %s is destroyed, so that nothing mounts it; the "
			"copy at block %llu is sound",
			where, state->lost_type, (unsigned long long)state->copy_block);
		edit_blocks(&finding->edits, fs->disk, fs->partition, MEND_E2FSCK_COPY_CAREFUL);
	}
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct disks *disks = machine_disks(machine);

	(void)err;
	if (!disks)
		return 0;
	vec_foreach (fs, disks)
		if (fs->state.lost_type && fs->disk && is_wanted(machine, fs))
			judge(machine, fs, out);
	return 0;
}

const struct check check_fs_superblock = {
	.name = "fs-superblock",
	.title = "a superblock is destroyed, and there is a copy of it",
	.explain =
		"Without its superblock nothing recognises a file system: the boot waits for a "
		"device that never comes. ext file systems keep copies of it. The repair is e2fsck "
		"-p beginning with the copy: it replays the journal, writes the superblock anew, "
		"and "
		"stops where anything could be lost; then e2fsck -y is offered. A copy alone is no "
		"fault: it counts where no root was found, or where fstab asks for this file "
		"system.",
	.source = "e2fsck(8), -b; linux fs/ext4/ext4.h, struct ext4_super_block; mke2fs(8), "
		  "sparse_super; xfs_repair(8)",
	.rows = "20,21,22",
	.repair = REPAIR_SURE,
	.needs = NEEDS_DISKS,
	.is_of_blocks = true,
	.examine = examine,
};
