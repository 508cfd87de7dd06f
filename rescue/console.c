/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/console.h"

enum { SUSPICIONS_MAX = 6, SHOWN_LINES = 25, WRAP_COLUMNS = 80, LINE_SHOWN_MAX = 240 };

/* Length of the escape sequence at s (ESC …), 0 when there is none. */
static size_t escape_len(const char *s)
{
	size_t n = 1;

	if (s[0] != '\033')
		return 0;
	if (s[1] == '[') { /* CSI: parameters, then one letter */
		for (n = 2; (s[n] >= '0' && s[n] <= '?') || (s[n] >= ' ' && s[n] <= '/'); n++)
			;
		return n + (s[n] != '\0');
	}
	if (s[1] == ']') { /* OSC: up to BEL */
		while (s[n] && s[n] != '\a' && s[n] != '\n')
			n++;
		return n + (s[n] == '\a');
	}
	return s[1] ? 2 : 1;
}

static void clean(const char *raw, struct str *out)
{
	size_t column = 0;

	while (*raw) {
		size_t skip = escape_len(raw);

		if (skip) {
			raw += skip;
			continue;
		}
		if (*raw == '\n') {
			/* GRUB breaks its messages at the edge of its screen. */
			if (column != WRAP_COLUMNS)
				str_add_char(out, '\n');
			column = 0;
		} else if (*raw != '\r') {
			str_add_char(out, *raw);
			column++;
		}
		raw++;
	}
}

static const char *last_of(const char *text, const char *what)
{
	const char *found = NULL, *at = text;

	while ((at = strstr(at, what)))
		found = at++;
	return found;
}

/* A boot begins with the firmware or, where the console opens later, with the kernel's first line.
 * The last firmware line counts when at most one kernel came after it. */
static const char *last_boot(const char *text)
{
	static const char *const firmware[] = { "SeaBIOS (version",	  "BdsDxe: loading",
						"Booting from Hard Disk", "UEFI Interactive Shell",
						"Loading stage2",	  "GNU GRUB " };
	const char *kernel = last_of(text, "Linux version "), *begin = NULL, *second;

	for (size_t i = 0; i < ARRAY_LEN(firmware); i++) {
		const char *at = last_of(text, firmware[i]);

		if (at && (!begin || at > begin))
			begin = at;
	}
	if (!kernel)
		return begin ? begin : text;
	if (!begin)
		return kernel;
	if (begin > kernel)
		return begin;
	second = strstr(begin, "Linux version ");
	return second == kernel ? begin : kernel;
}

void console_last_boot(const char *raw, struct str *out)
{
	cleanup(str_done) struct str all = STR_INIT;
	const char *begin;

	if (!raw)
		return;
	clean(raw, &all);
	begin = last_boot(all.s);
	while (begin > all.s && begin[-1] != '\n')
		begin--;
	str_add(out, begin);
}

/* The fragments of `rule`, in order, within [line, line + len). */
static bool line_matches(const char *rule, const char *line, size_t len)
{
	static const char gap[] = "…";
	const char *end = line + len;

	for (;;) {
		const char *stop = strstr(rule, gap);
		size_t part = stop ? (size_t)(stop - rule) : strlen(rule);
		const char *at = memmem(line, (size_t)(end - line), rule, part);

		if (!at)
			return false;
		if (!stop)
			return true;
		line = at + part;
		rule = stop + strlen(gap);
	}
}

const char *console_match(const struct console_rule *rule, const char *text, size_t *ret_len)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		if (line_matches(rule->text, text, len)) {
			*ret_len = len;
			return text;
		}
		text += len + (text[len] == '\n');
	}
	return NULL;
}

void console_suspect(struct report *report, const char *instance, const char *raw)
{
	cleanup(str_done) struct str text = STR_INIT;
	const char *said[SUSPICIONS_MAX];
	size_t count = 0;

	console_last_boot(raw, &text);
	for (size_t i = 0; i < console_rule_count && count < SUSPICIONS_MAX; i++) {
		cleanup(str_done) struct str fact = STR_INIT;
		size_t len, same = 0;
		const char *line = console_match(&console_rules[i], text.s, &len);

		if (!line)
			continue;
		while (same < count && !str_eq(said[same], console_rules[i].cause))
			same++;
		if (same < count)
			continue;
		said[count++] = console_rules[i].cause;
		str_addf(&fact, "%s (console: \"", console_rules[i].cause);
		str_add_escaped(&fact, line, len < LINE_SHOWN_MAX ? len : LINE_SHOWN_MAX);
		str_add(&fact, "\")");
		report_say(report, instance, "fact", "{s:s, s:s}", "name", "suspicion", "text",
			   fact.s);
	}
}

void console_show(struct report *report, const char *instance, const char *raw)
{
	cleanup(str_done) struct str text = STR_INIT, shown = STR_INIT;
	const char *from;
	unsigned lines = 0;

	console_last_boot(raw, &text);
	if (!text.len) {
		report_say(report, instance, "warning", "{s:s}", "text",
			   "EC2 has no console output of this instance yet");
		return;
	}
	for (from = text.s + text.len; from > text.s && lines <= SHOWN_LINES; from--)
		lines += from[-1] == '\n';
	from += lines > SHOWN_LINES; /* past the newline before the first line shown */
	while (*from) {
		size_t len = strcspn(from, "\n");

		str_add_escaped(&shown, from, len);
		str_add_char(&shown, '\n');
		from += len + (from[len] == '\n');
	}
	report_say(report, instance, "console", "{s:s}", "text", shown.s);
}
