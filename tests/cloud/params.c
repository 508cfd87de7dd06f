/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cloud/call.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#define MAX_PARAMS     5000
#define MAX_LIST_INDEX 1000

const char *field_get(const struct fields *fields, const char *name)
{
	vec_foreach (f, fields)
		if (str_eq(f->name, name))
			return f->value;
	return NULL;
}

const char *header_get(const struct fields *fields, const char *name)
{
	vec_foreach (f, fields)
		if (!strcasecmp(f->name, name))
			return f->value;
	return NULL;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static char *decode(const char *text, size_t len)
{
	cleanup(str_done) struct str out = STR_INIT;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '%') {
			int hi = i + 2 < len ? hex_value(text[i + 1]) : -1;
			int lo = i + 2 < len ? hex_value(text[i + 2]) : -1;

			if (hi < 0 || lo < 0 || (hi == 0 && lo == 0))
				return NULL;
			str_add_char(&out, (char)(hi * 16 + lo));
			i += 2;
		} else if (!text[i]) {
			return NULL;
		} else {
			str_add_char(&out, text[i] == '+' ? ' ' : text[i]);
		}
	}
	return str_take(&out);
}

int fields_parse(struct fields *into, const char *text, size_t len)
{
	for (size_t at = 0; at < len;) {
		const char *amp = memchr(text + at, '&', len - at);
		size_t end = amp ? (size_t)(amp - text) : len;
		const char *eq = memchr(text + at, '=', end - at);
		size_t name_end = eq ? (size_t)(eq - text) : end;

		if (end > at) {
			cleanup(free) char *name = decode(text + at, name_end - at);
			cleanup(free) char *value =
				eq ? decode(eq + 1, end - name_end - 1) : mem_strdup("");

			if (!name || !value || into->count >= MAX_PARAMS)
				return -1;
			vec_push(into, ((struct field){ TAKE(name), TAKE(value) }));
		}
		at = end + 1;
	}
	return 0;
}

const char *param(const struct call *call, const char *name)
{
	const char *v = field_get(&call->params, name);

	return v ? v : "";
}

bool param_has(const struct call *call, const char *name)
{
	return field_get(&call->params, name);
}

bool param_true(const struct call *call, const char *name)
{
	return !strcasecmp(param(call, name), "true");
}

json_int_t param_int(const struct call *call, const char *name, json_int_t otherwise)
{
	const char *v = param(call, name);

	return *v ? strtoll(v, NULL, 10) : otherwise;
}

const char *param_at(const struct call *call, const char *fmt, ...)
{
	char name[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	return param(call, name);
}

/* N of "NAME.N" or "NAME.N.more"; 0 when it is neither. */
static unsigned index_of(const char *field, const char *name)
{
	size_t n = strlen(name);
	unsigned long index;
	char *end;

	if (strncmp(field, name, n) || field[n] != '.' || !isdigit((unsigned char)field[n + 1]))
		return 0;
	index = strtoul(field + n + 1, &end, 10);
	return (*end && *end != '.') || index > MAX_LIST_INDEX ? 0 : (unsigned)index;
}

unsigned param_count(const struct call *call, const char *name)
{
	unsigned count = 0;

	vec_foreach (f, &call->params) {
		unsigned index = index_of(f->name, name);

		count = index > count ? index : count;
	}
	return count;
}

struct texts param_list(const struct call *call, const char *name)
{
	struct texts list = { 0 };
	unsigned count = param_count(call, name);

	for (unsigned i = 1; i <= count; i++) {
		const char *v = param_at(call, "%s.%u", name, i);

		if (*v)
			vec_push(&list, v);
	}
	return list;
}

/* ---- the check against the action's row */
struct pattern {
	char name[128];
	bool is_list, is_tree, is_required;
	char type; /* 'b', 'i' or 0 */
};

static const char *pattern_next(const char *text, struct pattern *ret)
{
	size_t n = strcspn(text, " "), len;
	char *mark;

	memset(ret, 0, sizeof(*ret));
	len = n < sizeof(ret->name) ? n : sizeof(ret->name) - 1;
	memcpy(ret->name, text, len);
	if ((mark = strchr(ret->name, ':'))) {
		ret->type = mark[1];
		*mark = 0;
	}
	if ((mark = strchr(ret->name, '!'))) {
		ret->is_required = true;
		*mark = 0;
	}
	if (str_ends(ret->name, ".*")) {
		ret->is_tree = true;
		ret->name[strlen(ret->name) - 2] = 0;
	} else if (str_ends(ret->name, ".N")) {
		ret->is_list = true;
		ret->name[strlen(ret->name) - 2] = 0;
	}
	return text[n] ? text + n + 1 : text + n;
}

static bool pattern_matches(const struct pattern *p, const char *field)
{
	size_t n = strlen(p->name);

	if (p->is_tree)
		return !strncmp(field, p->name, n) && (!field[n] || field[n] == '.');
	if (p->is_list)
		return index_of(field, p->name) && !strchr(field + n + 1, '.');
	return str_eq(field, p->name);
}

static int check_type(struct call *call, const struct field *f, char type)
{
	char *end;

	if (type == 'b' && strcasecmp(f->value, "true") && strcasecmp(f->value, "false")) {
		call_fail(call, "InvalidParameterValue",
			  "Invalid value '%s' for %s. Value must be 'true' or 'false'", f->value,
			  f->name);
		return -1;
	}
	if (type == 'i' && (!*f->value || (strtoll(f->value, &end, 10), *end))) {
		call_fail(call, "InvalidParameterValue", "Value (%s) for parameter %s is invalid.",
			  f->value, f->name);
		return -1;
	}
	return 0;
}

static int check_field(struct call *call, const struct field *f)
{
	struct pattern p;

	if (str_eq(f->name, "Action") || str_eq(f->name, "Version") ||
	    str_starts(f->name, "X-Amz-"))
		return 0;
	if (str_eq(f->name, "DryRun") && str_eq(call->service, "ec2"))
		return check_type(call, f, 'b');
	for (const char *rest = call->action->params; *rest;) {
		rest = pattern_next(rest, &p);
		if (pattern_matches(&p, f->name))
			return check_type(call, f, p.type);
	}
	/* EC2 calls a list parameter without its number a missing one; both are the client's error.
	 */
	call_fail(call, "UnknownParameter", "The parameter %s is not recognized", f->name);
	return -1;
}

int params_check(struct call *call)
{
	struct pattern p;

	for (const char *rest = call->action->params; *rest;) {
		bool is_there = false;

		rest = pattern_next(rest, &p);
		vec_foreach (f, &call->params)
			is_there |= pattern_matches(&p, f->name);
		if (p.is_required && !is_there) {
			call_fail(call, "MissingParameter",
				  "The request must contain the parameter %s", p.name);
			return -1;
		}
	}
	vec_foreach (f, &call->params)
		if (check_field(call, f))
			return -1;
	return 0;
}

json_t *param_tags(struct call *call, const char *resource_type)
{
	json_t *tags = json_object();

	for (unsigned i = 1; i <= param_count(call, "TagSpecification"); i++) {
		cleanup(free) char *list = mem_printf("TagSpecification.%u.Tag", i);

		if (!str_eq(param_at(call, "TagSpecification.%u.ResourceType", i), resource_type))
			continue;
		for (unsigned k = 1; k <= param_count(call, list); k++)
			jset_s(tags, param_at(call, "%s.%u.Key", list, k),
			       param_at(call, "%s.%u.Value", list, k));
	}
	return tags;
}

struct res *call_find(struct call *call, const struct kind *kind, const char *id)
{
	struct res *res;
	char text[256];

	if (!id_is_well_formed(id, kind->prefix)) {
/* The formats are words of the table of kinds, with one %s each. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(text, sizeof(text), kind->malformed_text, id);
		call_fail(call, kind->malformed, "%s", text);
		return NULL;
	}
	res = world_get(call->sim, id);
	if (!res || res->kind != kind || jb(res->truth, "gone") || !world_shown(call->sim, res)) {
		snprintf(text, sizeof(text), kind->missing_text, id);
#pragma GCC diagnostic pop
		call_fail(call, kind->missing, "%s", text);
		return NULL;
	}
	return res;
}
