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

/* With keys in a place of their own, homes do not matter for the login. */
static bool keys_are_in_homes(const struct machine *machine)
{
	struct err ignored = ERR_INIT;
	const struct str *text = machine_file(machine, "/etc/ssh/sshd_config", &ignored);

	for (const char *p = text ? text->s : ""; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		const char *word = p + strspn(p, " \t");
		const char *value = word + strcspn(word, " \t=\n");

		if (value - word == 18 && !strncasecmp(word, "AuthorizedKeysFile", 18))
			return value[strspn(value, " \t=\"")] != '/';
	}
	return true;
}

/* Will something be mounted at or above this path, so that the tree does not show what is there? */
static bool is_covered(const struct fstab_view *view, const struct fstab_entry *self,
		       const char *path)
{
	vec_foreach (entry, &view->fstab) {
		cleanup(free) char *target = fstab_target(entry);
		struct fstab_device device;
		bool is_there;

		if (entry == self || target[0] != '/' || !target[1] || !path_is_below(path, target))
			continue;
		fstab_device(view, entry, &device);
		is_there = device.presence != DEVICE_MISSING;
		fstab_device_done(&device);
		if (is_there)
			return true;
	}
	return false;
}

/* A file system in memory, or a bind mount of a directory that is empty or will be made empty. */
static bool is_empty_source(const struct fstab_view *view, const struct fstab_entry *entry)
{
	const char *type = entry->field[FSTAB_TYPE], *source = entry->field[FSTAB_SPEC];
	cleanup(tree_names_done) struct tree_names names = { 0 };
	struct err err = ERR_INIT;

	if (!fstab_is_bind(entry))
		return str_eq(type, "tmpfs") || str_eq(type, "ramfs");
	if (source[0] != '/' || path_is_below(source, "/run") || path_is_below(source, "/proc") ||
	    path_is_below(source, "/dev") || path_is_below(source, "/sys") ||
	    is_covered(view, entry, source))
		return false;
	if (tree_list(machine_tree(view->machine), source, &names, &err) < 0)
		return err.code == ERR_NOTFOUND &&
		       !tree_exists(machine_tree(view->machine), source);
	return !names.count;
}

static void judge(const struct fstab_view *view, const struct fstab_entry *entry,
		  struct findings *findings)
{
	cleanup(free) char *target = fstab_target(entry);
	enum severity severity = SEVERITY_BLOCKS_LOGIN;
	enum repair_class repair = REPAIR_SURE;
	enum fstab_pull pull = fstab_pull(entry);
	const char *user = NULL, *type = entry->field[FSTAB_TYPE];
	bool is_empty;

	if (pull == PULL_NOTHING || pull == PULL_SWAP || pull == PULL_ROOT ||
	    str_eq(type, "overlay") || target[0] != '/')
		return;
	is_empty = is_empty_source(view, entry);
	if (is_empty && (is_core(target) || str_eq(target, "/usr"))) {
		severity = SEVERITY_BLOCKS_BOOT;
	} else if (is_empty && str_eq(target, "/boot")) {
		severity = SEVERITY_NOTE;
		repair = REPAIR_OFFERED;
	} else if (is_core(target)) {
		repair = REPAIR_OFFERED; /* it may hold a whole /etc */
	} else if (is_empty && (user = key_below(view->machine, target))) {
		repair = keys_are_in_homes(view->machine) ? REPAIR_SURE : REPAIR_OFFERED;
	} else {
		return;
	}
	fstab_edit_comment_out(
		view,
		finding_add(findings, severity, repair, "12", FSTAB_PATH, entry->line,
			    "%s is mounted over %s and hides what is there%s%s%s",
			    !is_empty		   ? fstab_quote(view, entry->field[FSTAB_SPEC])
			    : fstab_is_bind(entry) ? "an empty directory"
						   : "an empty file system in memory",
			    fstab_quote(view, target), user ? ", also the authorized_keys of " : "",
			    user ? fstab_quote(view, user) : "",
			    user ? ": the key no longer opens" : ""),
		entry, "it would hide what is in that directory");
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
	.needs = NEEDS_DISKS,
	.examine = examine,
};
