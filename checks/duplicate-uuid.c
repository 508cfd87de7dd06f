/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/blocks.h"
#include "checks/fstab_util.h"

/* Members of one file system or array share its UUID by right. */
static bool is_shared_by_right(const struct disk_fs *fs)
{
	return str_eq(fs->type, "linux_raid_member") ||
	       (str_eq(fs->type, "btrfs") && fs->state.members > 1);
}

static const char *renewal(const struct disk_fs *fs)
{
	if (str_eq(fs->type, "xfs"))
		return "xfs_admin -U generate";
	if (str_eq(fs->type, "btrfs"))
		return "btrfstune -u";
	if (str_eq(fs->type, "LVM2_member"))
		return "vgimportclone";
	return str_eq(fs->type, "swap") ? "swaplabel -U" : "tune2fs -U random";
}

static const char *relabel(const struct disk_fs *fs)
{
	return str_eq(fs->type, "xfs")	   ? "xfs_admin -L"
	       : str_eq(fs->type, "btrfs") ? "btrfs filesystem label"
	       : str_eq(fs->type, "swap")  ? "swaplabel -L"
					   : "e2label";
}

static bool is_asked_for(const struct fstab_view *view, const char *tag, const char *value)
{
	vec_foreach (entry, &view->fstab) {
		const char *spec = entry->field[FSTAB_SPEC];

		if (str_starts(spec, tag) && value && !strcasecmp(spec + strlen(tag), value) &&
		    fstab_pull(entry) >= PULL_REMOTE)
			return true;
	}
	return false;
}

static void judge_pair(const struct machine *machine, const struct disk_fs *one,
		       const struct disk_fs *other, const struct fstab_view *view,
		       struct findings *out)
{
	bool same_uuid = one->uuid && other->uuid && str_eq(one->uuid, other->uuid);
	bool same_label = !same_uuid && one->label && other->label &&
			  str_eq(one->label, other->label) &&
			  is_asked_for(view, "LABEL=", one->label);
	bool is_root = one->is_root || other->is_root, is_lvm = str_eq(one->type, "LVM2_member");
	const char *name = same_uuid ? one->uuid : one->label;

	if ((!same_uuid && !same_label) || !str_eq(one->type, other->type) ||
	    is_shared_by_right(one) || str_eq(one->type, "vfat"))
		return;
	finding_add(out,
		    is_root ? SEVERITY_BLOCKS_BOOT
		    : is_lvm || is_asked_for(view, "UUID=", one->uuid) || same_label
			    ? SEVERITY_DELAYS
			    : SEVERITY_NOTE,
		    REPAIR_NONE, is_lvm ? "32" : "36", NULL, 0,
		    "%s and %s have the same %s %s%s; %s: give one of them another one with %s on "
		    "another machine, or detach it",
		    blocks_where_fs(machine, one), blocks_where_fs(machine, other),
		    same_uuid ? "UUID" : "label", machine_quote(machine, name, strlen(name)),
		    same_uuid ? " (one is a copy of the other)" : "",
		    is_root  ? "which of them becomes the root is left to chance"
		    : is_lvm ? "LVM refuses to activate their volume group"
			     : "which of them is meant is left to chance",
		    same_uuid ? renewal(one) : relabel(one));
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct disks *disks = machine_disks(machine);
	cleanup(fstab_view_done) struct fstab_view view = { 0 };
	struct err ignored = ERR_INIT;

	(void)err;
	if (!disks || disks->count > 512)
		return 0;
	if (fstab_view_open(machine, &view, &ignored) < 0)
		view.fstab.count = 0;
	for (size_t i = 0; i < disks->count; i++)
		for (size_t k = i + 1; k < disks->count; k++) {
			const struct disk_fs *one = &disks->items[i], *other = &disks->items[k];

			if (one->type && other->type && one->disk && other->disk &&
			    !str_eq(one->disk, other->disk))
				judge_pair(machine, one, other, &view, out);
		}
	return 0;
}

const struct check check_duplicate_uuid = {
	.name = "duplicate-uuid",
	.title = "two attached volumes have the same UUID or label",
	.explain =
		"A volume made from a snapshot of another one has its UUIDs. Attached to the same "
		"instance, the two cannot be told apart by fstab, GRUB and root=: the wrong one "
		"may "
		"become the root; a second XFS of one UUID is not mounted at all, and LVM "
		"activates "
		"neither. Which one is the copy is the operator's to say, so nothing is changed.",
	.source = "EC2 user guide, \"Attach an Amazon EBS volume to an instance\"; xfs(5), nouuid; "
		  "tune2fs(8), -U; vgimportclone(8)",
	.rows = "32,36",
	.repair = REPAIR_NONE,
	.needs = NEEDS_DISKS,
	.is_of_blocks = true,
	.examine = examine,
};
