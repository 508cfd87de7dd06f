/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/admit.h"
#include "rescue/command.h"
#include "rescue/runs.h"

/* `ec2-rescue undo` of an instance or a run: the plan once more, with another surgery. */

static int undo(const struct options *options, struct report *report, struct err *err)
{
	const char *target = options->targets.items[0];
	cleanup(runner_close) struct runner runner = { .signal_fd = -1 };
	cleanup(runs_done) struct runs runs = { 0 };
	struct admission admission = { .count = 1, .kind = RESCUE_UNDO };
	const struct run *run;
	int refused;

	if (runs_load(options, &runs, err) < 0)
		return -1;
	run = runs_find(&runs, target, run_can_be_undone);
	if (!run)
		return err_set(err, ERR_NOTFOUND,
			       "no run in %s wrote a repair for %s; `ec2-rescue runs` lists them "
			       "(--state-dir)",
			       options->state_dir ? options->state_dir : "the state directory",
			       target);
	admission.ids = &run->record.instance;
	admission.undo = &run->record;
	if (runner_open(&runner, options, report, run->record.region, run->record.endpoint, err) <
		    0 ||
	    admit(&runner, &admission, &refused, err) < 0)
		return -1;
	return runner.rescues.count ? runner_run(&runner) : refused;
}

int undo_rescue(const struct options *options, struct report *report)
{
	struct err err = ERR_INIT;
	int status = undo(options, report, &err);

	if (status >= 0)
		return status;
	report_err(report, NULL, &err);
	return (int)err.code;
}
