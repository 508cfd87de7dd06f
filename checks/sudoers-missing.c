/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sudoers.h"

static const char path[] = "/etc/sudoers";

static bool is_usable(const struct machine *machine, const struct str *text)
{
	cleanup(sudoers_done) struct sudoers sudoers;

	sudoers_parse(text, sudo_version(machine), &sudoers);
	return sudoers.rules.count && !sudoers.problems.count;
}

/* A copy that a package manager or a careful person left. NULL: none is in order. */
static const struct str *find_copy(const struct machine *machine, char **ret_path)
{
	static const char *const names[] = {
		"sudoers.rpmsave",  "sudoers.dpkg-old",	 "sudoers.bak",	   "sudoers.orig",
		"sudoers.save",	    "sudoers.old",	 "sudoers~",	   "sudoers.backup",
		"sudoers.dpkg-new", "sudoers.dpkg-dist", "sudoers.rpmnew", "sudoers.ucf-dist"
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct err err = ERR_INIT;
		cleanup(free) char *copy = mem_printf("/etc/%s", names[i]);
		const struct str *text = machine_may_be_in(machine, "/etc", names[i])
						 ? machine_file(machine, copy, &err)
						 : NULL;
		if (!text || !is_usable(machine, text))
			continue;
		*ret_path = TAKE(copy);
		return text;
	}
	return NULL;
}

static bool has_group(const struct machine *machine, const char *name)
{
	struct err err = ERR_INIT;
	const struct str *text = machine_file(machine, "/etc/group", &err);
	cleanup(free) char *start = mem_printf("%s:", name), *inside = mem_printf("\n%s:", name);

	return text && (str_starts(text->s, start) || strstr(text->s, inside));
}

/* What every distribution's file comes to. */
static void add_default(const struct machine *machine, struct str *into)
{
	str_add(into, "Defaults\tenv_reset\n"
		      "Defaults\tsecure_path=\"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
		      "/sbin:/bin\"\n"
		      "root\tALL=(ALL:ALL) ALL\n");
	if (has_group(machine, "wheel"))
		str_add(into, "%wheel\tALL=(ALL:ALL) ALL\n");
	if (has_group(machine, "sudo"))
		str_add(into, "%sudo\tALL=(ALL:ALL) ALL\n");
	str_add(into, "#includedir /etc/sudoers.d\n");
}

static bool is_blank(const struct str *text)
{
	for (size_t i = 0; i < text->len; i++)
		if (!strchr(" \t\r\n", text->s[i])) /* finds NUL too */
			return false;
	return true;
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	cleanup(str_done) struct str fresh = STR_INIT;
	cleanup(free) char *copy = NULL;
	const struct str *text, *new;
	struct err read_err = ERR_INIT;
	struct finding *finding;

	if (!sudo_program(machine) || !str_eq(sudoers_path(machine), path))
		return 0;
	text = machine_file(machine, path, &read_err);
	if (!text && read_err.code != ERR_NOTFOUND) {
		*err = read_err;
		return -1;
	}
	bool is_garbage = text && sudoers_is_garbage(sudoers_model(machine));
	if (text && !is_blank(text) && !is_garbage)
		return 0;
	finding = finding_add(out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "103", path, 0,
			      is_garbage ? "%s holds no line that sudo can read: no rule lets "
					   "anybody become root"
			      : text	 ? "%s holds nothing: no rule lets anybody become root"
					 : "%s is not there: sudo refuses to run",
			      path);
	new = find_copy(machine, &copy);
	if (!new) {
		add_default(machine, &fresh);
		new = &fresh;
	}
	if (text) {
		edit_replace(&finding->edits, path, text, new);
		return 0;
	}
	const struct tree_new as = { .mode = 0440 };
	edit_create(&finding->edits, path, &as, new->s, new->len);
	return 0;
}

const struct check check_sudoers_missing = {
	.name = "sudoers-missing",
	.title = "the rules of sudo are gone",
	.explain = "Without /etc/sudoers sudo refuses to run, and an empty one, or one that is "
		   "something else altogether, lets nobody become "
		   "root. Accounts of cloud images have no other way to do so. The repair puts a "
		   "copy that lies beside it in its place (sudoers.rpmsave, sudoers.bak and the "
		   "like, if sudo can read it), or writes what all distributions have: root, "
		   "the group of administrators, and the drop-ins of /etc/sudoers.d, in which "
		   "cloud-init's rule still is.",
	.source = "sudoers(5); the sudoers files of Debian, Fedora and SUSE",
	.rows = "103",
	.repair = REPAIR_SURE,
	.examine = examine,
};
