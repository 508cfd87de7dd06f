/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sshd_hostkey.h"
#include "checks/sshd_people.h"
#include "checks/sshd_service.h"
#include "checks/units.h"

#include <strings.h>

struct key_file {
	char *path;
	const struct sshd_directive *by;	/* NULL: sshd's default */
	bool exists, is_empty, is_key, is_open; /* open: others can read it */
	struct tree_stat st;
};
VEC_TYPE(key_files, struct key_file);

static void look_at(const struct machine *machine, struct key_file *k)
{
	struct err err = ERR_INIT;
	const struct str *bytes;
	uint32_t allowed;

	if (tree_stat(machine_tree(machine), k->path, TREE_FOLLOW, &k->st, &err) < 0)
		return;
	bytes = machine_file(machine, k->path, &err);
	k->exists = true;
	k->is_empty = !k->st.size_bytes;
	k->is_key =
		bytes && strstr(bytes->s, "-----BEGIN ") && strstr(bytes->s, "PRIVATE KEY-----");
	/* Red Hat's sshd lets the group ssh_keys read. */
	allowed = machine_os_is_like(machine, "fedora") || machine_os_is_like(machine, "rhel") ? 040
											       : 0;
	k->is_open = !k->st.uid && (k->st.mode & 077 & ~allowed);
}

static void add_file(const struct machine *machine, const char *path,
		     const struct sshd_directive *by, struct key_files *ret)
{
	struct key_file *k = vec_add(ret);

	k->path = *path == '/' ? mem_strdup(path) : mem_printf("/etc/ssh/%s", path);
	k->by = by;
	look_at(machine, k);
}

static void list_files(const struct machine *machine, const struct sshd_conf *conf,
		       struct key_files *ret)
{
	static const char *const defaults[] = { "/etc/ssh/ssh_host_rsa_key",
						"/etc/ssh/ssh_host_ecdsa_key",
						"/etc/ssh/ssh_host_ed25519_key" };

	vec_foreach (d, &conf->directives)
		if (!d->scope && !d->fatal && sshd_directive_is(d, "hostkey") &&
		    strcasecmp(sshd_directive_arg(d), "none"))
			add_file(machine, sshd_directive_arg(d), d, ret);
	if (ret->count)
		return;
	for (size_t i = 0; i < ARRAY_LEN(defaults); i++)
		add_file(machine, defaults[i], NULL, ret);
}

static bool usable(const struct key_file *k)
{
	return k->exists && k->is_key && !k->is_open;
}

/* Does something at boot make what is missing? */
static bool made_at_boot(const struct machine *machine)
{
	struct tree *tree = machine_tree(machine);
	const char *unit = sshd_service_unit(machine);
	cleanup(unit_values_done) struct unit_values before = { 0 };
	/* cloud-init makes keys once an instance: when it has seen this one, it will not again. */
	bool has_cloud_init = tree_exists(tree, "/usr/bin/cloud-init") ||
			      tree_exists(tree, "/etc/cloud/cloud.cfg");
	bool cloud_init_ran = tree_exists(tree, "/var/lib/cloud/instance") ||
			      tree_exists(tree, "/var/lib/cloud/data/instance-id");
	bool disabled = tree_exists(tree, "/etc/cloud/cloud-init.disabled");

	if (has_cloud_init && !disabled && !cloud_init_ran)
		return true;
	if (!unit) /* init scripts of old make keys */
		return !tree_is_dir(tree, "/usr/lib/systemd/system") &&
		       !tree_is_dir(tree, "/lib/systemd/system");
	unit_values_read(machine, unit, "Service", "ExecStartPre", &before);
	vec_foreach (v, &before)
		if (strstr(v->value, "keygen") || strstr(v->value, "gen-keys"))
			return true;
	/* Where cloud-init is active, Red Hat's generators stand back for it. */
	if (has_cloud_init && !disabled &&
	    tree_exists(tree, "/usr/lib/systemd/system/sshd-keygen@.service.d/"
			      "disable-sshd-keygen-if-cloud-init-active.conf"))
		return false;
	return machine_unit(machine, "sshd-keygen@.service") == UNIT_DISABLED ||
	       machine_unit(machine, "sshd-keygen@.service") == UNIT_ENABLED ||
	       machine_unit(machine, "sshd-keygen.service") == UNIT_DISABLED ||
	       machine_unit(machine, "sshd-keygen.service") == UNIT_ENABLED ||
	       machine_unit(machine, "sshdgenkeys.service") == UNIT_DISABLED;
}

static void report_modes(const struct machine *machine, const struct key_files *files, bool is_sure,
			 struct findings *out)
{
	vec_foreach (k, files) {
		if (!k->exists || !k->is_key || !k->is_open)
			continue;
		struct finding *f = finding_add(
			out, is_sure ? SEVERITY_BLOCKS_LOGIN : SEVERITY_NOTE,
			is_sure ? REPAIR_SURE : REPAIR_OFFERED, "89", k->path, 0,
			"%s can be read by others (%04o): sshd %s",
			machine_quote(machine, k->path, strlen(k->path)), k->st.mode & 07777,
			is_sure ? "has no other key and does not start" : "does not use it");
		edit_mode(&f->edits, k->path, &k->st, k->st.mode & 07700, k->st.uid, k->st.gid);
	}
}

/* HostKey names files that are not there, and sshd's usual ones are. */
static bool defaults_would_do(const struct machine *machine)
{
	cleanup(sshd_conf_free) struct sshd_conf *none = sshd_conf_new(machine);
	struct key_files files = { 0 };
	bool any = false;

	list_files(machine, none, &files);
	vec_foreach (k, &files) {
		any |= usable(k);
		free(k->path);
	}
	vec_done(&files);
	return any;
}

static void report_missing(const struct machine *machine, const struct key_files *files,
			   struct findings *out)
{
	const struct key_file *first = &files->items[0];
	struct finding *f;

	if (first->by && defaults_would_do(machine)) {
		f = finding_add(
			out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "89", first->by->path,
			first->by->line,
			"no file that HostKey names holds a key, but the usual files do: sshd "
			"does not start");
		vec_foreach (k, files)
			sshd_edit_comment(&f->edits, k->by);
		sshd_finding_end(f);
		return;
	}
	if (made_at_boot(machine))
		return;
	f = finding_add(
		out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "89", first->path, 0,
		"there is no usable host key (%s), and nothing makes one at boot: sshd does not "
		"start",
		!first->exists	  ? "the files are missing"
		: first->is_empty ? "the files are empty"
				  : "the files hold no key");
	const char *path = "/etc/ssh/ssh_host_ed25519_key";
	if (first->by) {
		path = first->path;
		vec_foreach (k, files)
			if (strstr(k->path, "ed25519"))
				path = k->path;
	}
	hostkey_edit(machine, path, &f->edits);
	sshd_finding_end(f);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	cleanup(sshd_conf_free) struct sshd_conf *defaults = NULL;
	const struct sshd_conf *conf = NULL;
	struct key_files files = { 0 };
	bool any = false, any_open = false;

	if (!tree_exists(machine_tree(machine), "/usr/sbin/sshd"))
		return 0;
	if (sshd_model(machine, &conf, NULL, err) < 0)
		return -1;
	if (!conf) {
		defaults = sshd_conf_new(machine);
		conf = defaults;
	}
	list_files(machine, conf, &files);
	vec_foreach (k, &files) {
		any |= usable(k);
		any_open |= k->exists && k->is_key && k->is_open;
	}
	report_modes(machine, &files, !any, out);
	if (files.count && !any && !any_open)
		report_missing(machine, &files, out);
	vec_foreach (k, &files)
		free(k->path);
	vec_done(&files);
	return 0;
}

const struct check check_sshd_host_keys = {
	.name = "sshd-host-keys",
	.title = "sshd has no host key that it may use",
	.explain = "sshd needs one private host key that only root can read; without any it does "
		   "not start (\"no "
		   "hostkeys available -- exiting\"). Keys that others can read are ignored: the "
		   "repair takes "
		   "the bits away. Missing or empty ones are made anew at boot by Red Hat's and "
		   "SUSE's units, and "
		   "by cloud-init only on an instance's first boot; where nothing does, the repair "
		   "makes one "
		   "Ed25519 key from the volume's own secret random seed. Clients will then warn "
		   "that the host "
		   "key has changed, and they are right.",
	.source = "sshd(8) FILES, /etc/ssh/ssh_host_*; sshd_config(5) HostKey; "
		  "sshd-keygen@.service of Fedora; "
		  "cloud-init module ssh",
	.rows = "89",
	.repair = REPAIR_SURE,
	.examine = examine,
};
