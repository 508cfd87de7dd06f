/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sshd_people.h"

/* AllowUsers, DenyUsers, AllowGroups and DenyGroups for one person. */

/* "user" or "user@host" against the person. */
static enum gate_verdict user_matches(const char *pattern, const struct person *person)
{
	const char *at = strchr(pattern, '@');
	cleanup(free) char *name =
		at ? mem_strndup(pattern, (size_t)(at - pattern)) : mem_strdup(pattern);

	if (!sshd_pattern(name, person->user->name))
		return GATE_FAIL;
	return !at || str_eq(at + 1, "*") || str_eq(at + 1, "0.0.0.0/0") ? GATE_PASS : GATE_UNSURE;
}

static enum gate_verdict group_matches(const char *pattern, const struct person *person)
{
	vec_foreach (group, &person->groups)
		if (sshd_pattern(pattern, *group))
			return GATE_PASS;
	return GATE_FAIL;
}

typedef enum gate_verdict match_func(const char *pattern, const struct person *);

/* The best match over all patterns of all lines, and the line that made it. */
static enum gate_verdict list_matches(const struct directive_list *lines, match_func *matches,
				      const struct person *person, const struct sshd_directive **by)
{
	enum gate_verdict best = GATE_FAIL;

	for (size_t i = 0; i < lines->count; i++) {
		const struct sshd_directive *d = lines->items[i];
		for (size_t k = 0; k < d->arg_count; k++) {
			enum gate_verdict one = matches(d->args[k], person);
			if (one < best) {
				best = one;
				*by = d;
			}
		}
	}
	return best;
}

static size_t patterns(const struct directive_list *lines)
{
	size_t count = 0;

	for (size_t i = 0; i < lines->count; i++)
		count += lines->items[i]->arg_count;
	return count;
}

static void worse(struct person *person, enum gate_verdict verdict, const struct sshd_directive *by)
{
	if (verdict > person->gates[GATE_LISTS]) {
		person->gates[GATE_LISTS] = verdict;
		person->blame[GATE_LISTS] = by;
	}
}

static void deny(const struct sshd_conf *conf, const struct machine *machine, struct person *person,
		 const char *key, match_func *matches)
{
	struct directive_list lines = { 0 };
	const struct sshd_directive *by = NULL;
	bool is_unsure = false;

	person_lists(conf, machine, person, key, &lines, &is_unsure);
	enum gate_verdict match = list_matches(&lines, matches, person, &by);
	if (match == GATE_PASS)
		worse(person, is_unsure ? GATE_UNSURE : GATE_FAIL, by);
	else if (match == GATE_UNSURE || is_unsure)
		worse(person, GATE_UNSURE, by);
	vec_done(&lines);
}

static void allow(const struct sshd_conf *conf, const struct machine *machine,
		  struct person *person, const char *key, match_func *matches)
{
	struct directive_list lines = { 0 };
	const struct sshd_directive *by = NULL;
	bool is_unsure = false;

	person_lists(conf, machine, person, key, &lines, &is_unsure);
	if (patterns(&lines)) {
		enum gate_verdict match = list_matches(&lines, matches, person, &by);
		if (match == GATE_FAIL)
			worse(person, is_unsure ? GATE_UNSURE : GATE_FAIL,
			      lines.items[lines.count - 1]);
		else
			worse(person, is_unsure ? GATE_UNSURE : match, by);
	} else if (is_unsure) {
		worse(person, GATE_UNSURE, NULL);
	}
	vec_done(&lines);
}

void gate_lists(const struct sshd_conf *conf, const struct machine *machine, struct person *person)
{
	deny(conf, machine, person, "denyusers", user_matches);
	allow(conf, machine, person, "allowusers", user_matches);
	deny(conf, machine, person, "denygroups", group_matches);
	allow(conf, machine, person, "allowgroups", group_matches);
}
