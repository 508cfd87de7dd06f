/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sshd_people.h"

#include <strings.h>

/* AuthorizedKeysCommand that sshd will not run: the program and every directory above it must be
 * root's and writable by nobody else. */
static const char *command_problem(const struct machine *machine, const char *program)
{
	for (const char *slash = program; slash;) {
		struct err err = ERR_INIT;
		struct tree_stat st;
		slash = strchr(slash + 1, '/');
		cleanup(free) char *part = slash ? mem_strndup(program, (size_t)(slash - program))
						 : mem_strdup(program);
		if (tree_stat(machine_tree(machine), part, TREE_FOLLOW, &st, &err) < 0)
			return err.code == ERR_NOTFOUND ? "is not there" : NULL;
		if (st.uid || (st.mode & 022))
			return "is not root's alone";
		if (!slash && (!S_ISREG(st.mode) || !(st.mode & 0111)))
			return "is no program";
	}
	return NULL;
}

static void check_command(const struct machine *machine, const struct sshd_conf *conf,
			  const struct people *people, struct findings *out)
{
	const struct sshd_directive *d = sshd_conf_global(conf, "authorizedkeyscommand");
	const char *program = sshd_directive_arg(d);
	const char *problem = *program == '/' ? command_problem(machine, program) : NULL;

	/* Keys in files are looked at all the same: it matters only where there are none. */
	if (!problem || people->somebody_may)
		return;
	finding_add(out, SEVERITY_BLOCKS_LOGIN, REPAIR_NONE, sshd_rows(conf, d, "85", "80,85"),
		    d->path, d->line, "sshd will not run AuthorizedKeysCommand %s: it %s",
		    machine_quote(machine, program, strlen(program)), problem);
}

static void check_file(const struct machine *machine, const struct sshd_conf *conf,
		       const struct people *people, struct findings *out)
{
	const struct person *person = people_stopped(people, GATE_FILE);
	const struct sshd_directive *d = person ? person->blame[GATE_FILE] : NULL;

	if (!d)
		return;
	const char *word = sshd_directive_arg(d);
	struct finding *f =
		finding_add(out, SEVERITY_BLOCKS_LOGIN, people_repair(people),
			    sshd_rows(conf, d, "85", "80,85"), d->path, d->line,
			    "AuthorizedKeysFile %s leads away from the keys of %s, which are in %s",
			    machine_quote(machine, word, strlen(word)),
			    machine_quote(machine, person->user->name, strlen(person->user->name)),
			    person->home_keys.items[0].path);
	sshd_edit_comment_all(&f->edits, conf, machine, person, d);
	sshd_finding_end(f);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct sshd_conf *conf = NULL;
	const struct people *people = NULL;

	if (sshd_model(machine, &conf, &people, err) < 0)
		return -1;
	if (!conf)
		return 0;
	check_file(machine, conf, people, out);
	check_command(machine, conf, people, out);
	return 0;
}

const struct check check_sshd_keys_file = {
	.name = "sshd-keys-file",
	.title = "sshd looks for keys where there are none",
	.explain = "AuthorizedKeysFile (with %h for the home and %u for the user) says where sshd "
		   "looks; set "
		   "to none, or to a place that nobody filled, it leaves the keys in ~/.ssh "
		   "unread. The "
		   "repair makes the deciding line a comment, so that ~/.ssh/authorized_keys "
		   "counts again. "
		   "An AuthorizedKeysCommand that sshd will not run (missing, or not root's alone) "
		   "is named "
		   "when it was the only source of keys.",
	.source = "sshd_config(5) AuthorizedKeysFile, AuthorizedKeysCommand, TOKENS",
	.rows = "80,85",
	.repair = REPAIR_SURE,
	.examine = examine,
};
