/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/accounts.h"
#include "checks/units.h"
#include "fs/fstab.h"

/* Is something mounted on the way to the home at boot? Then it is not on this volume. */
static bool is_elsewhere(const struct machine *machine, const char *home)
{
	static const char *const others[] = { "/etc/auto.master", "/etc/auto.home",
					      "/etc/systemd/system/home.mount" };
	cleanup(fstab_done) struct fstab fstab = { 0 };
	struct err err = ERR_INIT;
	const struct str *text = machine_file(machine, "/etc/fstab", &err);

	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (tree_exists(machine_tree(machine), others[i]))
			return true;
	if (!text)
		return false;
	fstab_parse(text, &fstab);
	for (size_t i = 0; i < fstab.count; i++) {
		const char *at = fstab.items[i].rejected ? NULL : fstab.items[i].field[FSTAB_FILE];
		size_t len = at ? strlen(at) : 0;
		if (len > 1 && !strncmp(home, at, len) && (home[len] == '/' || !home[len]))
			return true;
	}
	return false;
}

/* Modules that make a home at the first login. */
static bool is_made_at_login(const struct machine *machine)
{
	static const char *const files[] = { "/etc/pam.d/sshd", "/etc/pam.d/common-session",
					     "/etc/pam.d/system-auth", "/etc/pam.d/password-auth" };

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct err err = ERR_INIT;
		const struct str *text = machine_file(machine, files[i], &err);
		if (text && (strstr(text->s, "pam_mkhomedir") || strstr(text->s, "oddjob_mkhome")))
			return true;
	}
	return false;
}

/* /home itself; what is deeper may be anything. */
static bool is_lost_too(const struct machine *machine, const char *parent)
{
	return str_eq(parent, "/home") && machine_is_whole(machine) &&
	       !machine_may_be_in(machine, "/", "home");
}

static void look_at(const struct machine *machine, const struct person *person, bool is_needed,
		    struct findings *out)
{
	const struct machine_user *user = person->user;
	const char *slash = strrchr(user->home, '/');
	cleanup(free) char *parent =
		mem_strndup(user->home, slash ? (size_t)(slash - user->home) : 0);
	const char *name = machine_quote(machine, user->name, strlen(user->name));
	const char *home = machine_quote(machine, user->home, strlen(user->home));
	struct err err = ERR_INIT;
	struct tree_stat st;

	if (!slash || slash == user->home || !slash[1] || strstr(user->home, "/.") ||
	    (!tree_is_dir(machine_tree(machine), parent) && !is_lost_too(machine, parent)) ||
	    is_elsewhere(machine, user->home))
		return;
	/* The first boot, or the first login, makes what was never there. */
	if (is_made_at_login(machine) || !tree_exists(machine_tree(machine), "/etc/shadow"))
		return;
	if (!tree_stat(machine_tree(machine), user->home, TREE_NOFOLLOW, &st, &err)) {
		if (S_ISDIR(st.mode) || tree_is_dir(machine_tree(machine), user->home))
			return;
		finding_add(out, is_needed ? SEVERITY_BLOCKS_LOGIN : SEVERITY_DELAYS, REPAIR_NONE,
			    "101", user->home, 0,
			    "%s, the home of %s, is no directory: no keys are "
			    "found in it",
			    home, name);
		return;
	}
	if (err.code != ERR_NOTFOUND)
		return;
	struct finding *finding = finding_add(
		out, is_needed ? SEVERITY_BLOCKS_LOGIN : SEVERITY_DELAYS, REPAIR_SURE, "101",
		user->home, 0,
		"%s, the home of %s, is not there, and the keys that were in it are gone", home,
		name);
	const struct tree_new as = { .mode = 0700, .uid = user->uid, .gid = user->gid };
	edit_mkdir(&finding->edits, user->home, &as);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct people *people = NULL;

	if (accounts_people(machine, NULL, &people, err) < 0)
		return -1;
	vec_foreach (person, &people->persons)
		if (person->user->uid && person->user->has_login_shell && !person->keys.count &&
		    account_has_way_in(person) && out->count < 100)
			look_at(machine, person, person == people->primary, out);
	return 0;
}

const struct check check_account_home = {
	.name = "account-home",
	.title = "the home of somebody who logs in is not there",
	.explain = "The keys that sshd asks for are in the home. When the directory is gone, and "
		   "nothing is mounted on the way to it at boot, the repair makes it anew, owned "
		   "by the account; keys that are still known elsewhere are then put back by the "
		   "check of authorized_keys. A home that is a file, or a link that leads nowhere, "
		   "is reported alone.",
	.source = "passwd(5); sshd(8), FILES; sshd_config(5), AuthorizedKeysFile",
	.rows = "101",
	.repair = REPAIR_SURE,
	.examine = examine,
};
