/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/admit.h"
#include "rescue/command.h"
#include "rescue/net_fix.h"
#include "rescue/resume.h"
#include "rescue/runs.h"
#include "rescue/temporary.h"

#include <stdio.h>

/* A run of this machine, by its journal. */
static int resume_run(const struct options *options, const struct run *run, struct report *report,
		      struct err *err)
{
	cleanup(runner_close) struct runner runner = RUNNER_INIT;

	if (run->record.kind == RESCUE_AUDIT)
		return temporary_resume(options, run, NULL, report, err);
	if (run->record.kind == RESCUE_NET)
		return net_take_back(options, run, report, err);
	if (runner_open(&runner, options, report, run->record.region, run->record.endpoint, err) <
		    0 ||
	    resume_from_journal(&runner, run->record.run, err) < 0)
		return -1;
	return runner_run(&runner);
}

/* A run of another machine, by the tags. */
static int resume_tags(const struct options *options, const char *target, struct report *report,
		       struct err *err)
{
	cleanup(runner_close) struct runner runner = RUNNER_INIT;
	struct err why = ERR_INIT;
	int status;

	if (runner_open(&runner, options, report, NULL, NULL, err) < 0)
		return -1;
	if (resume_from_tags(&runner, target, err) == 0)
		return runner_run(&runner);
	/* An audit leaves no claim, only its snapshot. */
	if (err->code != ERR_NOTFOUND || !run_id_is_valid(target))
		return -1;
	status = temporary_resume(options, NULL, target, report, &why);
	if (status < 0 && why.code != ERR_NOTFOUND)
		*err = why;
	return status;
}

static int worse(int a, int b)
{
	return a == ERR_AWAY || b <= 1 ? (a > b || a == ERR_AWAY ? a : b) : b;
}

/* Without a target: every unfinished run of this machine, one after the other; they may be of
 * different accounts and Regions. */
static int resume_all(const struct options *options, const struct runs *runs, struct report *report)
{
	int status = 0;
	bool is_any = false;

	vec_foreach (run, runs) {
		struct err err = ERR_INIT;
		int one;

		if (!run_is_unfinished(run) || run->is_locked)
			continue;
		is_any = true;
		one = resume_run(options, run, report, &err);
		if (one < 0) {
			report_err(report, run->record.instance.s, &err);
			one = (int)err.code;
		}
		status = worse(status, one);
	}
	if (!is_any)
		report_say(report, NULL, "verdict", "{s:s, s:s}", "result", "healthy", "text",
			   "no run of this machine is unfinished; one of another machine is "
			   "resumed by its instance id");
	return status;
}

static int resume_target(const struct options *options, const struct runs *runs,
			 struct report *report, struct err *err)
{
	const char *target = options->targets.items[0];
	const struct run *run = runs_find(runs, target, run_is_unfinished);

	if (run)
		return resume_run(options, run, report, err);
	return resume_tags(options, target, report, err);
}

int cmd_resume(const struct options *options, struct report *report)
{
	cleanup(runs_done) struct runs runs = { 0 };
	struct err err = ERR_INIT;
	int status;

	if (runs_load(options, &runs, &err) < 0)
		status = -1;
	else if (!options->targets.count)
		status = resume_all(options, &runs, report);
	else
		status = resume_target(options, &runs, report, &err);
	if (status >= 0)
		return status;
	report_err(report, NULL, &err);
	return (int)err.code;
}
