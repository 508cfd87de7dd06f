/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/shellvars.h"
#include "fs/lines.h"

#include <ctype.h>
#include <stdint.h>

struct reader {
	const char *s;
	size_t len, at;
	uint32_t line; /* of `at`, 1-based */
	struct shellvars *out;
};

static bool at_end(const struct reader *r)
{
	return r->at >= r->len;
}

static char peek(const struct reader *r)
{
	return at_end(r) ? '\n' : r->s[r->at];
}

static char next(struct reader *r)
{
	char c = r->s[r->at++];
	if (c == '\n')
		r->line++;
	return c;
}

/* Blanks and continued lines. */
static void skip_blanks(struct reader *r)
{
	while (!at_end(r)) {
		if (peek(r) == ' ' || peek(r) == '\t')
			r->at++;
		else if (peek(r) == '\\' && r->at + 1 < r->len && r->s[r->at + 1] == '\n')
			next(r), next(r);
		else
			break;
	}
}

static void skip_line(struct reader *r)
{
	while (!at_end(r) && peek(r) != '\n')
		r->at++;
}

struct word {
	struct str text;  /* unquoted */
	bool is_expanded; /* holds an expansion, an array, or another thing only a shell can tell */
	bool is_open;	  /* a quote in it is never closed */
};

static void read_double_quoted(struct reader *r, struct word *word)
{
	while (!at_end(r)) {
		char c = next(r);
		if (c == '"')
			return;
		if (c == '$' || c == '`')
			word->is_expanded = true;
		if (c == '\\' && !at_end(r) && strchr("$`\"\\\n", peek(r))) {
			c = next(r);
			if (c == '\n')
				continue;
		}
		str_add_char(&word->text, c);
	}
	word->is_open = true;
}

static void read_single_quoted(struct reader *r, struct word *word)
{
	while (!at_end(r)) {
		char c = next(r);
		if (c == '\'')
			return;
		str_add_char(&word->text, c);
	}
	word->is_open = true;
}

/* One word up to an unquoted blank, end of line or operator. */
static void read_word(struct reader *r, struct word *word)
{
	while (!at_end(r) && !strchr(" \t\n;&|<>()", peek(r))) {
		char c = next(r);
		if (c == '"')
			read_double_quoted(r, word);
		else if (c == '\'')
			read_single_quoted(r, word);
		else if (c == '\\' && !at_end(r)) {
			c = next(r);
			if (c != '\n')
				str_add_char(&word->text, c);
		} else {
			if (c == '$' || c == '`')
				word->is_expanded = true;
			str_add_char(&word->text, c);
		}
	}
}

static size_t name_len(const struct reader *r)
{
	size_t n = 0;
	const char *s = r->s + r->at;
	if (at_end(r) || !(isalpha((unsigned char)*s) || *s == '_'))
		return 0;
	while (r->at + n < r->len && (isalnum((unsigned char)s[n]) || s[n] == '_'))
		n++;
	return n;
}

static struct shellvar *add(struct reader *r, enum shellvar_kind kind, uint32_t line)
{
	struct shellvar *var = vec_add(r->out);
	var->kind = kind;
	var->line = line;
	if (kind == SHELLVAR_CODE || kind == SHELLVAR_OPEN)
		r->out->has_code = true;
	return var;
}

static void finish(struct reader *r, struct shellvar *var)
{
	uint32_t last = r->line;
	if (r->at > 0 && r->s[r->at - 1] == '\n' && last > var->line)
		last--;
	var->line_count = last - var->line + 1;
}

/* A line that is neither comment nor assignment. "DEVICE = eth0" calls a program that does not
 * exist; anything else may do what it likes. */
static void read_command(struct reader *r, uint32_t line)
{
	struct word word = { .text = STR_INIT };
	read_word(r, &word);
	bool is_stray = !word.is_expanded && !word.is_open && word.text.len > 0;
	for (size_t i = 0; i < word.text.len && is_stray; i++) {
		unsigned char c = (unsigned char)word.text.s[i];
		is_stray = isupper(c) || isdigit(c) || strchr("_=:-\r", c);
	}
	/* "wrong line" of plain lower-case words is no program's name either, but who can be sure?
	 */
	for (; is_stray && !at_end(r) && peek(r) != '\n'; r->at++)
		is_stray = !strchr(";&|<>()`$'\"\\", peek(r));
	skip_line(r);
	struct shellvar *var = add(r, is_stray ? SHELLVAR_STRAY : SHELLVAR_CODE, line);
	var->name = str_take(&word.text);
	finish(r, var);
}

static bool is_statement_end(const struct reader *r)
{
	return at_end(r) || peek(r) == '\n' || peek(r) == ';' ||
	       (peek(r) == '#' && r->at > 0 && strchr(" \t", r->s[r->at - 1]));
}

/* One assignment at the reader. False: it was more than that, and is recorded as code. */
static bool read_assignment(struct reader *r, uint32_t line)
{
	size_t n = name_len(r);
	char *name = mem_strndup(r->s + r->at, n);
	struct word word = { .text = STR_INIT };

	r->at += n + 1;
	size_t value_at = r->at;
	if (!at_end(r) && peek(r) == '(')
		word.is_expanded = true;
	read_word(r, &word);
	bool is_code = !at_end(r) && strchr("&|<>()", peek(r));
	struct shellvar *var = add(r,
				   word.is_open ? SHELLVAR_OPEN
				   : is_code	? SHELLVAR_CODE
						: SHELLVAR_SET,
				   line);
	var->name = name;
	var->value_at = value_at;
	var->value_len = r->at - value_at;
	/* A NUL in a value is dropped by bash; what follows it here would be misread. */
	if (strlen(word.text.s) != word.text.len)
		word.is_expanded = true;
	if (!word.is_expanded && var->kind == SHELLVAR_SET)
		var->value = str_take(&word.text);
	str_done(&word.text);
	if (is_code)
		skip_line(r);
	finish(r, var);
	return var->kind == SHELLVAR_SET;
}

static bool is_assignment(const struct reader *r)
{
	size_t n = name_len(r);
	return n > 0 && r->at + n < r->len && r->s[r->at + n] == '=';
}

/* One statement: assignments up to the end of the line, a semicolon or a comment. */
static void read_statement(struct reader *r)
{
	uint32_t line = r->line;
	size_t first = r->out->count, start = r->at;
	bool was_export = false;

	if (r->len - r->at > 7 && !memcmp(r->s + r->at, "export", 6) &&
	    strchr(" \t", r->s[r->at + 6])) {
		r->at += 6;
		skip_blanks(r);
		was_export = true;
	}
	while (is_assignment(r)) {
		if (!read_assignment(r, r->line))
			return;
		skip_blanks(r);
		if (is_statement_end(r))
			break;
	}
	if (r->at > start && is_statement_end(r))
		return;
	/* "export NAME" alone changes nothing. */
	if (was_export && name_len(r) > 0) {
		r->at += name_len(r);
		skip_blanks(r);
		if (is_statement_end(r))
			return;
	}
	/* NAME=value before a command lasts only as long as that command. */
	for (size_t i = first; i < r->out->count; i++)
		r->out->items[i].kind = SHELLVAR_STRAY;
	if (r->out->count > first || was_export) {
		skip_line(r);
		finish(r, add(r, SHELLVAR_CODE, line));
		return;
	}
	r->at = start;
	read_command(r, line);
}

/* Which assignments have their lines for themselves. */
static void mark_alone(struct shellvars *vars)
{
	for (size_t i = 0; i < vars->count; i++) {
		struct shellvar *var = &vars->items[i];
		uint32_t end = var->line + var->line_count;
		var->is_alone =
			(i == 0 ||
			 vars->items[i - 1].line + vars->items[i - 1].line_count <= var->line) &&
			(i + 1 == vars->count || vars->items[i + 1].line >= end);
	}
}

void shellvars_parse(const char *text, size_t len, struct shellvars *ret)
{
	*ret = (struct shellvars){ .text = STR_INIT };
	str_add_bytes(&ret->text, text, len);
	struct reader r = { .s = ret->text.s, .len = len, .line = 1, .out = ret };

	for (size_t i = 0; i < len; i++)
		if (text[i] == '\r' && (i + 1 == len || text[i + 1] == '\n'))
			ret->has_crlf = true;
	bool is_after_statement = false;
	while (!at_end(&r)) {
		skip_blanks(&r);
		char c = peek(&r);
		if (at_end(&r))
			break;
		if (c == '\n' || (c == ';' && is_after_statement)) {
			next(&r);
			is_after_statement = false;
		} else if (c == '#')
			skip_line(&r);
		else if (c == '\r' && (r.at + 1 == len || r.s[r.at + 1] == '\n'))
			r.at++;
		else {
			/* A semicolon with nothing before it is a syntax error: read as code. */
			read_statement(&r);
			is_after_statement = true;
		}
	}
	mark_alone(ret);
}

void shellvars_done(struct shellvars *vars)
{
	vec_foreach (var, vars) {
		free(var->name);
		free(var->value);
	}
	vec_done(vars);
	str_done(&vars->text);
}

const struct shellvar *shellvars_find(const struct shellvars *vars, const char *name)
{
	for (size_t i = vars->count; i > 0; i--) {
		const struct shellvar *var = &vars->items[i - 1];
		if (var->kind == SHELLVAR_SET && str_eq(var->name, name))
			return var;
	}
	return NULL;
}

enum shellvar_answer shellvars_get(const struct shellvars *vars, const char *name, const char **ret)
{
	const struct shellvar *var = shellvars_find(vars, name);
	*ret = "";
	if (vars->has_code || (var && !var->value))
		return SHELLVAR_UNKNOWN;
	if (!var)
		return SHELLVAR_UNSET;
	*ret = var->value;
	return SHELLVAR_IS;
}

static bool is_bare(const char *value)
{
	for (; *value; value++)
		if (!isalnum((unsigned char)*value) && !strchr("._:/-+,", *value))
			return false;
	return true;
}

static void add_value(struct str *into, const char *value, char quote)
{
	if (!quote && is_bare(value)) {
		str_add(into, value);
		return;
	}
	str_add_char(into, quote ? quote : '"');
	for (; *value; value++) {
		if (quote != '\'' && strchr("$`\"\\", *value))
			str_add_char(into, '\\');
		str_add_char(into, *value);
	}
	str_add_char(into, quote ? quote : '"');
}

static void edit_value(const struct shellvars *vars, const char *path, const struct shellvar *var,
		       const char *value, struct edits *edits)
{
	cleanup(str_done) struct str old = STR_INIT;
	cleanup(str_done) struct str new = STR_INIT;
	size_t start = lines_offset(&vars->text, var->line);
	size_t value_end = var->value_at + var->value_len;
	char quote = var->value_len > 0 && strchr("'\"", vars->text.s[var->value_at])
			     ? vars->text.s[var->value_at]
			     : 0;

	/* In a CRLF file the CR reads as part of the value; it stays where it is. */
	if (var->value_len > 0 && vars->text.s[value_end - 1] == '\r')
		value_end--;
	lines_copy(vars->text.s, vars->text.len, var->line, var->line_count, &old);
	str_add_bytes(&new, old.s, var->value_at - start);
	add_value(&new, value, quote);
	str_add_bytes(&new, old.s + (value_end - start), old.len - (value_end - start));
	edit_line_bytes(edits, path, var->line, var->line_count, &old, &new);
}

void shellvars_edit_set(const struct shellvars *vars, const char *path, const char *name,
			const char *value, struct edits *edits)
{
	const struct shellvar *var = shellvars_find(vars, name);
	if (var) {
		edit_value(vars, path, var, value, edits);
		return;
	}
	cleanup(str_done) struct str new = STR_INIT;

	str_addf(&new, "%s=", name);
	add_value(&new, value, 0);
	str_add_char(&new, '\n');
	lines_edit_insert(edits, path, &vars->text, lines_count(vars->text.s, vars->text.len) + 1,
			  new.s);
}

void shellvars_edit_drop(const struct shellvars *vars, const char *path, const char *name,
			 struct edits *edits)
{
	for (size_t i = 0; i < vars->count; i++) {
		const struct shellvar *var = &vars->items[i];
		if (var->kind != SHELLVAR_SET || !str_eq(var->name, name))
			continue;
		if (!var->is_alone) {
			if (!var->value || var->value[0])
				edit_value(vars, path, var, "", edits);
			continue;
		}
		lines_edit_replace(edits, path, &vars->text, var->line, var->line_count, "");
	}
}
