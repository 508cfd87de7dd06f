/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/runner.h"
#include "rescue/cloud.h"

#include <stdio.h>

enum { MIN_GAP_MS = 500, TICK_MS = 1000 };

/* Once for all rescues. */
static void warn_of_unseen_snapshots(struct runner *runner)
{
	const struct err *why = ec2_watch_missing(runner->watch, EC2_SNAPSHOTS);
	cleanup(free) char *text = NULL;

	if (!why || runner->has_warned_of_snapshots)
		return;
	runner->has_warned_of_snapshots = true;
	text = mem_printf("whether a snapshot fails cannot be seen (%s); going on", why->text);
	report_say(runner->report, NULL, "warning", "{s:s}", "text", text);
}

static void world_seen(void *arg)
{
	struct runner *runner = arg;

	warn_of_unseen_snapshots(runner);
	vec_foreach (r, &runner->rescues)
		rescue_advance(*r);
}

static void say_interrupt(struct runner *runner)
{
	if (runner->signals.count == 1)
		report_say(
			runner->report, NULL, "warning", "{s:s}", "text",
			"interrupted: the step under way is finished, then everything goes home; "
			"again to leave at once");
}

static void on_signal(void *arg)
{
	struct runner *runner = arg;

	say_interrupt(runner);
	vec_foreach (r, &runner->rescues)
		rescue_poke(*r);
}

int64_t runner_after(const struct runner *runner, int64_t ms)
{
	double wait = (double)ms / runner->pace;

	return loop_now_ms(runner->loop) + (wait > 1 ? (int64_t)wait : 1);
}

int runner_open(struct runner *runner, const struct options *options, struct report *report,
		const char *region, const char *endpoint, struct err *err)
{
	*runner = (struct runner){
		.options = options, .report = report, .signals = SIGNALS_INIT, .pace = cloud_pace()
	};
	if (loop_open(&runner->loop, err) < 0 ||
	    cloud_open(runner->loop, options, region, endpoint, &runner->ec2, err) < 0 ||
	    ec2_watch_open(runner->ec2, runner->loop, world_seen, runner, &runner->watch, err) < 0)
		return -1;
	ec2_watch_set_min_gap(runner->watch, (uint32_t)(MIN_GAP_MS / runner->pace));
	return 0;
}

static void tick(void *arg)
{
	struct runner *runner = arg;

	report_tick(runner->report);
	loop_timer(runner->loop, loop_now_ms(runner->loop) + TICK_MS, tick, runner);
}

void runner_close(struct runner *runner)
{
	vec_foreach (r, &runner->rescues)
		rescue_free(*r);
	vec_done(&runner->rescues);
	ec2_watch_close(runner->watch);
	ec2_close(runner->ec2);
	signals_close(&runner->signals);
	loop_close(runner->loop);
	*runner = RUNNER_INIT;
}

void runner_add(struct runner *runner, struct rescue *r)
{
	vec_push(&runner->rescues, r);
}

static bool all_ended(const struct runner *runner)
{
	vec_foreach (r, &runner->rescues)
		if ((*r)->phase != PHASE_ENDED)
			return false;
	return true;
}

/* The second ^C: nothing more is done, not even the way home. */
static void leave(struct runner *runner)
{
	vec_foreach (r, &runner->rescues) {
		cleanup(str_done) struct str left = STR_INIT;
		cleanup(free) char *text = NULL;

		if ((*r)->phase == PHASE_ENDED)
			continue;
		rescue_say_left(*r, &left);
		text = mem_printf("left at once; %s%s. Finish with: ec2-rescue resume %s",
				  left.len ? "still to do: " : "nothing is borrowed", left.s,
				  (*r)->record.run);
		report_say(runner->report, (*r)->record.instance.s, "verdict", "{s:s, s:s, s:o}",
			   "result", "away", "text", text, "next",
			   json_sprintf("ec2-rescue resume %s", (*r)->record.run));
		(*r)->exit_code = left.len ? ERR_AWAY : ERR_INTERRUPTED;
		(*r)->exit_status = (int)(*r)->exit_code;
		(*r)->phase = PHASE_ENDED;
	}
}

/* What a script must not miss comes first: something borrowed is not home; then the first failure;
 * then faults that remain. */
static int exit_status(const struct runner *runner)
{
	int status = 0;

	vec_foreach (r, &runner->rescues) {
		if ((*r)->exit_code == ERR_AWAY)
			return ERR_AWAY;
		if (status <= 1 && (*r)->exit_status > status)
			status = (*r)->exit_status;
	}
	return status;
}

int runner_run(struct runner *runner)
{
	struct err err = ERR_INIT;

	/* Only now: before anything was changed ^C may simply end the program. */
	if (signals_open(&runner->signals, runner->loop, on_signal, runner, &err) < 0) {
		report_err(runner->report, NULL, &err);
		return (int)err.code;
	}
	loop_timer(runner->loop, loop_now_ms(runner->loop) + TICK_MS, tick, runner);
	vec_foreach (r, &runner->rescues) {
		rescue_watch(*r, true);
		rescue_poke(*r);
	}
	ec2_watch_want(runner->watch, loop_now_ms(runner->loop));
	while (!all_ended(runner)) {
		if (loop_step(runner->loop, -1, &err) < 0) {
			report_err(runner->report, NULL, &err);
			leave(runner);
		}
		if (runner->signals.count > 1)
			leave(runner);
	}
	loop_timer(runner->loop, -1, tick, runner);
	return exit_status(runner);
}
