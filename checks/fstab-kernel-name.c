/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/fstab_util.h"

static void judge(const struct fstab_view *view, const struct fstab_entry *entry,
		  struct findings *findings)
{
	cleanup(fstab_device_done) struct fstab_device device = { 0 };
	cleanup(free) char *right = NULL;
	bool is_root = fstab_is_root(entry), is_fault;
	struct finding *finding;

	fstab_device(view, entry, &device);
	if (device.spec.kind != SPEC_KERNEL || !view->disks || fstab_pull(entry) == PULL_NOTHING)
		return;
	/* mount(8) does not look for the device when it remounts the root. */
	is_fault = device.presence == DEVICE_MISSING && !is_root;
	if (is_root && view->root)
		device.fs = view->root;
	right = device.fs ? fstab_spec_for(view, device.fs, SPEC_UUID) : NULL;
	if (!right)
		return;
	finding = finding_add(
		findings, is_fault ? fstab_severity(entry) : SEVERITY_NOTE,
		is_fault ? fstab_class(entry) : REPAIR_OFFERED, "5", FSTAB_PATH, entry->line,
		is_fault ? "this instance has no %s, so %s; the volume that was "
			   "attached under that name is %s"
			 : "%s is a name that the kernel gives in order of discovery, "
			   "which can change%.0s; it is %s now",
		fstab_quote(view, entry->field[FSTAB_SPEC]), fstab_consequence(entry),
		fstab_quote(view, right));
	fstab_edit_set(view, finding, entry, FSTAB_SPEC, right);
}

static int examine(const struct machine *machine, struct findings *findings, struct err *err)
{
	(void)err;
	fstab_each(machine, judge, findings);
	return 0;
}

const struct check check_fstab_kernel_name = {
	.name = "fstab-kernel-name",
	.title = "fstab names a disk in the way the kernel counts disks",
	.explain =
		"/dev/xvdf on a Xen instance is /dev/nvme1n1 on a Nitro instance, and which volume "
		"is nvme1n1 can change with every start. Where the cloud tells that the instance "
		"has no device of that name, the boot stops in emergency mode, and the repair puts "
		"in the UUID of the volume that is attached under it. Otherwise this is a note, "
		"and "
		"the same edit is offered.",
	.source = "EC2 user guide, \"Device names for volumes on Amazon EC2 instances\" and "
		  "\"Amazon EBS volumes and NVMe\"; fstab(5)",
	.rows = "5",
	.repair = REPAIR_SURE,
	.needs = NEEDS_DISKS | NEEDS_CLOUD | NEEDS_CONSOLE,
	.examine = examine,
};
