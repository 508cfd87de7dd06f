/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cloud/instance.h"
#include "tests/cloud/kinds.h"
#include "tests/cloud/volume.h"

/* Root volume replacement tasks: a running instance gets another root volume, from a snapshot of a root that it
 * had or from an image, and reboots; the old one is kept, detached. "replace_fails" of an instance: "failed" (the
 * old root stays) or "failed-detached" (there is none afterwards). Source: EC2 user guide, "Replace the root
 * volume for an Amazon EC2 instance without stopping it". */

const struct filter replace_filters[] = {
	{ "instance-id", "instanceId" },
	{ 0 },
};

json_t *replace_render(struct sim *sim, const json_t *v)
{
	json_t *out = json_object();

	(void)sim;
	jcopy(out, "replaceRootVolumeTaskId", v, "id");
	jcopy(out, "instanceId", v, "instance");
	jcopy(out, "taskState", v, "state");
	jcopy(out, "imageId", v, "image");
	jcopy(out, "snapshotId", v, "snapshot");
	jset(out, "startTime", json_time(jd(v, "start_time")));
	if (jhas(v, "complete_time"))
		jset(out, "completeTime", json_time(jd(v, "complete_time")));
	jset_b(out, "deleteReplacedRootVolume", false);
	jset(out, "tagSet", tags_render(v));
	return out;
}

int replace_load(struct sim *sim, json_t *in, struct err *err)
{
	(void)err;
	world_add(sim, &kind_replace, js(in, "id"), json_incref(in));
	return 0;
}

static void end(struct sim *sim, struct res *task, const char *state)
{
	jset_s(task->truth, "state", state);
	jset_n(task->truth, "complete_time", sim->now);
	world_touch(task);
}

static struct res *root_of(struct sim *sim, const struct res *inst)
{
	const json_t *mapping = mapping_find(inst->truth, js(inst->truth, "root_device_name"));

	return mapping ? world_get(sim, js(mapping, "volume")) : NULL;
}

/* The instance goes down with its old root and comes up with the new one; its state is "running" throughout. */
static void swap(struct sim *sim, struct res *task, struct res *inst)
{
	struct res *old = root_of(sim, inst), *snap, *new;
	const char *fails = js(inst->truth, "replace_fails");
	struct volume_make make = { 0 };

	if (!old || !js_is(inst->truth, "state", "running") || str_eq(fails, "failed")) {
		end(sim, task, "failed");
		return;
	}
	boot_end(sim, inst);
	volume_detached(sim, old);
	if (str_eq(fails, "failed-detached")) {
		end(sim, task, fails);
		return;
	}
	snap = world_get(sim, js(task->truth, "from"));
	make = (struct volume_make){ .zone = js(old->truth, "zone"),
				     .type = js(old->truth, "type"),
				     .snapshot = snap->id,
				     .size = ji(old->truth, "size"),
				     .iops = ji(old->truth, "iops"),
				     .throughput = ji(old->truth, "throughput"),
				     .encrypted = jb(snap->truth, "encrypted") };
	new = volume_create(sim, &make);
	if (*js(old->truth, "kms_key") && make.encrypted)
		jset_s(new->truth, "kms_key", js(old->truth, "kms_key"));
	jset_s(task->truth, "new", new->id);
	jset_s(task->truth, "state", "in-progress");
	timer_set(task, "attach", sim->now + latency(sim, task, "replace_root"));
	world_touch(task);
}

static void attach(struct sim *sim, struct res *task, struct res *inst)
{
	struct res *new = world_get(sim, js(task->truth, "new"));

	if (jb(new->truth, "copying") || js_is(new->truth, "state", "creating")) {
		timer_set(task, "attach", sim->now + 0.1 * sim->speed);
		return;
	}
	volume_attach(sim, new, inst, js(inst->truth, "root_device_name"), false, 0);
	boot_begin(sim, inst);
	end(sim, task, "succeeded");
}

void replace_timer(struct sim *sim, struct res *task, const char *name)
{
	struct res *inst = world_get(sim, js(task->truth, "instance"));

	if (!inst)
		end(sim, task, "failed");
	else if (str_eq(name, "swap"))
		swap(sim, task, inst);
	else
		attach(sim, task, inst);
}

static void reply(struct call *call, const struct res *task)
{
	jset(call->out, "replaceRootVolumeTask", replace_render(call->sim, task->truth));
}

/* Which snapshot the new root is made of; NULL: refused. */
static struct res *source_of(struct call *call, const struct res *inst)
{
	struct res *image, *snap, *root = root_of(call->sim, inst);
	const json_t *row;

	if (*param(call, "SnapshotId")) {
		snap = call_find(call, &kind_snapshot, param(call, "SnapshotId"));
		if (snap && (!root || !js_is(snap->truth, "volume", root->id))) {
			call_fail(call, "InvalidParameterValue",
				  "The snapshot '%s' is not of the lineage of the root volume",
				  snap->id);
			return NULL;
		}
		return snap;
	}
	if (!*param(call, "ImageId")) {
		call_fail(call, "UnsupportedOperation", "An image or a snapshot is needed here");
		return NULL;
	}
	image = call_find(call, &kind_image, param(call, "ImageId"));
	if (!image)
		return NULL;
	if (!str_eq(js(image->truth, "architecture"), js(inst->truth, "architecture"))) {
		call_fail(call, "InvalidParameterValue",
			  "The architecture of the image '%s' is not that of the instance",
			  image->id);
		return NULL;
	}
	row = json_array_get(jget(image->truth, "mapping"), 0);
	return call_find(call, &kind_snapshot, js(row, "snapshot"));
}

static bool is_at_work(struct call *call, const struct res *inst)
{
	sim_foreach (task, call->sim, &kind_replace)
		if (js_is(task->truth, "instance", inst->id) && !jhas(task->truth, "complete_time"))
			return true;
	return false;
}

void create_replace_root_volume_task(struct call *call)
{
	struct res *inst, *snap, *task;
	cleanup(free) char *id = NULL;
	json_t *ids, *truth;
	int is_known = token_find(call, &ids);

	if (is_known < 0)
		return;
	if (is_known) {
		reply(call, world_get(call->sim, json_string_value(json_array_get(ids, 0))));
		return;
	}
	inst = call_find(call, &kind_instance, param(call, "InstanceId"));
	if (!inst)
		return;
	if (!js_is(inst->truth, "state", "running")) {
		call_fail(call, "UnsupportedOperation",
			  "The instance '%s' is not in the state 'running'", inst->id);
		return;
	}
	if (instance_type_of(js(inst->truth, "type")).is_metal || is_at_work(call, inst)) {
		call_fail(call, "UnsupportedOperation",
			  "The root volume of '%s' cannot be replaced now", inst->id);
		return;
	}
	if (!(snap = source_of(call, inst)))
		return;
	if (!js_is(snap->truth, "state", "completed")) {
		call_fail(call, "IncorrectState", "Snapshot is in invalid state - %s",
			  js(snap->truth, "state"));
		return;
	}
	id = id_new(call->sim, "replacevol-");
	truth = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "id", id, "instance", inst->id, "state",
			  "pending", "from", snap->id, "image", param(call, "ImageId"), "snapshot",
			  param(call, "SnapshotId"));
	jset_n(truth, "start_time", call->sim->now);
	jset(truth, "tags", param_tags(call, "replace-root-volume-task"));
	task = world_add(call->sim, &kind_replace, id, truth);
	json_array_append_new(call->new_ids, json_string(id));
	token_keep(call);
	timer_set(task, "swap", call->sim->now + latency(call->sim, task, "replace_root"));
	reply(call, task);
}
