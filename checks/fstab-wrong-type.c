/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/fstab_util.h"

/* On-disk type, and the names under which the kernel (or a helper) mounts it too. */
static const struct {
	const char *disk, *also[5];
} compatible[] = {
	{ "ext2", { "ext3", "ext4" } },
	{ "ext3", { "ext2", "ext4" } },
	{ "ext4", { NULL } }, /* as ext3 the kernel refuses its features */
	{ "xfs", { NULL } },
	{ "btrfs", { NULL } },
	{ "vfat", { "msdos", "fat" } },
	{ "ntfs", { "ntfs-3g", "ntfs3", "fuseblk", "ntfs-fuse", "lowntfs-3g" } },
	{ "exfat", { "exfat-fuse", "fuseblk" } },
	{ "iso9660", { "udf" } },
	{ "udf", { "iso9660" } },
	{ "f2fs", { NULL } },
	{ "jfs", { NULL } },
	{ "reiserfs", { NULL } },
	{ "squashfs", { NULL } },
	{ "erofs", { NULL } },
};

/* One name of the comma-separated list in the third field. */
static bool takes_name(const char *name, size_t len, size_t row)
{
	if (strlen(compatible[row].disk) == len && !strncmp(name, compatible[row].disk, len))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(compatible[row].also) && compatible[row].also[i]; i++)
		if (strlen(compatible[row].also[i]) == len &&
		    !strncmp(name, compatible[row].also[i], len))
			return true;
	return false;
}

static bool mounts(const char *type, const char *disk_type)
{
	for (size_t row = 0; row < ARRAY_LEN(compatible); row++) {
		if (!str_eq(compatible[row].disk, disk_type))
			continue;
		for (const char *p = type; *p; p += strcspn(p, ","), p += *p == ',')
			if (takes_name(p, strcspn(p, ","), row))
				return true;
		return false;
	}
	return true; /* a type of which we know nothing */
}

static void judge(const struct fstab_view *view, const struct fstab_entry *entry,
		  struct findings *findings)
{
	cleanup(fstab_device_done) struct fstab_device device = { 0 };
	cleanup(free) char *target = fstab_target(entry);
	const char *type = entry->field[FSTAB_TYPE];
	bool is_root = fstab_is_root(entry);
	struct finding *finding;

	if (str_eq(type, "auto") || str_eq(type, "none") || fstab_is_swap(entry) ||
	    str_starts(type, "fuse") || fstab_pull(entry) == PULL_NOTHING)
		return;
	fstab_device(view, entry, &device);
	if (device.presence != DEVICE_PRESENT || !device.fs->type || device.fs->is_damaged ||
	    mounts(type, device.fs->type))
		return;
	/* A remount does not look at the type. */
	finding =
		finding_add(findings, is_root ? SEVERITY_NOTE : fstab_severity(entry),
			    is_root ? REPAIR_OFFERED : fstab_class(entry), "8", FSTAB_PATH,
			    entry->line, "%s for %s is %s, but the line says %s%s%s",
			    fstab_quote(view, entry->field[FSTAB_SPEC]), fstab_quote(view, target),
			    fstab_quote(view, device.fs->type), fstab_quote(view, type),
			    is_root ? "" : ": ", is_root ? "" : fstab_consequence(entry));
	fstab_edit_set(view, finding, entry, FSTAB_TYPE, device.fs->type);
}

static int examine(const struct machine *machine, struct findings *findings, struct err *err)
{
	(void)err;
	fstab_each(machine, judge, findings);
	return 0;
}

const struct check check_fstab_wrong_type = {
	.name = "fstab-wrong-type",
	.title = "fstab says another file system type than the one on the disk",
	.explain = "The kernel refuses to mount XFS as ext4, or ext4 as ext3; the mount fails, and "
		   "with "
		   "it the boot, unless the line says nofail. The repair writes the type that the "
		   "superblock shows. For the root it is only a note: it is mounted already when "
		   "fstab is read, and a remount does not look at the type.",
	.source =
		"mount(8), -t; libblkid; findmnt --verify: \"does not match with on-disk\"; seen: "
		"a remount with a wrong type succeeds",
	.rows = "8",
	.repair = REPAIR_SURE,
	.needs = NEEDS_DISKS,
	.examine = examine,
};
