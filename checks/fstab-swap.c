/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/fstab_util.h"

/* A swap file that is gone: swapon fails at once, nothing waits. */
static const char *judge_file(const struct fstab_view *view, const struct fstab_entry *entry)
{
	const char *path = entry->field[FSTAB_SPEC];
	struct err err = ERR_INIT;
	struct tree_stat st;

	if (fstab_is_covered(view, entry, path))
		return NULL;
	if (tree_stat(machine_tree(view->machine), path, TREE_FOLLOW, &st, &err) < 0)
		return err.code == ERR_NOTFOUND ? "does not exist" : NULL;
	if (!S_ISREG(st.mode))
		return "is no file";
	return st.size_bytes < 40960 ? "is too small to swap on" : NULL;
}

static void judge(const struct fstab_view *view, const struct fstab_entry *entry,
		  struct findings *findings)
{
	cleanup(fstab_device_done) struct fstab_device device = { 0 };
	const char *why = NULL;
	struct finding *finding;

	if (!fstab_is_swap(entry) || fstab_pull(entry) == PULL_NOTHING)
		return;
	fstab_device(view, entry, &device);
	if (device.spec.kind == SPEC_PATH)
		why = judge_file(view, entry);
	else if (device.presence == DEVICE_PRESENT && device.fs->type &&
		 !str_eq(device.fs->type, "swap"))
		why = "is a file system, not a swap area";
	if (!why)
		return;
	finding = finding_add(findings, SEVERITY_NOTE, REPAIR_OFFERED, "13", FSTAB_PATH,
			      entry->line, "%s, named for swap, %s: the machine runs without it",
			      fstab_quote(view, entry->field[FSTAB_SPEC]), why);
	fstab_edit_comment_out(view, finding, entry, "there is nothing to swap on");
}

static int examine(const struct machine *machine, struct findings *findings, struct err *err)
{
	(void)err;
	fstab_each(machine, judge, findings);
	return 0;
}

const struct check check_fstab_swap = {
	.name = "fstab-swap",
	.title = "fstab names a swap file that is gone, or something that is no swap area",
	.explain =
		"A swap unit that fails does not stop the boot: swap.target is wanted, not "
		"required. "
		"The machine runs with less memory than it was meant to have, which can be why it "
		"was lost. The repair that is offered comments the line out; making the swap file "
		"again may be what you want. A missing swap device, which costs 90 seconds at "
		"every "
		"boot, is the business of fstab-missing-device.",
	.source = "systemd.swap(5); swapon(8)",
	.rows = "13",
	.repair = REPAIR_OFFERED,
	.needs = NEEDS_DISKS,
	.examine = examine,
};
