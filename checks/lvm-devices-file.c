/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/blocks.h"

#include <stdio.h>

#define DEVICES_FILE "/etc/lvm/devices/system.devices"

/* Uncommented use_devicesfile = 0 turns the file off. */
static bool is_turned_off(const struct machine *machine)
{
	struct err ignored = ERR_INIT;
	const struct str *conf = machine_file(machine, "/etc/lvm/lvm.conf", &ignored);
	const char *p = conf ? conf->s : NULL;

	while (p && (p = strstr(p, "use_devicesfile"))) {
		const char *line = p, *value = p + strlen("use_devicesfile");

		while (line > conf->s && line[-1] != '\n')
			line--;
		value += strspn(value, " \t=");
		if (line + strspn(line, " \t") == p && *value == '0')
			return true;
		p++;
	}
	return false;
}

/* "abcdef-ghij-…" without its dashes, as the file writes it. */
static void plain_id(const char *id, char ret[40])
{
	size_t n = 0;

	for (; *id && n < 39; id++)
		if (*id != '-')
			ret[n++] = *id;
	ret[n] = '\0';
}

/* A line that is no comment and has PVID=id. */
static bool has_id(const struct str *file, const char *id)
{
	cleanup(free) char *tag = mem_printf("PVID=%s", id);

	for (const char *p = file->s; (p = strstr(p, tag)); p++) {
		const char *line = p;

		while (line > file->s && line[-1] != '\n')
			line--;
		if (line[strspn(line, " \t")] != '#')
			return true;
	}
	return false;
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct disks *disks = machine_disks(machine);
	const struct str *file = NULL;

	if (!disks)
		return 0;
	vec_foreach (fs, disks) {
		struct finding *finding;
		char id[40];

		if (!fs->type || !str_eq(fs->type, "LVM2_member") || !fs->disk || !fs->state.member)
			continue;
		if (!file) {
			file = machine_file(machine, DEVICES_FILE, err);
			if (!file && err->code == ERR_NOTFOUND) {
				err_clear(err);
				return 0;
			}
			if (!file)
				return -1;
			if (is_turned_off(machine))
				return 0;
		}
		plain_id(fs->state.member, id);
		if (strlen(id) != 32 || has_id(file, id))
			continue;
		finding = finding_add(
			out, SEVERITY_DELAYS, REPAIR_OFFERED, "33", DEVICES_FILE, 0,
			"%s: the physical volume %s is not in the list of devices that LVM may "
			"use, "
			"so its volume group does not appear; without the file LVM uses all",
			blocks_where_fs(machine, fs), machine_quote(machine, id, 32));
		edit_remove(&finding->edits, DEVICES_FILE);
		break; /* one removal is for all */
	}
	return 0;
}

const struct check check_lvm_devices_file = {
	.name = "lvm-devices-file",
	.title = "LVM's list of devices leaves out a disk of this instance",
	.explain = "Since RHEL 9, LVM uses only the devices that system.devices lists by serial "
		   "number, "
		   "which for an EBS volume is the volume's own: a volume restored from a snapshot "
		   "has "
		   "another one. LVM then finds the physical volume by its PVID and refreshes the "
		   "list, but "
		   "only where the PVID is listed. The offered repair removes the file, so that "
		   "all devices "
		   "are used, as before; `vgimportdevices -a` on the instance makes a new one.",
	.source = "lvmdevices(8); lvm.conf(5), devices/use_devicesfile",
	.rows = "33",
	.repair = REPAIR_OFFERED,
	.needs = NEEDS_DISKS,
	.examine = examine,
};
