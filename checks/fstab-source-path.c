/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/fstab_util.h"

/* systemd makes the source directory of a bind mount, so a missing one harms nobody. */
static void judge_bind(const struct fstab_view *view, const struct fstab_entry *entry,
		       struct findings *findings)
{
	cleanup(free) char *target = fstab_target(entry);
	const char *source = entry->field[FSTAB_SPEC];
	struct tree *tree = machine_tree(view->machine);
	struct tree_stat from, to;
	struct err err = ERR_INIT;
	struct finding *finding;

	if (tree_stat(tree, source, TREE_FOLLOW, &from, &err) < 0) {
		if (err.code != ERR_NOTFOUND || fstab_pull(entry) != PULL_LOCAL)
			return;
		finding = finding_add(findings, SEVERITY_NOTE, REPAIR_OFFERED, "18", FSTAB_PATH,
				      entry->line,
				      "%s, the source of the bind mount on %s, does not exist; "
				      "systemd makes an empty directory of it and goes on",
				      fstab_quote(view, source), fstab_quote(view, target));
		fstab_edit_defuse(view, finding, entry, "its source does not exist");
		return;
	}
	if (fstab_point_is_covered(view, entry) ||
	    tree_stat(tree, target, TREE_FOLLOW, &to, &err) < 0 || !S_ISDIR(to.mode) ||
	    S_ISDIR(from.mode) || fstab_pull(entry) == PULL_WANTED)
		return;
	finding = finding_add(findings, fstab_severity(entry), fstab_class(entry), "18", FSTAB_PATH,
			      entry->line,
			      "%s is a file and cannot be bound over the directory %s, "
			      "so %s; %s",
			      fstab_quote(view, source), fstab_quote(view, target),
			      fstab_consequence(entry), fstab_defuse_says(entry));
	fstab_edit_defuse(view, finding, entry, "its source is no directory");
}

/* An image that is mounted through a loop device. */
static void judge_image(const struct fstab_view *view, const struct fstab_entry *entry,
			struct findings *findings)
{
	const char *source = entry->field[FSTAB_SPEC];
	struct err err = ERR_INIT;
	struct finding *finding;
	struct tree_stat st;

	if (!tree_stat(machine_tree(view->machine), source, TREE_FOLLOW, &st, &err) ||
	    err.code != ERR_NOTFOUND || fstab_pull(entry) == PULL_WANTED)
		return;
	finding =
		finding_add(findings, fstab_severity(entry), fstab_class(entry), "18", FSTAB_PATH,
			    entry->line, "the file %s for %s does not exist, so %s; %s",
			    fstab_quote(view, source), fstab_quote(view, entry->field[FSTAB_FILE]),
			    fstab_consequence(entry), fstab_defuse_says(entry));
	fstab_edit_defuse(view, finding, entry, "its file does not exist");
}

/* The types whose source is an image file when it is a path. */
static bool is_image_type(const struct fstab_entry *entry)
{
	static const char *const types[] = { "ext2",	"ext3",	    "ext4", "xfs",  "btrfs", "vfat",
					     "iso9660", "squashfs", "udf",  "auto", "erofs" };

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (str_eq(entry->field[FSTAB_TYPE], types[i]))
			return true;
	return false;
}

static void judge(const struct fstab_view *view, const struct fstab_entry *entry,
		  struct findings *findings)
{
	const char *source = entry->field[FSTAB_SPEC];
	enum fstab_pull pull = fstab_pull(entry);

	if (pull == PULL_NOTHING || pull == PULL_ROOT || fstab_is_swap(entry) || source[0] != '/' ||
	    source[1] == '/' || path_is_below(source, "/dev") || path_is_below(source, "/proc") ||
	    path_is_below(source, "/sys") || path_is_below(source, "/run") ||
	    fstab_is_covered(view, entry, source))
		return;
	if (fstab_is_bind(entry))
		judge_bind(view, entry, findings);
	else if (is_image_type(entry))
		judge_image(view, entry, findings);
}

static int examine(const struct machine *machine, struct findings *findings, struct err *err)
{
	(void)err;
	fstab_each(machine, judge, findings);
	return 0;
}

const struct check check_fstab_source_path = {
	.name = "fstab-source-path",
	.title = "fstab mounts a directory or an image file that does not exist",
	.explain = "A bind mount without its source does not stop the boot: systemd makes an empty "
		   "directory. It is a note, because what should be there is missing. An image "
		   "file that "
		   "is gone, or a file bound over a directory, makes the mount fail, and the boot "
		   "stops "
		   "in emergency mode; the repair adds nofail. Sources below another mount are not "
		   "judged.",
	.source =
		"systemd.mount(5), What; mount(8), bind, loop; seen with systemd 252: a bind mount "
		"without source left the machine reachable",
	.rows = "18",
	.repair = REPAIR_SURE,
	.needs = NEEDS_DISKS,
	.examine = examine,
};
