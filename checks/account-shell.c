/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/accounts.h"

static const char path[] = "/etc/passwd";

/* A shell that is there and works; NULL: none is to be seen on this volume. */
static const char *find_shell(const struct machine *machine)
{
	static const char *const shells[] = { "/bin/bash", "/usr/bin/bash", "/bin/sh",
					      "/usr/bin/sh" };

	for (size_t i = 0; i < ARRAY_LEN(shells); i++) {
		struct err err = ERR_INIT;
		struct tree_stat st;
		if (!tree_stat(machine_tree(machine), shells[i], TREE_FOLLOW, &st, &err) &&
		    S_ISREG(st.mode) && st.mode & 0111)
			return shells[i];
	}
	return NULL;
}

static bool refuses(const char *shell)
{
	static const char *const names[] = { "/nologin", "/false", "/true" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_ends(shell, names[i]))
			return true;
	return false;
}

static bool has_keys(const struct machine *machine, const struct machine_user *user)
{
	cleanup(free) char *keys = mem_printf("%s/.ssh/authorized_keys", user->home);
	struct err err = ERR_INIT;
	struct tree_stat st;

	return !tree_stat(machine_tree(machine), keys, TREE_FOLLOW, &st, &err) && st.size_bytes;
}

/* People have a number from 1000 on (500 on old systems) and a home. */
static bool is_person(const struct machine_user *user)
{
	return user->uid == 0 || (user->uid >= 500 && user->uid < 60000) || user->uid > 65535;
}

/* Who is looked at, with the shell as glibc reads it: the rest of the line, colons and all. */
struct scene {
	const struct machine *machine;
	const struct machine_user *user;
	const struct account_line *line;
	const struct str *text;
	const char *shell, *good;
	struct findings *out;
};

static const char *shell_of(const struct account_line *line)
{
	const char *p = line->text;

	for (int i = 0; i < 6 && p; i++) {
		p = strchr(p, ':');
		p = p ? p + 1 : NULL;
	}
	return p ? p : "";
}

static void set_shell(const struct scene *scene, struct finding *finding)
{
	account_edit_rest(scene->line, path, scene->text, 6, scene->good, &finding->edits);
}

/* Every system has these two: where they are missing among few others, the tree is not whole. */
static bool is_a_tree_in_part(const struct machine *machine, const char *shell)
{
	cleanup(free) char *dir = mem_strndup(shell, (size_t)(strrchr(shell, '/') - shell));
	const struct tree_names *names = machine_list(machine, dir);

	return (str_ends(shell, "/bash") || str_ends(shell, "/sh")) &&
	       (!names || names->count < 10);
}

/* sshd refuses an account whose shell is not there or cannot be executed. */
static void look_at_missing(const struct scene *scene)
{
	const struct machine_user *user = scene->user;
	struct tree *tree = machine_tree(scene->machine);
	struct err err = ERR_INIT;
	struct tree_stat st = { 0 };
	bool is_there =
		scene->shell[0] == '/' && !tree_stat(tree, scene->shell, TREE_FOLLOW, &st, &err);
	bool is_file = is_there && S_ISREG(st.mode);

	if ((err.code && err.code != ERR_NOTFOUND) || (is_file && st.mode & 0111) ||
	    (err.code && scene->shell[0] == '/' && is_a_tree_in_part(scene->machine, scene->shell)))
		return;
	struct finding *finding =
		finding_add(scene->out, user->uid ? SEVERITY_BLOCKS_LOGIN : SEVERITY_DELAYS,
			    REPAIR_SURE, "98", path, user->line,
			    is_file ? "the shell of %s, %s, cannot be executed: no login"
				    : "the shell of %s, %s, is not there: no login",
			    machine_quote(scene->machine, user->name, strlen(user->name)),
			    machine_quote(scene->machine, scene->shell, strlen(scene->shell)));
	if (is_file)
		edit_mode(&finding->edits, scene->shell, &st, (st.mode & 07777) | 0111, st.uid,
			  st.gid);
	else
		set_shell(scene, finding);
}

static void look_at_nologin(const struct scene *scene)
{
	struct finding *finding = finding_add(
		scene->out, SEVERITY_BLOCKS_LOGIN, REPAIR_OFFERED, "98", path, scene->user->line,
		"the shell of %s is %s, which ends every login, and nobody else has a key and a "
		"shell",
		machine_quote(scene->machine, scene->user->name, strlen(scene->user->name)),
		machine_quote(scene->machine, scene->shell, strlen(scene->shell)));
	set_shell(scene, finding);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	cleanup(account_lines_done) struct account_lines lines = { 0 };
	const struct machine_users *users = machine_users(machine);
	const struct people *people = NULL;
	struct scene scene = { .machine = machine, .good = find_shell(machine), .out = out };
	bool somebody = false;

	if (accounts_people(machine, NULL, &people, err) < 0)
		return -1;
	if (!scene.good || !users->count)
		return 0;
	scene.text = machine_file(machine, path, err);
	account_lines_read(ACCOUNT_PASSWD, scene.text, &lines);
	vec_foreach (person, &people->persons)
		somebody |= person->user->uid && person->user->has_login_shell &&
			    (person->keys.count || person->home_keys.count);
	for (size_t i = 0; i < users->count && i < 5000 && out->count < 100; i++) {
		scene.user = &users->items[i];
		if (!is_person(scene.user) || scene.user->line > lines.count)
			continue;
		scene.line = &lines.items[scene.user->line - 1];
		scene.shell = shell_of(scene.line);
		if (refuses(scene.shell)) {
			if (scene.user->uid && !somebody && !people->others_possible &&
			    has_keys(machine, scene.user))
				look_at_nologin(&scene);
		} else if (*scene.shell && (!scene.user->uid || has_keys(machine, scene.user)))
			look_at_missing(&scene);
	}
	return 0;
}

const struct check check_account_shell = {
	.name = "account-shell",
	.title = "an account's login shell is missing or cannot be executed",
	.explain = "sshd refuses an account whose shell in /etc/passwd is not there or cannot be "
		   "executed: a shell that was removed, a path with a slip, a line that ends in CR "
		   "LF. The repair gives the account bash (or sh), or gives a shell that lost it "
		   "its execute bit. A nologin on the only account with a key may be meant: there "
		   "the change is offered.",
	.source = "sshd's allowed_user(): \"shell does not exist\", \"is not executable\"; "
		  "passwd(5); "
		  "nologin(8)",
	.rows = "98",
	.repair = REPAIR_SURE,
	.examine = examine,
};
