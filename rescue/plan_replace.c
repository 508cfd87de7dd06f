/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/runner.h"

#include <time.h>

/* The rows of a rescue whose patient is not stopped: its root volume is replaced by a task of EC2, from an image of
 * the repaired snapshot (a snapshot that was not taken of a root of the instance is refused, an image is not), and
 * it reboots. EC2 user guide, "Replace the root volume for an Amazon EC2 instance without stopping it". */

enum { POLL_MS = 1000 };

/* RegisterImage has no client token; the name is the account's once, and finds the image again. */
char *swap_image_name(const struct record *record)
{
	return mem_printf("ec2-rescue %s", record->run);
}

static int find_image(struct rescue *r, void (*reply)(struct rescue *))
{
	cleanup(free) char *name = swap_image_name(&r->record);
	const char *value = name;
	struct ec2_filter filter = { "name", &value, 1 };
	struct ec2_describe request = { .filters = &filter, .filter_count = 1 };

	ec2_describe_images(r->runner->ec2, &request, &r->call.images, rescue_call(r, reply));
	r->call.is_unseen = true;
	return STARTED_OP;
}

/* Takes the image of that name over from the reply: its state, or NULL when there is none. */
static const char *take_image(struct rescue *r)
{
	cleanup(free) char *name = swap_image_name(&r->record);

	r->image[0] = '\0';
	vec_foreach (image, &r->call.images) {
		if (!image->name || !str_eq(image->name, name) ||
		    strlen(image->id) >= sizeof(r->image))
			continue;
		memcpy(r->image, image->id, strlen(image->id) + 1);
		return image->state ? image->state : "available";
	}
	return NULL;
}

/* image: good for nothing once the task has made a volume of it */

static void image_say(const struct rescue *r, enum way way, struct str *out)
{
	if (way == WAY_OUT)
		str_add(out,
			"remember that an image of the repaired snapshot is to be deregistered "
			"in the end");
	else
		str_addf(out, "deregister the image \"ec2-rescue %s\"", r->record.run);
}

static enum held image_holds(const struct rescue *r, enum way way, struct err *err)
{
	(void)err;
	return search_held(r, STEP_IMAGE, way);
}

static void image_sought_at_home(struct rescue *r)
{
	search_ended(r, STEP_IMAGE, take_image(r) != NULL);
}

static int give_up_image(struct rescue *r, struct err *err)
{
	char id[ID_SIZE];

	(void)err;
	if (!r->image[0]) {
		search_begins(r);
		return find_image(r, image_sought_at_home);
	}
	memcpy(id, r->image, sizeof(id));
	r->image[0] = '\0';
	ec2_deregister_image(r->runner->ec2, id, rescue_call(r, search_again));
	r->call.is_unseen = true;
	return STARTED_OP;
}

static bool image_left(struct rescue *r)
{
	rescue_warn(r, "the image \"ec2-rescue %s\" could not be deregistered%s%s; do it by hand",
		    r->record.run, r->last.code != ERR_NONE ? ": " : "", r->last.text);
	return true;
}

const struct step image_step = {
	.name = "image",
	.kind = STEP_OWE,
	.flags = STEP_SILENT | STEP_REPAIRS,
	.vias = 1u << VIA_REPLACE,
	.out_s = 60,
	.home_s = 120,
	.describe = image_say,
	.holds = image_holds,
	.undo = give_up_image,
	.leave = image_left,
};

/* replace */

static void replace_say(const struct rescue *r, enum way way, struct str *out)
{
	(void)way;
	str_addf(out,
		 "replace the root volume %s of %s by one made of the repaired snapshot%s%s, which "
		 "reboots it",
		 r->record.volume.s, r->record.instance.s,
		 id_none(&r->record.restore_from) ? "" : " ", r->record.restore_from.s);
}

/* What is in the root's place and is not the old root; NULL: nothing. */
static const struct volume_id *other_root(const struct rescue *r)
{
	const struct ec2_instance *i = ec2_seen_instance(r->runner->watch, &r->record.instance);

	if (!i)
		return NULL;
	vec_foreach (d, &i->devices)
		if (d->device_name && str_eq(d->device_name, r->record.home_device) &&
		    d->status == ATTACHMENT_ATTACHED && !id_none(&d->volume) &&
		    !id_eq(&d->volume, &r->record.volume))
			return &d->volume;
	return NULL;
}

static enum held replace_holds(const struct rescue *r, enum way way, struct err *err)
{
	(void)err;
	if (way == WAY_OUT || !r->record.was_committed)
		return HELD_YES;
	if (!rescue_is_fresh(r) || !ec2_seen_instance(r->runner->watch, &r->record.instance) ||
	    !ec2_seen_volume(r->runner->watch, &r->record.volume))
		return HELD_UNSEEN;
	return !id_none(&r->record.restored) && r->is_named && r->is_kept_tagged ? HELD_YES
										 : HELD_NO;
}

static void image_sought(struct rescue *r)
{
	const char *state = take_image(r);

	go_on_soon(r);
	r->is_image_missing = !state;
	if (state && !str_eq(state, "available")) {
		r->image[0] = '\0';
		r->retry_ms = runner_after(r->runner, POLL_MS);
	}
}

static int register_image(struct rescue *r)
{
	const struct ec2_instance *i = ec2_seen_instance(r->runner->watch, &r->record.instance);
	cleanup(free) char *name = swap_image_name(&r->record);
	struct ec2_register_image request = { .name = name,
					      .architecture = i->architecture,
					      .root_device = r->record.home_device,
					      .boot_mode = i->boot_mode,
					      .has_ena = i->ena_support == EC2_TRUE,
					      .snapshot = r->record.restore_from };

	r->is_image_missing = false; /* looked for again, whatever the reply is */
	ec2_register_image(r->runner->ec2, &request, &r->call.image, rescue_call(r, go_on_soon));
	r->call.is_unseen = true;
	return STARTED_OP;
}

static void heed_task(struct rescue *r, const struct ec2_replace_task *task)
{
	struct err why = ERR_INIT;

	go_on_soon(r);
	if (strlen(task->id) < sizeof(r->task))
		memcpy(r->task, task->id, strlen(task->id) + 1);
	if (!task->state || !str_starts(task->state, "fail")) {
		r->is_task_done = task->state && str_eq(task->state, "succeeded");
		r->retry_ms = runner_after(r->runner, r->is_task_done ? 100 : POLL_MS);
		return;
	}
	err_set(&why, ERR_CLOUD, "the task %s that replaces the root volume is %s", task->id,
		task->state);
	if (!str_eq(task->state, "failed") && !str_eq(task->state, "failed-detached")) {
		r->retry_ms = runner_after(r->runner, POLL_MS); /* it is about to fail */
		return;
	}
	/* Only a look from now on tells whether the old root is in its place. */
	r->changed_ms = loop_now_ms(r->runner->loop) + 1;
	ec2_watch_want(r->runner->watch, r->changed_ms);
	rescue_stay(r, &why);
}

static void task_begun(struct rescue *r)
{
	heed_task(r, &r->call.task);
}

static void task_seen(struct rescue *r)
{
	vec_foreach (task, &r->call.tasks)
		if (str_eq(task->id, r->task)) {
			heed_task(r, task);
			return;
		}
	r->retry_ms = runner_after(r->runner, POLL_MS);
}

/* The task that is there already, where there is one: its token is the run's. */
static int begin_task(struct rescue *r)
{
	cleanup(free) char *token = mem_printf("%s-replace", r->record.run);
	struct ec2_replace_root request = { .instance = r->record.instance,
					    .image = r->image,
					    .client_token = token };
	struct step_record *step = &r->record.steps[STEP_REPLACE];

	if (!step->begun_at)
		step->begun_at = (double)time(NULL);
	ec2_replace_root(r->runner->ec2, &request, &r->call.task, rescue_call(r, task_begun));
	return STARTED_OP;
}

static int look_at_task(struct rescue *r)
{
	const char *id = r->task;
	struct ec2_describe request = { .ids = &id, .id_count = 1 };

	ec2_describe_replace_tasks(r->runner->ec2, &request, &r->call.tasks,
				   rescue_call(r, task_seen));
	r->call.is_unseen = true;
	return STARTED_OP;
}

static void named(struct rescue *r)
{
	r->is_named = true;
	go_on_soon(r);
}

/* The task makes a volume without tags. */
static int name_restored(struct rescue *r)
{
	const struct ec2_volume *old = ec2_seen_volume(r->runner->watch, &r->record.volume);
	struct ec2_tag_pair tags[RESTORE_TAGS_MAX];
	const char *resources[] = { r->record.restored.s };
	struct ec2_change_tags change = { .resources = resources,
					  .resource_count = ARRAY_LEN(resources),
					  .tags = tags,
					  .tag_count = restore_tags(r, old, tags) };

	if (++r->name_tries >= TAG_TRIES)
		r->is_named = true;
	ec2_create_tags(r->runner->ec2, &change, rescue_call(r, named));
	return STARTED_OP;
}

static int replace(struct rescue *r, struct err *err)
{
	const struct volume_id *other = other_root(r);
	struct err why = ERR_INIT;

	if (!ec2_seen_instance(r->runner->watch, &r->record.instance))
		return err_set(err, ERR_BUSY, "instance %s is not seen", r->record.instance.s);
	if (id_none(&r->record.restored) && other && (!r->task[0] || r->is_task_done)) {
		r->record.restored = *other;
		ec2_watch_volume(r->runner->watch, &r->record.restored);
		rescue_note_home(r, json_pack("{s:s, s:s}", "event", "note", "restored",
					      r->record.restored.s));
	}
	if (!id_none(&r->record.restored))
		return r->is_named ? restore_tag_kept(r) : name_restored(r);
	if (!r->task[0] && restore_is_hopeless(r, &why))
		return rescue_stay(r, &why);
	if (r->task[0])
		return look_at_task(r);
	if (r->image[0])
		return begin_task(r);
	return r->is_image_missing ? register_image(r) : find_image(r, image_sought);
}

const struct step replace_step = {
	.name = "replace",
	.kind = STEP_BORROW,
	.flags = STEP_SILENT,
	.vias = 1u << VIA_REPLACE,
	.out_s = 60,
	.home_s = 3600,
	.describe = replace_say,
	.holds = replace_holds,
	.undo = replace,
};
