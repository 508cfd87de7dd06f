/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/fstab_util.h"

#include <ctype.h>

/* "/@home/" and "@home" are the same path from the top of the file system. */
static char *plain_path(const char *path, size_t len)
{
	while (len && *path == '/')
		path++, len--;
	while (len && path[len - 1] == '/')
		len--;
	return mem_strndup(path, len);
}

/* The one in which the root was found exists, whatever the list says. */
static bool has_subvolume(const struct disk_fs *fs, const char *path)
{
	if (fs->root_subvol && str_eq(fs->root_subvol + strspn(fs->root_subvol, "/"), path))
		return true;
	for (size_t i = 0; i < fs->subvol_count; i++) {
		cleanup(free) char *have = plain_path(fs->subvols[i], strlen(fs->subvols[i]));

		if (str_eq(have, path))
			return true;
	}
	return false;
}

/* Equal but for an "@" in front and the case of letters. */
static bool is_alike(const char *a, const char *b)
{
	a += *a == '@';
	b += *b == '@';
	return *a && !strcasecmp(a, b);
}

static const char *find_alike(const struct disk_fs *fs, const char *path)
{
	const char *only = NULL;

	for (size_t i = 0; i < fs->subvol_count; i++) {
		const char *have = fs->subvols[i] + strspn(fs->subvols[i], "/");

		if (!is_alike(have, path))
			continue;
		if (only)
			return NULL;
		only = have;
	}
	return only;
}

/* The line with another value for subvol=. */
static void set_subvolume(const struct fstab_view *view, struct finding *finding,
			  const struct fstab_entry *entry, const char *subvolume)
{
	const char *opts = entry->field[FSTAB_OPTS];
	cleanup(free) char *text = NULL;
	struct fstab_option option;

	fstab_option_find(opts, "subvol", &option);
	text = mem_printf("%.*s%s%s%s", (int)(option.value - opts), opts,
			  *option.value == '/' ? "/" : "", subvolume,
			  option.value + option.value_len);
	fstab_edit_set(view, finding, entry, FSTAB_OPTS, text);
}

static void judge(const struct fstab_view *view, const struct fstab_entry *entry,
		  struct findings *findings)
{
	cleanup(fstab_device_done) struct fstab_device device = { 0 };
	cleanup(free) char *wanted = NULL;
	bool is_root = fstab_is_root(entry);
	const char *right;
	struct fstab_option option;
	struct finding *finding;

	if (!fstab_option_find(entry->field[FSTAB_OPTS], "subvol", &option) || !option.value ||
	    fstab_pull(entry) == PULL_NOTHING)
		return;
	fstab_device(view, entry, &device);
	wanted = plain_path(option.value, option.value_len);
	/* Without a list nothing can be told; the top itself is always there. */
	if (device.presence != DEVICE_PRESENT || !device.fs->type ||
	    !str_eq(device.fs->type, "btrfs") || !device.fs->subvol_count || !*wanted ||
	    has_subvolume(device.fs, wanted))
		return;
	right = is_root && device.fs->is_root ? device.fs->root_subvol
					      : find_alike(device.fs, wanted);
	if (is_root) {
		/* A remount does not look for the subvolume. */
		finding = finding_add(findings, SEVERITY_NOTE, right ? REPAIR_OFFERED : REPAIR_NONE,
				      "18", FSTAB_PATH, entry->line,
				      "the root's line names subvolume %s, which does not exist",
				      fstab_quote(view, wanted));
		if (right)
			set_subvolume(view, finding, entry, right + strspn(right, "/"));
		return;
	}
	finding = finding_add(
		findings, fstab_severity(entry),
		right || fstab_pull(entry) != PULL_WANTED ? fstab_class(entry) : REPAIR_NONE, "18",
		FSTAB_PATH, entry->line, "subvolume %s for %s does not exist, so %s; %s%s",
		fstab_quote(view, wanted), fstab_quote(view, entry->field[FSTAB_FILE]),
		fstab_consequence(entry),
		right				   ? "it must be "
		: fstab_pull(entry) != PULL_WANTED ? fstab_defuse_says(entry)
						   : "nothing waits for it",
		right ? fstab_quote(view, right) : "");
	if (right)
		set_subvolume(view, finding, entry, right);
	else if (finding->repair != REPAIR_NONE)
		fstab_edit_defuse(view, finding, entry, "its subvolume does not exist");
}

static int examine(const struct machine *machine, struct findings *findings, struct err *err)
{
	(void)err;
	fstab_each(machine, judge, findings);
	return 0;
}

const struct check check_fstab_subvolume = {
	.name = "fstab-subvolume",
	.title = "fstab names a Btrfs subvolume that does not exist",
	.explain =
		"A mount with subvol= of a subvolume that was renamed or deleted fails, and the "
		"boot "
		"stops in emergency mode unless the line says nofail. Where one subvolume differs "
		"only in case or in an \"@\" in front, the repair names that one, else it adds "
		"nofail "
		"(and comments out what the system lives in). subvolid= cannot be judged here.",
	.source = "btrfs(5), subvol; mount(8); systemd.mount(5), nofail",
	.rows = "18",
	.repair = REPAIR_SURE,
	.needs = NEEDS_DISKS,
	.examine = examine,
};
