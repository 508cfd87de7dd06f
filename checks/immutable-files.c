/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sshd_people.h"

#define NAMED_MAX 4u

/* Files and directories that somebody made unchangeable, and their edits. */
struct frozen {
	VEC(char *) paths;
	struct edits edits;
};

static void frozen_done(struct frozen *frozen)
{
	vec_foreach (path, &frozen->paths)
		free(*path);
	vec_done(&frozen->paths);
	edits_done(&frozen->edits);
}
DEFINE_CLEANUP_DONE(struct frozen, frozen_done)

static void add_path(const struct machine *machine, const char *path, struct frozen *ret)
{
	cleanup(str_done) struct str real = STR_INIT;
	struct err ignored = ERR_INIT;
	struct tree_stat st;

	if (path[0] != '/' ||
	    tree_stat(machine_tree(machine), path, TREE_FOLLOW, &st, &ignored) < 0 ||
	    tree_resolve(machine_tree(machine), path, &real, &ignored) < 0)
		return;
	/* New names can still be made in a directory to which things may only be added. */
	if (!st.attr_flags || (S_ISDIR(st.mode) && !(st.attr_flags & TREE_IMMUTABLE)))
		return;
	vec_foreach (known, &ret->paths)
		if (str_eq(*known, real.s))
			return;
	edit_flags(&ret->edits, real.s, &st, 0);
	vec_push(&ret->paths, str_take(&real));
}

static void add_all(const struct machine *machine, const char *const *paths, size_t count,
		    struct frozen *ret)
{
	for (size_t i = 0; i < count; i++)
		add_path(machine, paths[i], ret);
}

static void report(const struct machine *machine, const struct frozen *frozen,
		   enum severity severity, enum repair_class repair, const char *what,
		   struct findings *out)
{
	cleanup(str_done) struct str names = STR_INIT;
	struct finding *finding;

	if (!frozen->paths.count)
		return;
	for (size_t i = 0; i < frozen->paths.count && i < NAMED_MAX; i++)
		str_addf(&names, "%s%s", i ? ", " : "",
			 machine_quote(machine, frozen->paths.items[i],
				       strlen(frozen->paths.items[i])));
	if (frozen->paths.count > NAMED_MAX)
		str_addf(&names, " and %zu more", frozen->paths.count - NAMED_MAX);
	finding = finding_add(out, severity, repair, "38", frozen->paths.items[0], 0,
			      "%s cannot be changed (chattr +i or +a): %s", names.s, what);
	edits_add_all(&finding->edits, &frozen->edits);
}

static void look_at_accounts(const struct machine *machine, struct findings *out)
{
	static const char *const paths[] = { "/etc/passwd",  "/etc/shadow",  "/etc/group",
					     "/etc/gshadow", "/etc/sudoers", "/etc/sudoers.d",
					     "/etc/subuid",  "/etc/subgid" };
	cleanup(frozen_done) struct frozen frozen = { 0 };

	add_all(machine, paths, ARRAY_LEN(paths), &frozen);
	report(machine, &frozen, SEVERITY_NOTE, REPAIR_OFFERED,
	       "whoever must change an expired password cannot, and cloud-init can make no user",
	       out);
}

/* Where a boot makes files. */
static void look_at_directories(const struct machine *machine, struct findings *out)
{
	static const char *const paths[] = { "/",
					     "/etc",
					     "/var",
					     "/var/lib",
					     "/var/lib/cloud",
					     "/var/log",
					     "/var/tmp",
					     "/var/cache",
					     "/var/lib/dhcp",
					     "/var/lib/dhclient",
					     "/var/lib/NetworkManager",
					     "/var/lib/systemd",
					     "/tmp",
					     "/root",
					     "/home" };
	cleanup(frozen_done) struct frozen frozen = { 0 };

	add_all(machine, paths, ARRAY_LEN(paths), &frozen);
	report(machine, &frozen, SEVERITY_DELAYS, REPAIR_OFFERED,
	       "what the boot makes there is not made, and the services that need it fail", out);
}

static bool has_host_key(const struct machine *machine)
{
	const struct tree_names *names = machine_list(machine, "/etc/ssh");

	if (!names)
		return true; /* cannot be told */
	vec_foreach (name, names)
		if (str_starts(*name, "ssh_host_") && str_ends(*name, "_key"))
			return true;
	return false;
}

/* Without host keys sshd waits for those that are made at boot, and here they cannot be. */
static void look_at_ssh(const struct machine *machine, struct findings *out)
{
	static const char *const paths[] = { "/etc/ssh", "/etc/ssh/sshd_config" };
	cleanup(frozen_done) struct frozen frozen = { 0 };
	bool is_keyless;

	add_all(machine, paths, ARRAY_LEN(paths), &frozen);
	is_keyless = frozen.paths.count && str_eq(frozen.paths.items[0], "/etc/ssh") &&
		     !has_host_key(machine);
	report(machine, &frozen, is_keyless ? SEVERITY_BLOCKS_LOGIN : SEVERITY_NOTE,
	       is_keyless ? REPAIR_SURE : REPAIR_OFFERED,
	       is_keyless
		       ? "there is no host key, none can be made at boot, and sshd does not start"
		       : "cloud-init can neither set it up nor make host keys",
	       out);
}

static int look_at_keys(const struct machine *machine, struct findings *out, struct err *err)
{
	cleanup(frozen_done) struct frozen frozen = { 0 };
	const struct sshd_conf *conf = NULL;
	const struct people *people = NULL;

	if (sshd_model(machine, &conf, &people, err) < 0)
		return -1;
	if (!people)
		return 0;
	vec_foreach (person, &people->persons) {
		cleanup(free) char *dir = mem_printf("%s/.ssh", person->user->home);

		add_path(machine, dir, &frozen);
		vec_foreach (file, &person->key_files)
			add_path(machine, *file, &frozen);
	}
	report(machine, &frozen, SEVERITY_NOTE, REPAIR_OFFERED,
	       "the key of a new instance does not come in", out);
	return 0;
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	look_at_directories(machine, out);
	look_at_accounts(machine, out);
	look_at_ssh(machine, out);
	return look_at_keys(machine, out, err);
}

const struct check check_immutable_files = {
	.name = "immutable-files",
	.title = "files of the login cannot be changed by anybody (chattr +i)",
	.explain =
		"An immutable file can be read and not changed, not even by root: passwd, useradd "
		"and "
		"cloud-init fail with \"Operation not permitted\", and in an immutable directory "
		"nothing can be made. It is set on purpose to harden a system, by malware to keep "
		"its "
		"own keys, and by chattr -R by mistake. It locks out only by what cannot happen: a "
		"new key, a changed password, the first host keys. So it is told and the "
		"attribute's "
		"removal offered; done by itself where sshd has no host key and can get none. "
		"Other "
		"repairs go through such files all the same, and leave the attribute as it was. "
		"Logs "
		"and resolv.conf are often frozen on purpose and are passed over.",
	.source = "chattr(1); ioctl_iflags(2)",
	.rows = "38",
	.repair = REPAIR_SURE,
	.examine = examine,
};
