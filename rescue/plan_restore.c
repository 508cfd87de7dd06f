/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/runner.h"

/* The row for a root volume whose write was cut off while the records of that write are on a
 * machine that is lost: nobody can tell what is on it, so home gets a new volume, made from the
 * run's snapshot. The old volume is kept. On the way out, and on every other way home, there is
 * nothing to do here. */

enum { TAGS_MAX = 40 }; /* of the old volume's; EC2 allows 50 on one resource */

static void restore_say(const struct rescue *r, enum way way, struct str *out)
{
	(void)way;
	str_addf(out, "make a root volume from snapshot %s in the stead of %s",
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

static enum held restore_holds(const struct rescue *r, enum way way, struct err *err)
{
	const struct ec2_volume *old = ec2_seen_volume(r->runner->watch, &r->record.volume);
	const struct ec2_volume *new = ec2_seen_volume(r->runner->watch, &r->record.restored);
	struct ec2_attachment home;

	if (way == WAY_OUT || id_none(&r->record.restore_from))
		return HELD_YES;
	if (!rescue_is_fresh(r) || !old)
		return HELD_UNSEEN;
	if (id_none(&r->record.restored) && is_up_with_old(r, old))
		return HELD_YES;
	if (id_none(&r->record.restored) || rescue_attachment(r, old, PLACE_HOME, &home))
		return HELD_NO;
	if (!new)
		return HELD_NOT_YET; /* a new id may not show at once */
	switch (new->status) {
	case VOLUME_AVAILABLE:
	case VOLUME_IN_USE:
		return HELD_YES;
	case VOLUME_ERROR:
	case VOLUME_DELETING:
	case VOLUME_DELETED:
		err_set(err, ERR_CLOUD, "the new volume %s is %s", new->id.s,
			ec2_volume_status_name(new->status));
		return HELD_NEVER;
	default:
		return HELD_NOT_YET;
	}
}

static void restored(struct rescue *r)
{
	r->record.restored = r->call.volume.id;
	ec2_watch_volume(r->runner->watch, &r->record.restored);
	rescue_note_home(
		r, json_pack("{s:s, s:s}", "event", "note", "restored", r->record.restored.s));
}

static size_t copy_tags(const struct ec2_volume *old, struct ec2_tag_pair *tags)
{
	size_t count = 0;

	vec_foreach (tag, &old->tags)
		if (count < TAGS_MAX && tag->key && tag->value && !str_starts(tag->key, "aws:") &&
		    !str_eq(tag->key, CLAIM_TAG) && !str_eq(tag->key, CLAIM_HOME_TAG))
			tags[count++] = (struct ec2_tag_pair){ tag->key, tag->value };
	return count;
}

static int create(struct rescue *r, const struct ec2_volume *old)
{
	struct ec2_tag_pair tags[TAGS_MAX + 1];
	cleanup(free) char *token = mem_printf("%s-restore", r->record.run);
	/* What the other types report is their own and cannot be asked for. */
	bool has_iops = old->type && (str_eq(old->type, "gp3") || str_starts(old->type, "io"));
	struct ec2_create_volume request = {
		.snapshot = r->record.restore_from,
		.zone = old->zone,
		.type = old->type,
		.iops = has_iops ? old->iops : 0,
		.throughput = old->type && str_eq(old->type, "gp3") ? old->throughput : 0,
		.client_token = token,
		.tags = tags,
		.tag_count = copy_tags(old, tags),
	};

	tags[request.tag_count++] = (struct ec2_tag_pair){ CLAIM_RUN_TAG, r->record.run };
	ec2_create_volume(r->runner->ec2, &request, &r->call.volume, rescue_call(r, restored));
	return STARTED_OP;
}

static int restore(struct rescue *r, struct err *err)
{
	const struct ec2_volume *old = ec2_seen_volume(r->runner->watch, &r->record.volume);
	struct ec2_attach detach = { .volume = r->record.volume, .instance = r->record.instance };

	if (!old)
		return err_set(err, ERR_BUSY, "volume %s is not seen", r->record.volume.s);
	if (id_none(&r->record.restored))
		return create(r, old);
	if (is_up_with_old(r, old)) {
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
