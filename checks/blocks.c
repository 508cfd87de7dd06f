/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/blocks.h"
#include "checks/fstab_util.h"

#include <stdio.h>

/* Kept with the machine under an address of its own. */
static const char *keep(const struct machine *machine, char *text)
{
	machine_keep(machine, text, text, free);
	return text;
}

const char *blocks_where(const struct machine *machine, const char *disk, uint32_t partition)
{
	cleanup(str_done) struct str text = STR_INIT;

	str_add_escaped(&text, disk, strlen(disk));
	if (partition)
		str_addf(&text, ", partition %u", partition);
	return keep(machine, str_take(&text));
}

const char *blocks_where_fs(const struct machine *machine, const struct disk_fs *fs)
{
	return blocks_where(machine, fs->disk ? fs->disk : "?", fs->partition);
}

bool blocks_is_ext(const struct disk_fs *fs)
{
	return fs->type &&
	       (str_eq(fs->type, "ext2") || str_eq(fs->type, "ext3") || str_eq(fs->type, "ext4"));
}

const struct disk_fs *blocks_root(const struct disks *disks)
{
	vec_foreach (fs, disks)
		if (fs->is_root)
			return fs;
	return NULL;
}

bool blocks_is_on_root_disk(const struct disks *disks, const struct disk_fs *fs)
{
	const struct disk_fs *root = blocks_root(disks);

	if (!root && disks->count)
		root = &disks->items[0];
	return root && fs->disk && root->disk && str_eq(fs->disk, root->disk);
}

const char *blocks_target(const struct machine *machine, const struct disk_fs *fs)
{
	cleanup(fstab_view_done) struct fstab_view view = { 0 };
	struct err ignored = ERR_INIT;

	if (fs->is_root)
		return "/";
	if (fstab_view_open(machine, &view, &ignored) < 0)
		return NULL;
	vec_foreach (entry, &view.fstab) {
		cleanup(fstab_device_done) struct fstab_device device = { 0 };

		if (fstab_pull(entry) < PULL_REMOTE)
			continue;
		fstab_device(&view, entry, &device);
		if (device.fs == fs)
			return keep(machine, fstab_target(entry));
	}
	return NULL;
}

const char *blocks_size(const struct machine *machine, uint64_t bytes)
{
	double mib = (double)bytes / (1 << 20);

	return keep(machine,
		    mib < 1024 ? mem_printf("%.0f MiB", mib) : mem_printf("%.1f GiB", mib / 1024));
}
