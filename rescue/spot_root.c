/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where no image can be made of a saved root (its snapshot has product codes, or the permission is missing), the instance
 * is launched of the image that the saved one was made of, stopped, and given the saved root in the place of its own.
 * What is to be its root stands in a tag of it, and each step follows from what a look shows, so this can be cut off and
 * gone on with anywhere. */
#include "ec2/find.h"
#include "rescue/spot_restore.h"

#include <stdio.h>

enum { LIMIT_S = 1200, LOOK_MS = 1000, PATIENCE = 5 };

struct root {
	struct spot_restore *r;
	struct snapshot_id snapshot; /* what it is to be made of */
	/* As the newest look shows them. */
	enum ec2_instance_state state;
	char device[64], zone[64], launch[64];
	struct volume_id now;  /* attached as the root; none */
	struct volume_id made; /* of the snapshot; none: not yet */
	struct volume_id old;  /* the image's own, which nobody has any more */
	enum ec2_volume_status made_status;
	unsigned refusals; /* in a row */
};

static bool look_at_instance(struct root *root, const struct ec2_instance *i)
{
	root->state = i->state;
	root->now = (struct volume_id){ "" };
	snprintf(root->device, sizeof(root->device), "%s", i->root_device_name ?: "");
	snprintf(root->zone, sizeof(root->zone), "%s", i->zone ?: "");
	snprintf(root->launch, sizeof(root->launch), "%s",
		 ec2_tag_value(&i->tags, SPOT_LAUNCH_TAG) ?: "");
	vec_foreach (d, &i->devices)
		if (d->device_name && str_eq(d->device_name, root->device) && !id_none(&d->volume))
			root->now = d->volume;
	return !ec2_instance_is_gone(i);
}

static void look_at_volumes(struct root *root, const struct ec2_volumes *volumes)
{
	const char *set = root->r->set->id;

	root->made = root->old = (struct volume_id){ "" };
	vec_foreach (v, volumes) {
		const char *mark = ec2_tag_value(&v->tags, SPOT_RESTORING_TAG);
		const char *launch = ec2_tag_value(&v->tags, SPOT_LAUNCH_TAG);

		if (!mark || !str_eq(mark, set) || v->status == VOLUME_DELETING ||
		    v->status == VOLUME_DELETED || v->status == VOLUME_ERROR)
			continue;
		if (id_eq(&v->snapshot, &root->snapshot)) {
			root->made = v->id;
			root->made_status = v->status;
		} else if (v->status == VOLUME_AVAILABLE && launch && root->launch[0] &&
			   str_eq(launch, root->launch)) {
			root->old = v->id;
		}
	}
}

static int look(struct root *root, struct err *err)
{
	struct spot *spot = root->r->spot;
	const char *id = root->r->instance.s, *set = root->r->set->id;
	struct ec2_filter filter = { "tag:" SPOT_RESTORING_TAG, &set, 1 };
	union ec2_list instances = { 0 }, volumes = { 0 };
	struct ec2_op instance_op = { 0 }, volumes_op = { 0 };
	int rc;

	ec2_find(spot->ec2, EC2_INSTANCES, &id, 1, &instances, &instance_op);
	ec2_find_where(spot->ec2, EC2_VOLUMES, &filter, &volumes, &volumes_op);
	rc = spot_wait(spot, &instance_op, err);
	if (rc < 0)
		ec2_cancel(spot->ec2, &volumes_op);
	else
		rc = spot_wait(spot, &volumes_op, err);
	root->state = rc < 0 ? root->state : INSTANCE_STATE_ABSENT;
	if (!rc) {
		vec_foreach (i, &instances.instances)
			if (id_eq(&i->id, &root->r->instance) && !look_at_instance(root, i))
				rc = err_set(err, ERR_CLOUD, "%s is %s: %s", id,
					     ec2_instance_state_name(i->state),
					     i->state_reason ?: "without a reason");
		look_at_volumes(root, &volumes.volumes);
	}
	ec2_list_done(EC2_INSTANCES, &instances);
	ec2_list_done(EC2_VOLUMES, &volumes);
	return rc;
}

/* ---- the steps; each may be repeated */

static int make(struct root *root, struct err *err)
{
	const struct spot_set *set = root->r->set;
	const struct spot_volume *v = spot_set_root(set);
	const struct ec2_tag_pair tags[] = { { SPOT_TAG, set->name },
					     { SPOT_FROM_TAG, set->id },
					     { SPOT_RESTORING_TAG, set->id } };
	/* One for each instance, however often it is asked for. */
	cleanup(free) char *token = mem_printf("root-%s", root->r->instance.s);
	struct ec2_create_volume request = { .snapshot = root->snapshot,
					     .zone = root->zone,
					     .type = v->type,
					     .client_token = token,
					     .tags = tags,
					     .tag_count = ARRAY_LEN(tags) };
	struct ec2_volume volume = { 0 };
	struct ec2_op op = { 0 };

	spot_volume_rates(v, &request.iops, &request.throughput);
	ec2_create_volume(root->r->spot->ec2, &request, &volume, &op);
	if (spot_wait(root->r->spot, &op, err) < 0)
		return -1;
	ec2_volume_done(&volume);
	return 0;
}

static int set_power(struct root *root, bool on, struct err *err)
{
	const struct ec2_power request = { .instance = root->r->instance };
	struct ec2_state_changes changes = { 0 };
	struct ec2_op op = { 0 };

	(on ? ec2_start_instance : ec2_stop_instance)(root->r->spot->ec2, &request, &changes, &op);
	if (spot_wait(root->r->spot, &op, err) < 0)
		return -1;
	ec2_state_changes_done(&changes);
	return 0;
}

static int move(struct root *root, const struct volume_id *volume, bool in, struct err *err)
{
	const struct ec2_attach request = { .volume = *volume,
					    .instance = root->r->instance,
					    .device = in ? root->device : NULL };
	struct ec2_attachment attachment = { 0 };
	struct ec2_op op = { 0 };

	(in ? ec2_attach_volume : ec2_detach_volume)(root->r->spot->ec2, &request, &attachment,
						     &op);
	if (spot_wait(root->r->spot, &op, err) < 0)
		return -1;
	ec2_attachment_done(&attachment);
	return 0;
}

static int drop_old(struct root *root, struct err *err)
{
	struct ec2_op op = { 0 };

	ec2_delete_volume(root->r->spot->ec2, &root->old, &op);
	if (spot_wait(root->r->spot, &op, err) == 0 || err->code == ERR_NOTFOUND)
		return 0;
	return -1;
}

/* What the look asks for; 1: nothing more. */
static int step(struct root *root, struct err *err)
{
	bool is_in = !id_none(&root->made) && id_eq(&root->now, &root->made);

	if (is_in && !id_none(&root->old))
		return drop_old(root, err);
	if (is_in)
		return root->state == INSTANCE_RUNNING	 ? 1
		       : root->state == INSTANCE_STOPPED ? set_power(root, true, err)
							 : 0;
	if (id_none(&root->made) && root->zone[0] && make(root, err) < 0)
		return -1;
	if (root->state == INSTANCE_RUNNING)
		return set_power(root, false, err);
	if (root->state != INSTANCE_STOPPED)
		return 0;
	if (!id_none(&root->now))
		return move(root, &root->now, false, err);
	return root->made_status == VOLUME_AVAILABLE && !id_none(&root->made)
		       ? move(root, &root->made, true, err)
		       : 0;
}

int spot_root_swap(struct spot_restore *r, const struct snapshot_id *snapshot, struct err *err)
{
	struct root root = { .r = r, .snapshot = *snapshot };
	cleanup(free) char *text = mem_printf(
		"%s is stopped and gets the saved root in the place of its image's", r->instance.s);

	report_say(r->spot->report, NULL, "waiting", "{s:s, s:s, s:i}", "name", "restore", "text",
		   text, "deadline_s", LIMIT_S);
	for (int i = 0; i < LIMIT_S; i++) {
		int done;

		err_clear(err);
		done = look(&root, err);
		if (done == 0 && root.state != INSTANCE_STATE_ABSENT)
			done = step(&root, err);
		if (done > 0)
			return 0;
		root.refusals = done < 0 ? root.refusals + 1 : 0;
		if (done < 0 && (root.refusals > PATIENCE || err->code == ERR_INTERRUPTED ||
				 err->code == ERR_DENIED || root.state == INSTANCE_TERMINATED))
			return -1;
		if (spot_nap(r->spot, LOOK_MS, err) < 0)
			return -1;
	}
	return err_set(err, ERR_TIMEOUT, "%s does not come up with the saved root within %d s",
		       r->instance.s, LIMIT_S);
}
