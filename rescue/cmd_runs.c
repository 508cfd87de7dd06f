/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/command.h"
#include "rescue/plan.h"
#include "rescue/runs.h"

#include <stdio.h>
#include <time.h>

static void when(double t, char ret[32])
{
	time_t seconds = (time_t)t;
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(ret, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static const char *outcome(const struct run *run)
{
	if (run->err.code != ERR_NONE)
		return "unreadable";
	if (run->is_locked)
		return "at work";
	return run->record.result[0] ? run->record.result : "interrupted";
}

/* Borrowed and not returned, by the journal alone; innermost first. */
static json_t *borrowed(const struct record *record)
{
	json_t *list = json_array();

	for (size_t i = rescue_plan_count; i-- > 0;)
		if (rescue_plan[i]->undo && rescue_plan[i]->kind != STEP_KEEP &&
		    !(rescue_plan[i]->flags & STEP_VOLATILE) &&
		    record->steps[i].state >= STEP_BEGUN && !record->steps[i].is_returned)
			json_array_append_new(list, json_string(rescue_plan[i]->name));
	return list;
}

static json_t *run_json(const struct run *run)
{
	const struct record *record = &run->record;
	char began[32];
	json_t *json;

	when(record->begun_at, began);
	json = json_pack("{s:s, s:s, s:s}", "event", "run", "run", record->run, "result",
			 outcome(run));
	if (run->err.code != ERR_NONE) {
		json_object_set_new(json, "text", json_string(run->err.text));
		return json;
	}
	json_object_update_new(json,
			       json_pack("{s:[s], s:s, s:s, s:s, s:b, s:o}", "instances",
					 record->instance.s, "volume", record->volume.s, "kind",
					 rescue_kind_name(record->kind), "began", began, "wrote",
					 record->was_committed, "borrowed", borrowed(record)));
	if (!id_none(&record->snapshot))
		json_object_set_new(json, "snapshot", json_string(record->snapshot.s));
	return json;
}

static void print_run(const struct run *run)
{
	const struct record *record = &run->record;
	char began[32];

	if (run->err.code != ERR_NONE) {
		printf("%s  %s\n", record->run, run->err.text);
		return;
	}
	when(record->begun_at, began);
	printf("%s  %s  %-11s %-6s %s  %s%s%s\n", record->run, began, outcome(run),
	       rescue_kind_name(record->kind), record->instance.s, record->volume.s,
	       id_none(&record->snapshot) ? "" : "  ", record->snapshot.s);
	if (run_is_unfinished(run) && !run->is_locked)
		printf("    finish or send home with: ec2-rescue resume %s\n", record->run);
}

int cmd_runs(const struct options *options, struct report *report)
{
	cleanup(runs_done) struct runs runs = { 0 };
	struct err err = ERR_INIT;

	if (runs_load(options, &runs, &err) < 0) {
		report_err(report, NULL, &err);
		return (int)err.code;
	}
	if (!runs.count && !options->json)
		printf("no runs yet\n");
	vec_foreach (run, &runs) {
		cleanup(free) char *text = NULL;
		json_t *json;

		if (!options->json) {
			print_run(run);
			continue;
		}
		json = run_json(run);
		text = json_dumps(json, JSON_COMPACT);
		json_decref(json);
		puts(text ? text : "{}");
	}
	return 0;
}
