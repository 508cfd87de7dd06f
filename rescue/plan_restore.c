/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/runner.h"

/* The row for a root volume in whose stead home gets another one; the old volume is kept. So it is with one
 * whose write was cut off while the records of that write are on a machine that is lost (nobody can tell
 * what is on it): the new one is made from the run's snapshot. And so it is on the way through the EBS
 * direct APIs: the new one is made from the repaired snapshot, and the undo puts the old one back. On the
 * way out, and on every other way home, there is nothing to do here. */

static void restore_say(const struct rescue *r, enum way way, struct str *out)
{
	(void)way;
	if (via_swaps(r->record.via) && !id_none(&r->record.restored))
		str_addf(out, "put %s in the place of %s, which is kept", r->record.restored.s,
			 r->record.volume.s);
	else
		str_addf(out, "make a root volume from %s%s in the stead of %s",
			 id_none(&r->record.restore_from) ? "the repaired snapshot" : "snapshot ",
			 r->record.restore_from.s, r->record.volume.s);
}

/* The other machine was not lost: it brought the old volume home itself, and the instance has it in
 * use. A root volume cannot be taken from an instance that runs, and need not. */
static bool is_up_with_old(const struct rescue *r, const struct ec2_volume *old)
{
	const struct ec2_instance *i = ec2_seen_instance(r->runner->watch, &r->record.instance);
	struct ec2_attachment home;

	return i && (i->state == INSTANCE_RUNNING || i->state == INSTANCE_PENDING) &&
	       rescue_attachment(r, old, PLACE_HOME, &home);
}

/* What can no longer become the root: the snapshot, or the volume that was made of it. */
static bool is_lost(const struct rescue *r, struct err *err)
{
	const struct ec2_snapshot *s =
		id_none(&r->record.restore_from)
			? NULL
			: ec2_seen_snapshot(r->runner->watch, &r->record.restore_from);
	const struct ec2_volume *new = ec2_seen_volume(r->runner->watch, &r->record.restored);

	if (new && (new->status == VOLUME_ERROR || new->status == VOLUME_DELETING ||
		    new->status == VOLUME_DELETED)) {
		err_set(err, ERR_CLOUD, "the new volume %s is %s", new->id.s,
			ec2_volume_status_name(new->status));
		return true;
	}
	if (!new &&s && s->status == SNAPSHOT_ERROR) {
		err_set(err, ERR_CLOUD, "snapshot %s failed", s->id.s);
		return true;
	}
	return false;
}

/* The old root was never written and is in its place. */
static bool may_stay(const struct rescue *r)
{
	const struct ec2_volume *old = ec2_seen_volume(r->runner->watch, &r->record.volume);
	struct ec2_attachment home;

	return via_swaps(r->record.via) && old && rescue_attachment(r, old, PLACE_HOME, &home);
}

static enum held restore_holds(const struct rescue *r, enum way way, struct err *err)
{
	const struct ec2_volume *old = ec2_seen_volume(r->runner->watch, &r->record.volume);
	const struct ec2_volume *new = ec2_seen_volume(r->runner->watch, &r->record.restored);
	struct ec2_attachment home;

	if (way == WAY_OUT || (id_none(&r->record.restore_from) && id_none(&r->record.restored)))
		return HELD_YES;
	if (!rescue_is_fresh(r) || !old)
		return HELD_UNSEEN;
	if (id_none(&r->record.restored) && is_up_with_old(r, old))
		return HELD_YES;
	if (is_lost(r, err))
		return may_stay(r) ? HELD_NO : HELD_NEVER;
	if (id_none(&r->record.restored))
		return HELD_NO;
	if (!new || new->status == VOLUME_CREATING)
		return HELD_NOT_YET; /* a new id may not show at once */
	return rescue_attachment(r, old, PLACE_HOME, &home) ? HELD_NO : HELD_YES;
}

static void forget_failures(struct rescue *r)
{
	r->last = ERR_INIT;
}

static void restored(struct rescue *r)
{
	forget_failures(r);
	r->record.restored = r->call.volume.id;
	ec2_watch_volume(r->runner->watch, &r->record.restored);
	rescue_note_home(
		r, json_pack("{s:s, s:s}", "event", "note", "restored", r->record.restored.s));
}

size_t restore_tags(const struct rescue *r, const struct ec2_volume *old,
		    struct ec2_tag_pair tags[RESTORE_TAGS_MAX])
{
	size_t count = 0;

	tags[count++] = (struct ec2_tag_pair){ CLAIM_RUN_TAG, r->record.run };
	vec_foreach (tag, &old->tags)
		if (count < RESTORE_TAGS_MAX && tag->key && tag->value &&
		    !str_starts(tag->key, "aws:") && !str_starts(tag->key, CLAIM_TAG))
			tags[count++] = (struct ec2_tag_pair){ tag->key, tag->value };
	return count;
}

static int create(struct rescue *r, const struct ec2_volume *old)
{
	struct ec2_tag_pair tags[RESTORE_TAGS_MAX];
	cleanup(free) char *token = mem_printf("%s-restore", r->record.run);
	/* What the other types report is their own and cannot be asked for. */
	bool has_iops = old->type && (str_eq(old->type, "gp3") || str_starts(old->type, "io"));
	struct ec2_create_volume request = {
		.snapshot = r->record.restore_from,
		.zone = old->zone,
		.outpost = old->outpost,
		.type = old->type,
		.iops = has_iops ? old->iops : 0,
		.throughput = old->type && str_eq(old->type, "gp3") ? old->throughput : 0,
		.client_token = token,
		.tags = tags,
		.tag_count = restore_tags(r, old, tags),
	};

	ec2_create_volume(r->runner->ec2, &request, &r->call.volume, rescue_call(r, restored));
	return STARTED_OP;
}

/* No other root can be had. */
int rescue_stay(struct rescue *r, const struct err *why)
{
	rescue_warn(
		r,
		"no repaired root volume can be had (%s); %s keeps the old one, %s, which was not "
		"written%s%s%s",
		why->text, r->record.instance.s, r->record.volume.s,
		id_none(&r->record.restored) ? "" : "; delete the new one, ", r->record.restored.s,
		id_none(&r->record.restored) ? "" : ", by hand");
	if (r->fail.code == ERR_NONE)
		r->fail = *why;
	record_stay(&r->record);
	r->commit = COMMIT_NONE;
	rescue_note_home(r, json_pack("{s:s, s:b}", "event", "note", "stays", true));
	return STARTED_NOTHING;
}

/* Trying again heals a lost reply and a rate limit, not a quota and not a missing permission. */
bool restore_is_hopeless(const struct rescue *r, struct err *err)
{
	if (is_lost(r, err))
		return true;
	*err = r->last;
	return r->tries > 2 && r->last.code != ERR_NONE && r->last.code != ERR_INDOUBT &&
	       r->last.code != ERR_NETWORK && r->last.code != ERR_TIMEOUT &&
	       r->last.code != ERR_THROTTLED && r->last.code != ERR_BUSY;
}

void restore_give_up(struct rescue *r)
{
	struct err why = ERR_INIT;

	/* An undo has no other root to give. */
	if (via_swaps(r->record.via) && r->record.kind != RESCUE_UNDO &&
	    !id_none(&r->record.restored) && restore_is_hopeless(r, &why))
		rescue_stay(r, &why);
}

static void kept_tagged(struct rescue *r)
{
	r->is_kept_tagged = true;
	forget_failures(r);
}

static void root_untagged(struct rescue *r)
{
	r->is_root_untagged = true;
	forget_failures(r);
}

/* So that a person who finds it knows what it is. What was kept until now and is the root again is that no
 * more. */
int restore_tag_kept(struct rescue *r)
{
	const struct ec2_volume *new = ec2_seen_volume(r->runner->watch, &r->record.restored);
	bool is_root_tagged =
		!r->is_root_untagged && new &&ec2_tag_value(&new->tags, CLAIM_KEPT_TAG);
	const char *resources[] = { is_root_tagged ? new->id.s : r->record.volume.s };
	struct ec2_tag_pair tag = { CLAIM_KEPT_TAG, is_root_tagged ? NULL : r->record.run };
	struct ec2_change_tags change = { .resources = resources,
					  .resource_count = ARRAY_LEN(resources),
					  .tags = &tag,
					  .tag_count = 1 };

	if (++r->kept_tries >= 2 * TAG_TRIES)
		r->is_kept_tagged = true;
	if (r->kept_tries >= TAG_TRIES)
		r->is_root_untagged = true;
	r->tries = 0; /* what becomes of a tag says nothing about the volume */
	if (is_root_tagged)
		ec2_delete_tags(r->runner->ec2, &change, rescue_call(r, root_untagged));
	else
		ec2_create_tags(r->runner->ec2, &change, rescue_call(r, kept_tagged));
	return STARTED_OP;
}

static int restore(struct rescue *r, struct err *err)
{
	const struct ec2_volume *old = ec2_seen_volume(r->runner->watch, &r->record.volume);
	struct ec2_attach detach = { .volume = r->record.volume, .instance = r->record.instance };
	struct err why = ERR_INIT;

	if (!old)
		return err_set(err, ERR_BUSY, "volume %s is not seen", r->record.volume.s);
	if (r->tries == 1)
		forget_failures(r);
	if (may_stay(r) && restore_is_hopeless(r, &why))
		return rescue_stay(r, &why);
	if (id_none(&r->record.restored))
		return create(r, old);
	if (via_swaps(r->record.via) && !r->is_kept_tagged)
		return restore_tag_kept(r);
	if (is_up_with_old(r, old)) {
		if (via_swaps(r->record.via)) {
			err_set(&why, ERR_CONFLICT, "%s runs again", r->record.instance.s);
			return rescue_stay(r, &why);
		}
		rescue_warn(r,
			    "%s runs with %s again, so %s, made in its stead, is not needed; "
			    "delete it",
			    r->record.instance.s, old->id.s, r->record.restored.s);
		r->record.restored = (struct volume_id){ "" };
		return STARTED_NOTHING;
	}
	ec2_detach_volume(r->runner->ec2, &detach, &r->call.attachment, rescue_call(r, NULL));
	return STARTED_OP;
}

const struct step restore_step = {
	.name = "restore",
	.kind = STEP_BORROW,
	.flags = STEP_SILENT,
	.out_s = 60,
	.home_s = 6 * 3600, /* a snapshot of a large volume takes that long to complete */
	.describe = restore_say,
	.holds = restore_holds,
	.undo = restore,
};
