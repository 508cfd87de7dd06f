/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/console_rules.h"
#include "base/mem.h"

enum { WRAP_COLUMNS = 80, LINE_SHOWN_MAX = 240 };

/* Length of the escape sequence at s (ESC …), 0 when there is none. */
static size_t escape_len(const char *s)
{
	size_t n = 1;

	if (s[0] != '\033')
		return 0;
	if (s[1] == '[') { /* CSI: parameters, then one letter, unless systemd's "…" cut it off */
		for (n = 2; (s[n] >= '0' && s[n] <= '?') || (s[n] >= ' ' && s[n] <= '/'); n++)
			;
		return n + (s[n] >= '@' && s[n] <= '~');
	}
	if (s[1] == ']') { /* OSC: up to BEL */
		while (s[n] && s[n] != '\a' && s[n] != '\n')
			n++;
		return n + (s[n] == '\a');
	}
	return s[1] ? 2 : 1;
}

/* UEFI firmware and GRUB's menu write no line ends: they put the cursor where a line begins. */
static bool moves_cursor(const char *sequence, size_t len)
{
	return len > 2 && sequence[1] == '[' && strchr("HfJ", sequence[len - 1]);
}

static void clean(const char *raw, struct str *out)
{
	size_t column = 0;

	while (*raw) {
		size_t skip = escape_len(raw);

		if (skip && (!moves_cursor(raw, skip) || !column)) {
			raw += skip;
			continue;
		}
		if (skip || *raw == '\n') {
			/* GRUB breaks its messages at the edge of its screen. */
			if (skip || column != WRAP_COLUMNS)
				str_add_char(out, '\n');
			column = 0;
		} else if (*raw != '\r') {
			str_add_char(out, *raw);
			column++;
		}
		raw += skip ? skip : 1;
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
	/* Most rules match nowhere, and a search for their first words is one pass without a look at
	 * the lines. */
	cleanup(free) char *first = mem_strndup(rule->text, strcspn(rule->text, "\xe2"));
	const char *at = text;

	while ((at = strstr(at, first))) {
		const char *line = at;
		size_t len;

		while (line > text && line[-1] != '\n')
			line--;
		len = strcspn(line, "\n");
		if (line_matches(rule->text, line, len)) {
			*ret_len = len;
			return line;
		}
		at = line + len;
	}
	return NULL;
}

bool console_rule_names(const struct console_rule *rule, const char *check)
{
	size_t len = strlen(check);

	for (const char *at = rule->checks; at && *at;) {
		size_t word = strcspn(at, " ");

		if (word == len && !memcmp(at, check, len))
			return true;
		at += word + (at[word] == ' ');
	}
	return false;
}

void console_quote(const char *line, size_t len, struct str *out)
{
	while (len && *line == ' ')
		line++, len--;
	if (len && *line == '[') { /* "[   12.345678] " */
		size_t stamp = 1 + strspn(line + 1, " 0123456789.");

		if (stamp > 5 && stamp + 1 < len && line[stamp] == ']' && line[stamp + 1] == ' ') {
			line += stamp + 2;
			len -= stamp + 2;
		}
	}
	while (len && line[len - 1] == ' ')
		len--;
	str_add_escaped(out, line, len < LINE_SHOWN_MAX ? len : LINE_SHOWN_MAX);
}
