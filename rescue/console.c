/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/console.h"

enum { SUSPICIONS_MAX = 6, SHOWN_LINES = 25 };

/* The rules that match, the telling ones first, each cause once. */
struct said {
	const struct console_rule *rule[SUSPICIONS_MAX];
	struct str line[SUSPICIONS_MAX]; /* as it is quoted */
	size_t count;
};

static void said_done(struct said *said)
{
	for (size_t i = 0; i < said->count; i++)
		str_done(&said->line[i]);
}
DEFINE_CLEANUP_DONE(struct said, said_done)

static bool is_said(const struct said *said, const struct console_rule *rule)
{
	for (size_t i = 0; i < said->count; i++)
		if (str_eq(said->rule[i]->cause, rule->cause))
			return true;
	return false;
}

static void listen(const char *raw, bool (*is_wanted)(void *arg, const struct console_rule *),
		   void *arg, struct said *said)
{
	cleanup(str_done) struct str text = STR_INIT;

	console_last_boot(raw, &text);
	for (size_t i = 0; i < console_rule_count && said->count < SUSPICIONS_MAX; i++) {
		const struct console_rule *rule = &console_rules[i];
		const char *line;
		size_t len;

		if (is_said(said, rule) || (is_wanted && !is_wanted(arg, rule)))
			continue;
		line = console_match(rule, text.s, &len);
		if (!line)
			continue;
		said->rule[said->count] = rule;
		said->line[said->count] = (struct str)STR_INIT;
		console_quote(line, len, &said->line[said->count++]);
	}
}

/* "a, b, c" of "a b c". */
static void add_checks(struct str *out, const struct console_rule *rule)
{
	for (const char *p = rule->checks; *p; p++) {
		if (*p == ' ')
			str_add_char(out, ',');
		str_add_char(out, *p);
	}
}

void console_suspect(struct report *report, const char *instance, const char *raw)
{
	cleanup(said_done) struct said said = { 0 };

	listen(raw, NULL, NULL, &said);
	for (size_t i = 0; i < said.count; i++) {
		cleanup(str_done) struct str fact = STR_INIT;

		str_addf(&fact, "%s (console: \"%s\")", said.rule[i]->cause, said.line[i].s);
		if (said.rule[i]->checks) {
			str_add(&fact, "; checks: ");
			add_checks(&fact, said.rule[i]);
		}
		report_say(report, instance, "fact", "{s:s, s:s}", "name", "suspicion", "text",
			   fact.s);
	}
}

void console_each(const char *raw,
		  void (*tell)(void *arg, const struct console_rule *, const char *quoted),
		  void *arg)
{
	cleanup(said_done) struct said said = { 0 };

	listen(raw, NULL, NULL, &said);
	for (size_t i = 0; i < said.count; i++)
		tell(arg, said.rule[i], said.line[i].s);
}

static bool is_unexplained(void *arg, const struct console_rule *rule)
{
	const struct examination *e = arg;

	if (!rule->checks || rule->kind == CONSOLE_NOTE)
		return false; /* no check can (the check console-says tells it) */
	vec_foreach (f, &e->findings)
		if (console_rule_names(rule, f->check->name))
			return false;
	vec_foreach (u, &e->could_not_tell)
		if (!u->check || console_rule_names(rule, u->check->name))
			return false;
	return true;
}

void console_tell_unexplained(const char *raw, const struct examination *e,
			      void (*event)(void *arg, json_t *event), void *arg)
{
	cleanup(said_done) struct said said = { 0 };

	listen(raw, is_unexplained, (void *)e, &said);
	for (size_t i = 0; i < said.count; i++) {
		cleanup(str_done) struct str text = STR_INIT;
		json_t *told;

		str_addf(&text,
			 "the console says \"%s\" (%s), and none of these checks finds why: ",
			 said.line[i].s, said.rule[i]->cause);
		add_checks(&text, said.rule[i]);
		told = json_pack("{s:s, s:s, s:s}", "event", "fact", "name", "unexplained", "text",
				 text.s);
		if (told)
			event(arg, told);
	}
}

void console_tail(const char *raw, unsigned want, struct str *out)
{
	cleanup(str_done) struct str text = STR_INIT;
	const char *from;
	unsigned lines = 0;

	console_last_boot(raw, &text);
	for (from = text.s + text.len; from > text.s && lines <= want; from--)
		lines += from[-1] == '\n';
	from += lines > want; /* past the newline before the first line shown */
	while (*from) {
		size_t len = strcspn(from, "\n");

		str_add_escaped(out, from, len);
		str_add_char(out, '\n');
		from += len + (from[len] == '\n');
	}
}

void console_show(struct report *report, const char *instance, const char *raw)
{
	cleanup(str_done) struct str shown = STR_INIT;

	console_tail(raw, SHOWN_LINES, &shown);
	if (!shown.len)
		report_say(report, instance, "warning", "{s:s}", "text",
			   "EC2 has no console output of this instance yet");
	else
		report_say(report, instance, "console", "{s:s}", "text", shown.s);
}
