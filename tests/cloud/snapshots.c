/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cloud/kinds.h"
#include "tests/cloud/volume.h"

/* A snapshot is the volume as it was at the call: the copy is made before the reply leaves (in a
 * child, so that the other calls go on) and becomes `completed` when its latency is over. */

#define MIN_INTERVAL_S 15
#define MAX_PENDING    5

const struct filter snapshot_filters[] = {
	{ "snapshot-id", "snapshotId" }, { "volume-id", "volumeId" },
	{ "status", "status" },		 { "description", "description" },
	{ "encrypted", "encrypted" },	 { "owner-id", "ownerId" },
	{ "owner-alias", "ownerAlias" }, { "progress", "progress" },
	{ "start-time", "startTime" },	 { "storage-tier", "storageTier" },
	{ "volume-size", "volumeSize" }, { 0 },
};

char *snapshot_path(struct sim *sim, const char *id)
{
	return mem_printf("%s/snapshots/%s.img", sim->dir, id);
}

json_t *snapshot_render(struct sim *sim, const json_t *v)
{
	json_t *out = json_object();

	jcopy(out, "snapshotId", v, "id");
	jcopy(out, "volumeId", v, "volume");
	jcopy(out, "status", v, "state");
	jset(out, "startTime", json_time(jd(v, "start_time")));
	jset_s(out, "progress", js(v, "progress"));
	jset_s(out, "ownerId", *js(v, "owner") ? js(v, "owner") : sim_account(sim));
	jcopy(out, "ownerAlias", v, "owner_alias");
	jcopy(out, "volumeSize", v, "size");
	jset_s(out, "description", js(v, "description"));
	jset_b(out, "encrypted", jb(v, "encrypted"));
	jset_s(out, "storageTier", "standard");
	jset(out, "tagSet", tags_render(v));
	json_object_update(out, jget(v, "raw"));
	return out;
}

/* Progress jumps, and may sit at 99 %. */
void snapshot_timer(struct sim *sim, struct res *snap, const char *name)
{
	double begin = jd(snap->truth, "start_time"), end = jd(snap->truth, "complete_time");

	if (!js_is(snap->truth, "state", "pending"))
		return;
	if (str_eq(name, "abandoned")) { /* nothing was written to it for too long */
		jset_s(snap->truth, "state", "error");
		world_touch(snap);
		return;
	}
	if (str_eq(name, "complete")) {
		jset_s(snap->truth, "state", "completed");
		jset_s(snap->truth, "progress", "100%");
		timer_drop(snap, "progress");
	} else if (sim->now - begin < (end - begin) / 2) {
		jset_s(snap->truth, "progress", "41%");
		timer_set(snap, "progress", begin + (end - begin) * 0.7);
	} else {
		jset_s(snap->truth, "progress", "99%");
	}
	world_touch(snap);
}

/* ---- making: one or several volumes at one moment */
struct snapshot_make {
	struct call *call;
	bool is_set; /* CreateSnapshots */
	unsigned running;
	bool failed;
	VEC(char *) volumes;
	VEC(char *) ids;
};

static const char *latest_of(struct sim *sim, const struct res *vol)
{
	const char *latest = js(vol->truth, "snapshot");
	double at = -1;

	sim_foreach (snap, sim, &kind_snapshot) {
		if (js_is(snap->truth, "volume", vol->id) && jd(snap->truth, "start_time") > at &&
		    !jb(snap->truth, "gone")) {
			at = jd(snap->truth, "start_time");
			latest = snap->id;
		}
	}
	return latest;
}

static struct res *snapshot_add(struct snapshot_make *make, const char *id, struct res *vol)
{
	struct sim *sim = make->call->sim;
	json_t *truth = json_object();
	struct res *snap;
	double takes_s;

	jset_s(truth, "id", id);
	jset_s(truth, "volume", vol->id);
	jset_s(truth, "state", "pending");
	jset_s(truth, "progress", "");
	jset_s(truth, "description", param(make->call, "Description"));
	jset_i(truth, "size", ji(vol->truth, "size"));
	jset_b(truth, "encrypted", jb(vol->truth, "encrypted"));
	jset_s(truth, "parent", latest_of(sim, vol));
	jset_n(truth, "start_time", sim->now);
	jset(truth, "tags", param_tags(make->call, "snapshot"));
	if (jhas(vol->truth, "product_codes"))
		jset(truth, "product_codes", json_deep_copy(jget(vol->truth, "product_codes")));
	snap = world_add(sim, &kind_snapshot, id, truth);
	takes_s = latency(sim, snap, "snapshot");
	jset_n(truth, "complete_time", sim->now + takes_s);
	timer_set(snap, "progress", sim->now + takes_s * 0.3);
	timer_set(snap, "complete", sim->now + takes_s);
	json_array_append_new(make->call->new_ids, json_string(id));
	return snap;
}

static void reply_add(struct snapshot_make *make, json_t *list, struct res *snap)
{
	json_t *shape = snapshot_render(make->call->sim, snap->truth);

	if (make->is_set) {
		jset(shape, "state", json_incref(jget(shape, "status")));
		json_object_del(shape, "status");
		json_array_append(list, shape);
	} else {
		json_object_update(make->call->out, shape);
	}
	json_decref(shape);
}

static void make_end(struct snapshot_make *make)
{
	struct call *call = make->call;
	json_t *list = json_array();

	if (make->failed)
		call_fail(call, "InternalError", "An internal error has occurred");
	for (size_t i = 0; i < make->ids.count; i++) {
		struct res *vol = world_get(call->sim, make->volumes.items[i]);

		if (!call_failed(call) && vol)
			reply_add(make, list, snapshot_add(make, make->ids.items[i], vol));
		free(make->volumes.items[i]);
		free(make->ids.items[i]);
	}
	if (make->is_set && !call_failed(call))
		jset(call->out, "snapshotSet", list);
	else
		json_decref(list);
	vec_done(&make->volumes);
	vec_done(&make->ids);
	free(make);
	call_finish(call);
}

static void copied(struct sim *sim, void *arg, int status)
{
	struct snapshot_make *make = arg;

	make->failed |= status || sim->stopping;
	if (!--make->running)
		make_end(make);
}

static void make_add(struct snapshot_make *make, struct res *vol)
{
	struct sim *sim = make->call->sim;
	char *id = id_new(sim, "snap-");
	cleanup(free) char *from = volume_path(sim, vol->id), *to = snapshot_path(sim, id);

	vec_push(&make->ids, id);
	vec_push(&make->volumes, mem_strdup(vol->id));
	jset_n(vol->truth, "last_snapshot", sim->now);
	world_touch(vol);
	make->running++;
	job_copy(sim, from, to, 0, copied, make);
}

static struct snapshot_make *make_new(struct call *call, bool is_set)
{
	struct snapshot_make *make = mem_alloc(sizeof(*make));

	make->call = call;
	make->is_set = is_set;
	call->is_waiting = true;
	return make;
}

bool snapshot_is_due(struct call *call, struct res *vol)
{
	unsigned pending = 0;
	const char *state = js(vol->truth, "state");

	if (!str_eq(state, "available") && !str_eq(state, "in-use")) {
		call_fail(call, "IncorrectState", "Volume '%s' is in the '%s' state.", vol->id,
			  state);
		return false;
	}
	if (jhas(vol->truth, "last_snapshot") &&
	    call->sim->now - jd(vol->truth, "last_snapshot") < MIN_INTERVAL_S) {
		call_fail(call, "SnapshotCreationPerVolumeRateExceeded",
			  "The maximum per volume CreateSnapshot request rate has been exceeded. "
			  "Use an "
			  "increasing or variable sleep interval between requests.");
		return false;
	}
	sim_foreach (snap, call->sim, &kind_snapshot)
		pending += js_is(snap->truth, "volume", vol->id) &&
			   js_is(snap->truth, "state", "pending");
	if (pending >= MAX_PENDING) {
		call_fail(call, "ConcurrentSnapshotLimitExceeded",
			  "Maximum allowed in-progress snapshots for a single volume exceeded.");
		return false;
	}
	return true;
}

void create_snapshot(struct call *call)
{
	struct res *vol = call_find(call, &kind_volume, param(call, "VolumeId"));

	if (vol && snapshot_is_due(call, vol))
		make_add(make_new(call, false), vol);
}

static bool is_excluded(struct call *call, const struct res *inst, const json_t *mapping)
{
	cleanup(texts_done) struct texts ids =
		param_list(call, "InstanceSpecification.ExcludeDataVolumeId");

	if (js_is(mapping, "device", js(inst->truth, "root_device_name")))
		return param_true(call, "InstanceSpecification.ExcludeBootVolume");
	vec_foreach (id, &ids)
		if (js_is(mapping, "volume", *id))
			return true;
	return false;
}

void create_snapshots(struct call *call)
{
	struct res *inst =
		call_find(call, &kind_instance, param(call, "InstanceSpecification.InstanceId"));
	struct snapshot_make *make;
	const json_t *mapping;
	size_t i;

	if (!inst)
		return;
	json_array_foreach (jget(inst->truth, "mapping"), i, mapping) {
		struct res *vol = world_get(call->sim, js(mapping, "volume"));

		if (vol && !is_excluded(call, inst, mapping) && !snapshot_is_due(call, vol))
			return;
	}
	make = make_new(call, true);
	make->running = 1; /* held until all copies are started */
	json_array_foreach (jget(inst->truth, "mapping"), i, mapping) {
		struct res *vol = world_get(call->sim, js(mapping, "volume"));

		if (vol && !is_excluded(call, inst, mapping))
			make_add(make, vol);
	}
	if (make->ids.count) {
		make->running--;
		return;
	}
	call->is_waiting = false;
	free(make);
	call_fail(call, "InvalidParameterCombination", "No volumes are left to make snapshots of");
}

void delete_snapshot(struct call *call)
{
	struct res *snap = call_find(call, &kind_snapshot, param(call, "SnapshotId"));
	cleanup(free) char *path = NULL;
	const json_t *mapping;
	size_t i;

	if (!snap)
		return;
	sim_foreach (image, call->sim, &kind_image) {
		json_array_foreach (jget(image->truth, "mapping"), i, mapping) {
			if (js_is(mapping, "snapshot", snap->id) && !jb(image->truth, "gone")) {
				call_fail(call, "InvalidSnapshot.InUse",
					  "The snapshot %s is currently in use by %s", snap->id,
					  image->id);
				return;
			}
		}
	}
	path = snapshot_path(call->sim, snap->id);
	unlink(path);
	jset_b(snap->truth, "gone", true);
	json_object_del(snap->truth, "timers");
	world_touch(snap);
	jset_b(call->out, "return", true);
}

int snapshot_load(struct sim *sim, json_t *in, struct err *err)
{
	cleanup(free) char *path = snapshot_path(sim, js(in, "id"));

	if (image_adopt(in, path, err))
		return -1;
	jdefault(in, "volume", json_string("vol-ffffffff"));
	jdefault(in, "state", json_string("completed"));
	jdefault(in, "progress", json_string("100%"));
	jdefault(in, "description", json_string(""));
	jdefault(in, "start_time", json_real(sim->now - 86400));
	jdefault(in, "tags", json_object());
	world_add(sim, &kind_snapshot, js(in, "id"), json_incref(in));
	return 0;
}
