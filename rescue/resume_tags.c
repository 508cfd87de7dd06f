/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/resume.h"

#include <time.h>

/* A run of another machine, by nothing but its tags. */

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
	if (rc < 0)
		ec2_cancel(runner->ec2, &op_v);
	else
		rc = ec2_wait(runner->ec2, &op_v, err);
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
	if (rc < 0)
		return -1;
	if (!is_found)
		return err_set(err, ERR_NOTFOUND,
			       "no unfinished run of %s: not in the state directory, and no tag "
			       "\"" CLAIM_TAG "\" names it in %s",
			       target, ec2_region(runner->ec2));
	return 0;
}

static bool may_take_over(struct runner *runner, const struct claim *claim)
{
	cleanup(free) char *question =
		mem_printf("Run %s of %s may still be at work on %s. Take everything home?",
			   claim->run, claim->by, claim->instance.s);

	return claim->until <= (int64_t)time(NULL) || runner->options->yes ||
	       report_ask(runner->report, question);
}

/* What carries the tag of the run; an empty list after a failure. */
static int list_of_run(struct runner *runner, const char *run, enum ec2_what what,
		       union ec2_list *ret, struct err *err)
{
	struct ec2_filter filter = { "tag:" CLAIM_RUN_TAG, &run, 1 };
	struct ec2_op op = { 0 };

	ec2_find_where(runner->ec2, what, &filter, ret, &op);
	return ec2_wait(runner->ec2, &op, err);
}

/* The run's snapshot of the volume, the newest that is not in error. 1, 0: none. */
static int find_snapshot(struct runner *runner, const struct claim *claim, struct snapshot_id *ret,
			 struct err *err)
{
	const char *run = claim->run;
	union ec2_list snapshots;
	int64_t newest = -1;

	if (list_of_run(runner, run, EC2_SNAPSHOTS, &snapshots, err) < 0)
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

/* The volume may be half written and nobody has the records of that write: asks, and fills
 * restore_from. */
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

int resume_find_restored(struct runner *runner, struct record *record, struct err *err)
{
	const char *run = record->run;
	union ec2_list volumes;
	int rc = list_of_run(runner, run, EC2_VOLUMES, &volumes, err);

	if (rc < 0 && err->code == ERR_UNSUPPORTED) {
		err_clear(err);
		rc = 0;
	}
	vec_foreach (v, &volumes.volumes) {
		const char *value = ec2_tag_value(&v->tags, CLAIM_RUN_TAG);

		if (value && str_eq(value, run) && !id_eq(&v->id, &record->volume))
			record->restored = v->id;
	}
	ec2_list_done(EC2_VOLUMES, &volumes);
	return rc;
}

/* The repaired snapshot, if it can be used. */
static int find_child(struct runner *runner, struct record *record, struct err *err)
{
	const char *run = record->run;
	union ec2_list snapshots;

	if (list_of_run(runner, run, EC2_SNAPSHOTS, &snapshots, err) < 0)
		return -1;
	vec_foreach (s, &snapshots.snapshots)
		if (child_is_of(s, &record->volume, run) && s->status == SNAPSHOT_COMPLETED)
			record->restore_from = s->id;
	ec2_list_done(EC2_SNAPSHOTS, &snapshots);
	return 0;
}

/* Did the run register its image? That comes after the decision. */
static int has_image(struct runner *runner, const struct record *record, bool *ret, struct err *err)
{
	cleanup(free) char *name = swap_image_name(record);
	const char *value = name;
	struct ec2_filter filter = { "name", &value, 1 };
	struct ec2_describe request = { .filters = &filter, .filter_count = 1 };
	struct ec2_images images = { 0 };
	struct ec2_op op = { 0 };

	ec2_describe_images(runner->ec2, &request, &images, &op);
	if (ec2_wait(runner->ec2, &op, err) < 0)
		return -1;
	*ret = false;
	vec_foreach (image, &images)
		*ret |= image->name && str_eq(image->name, name);
	ec2_images_done(&images);
	return 0;
}

/* Neither root is ever half written, so home is one of the two: the new one when it is decided that the old
 * one goes, as the claim says or the new one, which is made only then. */
static int plan_swap(struct runner *runner, const struct claim *claim, struct record *record,
		     struct err *err)
{
	bool is_decided = claim->surgery == CLAIM_COMMITTED;

	if (claim->kind == RESCUE_UNDO) {
		record->restored = claim->to;
		is_decided = claim->surgery != CLAIM_UNTOUCHED;
	} else if (resume_find_restored(runner, record, err) < 0 ||
		   find_child(runner, record, err) < 0) {
		return err_in(err, "what run %s made", record->run);
	}
	is_decided |= claim->kind != RESCUE_UNDO && !id_none(&record->restored);
	if (!is_decided && record->via == VIA_REPLACE &&
	    has_image(runner, record, &is_decided, err) < 0)
		return err_in(err, "the image of run %s", record->run);
	if (is_decided && (!id_none(&record->restored) || !id_none(&record->restore_from)))
		record_swap(record);
	else
		record_stay(record);
	return 0;
}

int resume_plan_home(struct runner *runner, const struct claim *claim, struct record *record,
		     struct err *err)
{
	if (via_swaps(record->via))
		return plan_swap(runner, claim, record, err);
	if (claim->surgery != CLAIM_COMMITTING || !id_none(&record->restored))
		return 0;
	return plan_restore(runner, claim, record, err);
}

/* Says for all to see that this machine takes the run home, and looks only then how far the other
 * one is; that one marks the volume and looks then whether somebody takes it home. So one of both
 * sees the other, before it writes or attaches anything. */
static int take_over(struct runner *runner, struct claim *claim, struct err *err)
{
	const char *resources[] = { claim->instance.s, claim->volume.s };
	struct ec2_tag_pair tag = { CLAIM_HOME_TAG, claim->run };
	struct ec2_change_tags change = { .resources = resources,
					  .resource_count = ARRAY_LEN(resources),
					  .tags = &tag,
					  .tag_count = 1 };
	struct ec2_op op = { 0 };
	struct claim again;

	ec2_create_tags(runner->ec2, &change, &op);
	if (ec2_wait(runner->ec2, &op, err) < 0)
		return err_in(err, "take run %s over", claim->run);
	if (find_claim(runner, claim->run, &again, err) == 0)
		*claim = again;
	else if (err->code == ERR_NOTFOUND)
		claim->surgery = CLAIM_UNTOUCHED; /* the other one is at home by now */
	else
		return -1;
	err_clear(err);
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
	if (!runner->options->dry_run && take_over(runner, &claim, err) < 0)
		return -1;
	record_of_claim(&claim, &record);
	if (resume_plan_home(runner, &claim, &record, err) < 0)
		return -1;
	r = rescue_new(runner, &record);
	resume_borrow_all(r);
	if (runner->options->dry_run)
		return resume_show_left(r, err);
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
