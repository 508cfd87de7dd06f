/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `spot swap`: the data volumes of a saved set for an instance that runs already. They carry SPOT_RESTORING_TAG =
 * SET/INSTANCE until they are attached, so a swap that was cut off is gone on with by the same command, and what is
 * made of one that fails goes again. */
#include "ec2/find.h"
#include "rescue/spot_choose.h"
#include "rescue/spot_restore.h"

#include <stdio.h>
#include <time.h>

enum { WAIT_S = 300, LOOK_MS = 1000, TRIES = 4, TRY_NAP_MS = 1000 };

struct swapped {
	const struct spot_volume *from;
	struct volume_id made; /* none: not yet */
	enum ec2_volume_status status;
	bool is_there; /* attached */
};

struct swap {
	struct spot *spot;
	const struct spot_set *set;
	struct instance_id instance;
	char *zone, *mark;
	VEC(struct swapped) volumes;
};

static void swap_done(struct swap *s)
{
	free(s->zone);
	free(s->mark);
	vec_done(&s->volumes);
}

static struct swapped *at_device(struct swap *s, const char *device)
{
	vec_foreach (v, &s->volumes)
		if (device && str_eq(v->from->device, device))
			return v;
	return NULL;
}

/* What the instance has under the names of the set's volumes. */
static int take_devices(struct swap *s, const struct ec2_instance *i,
			const struct ec2_volumes *known, struct err *err)
{
	vec_foreach (d, &i->devices) {
		struct swapped *v = at_device(s, d->device_name);
		const char *from = NULL;

		if (!v || id_none(&d->volume))
			continue;
		vec_foreach (volume, known)
			if (id_eq(&volume->id, &d->volume))
				from = ec2_tag_value(&volume->tags, SPOT_FROM_TAG);
		if (!from || !str_eq(from, s->set->id))
			return err_set(err, ERR_REFUSED,
				       "%s has %s as %s already; unmount and detach it first",
				       i->id.s, d->volume.s, d->device_name);
		v->made = d->volume;
		v->is_there = true;
	}
	return 0;
}

/* Made by a swap that was cut off, and nobody's. */
static void take_made(struct swap *s, const struct ec2_volumes *known)
{
	vec_foreach (volume, known) {
		const char *mark = ec2_tag_value(&volume->tags, SPOT_RESTORING_TAG);

		if (!mark || !str_eq(mark, s->mark) || volume->status == VOLUME_DELETING ||
		    volume->status == VOLUME_DELETED || volume->status == VOLUME_ERROR)
			continue;
		vec_foreach (v, &s->volumes) {
			if (!id_eq(&v->from->snapshot, &volume->snapshot))
				continue;
			if (id_none(&v->made))
				v->made = volume->id;
			if (id_eq(&v->made, &volume->id))
				v->status = volume->status;
		}
	}
}

/* The world as it is: the instance, what it has, and what this made. */
static int look(struct swap *s, struct err *err)
{
	const char *id = s->instance.s, *set = s->set->id;
	struct ec2_filter made = { "tag:" SPOT_FROM_TAG, &set, 1 };
	union ec2_list instances = { 0 }, volumes = { 0 };
	struct ec2_op instance_op = { 0 }, volumes_op = { 0 };
	int rc;

	ec2_find(s->spot->ec2, EC2_INSTANCES, &id, 1, &instances, &instance_op);
	ec2_find_where(s->spot->ec2, EC2_VOLUMES, &made, &volumes, &volumes_op);
	rc = spot_wait(s->spot, &instance_op, err);
	if (rc < 0)
		ec2_cancel(s->spot->ec2, &volumes_op);
	else
		rc = spot_wait(s->spot, &volumes_op, err);
	if (!rc) {
		rc = err_set(err, ERR_NOTFOUND, "%s does not exist", id);
		vec_foreach (i, &instances.instances) {
			if (!id_eq(&i->id, &s->instance))
				continue;
			err_clear(err);
			rc = 0;
			if (i->state != INSTANCE_RUNNING && i->state != INSTANCE_STOPPED)
				rc = err_set(err, ERR_REFUSED, "%s is %s", id,
					     ec2_instance_state_name(i->state));
			if (!s->zone && i->zone)
				s->zone = mem_strdup(i->zone);
			if (!rc)
				rc = take_devices(s, i, &volumes.volumes, err);
		}
		if (!rc)
			take_made(s, &volumes.volumes);
	}
	ec2_list_done(EC2_INSTANCES, &instances);
	ec2_list_done(EC2_VOLUMES, &volumes);
	return rc;
}

static int make(struct swap *s, struct swapped *v, struct err *err)
{
	cleanup(free) char *name = mem_printf("%s %s (restored)", s->set->name, v->from->device);
	const struct ec2_tag_pair tags[] = { { SPOT_TAG, s->set->name },
					     { SPOT_FROM_TAG, s->set->id },
					     { SPOT_RESTORING_TAG, s->mark },
					     { "Name", name } };
	char token[SPOT_ID_SIZE];
	struct ec2_create_volume request = { .snapshot = v->from->snapshot,
					     .zone = s->zone,
					     .type = v->from->type,
					     .client_token = token,
					     .tags = tags,
					     .tag_count = ARRAY_LEN(tags) };

	spot_set_id((int64_t)time(NULL), token);
	spot_volume_rates(v->from, &request.iops, &request.throughput);
	for (int i = 0; i < TRIES; i++) {
		struct ec2_volume volume = { 0 };
		struct ec2_op op = { 0 };

		if (i && spot_nap(s->spot, (int64_t)TRY_NAP_MS << i, err) < 0)
			return -1;
		err_clear(err);
		ec2_create_volume(s->spot->ec2, &request, &volume, &op);
		if (spot_wait(s->spot, &op, err) == 0) {
			v->made = volume.id;
			v->status = volume.status;
			ec2_volume_done(&volume);
			return 0;
		}
		if (!spot_may_pass(err))
			break;
	}
	return err_in(err, "a volume of %s", v->from->snapshot.s);
}

static int attach(struct swap *s, struct swapped *v, struct err *err)
{
	const struct ec2_attach request = { .volume = v->made,
					    .instance = s->instance,
					    .device = v->from->device };
	struct ec2_attachment attachment = { 0 };
	struct ec2_op op = { 0 };

	ec2_attach_volume(s->spot->ec2, &request, &attachment, &op);
	if (spot_wait(s->spot, &op, err) < 0)
		return spot_may_pass(err) ? 0 : err_in(err, "%s as %s", v->made.s, v->from->device);
	ec2_attachment_done(&attachment);
	return 0;
}

/* Until all are attached: whatever is available is attached, however often its reply is lost. */
static int attach_all(struct swap *s, struct err *err)
{
	for (int i = 0; i < WAIT_S; i++) {
		bool is_over = true;

		if (look(s, err) < 0 && !spot_may_pass(err))
			return -1;
		vec_foreach (v, &s->volumes) {
			is_over &= v->is_there;
			if (v->is_there || v->status != VOLUME_AVAILABLE)
				continue;
			if (attach(s, v, err) < 0)
				return -1;
		}
		err_clear(err);
		if (is_over)
			return 0;
		if (spot_nap(s->spot, LOOK_MS, err) < 0)
			return -1;
	}
	return err_set(err, ERR_TIMEOUT, "not all volumes of %s are attached after %d s",
		       s->set->id, WAIT_S);
}

/* A mark that is left would make what somebody uses look like ours. */
static int untag(struct swap *s, struct err *err)
{
	const struct ec2_tag_pair tag = { SPOT_RESTORING_TAG, NULL };
	VEC(const char *) ids = { 0 };
	int rc = -1;

	vec_foreach (v, &s->volumes)
		vec_push(&ids, v->made.s);
	for (int i = 0; i < TRIES && rc < 0; i++) {
		const struct ec2_change_tags change = { .resources = ids.items,
							.resource_count = ids.count,
							.tags = &tag,
							.tag_count = 1 };
		struct ec2_op op = { 0 };
		struct err ignored = ERR_INIT;

		if (i && spot_nap(s->spot, (int64_t)TRY_NAP_MS << i, &ignored) < 0)
			break;
		err_clear(err);
		ec2_delete_tags(s->spot->ec2, &change, &op);
		rc = spot_wait(s->spot, &op, err);
	}
	vec_done(&ids);
	return rc < 0 ? err_in(err, "attached, but the tag " SPOT_RESTORING_TAG
				    " is still on the volumes; the same swap again takes it off")
		      : 0;
}

/* What was made and is nobody's. */
static void take_back(struct swap *s)
{
	struct err err = ERR_INIT;

	s->spot->is_deferred = true;
	(void)!look(s, &err);
	vec_foreach (v, &s->volumes) {
		for (int i = 0; i < TRIES && !v->is_there && !id_none(&v->made); i++) {
			struct ec2_op op = { 0 };

			err_clear(&err);
			ec2_delete_volume(s->spot->ec2, &v->made, &op);
			if (spot_wait(s->spot, &op, &err) == 0 || err.code == ERR_NOTFOUND)
				v->made = (struct volume_id){ "" };
			else if (spot_nap(s->spot, (int64_t)TRY_NAP_MS << i, &err) < 0)
				break;
		}
		if (!v->is_there && !id_none(&v->made)) {
			cleanup(free) char *text = mem_printf(
				"%s is left, and costs money; the same swap again goes on "
				"with it",
				v->made.s);

			report_say(s->spot->report, NULL, "warning", "{s:s}", "text", text);
		}
	}
	s->spot->is_deferred = false;
}

static int swap(struct swap *s, struct err *err)
{
	vec_foreach (v, &s->set->volumes)
		if (!v->is_root)
			vec_push(&s->volumes, ((struct swapped){ .from = v }));
	if (!s->volumes.count)
		return err_set(err, ERR_REFUSED,
			       "the set %s of %s has no volume but the root; `ec2-rescue spot "
			       "restore` makes "
			       "an instance of it",
			       s->set->id, s->set->name);
	if (look(s, err) < 0)
		return -1;
	if (s->spot->options->dry_run)
		return 0;
	vec_foreach (v, &s->volumes)
		if (id_none(&v->made) && make(s, v, err) < 0)
			return -1;
	return attach_all(s, err) < 0 ? -1 : untag(s, err);
}

static void say_verdict(struct swap *s)
{
	json_t *volumes = json_object();
	cleanup(str_done) struct str list = STR_INIT;
	cleanup(free) char *text = NULL;
	bool is_dry = s->spot->options->dry_run;

	vec_foreach (v, &s->volumes) {
		str_addf(&list, "%s%s%s%s", list.len ? ", " : "", v->made.s,
			 id_none(&v->made) ? "" : " as ", v->from->device);
		json_object_set_new(volumes, v->from->device, json_string(v->made.s));
	}
	text = mem_printf("%s %s the state %s (set %s): %s", s->instance.s,
			  is_dry ? "would have" : "has", s->set->name, s->set->id, list.s);
	report_say(s->spot->report, NULL, "verdict", "{s:s, s:s, s:s, s:s, s:s, s:o}", "result",
		   is_dry ? "planned" : "restored", "text", text, "state", s->set->name, "set",
		   s->set->id, "instance", s->instance.s, "volumes", volumes);
}

int cmd_spot_swap(const struct options *options, struct report *report)
{
	cleanup(spot_close) struct spot spot = { .signals = SIGNALS_INIT };
	cleanup(spot_set_done) struct spot_set set = { 0 };
	struct swap s = { .spot = &spot, .set = &set };
	struct spot_save target = { 0 };
	struct err err = ERR_INIT;
	int rc = -1;

	if (spot_open(&spot, options, report, &err) < 0 ||
	    spot_target(&spot, options->targets.items[1], &target, &err) < 0 ||
	    spot_choose(&spot, options->targets.items[0], &set, &err) < 0)
		return spot_fail(&spot, &err);
	s.instance = target.instance;
	s.mark = mem_printf("%s/%s", s.set->id, s.instance.s);
	rc = swap(&s, &err);
	if (rc < 0 && !options->dry_run)
		take_back(&s);
	if (!rc)
		say_verdict(&s);
	swap_done(&s);
	return rc < 0 ? spot_fail(&spot, &err) : 0;
}
