/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/fstab_util.h"

static void judge(const struct fstab_view *view, const struct fstab_entry *entry,
		  struct findings *findings)
{
	cleanup(fstab_device_done) struct fstab_device device = { 0 };
	cleanup(free) char *target = fstab_target(entry);
	cleanup(str_done) struct str line = STR_INIT;
	struct finding *finding;

	if (fstab_pull(entry) != PULL_LOCAL || fstab_is_system_path(target) ||
	    path_is_below(target, "/boot") || !view->root || !view->root->disk)
		return;
	fstab_device(view, entry, &device);
	if (device.presence != DEVICE_PRESENT || !device.fs->disk ||
	    str_eq(device.fs->disk, view->root->disk))
		return;
	finding = finding_add(findings, SEVERITY_NOTE, REPAIR_OFFERED, "3", FSTAB_PATH, entry->line,
			      "%s is on another volume (%s) and has no nofail: the day that volume "
			      "is not attached, the boot stops",
			      fstab_quote(view, target), fstab_quote(view, device.fs->disk));
	fstab_line_add_options(entry, "nofail", &line);
	fstab_edit_line(view, finding, entry, &line);
}

static int examine(const struct machine *machine, struct findings *findings, struct err *err)
{
	(void)err;
	fstab_each(machine, judge, findings);
	return 0;
}

const struct check check_fstab_nofail = {
	.name = "fstab-nofail",
	.title = "a data volume in fstab has no nofail",
	.explain =
		"The machine boots today. It stops in emergency mode on the first boot after the "
		"volume was detached, or was not copied with the root volume. AWS recommends "
		"nofail "
		"for every volume that is attached later. It is only offered: with nofail, a "
		"service that needs the volume may start before it is mounted. What is on the "
		"root's "
		"own disk, /boot, /usr, /var and /tmp are not reported.",
	.source = "systemd.mount(5), nofail; EBS user guide, \"Make an Amazon EBS volume available "
		  "for use\"",
	.rows = "3",
	.repair = REPAIR_OFFERED,
	.needs = NEEDS_DISKS,
	.examine = examine,
};
