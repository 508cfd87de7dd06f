/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/runner.h"

/* The rows that write the claim tag: claim, and around the commit "mark" and "seal", which tell
 * another machine whether the volume may be half written. */

enum { SHOWS_WITHIN_MS = 20000 }; /* a tag, on a server that shows tags at all */

static int write_claim(struct rescue *r, enum claim_surgery surgery, void (*reply)(struct rescue *))
{
	struct claim ours;
	char value[CLAIM_VALUE_MAX + 1];
	const char *resources[] = { r->record.instance.s, r->record.volume.s };
	struct ec2_tag_pair tag = { CLAIM_TAG, value };
	struct ec2_change_tags change = { .resources = resources,
					  .resource_count = ARRAY_LEN(resources),
					  .tags = &tag,
					  .tag_count = 1 };

	claim_of(&r->record, surgery, &ours);
	claim_write(&ours, value);
	ec2_create_tags(r->runner->ec2, &change, rescue_call(r, reply));
	return STARTED_OP;
}

/* claim */

static void claim_say(const struct rescue *r, enum way way, struct str *out)
{
	str_addf(out,
		 way == WAY_OUT ? "claim %s and %s (tag " CLAIM_TAG ")"
				: "release %s and %s (delete their tag " CLAIM_TAG ")",
		 r->record.instance.s, r->record.volume.s);
}

enum whose { CLAIM_NONE, CLAIM_OURS, CLAIM_OTHERS };

static enum whose whose(const struct rescue *r, const struct ec2_tags *tags, struct claim *claim)
{
	struct err ignored;

	/* A tag in another form is no claim; the inventory has warned about it. */
	if (claim_find(tags, claim, &ignored) <= 0)
		return CLAIM_NONE;
	if (str_eq(claim->run, r->record.run))
		return CLAIM_OURS;
	/* The expired claim that was consented to be overwritten. */
	return str_eq(claim->run, r->overwrites) ? CLAIM_NONE : CLAIM_OTHERS;
}

static int claims(const struct rescue *r, enum whose *instance, enum whose *volume,
		  struct claim *other)
{
	const struct ec2_instance *i = ec2_seen_instance(r->runner->watch, &r->record.instance);
	const struct ec2_volume *v = ec2_seen_volume(r->runner->watch, &r->record.volume);
	struct claim seen;

	if (!i || !v)
		return -1;
	*instance = whose(r, &i->tags, &seen);
	if (*instance == CLAIM_OTHERS)
		*other = seen;
	*volume = whose(r, &v->tags, &seen);
	if (*volume == CLAIM_OTHERS)
		*other = seen;
	return 0;
}

bool claim_is_lost(const struct rescue *r, struct err *err)
{
	enum whose instance, volume;
	struct claim other;

	if (r->record.has_no_tags || claims(r, &instance, &volume, &other) < 0 ||
	    (instance != CLAIM_OTHERS && volume != CLAIM_OTHERS))
		return false;
	err_set(err, ERR_REFUSED, "%s is claimed by run %s of %s", r->record.instance.s, other.run,
		other.by);
	return true;
}

bool claim_is_taken(const struct rescue *r, struct err *err)
{
	const struct ec2_instance *i = ec2_seen_instance(r->runner->watch, &r->record.instance);
	const struct ec2_volume *v = ec2_seen_volume(r->runner->watch, &r->record.volume);

	if (r->record.kind == RESCUE_HOME || r->record.has_no_tags ||
	    ((!i || !claim_is_taken_home(&i->tags, r->record.run)) &&
	     (!v || !claim_is_taken_home(&v->tags, r->record.run))))
		return false;
	err_set(err, ERR_REFUSED, "another machine takes run %s home", r->record.run);
	return true;
}

/* No tag of this run is left on it. */
static bool is_released(const struct rescue *r)
{
	const struct ec2_instance *i = ec2_seen_instance(r->runner->watch, &r->record.instance);
	const struct ec2_volume *v = ec2_seen_volume(r->runner->watch, &r->record.volume);

	return !claim_is_taken_home(&i->tags, r->record.run) &&
	       !claim_is_taken_home(&v->tags, r->record.run);
}

static enum held claim_holds(const struct rescue *r, enum way way, struct err *err)
{
	enum whose instance, volume;
	struct claim other;

	if (r->record.has_no_tags)
		return way == WAY_HOME && r->record.has_stray_tags && !r->is_untagged ? HELD_NO
										      : HELD_YES;
	if (!rescue_is_fresh(r) || claims(r, &instance, &volume, &other) < 0)
		return HELD_UNSEEN;
	if (way == WAY_HOME)
		return instance != CLAIM_OURS && volume != CLAIM_OURS && is_released(r) ? HELD_YES
											: HELD_NO;
	if (claim_is_lost(r, err))
		return HELD_NEVER;
	return instance == CLAIM_OURS && volume == CLAIM_OURS ? HELD_YES : HELD_NO;
}

/* From the first tag that was written on, it has so long to show. */
static void claim_written(struct rescue *r)
{
	if (!r->is_tagged)
		r->deadline_ms = runner_after(r->runner, SHOWS_WITHIN_MS);
	r->is_tagged = true;
}

static int claim(struct rescue *r, struct err *err)
{
	(void)err;
	return write_claim(r, CLAIM_UNTOUCHED, claim_written);
}

static void released(struct rescue *r)
{
	r->is_untagged = true;
}

static int release(struct rescue *r, struct err *err)
{
	const char *resources[] = { r->record.instance.s, r->record.volume.s };
	struct ec2_tag_pair tags[] = { { CLAIM_TAG, NULL },
				       { CLAIM_HOME_TAG, NULL },
				       { CLAIM_KEPT_TAG, NULL } };
	/* Kept is what is not the root: after a swap that was given up it is that again. */
	bool was_kept = via_swaps(r->record.via) && !r->record.was_committed;
	struct ec2_change_tags change = { .resources = resources,
					  .resource_count = ARRAY_LEN(resources),
					  .tags = tags,
					  .tag_count = ARRAY_LEN(tags) - !was_kept };

	(void)err;
	if (r->record.has_no_tags && r->tries == 1)
		r->deadline_ms = runner_after(r->runner, SHOWS_WITHIN_MS);
	if (r->empties_tag) {
		for (size_t i = 0; i < ARRAY_LEN(tags); i++)
			tags[i].value = "";
		ec2_create_tags(r->runner->ec2, &change, rescue_call(r, released));
	} else {
		ec2_delete_tags(r->runner->ec2, &change, rescue_call(r, released));
	}
	return STARTED_OP;
}

/* A rescue does without the claim when nobody could see it. */
static void go_unclaimed(struct rescue *r, const char *why, bool has_stray_tags)
{
	rescue_warn(r,
		    "%s, so a second rescue of %s cannot be refused and another machine cannot "
		    "resume this one; going on",
		    why, r->record.instance.s);
	r->record.has_no_tags = true;
	r->record.has_stray_tags = has_stray_tags;
	rescue_note_home(r, json_pack("{s:s, s:b, s:b}", "event", "note", "no_tags", true,
				      "stray_tags", has_stray_tags));
}

static bool claim_refused(struct rescue *r, const struct ec2_op *op)
{
	cleanup(free) char *why = NULL;

	if (r->phase == PHASE_HOME) {
		bool is_news = !r->empties_tag;

		r->empties_tag = true;
		if (is_news)
			rescue_warn(r,
				    "this server cannot delete tags; the tag " CLAIM_TAG
				    " of %s and %s is emptied instead",
				    r->record.instance.s, r->record.volume.s);
		return is_news;
	}
	if (op->err.code == ERR_DENIED || op->err.code == ERR_CREDENTIALS)
		return false;
	if (op->err.code == ERR_UNSUPPORTED) {
		go_unclaimed(r, "this server has no tags", false);
		return true;
	}
	why = mem_printf("the tag " CLAIM_TAG " is refused (%s)", op->err.text);
	go_unclaimed(r, why, true);
	return true;
}

static bool claim_late(struct rescue *r)
{
	if (!r->is_tagged)
		return false;
	go_unclaimed(r, "this server takes tags but does not show them", true);
	return true;
}

static bool claim_left(struct rescue *r)
{
	if (!r->record.has_no_tags && r->last.code != ERR_UNSUPPORTED)
		return false;
	rescue_warn(r,
		    "the tag " CLAIM_TAG " of %s and %s cannot be deleted%s%s; if it is there, "
		    "delete it by hand",
		    r->record.instance.s, r->record.volume.s, r->last.code != ERR_NONE ? ": " : "",
		    r->last.text);
	return true;
}

const struct step claim_step = {
	.name = "claim",
	.kind = STEP_BORROW,
	.out_s = 120,
	.home_s = 120,
	.describe = claim_say,
	.holds = claim_holds,
	.act = claim,
	.undo = release,
	.refused = claim_refused,
	.late = claim_late,
	.leave = claim_left,
};

/* mark: from here on the volume may be half written */

static void mark_say(const struct rescue *r, enum way way, struct str *out)
{
	(void)way;
	str_addf(out,
		 via_swaps(r->record.via) ? "mark %s as being replaced (tag " CLAIM_TAG ")"
					  : "mark %s as being written (tag " CLAIM_TAG ")",
		 r->record.volume.s);
}

static void marked(struct rescue *r)
{
	r->tagged = CLAIM_COMMITTING;
}

static enum held mark_holds(const struct rescue *r, enum way way, struct err *err)
{
	const struct ec2_snapshot *s =
		id_none(&r->record.snapshot)
			? NULL
			: ec2_seen_snapshot(r->runner->watch, &r->record.snapshot);

	(void)way;
	if (rescue_has_nothing_to_repair(r))
		return HELD_YES;
	if (s && s->status == SNAPSHOT_ERROR) {
		err_set(err, ERR_CLOUD, "snapshot %s failed%s%s; the volume is not written",
			s->id.s, s->status_message ? ": " : "",
			s->status_message ? s->status_message : "");
		return HELD_NEVER;
	}
	return r->record.has_no_tags || r->tagged >= CLAIM_COMMITTING ? HELD_YES : HELD_NO;
}

static int mark(struct rescue *r, struct err *err)
{
	(void)err;
	return write_claim(r, CLAIM_COMMITTING, marked);
}

const struct step mark_step = {
	.name = "mark",
	.kind = STEP_KEEP,
	.out_s = 120,
	.describe = mark_say,
	.holds = mark_holds,
	.act = mark,
};

/* seal: written in whole */

static void seal_say(const struct rescue *r, enum way way, struct str *out)
{
	(void)way;
	str_addf(out,
		 via_swaps(r->record.via) ? "mark the repair of %s as whole (tag " CLAIM_TAG ")"
					  : "mark %s as written in whole (tag " CLAIM_TAG ")",
		 r->record.volume.s);
}

static void sealed(struct rescue *r)
{
	r->tagged = CLAIM_COMMITTED;
}

static enum held seal_holds(const struct rescue *r, enum way way, struct err *err)
{
	(void)way;
	(void)err;
	return r->record.has_no_tags || r->commit != COMMIT_DONE || r->tagged == CLAIM_COMMITTED
		       ? HELD_YES
		       : HELD_NO;
}

static int seal(struct rescue *r, struct err *err)
{
	(void)err;
	return write_claim(r, CLAIM_COMMITTED, sealed);
}

const struct step seal_step = {
	.name = "seal",
	.kind = STEP_KEEP,
	.flags = STEP_OPTIONAL,
	.out_s = 60,
	.describe = seal_say,
	.holds = seal_holds,
	.act = seal,
};
