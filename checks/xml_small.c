/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/xml_small.h"

#include <ctype.h>
#include <strings.h>

#define ELEMENTS_MAX 20000u
#define ATTRS_MAX    64u
#define DEPTH_MAX    64u

struct reader {
	const char *s;
	size_t len, at;
	uint32_t line;
	size_t counted; /* lines are counted up to here */
	size_t open[DEPTH_MAX];
	unsigned depth;
	struct xml *xml;
};

static uint32_t line_at(struct reader *r, size_t at)
{
	for (; r->counted < at; r->counted++)
		r->line += r->s[r->counted] == '\n';
	return r->line;
}

static bool fail(struct reader *r, const char *problem)
{
	if (!r->xml->problem) {
		r->xml->problem = problem;
		r->xml->problem_line = line_at(r, r->at < r->len ? r->at : r->len);
	}
	return false;
}

static bool is_at(const struct reader *r, const char *text)
{
	size_t len = strlen(text);

	return r->len - r->at >= len && !memcmp(r->s + r->at, text, len);
}

/* Past the next `end`; false: there is none. */
static bool skip_to(struct reader *r, const char *end)
{
	const char *found = memmem(r->s + r->at, r->len - r->at, end, strlen(end));

	if (!found)
		return false;
	r->at = (size_t)(found - r->s) + strlen(end);
	return true;
}

static void skip_blanks(struct reader *r)
{
	while (r->at < r->len && strchr(" \t\r\n", r->s[r->at]) && r->s[r->at])
		r->at++;
}

static bool is_name_char(char c, bool is_first)
{
	return isalpha((unsigned char)c) || c == '_' || c == ':' || (c & 0x80) ||
	       (!is_first && (isdigit((unsigned char)c) || c == '-' || c == '.'));
}

static char *read_name(struct reader *r)
{
	size_t start = r->at;

	while (r->at < r->len && is_name_char(r->s[r->at], r->at == start))
		r->at++;
	return r->at > start ? mem_strndup(r->s + start, r->at - start) : NULL;
}

/* "&amp;", "&#38;": one byte, or '?' for what is beyond ASCII. 0: none that is known. */
static char reference(const char *s, size_t len)
{
	static const struct {
		const char *name;
		char c;
	} known[] = {
		{ "amp", '&' }, { "lt", '<' }, { "gt", '>' }, { "quot", '"' }, { "apos", '\'' }
	};
	unsigned long code = 0;
	bool is_hex = len > 2 && s[1] == 'x';

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (len == strlen(known[i].name) && !memcmp(s, known[i].name, len))
			return known[i].c;
	if (len < 2 || len > 10 || s[0] != '#')
		return '\0';
	for (size_t i = is_hex ? 2 : 1; i < len; i++) {
		if (is_hex ? !isxdigit((unsigned char)s[i]) : !isdigit((unsigned char)s[i]))
			return '\0';
		code = code * (is_hex ? 16 : 10) +
		       (unsigned long)(isdigit((unsigned char)s[i]) ? s[i] - '0'
								    : (s[i] | 32) - 'a' + 10);
	}
	if (code < 0x20 && code != '\t' && code != '\n' && code != '\r')
		return '\0';
	return code < 128 ? (char)code : '?';
}

/* Text up to `end` with its references resolved; `end` itself is passed for a quote. */
static bool read_text(struct reader *r, char end, struct str *into)
{
	for (; r->at < r->len && r->s[r->at] != end; r->at++) {
		char c = r->s[r->at];

		if (c == '<')
			return fail(r, "a < inside of a value");
		if (c == '&') {
			const char *semicolon = memchr(r->s + r->at, ';', r->len - r->at);
			size_t len = semicolon ? (size_t)(semicolon - r->s) - r->at - 1 : 0;

			c = semicolon && len < 12 ? reference(r->s + r->at + 1, len) : '\0';
			if (!c)
				return fail(r, "a & that begins no known reference");
			r->at += len + 1;
		} else if ((unsigned char)c < 0x20 && !strchr("\t\r\n", c))
			return fail(r, "a control character");
		else if (!c)
			return fail(r, "a NUL byte");
		str_add_char(into, c);
	}
	return true;
}

static bool read_attr(struct reader *r, struct xml_element *element)
{
	cleanup(str_done) struct str value = STR_INIT;
	cleanup(free) char *name = read_name(r);
	char quote;

	if (!name)
		return fail(r, "a tag that holds something else than attributes");
	skip_blanks(r);
	if (r->at >= r->len || r->s[r->at] != '=')
		return fail(r, "an attribute without a value");
	r->at++;
	skip_blanks(r);
	quote = r->at < r->len ? r->s[r->at] : '\0';
	if (quote != '"' && quote != '\'')
		return fail(r, "a value without quotes");
	r->at++;
	if (!read_text(r, quote, &value))
		return false;
	if (r->at >= r->len)
		return fail(r, "a quote that is not closed");
	r->at++;
	if (xml_get(element, name))
		return fail(r, "the same attribute twice");
	if (element->attrs.count == ATTRS_MAX)
		return fail(r, "too many attributes");
	vec_push(&element->attrs, ((struct xml_attr){ TAKE(name), str_take(&value) }));
	return true;
}

static bool read_start(struct reader *r)
{
	struct xml_element *element;
	size_t start = r->at, index = r->xml->count;
	bool is_second = r->depth == 0 && index > 0;

	if (is_second)
		return fail(r, "something behind the end of the root element");
	if (index == ELEMENTS_MAX || r->depth == DEPTH_MAX) {
		r->xml->is_odd = true;
		return false;
	}
	r->at++;
	element = vec_add(r->xml);
	element->parent = r->depth ? r->open[r->depth - 1] : XML_NONE;
	element->at = start;
	element->line = line_at(r, start);
	element->name = read_name(r);
	if (!element->name)
		return fail(r, "a < that begins no tag");
	for (;;) {
		size_t before = r->at;

		skip_blanks(r);
		if (is_at(r, "/>") || is_at(r, ">"))
			break;
		if (r->at >= r->len)
			return fail(r, "a tag that is not closed");
		if (r->at == before)
			return fail(r, "no blank between two attributes");
		if (!read_attr(r, element))
			return false;
	}
	if (r->s[r->at] == '/') {
		r->at += 2;
		element->open_end = element->close_at = element->close_end = r->at;
		return true;
	}
	element->open_end = ++r->at;
	r->open[r->depth++] = index;
	return true;
}

static bool read_end(struct reader *r)
{
	size_t start = r->at;
	cleanup(free) char *name = NULL;
	struct xml_element *element = r->depth ? &r->xml->items[r->open[r->depth - 1]] : NULL;

	r->at += 2;
	name = read_name(r);
	if (!name || !element || !str_eq(name, element->name)) {
		r->at = start;
		return fail(r, "an end tag that does not belong to the element that is open");
	}
	skip_blanks(r);
	if (!is_at(r, ">"))
		return fail(r, "an end tag that is not closed");
	element->close_at = start;
	element->close_end = ++r->at;
	r->depth--;
	return true;
}

static bool read_comment(struct reader *r)
{
	size_t start = r->at;

	r->at += 4;
	if (!skip_to(r, "--")) {
		r->at = start;
		return fail(r, "a comment that is not closed");
	}
	if (!is_at(r, ">"))
		return fail(r, "-- inside of a comment");
	r->at++;
	return true;
}

/* `name="value"` at r->at; false: it is not there, or not so. */
static bool read_pseudo(struct reader *r, const char *name, struct str *value)
{
	const char *at = r->s + r->at, *end;

	if (!is_at(r, name))
		return false;
	at += strlen(name);
	at += strspn(at, " \t\r\n");
	if (*at++ != '=')
		return false;
	at += strspn(at, " \t\r\n");
	end = *at == '"' || *at == '\'' ? strchr(at + 1, *at) : NULL;
	if (!end)
		return false;
	str_add_bytes(value, at + 1, (size_t)(end - at) - 1);
	r->at = (size_t)(end - r->s) + 1;
	return true;
}

/* `<?xml version="1.0" encoding="utf-8"?>`, behind its "<?xml". What is of another version or in
 * another encoding is not judged. */
static bool read_declaration(struct reader *r)
{
	static const char *const names[] = { "version", "encoding", "standalone" };
	struct str values[] = { STR_INIT, STR_INIT, STR_INIT };
	bool is_good = true;

	for (size_t i = 0; i < ARRAY_LEN(names) && is_good; i++) {
		size_t start = r->at;

		skip_blanks(r);
		if (r->at == start || !read_pseudo(r, names[i], &values[i])) {
			r->at = start;
			is_good = i > 0;
		}
	}
	skip_blanks(r);
	is_good &= is_at(r, "?>");
	r->at += is_good ? 2 : 0;
	if (is_good && (!str_eq(values[0].s, "1.0") || values[2].len ||
			(values[1].len && strcasecmp(values[1].s, "utf-8") &&
			 strcasecmp(values[1].s, "us-ascii"))))
		r->xml->is_odd = true;
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		str_done(&values[i]);
	return is_good ? !r->xml->is_odd : fail(r, "an XML declaration that is none");
}

static bool read_instruction(struct reader *r)
{
	size_t start = r->at;
	cleanup(free) char *name = NULL;

	r->at += 2;
	name = read_name(r);
	if (!name || (!is_at(r, "?>") && (r->at >= r->len || !isspace((unsigned char)r->s[r->at]))))
		return fail(r, "<? without a name");
	if (strcasecmp(name, "xml"))
		return skip_to(r, "?>") || fail(r, "<? that is not closed");
	if (!str_eq(name, "xml") || (start != 0 && start != 3) || r->xml->count)
		return fail(r, "<?xml that is not at the beginning");
	return read_declaration(r);
}

static bool read_piece(struct reader *r)
{
	cleanup(str_done) struct str ignored = STR_INIT;

	if (is_at(r, "<!--"))
		return read_comment(r);
	if (is_at(r, "<?"))
		return read_instruction(r);
	if (is_at(r, "<![CDATA[") && r->depth)
		return skip_to(r, "]]>") || fail(r, "CDATA that is not closed");
	if (is_at(r, "<!")) {
		r->xml->is_odd = true;
		return false;
	}
	if (is_at(r, "</"))
		return read_end(r);
	if (is_at(r, "<"))
		return read_start(r);
	if (!r->depth) {
		skip_blanks(r);
		return r->at >= r->len || r->s[r->at] == '<' ||
		       fail(r, "text outside of the root element");
	}
	return read_text(r, '<', &ignored);
}

void xml_read(const struct str *text, struct xml *ret)
{
	struct reader r = { .s = text->s, .len = text->len, .line = 1, .xml = ret };

	*ret = (struct xml){ 0 };
	if (text->len >= 2 && ((uint8_t)text->s[0] >= 0xfe || !text->s[0] || !text->s[1])) {
		ret->is_odd = true; /* UTF-16 */
		return;
	}
	if (text->len >= 3 && !memcmp(text->s, "\xef\xbb\xbf", 3))
		r.at = 3;
	else if (text->len && strchr(" \t\r\n", text->s[0])) {
		skip_blanks(&r);
		if (is_at(&r, "<?xml")) {
			fail(&r, "something before <?xml");
			return;
		}
	}
	while (r.at < r.len)
		if (!read_piece(&r))
			return;
	if (r.depth)
		fail(&r, "an element that is not closed");
	else if (!ret->count)
		fail(&r, "no element at all");
}

void xml_done(struct xml *xml)
{
	vec_foreach (element, xml) {
		vec_foreach (attr, &element->attrs) {
			free(attr->name);
			free(attr->value);
		}
		vec_done(&element->attrs);
		free(element->name);
	}
	vec_done(xml);
}

const char *xml_get(const struct xml_element *element, const char *name)
{
	vec_foreach (attr, &element->attrs)
		if (str_eq(attr->name, name))
			return attr->value;
	return NULL;
}
