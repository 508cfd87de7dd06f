/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/blocks.h"

static bool is_same_group(const struct disk_fs *a, const struct disk_fs *b)
{
	return a->state.group && b->state.group && str_eq(a->state.group, b->state.group);
}

static bool is_first_of_group(const struct disks *disks, const struct disk_fs *fs)
{
	for (const struct disk_fs *other = disks->items; other < fs; other++)
		if (is_same_group(other, fs))
			return false;
	return true;
}

/* A volume group's list has a physical volume that keeps no copy of the list itself. */
static bool is_listed(const struct disk_fs *fs, const struct disk_fs *other)
{
	if (!str_eq(fs->type, "LVM2_member") || !other->type ||
	    !str_eq(other->type, "LVM2_member") || !other->state.member)
		return false;
	for (size_t i = 0; i < fs->state.other_member_count; i++)
		if (str_eq(fs->state.other_members[i], other->state.member))
			return true;
	return false;
}

static bool is_member(const struct disk_fs *fs, const struct disk_fs *other)
{
	return is_same_group(fs, other) || is_listed(fs, other);
}

/* What is inside of these is not seen, and may be the member that is missed. */
static bool may_be_hidden(const struct disks *disks, const struct disk_fs *fs)
{
	static const char *const holders[] = { "crypto_LUKS",	  "linux_raid_member",
					       "LVM2_member",	  "bcache",
					       "mpath_member",	  "ddf_raid_member",
					       "isw_raid_member", "DM_integrity" };

	vec_foreach (other, disks)
		for (size_t i = 0; i < ARRAY_LEN(holders); i++)
			if (other->type && str_eq(other->type, holders[i]) &&
			    !str_eq(other->type, fs->type))
				return true;
	return false;
}

/* Different members that are here; a spare or a second copy of one is none more. */
static uint32_t count_members(const struct disks *disks, const struct disk_fs *fs)
{
	uint32_t count = 0;

	vec_foreach (a, disks) {
		bool is_counted =
			is_member(fs, a) && a->state.member && !str_eq(a->state.member, "spare");

		for (const struct disk_fs *b = disks->items; is_counted && b < a; b++)
			is_counted = !is_member(fs, b) || !b->state.member ||
				     !str_eq(a->state.member, b->state.member);
		count += is_counted;
	}
	return count;
}

static void judge(const struct machine *machine, const struct disks *disks,
		  const struct disk_fs *fs, struct findings *out)
{
	bool is_lvm = str_eq(fs->type, "LVM2_member"),
	     is_md = str_eq(fs->type, "linux_raid_member");
	const char *name = fs->state.group_name ? fs->state.group_name : fs->state.group;
	const char *quoted = machine_quote(machine, name, strlen(name));
	uint32_t members = fs->state.members, here = count_members(disks, fs);
	uint32_t needed = fs->state.members_needed;

	if (!members || here >= members || may_be_hidden(disks, fs))
		return;
	if (is_lvm)
		finding_add(
			out, SEVERITY_DELAYS, REPAIR_NONE, "31", NULL, 0,
			"%s: the volume group %s consists of %u physical volumes and %u of them "
			"are attached; logical volumes on the others do not appear, and the boot "
			"waits for them unless fstab says nofail",
			blocks_where_fs(machine, fs), quoted, members, here);
	else if (is_md)
		finding_add(out, here < needed ? SEVERITY_DELAYS : SEVERITY_NOTE, REPAIR_NONE, "34",
			    NULL, 0,
			    here < needed ? "%s: the array %s consists of %u disks and %u are "
					    "attached; it cannot be assembled, and the boot waits "
					    "for it unless fstab says nofail"
					  : "%s: the array %s consists of %u disks and %u are "
					    "attached; it starts degraded, after a while",
			    blocks_where_fs(machine, fs), quoted, members, here);
	else
		finding_add(
			out, SEVERITY_DELAYS, REPAIR_NONE, "22", NULL, 0,
			"%s: the btrfs %s consists of %u devices and %u are attached; it is not "
			"mounted without -o degraded",
			blocks_where_fs(machine, fs), quoted, members, here);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct disks *disks = machine_disks(machine);

	(void)err;
	/* A disk that was not looked at may be the one that is missed. */
	if (!disks || !disks->is_complete)
		return 0;
	vec_foreach (fs, disks)
		if (fs->type && fs->disk && fs->state.group && is_first_of_group(disks, fs))
			judge(machine, disks, fs, out);
	return 0;
}

const struct check check_group_member = {
	.name = "group-member",
	.title = "a disk of a volume group, an array or a btrfs is missing",
	.explain =
		"A volume group, a RAID array and a btrfs of several devices name all their "
		"members in "
		"what each of them holds. It is said only where every volume of the instance was "
		"looked at. Attach the missing volume, or take the lines of fstab out of the "
		"boot's way "
		"(fstab-missing-device); vgreduce --removemissing and the like give data up and "
		"are "
		"nobody's but the operator's to run.",
	.source = "lvm2 lib/format_text/layout.h; vgreduce(8); md(4), mdadm(8), --run; btrfs(5), "
		  "degraded",
	.rows = "22,31,34",
	.repair = REPAIR_NONE,
	.needs = NEEDS_DISKS,
	.is_of_blocks = true,
	.examine = examine,
};
