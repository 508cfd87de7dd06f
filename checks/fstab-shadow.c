/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/fstab_util.h"

/* Without what is in these nothing runs, and no volume of data belongs there. */
static bool is_core(const char *path)
{
	static const char *const paths[] = { "/etc", "/bin", "/sbin", "/lib", "/lib64" };

	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		if (str_eq(path, paths[i]))
			return true;
	return false;
}

static bool has_key(struct tree *tree, const char *home)
{
	cleanup(free) char *path = mem_printf("%s/.ssh/authorized_keys", home);
	struct err ignored = ERR_INIT;
	struct tree_stat st;

	return !tree_stat(tree, path, TREE_FOLLOW, &st, &ignored) && st.size_bytes;
}

/* Somebody's key that nobody finds any more when this path is empty. */
static const char *key_below(const struct machine *machine, const char *path)
{
	vec_foreach (user, machine_users(machine))
		if (user->has_login_shell && user->home[0] == '/' &&
		    path_is_below(user->home, path) && has_key(machine_tree(machine), user->home))
			return user->name;
	return NULL;
}

static void report(const struct fstab_view *view, const struct fstab_entry *entry,
		   struct finding *finding)
{
	if (finding->repair != REPAIR_NONE)
		fstab_edit_comment_out(view, finding, entry,
				       "it would hide what is in that directory");
}

static void judge(const struct fstab_view *view, const struct fstab_entry *entry,
		  struct findings *findings)
{
	const char *type = entry->field[FSTAB_TYPE], *user;
	bool is_empty = str_eq(type, "tmpfs") || str_eq(type, "ramfs");
	cleanup(free) char *target = fstab_target(entry);
	enum fstab_pull pull = fstab_pull(entry);

	if (pull == PULL_NOTHING || pull == PULL_SWAP || pull == PULL_ROOT ||
	    str_eq(type, "overlay") || !str_eq(entry->field[FSTAB_FILE], target))
		return;
	if (is_empty && (is_core(target) || str_eq(target, "/usr") || str_eq(target, "/boot"))) {
		report(view, entry,
		       finding_add(findings,
				   str_eq(target, "/boot") ? SEVERITY_NOTE : SEVERITY_BLOCKS_BOOT,
				   str_eq(target, "/boot") ? REPAIR_OFFERED : REPAIR_SURE, "12",
				   FSTAB_PATH, entry->line,
				   "an empty file system in memory is mounted over %s and hides "
				   "what is there",
				   fstab_quote(view, target)));
	} else if (is_core(target)) {
		report(view, entry,
		       finding_add(findings, SEVERITY_BLOCKS_LOGIN, REPAIR_OFFERED, "12",
				   FSTAB_PATH, entry->line,
				   "%s is mounted over %s and hides what the system has there",
				   fstab_quote(view, entry->field[FSTAB_SPEC]),
				   fstab_quote(view, target)));
	} else if (is_empty && (user = key_below(view->machine, target))) {
		report(view, entry,
		       finding_add(findings, SEVERITY_BLOCKS_LOGIN, REPAIR_OFFERED, "12",
				   FSTAB_PATH, entry->line,
				   "an empty file system in memory is mounted over %s: the "
				   "authorized_keys of %s are hidden, and the key no longer opens",
				   fstab_quote(view, target), fstab_quote(view, user)));
	}
}

static int examine(const struct machine *machine, struct findings *findings, struct err *err)
{
	(void)err;
	fstab_each(machine, judge, findings);
	return 0;
}

const struct check check_fstab_shadow = {
	.name = "fstab-shadow",
	.title = "fstab mounts something over a directory that the system needs",
	.explain =
		"A mount hides what the directory below it holds. Over /etc, /usr, /bin, /sbin or "
		"/lib an empty tmpfs stops the boot, and is commented out. Another file system "
		"over "
		"/etc and the like, or a tmpfs over the home of a user whose authorized_keys are "
		"there, locks people out, but may be meant: commenting it out is offered. A volume "
		"of its own for /home, /usr or /var is usual and not reported.",
	.source = "mount(8); hier(7); sshd(8), AUTHORIZED_KEYS FILE FORMAT",
	.rows = "12",
	.repair = REPAIR_SURE,
	.examine = examine,
};
