/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/selinux.h"

/* What sshd and systemd cannot do without, when the label is lost. */
static const char *const critical[] = {
	"/etc/passwd",		"/etc/shadow",		"/etc/group",
	"/etc/ssh/sshd_config", "/usr/sbin/sshd",	"/usr/lib/systemd/systemd",
	"/usr/bin/bash",	"/usr/lib64/libc.so.6", "/etc/ld.so.cache",
	"/etc/pam.d/sshd",	"/etc/nsswitch.conf",	"/usr/bin/sudo",
};

/* Types that a file gets where nobody gave it one, or in a place where it does not belong. */
static bool is_alien(const char *label)
{
	static const char *const types[] = { ":unlabeled_t:",	  ":file_t:", ":default_t:",
					     ":user_tmp_t:",	  ":tmp_t:",  ":user_home_t:",
					     ":admin_home_t:",	  ":nfs_t:",  ":mnt_t:",
					     ":container_file_t:" };

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (strstr(label, types[i]))
			return true;
	return false;
}

/* "", or the label that is wrong; NULL: the file is not there, or its label is right. */
static char *wrong_label(const struct machine *machine, const char *path)
{
	cleanup(str_done) struct str label = STR_INIT;
	struct err err = ERR_INIT;
	struct tree_stat st;

	if (tree_stat(machine_tree(machine), path, TREE_FOLLOW, &st, &err) < 0 || !S_ISREG(st.mode))
		return NULL;
	if (tree_getxattr(machine_tree(machine), path, "security.selinux", &label, &err) < 0)
		return err.code == ERR_NOTFOUND ? mem_strdup("") : NULL;
	return is_alien(label.s) ? mem_strdup(label.s) : NULL;
}

static bool can_relabel(const struct machine *machine)
{
	static const char *const paths[] = { "/usr/lib/systemd/system/selinux-autorelabel.service",
					     "/usr/libexec/selinux/selinux-autorelabel",
					     "/etc/rc.d/rc.sysinit",
					     "/usr/lib/systemd/rhel-autorelabel",
					     "/usr/lib/systemd/system/rhel-autorelabel.service" };

	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		if (tree_exists(machine_tree(machine), paths[i]))
			return true;
	return false;
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct selinux *selinux = selinux_read(machine);
	cleanup(free) char *first_label = NULL;
	const char *first = NULL;
	struct finding *finding;
	bool can;
	size_t count = 0;

	(void)err;
	if (selinux->mode != SELINUX_ENFORCING || !selinux->policy || !selinux->has_contexts ||
	    selinux->will_relabel)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(critical); i++) {
		char *label = wrong_label(machine, critical[i]);

		count += label != NULL;
		if (!first && label) {
			first = critical[i];
			first_label = TAKE(label);
		}
		free(label);
	}
	if (!first)
		return 0;
	can = can_relabel(machine);
	finding = finding_add(
		out, SEVERITY_BLOCKS_LOGIN,
		can		     ? REPAIR_SURE
		: selinux->is_forced ? REPAIR_NONE
				     : REPAIR_OFFERED,
		"72", first, 0,
		"%s%s has %s%s; SELinux enforces, and keeps sshd and the services from such files",
		first, count > 1 ? " (not the only one)" : "",
		first_label[0] ? "the label of another place, " : "lost its label",
		first_label[0] ? machine_quote(machine, first_label, strlen(first_label)) : "");
	if (can)
		edit_create(&finding->edits, "/.autorelabel", &(struct tree_new){ .mode = 0644 },
			    "", 0);
	else if (!selinux->is_forced)
		shellvars_edit_set(&selinux->config, SELINUX_CONFIG, "SELINUX", "permissive",
				   &finding->edits);
	return 0;
}

const struct check check_selinux_labels = {
	.name = "selinux-labels",
	.title = "files have lost their SELinux labels",
	.explain =
		"A restore from an archive, a copy without extended attributes, or an edit from a "
		"system without SELinux leaves files without a label, or with that of the place "
		"they "
		"were made in. Enforcing, SELinux treats them as strangers: systemd may not "
		"execute "
		"sshd, sshd may not read /etc/shadow or start a shell. The repair is what "
		"`fixfiles onboot` does: /.autorelabel makes the next boot label everything again "
		"and "
		"restart once, which takes minutes. Where nothing on the volume would do that, "
		"SELINUX=permissive is offered. Edits of this program keep labels.",
	.source = "selinux(8) FILE LABELING; fixfiles(8) onboot; selinux-autorelabel of "
		  "policycoreutils",
	.rows = "72",
	.repair = REPAIR_SURE,
	.examine = examine,
};
