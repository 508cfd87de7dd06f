/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const severity_names[] = { "note", "delays", "blocks-login", "blocks-boot" };
static const char *const repair_names[] = { "none", "sure", "offered" };

const char *severity_name(enum severity severity)
{
	return severity_names[severity];
}

const char *repair_class_name(enum repair_class repair)
{
	return repair_names[repair];
}

struct finding *finding_add(struct findings *findings, enum severity severity,
			    enum repair_class repair, const char *rows, const char *path,
			    uint32_t line, const char *fmt, ...)
{
	struct finding *finding = vec_add(findings);
	cleanup(free) char *message = NULL;
	struct str shown = STR_INIT;
	va_list ap;

	finding->severity = severity;
	finding->repair = repair;
	finding->rows = mem_strdup(rows);
	finding->path = path ? mem_strdup(path) : NULL;
	finding->line = line;
	va_start(ap, fmt);
	if (vasprintf(&message, fmt, ap) < 0)
		message = mem_strdup(fmt);
	va_end(ap);
	/* It quotes what was found; no check is relied on to have escaped it all. */
	str_add_escaped(&shown, message, strlen(message));
	finding->message = str_take(&shown);
	return finding;
}

void finding_done(struct finding *finding)
{
	free(finding->path);
	free(finding->message);
	free(finding->rows);
	edits_done(&finding->edits);
}

void findings_done(struct findings *findings)
{
	vec_foreach (finding, findings)
		finding_done(finding);
	vec_done(findings);
}

bool finding_is_of_blocks(const struct finding *finding)
{
	return finding->edits.count && finding->edits.items[0].kind == EDIT_BLOCKS;
}

json_t *finding_to_json(const struct finding *finding)
{
	json_t *edits = json_array();

	vec_foreach (edit, &finding->edits)
		if (json_array_append_new(edits, edit_to_json(edit)) < 0) {
			json_decref(edits); /* a repair goes whole or not at all */
			return NULL;
		}
	return json_pack("{s:s, s:s, s:s, s:s?, s:I, s:s, s:b, s:s, s:o}", "check",
			 finding->check->name, "severity", severity_name(finding->severity),
			 "class", repair_class_name(finding->repair), "path", finding->path, "line",
			 (json_int_t)finding->line, "message", finding->message, "repairable",
			 finding->repair != REPAIR_NONE, "rows", finding->rows, "edits", edits);
}

static int name_index(const json_t *value, const char *const *names, size_t count)
{
	const char *name = json_string_value(value);

	for (size_t i = 0; name && i < count; i++)
		if (str_eq(names[i], name))
			return (int)i;
	return -1;
}

static int parse(const json_t *json, struct finding *finding, struct err *err)
{
	const char *check = json_string_value(json_object_get(json, "check"));
	const char *message = json_string_value(json_object_get(json, "message"));
	const char *rows = json_string_value(json_object_get(json, "rows"));
	const json_t *path = json_object_get(json, "path"), *edits = json_object_get(json, "edits");
	int severity = name_index(json_object_get(json, "severity"), severity_names,
				  ARRAY_LEN(severity_names));
	int repair =
		name_index(json_object_get(json, "class"), repair_names, ARRAY_LEN(repair_names));

	finding->check = check ? check_find(check) : NULL;
	if (!finding->check || !message || !rows || severity < 0 || repair < 0 ||
	    !json_is_array(edits))
		return err_set(err, ERR_MALFORMED, "a finding lacks a member or names no check");
	finding->severity = (enum severity)severity;
	finding->repair = (enum repair_class)repair;
	finding->message = mem_strdup(message);
	finding->rows = mem_strdup(rows);
	if (u32_from_json(json, "line", &finding->line, err) < 0)
		return -1;
	if (path && !json_is_null(path) && path_from_json(path, &finding->path, err) < 0)
		return -1;
	for (size_t i = 0; i < json_array_size(edits); i++) {
		struct edit edit;

		if (edit_from_json(json_array_get(edits, i), &edit, err) < 0)
			return -1;
		vec_push(&finding->edits, edit);
		if (edit.kind == EDIT_BLOCKS && json_array_size(edits) != 1)
			return err_set(err, ERR_MALFORMED,
				       "a repair of blocks is a finding's only edit");
	}
	if (!finding->edits.count != (finding->repair == REPAIR_NONE))
		return err_set(err, ERR_MALFORMED, "a finding's class and its edits disagree");
	return 0;
}

int finding_from_json(const json_t *json, struct finding *ret, struct err *err)
{
	struct finding finding = { 0 };

	if (parse(json, &finding, err) < 0) {
		finding_done(&finding);
		return -1;
	}
	*ret = finding;
	return 0;
}
