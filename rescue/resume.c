/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/resume.h"

#include "base/file.h"
#include "rescue/inventory.h"

enum { CONSOLE_MAX_BYTES = 1 << 20 };

static void read_console(struct rescue *r)
{
	cleanup(free) char *path = mem_printf("%s/console", r->dir);
	cleanup(str_done) struct str text = STR_INIT;
	struct err ignored;

	if (file_read(path, CONSOLE_MAX_BYTES, &text, &ignored) == 0)
		r->console = str_take(&text);
}

/* Did the run have this row to borrow? */
static bool is_borrowed(const struct rescue *r, size_t at)
{
	switch (at) {
	case STEP_STANDBY:
		return r->record.uses_standby;
	case STEP_STOP:
		return r->record.was_running && plan_has(r, at);
	case STEP_DETACH:
	case STEP_RESTORE: /* of a swap */
		return r->record.via != VIA_REPLACE;
	default:
		return plan_has(r, at);
	}
}

/* Examining left nothing outside its own machine. */
void resume_borrow_all(struct rescue *r)
{
	for (size_t i = 0; i < STEP_EXAMINE; i++) {
		if (!rescue_plan[i]->undo)
			continue;
		r->record.steps[i].state = is_borrowed(r, i) ? STEP_DONE : STEP_FOUND;
		rescue_unsettle(r, i);
	}
	r->phase = PHASE_HOME;
	r->at = rescue_plan_count;
}

/* The first row that is not behind us. What does not outlive a process is done again, unless the
 * volume was already being written. */
static void find_place(struct rescue *r)
{
	struct step_record *steps = r->record.steps;

	if (r->record.kind == RESCUE_HOME) {
		resume_borrow_all(r);
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
	       (!plan_has(r, r->at) || steps[r->at].state == STEP_FOUND ||
		steps[r->at].state == STEP_DONE))
		r->at++;
	r->fail = r->record.turn;
	r->phase = r->record.has_turned ? PHASE_HOME : PHASE_OUT;
	if (r->phase != PHASE_HOME)
		return;
	r->at = rescue_plan_count;
	for (size_t i = 0; i < rescue_plan_count; i++)
		if (steps[i].state == STEP_BEGUN)
			rescue_unsettle(r, i);
	if (steps[STEP_REPAIR].state >= STEP_BEGUN) /* it may be begun as well */
		rescue_unsettle(r, STEP_CHILD);
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
	bool is_swap = via_swaps(r->record.via);

	if (r->record.has_no_tags || r->record.kind == RESCUE_HOME || !r->record.was_marked)
		return 0;
	if (!id_none(&r->record.restored)) {
		if (!is_swap)
			take_restored(r);
		return 0;
	}
	if (resume_find_restored(r->runner, &r->record, err) < 0)
		return -1;
	if (id_none(&r->record.restored))
		return 0;
	rescue_note_home(
		r, json_pack("{s:s, s:s}", "event", "note", "restored", r->record.restored.s));
	if (!is_swap)
		take_restored(r);
	return 0;
}

/* Another machine takes the run home, or did: this one does the same, from the same tags. */
static int follow(struct rescue *r, const struct claim *claim, struct err *err)
{
	r->record.kind = RESCUE_HOME;
	r->record.was_committed = claim->surgery == CLAIM_COMMITTED;
	r->commit = COMMIT_NONE;
	r->fail = ERR_INIT;
	if (resume_plan_home(r->runner, claim, &r->record, err) < 0)
		return -1;
	resume_borrow_all(r);
	return 0;
}

/* Which of the two roots is in place is how it was decided. */
static void follow_swap(struct rescue *r, const struct ec2_instance *instance)
{
	bool is_in_place = false;

	vec_foreach (d, &instance->devices)
		is_in_place |=
			!id_none(&r->record.restored) && id_eq(&d->volume, &r->record.restored);
	if (is_in_place)
		record_swap(&r->record);
	else
		record_stay(&r->record);
	r->commit = is_in_place ? COMMIT_DONE : COMMIT_NONE;
}

/* The claim is the last thing that is given back. So a run whose claim was seen once and is gone
 * was taken home from another machine, and going on outwards would operate unclaimed. */
static int heed_claim(struct rescue *r, const struct ec2_instance *instance, struct err *err)
{
	struct claim claim;
	struct err ignored;
	bool is_ours = claim_find(&instance->tags, &claim, &ignored) > 0 &&
		       str_eq(claim.run, r->record.run);

	if (r->record.has_no_tags || r->record.kind == RESCUE_HOME)
		return 0;
	if (is_ours && claim_is_taken_home(&instance->tags, r->record.run))
		return follow(r, &claim, err);
	if (!is_ours && r->record.steps[STEP_CLAIM].state == STEP_DONE) {
		if (via_swaps(r->record.via) && !r->record.steps[STEP_CLAIM].is_returned)
			follow_swap(r, instance);
		turn_home(r, "the claim of this run is gone: another machine took it home");
	}
	return 0;
}

/* The helper did not live to see the run go on: then another one is launched, and the way leads out once more. Home
 * goes without one, unless a write was cut off, which only the records here can finish. */
static int revive(struct rescue *r, struct err *err)
{
	const char *id = r->record.helper.s;
	struct launch *l = &r->record.launch;
	union ec2_list found = { 0 };
	struct ec2_op op = { 0 };
	bool is_alive = false;

	if (r->record.via != VIA_HELPER || !l->image[0] || id_none(&r->record.helper) ||
	    (r->phase == PHASE_HOME && r->commit != COMMIT_BEGUN))
		return 0;
	ec2_find(r->runner->ec2, EC2_INSTANCES, &id, 1, &found, &op);
	if (ec2_wait(r->runner->ec2, &op, err) < 0)
		return -1;
	vec_foreach (i, &found.instances)
		is_alive |= id_eq(&i->id, &r->record.helper) && !ec2_instance_is_gone(i);
	ec2_list_done(EC2_INSTANCES, &found);
	if (is_alive)
		return 0;
	r->record.helper = (struct instance_id){ "" };
	if (!l->is_ours) {
		l->is_ours = true;
		l->group[0] = '\0';
		memcpy(l->keys, r->record.run, sizeof(l->keys));
	}
	r->fail = ERR_INIT;
	r->phase = PHASE_OUT;
	rescue_go_to(r, STEP_GROUP);
	return rescue_note_launch(r, err);
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
	if (heed_claim(r, p->instance, err) < 0)
		return -1;
	if (revive(r, err) < 0)
		return err_in(err, "the helper");
	cloud_facts_of(&inv, p, &r->facts);
	add_root(r);
	/* The state directory came to another machine: nothing can be operated here. */
	if (r->record.via == VIA_SELF && !id_none(&inv.helper) && !id_none(&r->record.helper) &&
	    !id_eq(&inv.helper, &r->record.helper)) {
		cleanup(free) char *why = mem_printf("interrupted on %s; this is %s",
						     r->record.helper.s, inv.helper.s);

		turn_home(r, why);
	}
	return 0;
}

int resume_show_left(struct rescue *r, struct err *err)
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
		return resume_show_left(r, err);
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
