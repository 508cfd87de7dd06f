/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/fstab_util.h"

static bool exists_in(struct tree *tree, const char *name)
{
	static const char *const dirs[] = { "/sbin", "/usr/sbin", "/usr/bin" };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		cleanup(free) char *path = mem_printf("%s/%s", dirs[i], name);

		if (tree_exists(tree, path))
			return true;
	}
	return false;
}

/* fsck itself must be there, or the tree does not show the programs at all. */
static bool has_no_checker(const struct machine *machine, const char *type)
{
	cleanup(free) char *name = mem_printf("fsck.%s", type);

	return !str_eq(type, "auto") && !strchr(type, '/') && !strchr(type, ',') &&
	       exists_in(machine_tree(machine), "fsck") && !exists_in(machine_tree(machine), name);
}

static void judge(const struct fstab_view *view, const struct fstab_entry *entry,
		  struct findings *findings)
{
	const char *type = entry->field[FSTAB_TYPE];
	bool has_no_device = fstab_is_bind(entry) || fstab_is_swap(entry) ||
			     fstab_type_is_virtual(type) || fstab_type_is_network(type);
	struct finding *finding;

	if (entry->passno <= 0 || fstab_is_root(entry) ||
	    (!has_no_device && !has_no_checker(view->machine, type)))
		return;
	finding =
		finding_add(findings, SEVERITY_NOTE, REPAIR_OFFERED, "4", FSTAB_PATH, entry->line,
			    "field six asks for a check of %s at boot, but %s cannot be checked%s",
			    fstab_quote(view, entry->field[FSTAB_FILE]), fstab_quote(view, type),
			    has_no_device ? "" : ": there is no program for it");
	fstab_edit_set(view, finding, entry, FSTAB_PASSNO, "0");
}

static int examine(const struct machine *machine, struct findings *findings, struct err *err)
{
	(void)err;
	fstab_each(machine, judge, findings);
	return 0;
}

const struct check check_fstab_passno = {
	.name = "fstab-passno",
	.title = "fstab asks for a check of something that cannot be checked",
	.explain =
		"A number other than 0 in the sixth field has the file system checked at boot. "
		"systemd "
		"logs that it cannot and goes on; the boot scripts of older systems can stop. The "
		"repair that is offered writes 0. The root's number is never touched. A device "
		"that "
		"is missing is the business of fstab-missing-device.",
	.source = "fstab(5), fs_passno; fsck(8), -A; systemd-fsck@.service(8)",
	.rows = "4",
	.repair = REPAIR_OFFERED,
	.needs = NEEDS_DISKS,
	.examine = examine,
};
