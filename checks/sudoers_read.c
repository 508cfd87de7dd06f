/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sudoers.h"

#include <ctype.h>
#include <stdio.h>

/* The grammar of sudoers. What an entry gives is kept only when the whole of it is in order; aliases
 * count as soon as they are read, as they do in sudo. */

#define ALIASES_MAX 20000u /* each new name is compared with all others */

struct parser {
	struct sudoers_reader *reader;
	struct sudoers_scan scan;
	enum sudoers_token token; /* the one that is looked at */
	uint32_t first;		  /* line on which the entry begins */
	size_t problems_before;
	/* of the entry, until it is known to be good */
	struct sudoers_members who;
	VEC(struct sudoers_privilege) privileges;
	VEC(struct sudoers_default) defaults;
	char *include;
	uint32_t include_line;
	bool include_is_dir;
};

static void next(struct parser *p)
{
	p->token = sudoers_scan_next(&p->scan);
}

/* Notes the problem; for `return fail(...)`. */
static bool fail(struct parser *p, const char *what)
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

static bool expect(struct parser *p, enum sudoers_token token)
{
	if (p->token != token)
		return fail(p, NULL);
	next(p);
	return true;
}

static void members_done(struct sudoers_members *members)
{
	vec_foreach (m, members)
		free(m->name);
	vec_done(members);
}

static void privilege_done(struct sudoers_privilege *privilege)
{
	members_done(&privilege->hosts);
	vec_foreach (c, &privilege->commands) {
		members_done(&c->users);
		free(c->command.name);
	}
	vec_done(&privilege->commands);
}

static void add_member(struct parser *p, struct sudoers_members *to, bool is_negated)
{
	struct sudoers_member *m = vec_add(to);

	m->kind = p->token;
	m->name = mem_strdup(p->token == SUDOERS_ALL ? "" : p->scan.text.s);
	m->is_negated = is_negated;
}

/* A list of users, hosts or groups. */
enum list { LIST_USERS, LIST_HOSTS, LIST_GROUPS };
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

static bool read_list(struct parser *p, enum list list, struct sudoers_members *ret)
{
	for (;;) {
		bool is_negated = p->token == SUDOERS_NOT;
		if (is_negated)
			next(p);
		if (!in_list(list, p->token))
			return fail(p, NULL);
		add_member(p, ret, is_negated);
		next(p);
		if (p->token != SUDOERS_COMMA)
			return true;
		next(p);
	}
}

/* sha224:… , sha256:… before a command. */
static bool read_digests(struct parser *p, bool *ret_some)
{
	while (p->token == SUDOERS_SHA) {
		*ret_some = true;
		next(p);
		if (!expect(p, SUDOERS_COLON) || !expect(p, SUDOERS_DIGEST))
			return false;
		if (p->token != SUDOERS_COMMA)
			return true;
		if (p->scan.version < 10900)
			return fail(p, NULL);
		next(p);
		if (p->token != SUDOERS_SHA)
			return fail(p, NULL);
	}
	return true;
}

static bool read_command(struct parser *p, struct sudoers_member *ret)
{
	bool has_digest = false;

	if (!read_digests(p, &has_digest))
		return false;
	ret->is_negated = p->token == SUDOERS_NOT;
	if (ret->is_negated)
		next(p);
	ret->kind = p->token;
	switch (p->token) {
	case SUDOERS_WORD:
		if (p->scan.version < 10913 || !str_eq(p->scan.text.s, "list"))
			return fail(p, "expected a fully-qualified path name");
		ret->kind = SUDOERS_COMMAND;
		break;
	case SUDOERS_ALIAS:
		if (has_digest)
			return fail(p, "a digest requires a path name");
		break;
	case SUDOERS_ALL:
		if (has_digest && p->scan.version < 10900)
			return fail(p, NULL);
		break;
	case SUDOERS_COMMAND:
		break;
	default:
		return fail(p, NULL);
	}
	ret->name = mem_strdup(ret->kind == SUDOERS_ALL ? "" : p->scan.text.s);
	next(p);
	return true;
}

static bool read_commands(struct parser *p, struct sudoers_members *ret)
{
	for (;;) {
		struct sudoers_member command = { 0 };
		if (!read_command(p, &command))
			return false;
		vec_push(ret, command);
		if (p->token != SUDOERS_COMMA)
			return true;
		next(p);
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

static bool read_options(struct parser *p)
{
	while (p->token == SUDOERS_OPTION) {
		cleanup(free) char *name = mem_strdup(p->scan.text.s);
		next(p);
		if (!expect(p, SUDOERS_EQUALS))
			return false;
		if (p->token != SUDOERS_WORD)
			return fail(p, NULL);
		const char *value = p->scan.text.s;
		bool is_path = str_eq(name, "CWD") || str_eq(name, "CHROOT");
		if (is_path && *value != '/' && *value != '~' && !str_eq(value, "*"))
			return fail(p, "values must start with a '/', '~', or '*'");
		if (str_eq(name, "TIMEOUT") && !is_timeout(value))
			return fail(p, "invalid timeout value");
		if (str_starts(name, "NOT") && !is_time(value))
			return fail(p, "invalid time");
		next(p);
	}
	return true;
}

static bool read_runas(struct parser *p, struct sudoers_command *ret)
{
	struct sudoers_members groups = { 0 };
	bool ok = true;

	if (p->token != SUDOERS_OPEN)
		return true;
	next(p);
	ret->has_runas = true;
	if (p->token != SUDOERS_CLOSE && p->token != SUDOERS_COLON)
		ok = read_list(p, LIST_USERS, &ret->users);
	if (ok && p->token == SUDOERS_COLON) {
		next(p);
		/* "(user:)" is not in the grammar, "(:)" is. */
		if (p->token != SUDOERS_CLOSE || ret->users.count)
			ok = read_list(p, LIST_GROUPS, &groups);
		ret->has_runas_group_only = ok && !ret->users.count;
	}
	members_done(&groups);
	/* "()" and "(:group)" are the user's own name. */
	ret->has_runas_group_only |= ok && !ret->users.count;
	return ok && expect(p, SUDOERS_CLOSE);
}

static bool read_spec(struct parser *p, struct sudoers_command *ret)
{
	if (!read_runas(p, ret) || !read_options(p))
		return false;
	while (p->token == SUDOERS_TAG) {
		if (str_starts(p->scan.text.s, "NOPASSWD"))
			ret->nopasswd = 1;
		else if (str_starts(p->scan.text.s, "PASSWD"))
			ret->nopasswd = 0;
		next(p);
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

static bool read_privilege(struct parser *p, struct sudoers_privilege *ret)
{
	if (!read_list(p, LIST_HOSTS, &ret->hosts) || !expect(p, SUDOERS_EQUALS))
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
		next(p);
	}
}

static bool read_rule(struct parser *p)
{
	if (!read_list(p, LIST_USERS, &p->who))
		return false;
	for (;;) {
		struct sudoers_privilege *privilege = vec_add(&p->privileges);
		if (!read_privilege(p, privilege)) {
			/* sudo goes on behind a part that is not the first, if it ends well. */
			privilege_done(privilege);
			p->privileges.count--;
			if (!p->privileges.count || p->scan.version < SUDO_RECOVERS)
				return false;
			if (p->token != SUDOERS_COLON && p->token != SUDOERS_NEWLINE)
				return fail(p, NULL);
		}
		if (p->token != SUDOERS_COLON)
			return true;
		next(p);
	}
}

static bool add_alias(struct parser *p, enum sudoers_token kind, char *name,
		      const struct sudoers_members *members)
{
	struct sudoers *into = p->reader->into;

	vec_foreach (a, &into->aliases)
		if (a->kind == kind && str_eq(a->name, name))
			return fail(p, "alias is already defined");
	if (into->aliases.count >= ALIASES_MAX) {
		into->is_incomplete = true;
		return false;
	}
	vec_push(&into->aliases, ((struct sudoers_alias){ kind, mem_strdup(name), *members }));
	return true;
}

static bool read_aliases(struct parser *p, enum sudoers_token kind)
{
	for (;;) {
		struct sudoers_members members = { 0 };
		cleanup(free) char *name = mem_strdup(p->scan.text.s);
		bool ok = p->token == SUDOERS_ALIAS;
		if (p->token == SUDOERS_OPTION || p->token == SUDOERS_ALL)
			return fail(p, "a reserved word is used as an alias name");
		if (!ok)
			return fail(p, NULL);
		next(p);
		ok = expect(p, SUDOERS_EQUALS) &&
		     (kind == SUDOERS_CMND_ALIAS
			      ? read_commands(p, &members)
			      : read_list(p, kind == SUDOERS_HOST_ALIAS ? LIST_HOSTS : LIST_USERS,
					  &members)) &&
		     add_alias(p, kind, name, &members);
		if (!ok) {
			members_done(&members);
			return false;
		}
		if (p->token != SUDOERS_COLON)
			return true;
		next(p);
	}
}

static bool read_defaults(struct parser *p, enum sudoers_token kind)
{
	bool ok = kind == SUDOERS_DEFAULTS ? true
		  : kind == SUDOERS_DEFAULTS_CMND
			  ? read_commands(p, &p->who)
			  : read_list(p, kind == SUDOERS_DEFAULTS_HOST ? LIST_HOSTS : LIST_USERS,
				      &p->who);
	while (ok) {
		struct sudoers_default *d = vec_add(&p->defaults);
		d->kind = kind;
		d->is_off = p->token == SUDOERS_NOT;
		if (d->is_off)
			next(p);
		if (p->token != SUDOERS_DEFVAR)
			return fail(p, NULL);
		d->name = mem_strdup(p->scan.text.s);
		next(p);
		if (!d->is_off && (p->token == SUDOERS_EQUALS || p->token == SUDOERS_PLUS ||
				   p->token == SUDOERS_MINUS)) {
			next(p);
			if (p->token != SUDOERS_WORD)
				return fail(p, NULL);
			d->value = mem_strdup(p->scan.text.s);
			next(p);
		}
		if (p->token != SUDOERS_COMMA)
			return true;
		next(p);
	}
	return ok;
}

static bool read_include(struct parser *p)
{
	p->include_is_dir = p->token == SUDOERS_INCLUDEDIR;
	next(p);
	if (p->token != SUDOERS_WORD)
		return fail(p, NULL);
	p->include = mem_strdup(p->scan.text.s);
	p->include_line = p->scan.token_line;
	next(p);
	return true;
}

static bool read_entry(struct parser *p)
{
	enum sudoers_token token = p->token;

	switch (token) {
	case SUDOERS_INCLUDE:
	case SUDOERS_INCLUDEDIR:
		return read_include(p);
	case SUDOERS_HOST_ALIAS:
	case SUDOERS_CMND_ALIAS:
	case SUDOERS_USER_ALIAS:
	case SUDOERS_RUNAS_ALIAS:
		next(p);
		return read_aliases(p, token);
	case SUDOERS_DEFAULTS:
	case SUDOERS_DEFAULTS_USER:
	case SUDOERS_DEFAULTS_RUNAS:
	case SUDOERS_DEFAULTS_HOST:
	case SUDOERS_DEFAULTS_CMND:
		next(p);
		return read_defaults(p, token);
	default:
		return read_rule(p);
	}
}

/* The entry is good: what it gives counts. */
static void keep_entry(struct parser *p, uint32_t count)
{
	struct sudoers *into = p->reader->into;

	if (p->privileges.count) {
		struct sudoers_rule *rule = vec_add(&into->rules);
		rule->path = p->reader->path;
		rule->line = p->first;
		rule->line_count = count;
		rule->users = p->who;
		p->who = (struct sudoers_members){ 0 };
		vec_foreach (privilege, &p->privileges)
			vec_push(&rule->privileges, *privilege);
		p->privileges.count = 0;
	}
	vec_foreach (d, &p->defaults) {
		struct sudoers_default *kept = vec_add(&into->defaults);
		*kept = *d;
		kept->path = p->reader->path;
		kept->line = p->first;
		kept->line_count = count;
		vec_foreach (m, &p->who)
			vec_push(&kept->who, ((struct sudoers_member){ m->kind, mem_strdup(m->name),
								       m->is_negated }));
	}
	p->defaults.count = 0;
}

static void entry_done(struct parser *p)
{
	members_done(&p->who);
	vec_foreach (privilege, &p->privileges)
		privilege_done(privilege);
	vec_foreach (d, &p->defaults) {
		free(d->name);
		free(d->value);
	}
	vec_done(&p->privileges);
	vec_done(&p->defaults);
	free(TAKE(p->include));
}

/* From one entry's first token to its end; `ok`: it was read well until here. */
static void end_entry(struct parser *p, bool ok)
{
	struct sudoers *into = p->reader->into;

	/* Before 1.9.3 several entries may stand in a line. */
	if (ok && p->token != SUDOERS_NEWLINE && p->scan.version >= SUDO_RECOVERS)
		ok = fail(p, NULL);
	if (!ok) {
		while (p->token != SUDOERS_NEWLINE && p->token != SUDOERS_END)
			next(p);
	}
	uint32_t count = p->scan.line - p->first + (p->token != SUDOERS_NEWLINE);
	for (size_t i = p->problems_before; i < into->problems.count; i++)
		into->problems.items[i].count = count;
	if (ok)
		keep_entry(p, count);
	if (p->include && p->reader->include)
		p->reader->include(p->reader->arg, p->reader->path, p->include, p->include_is_dir,
				   p->first);
	entry_done(p);
	if (p->token == SUDOERS_NEWLINE)
		next(p);
}

/* A NUL ends its line; the last line has an end. */
static void as_lines(const struct str *text, struct str *ret)
{
	for (size_t at = 0; at < text->len;) {
		const char *line = text->s + at, *end = memchr(line, '\n', text->len - at);
		size_t len = end ? (size_t)(end - line) : text->len - at;
		str_add_bytes(ret, line, strnlen(line, len));
		str_add_char(ret, '\n');
		at += len + 1;
	}
}

void sudoers_read_text(struct sudoers_reader *reader, const struct str *text)
{
	cleanup(str_done) struct str lines = STR_INIT;
	struct parser p = { .reader = reader };

	as_lines(text, &lines);
	sudoers_scan_init(&p.scan, &lines, reader->version);
	next(&p);
	while (p.token != SUDOERS_END) {
		p.first = p.scan.token_line;
		p.problems_before = reader->into->problems.count;
		if (p.token == SUDOERS_NEWLINE) {
			next(&p);
			continue;
		}
		end_entry(&p, read_entry(&p));
	}
	sudoers_scan_done(&p.scan);
}

void sudoers_parse(const struct str *text, uint32_t version, struct sudoers *ret)
{
	struct sudoers_reader reader = { .into = ret, .version = version, .path = "/etc/sudoers" };

	*ret = (struct sudoers){ 0 };
	sudoers_read_text(&reader, text);
}

void sudoers_done(struct sudoers *sudoers)
{
	vec_foreach (file, &sudoers->files) {
		free((*file)->path);
		free(*file);
	}
	vec_foreach (rule, &sudoers->rules) {
		members_done(&rule->users);
		vec_foreach (privilege, &rule->privileges)
			privilege_done(privilege);
		vec_done(&rule->privileges);
	}
	vec_foreach (alias, &sudoers->aliases) {
		free(alias->name);
		members_done(&alias->members);
	}
	vec_foreach (d, &sudoers->defaults) {
		free(d->name);
		free(d->value);
		members_done(&d->who);
	}
	vec_foreach (dir, &sudoers->directories)
		free(*dir);
	vec_done(&sudoers->files);
	vec_done(&sudoers->rules);
	vec_done(&sudoers->aliases);
	vec_done(&sudoers->defaults);
	vec_done(&sudoers->problems);
	vec_done(&sudoers->directories);
}
