/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/finish.h"
#include "rescue/runner.h"
#include "rescue/verify.h"

#include <time.h>

/* Out and home. Outward the rows are taken one after the other. Homeward there is no position to
 * remember: whatever is owed and not seen at home goes home next, the innermost first, until a look
 * that is younger than our last change shows everything at home. So a view that was stale, a
 * request whose fate was unknown and a run that another machine began are all the same case. */

enum {
	LOOK_MS = 500,	      /* cadence of looks; the same for 1 and for 100 rescues */
	LOOK_LATER_MS = 1000, /* after LOOK_LONG_MS of waiting */
	LOOK_LONG_MS = 90000,
	LOOK_SLOW_MS = 3000, /* after LOOK_VERY_LONG_MS */
	LOOK_VERY_LONG_MS = 600000,
	LOCAL_MS = 100, /* cadence for what this machine shows (a device) */
	UNSEEN_DEADLINE_S = 120,
	AGAIN_MS = 4000,
};

static void say_step(const struct rescue *r, size_t at, enum way way, const char *state)
{
	cleanup(str_done) struct str text = STR_INIT;

	rescue_plan[at]->describe(r, way, &text);
	report_say(r->runner->report, r->record.instance.s, "step", "{s:s, s:s, s:s}", "name",
		   rescue_plan[at]->name, "state", state, "text", text.s);
}

static void say_waiting(struct rescue *r, enum way way)
{
	cleanup(str_done) struct str text = STR_INIT;

	if (r->has_said)
		return;
	r->has_said = true;
	rescue_plan[r->at]->describe(r, way, &text);
	report_say(r->runner->report, r->record.instance.s, "waiting", "{s:s, s:s, s:I}", "name",
		   rescue_plan[r->at]->name, "text", text.s, "deadline_s",
		   (json_int_t)((double)(r->deadline_ms - r->began_ms) * r->runner->pace / 1000));
}

static int note_step(struct rescue *r, const char *state, struct err *err)
{
	return rescue_note(r,
			   json_pack("{s:s, s:s, s:s}", "event", "step", "name",
				     rescue_plan[r->at]->name, "state", state),
			   err);
}

void rescue_go_to(struct rescue *r, size_t at)
{
	r->at = at;
	r->stage = STAGE_LOOK;
	r->began_ms = loop_now_ms(r->runner->loop);
	r->deadline_ms = -1;
	r->retry_ms = 0;
	r->tries = 0;
	r->has_said = false;
	r->is_in_doubt = false;
	r->last = ERR_INIT;
}

/* From here the way leads home, whatever happened. */
static void turn(struct rescue *r, const struct err *why)
{
	struct step_record *step = r->at < rescue_plan_count ? &r->record.steps[r->at] : NULL;

	if (step && step->state == STEP_BEGUN && r->is_in_doubt)
		rescue_unsettle(r, r->at);
	r->phase = PHASE_HOME;
	if (why) {
		bool is_wanted = why->code == ERR_INTERRUPTED && r->runner->signals.count;
		cleanup(str_done) struct str text = STR_INIT;

		if (r->at < rescue_plan_count) {
			rescue_plan[r->at]->describe(r, WAY_OUT, &text);
			if (!is_wanted)
				say_step(r, r->at, WAY_OUT, "failed");
		}
		r->fail = *why;
		if (text.len && !is_wanted)
			err_in(&r->fail, "%s", text.s);
		if (!is_wanted)
			report_err(r->runner->report, r->record.instance.s, &r->fail);
	}
	rescue_note_home(r, json_pack("{s:s, s:s, s:s}", "event", "turn", "code",
				      err_name(r->fail.code), "text", r->fail.text));
	rescue_go_to(r, rescue_plan_count);
}

static void pass(struct rescue *r, enum step_state state)
{
	const struct step *row = rescue_plan[r->at];
	struct err err = ERR_INIT;

	r->record.steps[r->at].state = state;
	if (note_step(r, step_state_name(state), &err) < 0) {
		turn(r, &err);
		return;
	}
	if (state != STEP_FOUND || !(row->flags & STEP_SILENT))
		say_step(r, r->at, WAY_OUT,
			 state == STEP_FOUND && row->act && row->kind != STEP_WAIT ? "skipped"
										   : "done");
	rescue_go_to(r, r->at + 1);
}

/* Starts act or undo of the row. */
static void begin(struct rescue *r, int (*start)(struct rescue *, struct err *))
{
	struct err err = ERR_INIT;
	int started;

	r->tries++;
	started = start(r, &err);
	if (started < 0) {
		r->last = err;
		r->retry_ms = runner_after(r->runner, rescue_backoff_ms(r, 500, 5000));
		r->is_refused = !rescue_may_retry(r, err.code);
	} else if (started == STARTED_NOTHING) {
		r->retry_ms = runner_after(r->runner, AGAIN_MS);
	}
}

static void set_deadline(struct rescue *r, uint32_t deadline_s)
{
	r->began_ms = loop_now_ms(r->runner->loop);
	r->deadline_ms = runner_after(r->runner, (int64_t)deadline_s * 1000);
}

static uint32_t out_deadline_s(const struct rescue *r)
{
	return rescue_plan[r->at]->out_s ? rescue_plan[r->at]->out_s : r->runner->options->stop_s;
}

/* The deadline of the way out passed: something else, a warning, or the way home. */
static void late(struct rescue *r)
{
	const struct step *row = rescue_plan[r->at];
	struct err err;

	if (row->late && row->late(r)) {
		set_deadline(r, 300);
		r->retry_ms = 0;
		r->has_said = false;
		return;
	}
	err = r->last;
	if (err.code == ERR_NONE && ec2_watch_err(r->runner->watch))
		err = *ec2_watch_err(r->runner->watch);
	if (err.code == ERR_NONE)
		err_set(&err, ERR_TIMEOUT, "not done within %u s", out_deadline_s(r));
	turn(r, &err);
}

static void interrupted(struct rescue *r)
{
	struct err err = ERR_INIT;

	err_set(&err, ERR_INTERRUPTED, "interrupted");
	turn(r, &err);
}

static bool refuse(struct rescue *r)
{
	struct err err = r->last;

	r->is_refused = false;
	if (rescue_plan[r->at]->flags & STEP_OPTIONAL) {
		rescue_warn(r, "%s; going on", err.text);
		pass(r, STEP_DONE);
	} else {
		turn(r, &err);
	}
	return true;
}

/* Nothing has been done yet for this row. True: something changed, look again. */
static bool out_look(struct rescue *r, enum held held)
{
	const struct step *row = rescue_plan[r->at];
	struct step_record *record = &r->record.steps[r->at];
	struct err err = ERR_INIT;

	if (held == HELD_YES) {
		/* What was borrowed once is owed, however often the row is looked at. */
		pass(r, record->state >= STEP_BEGUN ? STEP_DONE : STEP_FOUND);
		return true;
	}
	if (r->runner->signals.count) {
		interrupted(r);
		return true;
	}
	if (held != HELD_NO || (!row->act && row->kind != STEP_OWE)) {
		if (r->deadline_ms < 0)
			set_deadline(r,
				     held == HELD_UNSEEN ? UNSEEN_DEADLINE_S : out_deadline_s(r));
		return false;
	}
	if (claim_is_taken(r, &err) || (r->at != STEP_CLAIM && claim_is_lost(r, &err))) {
		turn(r, &err);
		return true;
	}
	if (note_step(r, step_state_name(STEP_BEGUN), &err) < 0) {
		turn(r, &err);
		return true;
	}
	if (!record->begun_at)
		record->begun_at = (double)time(NULL);
	r->is_in_doubt = record->state == STEP_BEGUN; /* resumed: it may have been sent */
	record->state = STEP_BEGUN;
	say_step(r, r->at, WAY_OUT, "begun");
	if (row->kind == STEP_OWE) {
		pass(r, STEP_DONE);
		return true;
	}
	r->stage = STAGE_WAIT;
	r->deadline_ms = -1;
	begin(r, row->act);
	return true;
}

/* Acted; is the world so now? */
static bool out_wait(struct rescue *r, enum held held)
{
	const struct step *row = rescue_plan[r->at];

	if (held == HELD_YES) {
		pass(r, STEP_DONE);
		return true;
	}
	if (r->is_refused)
		return refuse(r);
	if (r->runner->signals.count && (row->flags & STEP_CUT)) {
		interrupted(r);
		return true;
	}
	if (r->deadline_ms < 0)
		set_deadline(r, out_deadline_s(r));
	if (held == HELD_NO && loop_now_ms(r->runner->loop) >= r->retry_ms) {
		begin(r, row->act);
		return true;
	}
	return false;
}

static bool advance_out(struct rescue *r)
{
	struct err why = ERR_INIT;
	enum held held;

	if (r->at >= rescue_plan_count) {
		turn(r, NULL);
		return true;
	}
	if (!plan_has(r, r->at)) {
		rescue_go_to(r, r->at + 1);
		return true;
	}
	held = rescue_plan[r->at]->holds(r, WAY_OUT, &why);
	if (held == HELD_NEVER) {
		turn(r, &why);
		return true;
	}
	if (r->stage == STAGE_LOOK ? out_look(r, held) : out_wait(r, held))
		return true;
	if (r->deadline_ms >= 0 && loop_now_ms(r->runner->loop) >= r->deadline_ms) {
		late(r);
		return true;
	}
	if (held != HELD_UNSEEN)
		say_waiting(r, WAY_OUT);
	return false;
}

/* Is this row to be put back? */
static bool is_owed(const struct rescue *r, size_t at)
{
	const struct step *row = rescue_plan[at];

	if (r->record.steps[at].state < STEP_BEGUN || !row->undo || r->is_left[at])
		return false;
	return row->kind != STEP_KEEP || r->fail.code != ERR_NONE;
}

/* Seen at home, and nothing that we sent may still change that. */
static enum held home_held(const struct rescue *r, size_t at, struct err *why)
{
	enum held held = rescue_plan[at]->holds(r, WAY_HOME, why);

	if (held == HELD_YES && r->unsettled_ms[at] > ec2_looked_at_ms(r->runner->watch))
		return HELD_UNSEEN;
	return held;
}

static void returned(struct rescue *r, size_t at)
{
	struct step_record *record = &r->record.steps[at];

	if (record->is_returned)
		return;
	record->is_returned = true;
	rescue_note_home(r, json_pack("{s:s, s:s, s:s}", "event", "step", "name",
				      rescue_plan[at]->name, "state", "returned"));
	say_step(r, at, WAY_HOME, "returned");
}

void rescue_say_left(const struct rescue *r, struct str *out)
{
	struct err ignored;

	for (size_t i = rescue_plan_count; i-- > 0;) {
		if (!is_owed(r, i) || home_held(r, i, &ignored) == HELD_YES)
			continue;
		str_add(out, out->len ? "; then " : "");
		rescue_plan[i]->describe(r, WAY_HOME, out);
	}
}

static void home_step(struct rescue *r, size_t at)
{
	rescue_go_to(r, at);
	r->record.steps[at].is_returned = false;
	if (!r->home_deadline_ms[at])
		r->home_deadline_ms[at] =
			runner_after(r->runner, 1000 * (int64_t)rescue_plan[at]->home_s);
	r->deadline_ms = r->home_deadline_ms[at];
	say_step(r, at, WAY_HOME, "returning");
}

/* The row stays as it is, and the way home goes on. */
static bool leave(struct rescue *r, size_t at)
{
	if (at >= rescue_plan_count || !rescue_plan[at]->leave || !rescue_plan[at]->leave(r))
		return false;
	r->is_left[at] = true;
	rescue_note_home(r, json_pack("{s:s, s:s, s:s}", "event", "step", "name",
				      rescue_plan[at]->name, "state", "returned"));
	rescue_go_to(r, rescue_plan_count);
	return true;
}

static bool advance_home(struct rescue *r)
{
	size_t at = rescue_plan_count;
	enum held held = HELD_YES;
	struct err why = ERR_INIT;
	int64_t now = loop_now_ms(r->runner->loop);

	if (claim_is_taken(r, &why)) {
		rescue_stays_away(r, &why);
		return true;
	}
	while (held == HELD_YES && at-- > 0) {
		if (!is_owed(r, at))
			continue;
		held = home_held(r, at, &why);
		if (held == HELD_YES)
			returned(r, at);
	}
	if (held == HELD_YES) {
		rescue_is_home(r);
		return true;
	}
	/* What was seen at home once and is not seen at this moment is no news. */
	if (at != r->at && !(held == HELD_UNSEEN && r->record.steps[at].is_returned))
		home_step(r, at);
	if (held == HELD_NEVER || (r->deadline_ms >= 0 && now >= r->deadline_ms)) {
		if (held != HELD_NEVER && leave(r, r->at))
			return true;
		rescue_stays_away(r, held == HELD_NEVER		? &why
				     : r->last.code != ERR_NONE ? &r->last
				     : ec2_watch_err(r->runner->watch)
					     ? ec2_watch_err(r->runner->watch)
					     : &r->last);
		return true;
	}
	if (held == HELD_NO && now >= r->retry_ms) {
		begin(r, rescue_plan[at]->undo);
		r->is_refused = false;
		return true;
	}
	if (held != HELD_UNSEEN)
		say_waiting(r, WAY_HOME);
	return false;
}

/* When to look at the world, and when to wake up without news. */
static void arm(struct rescue *r)
{
	int64_t now = loop_now_ms(r->runner->loop), at = -1;
	double waited = (double)(now - r->began_ms) * r->runner->pace;
	int64_t look = waited < LOOK_LONG_MS	    ? LOOK_MS
		       : waited < LOOK_VERY_LONG_MS ? LOOK_LATER_MS
						    : LOOK_SLOW_MS;
	bool is_local;

	if (r->phase == PHASE_ENDED || r->call.is_busy)
		return;
	if (r->phase == PHASE_VERIFY) {
		ec2_watch_want(r->runner->watch, runner_after(r->runner, look));
		return;
	}
	is_local = r->at < rescue_plan_count && rescue_plan[r->at]->kind == STEP_WAIT;
	if (is_local)
		at = runner_after(r->runner, LOCAL_MS);
	/* A helper has to come up first, and may go meanwhile. */
	if (!is_local || r->record.via == VIA_HELPER)
		ec2_watch_want(r->runner->watch, runner_after(r->runner, look));
	if (r->deadline_ms >= 0 && (at < 0 || r->deadline_ms < at))
		at = r->deadline_ms;
	if (r->retry_ms > now && (at < 0 || r->retry_ms < at))
		at = r->retry_ms;
	loop_timer(r->runner->loop, at, rescue_wake, r);
}

void rescue_advance(struct rescue *r)
{
	bool again = true;

	while (again && !r->call.is_busy) {
		if (r->phase == PHASE_OUT)
			again = advance_out(r);
		else if (r->phase == PHASE_HOME)
			again = advance_home(r);
		else
			again = r->phase == PHASE_VERIFY && verify_advance(r);
	}
	arm(r);
}
