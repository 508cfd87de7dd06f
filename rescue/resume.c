/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/resume.h"

#include "base/file.h"
#include "rescue/inventory.h"

#include <stdio.h>
#include <time.h>

enum { CONSOLE_MAX_BYTES = 1 << 20 };

static void read_console(struct rescue *r)
{
	cleanup(free) char *path = mem_printf("%s/console", r->dir);
	cleanup(str_done) struct str text = STR_INIT;
	struct err ignored;

	if (file_read(path, CONSOLE_MAX_BYTES, &text, &ignored) == 0)
		r->console = str_take(&text);
}

/* What the run can have borrowed, innermost last; the world says which of it is really away. */
static void borrow_all(struct rescue *r)
{
	static const enum step_index borrowed[] = { STEP_CLAIM, STEP_DOT, STEP_DETACH, STEP_RESTORE,
						    STEP_ATTACH };

	for (size_t i = 0; i < ARRAY_LEN(borrowed); i++) {
		r->record.steps[borrowed[i]].state = STEP_DONE;
		rescue_unsettle(r, borrowed[i]);
	}
	rescue_unsettle(r, STEP_STOP);
	r->record.steps[STEP_STOP].state = r->record.was_running ? STEP_DONE : STEP_FOUND;
	r->phase = PHASE_HOME;
	r->at = rescue_plan_count;
}

/* The first row that is not behind us. What does not outlive a process is done again, unless the
 * volume was already being written. */
static void find_place(struct rescue *r)
{
	struct step_record *steps = r->record.steps;

	if (r->record.kind == RESCUE_HOME) {
		borrow_all(r);
		return;
	}
	r->commit = r->record.was_committed || steps[STEP_REPAIR].state == STEP_DONE ? COMMIT_DONE
		    : steps[STEP_REPAIR].state == STEP_BEGUN			     ? COMMIT_BEGUN
										     : COMMIT_NONE;
	r->tagged = steps[STEP_SEAL].state == STEP_DONE	  ? CLAIM_COMMITTED
		    : steps[STEP_MARK].state == STEP_DONE ? CLAIM_COMMITTING
							  : CLAIM_UNTOUCHED;
	for (size_t i = 0; i < rescue_plan_count && r->commit == COMMIT_NONE; i++)
		if (rescue_plan[i]->flags & STEP_VOLATILE)
			for (size_t after = i; after < rescue_plan_count; after++)
				steps[after].state = STEP_NONE;
	r->at = 0;
	while (r->at < rescue_plan_count &&
	       (steps[r->at].state == STEP_FOUND || steps[r->at].state == STEP_DONE))
		r->at++;
	r->fail = r->record.turn;
	r->phase = r->record.has_turned ? PHASE_HOME : PHASE_OUT;
	if (r->phase != PHASE_HOME)
		return;
	r->at = rescue_plan_count;
	for (size_t i = 0; i < rescue_plan_count; i++)
		if (steps[i].state == STEP_BEGUN)
			rescue_unsettle(r, i);
}

/* The root volume is not among the instance's devices while it is away. */
static void add_root(struct rescue *r)
{
	struct cloud_facts *facts = &r->facts;
	struct cloud_volume *grown;

	for (size_t i = 0; i < facts->volume_count; i++)
		if (str_eq(facts->volumes[i].volume, r->record.volume.s))
			return;
	grown = mem_realloc(facts->volumes, (facts->volume_count + 1) * sizeof(*grown));
	grown[facts->volume_count++] = (struct cloud_volume){
		.device = mem_strdup(r->record.home_device),
		.volume = mem_strdup(r->record.volume.s),
	};
	facts->volumes = grown;
}

static void turn_home(struct rescue *r, const char *why)
{
	if (r->phase == PHASE_HOME)
		return;
	err_set(&r->fail, ERR_INTERRUPTED, "%s", why);
	r->phase = PHASE_HOME;
	r->at = rescue_plan_count;
}

/* Home has a new root volume: nothing is to be done to the old one any more. */
static void take_restored(struct rescue *r)
{
	if (id_none(&r->record.restored))
		return;
	if (id_none(&r->record.restore_from))
		r->record.restore_from = r->record.snapshot;
	r->record.steps[STEP_REPAIR].state = STEP_NONE;
	r->record.steps[STEP_RESTORE].state = STEP_DONE;
	r->record.was_committed = false;
	r->commit = COMMIT_NONE;
	turn_home(r, "another machine took the run home with a new root volume");
}

/* Only a volume that was marked as being written is replaced, and the new one carries the tag of
 * the run. A server without filters or tags has no such volume to show. */
static int find_restored(struct rescue *r, struct err *err)
{
	const char *run = r->record.run;
	struct ec2_filter filter = { "tag:" CLAIM_RUN_TAG, &run, 1 };
	union ec2_list volumes;
	struct ec2_op op = { 0 };
	int rc;

	if (r->record.has_no_tags || r->record.steps[STEP_MARK].state < STEP_BEGUN ||
	    !id_none(&r->record.restored))
		return 0;
	ec2_find_where(r->runner->ec2, EC2_VOLUMES, &filter, &volumes, &op);
	rc = ec2_wait(r->runner->ec2, &op, err);
	if (rc < 0 && err->code == ERR_UNSUPPORTED) {
		err_clear(err);
		rc = 0;
	}
	vec_foreach (v, &volumes.volumes) {
		const char *value = ec2_tag_value(&v->tags, CLAIM_RUN_TAG);

		if (value && str_eq(value, run) && !id_eq(&v->id, &r->record.volume))
			r->record.restored = v->id;
	}
	ec2_list_done(EC2_VOLUMES, &volumes);
	if (rc == 0 && !id_none(&r->record.restored))
		rescue_note_home(r, json_pack("{s:s, s:s}", "event", "note", "restored",
					      r->record.restored.s));
	return rc;
}

/* The claim is the last thing that is given back. So a run whose claim was seen once and is gone
 * was taken home from another machine, and going on outwards would operate unclaimed. */
static void heed_claim(struct rescue *r, const struct ec2_instance *instance)
{
	struct claim claim;
	struct err ignored;

	if (r->record.has_no_tags || r->record.steps[STEP_CLAIM].state != STEP_DONE ||
	    (claim_find(&instance->tags, &claim, &ignored) > 0 && str_eq(claim.run, r->record.run)))
		return;
	turn_home(r, "the claim of this run is gone: another machine took it home");
}

/* A look at the instance: is it there, what may the checks know, which calls does the server have,
 * what did another machine do meanwhile. */
static int look(struct rescue *r, struct err *err)
{
	struct runner *runner = r->runner;
	cleanup(inventory_done) struct inventory inv = { 0 };
	const struct patient *p;

	if (inventory_take(runner->ec2, runner->options, runner->report, &r->record.instance, 1,
			   &inv, err) < 0)
		return -1;
	p = inv.patients.items[0];
	if (!p->instance) {
		*err = p->err;
		return -1;
	}
	if (find_restored(r, err) < 0)
		return err_in(err, "a new root volume of this run");
	take_restored(r);
	heed_claim(r, p->instance);
	cloud_facts_of(&inv, p, &r->facts);
	add_root(r);
	/* The state directory came to another machine: nothing can be operated here. */
	if (!id_none(&inv.helper) && !id_none(&r->record.helper) &&
	    !id_eq(&inv.helper, &r->record.helper)) {
		cleanup(free) char *why = mem_printf("interrupted on %s; this is %s",
						     r->record.helper.s, inv.helper.s);

		turn_home(r, why);
	}
	return 0;
}

/* --dry-run: one look at the world, and what resuming would bring home. Takes r over. */
static int show_left(struct rescue *r, struct err *err)
{
	struct runner *runner = r->runner;
	cleanup(str_done) struct str left = STR_INIT;
	int rc = 0;

	rescue_watch(r, true);
	ec2_watch_want(runner->watch, loop_now_ms(runner->loop));
	while (rc == 0 && ec2_looked_at_ms(runner->watch) < 0) {
		rc = loop_step(runner->loop, -1, err);
		if (rc == 0 && ec2_watch_err(runner->watch)) {
			*err = *ec2_watch_err(runner->watch);
			rc = -1;
		}
	}
	memset(r->unsettled_ms, 0, sizeof(r->unsettled_ms));
	if (rc == 0) {
		rescue_say_left(r, &left);
		report_say(runner->report, r->record.instance.s, "fact", "{s:s, s:s}", "name",
			   "left to do", "text", left.len ? left.s : "nothing is borrowed");
	}
	rescue_free(r);
	return rc;
}

/* It could not even begin: what is away is what counts, whatever the reason. */
static void still_away(const struct rescue *r, struct err *err)
{
	bool is_away = false;

	for (size_t i = 0; i < rescue_plan_count; i++)
		is_away |=
			r->record.steps[i].state >= STEP_BEGUN && !r->record.steps[i].is_returned;
	if (!is_away)
		return;
	err->code = ERR_AWAY;
	err_in(err, "what run %s borrowed is not home yet", r->record.run);
}

int resume_from_journal(struct runner *runner, const char *run, struct err *err)
{
	cleanup(free) char *dir = state_run_dir(runner->options, run);
	cleanup(journal_close) struct journal *journal = NULL;
	struct record record;
	struct rescue *r;
	json_t *records;
	int rc;

	if (journal_open(dir, &journal, &records, err) < 0)
		return -1;
	rc = record_replay(records, &record, err);
	json_decref(records);
	if (rc < 0)
		return err_in(err, "%s", dir);
	r = rescue_new(runner, &record);
	r->journal = TAKE(journal);
	find_place(r);
	if (runner->options->dry_run)
		return show_left(r, err);
	if (state_make_run(runner->options, run, &r->dir, err) < 0 || look(r, err) < 0) {
		still_away(r, err);
		rescue_free(r);
		return -1;
	}
	read_console(r);
	report_say(runner->report, r->record.instance.s, "run", "{s:s, s:[s]}", "run",
		   r->record.run, "instances", r->record.instance.s);
	runner_add(runner, r);
	return 0;
}

static bool is_meant(const struct claim *claim, const char *target)
{
	return str_eq(claim->instance.s, target) || str_eq(claim->run, target);
}

/* The claim is on the instance and on the volume; a run may have died while it had only one. */
static int find_claim(struct runner *runner, const char *target, struct claim *ret, struct err *err)
{
	const char *key = CLAIM_TAG;
	struct ec2_filter filter = { "tag-key", &key, 1 };
	union ec2_list instances, volumes;
	struct ec2_op op_i = { 0 }, op_v = { 0 };
	struct claim claim;
	struct err ignored;
	bool is_found = false;
	int rc;

	ec2_find_where(runner->ec2, EC2_INSTANCES, &filter, &instances, &op_i);
	ec2_find_where(runner->ec2, EC2_VOLUMES, &filter, &volumes, &op_v);
	rc = ec2_wait(runner->ec2, &op_i, err);
	if (rc == 0)
		rc = ec2_wait(runner->ec2, &op_v, err);
	else
		ec2_cancel(runner->ec2, &op_v);
	vec_foreach (i, &instances.instances)
		if (claim_find(&i->tags, &claim, &ignored) > 0 && is_meant(&claim, target)) {
			*ret = claim;
			is_found = true;
		}
	/* The volume's is believed rather: that is where a commit matters. */
	vec_foreach (v, &volumes.volumes)
		if (claim_find(&v->tags, &claim, &ignored) > 0 && is_meant(&claim, target)) {
			*ret = claim;
			is_found = true;
		}
	ec2_list_done(EC2_INSTANCES, &instances);
	ec2_list_done(EC2_VOLUMES, &volumes);
	if (rc == 0 && !is_found)
		rc = err_set(err, ERR_NOTFOUND,
			     "no unfinished run of %s: not in the state directory, and no tag "
			     "\"" CLAIM_TAG "\" names it in %s",
			     target, ec2_region(runner->ec2));
	return rc;
}

static bool may_take_over(struct runner *runner, const struct claim *claim)
{
	cleanup(free) char *question =
		mem_printf("Run %s of %s may still be at work on %s. Take everything home?",
			   claim->run, claim->by, claim->instance.s);

	return claim->until <= (int64_t)time(NULL) || runner->options->yes ||
	       report_ask(runner->report, question);
}

/* The run's snapshot of the volume, the newest that is not in error. 1, 0: none. */
static int find_snapshot(struct runner *runner, const struct claim *claim, struct snapshot_id *ret,
			 struct err *err)
{
	const char *run = claim->run;
	struct ec2_filter filter = { "tag:" CLAIM_RUN_TAG, &run, 1 };
	union ec2_list snapshots;
	struct ec2_op op = { 0 };
	int64_t newest = -1;

	ec2_find_where(runner->ec2, EC2_SNAPSHOTS, &filter, &snapshots, &op);
	if (ec2_wait(runner->ec2, &op, err) < 0)
		return -1;
	vec_foreach (s, &snapshots.snapshots)
		if (claim_took_snapshot(s, &claim->volume, run) && s->status != SNAPSHOT_ERROR &&
		    s->start_time > newest) {
			*ret = s->id;
			newest = s->start_time;
		}
	ec2_list_done(EC2_SNAPSHOTS, &snapshots);
	return newest >= 0;
}

/* The other machine died between two writes to the volume, and its records with it. */
static int plan_restore(struct runner *runner, const struct claim *claim, struct record *record,
			struct err *err)
{
	cleanup(free) char *text = NULL;
	int found = find_snapshot(runner, claim, &record->restore_from, err);

	if (found < 0)
		return -1;
	if (!found)
		return err_set(
			err, ERR_REFUSED,
			"run %s was cut off while it wrote to %s, so that volume may be half "
			"written, and there is no snapshot of it; only `ec2-rescue resume %s` "
			"on the machine of %s can finish or take back that write",
			claim->run, claim->volume.s, claim->run, claim->by);
	text = mem_printf(
		"run %s was cut off while it wrote to %s, and the records of that write are on the "
		"machine of %s; if that machine is lost: %s gets a new root volume from snapshot "
		"%s, which is as it was before the repair, and %s is kept, detached",
		claim->run, claim->volume.s, claim->by, claim->instance.s, record->restore_from.s,
		claim->volume.s);
	report_say(runner->report, claim->instance.s, "hazard", "{s:s, s:s, s:b}", "text", text,
		   "costs", "data", "needs_consent", true);
	if (!runner->options->yes && !runner->options->dry_run &&
	    !report_ask(runner->report, "Make a new root volume?"))
		return err_set(err, ERR_REFUSED,
			       "nothing was changed; with --yes the new root volume is made");
	return 0;
}

int resume_from_tags(struct runner *runner, const char *target, struct err *err)
{
	struct claim claim;
	struct record record;
	struct rescue *r;

	if (find_claim(runner, target, &claim, err) < 0)
		return -1;
	if (!runner->options->dry_run && !may_take_over(runner, &claim))
		return err_set(err, ERR_REFUSED,
			       "run %s of %s may still be at work on %s; if it is not, --yes takes "
			       "everything home",
			       claim.run, claim.by, claim.instance.s);
	record_of_claim(&claim, &record);
	if (claim.surgery == CLAIM_COMMITTING && plan_restore(runner, &claim, &record, err) < 0)
		return -1;
	r = rescue_new(runner, &record);
	borrow_all(r);
	if (runner->options->dry_run)
		return show_left(r, err);
	if (state_make_run(runner->options, r->record.run, &r->dir, err) < 0 ||
	    journal_create(r->dir, &r->journal, err) < 0 ||
	    rescue_note(r, record_to_json(&r->record), err) < 0) {
		rescue_free(r);
		return -1;
	}
	report_say(runner->report, r->record.instance.s, "run", "{s:s, s:[s]}", "run",
		   r->record.run, "instances", r->record.instance.s);
	runner_add(runner, r);
	return 0;
}
