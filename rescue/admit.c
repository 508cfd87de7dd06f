/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/admit.h"

#include "base/file.h"
#include "rescue/console.h"
#include "rescue/runs.h"

#include <stdio.h>

/* What the decisions about all instances are made from. */
struct desk {
	const struct admission *admission;
	struct inventory inv;
	struct runs runs;
};
static void desk_done(struct desk *desk)
{
	inventory_done(&desk->inv);
	runs_done(&desk->runs);
}
DEFINE_CLEANUP_DONE(struct desk, desk_done)

static void worsen(int *status, int to)
{
	if (*status <= 1 && to > *status)
		*status = to;
}

static void say_fact(struct report *report, const struct patient *p, const char *name,
		     const char *text)
{
	report_say(report, p->id.s, "fact", "{s:s, s:s}", "name", name, "text", text);
}

static void say_patient(struct report *report, const struct patient *p)
{
	const struct ec2_instance *i = p->instance;
	const char *name = ec2_tag_value(&i->tags, "Name");
	cleanup(str_done) struct str text = STR_INIT;

	str_addf(&text, "%s%s%s%s%s", i->type ? i->type : "", i->type ? ", " : "",
		 i->zone ? i->zone : "", i->zone ? ", " : "", ec2_instance_state_name(i->state));
	if (name && *name) {
		str_add(&text, ", \"");
		str_add_escaped(&text, name, strnlen(name, 256));
		str_add_char(&text, '"');
	}
	say_fact(report, p, "instance", text.s);
	if (!p->root)
		return;
	str_clear(&text);
	str_addf(&text, "%s, ", p->root->id.s);
	if (p->root->size_gib > 0)
		str_addf(&text, "%lld GiB, ", (long long)p->root->size_gib);
	str_addf(&text, "as %s%s", p->root_device->device_name,
		 p->root_device->delete_on_termination == EC2_TRUE ? ", deleted on termination"
								   : "");
	say_fact(report, p, "root volume", text.s);
}

static void say_hazards(struct report *report, const struct patient *p)
{
	vec_foreach (h, &p->hazards)
		if (h->weight != HAZARD_REFUSAL)
			report_say(report, p->id.s, "hazard", "{s:s, s:s, s:b}", "text", h->text,
				   "costs", h->costs, "needs_consent", h->weight == HAZARD_CONSENT);
}

static void add_plan_step(json_t *steps, const struct rescue *r, size_t at, enum way way)
{
	cleanup(str_done) struct str text = STR_INIT;

	rescue_plan[at]->describe(r, way, &text);
	json_array_append_new(
		steps, json_pack("{s:s, s:s}", "name", rescue_plan[at]->name, "text", text.s));
}

static bool is_planned(const struct rescue *r, size_t at, enum way way)
{
	bool is_swap = via_swaps(r->record.via) && way == WAY_HOME;

	switch (at) {
	case STEP_STOP:
		return r->record.was_running && plan_has(r, at);
	case STEP_STANDBY:
		return r->record.uses_standby;
	case STEP_CHILD:
	case STEP_IMAGE:
	case STEP_REPLACE:
		return is_swap && plan_has(r, at);
	case STEP_RESTORE:
		return is_swap && r->record.via == VIA_SNAPSHOT;
	case STEP_DETACH:
		return (is_swap && r->record.via == VIA_SNAPSHOT) || plan_has(r, at);
	default:
		return plan_has(r, at);
	}
}

static void say_plan(struct report *report, const struct rescue *r)
{
	json_t *steps = json_array();

	for (size_t i = 0; i < rescue_plan_count; i++)
		if (is_planned(r, i, WAY_OUT))
			add_plan_step(steps, r, i, WAY_OUT);
	for (size_t i = rescue_plan_count; i-- > 0;)
		if (i < STEP_EXAMINE && rescue_plan[i]->undo && is_planned(r, i, WAY_HOME))
			add_plan_step(steps, r, i, WAY_HOME);
	report_say(report, r->record.instance.s, "plan", "{s:o}", "steps", steps);
}

static const char *zone_of(const struct inventory *inv, const struct instance_id *id)
{
	vec_foreach (p, &inv->patients)
		if (id_eq(&(*p)->id, id) && (*p)->root)
			return (*p)->root->zone;
	return NULL;
}

/* One helper for all whose volumes are in one zone: the first launches it, and whoever is the last removes it. */
static void share_helper(const struct inventory *inv, const struct patient *p,
			 const struct rescues *ready, struct record *record)
{
	memcpy(record->launch.keys, record->run, sizeof(record->launch.keys));
	vec_foreach (r, ready) {
		const struct record *other = &(*r)->record;
		const char *zone = zone_of(inv, &other->instance);

		if (!other->launch.is_ours || !zone || !p->root->zone ||
		    !str_eq(zone, p->root->zone))
			continue;
		record->launch = other->launch;
		record->launch.is_ours = false;
		return;
	}
}

static struct rescue *rescue_of(struct runner *runner, const struct admission *admission,
				const struct inventory *inv, const struct patient *p,
				const struct rescues *ready)
{
	struct record record;
	struct rescue *r;

	record_of_patient(inv, p, &record);
	run_id_make(record.run);
	record.kind = admission->kind;
	if (record.launch.is_ours)
		share_helper(inv, p, ready, &record);
	if (admission->undo) {
		memcpy(record.undo_of, admission->undo->run, sizeof(record.undo_of));
		if (via_swaps(record.via))
			record.restored = admission->undo->volume;
	}
	snprintf(record.region, sizeof(record.region), "%s",
		 runner->options->region ? runner->options->region : "");
	snprintf(record.endpoint, sizeof(record.endpoint), "%s",
		 runner->options->endpoint_url ? runner->options->endpoint_url : "");
	if (record.kind == RESCUE_REPAIR && runner->options->rehearse_boot) {
		record.boot_s = runner->options->boot_s;
		record.boot_may_fail = runner->options->commit_anyway;
		record.boot_no_kvm = runner->options->no_kvm;
	}
	r = rescue_new(runner, &record);
	memcpy(r->overwrites, p->overwrites, sizeof(r->overwrites));
	cloud_facts_of(inv, p, &r->facts);
	r->console = p->console.output ? mem_strdup(p->console.output) : NULL;
	return r;
}

static int open_run(struct rescue *r, struct err *err)
{
	cleanup(free) char *console = NULL;

	if (state_make_run(r->runner->options, r->record.run, &r->dir, err) < 0 ||
	    journal_create(r->dir, &r->journal, err) < 0 ||
	    rescue_note(r, record_to_json(&r->record), err) < 0)
		return -1;
	console = mem_printf("%s/console", r->dir);
	return r->console ? file_replace(console, r->console, strlen(r->console), 0600, err) : 0;
}

/* The undo of a repair makes sense on the volume that was repaired, nowhere else. */
static int check_undo(const struct admission *admission, const struct patient *p, struct err *err)
{
	const struct record *undone = admission->undo;
	const struct volume_id *repaired;

	if (!undone)
		return 0;
	repaired = via_swaps(undone->via) ? &undone->restored : &undone->volume;
	if (id_eq(&p->root->id, repaired))
		return 0;
	return err_set(err, ERR_CONFLICT,
		       "the root volume of %s is %s, but run %s %s %s; nothing is changed", p->id.s,
		       p->root->id.s, undone->run,
		       via_swaps(undone->via) ? "put in its place" : "repaired", repaired->s);
}

/* What a run of this machine has begun and not finished comes first; there may be no tag to tell.
 */
static int check_runs(const struct runs *runs, const struct patient *p, struct err *err)
{
	const struct run *run = runs_find(runs, p->id.s, run_is_unfinished);

	if (!run || run->record.steps[STEP_CLAIM].state < STEP_BEGUN)
		return 0;
	return err_set(err, ERR_REFUSED, "run %s of %s is %s; first: ec2-rescue resume %s",
		       run->record.run, p->id.s,
		       run->is_locked ? "at work at this moment" : "not finished", run->record.run);
}

/* Shows one patient; a rescue when it may be rescued. */
static struct rescue *show(struct runner *runner, const struct desk *desk, struct patient *p,
			   const struct rescues *ready, struct err *err)
{
	const struct admission *admission = desk->admission;
	struct rescue *r;

	if (p->err.code != ERR_NONE) {
		*err = p->err;
		return NULL;
	}
	say_patient(runner->report, p);
	if (admission->kind == RESCUE_REPAIR)
		console_suspect(runner->report, p->id.s, p->console.output);
	if (p->via_why) {
		cleanup(free) char *text =
			mem_printf("%s: %s", rescue_via_name(p->via), p->via_why);

		say_fact(runner->report, p, "way", text);
	}
	if (p->net_text)
		say_fact(runner->report, p, "network", p->net_text);
	if (via_swaps(p->via) && p->root)
		hazards_add_swap(&desk->inv, p, admission->undo ? &admission->undo->volume : NULL);
	if (!p->net_stop) /* nothing will be done that could cost something */
		say_hazards(runner->report, p);
	if (check_runs(&desk->runs, p, err) < 0 || hazards_refusal(&p->hazards, err) < 0 ||
	    check_undo(admission, p, err) < 0)
		return NULL;
	r = rescue_of(runner, admission, &desk->inv, p, ready);
	say_plan(runner->report, r);
	return r;
}

static bool consented(struct runner *runner, const struct inventory *inv, size_t count)
{
	cleanup(free) char *question = NULL;
	bool needs = false;

	vec_foreach (p, &inv->patients)
		needs |= (*p)->err.code == ERR_NONE && hazards_need_consent(&(*p)->hazards);
	if (!needs || runner->options->yes)
		return true;
	question = mem_printf("Go on with %zu instance%s at these costs?", count,
			      count == 1 ? "" : "s");
	return report_ask(runner->report, question);
}

static int admit_all(struct runner *runner, struct desk *desk, int *ret_status, struct err *err)
{
	struct rescues ready = { 0 };
	int rc = 0;

	vec_foreach (p, &desk->inv.patients) {
		struct err refusal = ERR_INIT;
		struct rescue *r = show(runner, desk, *p, &ready, &refusal);

		if (r) {
			vec_push(&ready, r);
			continue;
		}
		report_err(runner->report, (*p)->id.s, &refusal);
		worsen(ret_status, (int)refusal.code);
		if ((*p)->err.code == ERR_NONE)
			(*p)->err = refusal; /* its hazards need no consent any more */
	}
	if (ready.count && !runner->options->dry_run && !consented(runner, &desk->inv, ready.count))
		rc = err_set(err, ERR_REFUSED,
			     "nothing was changed; with --yes these costs are consented to");
	vec_foreach (r, &ready) {
		struct err failure = ERR_INIT;

		if (rc < 0 || runner->options->dry_run) {
			rescue_free(*r);
		} else if (open_run(*r, &failure) < 0) {
			report_err(runner->report, (*r)->record.instance.s, &failure);
			worsen(ret_status, (int)failure.code);
			rescue_free(*r);
		} else {
			report_say(runner->report, (*r)->record.instance.s, "run", "{s:s, s:[s]}",
				   "run", (*r)->record.run, "instances", (*r)->record.instance.s);
			runner_add(runner, *r);
		}
	}
	vec_done(&ready);
	return rc;
}

int admit(struct runner *runner, const struct admission *admission, int *ret_status,
	  struct err *err)
{
	cleanup(desk_done) struct desk desk = { .admission = admission };

	*ret_status = 0;
	desk.inv.asks_net = admission->kind == RESCUE_REPAIR;
	if (runs_load(runner->options, &desk.runs, err) < 0 ||
	    inventory_take(runner->ec2, runner->options, runner->report, admission->ids,
			   admission->count, &desk.inv, err) < 0)
		return -1;
	return admit_all(runner, &desk, ret_status, err);
}
