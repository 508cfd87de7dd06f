/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/accounts.h"
#include "checks/sshd_service.h"
#include "checks/units.h"

#include <stdio.h>

/* Where sshd locks its unprivileged half in. The binary tells; else the distribution does. */
static const char *chroot_of(const struct machine *machine, const struct sshd_program *program)
{
	static const char *const known[] = { "/var/empty/sshd", "/usr/share/empty.sshd",
					     "/var/lib/empty", "/run/sshd", "/var/run/sshd" };
	const struct machine_os *os = machine_os(machine);
	long version = strtol(os->version_id, NULL, 10);

	for (size_t i = 0; program->binary && i < ARRAY_LEN(known); i++)
		if (sshd_program_has(program, known[i]))
			return known[i];
	if (program->binary)
		return NULL;
	if (machine_os_is_like(machine, "debian"))
		return "/run/sshd";
	if (machine_os_is_like(machine, "suse"))
		return "/var/lib/empty";
	if (str_eq(os->id, "amzn"))
		return version == 2 || (version >= 2013 && version <= 2018)
			       ? "/var/empty/sshd"
			       : "/usr/share/empty.sshd";
	if (str_eq(os->id, "rhel") || str_eq(os->id, "centos") || str_eq(os->id, "rocky") ||
	    str_eq(os->id, "almalinux") || str_eq(os->id, "ol"))
		return version <= 8 ? "/var/empty/sshd" : "/usr/share/empty.sshd";
	return NULL;
}

/* /var on a file system that is not here? */
static bool is_hidden(const struct machine *machine, const char *path)
{
	cleanup(tree_names_done) struct tree_names names = { 0 };
	struct err err = ERR_INIT;

	return str_starts(path, "/var/") &&
	       (tree_list(machine_tree(machine), "/var", &names, &err) < 0 || !names.count);
}

/* /run is empty at boot: the unit or tmpfiles.d makes the directory. */
static void check_runtime(const struct machine *machine, const char *path, struct findings *out)
{
	static const char *const dirs[] = { "/usr/lib/tmpfiles.d", "/etc/tmpfiles.d",
					    "/lib/tmpfiles.d" };
	static const char made[] = "/etc/tmpfiles.d/ec2-rescue-sshd.conf";
	const char *unit = sshd_service_unit(machine);
	cleanup(unit_values_done) struct unit_values values = { 0 };

	if (!unit)
		return; /* the init scripts of old make it */
	unit_values_read(machine, unit, "Service", "RuntimeDirectory", &values);
	vec_foreach (v, &values)
		if (strstr(v->value, "sshd"))
			return;
	unit_values_read(machine, unit, "Service", "ExecStartPre", &values);
	vec_foreach (v, &values)
		if (strstr(v->value, path))
			return;
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		cleanup(tree_names_done) struct tree_names names = { 0 };
		struct err err = ERR_INIT;
		if (tree_list(machine_tree(machine), dirs[i], &names, &err) < 0)
			continue;
		vec_foreach (name, &names) {
			cleanup(free) char *file = mem_printf("%s/%s", dirs[i], *name);
			const struct str *bytes = machine_file(machine, file, &err);
			if (bytes && strstr(bytes->s, "/run/sshd"))
				return;
		}
	}
	struct finding *f = finding_add(out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "90",
					machine_unit_path(machine, unit), 0,
					"nothing makes %s at boot (%s has no "
					"RuntimeDirectory=sshd), and sshd does not start "
					"without it",
					path, unit);
	cleanup(free) char *line = mem_printf("d %s 0755 root root -\n", path);
	edit_create(&f->edits, made, &(struct tree_new){ .mode = 0644 }, line, strlen(line));
}

static void check_directory(const struct machine *machine, const char *path, struct findings *out)
{
	struct err err = ERR_INIT;
	struct tree_stat st;
	struct finding *f;

	if (is_hidden(machine, path))
		return;
	if (tree_stat(machine_tree(machine), path, TREE_FOLLOW, &st, &err) < 0) {
		if (err.code != ERR_NOTFOUND)
			return;
		f = finding_add(out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "90", path, 0,
				"%s is missing: sshd does not start without its empty directory",
				path);
		edit_mkdir(&f->edits, path, &(struct tree_new){ .mode = 0711 });
		return;
	}
	if (S_ISDIR(st.mode) && !st.uid && !(st.mode & 022))
		return;
	f = finding_add(
		out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "90", path, 0,
		"%s (%04o, owner %u) has to be a directory that only root can write: sshd does "
		"not start",
		path, st.mode & 07777, st.uid);
	if (S_ISDIR(st.mode))
		edit_mode(&f->edits, path, &st, st.mode & 07755, 0, st.uid ? 0 : st.gid);
	sshd_finding_end(f);
}

/* passwd's line for sshd in the backup that useradd and friends keep; NULL: none that would be an
 * account. */
static char *line_from_backup(const struct machine *machine)
{
	cleanup(account_lines_done) struct account_lines lines = { 0 };
	struct err err = ERR_INIT;
	const struct str *backup = machine_file(machine, "/etc/passwd-", &err);
	const struct account_line *line;

	if (!backup)
		return NULL;
	account_lines_read(ACCOUNT_PASSWD, backup, &lines);
	line = account_find(&lines, "sshd");
	return line && line->is_account
		       ? mem_printf("%.*s\n", (int)strcspn(line->text, "\r"), line->text)
		       : NULL;
}

static bool uid_is_free(const struct machine *machine, uint32_t uid)
{
	const struct machine_users *users = machine_users(machine);

	vec_foreach (user, users)
		if (user->uid == uid)
			return false;
	return true;
}

/* The group sshd's number, or a group of nobody. */
static uint32_t group_for(const struct machine *machine)
{
	static const char *const groups[] = { "sshd:", "nogroup:", "nobody:" };
	struct err err = ERR_INIT;
	const char *text = machine_text(machine, "/etc/group", &err);

	for (size_t i = 0; text && i < ARRAY_LEN(groups); i++) {
		size_t len = strlen(groups[i]);
		for (const char *p = text; p && *p; p = (p = strchr(p, '\n')) ? p + 1 : NULL) {
			unsigned gid;
			/* NOLINTNEXTLINE(cert-err34-c): a number that is too large is no worse than none */
			if (!strncmp(p, groups[i], len) && sscanf(p + len, "%*[^:]:%u", &gid) == 1)
				return gid;
		}
	}
	return 65534;
}

static void check_user(const struct machine *machine, const char *path, struct findings *out)
{
	struct err err = ERR_INIT;
	const struct str *passwd = machine_file(machine, "/etc/passwd", &err);
	const struct str *more = machine_file(machine, "/usr/lib/passwd", &err);
	uint32_t uid = 74;

	if (!passwd || !machine_user(machine, "root") || machine_user(machine, "sshd") ||
	    (more && (!strncmp(more->s, "sshd:", 5) || strstr(more->s, "\nsshd:"))))
		return;
	cleanup(free) char *line = line_from_backup(machine);
	if (!uid_is_free(machine, uid) || machine_os_is_like(machine, "debian"))
		for (uid = 999; uid > 100 && !uid_is_free(machine, uid); uid--)
			;
	if (!line)
		line = mem_printf("sshd:x:%u:%u:Privilege-separated SSH:%s:/sbin/nologin\n", uid,
				  group_for(machine), path ? path : "/");
	struct finding *f =
		finding_add(out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "90", "/etc/passwd", 0,
			    "there is no user sshd: sshd does not start without the user for its "
			    "unprivileged half");
	cleanup(str_done) struct str changed = STR_INIT;
	str_add_bytes(&changed, passwd->s, passwd->len);
	if (changed.len && changed.s[changed.len - 1] != '\n')
		str_add_char(&changed, '\n');
	str_add(&changed, line);
	edit_replace(&f->edits, "/etc/passwd", passwd, &changed);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	struct sshd_program program;
	const char *path;

	(void)err;
	if (!tree_exists(machine_tree(machine), "/usr/sbin/sshd"))
		return 0;
	program = sshd_program(machine);
	path = chroot_of(machine, &program);
	if (path && (str_starts(path, "/run/") || str_starts(path, "/var/run/")))
		check_runtime(machine, path, out);
	else if (path)
		check_directory(machine, path, out);
	check_user(machine, path, out);
	return 0;
}

const struct check check_sshd_privsep = {
	.name = "sshd-privsep",
	.title = "sshd's empty directory or its user is missing",
	.explain = "Before a login sshd talks to the client from an unprivileged process, locked "
		   "into an empty "
		   "directory as the user sshd. If the directory is missing or not root's alone, "
		   "or the user is "
		   "gone from /etc/passwd, sshd does not start. Which directory it is differs "
		   "(/run/sshd, "
		   "/var/empty/sshd, /usr/share/empty.sshd, /var/lib/empty): the binary on the "
		   "volume tells. The "
		   "repair makes the directory, or corrects its mode, or adds the user (from "
		   "/etc/passwd- where "
		   "it is still listed there).",
	.source = "sshd(8) FILES; README.privsep; the units and tmpfiles.d of Debian, Fedora and "
		  "SUSE",
	.rows = "90",
	.repair = REPAIR_SURE,
	.examine = examine,
};
