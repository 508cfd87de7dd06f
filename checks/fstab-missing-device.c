/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/fstab_util.h"

/* Another check knows which device was meant. */
static bool is_known_otherwise(const struct fstab_view *view, const struct fstab_entry *entry,
			       const struct fstab_device *device)
{
	return device->fs ||
	       (spec_tag_name(device->spec.kind) && fstab_candidate(view, entry, &device->spec));
}

/* /usr on a missing volume: without it there is no system, and no edit of fstab helps. */
static bool is_hopeless(const struct fstab_view *view, const char *target)
{
	return str_eq(target, "/usr") && !tree_is_dir(machine_tree(view->machine), "/usr/lib");
}

static void judge(const struct fstab_view *view, const struct fstab_entry *entry,
		  struct findings *findings)
{
	cleanup(fstab_device_done) struct fstab_device device = { 0 };
	cleanup(free) char *target = fstab_target(entry);
	enum fstab_pull pull = fstab_pull(entry);
	enum repair_class repair = REPAIR_SURE;
	struct finding *finding;
	bool is_sure;

	if (pull == PULL_NOTHING || pull == PULL_WANTED || pull == PULL_ROOT)
		return;
	fstab_device(view, entry, &device);
	is_sure = device.presence == DEVICE_MISSING;
	if ((!is_sure && device.presence != DEVICE_UNSEEN) ||
	    is_known_otherwise(view, entry, &device))
		return;
	if (is_hopeless(view, target))
		repair = REPAIR_NONE;
	else if (!is_sure)
		repair = REPAIR_OFFERED;
	finding = finding_add(findings, is_sure ? fstab_severity(entry) : SEVERITY_NOTE, repair,
			      pull == PULL_SWAP ? "13" : "1", FSTAB_PATH, entry->line,
			      "%s for %s is on no disk%s%s; %s",
			      fstab_quote(view, entry->field[FSTAB_SPEC]),
			      pull == PULL_SWAP ? "swap" : fstab_quote(view, target),
			      is_sure ? ": " : " that was examined; if it is not attached, ",
			      fstab_consequence(entry),
			      repair == REPAIR_NONE ? "attach the volume that holds it"
						    : fstab_defuse_says(entry));
	if (repair != REPAIR_NONE)
		fstab_edit_defuse(view, finding, entry, "its device is on no disk");
}

static int examine(const struct machine *machine, struct findings *findings, struct err *err)
{
	(void)err;
	fstab_each(machine, judge, findings);
	return 0;
}

const struct check check_fstab_missing_device = {
	.name = "fstab-missing-device",
	.title = "fstab names a device that does not exist",
	.explain = "systemd waits 90 seconds for the device of every line without nofail. When it "
		   "does "
		   "not come, a file system stops the boot in emergency mode, where nobody gets in "
		   "because the root account of a cloud image is locked; swap, and what is marked "
		   "_netdev, only costs the wait. The repair adds nofail and a short time-out, so "
		   "that "
		   "the volume is mounted again when it comes back. Swap, and a directory that the "
		   "system itself needs such as /var, is commented out instead: units require such "
		   "mounts, and would fail with them. When not all disks of the machine were "
		   "examined, "
		   "the device may be on another one; then the repair is only offered.",
	.source = "systemd.mount(5), nofail, x-systemd.device-timeout; systemd.swap(5); "
		  "systemd.unit(5), RequiresMountsFor; seen with systemd 252: \"Timed out waiting "
		  "for device\", \"You are in emergency mode\"",
	.rows = "1,13",
	.repair = REPAIR_SURE,
	.needs = NEEDS_DISKS | NEEDS_CLOUD | NEEDS_CONSOLE,
	.examine = examine,
};
