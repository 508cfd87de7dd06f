/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/str.h"
#include "checks/check.h"
#include "rescue/command.h"

#include <stdio.h>

static json_t *rows_to_json(const char *rows)
{
	json_t *list = json_array();

	for (const char *p = rows; *p; p += strcspn(p, ","), p += *p == ',')
		json_array_append_new(list, json_integer(strtol(p, NULL, 10)));
	return list;
}

static json_t *needs_to_json(unsigned needs)
{
	json_t *list = json_array();

	for (size_t i = 0; check_need_name(i); i++)
		if ((needs | NEEDS_TREE) >> i & 1)
			json_array_append_new(list, json_string(check_need_name(i)));
	return list;
}

static json_t *check_to_json(const struct check *check)
{
	return json_pack("{s:s, s:s, s:o, s:s, s:o}", "name", check->name, "title", check->title,
			 "rows", rows_to_json(check->rows), "class",
			 repair_class_name(check->repair), "needs", needs_to_json(check->needs));
}

/* "tree,disks" */
static void add_needs(unsigned needs, struct str *into)
{
	for (size_t i = 0; check_need_name(i); i++)
		if ((needs | NEEDS_TREE) >> i & 1)
			str_addf(into, "%s%s", into->len ? "," : "", check_need_name(i));
}

/* The table: everything that is examined, and what of the catalogue is not. */
static void list_all(void)
{
	for (size_t i = 0; i < check_count; i++) {
		cleanup(str_done) struct str needs = STR_INIT;

		add_needs(checks[i]->needs, &needs);
		printf("%-28s %-8s %-12s %-24s %s\n", checks[i]->name,
		       repair_class_name(checks[i]->repair), checks[i]->rows, needs.s,
		       checks[i]->title);
	}
	if (uncovered_count)
		printf("\nNot covered:\n");
	for (size_t i = 0; i < uncovered_count; i++)
		printf("row %-3u %s\n", uncovered[i].row, uncovered[i].why);
}

static void print_json(json_t *value)
{
	cleanup(free) char *text = json_dumps(value, JSON_COMPACT);

	puts(text);
	json_decref(value);
}

static void explain(const struct check *check)
{
	cleanup(str_done) struct str needs = STR_INIT;

	add_needs(check->needs, &needs);
	printf("%s: %s\n\n%s\n\nRepair: %s\nRows of the fault catalogue: %s\nLooks at: %s\n"
	       "Source: %s\n",
	       check->name, check->title, check->explain,
	       check->repair == REPAIR_SURE	 ? "sure, done by default"
	       : check->repair == REPAIR_OFFERED ? "offered, done with --fix NAME"
						 : "none, advice only",
	       check->rows, needs.s, check->source);
}

int cmd_checks(const struct options *options, struct report *report)
{
	const struct check *one =
		options->targets.count ? check_find(options->targets.items[0]) : NULL;

	if (options->targets.count && !one) {
		struct err err = ERR_INIT;

		err_set(&err, ERR_NOTFOUND,
			"there is no check \"%s\"; `ec2-rescue checks` lists them",
			options->targets.items[0]);
		report_err(report, NULL, &err);
		return ERR_NOTFOUND;
	}
	if (one && options->json) {
		print_json(check_to_json(one));
	} else if (one) {
		explain(one);
	} else if (options->json) {
		json_t *list = json_array();

		for (size_t i = 0; i < check_count; i++)
			json_array_append_new(list, check_to_json(checks[i]));
		print_json(list);
	} else {
		list_all();
	}
	return 0;
}
