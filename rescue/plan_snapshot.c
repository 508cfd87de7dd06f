/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/runner.h"

/* The rows of a rescue through the EBS direct APIs. Its root volume is never written: the surgeon reads the
 * run's snapshot of it, what is repaired becomes a child of that snapshot, and a volume made of the child
 * takes the root's place (plan_restore.c). */

/* Both snapshots of a run carry its tag; the child is of no volume that there is. */
bool child_is_of(const struct ec2_snapshot *s, const struct volume_id *root, const char *run)
{
	const char *value = ec2_tag_value(&s->tags, CLAIM_RUN_TAG);

	return value && str_eq(value, run) && !id_eq(&s->volume, root);
}

/* child: begun by the surgery, good for nothing once the new volume is made of it */

static void child_say(const struct rescue *r, enum way way, struct str *out)
{
	if (way == WAY_OUT)
		str_add(out, "remember that a repaired snapshot is to be deleted in the end");
	else
		str_addf(out, "delete the repaired snapshot%s%s",
			 id_none(&r->record.restore_from) ? "" : " ", r->record.restore_from.s);
}

enum held search_held(const struct rescue *r, size_t at, enum way way)
{
	return way == WAY_HOME && r->none_ms[at] > 0 && r->none_ms[at] >= r->unsettled_ms[at]
		       ? HELD_YES
		       : HELD_NO;
}

void search_begins(struct rescue *r)
{
	r->searched_ms = loop_now_ms(r->runner->loop);
}

void search_ended(struct rescue *r, size_t at, bool has_found)
{
	r->retry_ms = loop_now_ms(r->runner->loop);
	if (has_found)
		return;
	r->none_ms[at] = r->searched_ms;
	if (r->retry_ms < r->unsettled_ms[at])
		r->retry_ms = r->unsettled_ms[at];
}

void search_again(struct rescue *r)
{
	r->retry_ms = runner_after(r->runner, 300);
}

int find_of_run(struct rescue *r, enum ec2_what what, void (*reply)(struct rescue *))
{
	const char *value = r->record.run;
	struct ec2_filter filter = { "tag:" CLAIM_RUN_TAG, &value, 1 };

	r->call.found_what = what;
	ec2_find_where(r->runner->ec2, what, &filter, &r->call.found, rescue_call(r, reply));
	r->call.is_unseen = true;
	return STARTED_OP;
}

bool is_of_run(const struct rescue *r, const struct ec2_tags *tags)
{
	const char *value = ec2_tag_value(tags, CLAIM_RUN_TAG);

	return value && str_eq(value, r->record.run);
}

void go_on_soon(struct rescue *r)
{
	r->last = ERR_INIT;
	r->retry_ms = loop_now_ms(r->runner->loop);
}

static enum held child_holds(const struct rescue *r, enum way way, struct err *err)
{
	(void)err;
	return search_held(r, STEP_CHILD, way);
}

static void children_found(struct rescue *r)
{
	r->child = (struct snapshot_id){ "" };
	vec_foreach (s, &r->call.found.snapshots)
		if (child_is_of(s, &r->record.volume, r->record.run))
			r->child = s->id;
	search_ended(r, STEP_CHILD, !id_none(&r->child));
}

/* Whether it is known by its id or was begun by a run that died: its tag finds it, until it finds none. */
static int give_up_child(struct rescue *r, struct err *err)
{
	(void)err;
	if (!id_none(&r->child)) {
		struct snapshot_id id = r->child;

		r->child = (struct snapshot_id){ "" };
		ec2_delete_snapshot(r->runner->ec2, &id, rescue_call(r, search_again));
		r->call.is_unseen = true;
		return STARTED_OP;
	}
	search_begins(r);
	return find_of_run(r, EC2_SNAPSHOTS, children_found);
}

static bool child_left(struct rescue *r)
{
	rescue_warn(r,
		    "the repaired snapshot%s%s of run %s could not be deleted%s%s; it costs money "
		    "until it is, and its tag " CLAIM_RUN_TAG " finds it",
		    id_none(&r->record.restore_from) ? "" : " ", r->record.restore_from.s,
		    r->record.run, r->last.code != ERR_NONE ? ": " : "", r->last.text);
	return true;
}

const struct step child_step = {
	.name = "child",
	.kind = STEP_OWE,
	.flags = STEP_SILENT | STEP_REPAIRS,
	.vias = VIAS_SWAP,
	.out_s = 60,
	.home_s = 120,
	.describe = child_say,
	.holds = child_holds,
	.undo = give_up_child,
	.leave = child_left,
};

/* Waits for one of the two. */

static enum held snapshot_held(const struct rescue *r, const struct snapshot_id *id,
			       const char *or_else, struct err *err)
{
	const struct ec2_snapshot *s = ec2_seen_snapshot(r->runner->watch, id);

	if (!s)
		return HELD_NOT_YET; /* a new one may not show at once */
	if (s->status == SNAPSHOT_COMPLETED)
		return HELD_YES;
	if (s->status != SNAPSHOT_ERROR)
		return HELD_NOT_YET;
	err_set(err, ERR_CLOUD, "snapshot %s failed%s%s; %s", id->s, s->status_message ? ": " : "",
		s->status_message ? s->status_message : "", or_else);
	return HELD_NEVER;
}

/* readable: the blocks of a snapshot can be had when it is completed */

static void readable_say(const struct rescue *r, enum way way, struct str *out)
{
	(void)way;
	str_addf(out, "wait for %s to be completed (minutes to hours for a volume's first one)",
		 id_none(&r->record.snapshot) ? "the snapshot" : r->record.snapshot.s);
}

static enum held readable_holds(const struct rescue *r, enum way way, struct err *err)
{
	(void)way;
	return snapshot_held(r, &r->record.snapshot, "nothing was changed", err);
}

const struct step readable_step = {
	.name = "readable",
	.kind = STEP_KEEP,
	.flags = STEP_REPAIRS,
	.vias = VIAS_SWAP,
	.out_s = 12 * 3600,
	.describe = readable_say,
	.holds = readable_holds,
};

/* usable: a volume can be made of the child */

static void usable_say(const struct rescue *r, enum way way, struct str *out)
{
	(void)way;
	str_addf(out, "wait for the repaired snapshot%s%s to be completed",
		 id_none(&r->record.restore_from) ? "" : " ", r->record.restore_from.s);
}

static enum held usable_holds(const struct rescue *r, enum way way, struct err *err)
{
	(void)way;
	if (r->commit != COMMIT_DONE)
		return HELD_YES;
	return snapshot_held(r, &r->record.restore_from, "the root volume was not touched", err);
}

const struct step usable_step = {
	.name = "usable",
	.kind = STEP_KEEP,
	.flags = STEP_REPAIRS,
	.vias = VIAS_SWAP,
	.out_s = 3600,
	.describe = usable_say,
	.holds = usable_holds,
};
