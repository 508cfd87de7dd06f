/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ec2/ini.h"
#include "base/str.h"

#include <ctype.h>

static char *trim(char *s)
{
	size_t n;

	s += strspn(s, " \t\r\v\f");
	for (n = strlen(s); n && strchr(" \t\r\v\f", s[n - 1]); n--)
		s[n - 1] = '\0';
	return s;
}

static struct ini_section *add_section(struct ini *ini, const char *name)
{
	struct ini_section *section;

	vec_foreach (old, &ini->sections)
		if (str_eq(old->name, name))
			return old;
	section = vec_add(&ini->sections);
	section->name = mem_strdup(name);
	return section;
}

static struct ini_pair *add_pair(struct ini_section *section, char *key, const char *value)
{
	struct ini_pair *pair = NULL;

	for (char *p = key; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	vec_foreach (old, &section->pairs)
		if (str_eq(old->key, key))
			pair = old;
	if (!pair) {
		pair = vec_add(&section->pairs);
		pair->key = mem_strdup(key);
	}
	secret_free(pair->value);
	pair->value = mem_strdup(value);
	return pair;
}

/* A comment after white space ends the value; none of AWS's values hold " #" or " ;". */
static void cut_comment(char *value)
{
	for (char *p = value; *p; p++)
		if ((*p == '#' || *p == ';') && p > value && isspace((unsigned char)p[-1])) {
			*p = '\0';
			return;
		}
}

struct parser {
	struct ini *ini;
	struct ini_section *section;
	struct ini_pair *pair; /* an indented line continues it */
};

static void parse_line(struct parser *in, char *line)
{
	bool is_indented = *line == ' ' || *line == '\t';
	char *text = trim(line), *end;

	if (!*text || *text == '#' || *text == ';')
		return;
	if (is_indented && in->pair) {
		char *joined;

		cut_comment(text);
		joined = mem_printf("%s\n%s", in->pair->value, trim(text));
		secret_free(in->pair->value);
		in->pair->value = joined;
		return;
	}
	if (*text == '[' && (end = strchr(text, ']'))) {
		*end = '\0';
		in->section = add_section(in->ini, trim(text + 1));
		in->pair = NULL;
		return;
	}
	end = strpbrk(text, "=:");
	if (!end || end == text || !in->section) {
		in->pair = NULL;
		return;
	}
	*end = '\0';
	cut_comment(end + 1);
	in->pair = add_pair(in->section, trim(text), trim(end + 1));
}

void ini_parse(const char *text, size_t len, struct ini *ret)
{
	struct parser in = { .ini = ret };
	const char *p = text, *end = text + len;

	if (len >= 3 && !memcmp(p, "\xef\xbb\xbf", 3))
		p += 3;
	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((newline ? newline : end) - p);
		cleanup(secret_free) char *line = mem_strndup(p, n);

		parse_line(&in, line);
		p += n + 1;
	}
}

void ini_done(struct ini *ini)
{
	vec_foreach (section, &ini->sections) {
		vec_foreach (pair, &section->pairs) {
			free(pair->key);
			secret_free(pair->value);
		}
		vec_done(&section->pairs);
		free(section->name);
	}
	vec_done(&ini->sections);
}

const struct ini_section *ini_section(const struct ini *ini, const char *name)
{
	vec_foreach (section, &ini->sections)
		if (str_eq(section->name, name))
			return section;
	return NULL;
}

const char *ini_value(const struct ini_section *section, const char *key)
{
	if (section)
		vec_foreach (pair, &section->pairs)
			if (str_eq(pair->key, key))
				return pair->value;
	return NULL;
}

char *ini_nested(const char *value, const char *key)
{
	cleanup(secret_free) char *copy = value ? mem_printf("[x]\n%s", value) : NULL;
	struct ini nested = { 0 };
	const char *found;
	char *ret = NULL;

	if (!copy)
		return NULL;
	ini_parse(copy, strlen(copy), &nested);
	found = ini_value(ini_section(&nested, "x"), key);
	ret = found ? mem_strdup(found) : NULL;
	ini_done(&nested);
	return ret;
}
