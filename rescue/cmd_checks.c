/* SPDX-License-Identifier: GPL-2.0-or-later */
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

static json_t *check_to_json(const struct check *check)
{
	return json_pack("{s:s, s:s, s:o, s:s}", "name", check->name, "title", check->title, "rows",
			 rows_to_json(check->rows), "class", repair_class_name(check->repair));
}

static void print_json(json_t *value)
{
	cleanup(free) char *text = json_dumps(value, JSON_COMPACT);

	puts(text);
	json_decref(value);
}

static void explain(const struct check *check)
{
	printf("%s: %s\n\n%s\n\nRepair: %s\nRows of the fault catalogue: %s\nSource: %s\n",
	       check->name, check->title, check->explain,
	       check->repair == REPAIR_SURE	 ? "sure, done by default"
	       : check->repair == REPAIR_OFFERED ? "offered, done with --fix NAME"
						 : "none, advice only",
	       check->rows, check->source);
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
		for (size_t i = 0; i < check_count; i++)
			printf("%-28s %-8s %s\n", checks[i]->name,
			       repair_class_name(checks[i]->repair), checks[i]->title);
	}
	return 0;
}
