/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/admit.h"
#include "rescue/command.h"
#include "rescue/net_fix.h"
#include "rescue/runs.h"

/* `ec2-rescue undo` of an instance or a run: the plan once more, with another surgery. */

/* The root volume that was kept must be there before anything is stopped. */
static int check_kept(struct runner *runner, const struct record *record, struct err *err)
{
	const char *id = record->volume.s;
	union ec2_list found;
	struct ec2_op op = { 0 };
	enum ec2_volume_status status = VOLUME_DELETED;
	int rc;

	ec2_find(runner->ec2, EC2_VOLUMES, &id, 1, &found, &op);
	rc = ec2_wait(runner->ec2, &op, err);
	if (rc < 0 && err->code == ERR_NOTFOUND)
		rc = 0;
	vec_foreach (v, &found.volumes)
		if (id_eq(&v->id, &record->volume))
			status = v->status;
	ec2_list_done(EC2_VOLUMES, &found);
	if (rc < 0 || status == VOLUME_AVAILABLE)
		return rc;
	return err_set(
		err, ERR_CONFLICT, "%s, which run %s kept as it was, is %s; nothing is changed", id,
		record->run, status == VOLUME_DELETED ? "gone" : ec2_volume_status_name(status));
}

static int undo(const struct options *told, struct report *report, struct err *err)
{
	struct options as_told = *told; /* but for the way, which is that of the run */
	const struct options *options = &as_told;
	const char *target = options->targets.items[0];
	cleanup(runner_close) struct runner runner = RUNNER_INIT;
	cleanup(runs_done) struct runs runs = { 0 };
	struct admission admission = { .count = 1, .kind = RESCUE_UNDO };
	const struct run *run;
	int refused;

	if (runs_load(options, &runs, err) < 0)
		return -1;
	run = runs_find(&runs, target, run_can_be_undone);
	if (!run)
		return err_set(err, ERR_NOTFOUND,
			       "no run in %s wrote a repair or changed the network for %s; "
			       "`ec2-rescue runs` lists them "
			       "(--state-dir)",
			       options->state_dir ? options->state_dir : "the state directory",
			       target);
	if (run->record.kind == RESCUE_NET)
		return net_take_back(options, run, report, err);
	admission.ids = &run->record.instance;
	admission.undo = &run->record;
	as_told.via = rescue_via_name(via_swaps(run->record.via) ? VIA_SNAPSHOT : run->record.via);
	if (runner_open(&runner, options, report, run->record.region, run->record.endpoint, err) <
		    0 ||
	    (via_swaps(run->record.via) && check_kept(&runner, &run->record, err) < 0) ||
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
