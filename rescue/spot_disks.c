/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/spot_disks.h"

#include "base/file.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

enum { DEPTH_MAX = 16, SERIAL_MAX = 64 };

/* "sdf", "xvdf" and "/dev/sdf" are the same place. */
static const char *letters_of(const char *device)
{
	device = str_starts(device, "/dev/") ? device + 5 : device;
	if (str_starts(device, "xvd"))
		return device + 3;
	return str_starts(device, "sd") ? device + 2 : NULL;
}

static bool is_volume(const struct spot_volume *v, const char *serial, const char *name)
{
	const char *there = letters_of(v->device), *here = letters_of(name);

	if (*serial)
		return str_starts(serial, "vol") &&
		       str_eq(serial + (serial[3] == '-' ? 4 : 3), v->id.s + 4);
	return there && here && str_eq(there, here);
}

static bool disk_is(const struct spot_volumes *volumes, const char *dir)
{
	cleanup(free) char *path = mem_printf("%s/device/serial", dir);
	cleanup(str_done) struct str serial = STR_INIT;
	struct err ignored = ERR_INIT;

	if (file_read(path, SERIAL_MAX, &serial, &ignored) < 0)
		str_clear(&serial);
	while (serial.len && strchr(" \n", serial.s[serial.len - 1]))
		serial.s[--serial.len] = '\0';
	vec_foreach (v, volumes)
		if (is_volume(v, serial.s, strrchr(dir, '/') + 1))
			return true;
	return false;
}

static bool leads_to(const struct spot_volumes *volumes, const char *dir, int depth)
{
	cleanup(free) char *slaves = mem_printf("%s/slaves", dir);
	cleanup(free) char *partition = mem_printf("%s/partition", dir);
	cleanup(free) char *disk = mem_printf("%.*s", (int)(strrchr(dir, '/') - dir), dir);
	struct dirent *entry;
	bool has_slaves = false, is_on = false;
	DIR *list;

	if (depth > DEPTH_MAX)
		return false;
	if (!access(partition, F_OK))
		return disk_is(volumes, disk);
	list = opendir(slaves);
	while (list && !is_on && (entry = readdir(list))) {
		cleanup(free) char *link = mem_printf("%s/%s", slaves, entry->d_name);
		cleanup(free) char *next = entry->d_name[0] == '.' ? NULL : realpath(link, NULL);

		has_slaves |= next != NULL;
		is_on = next && leads_to(volumes, next, depth + 1);
	}
	if (list)
		closedir(list);
	return has_slaves ? is_on : disk_is(volumes, dir);
}

bool disk_is_on(const struct spot_volumes *volumes, unsigned major, unsigned minor)
{
	cleanup(free) char *link = mem_printf("/sys/dev/block/%u:%u", major, minor);
	cleanup(free) char *dir = realpath(link, NULL);

	return dir && leads_to(volumes, dir, 0);
}
