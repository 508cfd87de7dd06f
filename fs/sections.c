/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/sections.h"
#include "fs/lines.h"

#include <strings.h>

#define BLANKS	  " \t\r"
#define ITEMS_MAX 100000u

struct reader {
	const struct str *text;
	enum sections_dialect dialect;
	size_t at;
	uint32_t line; /* of the line that is read next, 1-based */
};

/* One line without its line end; false at the end of the text. */
static bool read_line(struct reader *r, const char **ret, size_t *ret_len)
{
	const char *start = r->text->s + r->at, *end;
	size_t left = r->text->len - r->at;

	if (!left)
		return false;
	end = memchr(start, '\n', left);
	*ret = start;
	*ret_len = end ? (size_t)(end - start) : left;
	r->at += *ret_len + (end != NULL);
	r->line++;
	while (*ret_len && strchr(BLANKS, (*ret)[*ret_len - 1]))
		(*ret_len)--;
	while (*ret_len && strchr(BLANKS, **ret)) {
		(*ret)++;
		(*ret_len)--;
	}
	return true;
}

static bool is_comment(const struct reader *r, const char *line, size_t len)
{
	return !len || *line == '#' || (*line == ';' && r->dialect == SECTIONS_SYSTEMD);
}

/* A logical line: physical ones joined where a backslash ends them. */
static bool read_logical(struct reader *r, struct str *into, uint32_t *ret_first)
{
	const char *line;
	size_t len;
	bool goes_on = false;

	str_clear(into);
	while (read_line(r, &line, &len)) {
		if (!goes_on)
			*ret_first = r->line - 1;
		if (is_comment(r, line, len)) {
			if (goes_on && len)
				continue; /* a comment within a continued line */
			return true;
		}
		goes_on = r->dialect == SECTIONS_SYSTEMD && line[len - 1] == '\\';
		str_add_bytes(into, line, len - goes_on);
		if (!goes_on)
			return true;
		str_add_char(into, ' ');
	}
	return goes_on;
}

static char *trimmed(const char *start, size_t len)
{
	while (len && strchr(" \t", start[len - 1]))
		len--;
	while (len && strchr(" \t", *start)) {
		start++;
		len--;
	}
	return mem_strndup(start, len);
}

static void add_item(struct sections *ret, const char *section, const struct str *text,
		     uint32_t line, uint32_t count)
{
	const char *equals = memchr(text->s, '=', text->len);
	const char *close = text->s[0] == '[' && text->s[text->len - 1] == ']' ? text->s : NULL;
	struct section_item *item = vec_add(ret);

	item->line = line;
	item->line_count = count;
	item->kind = SECTION_JUNK;
	if (close) {
		item->kind = SECTION_HEAD;
		item->section = mem_strndup(text->s + 1, text->len - 2);
		return;
	}
	item->section = mem_strdup(section);
	if (!equals || equals == text->s || memchr(text->s, '\0', text->len))
		return;
	item->kind = SECTION_SET;
	item->key = trimmed(text->s, (size_t)(equals - text->s));
	item->value = trimmed(equals + 1, text->len - (size_t)(equals + 1 - text->s));
}

void sections_parse(const struct str *text, enum sections_dialect dialect, struct sections *ret)
{
	struct reader r = { .text = &ret->text, .dialect = dialect, .line = 1 };
	cleanup(str_done) struct str line = STR_INIT;
	cleanup(free) char *section = mem_strdup("");
	uint32_t first;

	*ret = (struct sections){ .text = STR_INIT, .dialect = dialect };
	str_add_bytes(&ret->text, text->s, text->len);
	while (ret->count < ITEMS_MAX && read_logical(&r, &line, &first)) {
		if (!line.len)
			continue;
		add_item(ret, section, &line, first, r.line - first);
		if (ret->items[ret->count - 1].kind != SECTION_HEAD)
			continue;
		free(section);
		section = mem_strdup(ret->items[ret->count - 1].section);
	}
}

void sections_done(struct sections *sections)
{
	vec_foreach (item, sections) {
		free(item->section);
		free(item->key);
		free(item->value);
	}
	vec_done(sections);
	str_done(&sections->text);
}

const struct section_item *sections_find(const struct sections *sections, const char *section,
					 const char *key)
{
	for (size_t i = sections->count; i-- > 0;) {
		const struct section_item *item = &sections->items[i];

		if (item->kind == SECTION_SET && str_eq(item->section, section) &&
		    str_eq(item->key, key))
			return item;
	}
	return NULL;
}

const char *sections_get(const struct sections *sections, const char *section, const char *key)
{
	const struct section_item *item = sections_find(sections, section, key);

	return item ? item->value : NULL;
}

bool sections_has(const struct sections *sections, const char *section)
{
	vec_foreach (item, sections)
		if (item->kind == SECTION_HEAD && str_eq(item->section, section))
			return true;
	return false;
}

const struct section_item *sections_junk(const struct sections *sections)
{
	vec_foreach (item, sections)
		if (item->kind == SECTION_JUNK)
			return item;
	return NULL;
}

int sections_boolean(const char *value)
{
	static const char *const yes[] = { "1", "yes", "y", "true", "t", "on" };
	static const char *const no[] = { "0", "no", "n", "false", "f", "off" };

	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		if (!strcasecmp(value, yes[i]))
			return 1;
		if (!strcasecmp(value, no[i]))
			return 0;
	}
	return -1;
}

/* The last line that belongs to the first section of the name; NULL: there is none. */
static const struct section_item *section_end(const struct sections *sections, const char *name)
{
	const struct section_item *last = NULL;

	vec_foreach (item, sections) {
		if (item->kind == SECTION_HEAD && last)
			break;
		if (str_eq(item->section, name) && (last || item->kind == SECTION_HEAD))
			last = item;
	}
	return last;
}

void sections_edit_set(const struct sections *sections, const char *path, const char *section,
		       const char *key, const char *value, struct edits *edits)
{
	const struct section_item *item = sections_find(sections, section, key);
	const struct section_item *end = section_end(sections, section);
	const struct str *text = &sections->text;
	cleanup(str_done) struct str new = STR_INIT;

	if (!item && !end)
		str_addf(&new, "%s[%s]\n", text->len ? "\n" : "", section);
	str_addf(&new, "%s=%s\n", key, value);
	if (item)
		lines_edit_replace(edits, path, text, item->line, item->line_count, new.s);
	else
		lines_edit_insert(edits, path, text,
				  end ? end->line + end->line_count
				      : lines_count(text->s, text->len) + 1,
				  new.s);
}

void sections_edit_comment(const struct sections *sections, const char *path,
			   const struct section_item *item, struct edits *edits)
{
	lines_edit_comment(edits, path, &sections->text, item->line, item->line_count);
}
