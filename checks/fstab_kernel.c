/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which volume a kernel's device name means on an EC2 instance.
 *
 * Xen guests see the volume that is attached as /dev/sdf as /dev/xvdf (some also as /dev/sdf). On
 * Nitro every volume is an NVMe disk, numbered in order of discovery; /dev/sdf and /dev/xvdf exist
 * there only where udev rules of the image make them. Source: EC2 user guide, "Device names for
 * volumes" and "Amazon EBS volumes and NVMe". */
#include "checks/fstab_util.h"

#include <ctype.h>

static const struct disk_fs *find_fs(const struct fstab_view *view, const char *disk,
				     uint32_t partition)
{
	const struct disk_fs *whole = NULL;

	vec_foreach (fs, view->disks) {
		if (!fs->disk || !str_eq(fs->disk, disk))
			continue;
		if (fs->partition == partition)
			return fs;
		if (!fs->partition)
			whole = fs;
	}
	/* An image without a partition table may be attached as /dev/sda1. */
	return partition == 1 ? whole : NULL;
}

/* "f" of "/dev/sdf", "xvdf", "/dev/sda1". */
static size_t letters_of(const char *name, const char **ret)
{
	name += str_starts(name, "/dev/") ? 5 : 0;
	name += str_starts(name, "xvd") ? 3 : str_starts(name, "sd") ? 2 : 0;
	*ret = name;
	return strspn(name, "abcdefghijklmnopqrstuvwxyz");
}

static const char *volume_attached_as(const struct cloud_facts *cloud, const char *disk)
{
	const char *want, *have;
	size_t want_len = letters_of(disk, &want);

	for (size_t i = 0; cloud && i < cloud->volume_count; i++) {
		const char *device = cloud->volumes[i].device;

		if (device && letters_of(device, &have) == want_len &&
		    !strncmp(have, want, want_len))
			return cloud->volumes[i].volume;
	}
	return NULL;
}

/* Is there a rule that makes links with the old names for NVMe disks? amazon-ec2-utils and its
 * relatives bring one; any rule that speaks of such names counts. */
static bool find_link_rules(const struct machine *machine)
{
	static const char *const dirs[] = { "/etc/udev/rules.d", "/usr/lib/udev/rules.d",
					    "/lib/udev/rules.d" };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		cleanup(tree_names_done) struct tree_names names = { 0 };
		struct err ignored = ERR_INIT;

		if (tree_list(machine_tree(machine), dirs[i], &names, &ignored) < 0)
			continue;
		vec_foreach (name, &names) {
			cleanup(free) char *path = mem_printf("%s/%s", dirs[i], *name);
			const struct str *text = machine_file(machine, path, &ignored);

			if (text && (strstr(text->s, "ebsnvme") || strstr(text->s, "xvd") ||
				     strstr(text->s, "Elastic Block Store")))
				return true;
		}
	}
	return false;
}

static bool has_link_rules(const struct fstab_view *view)
{
	if (!view->lazy->has_link_rules)
		view->lazy->has_link_rules = find_link_rules(view->machine) ? 1 : -1;
	return view->lazy->has_link_rules > 0;
}

static bool is_lettered(const char *disk)
{
	return str_starts(disk, "xvd") || str_starts(disk, "sd");
}

/* The names under which the root volume goes, if no other tells: also xvde, which is what Red Hat's
 * old Xen kernels made of sda. */
static bool can_be_the_root_disk(const char *disk)
{
	static const char *const names[] = { "xvda", "sda", "vda", "hda", "nvme0n1", "xvde" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq(disk, names[i]))
			return true;
	return false;
}

static size_t count_disks(const struct disks *disks)
{
	size_t count = 0;

	vec_foreach (fs, disks) {
		bool is_new = fs->disk != NULL;

		for (const struct disk_fs *e = disks->items; e < fs && is_new; e++)
			is_new = !e->disk || !str_eq(e->disk, fs->disk);
		count += is_new;
	}
	return count;
}

/* All disks are known, and the name is for one more. An instance store volume would be blank after
 * the stop, and its mount fail too. The letters of xvd and sd have gaps on EC2: they tell only when
 * there is nothing but the root's disk. */
static bool is_beyond_the_disks(const struct fstab_view *view, const char *disk)
{
	size_t count = count_disks(view->disks);

	if (!view->all_seen || !view->root || !count)
		return false;
	if (str_starts(disk, "nvme"))
		return strtoul(disk + 4, NULL, 10) >= count;
	if (str_starts(disk, "vd"))
		return !disk[3] && (size_t)(disk[2] - 'a') >= count;
	return count == 1 && !can_be_the_root_disk(disk);
}

/* Of two disks in all, the one that is not the root's. */
static const char *only_other_disk(const struct fstab_view *view)
{
	if (view->all_seen && view->root && view->root->disk && count_disks(view->disks) == 2)
		vec_foreach (fs, view->disks)
			if (fs->disk && !str_eq(fs->disk, view->root->disk))
				return fs->disk;
	return NULL;
}

/* Families whose current generations bring no local disks unless a "d" says so. */
static bool has_no_instance_store(const char *type)
{
	size_t family = type ? strspn(type, "abcdefghijklmnopqrstuvwxyz") : 0;
	const char *dot = type ? strchr(type, '.') : NULL;

	if (family != 1 || !dot || !strchr("tmcra", type[0]) || !isdigit((unsigned char)type[1]) ||
	    memchr(type + 2, 'd', (size_t)(dot - type - 2)))
		return false;
	return strchr("ta", type[0]) || type[1] >= '4';
}

static bool is_certainly_absent(const struct fstab_view *view, const char *disk, const char *volume)
{
	const struct cloud_facts *cloud = machine_cloud(view->machine);
	bool is_nitro = cloud && cloud->hypervisor && str_eq(cloud->hypervisor, "nitro");

	if (!cloud)
		return is_beyond_the_disks(view, disk);
	if (str_starts(disk, "vd") || str_starts(disk, "hd"))
		return true;
	if (is_nitro && is_lettered(disk) && !has_link_rules(view))
		return true;
	if (volume || !cloud->volume_count || can_be_the_root_disk(disk))
		return false;
	/* Without local disks there is nothing but the volumes. */
	if (!has_no_instance_store(cloud->instance_type) || !is_nitro)
		return false;
	return is_lettered(disk) || strtoul(disk + 4, NULL, 10) >= cloud->volume_count;
}

const struct disk_fs *fstab_kernel_name(const struct fstab_view *view, const struct spec *spec,
					enum fstab_presence *ret)
{
	const struct cloud_facts *cloud = machine_cloud(view->machine);
	const char *volume = is_lettered(spec->disk) ? volume_attached_as(cloud, spec->disk) : NULL;
	bool is_missing = is_certainly_absent(view, spec->disk, volume);
	/* The cloud says so, or there is only one disk to mean. */
	bool is_sure = volume != NULL;
	const struct disk_fs *fs;

	if (!volume && can_be_the_root_disk(spec->disk)) {
		volume = view->root ? view->root->disk : NULL;
		is_sure = volume && !cloud && view->all_seen && count_disks(view->disks) == 1;
	} else if (!volume && !is_missing && !cloud) {
		volume = only_other_disk(view);
	}
	fs = volume ? find_fs(view, volume, spec->partition) : NULL;
	if (is_missing || (is_sure && !fs && !cloud))
		*ret = DEVICE_MISSING;
	else
		*ret = is_sure && fs ? DEVICE_PRESENT : DEVICE_UNSEEN;
	return fs;
}
