/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sudoers_parse.h"

/* The grammar of sudoers. What an entry gives is kept only when the whole of it is in order; aliases
 * count as soon as they are read, as they do in sudo. */

#define ALIASES_MAX 20000u /* each new name is compared with all others */

static bool read_rule(struct sudoers_parser *p)
{
	if (!sudoers_read_list(p, LIST_USERS, &p->who))
		return false;
	for (;;) {
		struct sudoers_privilege *privilege = vec_add(&p->privileges);
		if (!sudoers_read_privilege(p, privilege)) {
			/* sudo goes on behind a part that is not the first, if it ends well. */
			sudoers_privilege_done(privilege);
			p->privileges.count--;
			if (!p->privileges.count || p->scan.version < SUDO_RECOVERS)
				return false;
			if (p->token != SUDOERS_COLON && p->token != SUDOERS_NEWLINE)
				return sudoers_fail(p, NULL);
		}
		if (p->token != SUDOERS_COLON)
			return true;
		sudoers_next(p);
	}
}

static bool add_alias(struct sudoers_parser *p, enum sudoers_token kind, char *name,
		      const struct sudoers_members *members)
{
	struct sudoers *into = p->reader->into;

	vec_foreach (a, &into->aliases)
		if (a->kind == kind && str_eq(a->name, name))
			return sudoers_fail(p, "alias is already defined");
	if (into->aliases.count >= ALIASES_MAX) {
		into->is_incomplete = true;
		return false;
	}
	vec_push(&into->aliases, ((struct sudoers_alias){ kind, mem_strdup(name), *members }));
	return true;
}

static bool read_aliases(struct sudoers_parser *p, enum sudoers_token kind)
{
	for (;;) {
		struct sudoers_members members = { 0 };
		cleanup(free) char *name = mem_strdup(p->scan.text.s);
		bool ok = p->token == SUDOERS_ALIAS;
		if (p->token == SUDOERS_OPTION || p->token == SUDOERS_ALL)
			return sudoers_fail(p, "a reserved word is used as an alias name");
		if (!ok)
			return sudoers_fail(p, NULL);
		sudoers_next(p);
		ok = sudoers_expect(p, SUDOERS_EQUALS) &&
		     (kind == SUDOERS_CMND_ALIAS
			      ? sudoers_read_commands(p, &members)
			      : sudoers_read_list(
					p, kind == SUDOERS_HOST_ALIAS ? LIST_HOSTS : LIST_USERS,
					&members)) &&
		     add_alias(p, kind, name, &members);
		if (!ok) {
			sudoers_members_done(&members);
			return false;
		}
		if (p->token != SUDOERS_COLON)
			return true;
		sudoers_next(p);
	}
}

static bool read_defaults(struct sudoers_parser *p, enum sudoers_token kind)
{
	bool ok = kind == SUDOERS_DEFAULTS ? true
		  : kind == SUDOERS_DEFAULTS_CMND
			  ? sudoers_read_commands(p, &p->who)
			  : sudoers_read_list(
				    p, kind == SUDOERS_DEFAULTS_HOST ? LIST_HOSTS : LIST_USERS,
				    &p->who);
	while (ok) {
		struct sudoers_default *d = vec_add(&p->defaults);
		d->kind = kind;
		d->is_off = p->token == SUDOERS_NOT;
		if (d->is_off)
			sudoers_next(p);
		if (p->token != SUDOERS_DEFVAR)
			return sudoers_fail(p, NULL);
		d->name = mem_strdup(p->scan.text.s);
		sudoers_next(p);
		if (!d->is_off && (p->token == SUDOERS_EQUALS || p->token == SUDOERS_PLUS ||
				   p->token == SUDOERS_MINUS)) {
			sudoers_next(p);
			if (p->token != SUDOERS_WORD)
				return sudoers_fail(p, NULL);
			d->value = mem_strdup(p->scan.text.s);
			sudoers_next(p);
		}
		if (p->token != SUDOERS_COMMA)
			return true;
		sudoers_next(p);
	}
	return ok;
}

static bool read_include(struct sudoers_parser *p)
{
	p->include_is_dir = p->token == SUDOERS_INCLUDEDIR;
	sudoers_next(p);
	if (p->token != SUDOERS_WORD)
		return sudoers_fail(p, NULL);
	p->include = mem_strdup(p->scan.text.s);
	p->include_line = p->scan.token_line;
	sudoers_next(p);
	return true;
}

static bool read_entry(struct sudoers_parser *p)
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
		sudoers_next(p);
		return read_aliases(p, token);
	case SUDOERS_DEFAULTS:
	case SUDOERS_DEFAULTS_USER:
	case SUDOERS_DEFAULTS_RUNAS:
	case SUDOERS_DEFAULTS_HOST:
	case SUDOERS_DEFAULTS_CMND:
		sudoers_next(p);
		return read_defaults(p, token);
	default:
		return read_rule(p);
	}
}

/* The entry is good: what it gives counts. */
static void keep_entry(struct sudoers_parser *p, uint32_t count)
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

static void entry_done(struct sudoers_parser *p)
{
	sudoers_members_done(&p->who);
	vec_foreach (privilege, &p->privileges)
		sudoers_privilege_done(privilege);
	vec_foreach (d, &p->defaults) {
		free(d->name);
		free(d->value);
	}
	vec_done(&p->privileges);
	vec_done(&p->defaults);
	free(TAKE(p->include));
}

/* From one entry's first token to its end; `ok`: it was read well until here. */
static void end_entry(struct sudoers_parser *p, bool ok)
{
	struct sudoers *into = p->reader->into;

	/* Before 1.9.3 several entries may stand in a line. */
	if (ok && p->token != SUDOERS_NEWLINE && p->scan.version >= SUDO_RECOVERS)
		ok = sudoers_fail(p, NULL);
	if (!ok) {
		while (p->token != SUDOERS_NEWLINE && p->token != SUDOERS_END)
			sudoers_next(p);
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
		sudoers_next(p);
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
	struct sudoers_parser p = { .reader = reader };

	as_lines(text, &lines);
	sudoers_scan_init(&p.scan, &lines, reader->version);
	sudoers_next(&p);
	while (p.token != SUDOERS_END) {
		p.first = p.scan.token_line;
		p.problems_before = reader->into->problems.count;
		if (p.token == SUDOERS_NEWLINE) {
			sudoers_next(&p);
			continue;
		}
		end_entry(&p, read_entry(&p));
	}
	sudoers_scan_done(&p.scan);
}

/* Steps of working out who may: aliases of aliases of aliases have no end that one could wait for. */
#define STEPS_MAX 20000000u

void sudoers_init(struct sudoers *sudoers)
{
	*sudoers = (struct sudoers){ .steps_left = mem_alloc(sizeof(*sudoers->steps_left)) };
	*sudoers->steps_left = STEPS_MAX;
}

void sudoers_parse(const struct str *text, uint32_t version, struct sudoers *ret)
{
	struct sudoers_reader reader = { .into = ret, .version = version, .path = "/etc/sudoers" };

	sudoers_init(ret);
	sudoers_read_text(&reader, text);
}

void sudoers_done(struct sudoers *sudoers)
{
	free(TAKE(sudoers->steps_left));
	vec_foreach (file, &sudoers->files) {
		free((*file)->path);
		free(*file);
	}
	vec_foreach (rule, &sudoers->rules) {
		sudoers_members_done(&rule->users);
		vec_foreach (privilege, &rule->privileges)
			sudoers_privilege_done(privilege);
		vec_done(&rule->privileges);
	}
	vec_foreach (alias, &sudoers->aliases) {
		free(alias->name);
		sudoers_members_done(&alias->members);
	}
	vec_foreach (d, &sudoers->defaults) {
		free(d->name);
		free(d->value);
		sudoers_members_done(&d->who);
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
