/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/finish.h"

#include "rescue/runner.h"
#include "rescue/verify.h"

#include <stdio.h>
#include <time.h>

struct ending {
	const char *result; /* "rescued", ... as report.h lists them */
	enum err_code code;
	int status; /* when code is ERR_NONE */
	const char *text, *next;
};

/* How long the instance was down: from our stop (or the replacement of its root) to its answer (or to now). -1: it was not us. */
static double down_s(const struct rescue *r)
{
	const struct step_record *stop =
		&r->record.steps[r->record.via == VIA_REPLACE ? STEP_REPLACE : STEP_STOP];
	double until = r->down_until > 0 ? r->down_until : (double)time(NULL);

	if (!r->record.was_running || stop->state < STEP_BEGUN || stop->begun_at <= 0)
		return -1;
	return until > stop->begun_at ? until - stop->begun_at : 0;
}

static void end(struct rescue *r, const struct ending *ending)
{
	double down = down_s(r);
	json_t *verdict = json_pack("{s:s, s:s, s:s}", "event", "verdict", "result", ending->result,
				    "text", ending->text);

	json_object_set_new(verdict, "run", json_string(r->record.run));
	if (down >= 0)
		json_object_set_new(verdict, "down_s", json_integer((json_int_t)(down + 0.5)));
	if (!id_none(&r->record.snapshot))
		json_object_set_new(verdict, "snapshot", json_string(r->record.snapshot.s));
	if (via_swaps(r->record.via) && r->record.was_committed) {
		json_object_set_new(verdict, "root", json_string(rescue_root(r)->s));
		json_object_set_new(verdict, "kept", json_string(r->record.volume.s));
	}
	if (ending->next)
		json_object_set_new(verdict, "next", json_string(ending->next));
	report_event(r->runner->report, r->record.instance.s, verdict);
	rescue_note_home(r, json_pack("{s:s, s:s}", "event", "end", "result", ending->result));
	r->exit_code = ending->code;
	r->exit_status = ending->code == ERR_NONE ? ending->status : (int)ending->code;
	snprintf(r->record.result, sizeof(r->record.result), "%s", ending->result);
	r->phase = PHASE_ENDED;
	link_close(TAKE(r->link));
	rescue_watch(r, false);
	if (ending->code != ERR_AWAY)
		state_clean_work(r->dir);
}

static void end_untouched(struct rescue *r)
{
	const struct record *record = &r->record;
	cleanup(free) char *text = NULL;
	struct ending ending = { .result = "returned", .code = r->fail.code };

	if (via_swaps(r->record.via) && record->was_committed) {
		text = mem_printf("everything that run %s borrowed is home again; %s has the root "
				  "volume %s, and the one before it, %s, is kept, detached",
				  record->run, record->instance.s, rescue_root(r)->s,
				  record->volume.s);
	} else if (!via_swaps(record->via) && !id_none(&record->restored)) {
		text = mem_printf(
			"%s has a new root volume %s as it was before run %s; the old one, %s, "
			"is kept, detached: delete it when it is not needed any more",
			record->instance.s, record->restored.s, record->run, record->volume.s);
	} else if (r->fail.code != ERR_NONE) {
		text = mem_printf("%s: everything borrowed is home again; the volume is unchanged",
				  r->fail.text);
	} else if (record->kind == RESCUE_HOME) {
		text = mem_printf("everything that run %s borrowed is home again", record->run);
	} else if (record->faults) {
		ending.result = "faults";
		ending.status = 1;
		text = mem_printf("%u fault%s found, none of which is repaired without being asked "
				  "for (--fix NAME); everything is home again",
				  record->faults, record->faults == 1 ? "" : "s");
	} else if (record->could_not_tell) {
		ending.code = ERR_COULD_NOT_TELL;
		text = mem_printf("nothing found on %s, but %u check%s could not tell; everything "
				  "is home again",
				  record->volume.s, record->could_not_tell,
				  record->could_not_tell == 1 ? "" : "s");
	} else {
		ending.result = "healthy";
		text = mem_printf("nothing on %s explains the trouble; everything is home again",
				  record->volume.s);
	}
	ending.text = text;
	end(r, &ending);
}

/* After a swap there are two roots; "" after a write. */
static char *say_kept(const struct rescue *r)
{
	if (!via_swaps(r->record.via) || !r->record.was_committed)
		return mem_strdup("");
	return mem_printf(
		"; %s, %s, is kept, detached, and paid for until it is deleted", r->record.volume.s,
		r->record.kind == RESCUE_UNDO ? "which was repaired" : "as it was before");
}

/* The volume was written; the instance does not run, or nobody wants to know whether it answers. */
static void end_written(struct rescue *r)
{
	const struct record *record = &r->record;
	bool is_undo = record->kind == RESCUE_UNDO;
	cleanup(free) char *next = mem_printf("ec2-rescue undo %s", record->run);
	cleanup(free) char *kept = say_kept(r);
	cleanup(free) char *text = mem_printf(
		"%s is %s and attached to %s as %s%s; the instance %s%s%s%s", rescue_root(r)->s,
		is_undo ? "as it was before the repair" : "repaired", record->instance.s,
		record->home_device, record->faults ? ", faults remain" : "",
		record->was_running ? "is started again" : "stays stopped, as it was", kept,
		r->fail.code != ERR_NONE ? "; on the way: " : "",
		r->fail.code != ERR_NONE ? r->fail.text : "");
	struct ending ending = { .result = is_undo ? "undone" : "repaired",
				 .status = !is_undo && record->faults,
				 .text = text,
				 .next = is_undo ? NULL : next };

	end(r, &ending);
}

void rescue_is_home(struct rescue *r)
{
	if (r->commit != COMMIT_DONE)
		end_untouched(r);
	else if (r->record.kind != RESCUE_REPAIR || !r->record.was_running ||
		 !r->runner->options->verify_s)
		end_written(r);
	else
		verify_start(r);
}

void rescue_is_verified(struct rescue *r, bool answers, const char *text)
{
	cleanup(free) char *undo = mem_printf("ec2-rescue undo %s", r->record.run);
	cleanup(free) char *said = NULL, *kept = say_kept(r);
	struct ending ending = { .next = undo };

	if (answers) {
		said = mem_printf("%s answers again (%s)%s", r->record.instance.s, text, kept);
		ending.result = "rescued";
	} else {
		said = mem_printf("%s is repaired and started but does not answer (%s); the repair "
				  "can be taken back with: %s",
				  r->record.instance.s, text, undo);
		ending.result = "unverified";
		ending.code = ERR_UNVERIFIED;
	}
	ending.text = said;
	end(r, &ending);
}

void rescue_stays_away(struct rescue *r, const struct err *why)
{
	cleanup(str_done) struct str left = STR_INIT;
	cleanup(free) char *next = mem_printf("ec2-rescue resume %s", r->record.run);
	cleanup(free) char *text = NULL;
	struct ending ending = { .result = "away", .code = ERR_AWAY, .next = next };

	rescue_say_left(r, &left);
	text = mem_printf("not everything is home yet%s%s%s; left to do: %s",
			  why->code != ERR_NONE ? " (" : "", why->code != ERR_NONE ? why->text : "",
			  why->code != ERR_NONE ? ")" : "", left.s);
	ending.text = text;
	rescue_close_surgery(r);
	end(r, &ending);
}
