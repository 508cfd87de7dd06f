/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/fstab_util.h"

enum point { POINT_FINE, POINT_MAKEABLE, POINT_IMPOSSIBLE };

/* A link that leads nowhere, at this very name. */
static bool is_dangling(struct tree *tree, const char *path)
{
	struct err ignored;
	struct tree_stat st;

	return !tree_stat(tree, path, TREE_NOFOLLOW, &st, &ignored) && S_ISLNK(st.mode);
}

/* Would mkdir -p make what is not there? The nearest name that exists has to be a directory; a link that leads
 * nowhere is as good as its target only when that is all that is missing. */
static enum point judge_missing(struct tree *tree, const char *path, const char **ret_why)
{
	cleanup(free) char *parent = mem_strdup(path);
	cleanup(str_done) struct str real = STR_INIT;
	struct err ignored;

	*ret_why = "cannot be made, because a symbolic link on the way to it leads nowhere";
	if (is_dangling(tree, path) && tree_resolve(tree, path, &real, &ignored) < 0)
		return POINT_IMPOSSIBLE;

	for (char *slash = strrchr(parent, '/'); slash && slash > parent;
	     slash = strrchr(parent, '/')) {
		struct err err = ERR_INIT;
		struct tree_stat st;

		*slash = '\0';
		if (!tree_stat(tree, parent, TREE_FOLLOW, &st, &err)) {
			if (S_ISDIR(st.mode))
				break;
			*ret_why = "cannot be made, because a file is in its way";
			return POINT_IMPOSSIBLE;
		}
		if (err.code != ERR_NOTFOUND || is_dangling(tree, parent))
			return POINT_IMPOSSIBLE;
	}
	*ret_why = "does not exist";
	return POINT_MAKEABLE;
}

static enum point judge_point(const struct fstab_view *view, const struct fstab_entry *entry,
			      const char *target, const char **ret_why)
{
	struct tree *tree = machine_tree(view->machine);
	struct tree_stat st, source;
	struct err err = ERR_INIT;

	if (tree_stat(tree, target, TREE_FOLLOW, &st, &err) < 0) {
		if (err.code == ERR_MALFORMED)
			*ret_why = "leads into a loop of symbolic links";
		if (err.code != ERR_NOTFOUND)
			return err.code == ERR_MALFORMED ? POINT_IMPOSSIBLE : POINT_FINE;
		return judge_missing(tree, target, ret_why);
	}
	/* A file is mounted on a file. */
	if (S_ISDIR(st.mode) ||
	    (fstab_is_bind(entry) &&
	     !tree_stat(tree, entry->field[FSTAB_SPEC], TREE_FOLLOW, &source, &err) &&
	     !S_ISDIR(source.mode)))
		return POINT_FINE;
	*ret_why = "is no directory";
	return POINT_IMPOSSIBLE;
}

/* With the root read-only nothing makes the directory. */
static bool is_root_read_only(const struct fstab_view *view)
{
	vec_foreach (entry, &view->fstab)
		if (fstab_is_root(entry) && !entry->rejected)
			return fstab_option_yes_no(entry->field[FSTAB_OPTS], "ro", "rw");
	return false;
}

static void report_makeable(const struct fstab_view *view, const struct fstab_entry *entry,
			    const char *target, struct findings *findings)
{
	const struct tree_new dir = { .mode = 0755 };
	bool is_needed = is_root_read_only(view) && fstab_pull(entry) == PULL_LOCAL;
	cleanup(str_done) struct str real = STR_INIT;
	struct err ignored = ERR_INIT;
	struct finding *finding;

	/* Behind a dangling link the directory it points to is what is made. */
	if (tree_resolve(machine_tree(view->machine), target, &real, &ignored) < 0)
		str_add(&real, target);
	finding =
		finding_add(findings, is_needed ? SEVERITY_BLOCKS_BOOT : SEVERITY_NOTE,
			    is_needed ? REPAIR_SURE : REPAIR_OFFERED, "10", FSTAB_PATH, entry->line,
			    "the mount point %s does not exist; %s", fstab_quote(view, target),
			    is_needed ? "systemd cannot make it, because the root is read-only, "
					"and the boot stops"
				      : "systemd makes it at boot, other programs do not");
	edit_mkdir(&finding->edits, real.s, &dir);
}

/* "mount", "data": what is left of a command that was pasted. systemd ignores such a line. */
static void report_no_path(const struct fstab_view *view, const struct fstab_entry *entry,
			   struct findings *findings)
{
	struct finding *finding =
		finding_add(findings, SEVERITY_NOTE, REPAIR_OFFERED, "2,10", FSTAB_PATH,
			    entry->line, "%s is no path to mount on: the line does nothing",
			    fstab_quote(view, entry->field[FSTAB_FILE]));

	fstab_edit_comment_out(view, finding, entry, "the second field is no path");
}

static void judge(const struct fstab_view *view, const struct fstab_entry *entry,
		  struct findings *findings)
{
	cleanup(free) char *target = fstab_target(entry);
	enum fstab_pull pull = fstab_pull(entry);
	struct finding *finding;
	const char *why;

	if (fstab_is_swap(entry) || str_eq(target, "/"))
		return;
	if (target[0] != '/') {
		if (!strchr(target, '/') && !str_eq(target, "none") && !str_eq(target, "swap"))
			report_no_path(view, entry, findings);
		return;
	}
	if (pull == PULL_NOTHING || path_is_below(target, "/dev") ||
	    path_is_below(target, "/proc") || path_is_below(target, "/sys") ||
	    path_is_below(target, "/run") || path_is_below(target, "/var/run") ||
	    fstab_point_is_covered(view, entry))
		return;
	switch (judge_point(view, entry, target, &why)) {
	case POINT_FINE:
		return;
	case POINT_MAKEABLE:
		report_makeable(view, entry, target, findings);
		return;
	case POINT_IMPOSSIBLE:
		break;
	}
	if (pull == PULL_WANTED)
		return; /* it fails, and nobody waits */
	finding = finding_add(findings, fstab_severity(entry), fstab_class(entry), "10", FSTAB_PATH,
			      entry->line, "the mount point %s %s, so %s; %s",
			      fstab_quote(view, target), why, fstab_consequence(entry),
			      fstab_defuse_says(entry));
	fstab_edit_defuse(view, finding, entry, "its mount point is no directory");
}

static int examine(const struct machine *machine, struct findings *findings, struct err *err)
{
	(void)err;
	fstab_each(machine, judge, findings);
	return 0;
}

const struct check check_fstab_mount_point = {
	.name = "fstab-mount-point",
	.title = "a mount point in fstab is missing or is no directory",
	.explain =
		"systemd makes a missing mount point itself, so that alone is a note (mkdir is "
		"offered). A file in its place, or a loop of symbolic links, makes the mount fail, "
		"and the boot stops in emergency mode; so does a missing directory when the root "
		"is "
		"mounted read-only. The repair makes the directory in that last case, and "
		"otherwise "
		"adds nofail: what the file is for is not known here. Directories below another "
		"mount are not judged.",
	.source = "systemd.mount(5), DirectoryMode; mount(2), ENOTDIR, ELOOP",
	.rows = "2,10",
	.repair = REPAIR_SURE,
	.needs = NEEDS_DISKS,
	.examine = examine,
};
