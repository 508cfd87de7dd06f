/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/local.h"
#include "rescue/state.h"

#include <sys/stat.h>

/* Instances and runs are undone through the cloud, unless a file of that name is meant. */
static bool is_rescue(const char *target)
{
	struct stat st;

	if (!stat(target, &st))
		return false;
	return str_starts(target, "i-") || run_id_is_valid(target);
}

static int conclude(struct local *local)
{
	const struct surgery_result *r = &local->result;
	cleanup(free) char *target = local_target(local->options);
	cleanup(free) char *text = NULL;

	if (r->was_undone_exactly)
		text = mem_printf("%s is byte for byte as it was before the repair", target);
	else if (!r->faults)
		text = mem_printf("the repair's edits of %s are taken back", target);
	else
		text = mem_printf("%s: %zu path%s taken back, %zu left, because they are no longer "
				  "as the repair left them",
				  target, r->repairs, r->repairs == 1 ? "" : "s", r->faults);
	report_say(local->report, NULL, "verdict", "{s:s, s:s}", "result",
		   r->faults ? "faults" : "undone", "text", text);
	return r->faults ? 1 : 0;
}

static void say_nothing_to_undo(struct target *target, struct err *err)
{
	cleanup(free) char *undone = NULL;
	struct err ignored = ERR_INIT;

	if (target_record(target, RECORD_UNDONE, &undone, &ignored) == 0 && undone)
		err_set(err, ERR_NOTFOUND,
			"%s: its repair has been taken back already; nothing "
			"was changed",
			target->path);
	else
		err_set(err, ERR_NOTFOUND,
			"%s: no repair of it is recorded in %s; name the --state-dir of the repair",
			target->path, target->targets);
}

int cmd_undo(const struct options *options, struct report *report)
{
	struct local local = { .options = options, .report = report };
	const char *path = options->targets.items[0];
	struct surgery_job job = { .mode = SURGERY_UNDO };
	cleanup(target_done) struct target target = TARGET_INIT;
	cleanup(free) char *record = NULL;
	struct err err = ERR_INIT;
	int recovered;

	if (is_rescue(path))
		return undo_rescue(options, report);
	if (target_find(options, path, &target, &err) < 0 || target_lock(&target, &err) < 0)
		return local_fail(&local, &err);
	recovered = local_recover(&local, &target, RECORD_TAKE_BACK, &err);
	if (recovered < 0)
		return local_fail(&local, &err);
	if (recovered) {
		report_say(report, NULL, "verdict", "{s:s, s:s}", "result", "undone", "text",
			   "the repair that was cut off is taken back");
		return 0;
	}
	if (target_record(&target, RECORD_FINISHED, &record, &err) < 0)
		return local_fail(&local, &err);
	if (!record) {
		say_nothing_to_undo(&target, &err);
		return local_fail(&local, &err);
	}
	job.record_dir = record;
	if (local_surgery(&local, &job, &err) < 0)
		return local_fail(&local, &err);
	return conclude(&local);
}
