/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/rescue.h"

#include "rescue/runner.h"
#include "rescue/verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

enum {
	AGAIN_MS = 4000,  /* a request that succeeded but does not show is sent again */
	SETTLE_MS = 5000, /* a request whose reply was lost has acted by then, or never will */
};

struct rescue *rescue_new(struct runner *runner, const struct record *record)
{
	struct rescue *r = mem_alloc(sizeof(*r));

	r->runner = runner;
	r->record = *record;
	r->deadline_ms = -1;
	r->surgery_result.state = SURGERY_WORKING;
	/* An undo by swapping writes to neither volume. */
	r->skip_snapshot = runner->options->no_snapshot ||
			   (record->kind == RESCUE_UNDO && via_swaps(record->via));
	return r;
}

void rescue_watch(struct rescue *r, bool on)
{
	struct ec2_watch *w = r->runner->watch;

	if (r->is_watching == on)
		return;
	r->is_watching = on;
	(on ? ec2_watch_instance : ec2_unwatch_instance)(w, &r->record.instance);
	(on ? ec2_watch_volume : ec2_unwatch_volume)(w, &r->record.volume);
	if (r->record.uses_standby)
		(on ? ec2_watch_member : ec2_unwatch_member)(w, &r->record.instance);
	if (!id_none(&r->record.helper))
		(on ? ec2_watch_instance : ec2_unwatch_instance)(w, &r->record.helper);
	if (!id_none(&r->record.restored))
		(on ? ec2_watch_volume : ec2_unwatch_volume)(w, &r->record.restored);
	if (!id_none(&r->record.snapshot))
		(on ? ec2_watch_snapshot : ec2_unwatch_snapshot)(w, &r->record.snapshot);
	if (!id_none(&r->record.restore_from) && via_swaps(r->record.via))
		(on ? ec2_watch_snapshot : ec2_unwatch_snapshot)(w, &r->record.restore_from);
}

static void release_replies(struct rescue *r)
{
	ec2_state_changes_done(&r->call.power);
	ec2_attachment_done(&r->call.attachment);
	ec2_snapshot_done(&r->call.snapshot);
	ec2_volume_done(&r->call.volume);
	ec2_images_done(&r->call.images);
	ec2_image_done(&r->call.image);
	ec2_replace_task_done(&r->call.task);
	ec2_replace_tasks_done(&r->call.tasks);
	ec2_security_group_done(&r->call.group);
	ec2_instances_done(&r->call.launched);
	if (r->call.found.any.count)
		ec2_list_done(r->call.found_what, &r->call.found);
	memset(&r->call.power, 0, sizeof(r->call.power));
	memset(&r->call.attachment, 0, sizeof(r->call.attachment));
	memset(&r->call.snapshot, 0, sizeof(r->call.snapshot));
	memset(&r->call.volume, 0, sizeof(r->call.volume));
	memset(&r->call.images, 0, sizeof(r->call.images));
	memset(&r->call.image, 0, sizeof(r->call.image));
	memset(&r->call.task, 0, sizeof(r->call.task));
	memset(&r->call.tasks, 0, sizeof(r->call.tasks));
	memset(&r->call.group, 0, sizeof(r->call.group));
	memset(&r->call.launched, 0, sizeof(r->call.launched));
	memset(&r->call.found, 0, sizeof(r->call.found));
}

void rescue_wake(void *rescue)
{
	rescue_advance(rescue);
}

void rescue_free(struct rescue *r)
{
	if (!r)
		return;
	loop_timer(r->runner->loop, -1, rescue_wake, r);
	if (r->call.is_busy)
		ec2_cancel(r->runner->ec2, &r->call.op);
	release_replies(r);
	verify_free(r->verify);
	rescue_close_surgery(r);
	link_close(r->link);
	if (r->runner->watch)
		rescue_watch(r, false);
	journal_close(r->journal);
	cloud_facts_done(&r->facts);
	free(r->console);
	free(r->dir);
	free(r);
}

void rescue_poke(struct rescue *r)
{
	loop_timer(r->runner->loop, loop_now_ms(r->runner->loop), rescue_wake, r);
}

void rescue_unsettle(struct rescue *r, size_t at)
{
	r->unsettled_ms[at] = runner_after(r->runner, SETTLE_MS);
}

bool rescue_is_fresh(const struct rescue *r)
{
	return ec2_looked_at_ms(r->runner->watch) >= r->changed_ms;
}

int rescue_note(struct rescue *r, json_t *record, struct err *err)
{
	return journal_add(r->journal, record, err);
}

void rescue_note_home(struct rescue *r, json_t *record)
{
	struct err err = ERR_INIT;

	/* The way home is found again from the world itself, so it does not depend on this. */
	if (journal_add(r->journal, record, &err) < 0)
		rescue_warn(r, "%s; going on", err.text);
}

void rescue_warn(const struct rescue *r, const char *fmt, ...)
{
	char text[1200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	report_say(r->runner->report, r->record.instance.s, "warning", "{s:s}", "text", text);
}

int64_t rescue_backoff_ms(const struct rescue *r, int64_t first_ms, int64_t most_ms)
{
	int64_t wait = first_ms;

	for (uint32_t i = 1; i < r->tries && wait < most_ms; i++)
		wait *= 2;
	return wait < most_ms ? wait : most_ms;
}

/* Failures that time may heal. On the way home everything is tried until the deadline. */
bool rescue_may_retry(const struct rescue *r, enum err_code code)
{
	return r->phase == PHASE_HOME || code == ERR_INDOUBT || code == ERR_NETWORK ||
	       code == ERR_TIMEOUT || code == ERR_BUSY || code == ERR_THROTTLED;
}

static void call_failed(struct rescue *r, const struct ec2_op *op)
{
	const struct step *row = rescue_plan[r->at];
	int64_t now = loop_now_ms(r->runner->loop);
	enum err_code code = op->err.code;

	r->last = op->err;
	r->is_in_doubt = code == ERR_INDOUBT || code == ERR_NETWORK || code == ERR_TIMEOUT;
	if (rescue_may_retry(r, code)) {
		r->retry_ms = runner_after(r->runner, r->phase == PHASE_HOME && !r->is_in_doubt &&
								      code != ERR_BUSY
							      ? rescue_backoff_ms(r, 1000, 15000)
							      : rescue_backoff_ms(r, 500, 5000));
		/* Trying again teaches a server nothing. */
		if (code == ERR_UNSUPPORTED && row->refused && row->refused(r, op))
			r->retry_ms = now;
		else if (code == ERR_UNSUPPORTED && row->leave)
			r->deadline_ms = now;
		return;
	}
	r->retry_ms = now;
	if (row->refused && row->refused(r, op))
		return;
	r->is_refused = true;
}

static void call_done(struct ec2_op *op)
{
	struct rescue *r = op->arg;
	int64_t now = loop_now_ms(r->runner->loop);

	r->call.is_busy = false;
	/* Only looks that begin after this millisecond can show it. */
	if (!r->call.is_unseen)
		r->changed_ms = now + 1;
	if (op->err.code == ERR_NONE) {
		r->is_in_doubt = false;
		r->retry_ms = runner_after(r->runner, AGAIN_MS);
		if (r->call.reply)
			r->call.reply(r);
	} else {
		call_failed(r, op);
	}
	release_replies(r);
	ec2_watch_want(r->runner->watch, now + 1);
	rescue_poke(r);
}

struct ec2_op *rescue_call(struct rescue *r, void (*reply)(struct rescue *))
{
	r->call.op = (struct ec2_op){ .done = call_done, .arg = r };
	r->call.reply = reply;
	r->call.is_busy = true;
	r->call.is_unseen = false;
	return &r->call.op;
}
