/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/str.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

char str_empty[] = "";

static void reserve(struct str *str, size_t more)
{
	size_t need = str->len + more + 1;

	if (need <= str->room)
		return;
	if (need < str->room * 2)
		need = str->room * 2;
	if (need < 64)
		need = 64;
	str->s = mem_realloc(str->room ? str->s : NULL, need);
	str->room = need;
	str->s[str->len] = '\0';
}

void str_add_bytes(struct str *str, const void *data, size_t len)
{
	if (!len)
		return;
	reserve(str, len);
	memcpy(str->s + str->len, data, len);
	str->len += len;
	str->s[str->len] = '\0';
}

void str_add(struct str *str, const char *text)
{
	str_add_bytes(str, text, strlen(text));
}

void str_add_char(struct str *str, char c)
{
	str_add_bytes(str, &c, 1);
}

void str_addf(struct str *str, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n <= 0)
		return;
	reserve(str, (size_t)n);
	va_start(ap, fmt);
	vsnprintf(str->s + str->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	str->len += (size_t)n;
}

/* Length of the valid UTF-8 sequence at p (RFC 3629), 0 when there is none. */
static size_t utf8_len(const unsigned char *p, size_t left, uint32_t *ret_char)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = p[0] < 0x80			 ? 1
		   : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
		   : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
		   : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
						 : 0;
	uint32_t c;

	if (!n || n > left)
		return 0;
	c = n == 1 ? p[0] : p[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if ((n > 1 && c < least[n]) || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
		return 0;
	*ret_char = c;
	return n;
}

/* What moves the cursor, or is not seen, or puts what is seen in another order: controls, separators of
 * lines, and the format characters (category Cf of Unicode 15), which bidi overrides are among. */
static bool is_unprintable(uint32_t c)
{
	static const uint32_t ranges[][2] = {
		{ 0x00, 0x1f },	      { 0x7f, 0x9f },	    { 0xad, 0xad },
		{ 0x600, 0x605 },     { 0x61c, 0x61c },	    { 0x6dd, 0x6dd },
		{ 0x70f, 0x70f },     { 0x890, 0x891 },	    { 0x8e2, 0x8e2 },
		{ 0x180e, 0x180e },   { 0x200b, 0x200f },   { 0x2028, 0x202e },
		{ 0x2060, 0x206f },   { 0xfeff, 0xfeff },   { 0xfff9, 0xfffb },
		{ 0xfffe, 0xffff },   { 0x110bd, 0x110bd }, { 0x110cd, 0x110cd },
		{ 0x13430, 0x1343f }, { 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a },
		{ 0xe0001, 0xe007f },
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (c >= ranges[i][0] && c <= ranges[i][1])
			return true;
	return false;
}

static void add_escaped(struct str *str, const char *data, size_t len, bool has_lines)
{
	const unsigned char *p = (const unsigned char *)data;

	while (len) {
		uint32_t c = 0;
		size_t n = utf8_len(p, len, &c);

		if (n && !is_unprintable(c)) {
			str_add_bytes(str, p, n);
		} else if (n == 1 && c == '\n') {
			str_add(str, has_lines ? "\n" : "\\n");
		} else if (n == 1 && c == '\t') {
			str_add_char(str, '\t');
		} else {
			n = n ? n : 1;
			for (size_t i = 0; i < n; i++)
				str_addf(str, "\\x%02x", p[i]);
		}
		p += n;
		len -= n;
	}
}

void str_add_word(struct str *str, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "/._-+=:,@%";

	if (*word && !word[strspn(word, plain)]) {
		str_add(str, word);
		return;
	}
	str_add_char(str, '\'');
	for (const char *p = word; *p; p++)
		if (*p == '\'')
			str_add(str, "'\\''");
		else
			str_add_char(str, *p);
	str_add_char(str, '\'');
}

void str_add_escaped(struct str *str, const char *data, size_t len)
{
	add_escaped(str, data, len, false);
}

void str_add_escaped_lines(struct str *str, const char *data, size_t len)
{
	add_escaped(str, data, len, true);
}

void str_add_json_shown(struct str *str, const char *json)
{
	const unsigned char *p = (const unsigned char *)json;

	while (*p) {
		uint32_t c = 0;
		size_t n = utf8_len(p, strnlen((const char *)p, 4), &c);

		if (!n || c < 0x20 || !is_unprintable(c))
			str_add_bytes(str, p, n ? n : 1);
		else if (c < 0x10000)
			str_addf(str, "\\u%04x", c);
		else /* a pair of surrogates, RFC 8259 section 7 */
			str_addf(str, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
				 0xdc00 + ((c - 0x10000) & 0x3ff));
		p += n ? n : 1;
	}
}

void escape_into(char *ret, size_t size, const char *data, size_t len)
{
	cleanup(str_done) struct str shown = STR_INIT;
	size_t keep;

	str_add_escaped(&shown, data, len);
	keep = shown.len < size ? shown.len : size - 1;
	while (keep && (shown.s[keep] & 0xc0) == 0x80)
		keep--;
	memcpy(ret, shown.s, keep);
	ret[keep] = '\0';
}

void str_clear(struct str *str)
{
	str->len = 0;
	if (str->room)
		str->s[0] = '\0';
}

void str_done(struct str *str)
{
	if (str->room)
		free(str->s);
	str->s = str_empty;
	str->len = str->room = 0;
}

char *str_take(struct str *str)
{
	char *s = str->room ? str->s : mem_strdup("");

	str->s = str_empty;
	str->len = str->room = 0;
	return s;
}

bool str_starts(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

bool str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && !memcmp(s + n - m, suffix, m);
}
