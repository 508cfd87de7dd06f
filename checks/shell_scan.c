/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/shell_scan.h"

#include <ctype.h>

#define SCRIPT_MAX   (1u << 20)
#define COMMANDS_MAX 20000u
#define DEPTH_MAX    64u

enum nest { NEST_IF, NEST_LOOP, NEST_CASE, NEST_FUNCTION, NEST_GROUP };

struct scan {
	const char *p, *end;
	uint32_t line;
	struct shell_script *script;
	struct shell_command now; /* being read */
	bool has_now;
	bool is_joined; /* behind && or || */
	bool may_have_ended;
	bool is_lost; /* too deep: from here on everything is conditional */
	struct {
		enum nest kind;
		bool is_conditional;
		size_t loop; /* NEST_LOOP: its number; SIZE_MAX for `for` */
	} stack[DEPTH_MAX];
	size_t depth;
	struct tree_names heredocs; /* delimiters to come, "-" in front when tabs are stripped */
};

static bool is_nested_conditional(const struct scan *s)
{
	bool is = s->is_lost;

	for (size_t i = 0; i < s->depth; i++)
		is |= s->stack[i].kind != NEST_GROUP || s->stack[i].is_conditional;
	return is;
}

/* ---- words ----------------------------------------------------------------------------------- */

static void skip_to(struct scan *s, char close)
{
	for (; s->p < s->end && *s->p != close; s->p++) {
		if (*s->p == '\n')
			s->line++;
		else if (*s->p == '\\' && close != '\'' && s->p + 1 < s->end)
			s->line += *++s->p == '\n';
	}
	if (s->p < s->end)
		s->p++;
}

/* From a parenthesis or brace to the one that closes it; s->p stands at the opening one. */
static void skip_balanced(struct scan *s)
{
	unsigned depth = 0;

	for (; s->p < s->end; s->p++) {
		depth += *s->p == '(' || *s->p == '{';
		depth -= *s->p == ')' || *s->p == '}';
		s->line += *s->p == '\n';
		if (!depth) {
			s->p++;
			return;
		}
	}
}

/* $(…), ${…} and `…`: copied as they are. */
static void add_expansion(struct scan *s, struct str *word)
{
	const char *from = s->p;

	if (*s->p++ == '`')
		skip_to(s, '`');
	else
		skip_balanced(s);
	str_add_bytes(word, from, (size_t)(s->p - from));
}

static bool is_expansion(const struct scan *s)
{
	return *s->p == '`' || (*s->p == '$' && s->p + 1 < s->end && strchr("({", s->p[1]));
}

static void add_quoted(struct scan *s, struct str *word)
{
	char quote = *s->p++;

	while (s->p < s->end && *s->p != quote) {
		if (quote == '"' && is_expansion(s)) {
			add_expansion(s, word);
			continue;
		}
		if (quote == '"' && *s->p == '\\' && s->p + 1 < s->end)
			s->p++;
		s->line += *s->p == '\n';
		str_add_char(word, *s->p++);
	}
	if (s->p < s->end)
		s->p++;
}

/* One word; *ret_plain: no quote was in it, so that it may be a keyword. */
static void read_word(struct scan *s, struct str *word, bool *ret_plain)
{
	*ret_plain = true;
	while (s->p < s->end && !strchr(" \t\r\n;&|()<>", *s->p)) {
		if (*s->p == '\\' && s->p + 1 < s->end) {
			s->line += s->p[1] == '\n';
			if (s->p[1] != '\n')
				str_add_char(word, s->p[1]);
			s->p += 2;
		} else if (*s->p == '\'' || *s->p == '"') {
			*ret_plain = false;
			add_quoted(s, word);
		} else if (is_expansion(s))
			add_expansion(s, word);
		else
			str_add_char(word, *s->p++);
	}
}

/* ---- commands -------------------------------------------------------------------------------- */

static bool is_word(const struct shell_command *c, const char *word)
{
	return c->words.count && str_eq(c->words.items[0], word);
}

static void note_exit(struct scan *s, const struct shell_command *c)
{
	bool is_counting = false, is_in_function = false;

	vec_foreach (word, &c->words)
		is_counting |= str_eq(*word, "-lt") || str_eq(*word, "-gt") ||
			       str_eq(*word, "-ge") || str_eq(*word, "-le");
	if (is_word(c, "exec") && c->words.count == 1)
		return; /* redirections alone */
	if (!is_word(c, "exit") && !is_word(c, "return") && !is_word(c, "exec") &&
	    !is_word(c, "break") && !is_word(c, "kill") && !is_word(c, "goto") && !is_counting &&
	    !is_word(c, "reboot") && !is_word(c, "shutdown") && !is_word(c, "poweroff"))
		return;
	for (size_t i = 0; i < s->depth; i++)
		is_in_function |= s->stack[i].kind == NEST_FUNCTION;
	s->may_have_ended |= is_word(c, "exit") || is_word(c, "exec") ||
			     (is_word(c, "return") && !is_in_function);
	for (size_t i = 0; i < s->depth; i++)
		if (s->stack[i].kind == NEST_LOOP && s->stack[i].loop != SIZE_MAX)
			s->script->loops.items[s->stack[i].loop].has_exit = true;
}

static void end_command(struct scan *s, bool is_background)
{
	if (!s->has_now)
		return;
	s->has_now = false;
	s->now.is_background = is_background;
	s->now.line_count = s->line - s->now.line + 1;
	s->now.is_conditional = s->is_joined || is_nested_conditional(s);
	s->now.is_after_exit = s->may_have_ended;
	if (s->script->commands.count == COMMANDS_MAX) {
		tree_names_done(&s->now.words);
		return;
	}
	vec_push(&s->script->commands, s->now);
	note_exit(s, &s->now);
	s->now = (struct shell_command){ 0 };
}

static void push(struct scan *s, enum nest kind, size_t loop)
{
	if (s->depth == DEPTH_MAX) {
		s->is_lost = true;
		return;
	}
	s->stack[s->depth].kind = kind;
	s->stack[s->depth].is_conditional = s->is_joined;
	s->stack[s->depth++].loop = loop;
	s->is_joined = false;
}

static void pop(struct scan *s, enum nest kind)
{
	if (s->depth && s->stack[s->depth - 1].kind == kind) {
		s->depth--;
		s->is_joined = s->stack[s->depth].is_conditional && kind != NEST_GROUP;
	}
}

static void begin_loop(struct scan *s, bool is_until)
{
	struct shell_loop *loop = vec_add(&s->script->loops);

	loop->line = s->line;
	loop->is_until = is_until;
	loop->is_conditional = s->is_joined || is_nested_conditional(s);
	loop->first = loop->body = loop->end = s->script->commands.count;
	push(s, NEST_LOOP, s->script->loops.count - 1);
}

static void in_loop(struct scan *s, bool is_end)
{
	size_t number = s->depth && s->stack[s->depth - 1].kind == NEST_LOOP
				? s->stack[s->depth - 1].loop
				: SIZE_MAX;

	if (number == SIZE_MAX)
		return;
	struct shell_loop *loop = &s->script->loops.items[number];
	if (is_end)
		loop->end = s->script->commands.count;
	else
		loop->body = s->script->commands.count;
	if (is_end) { /* "done &" */
		const char *p = s->p;
		while (p < s->end && (*p == ' ' || *p == '\t' || *p == ')'))
			p++;
		loop->is_background = p < s->end && *p == '&' && (p + 1 == s->end || p[1] != '&');
	}
}

/* A reserved word where a command begins; true when it was one. */
static bool keyword(struct scan *s, const char *word)
{
	if (str_eq(word, "if"))
		push(s, NEST_IF, 0);
	else if (str_eq(word, "fi"))
		pop(s, NEST_IF);
	else if (str_eq(word, "while") || str_eq(word, "until"))
		begin_loop(s, str_eq(word, "until"));
	else if (str_eq(word, "for") || str_eq(word, "select"))
		push(s, NEST_LOOP, SIZE_MAX);
	else if (str_eq(word, "do"))
		in_loop(s, false);
	else if (str_eq(word, "done")) {
		in_loop(s, true);
		pop(s, NEST_LOOP);
	} else if (str_eq(word, "case"))
		push(s, NEST_CASE, 0);
	else if (str_eq(word, "esac"))
		pop(s, NEST_CASE);
	else if (str_eq(word, "{"))
		push(s, NEST_GROUP, 0);
	else if (str_eq(word, "}")) {
		pop(s, NEST_GROUP);
		pop(s, NEST_FUNCTION);
	} else if (str_eq(word, "function"))
		push(s, NEST_FUNCTION, 0);
	else
		return str_eq(word, "then") || str_eq(word, "else") || str_eq(word, "elif") ||
		       str_eq(word, "!") || str_eq(word, "time");
	return true;
}

static void skip_heredocs(struct scan *s)
{
	vec_foreach (delimiter, &s->heredocs) {
		bool is_tabbed = **delimiter == '-';
		size_t wanted = strlen(*delimiter + 1);

		while (s->p < s->end) {
			const char *eol = memchr(s->p, '\n', (size_t)(s->end - s->p)), *at = s->p;
			size_t len;

			eol = eol ? eol : s->end;
			while (is_tabbed && at < eol && *at == '\t')
				at++;
			len = (size_t)(eol - at);
			s->p = eol < s->end ? eol + 1 : s->end;
			s->line++;
			if (len == wanted && !memcmp(at, *delimiter + 1, len))
				break;
		}
	}
	tree_names_done(&s->heredocs);
}

static void redirection(struct scan *s)
{
	cleanup(str_done) struct str word = STR_INIT;
	bool is_heredoc = s->end - s->p > 2 && !memcmp(s->p, "<<", 2) && s->p[2] != '<', is_plain;
	char mark = '+';

	s->p += strspn(s->p, "<>&|");
	if (is_heredoc && *s->p == '-')
		mark = *s->p++;
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t'))
		s->p++;
	s->p += strspn(s->p, "<>"); /* "> >(…)" */
	if (s->p < s->end && *s->p == '(') {
		skip_balanced(s);
		return;
	}
	read_word(s, &word, &is_plain);
	if (is_heredoc)
		vec_push(&s->heredocs, mem_printf("%c%s", mark, word.s));
}

/* "(" where a command begins groups; behind a name it makes a function. */
static void parenthesis(struct scan *s)
{
	bool is_open = *s->p++ == '(';

	if (!is_open) {
		end_command(s, false);
		pop(s, NEST_GROUP);
	} else if (s->has_now && s->p < s->end && *s->p == ')') {
		s->p++;
		s->has_now = false;
		tree_names_done(&s->now.words);
		push(s, NEST_FUNCTION, 0);
	} else if (s->has_now || (s->p < s->end && *s->p == '('))
		s->is_lost |= !s->has_now && s->depth == DEPTH_MAX; /* ((…)), arrays: passed over */
	else
		push(s, NEST_GROUP, 0);
}

static void operator(struct scan *s)
{
	bool is_double = s->p + 1 < s->end && s->p[1] == *s->p;

	switch (*s->p) {
	case '\n':
		end_command(s, false);
		s->is_joined = false;
		s->line++;
		s->p++;
		skip_heredocs(s);
		break;
	case '&':
	case '|':
		end_command(s, *s->p == '&' && !is_double);
		s->is_joined = is_double || (*s->p == '|' && s->is_joined);
		s->p += 1 + is_double;
		break;
	default: /* ; and ;; */
		end_command(s, false);
		s->is_joined = false;
		s->p++;
	}
}

static void one_word(struct scan *s)
{
	cleanup(str_done) struct str word = STR_INIT;
	uint32_t line = s->line;
	bool is_plain;

	read_word(s, &word, &is_plain);
	if (s->p < s->end && strchr("<>", *s->p) && word.len == 1 &&
	    isdigit((unsigned char)*word.s))
		return; /* 2> */
	if (!s->has_now && is_plain && keyword(s, word.s))
		return;
	if (!s->has_now) {
		s->has_now = true;
		s->now.line = line;
	}
	if (s->now.words.count < 200)
		vec_push(&s->now.words, str_take(&word));
}

/* && at the end of a line joins the next one. */
static void skip_blank(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\r' ||
				 (*s->p == '\n' && s->is_joined && !s->has_now))) {
		s->line += *s->p == '\n';
		s->p++;
	}
}

static void mark_lonely(struct shell_script *script)
{
	vec_foreach (c, &script->commands) {
		bool has_before =
			c > script->commands.items && c[-1].line + c[-1].line_count > c->line;
		bool has_after = c + 1 < script->commands.items + script->commands.count &&
				 c[1].line < c->line + c->line_count;

		c->is_alone = !has_before && !has_after && !c->is_conditional;
	}
}

void shell_scan(const char *text, size_t len, struct shell_script *ret)
{
	struct scan s = { .p = text, .end = text + len, .line = 1, .script = ret };

	*ret = (struct shell_script){ 0 };
	if (len > SCRIPT_MAX || memchr(text, '\0', len))
		return;
	for (skip_blank(&s); s.p < s.end; skip_blank(&s)) {
		if (*s.p == '#')
			while (s.p < s.end && *s.p != '\n')
				s.p++;
		else if (strchr("\n;&|", *s.p))
			operator(&s);
		else if (strchr("()", *s.p))
			parenthesis(&s);
		else if (strchr("<>", *s.p))
			redirection(&s);
		else
			one_word(&s);
	}
	end_command(&s, false);
	tree_names_done(&s.heredocs);
	mark_lonely(ret);
}

void shell_script_done(struct shell_script *script)
{
	vec_foreach (command, &script->commands)
		tree_names_done(&command->words);
	vec_done(&script->commands);
	vec_done(&script->loops);
}
