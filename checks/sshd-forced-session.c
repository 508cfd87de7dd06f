/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sshd_people.h"

#include <strings.h>

static const char *explain_why(const struct sshd_directive *d)
{
	if (sshd_directive_is(d, "chrootdirectory"))
		return "is no place to work in: sshd wants every part of the path to be root's "
		       "alone, and a "
		       "shell inside";
	if (sshd_directive_is(d, "maxsessions"))
		return "allows no session at all";
	return "gives no shell";
}

/* Every directive of the kind that counts for the person and leads nowhere. */
static void report(const struct machine *machine, const struct sshd_conf *conf,
		   const struct people *people, const struct person *person, const char *key,
		   struct findings *out)
{
	struct directive_list values = { 0 };
	struct person alone = { .user = person->user };

	alone.groups.items = person->groups.items;
	alone.groups.count = person->groups.count;
	gate_session_of(conf, machine, &alone, key);
	person_values(conf, machine, person, key, &values);
	for (size_t i = 0; i < values.count && alone.gates[GATE_SESSION] == GATE_FAIL; i++) {
		const struct sshd_directive *d = values.items[i];
		if (!d)
			continue;
		const char *value = d->rest + strspn(d->rest, " \t");
		struct finding *f = finding_add(
			out, SEVERITY_BLOCKS_LOGIN, people_repair(people),
			sshd_rows(conf, d, "97", "80,97"), d->path, d->line,
			"%s %s counts for %s and %s", d->name,
			machine_quote(machine, value, strlen(value)),
			machine_quote(machine, person->user->name, strlen(person->user->name)),
			explain_why(d));
		sshd_edit_comment_all(&f->edits, conf, machine, person, d);
		sshd_finding_end(f);
	}
	vec_done(&values);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	static const char *const keys[] = { "forcecommand", "chrootdirectory", "maxsessions" };
	const struct sshd_conf *conf = NULL;
	const struct people *people = NULL;

	if (sshd_model(machine, &conf, &people, err) < 0)
		return -1;
	if (!conf)
		return 0;
	const struct person *person = people_stopped(people, GATE_SESSION);
	for (size_t i = 0; person && i < ARRAY_LEN(keys); i++)
		report(machine, conf, people, person, keys[i], out);
	return 0;
}

const struct check check_sshd_forced_session = {
	.name = "sshd-forced-session",
	.title = "ForceCommand, ChrootDirectory or MaxSessions leaves the administrator without a "
		 "shell",
	.explain = "A Match block made for file transfer can catch the administrator too (Match "
		   "User *, a "
		   "shared group). The key is then accepted, but internal-sftp, a refusing command "
		   "or a chroot "
		   "without a shell ends the session; a ChrootDirectory that is not root's alone "
		   "makes sshd "
		   "close the connection. The settings are evaluated for the volume's users. When "
		   "nobody with "
		   "sudo gets a session, the repair makes the deciding lines comments.",
	.source = "sshd_config(5) ForceCommand, ChrootDirectory, MaxSessions, Match",
	.rows = "80,97",
	.repair = REPAIR_SURE,
	.examine = examine,
};
