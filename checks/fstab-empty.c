/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/fstab_util.h"
#include "checks/kernel_cmdline.h"

#define MADE_COMMENT FSTAB_MARK "made from the partitions found, because fstab had no entries\n"

static bool has_kernel_in_boot(const struct machine *machine)
{
	cleanup(tree_names_done) struct tree_names names = { 0 };
	struct err ignored = ERR_INIT;

	if (tree_list(machine_tree(machine), "/boot", &names, &ignored) < 0)
		return false;
	vec_foreach (name, &names)
		if (str_starts(*name, "vmlinu") || str_starts(*name, "Image"))
			return true;
	return false;
}

/* The one other Linux file system on the root's disk, where /boot of the root is bare. */
static const struct disk_fs *find_boot(const struct fstab_view *view)
{
	const struct disk_fs *only = NULL;

	if (has_kernel_in_boot(view->machine) || !tree_is_dir(machine_tree(view->machine), "/boot"))
		return NULL;
	vec_foreach (fs, view->disks) {
		bool is_linux =
			fs->type && (str_starts(fs->type, "ext") || str_eq(fs->type, "xfs"));

		if (fs->is_root || !is_linux || !fs->disk || !view->root->disk ||
		    !str_eq(fs->disk, view->root->disk))
			continue;
		if (only)
			return NULL;
		only = fs;
	}
	return only;
}

static const struct disk_fs *find_esp(const struct fstab_view *view)
{
	if (!tree_is_dir(machine_tree(view->machine), "/boot/efi"))
		return NULL;
	vec_foreach (fs, view->disks)
		if (disk_fs_is_esp(fs) && fs->disk && view->root->disk &&
		    str_eq(fs->disk, view->root->disk))
			return fs;
	return NULL;
}

static void make_fstab(const struct fstab_view *view, struct str *into)
{
	const struct disk_fs *boot = find_boot(view), *esp = find_esp(view);
	cleanup(free) char *subvol = view->root->root_subvol && *view->root->root_subvol
					     ? mem_printf("subvol=%s", view->root->root_subvol)
					     : NULL;

	str_add(into, MADE_COMMENT);
	fstab_add_line(view, view->root, "/", subvol ? subvol : "defaults", into);
	if (boot)
		fstab_add_line(view, boot, "/boot", "defaults,nofail", into);
	if (esp)
		fstab_add_line(view, esp, "/boot/efi", "umask=0077,nofail", into);
}

static void add_edit(const struct fstab_view *view, struct finding *finding)
{
	const struct tree_new file = { .mode = 0644 };
	cleanup(str_done) struct str text = STR_INIT;

	/* A file of NULs is what a crash leaves of one that was just written: nothing to keep. */
	if (view->text && !view->fstab.has_nul) {
		str_add_bytes(&text, view->text->s, view->text->len);
		if (text.len && !view->fstab.ends_in_newline)
			str_add_char(&text, '\n');
	}
	make_fstab(view, &text);
	if (view->text)
		edit_replace(&finding->edits, FSTAB_PATH, view->text, &text);
	else
		edit_create(&finding->edits, FSTAB_PATH, &file, text.s, text.len);
}

/* Is the name free, and a place for it there? A link that leads nowhere is neither. */
static bool can_be_created(const struct machine *machine)
{
	struct tree *tree = machine_tree(machine);
	struct err ignored = ERR_INIT;
	struct tree_stat st;

	return tree_stat(tree, FSTAB_PATH, TREE_NOFOLLOW, &st, &ignored) < 0 &&
	       (tree_is_dir(tree, "/etc") ||
		tree_stat(tree, "/etc", TREE_NOFOLLOW, &st, &ignored) < 0);
}

static int examine(const struct machine *machine, struct findings *findings, struct err *err)
{
	cleanup(fstab_view_done) struct fstab_view view = { 0 };
	cleanup(free) char *spec = NULL;
	bool can_make;
	struct finding *finding;
	const char *how;

	if (fstab_view_open(machine, &view, err) < 0)
		return -1;
	if (view.fstab.count || cmdline_root_mode(machine) == CMDLINE_ROOT_RW)
		return 0;
	/* Nothing shows that this tree is booted from a disk: a container's, perhaps. */
	if (!view.root && !has_kernel_in_boot(machine))
		return 0;
	spec = view.root ? fstab_spec_for(&view, view.root, SPEC_UUID) : NULL;
	can_make = spec && view.root->type && (view.text || can_be_created(machine));
	how = !view.text	   ? "is missing"
	      : view.fstab.has_nul ? "holds only NUL bytes"
	      : view.text->len	   ? "has no entries"
				   : "is empty";
	finding =
		finding_add(findings, view.root ? SEVERITY_DELAYS : SEVERITY_NOTE,
			    can_make ? REPAIR_SURE : REPAIR_NONE, "7", FSTAB_PATH, 0,
			    FSTAB_PATH " %s: nothing makes the root writable, so services fail or "
				       "wait for minutes%s",
			    how,
			    can_make ? ""
				     : "; which partition is the root could not be told, so no "
				       "new one can be written");
	if (can_make)
		add_edit(&view, finding);
	return 0;
}

const struct check check_fstab_empty = {
	.name = "fstab-empty",
	.title = "fstab is missing or has no entries",
	.explain =
		"The kernel mounts the root file system read-only; at boot it is made writable "
		"with "
		"the options of its line in /etc/fstab. Without that line it stays read-only: sshd "
		"answers after minutes, if at all, and nothing can be written. The repair writes "
		"lines for the root and, where they are on the same disk and can be told, for "
		"/boot "
		"and the EFI system partition, by UUID. Data volumes are left to you. Nothing is "
		"reported when the boot loader passes \"rw\" to the kernel.",
	.source = "fstab(5); systemd-remount-fs.service(8); kernel-parameters: ro, rw; seen with "
		  "systemd 252: reachable only after three to six minutes",
	.rows = "7",
	.repair = REPAIR_SURE,
	.needs = NEEDS_DISKS,
	.examine = examine,
};
