/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/fstab_util.h"

/* Do both lines want the same place (or the same swap)? */
static bool is_same(const struct fstab_entry *a, const struct fstab_entry *b)
{
	cleanup(free) char *target_a = fstab_target(a), *target_b = fstab_target(b);

	if (fstab_is_swap(a) || fstab_is_swap(b))
		return fstab_is_swap(a) && fstab_is_swap(b) &&
		       str_eq(a->field[FSTAB_SPEC], b->field[FSTAB_SPEC]);
	return target_a[0] == '/' && str_eq(target_a, target_b);
}

/* Removable media have several lines for one place; they are mounted by hand. */
static bool is_by_hand(const struct fstab_entry *entry)
{
	return fstab_option_yes_no(entry->field[FSTAB_OPTS], "noauto", "auto");
}

static int examine(const struct machine *machine, struct findings *findings, struct err *err)
{
	cleanup(fstab_view_done) struct fstab_view view = { 0 };
	struct err ignored = ERR_INIT;

	/* What cannot be read is fstab-empty's to report. */
	(void)err;
	if (fstab_view_open(machine, &view, &ignored) < 0)
		return 0;
	vec_foreach (later, &view.fstab) {
		const struct fstab_entry *first = NULL;
		struct finding *finding;

		if (later->rejected || is_by_hand(later))
			continue;
		for (const struct fstab_entry *e = view.fstab.items; e < later && !first; e++)
			if (!e->rejected && !is_by_hand(e) && is_same(e, later))
				first = e;
		if (!first)
			continue;
		finding = finding_add(
			findings, SEVERITY_NOTE, REPAIR_OFFERED,
			fstab_is_root(later) ? "6,12" : "12", FSTAB_PATH, later->line,
			"%s is already on line %u, and the first line is the one that counts",
			fstab_quote(&view,
				    later->field[fstab_is_swap(later) ? FSTAB_SPEC : FSTAB_FILE]),
			first->line);
		fstab_edit_comment_out(&view, finding, later,
				       "an earlier line is for the same place");
	}
	return 0;
}

const struct check check_fstab_duplicate = {
	.name = "fstab-duplicate",
	.title = "fstab has two lines for the same mount point",
	.explain = "systemd makes one unit of a mount point; of a second line it only logs "
		   "\"Duplicate "
		   "entry in /etc/fstab?\". mount(8) takes the first one too. The boot is not "
		   "hindered, "
		   "but somebody who edits the second line wonders why nothing changes. The repair "
		   "that "
		   "is offered comments the later line out.",
	.source = "systemd-fstab-generator(8); mount(8); findmnt --verify: \"target specified more "
		  "than once\"",
	.rows = "6,12",
	.repair = REPAIR_OFFERED,
	.needs = NEEDS_DISKS,
	.examine = examine,
};
