/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/lines.h"

uint32_t lines_count(const char *text, size_t len)
{
	uint32_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += text[i] == '\n';
	return n + (len > 0 && text[len - 1] != '\n');
}

/* The offset behind the line end at or after `at`. */
static size_t next_line(const char *text, size_t len, size_t at)
{
	const char *end = memchr(text + at, '\n', len - at);

	return end ? (size_t)(end - text) + 1 : len;
}

void lines_copy(const char *text, size_t len, uint32_t line, uint32_t count, struct str *into)
{
	size_t at = 0;

	for (uint32_t i = 1; i < line + count && at < len; i++) {
		size_t next = next_line(text, len, at);

		if (i >= line)
			str_add_bytes(into, text + at, next - at);
		at = next;
	}
}

size_t lines_offset(const struct str *text, uint32_t line)
{
	size_t at = 0;

	for (uint32_t i = 1; i < line && at < text->len; i++)
		at = next_line(text->s, text->len, at);
	return at;
}

void lines_drop_crs(const struct str *text, struct str *into)
{
	size_t line = into->len;

	for (size_t i = 0; i <= text->len; i++) {
		bool is_end = i == text->len || text->s[i] == '\n';

		while (is_end && into->len > line && into->s[into->len - 1] == '\r')
			into->s[--into->len] = '\0';
		if (i < text->len)
			str_add_char(into, text->s[i]);
	}
}

/* The bytes of the lines may hold NULs. */
static void replace(struct edits *edits, const char *path, const struct str *text, uint32_t line,
		    uint32_t count, const struct str *new)
{
	cleanup(str_done) struct str old = STR_INIT;

	lines_copy(text->s, text->len, line, count, &old);
	edit_line_bytes(edits, path, line, count, &old, new);
}

void lines_edit_replace(struct edits *edits, const char *path, const struct str *text,
			uint32_t line, uint32_t count, const char *new)
{
	cleanup(str_done) struct str bytes = STR_INIT;

	str_add(&bytes, new);
	replace(edits, path, text, line, count, &bytes);
}

void lines_edit_comment(struct edits *edits, const char *path, const struct str *text,
			uint32_t line, uint32_t count)
{
	cleanup(str_done) struct str new = STR_INIT;

	for (uint32_t i = line; i < line + count; i++) {
		str_add(&new, LINES_MARK);
		lines_copy(text->s, text->len, i, 1, &new);
	}
	replace(edits, path, text, line, count, &new);
}

void lines_edit_insert(struct edits *edits, const char *path, const struct str *text, uint32_t line,
		       const char *new)
{
	uint32_t last = lines_count(text->s, text->len);
	bool is_cut = line > last && text->len && text->s[text->len - 1] != '\n';
	cleanup(str_done) struct str lines = STR_INIT;

	if (is_cut) {
		lines_copy(text->s, text->len, last, 1, &lines);
		str_add_char(&lines, '\n');
	}
	str_add(&lines, new);
	replace(edits, path, text, is_cut ? last : line, is_cut, &lines);
}

void lines_edit_text(struct edits *edits, const char *path, const struct str *text,
		     const struct str *new)
{
	size_t head = 0, tail = 0, same = 0;
	size_t least = text->len < new->len ? text->len : new->len;
	uint32_t first;
	cleanup(str_done) struct str old_lines = STR_INIT, new_lines = STR_INIT;

	/* Whole lines that begin alike, then whole lines that end alike. */
	for (size_t i = 0; i < least && text->s[i] == new->s[i]; i++)
		if (text->s[i] == '\n')
			head = i + 1;
	while (same < least - head && text->s[text->len - 1 - same] == new->s[new->len - 1 - same])
		same++;
	for (size_t i = text->len - same; i < text->len; i++)
		if (i == head || (i > 0 && text->s[i - 1] == '\n')) {
			size_t in_new = new->len - (text->len - i);

			if (in_new == head || (in_new > 0 && new->s[in_new - 1] == '\n')) {
				tail = text->len - i;
				break;
			}
		}
	if (head == text->len && head == new->len)
		return;
	str_add_bytes(&old_lines, text->s + head, text->len - tail - head);
	str_add_bytes(&new_lines, new->s + head, new->len - tail - head);
	first = lines_count(text->s, head) + 1;
	edit_lines(edits, path, first, lines_count(old_lines.s, old_lines.len), old_lines.s,
		   new_lines.s);
}
