/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/file.h"
#include "rescue/device.h"
#include "rescue/runner.h"

/* The rows of the operation itself. The surgery runs in a child without credentials; here it is
 * started, told to commit or to leave the volume alone, and recovered when a commit broke off. */

/* Three boots, where each is the last one's second chance, have to fit. */
enum { SURGERY_DEADLINE_S = 3600, BOOT_MAX_S = 900 };
enum { SILENCE_S = 60 }; /* ssh itself gives a dead connection up in about as long */

bool rescue_has_nothing_to_repair(const struct rescue *r)
{
	const struct surgery_result *s = &r->surgery_result;

	if (r->commit != COMMIT_NONE || s->was_committed || s->state == SURGERY_WORKING)
		return false;
	return s->state == SURGERY_ENDED || !(s->repairs || s->changed_blocks);
}

static void forward(void *arg, json_t *event)
{
	struct rescue *r = arg;

	report_event(r->runner->report, r->record.instance.s, json_deep_copy(event));
}

static void note_examined(struct rescue *r)
{
	const struct surgery_result *s = &r->surgery_result;

	if (r->record.was_examined || s->err.code != ERR_NONE)
		return;
	r->record.was_examined = true;
	r->record.repairs = (uint32_t)s->repairs;
	r->record.faults = (uint32_t)s->faults;
	r->record.could_not_tell = (uint32_t)s->could_not_tell;
	r->record.ssh_port = s->ssh_port;
	rescue_note_home(r, json_pack("{s:s, s:i, s:i, s:i, s:i}", "event", "note", "repairs",
				      (int)s->repairs, "faults", (int)s->faults, "could_not_tell",
				      (int)s->could_not_tell, "ssh_port", (int)s->ssh_port));
}

static void note_committed(struct rescue *r)
{
	r->commit = COMMIT_DONE;
	r->record.was_committed = true;
	r->record.faults = (uint32_t)r->surgery_result.faults;
	rescue_note_home(r, json_pack("{s:s, s:b}", "event", "note", "committed", true));
}

/* The volume is as it was before the commit. The way out goes on with a new examination. */
static void note_untouched(struct rescue *r)
{
	r->commit = COMMIT_NONE;
	rescue_unsettle(r, STEP_CHILD);
	rescue_note_home(r, json_pack("{s:s, s:b}", "event", "note", "untouched", true));
	r->record.steps[STEP_REPAIR].state = STEP_NONE;
	if (r->phase != PHASE_OUT)
		return;
	r->record.was_examined = false;
	r->surgery_result = (struct surgery_result){ .state = SURGERY_WORKING };
	r->record.steps[STEP_EXAMINE].state = STEP_NONE;
	rescue_go_to(r, STEP_EXAMINE);
}

static void operation_ended(struct rescue *r)
{
	switch (r->operation) {
	case OPERATION_UNDO:
		r->record.faults = (uint32_t)r->surgery_result.faults;
		if (r->surgery_result.was_committed)
			note_committed(r);
		else
			r->commit = COMMIT_NONE; /* nothing is as the repair left it */
		break;
	case OPERATION_FINISH:
		note_committed(r);
		break;
	case OPERATION_TAKE_BACK:
		if (r->record.kind == RESCUE_UNDO)
			note_committed(r);
		else
			note_untouched(r);
		break;
	default:
		if (r->surgery_result.was_committed)
			note_committed(r);
	}
}

static void say_remote(const struct rescue *r)
{
	struct remote_figures n = remote_figures(r->remote);
	cleanup(free) char *text = mem_printf(
		"%llu MiB of the volume's %llu were read over ssh, %llu KiB written",
		(unsigned long long)n.fetched_bytes >> 20, (unsigned long long)n.size_bytes >> 20,
		(unsigned long long)(n.written_bytes + 1023) >> 10);

	report_say(r->runner->report, r->record.instance.s, "fact", "{s:s, s:s, s:I, s:I}", "name",
		   "blocks", "text", text, "read", (json_int_t)n.fetched, "written_bytes",
		   (json_int_t)n.written_bytes);
}

static void say_blocks(const struct rescue *r)
{
	struct blocks_figures n = blocks_figures(r->blocks);
	cleanup(free) char *text = mem_printf(
		"%llu of the %llu blocks of the volume that hold data were read, %llu written",
		(unsigned long long)n.fetched, (unsigned long long)n.data_blocks,
		(unsigned long long)n.written);

	report_say(r->runner->report, r->record.instance.s, "fact", "{s:s, s:s, s:I, s:I, s:I}",
		   "name", "blocks", "text", text, "read", (json_int_t)n.fetched, "written",
		   (json_int_t)n.written, "data", (json_int_t)n.data_blocks);
}

void rescue_close_surgery(struct rescue *r)
{
	surgery_free(TAKE(r->surgery));
	if (r->blocks && r->surgery_result.err.code == ERR_NONE)
		say_blocks(r);
	if (r->remote && r->surgery_result.err.code == ERR_NONE)
		say_remote(r);
	blocks_free(TAKE(r->blocks));
	remote_free(TAKE(r->remote));
}

/* Whoever examined a volume of which blocks were missing knows nothing of it. */
static void heed_missing_blocks(struct rescue *r)
{
	const struct err *failure = r->blocks	? blocks_failure(r->blocks)
				    : r->remote ? remote_failure(r->remote)
						: NULL;

	if (!failure || !failure->code || r->commit != COMMIT_NONE)
		return;
	r->surgery_result.state = SURGERY_ENDED;
	r->surgery_result.err = *failure;
}

static void surgery_moved(void *arg)
{
	struct rescue *r = arg;

	if (!r->surgery)
		return; /* within surgery_start; asked again by its caller */
	r->surgery_result = *surgery_result(r->surgery);
	if (r->surgery_result.state == SURGERY_WORKING)
		return;
	heed_missing_blocks(r);
	if (r->operation == OPERATION_EXAMINE)
		note_examined(r);
	if (r->surgery_result.state == SURGERY_ENDED && r->surgery_result.err.code == ERR_NONE)
		operation_ended(r);
	rescue_poke(r);
}

/* Where redo, undo and patch are: an undo works with those of the run that it takes back. A volume that is
 * not written needs none; what an attempt left there is scratch. */
static char *records_of(const struct rescue *r)
{
	cleanup(free) char *other =
		r->record.undo_of[0] ? state_run_dir(r->runner->options, r->record.undo_of) : NULL;

	return mem_printf("%s/%s", other ? other : r->dir,
			  via_swaps(r->record.via) ? "work/records" : "records");
}

static enum surgery_mode mode_of(enum operation operation)
{
	switch (operation) {
	case OPERATION_UNDO:
		return SURGERY_UNDO;
	case OPERATION_FINISH:
	case OPERATION_TAKE_BACK:
		return SURGERY_RECOVER;
	default:
		return SURGERY_REPAIR;
	}
}

/* Where the surgeon finds the volume. */
static int point_to_volume(struct rescue *r, struct surgery_job *job, char **ret_device,
			   struct err *err)
{
	const struct options *options = r->runner->options;

	if (via_swaps(r->record.via)) {
		job->path = r->record.snapshot.s;
		job->is_served = true;
		job->served_fd = blocks_link(r->blocks);
		return 0;
	}
	if (r->record.via == VIA_HELPER) {
		job->path = r->record.volume.s;
		job->is_served = true;
		job->served_fd = remote_link(r->remote);
		return 0;
	}
	*ret_device = device_find(options->device_dir, &r->record.volume);
	if (!*ret_device)
		return err_set(err, ERR_NOTFOUND, "the device of %s is not in %s",
			       r->record.volume.s, options->device_dir);
	job->path = *ret_device;
	return 0;
}

static int operate(struct rescue *r, enum operation operation, struct err *err)
{
	const struct options *options = r->runner->options;
	cleanup(free) char *device = NULL;
	cleanup(free) char *records = records_of(r);
	cleanup(free) char *work = mem_printf("%s/work", r->dir);
	cleanup(free) char *console = r->record.boot_s && operation == OPERATION_EXAMINE
					      ? surgery_console_path(r->dir)
					      : NULL;
	struct surgery_job job = {
		.mode = mode_of(operation),
		.name = r->record.volume.s,
		.record_dir = records,
		.work_dir = work,
		.fix = &options->fix,
		.more = &options->with,
		.cloud = &r->facts,
		.console = r->console,
		.key = { options->key_line, options->user, options->add_key },
		.nat = { options->setup_nat },
		.boot = { .console_path = console,
			  .may_commit_anyway = r->record.boot_may_fail,
			  .may_use_kvm = !r->record.boot_no_kvm,
			  .limit_s =
				  r->record.boot_s < BOOT_MAX_S ? r->record.boot_s : BOOT_MAX_S },
		.is_unprivileged = options->unprivileged,
		.direction = operation == OPERATION_TAKE_BACK ? RECORD_TAKE_BACK : RECORD_FINISH,
		.deadline_s = SURGERY_DEADLINE_S,
	};
	struct surgery_watch watch = { forward, surgery_moved, r };

	if (point_to_volume(r, &job, &device, err) < 0)
		return -1;
	surgery_free(TAKE(r->surgery));
	r->surgery_result = (struct surgery_result){ .state = SURGERY_WORKING };
	r->operation = operation;
	if (surgery_start(r->runner->loop, &job, &watch, &r->surgery, err) < 0)
		return -1;
	return STARTED_NOTHING;
}

/* ---- through the EBS direct APIs ---- */

static void blocks_listed(void *arg, const struct err *missing)
{
	struct rescue *r = arg;
	struct err err = ERR_INIT;

	if (missing)
		err = *missing;
	else if (operate(r, OPERATION_EXAMINE, &err) >= 0)
		blocks_release_link(r->blocks);
	if (err.code)
		r->surgery_result = (struct surgery_result){ .state = SURGERY_ENDED, .err = err };
	rescue_poke(r);
}

/* The repaired snapshot is written: from here on the way home leads over it, whoever goes it. */
static int child_written(void *arg, const struct snapshot_id *id, struct err *err)
{
	struct rescue *r = arg;

	if (rescue_note(r, json_pack("{s:s, s:s}", "event", "note", "child", id->s), err) < 0)
		return -1;
	r->record.restore_from = *id;
	record_swap(&r->record);
	ec2_watch_snapshot(r->runner->watch, id);
	return 0;
}

static int start_blocks(struct rescue *r)
{
	cleanup(free) char *work = mem_printf("%s/work", r->dir);
	struct blocks_request request = { .ec2 = r->runner->ec2,
					  .loop = r->runner->loop,
					  .snapshot = r->record.snapshot,
					  .work_dir = work,
					  .ready = blocks_listed,
					  .run = r->record.run,
					  .written = child_written,
					  .arg = r };

	rescue_close_surgery(r);
	r->surgery_result = (struct surgery_result){ .state = SURGERY_WORKING };
	r->blocks = blocks_start(&request);
	return STARTED_NOTHING;
}

/* ---- over ssh ---- */

static void remote_opened(void *arg, const struct err *failure)
{
	struct rescue *r = arg;
	struct err err = ERR_INIT;

	if (failure)
		err = *failure;
	else if (operate(r, r->operation, &err) >= 0)
		remote_release_link(r->remote);
	if (err.code)
		r->surgery_result = (struct surgery_result){ .state = SURGERY_ENDED, .err = err };
	rescue_poke(r);
}

/* When the link is not there (any more), it is made first, and this is tried again. */
static int start_remote(struct rescue *r, enum operation operation, struct err *err)
{
	cleanup(free) char *work = mem_printf("%s/work", r->dir);
	struct remote_request request = { .loop = r->runner->loop,
					  .work_dir = work,
					  .may_write = true,
					  .silence_s = SILENCE_S,
					  .ready = remote_opened,
					  .arg = r };
	enum held held = helper_held(r, LINK_DEVICE, err);

	if (held == HELD_NEVER)
		return -1;
	if (held == HELD_NO)
		return helper_look(r, err);
	if (held != HELD_YES)
		return STARTED_NOTHING;
	rescue_close_surgery(r);
	r->surgery_result = (struct surgery_result){ .state = SURGERY_WORKING };
	r->operation = operation;
	request.fd = link_take(r->link, &request.path, &request.size_bytes);
	r->remote = remote_start(&request);
	return STARTED_NOTHING;
}

static int begin_operation(struct rescue *r, enum operation operation, struct err *err)
{
	return r->record.via == VIA_HELPER ? start_remote(r, operation, err)
					   : operate(r, operation, err);
}

/* A write was announced and its end is not known: the records say how far it came. */
static int recover(struct rescue *r, struct err *err)
{
	cleanup(free) char *records = records_of(r);
	bool is_undo = r->record.kind == RESCUE_UNDO;
	enum record_state state;

	rescue_close_surgery(r);
	if (via_swaps(r->record.via)) { /* the child is on record, or was never good for anything */
		dir_remove_all(records);
		if (r->record.was_committed)
			note_committed(r);
		else
			note_untouched(r);
		return STARTED_NOTHING;
	}
	if (record_state(records, &state, err) < 0)
		return -1;
	if (state == RECORD_COMMITTING)
		return begin_operation(r,
				       is_undo || r->phase == PHASE_HOME ? OPERATION_TAKE_BACK
									 : OPERATION_FINISH,
				       err);
	if (is_undo && state == RECORD_FINISHED && r->phase == PHASE_OUT)
		return begin_operation(r, OPERATION_UNDO, err);
	if (state == (is_undo ? RECORD_UNDONE : RECORD_FINISHED))
		note_committed(r);
	else
		note_untouched(r);
	return STARTED_NOTHING;
}

/* examine */

static void examine_say(const struct rescue *r, enum way way, struct str *out)
{
	if (way == WAY_HOME)
		str_addf(out, "close %s", r->record.volume.s);
	else
		str_addf(out, "examine %s%s and rehearse its repair%s on a copy-on-write overlay",
			 via_swaps(r->record.via) ? "the snapshot of " : "", r->record.volume.s,
			 r->record.boot_s ? " and its boot" : "");
}

/* An operation, or what it is to work on, was started. */
static bool is_at_work(const struct rescue *r)
{
	return r->surgery || r->blocks || r->remote;
}

static enum held surgery_held(const struct rescue *r, struct err *err)
{
	const struct surgery_result *s = &r->surgery_result;

	if (s->state == SURGERY_ENDED && s->err.code != ERR_NONE) {
		*err = s->err;
		return HELD_NEVER;
	}
	return s->state == SURGERY_WORKING ? HELD_NOT_YET : HELD_YES;
}

static enum held examine_holds(const struct rescue *r, enum way way, struct err *err)
{
	if (way == WAY_HOME) {
		bool is_over = !r->surgery || surgery_result(r->surgery)->state == SURGERY_ENDED;

		return is_over && !r->blocks && !r->remote ? HELD_YES : HELD_NO;
	}
	/* An undo needs no examination, and what a killed run began to write "repair" finishes. */
	if (r->record.kind == RESCUE_UNDO || r->commit != COMMIT_NONE)
		return HELD_YES;
	return is_at_work(r) ? surgery_held(r, err) : HELD_NO;
}

static int examine(struct rescue *r, struct err *err)
{
	return via_swaps(r->record.via) ? start_blocks(r)
					: begin_operation(r, OPERATION_EXAMINE, err);
}

/* The device must be closed before it can be detached. */
static int close_surgery(struct rescue *r, struct err *err)
{
	(void)err;
	if (r->surgery && surgery_result(r->surgery)->state == SURGERY_READY && r->tries <= 1)
		surgery_decline(r->surgery);
	else
		rescue_close_surgery(r);
	return STARTED_NOTHING;
}

const struct step examine_step = {
	.name = "examine",
	.kind = STEP_BORROW,
	.flags = STEP_VOLATILE | STEP_CUT,
	.out_s = SURGERY_DEADLINE_S,
	.home_s = SURGERY_DEADLINE_S,
	.describe = examine_say,
	.holds = examine_holds,
	.act = examine,
	.undo = close_surgery,
};

/* repair */

static void repair_say(const struct rescue *r, enum way way, struct str *out)
{
	if (way == WAY_HOME)
		str_addf(out, "finish or take back the interrupted write to %s",
			 r->record.volume.s);
	else if (r->record.kind == RESCUE_UNDO && via_swaps(r->record.via))
		str_addf(out, "take %s back into the place of %s", r->record.restored.s,
			 r->record.volume.s);
	else if (r->record.kind == RESCUE_UNDO)
		str_addf(out, "take the repair of %s back", r->record.volume.s);
	else if (via_swaps(r->record.via))
		str_addf(out, "write the repair as a child of %s",
			 id_none(&r->record.snapshot) ? "the snapshot" : r->record.snapshot.s);
	else
		str_addf(out, "write the repair to %s", r->record.volume.s);
}

/* The records are here, and the volume can be had by another helper. */
static bool is_stranded(const struct rescue *r, struct err *err)
{
	if (r->record.via != VIA_HELPER || !helper_is_gone(r))
		return false;
	err_set(err, ERR_CLOUD,
		"%s may be half written, and the helper %s is gone; ec2-rescue resume %s launches "
		"another one and finishes the write",
		r->record.volume.s, r->record.helper.s, r->record.run);
	return true;
}

static enum held repair_holds(const struct rescue *r, enum way way, struct err *err)
{
	const struct surgery_result *s = &r->surgery_result;

	if (r->commit == COMMIT_BEGUN) {
		if (!is_at_work(r))
			return is_stranded(r, err) ? HELD_NEVER : HELD_NO;
		if (s->state != SURGERY_ENDED)
			return HELD_NOT_YET;
		/* It failed. On the way home the records tell what to do, once; then only a person
		 * can. */
		if (way == WAY_HOME && r->operation != OPERATION_TAKE_BACK)
			return HELD_NO;
		return surgery_held(r, err);
	}
	if (way == WAY_HOME)
		return HELD_YES;
	if (r->commit == COMMIT_DONE || rescue_has_nothing_to_repair(r))
		return HELD_YES;
	/* Marked as being written, and only now looked whether another machine takes it home. */
	return rescue_is_fresh(r) || r->record.has_no_tags ? HELD_NO : HELD_UNSEEN;
}

static int repair(struct rescue *r, struct err *err)
{
	if (r->commit == COMMIT_BEGUN)
		return recover(r, err);
	r->commit = COMMIT_BEGUN;
	if (r->record.kind == RESCUE_UNDO && via_swaps(r->record.via)) {
		record_swap(&r->record);
		note_committed(r);
		return STARTED_NOTHING;
	}
	if (r->record.kind == RESCUE_UNDO)
		return begin_operation(r, OPERATION_UNDO, err);
	surgery_commit(r->surgery);
	return STARTED_NOTHING;
}

const struct step repair_step = {
	.name = "repair",
	.kind = STEP_KEEP,
	.out_s = SURGERY_DEADLINE_S,
	.home_s = SURGERY_DEADLINE_S,
	.describe = repair_say,
	.holds = repair_holds,
	.act = repair,
	.undo = recover,
};
