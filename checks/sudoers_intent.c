/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/near_word.h"
#include "checks/sudoers.h"
#include "fs/lines.h"

#include <ctype.h>

bool sudoers_is_name(const char *name)
{
	static const char capitals[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

	for (const char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '_' && (p == name || !strchr(".-", *p)))
			return false;
	return *name && (!isupper((unsigned char)*name) || name[strspn(name, capitals)]);
}

static void read_name(const char **text, const struct person *admin, struct sudoers_intent *ret)
{
	const char *p = *text + strspn(*text, " \t\"'");
	bool is_group = *p == '%';

	p += is_group;
	p += strspn(p, " \t");
	size_t n = strcspn(p, " \t\"'=:,()\r\n");
	ret->name = mem_printf("%s%.*s", is_group ? "%" : "", (int)n, p);
	*text = p + n;
	if (!is_group)
		ret->is_for_admin = str_eq(ret->name, admin->user->name);
	vec_foreach (group, &admin->groups)
		ret->is_for_admin |= is_group && str_eq(ret->name + 1, *group);
	ret->is_for_admin &= sudoers_is_name(ret->name + is_group);
}

static void read_text(const char *text, const struct person *admin, struct sudoers_intent *ret)
{
	unsigned all = 0;

	ret->is_clear = true;
	read_name(&text, admin, ret);
	ret->has_group = strstr(text, "ALL:ALL") != NULL;
	while (*text) {
		size_t n = 0;
		while (isalnum((unsigned char)text[n]) || text[n] == '_')
			n++;
		if (!n) {
			ret->is_clear &= strchr(" \t\r\n=:,()\"'.;\\", *text) != NULL;
			text++;
			continue;
		}
		if (word_distance(text, n, "ALL") <= 1)
			all++;
		else if (word_distance(text, n, "NOPASSWD") <= 2)
			ret->is_without_password = true;
		else
			ret->is_clear &= word_distance(text, n, "PASSWD") <= 1 ||
					 word_distance(text, n, "ROOT") <= 1;
		text += n;
	}
	ret->is_clear &= all >= 1 && all <= 4;
}

void sudoers_intent_read(const struct machine *machine, const struct sudoers_problem *problem,
			 const struct person *admin, struct sudoers_intent *ret)
{
	struct err err = ERR_INIT;
	const struct str *file = machine_file(machine, problem->path, &err);
	cleanup(str_done) struct str text = STR_INIT;

	*ret = (struct sudoers_intent){ 0 };
	if (!file || problem->is_missing_include)
		return;
	lines_copy(file->s, file->len, problem->first, problem->count, &text);
	read_text(text.s, admin, ret);
}

void sudoers_intent_done(struct sudoers_intent *intent)
{
	free(TAKE(intent->name));
}
