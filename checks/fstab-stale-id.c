/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/fstab_util.h"

static void judge(const struct fstab_view *view, const struct fstab_entry *entry,
		  struct findings *findings)
{
	cleanup(fstab_device_done) struct fstab_device device = { 0 };
	cleanup(free) char *right = NULL, *target = fstab_target(entry);
	const struct disk_fs *meant;
	struct finding *finding;

	if (fstab_is_root(entry) || fstab_pull(entry) == PULL_NOTHING)
		return;
	fstab_device(view, entry, &device);
	if (device.presence != DEVICE_MISSING || !spec_tag_name(device.spec.kind))
		return;
	meant = fstab_candidate(view, entry, &device.spec);
	right = meant ? fstab_spec_for(view, meant, device.spec.kind) : NULL;
	if (!right)
		return;
	finding =
		finding_add(findings, fstab_severity(entry), fstab_class(entry),
			    fstab_path_is_esp(target) || str_eq(target, "/boot") ? "14"
			    : fstab_is_swap(entry)				 ? "13"
										 : "1",
			    FSTAB_PATH, entry->line,
			    "%s for %s is on no disk, so %s; the only file system that fits is %s",
			    fstab_quote(view, entry->field[FSTAB_SPEC]),
			    fstab_is_swap(entry) ? "swap" : fstab_quote(view, target),
			    fstab_consequence(entry), fstab_quote(view, right));
	fstab_edit_set(view, finding, entry, FSTAB_SPEC, right);
}

static int examine(const struct machine *machine, struct findings *findings, struct err *err)
{
	(void)err;
	fstab_each(machine, judge, findings);
	return 0;
}

const struct check check_fstab_stale_id = {
	.name = "fstab-stale-id",
	.title = "fstab names a file system by an identifier that it no longer has",
	.explain =
		"After /boot, the EFI system partition or swap was made anew (or an identifier was "
		"copied with a slip) the old UUID or label is nowhere, and the boot waits 90 "
		"seconds "
		"and stops. Where exactly one file system on the disks fits (the EFI system "
		"partition for /boot/efi, the one unused file system of that type beside the root "
		"for /boot, the one swap area, or one whose UUID differs in case or in at most two "
		"characters) the repair puts in the identifier that it has now.",
	.source = "fstab(5): UUIDs are compared as text; systemd.device(5)",
	.rows = "1,13,14",
	.repair = REPAIR_SURE,
	.needs = NEEDS_DISKS | NEEDS_CLOUD,
	.examine = examine,
};
