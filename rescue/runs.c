/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/runs.h"

#include "rescue/journal.h"

static int load(struct run *run, struct err *err)
{
	json_t *records;
	int rc;

	if (journal_read(run->dir, &records, err) < 0)
		return -1;
	rc = record_replay(records, &run->record, err);
	json_decref(records);
	return rc;
}

int runs_load(const struct options *options, struct runs *ret, struct err *err)
{
	cleanup(run_names_done) struct run_names names = { 0 };

	if (state_list_runs(options, &names, err) < 0)
		return -1;
	vec_foreach (name, &names) {
		struct run run = { .dir = state_run_dir(options, *name) };

		snprintf(run.record.run, sizeof(run.record.run), "%s", *name);
		if (load(&run, &run.err) < 0 && run.err.code == ERR_NOTFOUND) {
			free(run.dir);
			continue;
		}
		run.is_locked = journal_is_locked(run.dir);
		vec_push(ret, run);
	}
	return 0;
}

void runs_done(struct runs *runs)
{
	vec_foreach (run, runs)
		free(run->dir);
	vec_done(runs);
}

const struct run *runs_find(const struct runs *runs, const char *target,
			    bool (*fits)(const struct run *))
{
	const struct run *found = NULL;

	vec_foreach (run, runs)
		if ((str_eq(run->record.run, target) || str_eq(run->record.instance.s, target)) &&
		    fits(run))
			found = run;
	return found;
}

bool run_is_unfinished(const struct run *run)
{
	return run->err.code == ERR_NONE && !record_is_finished(&run->record);
}

bool run_can_be_undone(const struct run *run)
{
	if (run->record.kind == RESCUE_NET)
		return run->err.code == ERR_NONE && !str_eq(run->record.result, "undone") &&
		       !str_eq(run->record.result, "returned");
	return run->err.code == ERR_NONE && run->record.kind == RESCUE_REPAIR &&
	       run->record.was_committed;
}
