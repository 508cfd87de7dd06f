/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/accounts.h"
#include "checks/sshd_people.h"

#include <strings.h>
#include <time.h>

/* After the key was accepted: is there a session to work in? */

static void set(struct person *person, enum gate_verdict verdict,
		const struct sshd_directive *blame)
{
	if (verdict > person->gates[GATE_SESSION]) {
		person->gates[GATE_SESSION] = verdict;
		person->blame[GATE_SESSION] = blame;
	}
}

/* A forced command that gives nobody a shell for certain: file transfer, a refusal, or a program
 * that is not there. Any other may be a recorder that starts one. */
static enum gate_verdict judge_command(const struct machine *machine, const char *command)
{
	static const char *const refusing[] = { "false", "true",   "nologin", "exit",  "echo",
						"cat",	 "printf", "sleep",   "logger" };
	command += strspn(command, " \t\"'");
	size_t len = strcspn(command, " \t\"'");
	cleanup(free) char *program = mem_strndup(command, len);
	const char *base = strrchr(program, '/');

	base = base ? base + 1 : program;
	if (!strcasecmp(program, "none"))
		return GATE_PASS;
	if (str_eq(base, "internal-sftp") || str_eq(base, "sftp-server"))
		return GATE_FAIL;
	for (size_t i = 0; i < ARRAY_LEN(refusing); i++)
		if (str_eq(base, refusing[i]) && !strpbrk(command, ";|&"))
			return GATE_FAIL;
	if (*program == '/' && !tree_exists(machine_tree(machine), program))
		return GATE_FAIL;
	return GATE_UNSURE;
}

/* sshd closes the connection unless every component is a directory of root that only root can
 * write; inside, the login shell has to be there. */
static enum gate_verdict judge_chroot(const struct machine *machine, const struct person *person,
				      const char *word)
{
	cleanup(str_done) struct str path = STR_INIT;
	struct tree *tree = machine_tree(machine);

	if (!strcasecmp(word, "none"))
		return GATE_PASS;
	for (const char *p = word; *p; p++) {
		if (*p == '%' && p[1]) {
			p++;
			if (*p == 'h')
				str_add(&path, person->user->home);
			else if (*p == 'u')
				str_add(&path, person->user->name);
			else if (*p == 'U')
				str_addf(&path, "%u", person->user->uid);
			else
				str_add_char(&path, *p);
		} else {
			str_add_char(&path, *p);
		}
	}
	if (path.s[0] != '/' || path.len >= TREE_PATH_MAX)
		return GATE_FAIL;
	if (str_eq(path.s, "/"))
		return GATE_PASS;
	for (char *slash = path.s; slash;) {
		struct err err = ERR_INIT;
		struct tree_stat st;
		slash = strchr(slash + 1, '/');
		cleanup(free) char *part =
			slash ? mem_strndup(path.s, (size_t)(slash - path.s)) : mem_strdup(path.s);
		if (tree_stat(tree, part, TREE_FOLLOW, &st, &err) < 0)
			return err.code == ERR_NOTFOUND ? GATE_FAIL : GATE_UNSURE;
		if (!S_ISDIR(st.mode) || st.uid || (st.mode & 022))
			return GATE_FAIL;
	}
	const char *shell = *person->user->shell ? person->user->shell : "/bin/sh";
	cleanup(free) char *inside = mem_printf("%s%s", path.s, shell);
	return tree_exists(tree, inside) ? GATE_UNSURE : GATE_FAIL;
}

void gate_session_of(const struct sshd_conf *conf, const struct machine *machine,
		     struct person *person, const char *key)
{
	struct directive_list values = { 0 };
	enum gate_verdict best = GATE_FAIL, worst = GATE_PASS;

	person_values(conf, machine, person, key, &values);
	for (size_t i = 0; i < values.count; i++) {
		const struct sshd_directive *d = values.items[i];
		enum gate_verdict one =
			!d			      ? GATE_PASS
			: str_eq(key, "forcecommand") ? judge_command(machine, d->rest)
			: str_eq(key, "chrootdirectory")
				? judge_chroot(machine, person, sshd_directive_arg(d))
			: str_eq(sshd_directive_arg(d), "0") ? GATE_FAIL
							     : GATE_PASS;
		best = one < best ? one : best;
		worst = one > worst ? one : worst;
	}
	set(person, best == worst ? best : GATE_UNSURE, values.items[0]);
	vec_done(&values);
}

bool key_is_expired(const struct machine *machine, const struct key_line *key)
{
	cleanup(free) char *value = key_option(key->options, "expiry-time");
	struct tm tm = { 0 };

	/* YYYYMMDD, and perhaps a time of that day, which does not matter here. */
	if (!value || strspn(value, "0123456789") < 8 || !strptime(value, "%Y%m%d", &tm))
		return false;
	return timegm(&tm) / 86400 < accounts_newest_day(machine);
}

/* Every key is tied to a command, an address or a date: what then happens depends on them. The key
 * that cloud-init leaves with root only says whom to log in as. */
static void judge_keys(const struct machine *machine, struct person *person)
{
	enum gate_verdict best = GATE_FAIL;

	if (!person->keys.count)
		return;
	vec_foreach (key, &person->keys) {
		cleanup(free) char *command = key_option(key->options, "command");
		cleanup(free) char *from = key_option(key->options, "from");
		cleanup(free) char *expiry = key_option(key->options, "expiry-time");
		cleanup(free) char *authority = key_option(key->options, "cert-authority");
		enum gate_verdict one = key_is_expired(machine, key)  ? GATE_FAIL
					: from || expiry || authority ? GATE_UNSURE
								      : GATE_PASS;
		if (command) {
			enum gate_verdict forced = strstr(command, "Please login as the user")
							   ? GATE_FAIL
							   : judge_command(machine, command);
			one = forced > one ? forced : one;
		}
		best = one < best ? one : best;
	}
	set(person, best, NULL);
}

void gate_session(const struct sshd_conf *conf, const struct machine *machine,
		  struct person *person)
{
	gate_session_of(conf, machine, person, "forcecommand");
	gate_session_of(conf, machine, person, "chrootdirectory");
	gate_session_of(conf, machine, person, "maxsessions");
	judge_keys(machine, person);
}
