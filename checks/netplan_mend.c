/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/netplan_mend.h"
#include "fs/lines.h"

#include <ctype.h>

#define TEXT_MAX (64u << 10) /* each try reads the whole file */
#define NEAR	 3u	     /* lines around the refused one that may be at fault */

struct attempt {
	const struct str *text;
	uint32_t count; /* of lines */
	struct str *into;
};

static bool is_good(const struct str *text)
{
	cleanup(yaml_doc_done) struct yaml_doc doc;
	struct netplan_errors errors = { 0 };
	bool good;

	yaml_read(text, &doc);
	if (!doc.is_bad)
		netplan_validate(doc.root, &errors);
	good = !doc.is_bad && !errors.count && netplan_brings_a_card(doc.root);
	vec_done(&errors);
	return good;
}

void netplan_add_clean(const struct str *text, const char *before, struct str *into)
{
	for (size_t at = 0; at < text->len;) {
		const char *end = memchr(text->s + at, '\n', text->len - at);
		size_t stop = end ? (size_t)(end - text->s) : text->len;
		bool has_cr = stop > at && text->s[stop - 1] == '\r';
		cleanup(str_done) struct str line = STR_INIT;

		for (; at < stop - has_cr; at++)
			if (text->s[at])
				str_add_char(&line, text->s[at]);
		str_add(into, before);
		str_add_escaped(into, line.s, line.len);
		str_add(into, has_cr ? "\r\n" : "\n");
		at = stop + 1;
	}
}

/* "# B\xfcro", written on a system of another character set. */
static bool try_clean(const struct attempt *a)
{
	str_clear(a->into);
	netplan_add_clean(a->text, "", a->into);
	return is_good(a->into);
}

/* The text with one line in place of another; true when that helps. */
static bool try_line(const struct attempt *a, uint32_t line, const char *new)
{
	str_clear(a->into);
	lines_copy(a->text->s, a->text->len, 1, line - 1, a->into);
	str_addf(a->into, "%s\n", new);
	lines_copy(a->text->s, a->text->len, line + 1, a->count, a->into);
	return is_good(a->into);
}

/* Tabs at the beginnings of lines, each as so many blanks. */
static bool try_tabs(const struct attempt *a, size_t width)
{
	bool at_start = true, found = false;

	str_clear(a->into);
	for (size_t i = 0; i < a->text->len; i++) {
		char c = a->text->s[i];

		if (at_start && c == '\t') {
			for (size_t n = 0; n < width; n++)
				str_add_char(a->into, ' ');
			found = true;
			continue;
		}
		at_start = c == '\n' || (at_start && c == ' ');
		str_add_char(a->into, c);
	}
	return found && is_good(a->into);
}

/* The line, and those below it that are deeper, begin with other blanks. */
static bool try_indent(const struct attempt *a, uint32_t line, size_t have, size_t want)
{
	uint32_t at = line;
	bool goes_on = true;

	str_clear(a->into);
	lines_copy(a->text->s, a->text->len, 1, line - 1, a->into);
	for (; at <= a->count && goes_on; at++) {
		cleanup(str_done) struct str old = STR_INIT;
		size_t blanks;

		lines_copy(a->text->s, a->text->len, at, 1, &old);
		blanks = strspn(old.s, " ");
		goes_on = at == line || blanks > have;
		if (!goes_on)
			break;
		for (size_t n = 0; n < blanks - have + want; n++)
			str_add_char(a->into, ' ');
		str_add(a->into, old.s + blanks);
	}
	lines_copy(a->text->s, a->text->len, at, a->count, a->into);
	return is_good(a->into);
}

static bool try_indents(const struct attempt *a, uint32_t line, const char *text)
{
	size_t have = strspn(text, " ");

	if (!strchr(text, ':') && text[have] != '-')
		return false; /* it would only become more of the value above */
	for (size_t want = 0; want <= 24; want++)
		if (want != have && try_indent(a, line, have, want))
			return true;
	return false;
}

/* "dhcp4:true", "dhcp4 true", "eth0": what is between key and value, or behind a key alone. */
static bool try_colon(const struct attempt *a, uint32_t line, const char *text)
{
	size_t indent = strspn(text, " -"), word = strcspn(text + indent, " \t:#");
	const char *rest = text + indent + word;
	cleanup(free) char *new = NULL;

	if (!word || text[indent] == '#')
		return false;
	if (*rest == ':')
		new = mem_printf("%.*s: %s", (int)(indent + word), text, rest + 1);
	else
		new = mem_printf("%.*s:%s", (int)(indent + word), text, rest);
	return try_line(a, line, new);
}

/* A quote or bracket that is never closed, or one that closes nothing. */
static bool try_close(const struct attempt *a, uint32_t line, const char *text)
{
	static const char ends[] = "]}\"'";

	for (const char *end = ends; *end; end++) {
		cleanup(free) char *more = mem_printf("%s%c", text, *end);
		const char *last = strrchr(text, *end);
		cleanup(free) char *less =
			last ? mem_printf("%.*s%s", (int)(last - text), text, last + 1) : NULL;

		if (try_line(a, line, more) || (less && try_line(a, line, less)))
			return true;
	}
	return false;
}

/* "-10.0.0.5/24" */
static bool try_dash(const struct attempt *a, uint32_t line, const char *text)
{
	size_t indent = strspn(text, " ");
	cleanup(free) char *new = NULL;

	if (text[indent] != '-' || text[indent + 1] == ' ')
		return false;
	new = mem_printf("%.*s- %s", (int)indent, text, text + indent + 1);
	return try_line(a, line, new);
}

/* What bridges and tunnels cannot do without is not known here. */
static bool has_others(const struct str *text)
{
	cleanup(yaml_doc_done) struct yaml_doc doc;
	const struct yaml_node *network;

	yaml_read(text, &doc);
	network = yaml_get(doc.root, "network");
	for (const struct yaml_node *k = yaml_first_key(network); k; k = yaml_next_key(k))
		if (k->next->kind == YAML_MAP && !(k->value && str_eq(k->value, "ethernets")))
			return true;
	return false;
}

/* A line of no YAML at all: a merge's mark, something pasted. */
static bool try_without(const struct attempt *a, uint32_t line, const char *text)
{
	cleanup(free) char *new = mem_printf("#ec2-rescue# %s", text);

	return try_line(a, line, new) && !has_others(a->into);
}

bool netplan_mend(const struct str *text, const struct yaml_doc *doc, struct str *into)
{
	const struct attempt a = { text, lines_count(text->s, text->len), into };
	static bool (*const ways[])(const struct attempt *, uint32_t,
				    const char *) = { try_colon, try_dash, try_close, try_indents,
						      try_without };
	uint32_t first = doc->bad_line > NEAR ? doc->bad_line - NEAR : 1;
	uint32_t last = doc->bad_line + 1 < a.count ? doc->bad_line + 1 : a.count;

	if (text->len > TEXT_MAX)
		return false;
	if (try_clean(&a))
		return true;
	if (memchr(text->s, '\0', text->len))
		return false;
	for (size_t width = 2; width <= 8; width *= 2)
		if (try_tabs(&a, width))
			return true;
	for (size_t way = 0; way < ARRAY_LEN(ways); way++)
		for (uint32_t line = last; line >= first; line--) {
			cleanup(str_done) struct str old = STR_INIT;

			lines_copy(text->s, text->len, line, 1, &old);
			old.s[strcspn(old.s, "\r\n")] = '\0';
			if (ways[way](&a, line, old.s))
				return true;
		}
	str_clear(into);
	return false;
}
