/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sshd_people.h"
#include "checks/sshd_service.h"

#include <strings.h>

#define DROP_INS "/etc/ssh/sshd_config.d"

static bool sshd_is_installed(const struct machine *machine)
{
	return tree_exists(machine_tree(machine), "/usr/sbin/sshd") ||
	       sshd_service_unit(machine) != NULL;
}

static const char *sftp_server(const struct machine *machine)
{
	static const char *const paths[] = {
		"/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server",
		"/usr/libexec/sftp-server",	"/usr/lib/ssh/sftp-server",
		"/usr/lib64/ssh/sftp-server",	"/usr/libexec/ssh/sftp-server",
	};

	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		if (tree_exists(machine_tree(machine), paths[i]))
			return paths[i];
	return "internal-sftp";
}

/* Does a drop-in say it already? A second Subsystem of one name is fatal before 9.5. */
static bool drop_in_says(const struct machine *machine, const char *keyword)
{
	cleanup(tree_names_done) struct tree_names names = { 0 };
	struct err err = ERR_INIT;

	if (tree_list(machine_tree(machine), DROP_INS, &names, &err) < 0)
		return false;
	vec_foreach (name, &names) {
		cleanup(free) char *path = mem_printf(DROP_INS "/%s", *name);
		const struct str *bytes = machine_file(machine, path, &err);
		for (const char *p = bytes ? bytes->s : NULL; p && *p; p += *p == '\n') {
			if (!strncasecmp(p + strspn(p, " \t"), keyword, strlen(keyword)))
				return true;
			p += strcspn(p, "\n");
		}
	}
	return false;
}

static bool somebody_has_a_key(const struct machine *machine)
{
	cleanup(sshd_conf_free) struct sshd_conf *conf = sshd_conf_new(machine);
	cleanup(people_done) struct people people = { 0 };
	struct err err = ERR_INIT;
	bool has_key = false;

	if (people_load(machine, conf, &people, &err) < 0)
		return false;
	vec_foreach (person, &people.persons)
		has_key |= person->home_keys.count > 0;
	return has_key;
}

/* What distributions ship, reduced to what differs from sshd's own defaults and lets people in. */
static void write_config(const struct machine *machine, uint32_t version, struct str *text)
{
	str_add(text, "# Restored by ec2-rescue: the file was lost.\n");
	if (tree_is_dir(machine_tree(machine), DROP_INS) && (!version || version >= 802))
		str_add(text, "Include " DROP_INS "/*.conf\n");
	if (somebody_has_a_key(machine)) {
		str_add(text, "PasswordAuthentication no\n");
		str_addf(text, "%s no\n",
			 version >= 807 ? "KbdInteractiveAuthentication"
					: "ChallengeResponseAuthentication");
	}
	str_add(text, "UsePAM yes\n");
	str_add(text, "PrintMotd no\n");
	str_add(text, "AcceptEnv LANG LC_*\n");
	if (!drop_in_says(machine, "subsystem"))
		str_addf(text, "Subsystem sftp %s\n", sftp_server(machine));
}

/* Nothing but blanks and NULs: what a crash leaves of a file that was being written. */
static bool is_blank(const struct str *bytes)
{
	for (size_t i = 0; i < bytes->len; i++)
		if (bytes->s[i] && !strchr(" \t\r\n", bytes->s[i]))
			return false;
	return true;
}

/* sshd's own defaults do without PAM, and then refuse accounts whose password is locked. */
static bool defaults_lock_out(const struct machine *machine)
{
	cleanup(sshd_conf_free) struct sshd_conf *conf = sshd_conf_new(machine);
	cleanup(people_done) struct people people = { 0 };
	struct err err = ERR_INIT;

	return people_load(machine, conf, &people, &err) == 0 &&
	       people_stopped(&people, GATE_LOCKED);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const char *path = sshd_conf_path(machine);
	const struct str *bytes;
	struct err read_err = ERR_INIT;
	struct sshd_program program = sshd_program(machine);
	cleanup(str_done) struct str text = STR_INIT;
	struct finding *f;

	if (!sshd_is_installed(machine))
		return 0;
	bytes = machine_file(machine, path, &read_err);
	if (!bytes && read_err.code != ERR_NOTFOUND) {
		*err = read_err;
		return -1;
	}
	bool is_garbage = false;
	if (bytes && !is_blank(bytes)) {
		cleanup(sshd_conf_free) struct sshd_conf *conf = NULL;
		if (sshd_conf_read(machine, &conf, err) < 0)
			return -1;
		is_garbage = conf && sshd_conf_is_garbage(conf);
		if (!is_garbage)
			return 0;
	} else if (bytes && !defaults_lock_out(machine)) {
		return 0;
	}
	write_config(machine, program.version, &text);
	if (bytes) {
		f = finding_add(out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "78", path, 0, "%s",
				is_garbage ? "sshd_config holds no line that sshd would take: it "
					     "does not start"
					   : "sshd_config is empty: sshd runs without PAM and "
					     "refuses every account whose password is locked, as "
					     "cloud users' are");
		edit_replace(&f->edits, path, bytes, &text);
		return 0;
	}
	f = finding_add(out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "78", path, 0,
			"sshd_config is missing: sshd does not start");
	struct tree_stat st;
	bool is_dangling =
		tree_stat(machine_tree(machine), path, TREE_NOFOLLOW, &st, &read_err) == 0;
	if (is_dangling)
		edit_remove(&f->edits, path);
	const struct tree_new made = { .mode = machine_os_is_like(machine, "rhel") ||
							       machine_os_is_like(machine, "fedora")
						       ? 0600
						       : 0644 };
	edit_create(&f->edits, path, &made, text.s, text.len);
	return 0;
}

const struct check check_sshd_config_missing = {
	.name = "sshd-config-missing",
	.title = "sshd_config is missing, empty or something else",
	.explain = "sshd refuses to start without its configuration, so port 22 is closed however "
		   "healthy "
		   "the rest is. The repair writes a short file with the distribution's "
		   "essentials: the "
		   "drop-ins of /etc/ssh/sshd_config.d where there are any, PAM, the sftp "
		   "subsystem that "
		   "is installed, and no passwords where somebody holds a key. Compare it with a "
		   "backup "
		   "of your own once you are in.",
	.source =
		"sshd(8) FILES; sshd_config(5) Include, UsePAM; the sshd_config of Debian, Fedora "
		"and Amazon Linux",
	.rows = "78",
	.repair = REPAIR_SURE,
	.examine = examine,
};
