/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sshd_people.h"

#include <strings.h>

/* The line without the words that name the person; all of it goes when no word is left. */
static void take_out(const struct sshd_directive *d, const struct person *person,
		     struct edits *edits)
{
	cleanup(str_done) struct str line = STR_INIT;
	size_t kept = 0;
	bool is_group = sshd_directive_is(d, "denygroups");

	for (size_t i = 0; i < d->arg_count; i++) {
		cleanup(free) char *name = mem_strdup(d->args[i]);
		name[strcspn(name, "@")] = '\0';
		bool hits = !is_group && sshd_pattern(name, person->user->name);
		vec_foreach (group, &person->groups)
			hits |= is_group && sshd_pattern(d->args[i], *group);
		if (hits)
			continue;
		str_addf(&line, " %s", d->args[i]);
		kept++;
	}
	if (!kept || strpbrk(d->text, "\"'\\") || d->is_option || !sshd_directive_is_ours(d)) {
		sshd_edit_comment(edits, d);
		return;
	}
	cleanup(free) char *changed =
		mem_printf("%.*s%s%s\n", (int)strspn(d->text, " \t"), d->text, d->name, line.s);
	edit_lines(edits, d->path, d->line, 1, d->text, changed);
}

/* A group that opens the door for no more people than needed: one that holds the person alone if
 * there is one. */
static const char *narrowest_group(const struct machine *machine, const struct person *person)
{
	vec_foreach (group, &person->groups)
		if (str_eq(*group, person->user->name))
			return *group;
	(void)machine;
	return person->groups.count ? person->groups.items[0] : NULL;
}

static void repair(const struct machine *machine, const struct sshd_directive *d,
		   const struct person *person, struct edits *edits)
{
	const char *group = narrowest_group(machine, person);

	if (sshd_directive_is(d, "allowusers"))
		sshd_edit_add_word(edits, d, person->user->name);
	else if (sshd_directive_is(d, "allowgroups") && group)
		sshd_edit_add_word(edits, d, group);
	else if (sshd_directive_is(d, "allowgroups"))
		sshd_edit_comment(edits,
				  d); /* in no group that has a name: no list of them helps */
	else
		take_out(d, person, edits);
	if (!edits->count)
		sshd_edit_comment(edits, d);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct sshd_conf *conf = NULL;
	const struct people *people = NULL;

	if (sshd_model(machine, &conf, &people, err) < 0)
		return -1;
	if (!conf)
		return 0;
	const struct person *person = people_stopped(people, GATE_LISTS);
	const struct sshd_directive *d = person ? person->blame[GATE_LISTS] : NULL;
	if (!d)
		return 0;
	struct finding *f =
		finding_add(out, SEVERITY_BLOCKS_LOGIN, people_repair(people),
			    sshd_rows(conf, d, "81", "80,81"), d->path, d->line,
			    "%s shuts out %s, and nobody else with sudo can log in either", d->name,
			    machine_quote(machine, person->user->name, strlen(person->user->name)));
	repair(machine, d, person, &f->edits);
	sshd_finding_end(f);
	return 0;
}

const struct check check_sshd_allow_users = {
	.name = "sshd-allow-users",
	.title = "AllowUsers, DenyUsers or their groups shut out everybody who holds a key",
	.explain = "Once AllowUsers or AllowGroups is set, everybody who is not named is refused "
		   "before any "
		   "key is looked at; DenyUsers and DenyGroups refuse by name. The lists are "
		   "evaluated for "
		   "the volume's real users, groups and Match blocks. Only when nobody who may use "
		   "sudo is "
		   "left does the repair add the one user (the cloud image's own, or the holder of "
		   "a key) "
		   "to the line, or take that name out of the line that denies it.",
	.source = "sshd_config(5) AllowUsers, DenyUsers, AllowGroups, DenyGroups",
	.rows = "80,81",
	.repair = REPAIR_SURE,
	.examine = examine,
};
