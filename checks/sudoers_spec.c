/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sudoers_parse.h"

#include <ctype.h>

/* The parts of an entry: lists, commands with their tags and options, privileges. */

void sudoers_next(struct sudoers_parser *p)
{
	p->token = sudoers_scan_next(&p->scan);
}

/* Notes the problem; for `return sudoers_fail(...)`. */
bool sudoers_fail(struct sudoers_parser *p, const char *what)
{
	struct sudoers *into = p->reader->into;

	if (into->problems.count < 10000)
		vec_push(&into->problems, ((struct sudoers_problem){
						  .path = p->reader->path,
						  .line = p->scan.token_line,
						  .first = p->first,
						  .what = what ? what
							  : p->token == SUDOERS_BAD && p->scan.what
								  ? p->scan.what
								  : "syntax error" }));
	return false;
}

bool sudoers_expect(struct sudoers_parser *p, enum sudoers_token token)
{
	if (p->token != token)
		return sudoers_fail(p, NULL);
	sudoers_next(p);
	return true;
}

void sudoers_members_done(struct sudoers_members *members)
{
	vec_foreach (m, members)
		free(m->name);
	vec_done(members);
}

void sudoers_privilege_done(struct sudoers_privilege *privilege)
{
	sudoers_members_done(&privilege->hosts);
	vec_foreach (c, &privilege->commands) {
		sudoers_members_done(&c->users);
		free(c->command.name);
	}
	vec_done(&privilege->commands);
}

static void add_member(struct sudoers_parser *p, struct sudoers_members *to, bool is_negated)
{
	struct sudoers_member *m = vec_add(to);

	m->kind = p->token;
	m->name = mem_strdup(p->token == SUDOERS_ALL ? "" : p->scan.text.s);
	m->is_negated = is_negated;
}

static bool in_list(enum list list, enum sudoers_token token)
{
	switch (token) {
	case SUDOERS_ALIAS:
	case SUDOERS_ALL:
	case SUDOERS_WORD:
		return true;
	case SUDOERS_NETGROUP:
		return list != LIST_GROUPS;
	case SUDOERS_GROUP:
		return list == LIST_USERS;
	case SUDOERS_NETWORK:
		return list == LIST_HOSTS;
	default:
		return false;
	}
}

bool sudoers_read_list(struct sudoers_parser *p, enum list list, struct sudoers_members *ret)
{
	for (;;) {
		bool is_negated = p->token == SUDOERS_NOT;
		if (is_negated)
			sudoers_next(p);
		if (!in_list(list, p->token))
			return sudoers_fail(p, NULL);
		add_member(p, ret, is_negated);
		sudoers_next(p);
		if (p->token != SUDOERS_COMMA)
			return true;
		sudoers_next(p);
	}
}

/* sha224:… , sha256:… before a command. */
static bool read_digests(struct sudoers_parser *p, bool *ret_some)
{
	while (p->token == SUDOERS_SHA) {
		*ret_some = true;
		sudoers_next(p);
		if (!sudoers_expect(p, SUDOERS_COLON) || !sudoers_expect(p, SUDOERS_DIGEST))
			return false;
		if (p->token != SUDOERS_COMMA)
			return true;
		if (p->scan.version < 10900)
			return sudoers_fail(p, NULL);
		sudoers_next(p);
		if (p->token != SUDOERS_SHA)
			return sudoers_fail(p, NULL);
	}
	return true;
}

static bool read_command(struct sudoers_parser *p, struct sudoers_member *ret)
{
	bool has_digest = false;

	if (!read_digests(p, &has_digest))
		return false;
	ret->is_negated = p->token == SUDOERS_NOT;
	if (ret->is_negated)
		sudoers_next(p);
	ret->kind = p->token;
	switch (p->token) {
	case SUDOERS_WORD:
		if (p->scan.version < 10913 || !str_eq(p->scan.text.s, "list"))
			return sudoers_fail(p, "expected a fully-qualified path name");
		ret->kind = SUDOERS_COMMAND;
		break;
	case SUDOERS_ALIAS:
		if (has_digest)
			return sudoers_fail(p, "a digest requires a path name");
		break;
	case SUDOERS_ALL:
		if (has_digest && p->scan.version < 10900)
			return sudoers_fail(p, NULL);
		break;
	case SUDOERS_COMMAND:
		break;
	default:
		return sudoers_fail(p, NULL);
	}
	ret->name = mem_strdup(ret->kind == SUDOERS_ALL ? "" : p->scan.text.s);
	sudoers_next(p);
	return true;
}

bool sudoers_read_commands(struct sudoers_parser *p, struct sudoers_members *ret)
{
	for (;;) {
		struct sudoers_member command = { 0 };
		if (!read_command(p, &command))
			return false;
		vec_push(ret, command);
		if (p->token != SUDOERS_COMMA)
			return true;
		sudoers_next(p);
	}
}

/* "10d5h", in this order. */
static bool is_timeout(const char *s)
{
	const char *left = "dhms";

	do {
		char *end;
		long value = strtol(s, &end, 10);
		if (end == s || value < 0 || value > INT32_MAX)
			return false;
		if (*end) {
			left = strchr(left, tolower((unsigned char)*end));
			if (!left)
				return false;
			end++;
		}
		s = end;
	} while (*s);
	return true;
}

/* Generalized time: yyyymmddHH[MM[SS]] with a fraction and a zone. */
static bool is_time(const char *s)
{
	size_t digits = strspn(s, "0123456789");

	if (digits < 10 || digits > 14 || digits & 1)
		return false;
	s += digits;
	if ((*s == '.' || *s == ',') && isdigit((unsigned char)s[1]))
		s += 2;
	if (*s == '+' || *s == '-') {
		digits = strspn(s + 1, "0123456789");
		return (digits == 2 || digits == 4) && !s[1 + digits];
	}
	return !*s || str_eq(s, "Z");
}

static bool read_options(struct sudoers_parser *p)
{
	while (p->token == SUDOERS_OPTION) {
		cleanup(free) char *name = mem_strdup(p->scan.text.s);
		sudoers_next(p);
		if (!sudoers_expect(p, SUDOERS_EQUALS))
			return false;
		if (p->token != SUDOERS_WORD)
			return sudoers_fail(p, NULL);
		const char *value = p->scan.text.s;
		bool is_path = str_eq(name, "CWD") || str_eq(name, "CHROOT");
		if (is_path && *value != '/' && *value != '~' && !str_eq(value, "*"))
			return sudoers_fail(p, "values must start with a '/', '~', or '*'");
		if (str_eq(name, "TIMEOUT") && !is_timeout(value))
			return sudoers_fail(p, "invalid timeout value");
		if (str_starts(name, "NOT") && !is_time(value))
			return sudoers_fail(p, "invalid time");
		sudoers_next(p);
	}
	return true;
}

static bool read_runas(struct sudoers_parser *p, struct sudoers_command *ret)
{
	struct sudoers_members groups = { 0 };
	bool ok = true;

	if (p->token != SUDOERS_OPEN)
		return true;
	sudoers_next(p);
	ret->has_runas = true;
	if (p->token != SUDOERS_CLOSE && p->token != SUDOERS_COLON)
		ok = sudoers_read_list(p, LIST_USERS, &ret->users);
	if (ok && p->token == SUDOERS_COLON) {
		sudoers_next(p);
		/* "(user:)" is not in the grammar, "(:)" is. */
		if (p->token != SUDOERS_CLOSE || ret->users.count)
			ok = sudoers_read_list(p, LIST_GROUPS, &groups);
		ret->has_runas_group_only = ok && !ret->users.count;
	}
	sudoers_members_done(&groups);
	/* "()" and "(:group)" are the user's own name. */
	ret->has_runas_group_only |= ok && !ret->users.count;
	return ok && sudoers_expect(p, SUDOERS_CLOSE);
}

static bool read_spec(struct sudoers_parser *p, struct sudoers_command *ret)
{
	if (!read_runas(p, ret) || !read_options(p))
		return false;
	while (p->token == SUDOERS_TAG) {
		if (str_starts(p->scan.text.s, "NOPASSWD"))
			ret->nopasswd = 1;
		else if (str_starts(p->scan.text.s, "PASSWD"))
			ret->nopasswd = 0;
		sudoers_next(p);
	}
	return read_command(p, &ret->command);
}

static void copy_runas(const struct sudoers_command *from, struct sudoers_command *to)
{
	to->has_runas = from->has_runas;
	to->has_runas_group_only = from->has_runas_group_only;
	vec_foreach (m, &from->users)
		vec_push(&to->users,
			 ((struct sudoers_member){ m->kind, mem_strdup(m->name), m->is_negated }));
}

bool sudoers_read_privilege(struct sudoers_parser *p, struct sudoers_privilege *ret)
{
	if (!sudoers_read_list(p, LIST_HOSTS, &ret->hosts) || !sudoers_expect(p, SUDOERS_EQUALS))
		return false;
	for (;;) {
		struct sudoers_command *spec = vec_add(&ret->commands);
		spec->nopasswd = -1;
		if (!read_spec(p, spec))
			return false;
		if (ret->commands.count > 1) { /* tags and Runas last until they are changed */
			const struct sudoers_command *last = spec - 1;
			if (spec->nopasswd < 0)
				spec->nopasswd = last->nopasswd;
			if (!spec->has_runas)
				copy_runas(last, spec);
		}
		if (p->token != SUDOERS_COMMA)
			return true;
		sudoers_next(p);
	}
}
