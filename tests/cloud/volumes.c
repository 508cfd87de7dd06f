/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cloud/kinds.h"
#include "tests/cloud/volume.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/* Volumes as things: their files, their states, their attachments. The API is in volume_api.c. */

/* How often a busy volume is looked at again, for real: its user is a real program. */
#define BUSY_LOOK_S 0.25

const struct filter volume_filters[] = {
	{ "volume-id", "volumeId" },
	{ "status", "status" },
	{ "size", "size" },
	{ "snapshot-id", "snapshotId" },
	{ "volume-type", "volumeType" },
	{ "encrypted", "encrypted" },
	{ "create-time", "createTime" },
	{ "availability-zone", "availabilityZone" },
	{ "multi-attach-enabled", "multiAttachEnabled" },
	{ "attachment.attach-time", "attachmentSet.attachTime" },
	{ "attachment.delete-on-termination", "attachmentSet.deleteOnTermination" },
	{ "attachment.device", "attachmentSet.device" },
	{ "attachment.instance-id", "attachmentSet.instanceId" },
	{ "attachment.status", "attachmentSet.status" },
	{ 0 },
};

char *volume_path(struct sim *sim, const char *id)
{
	return mem_printf("%s/volumes/%s.img", sim->dir, id);
}

json_t *attachment_render(struct sim *sim, const char *volume_id, const json_t *a)
{
	json_t *out = json_object();

	(void)sim;
	jset_s(out, "volumeId", volume_id);
	jcopy(out, "instanceId", a, "instance");
	jcopy(out, "device", a, "device");
	jcopy(out, "status", a, "status");
	jset(out, "attachTime", json_time(jd(a, "attach_time")));
	jset_b(out, "deleteOnTermination", jb(a, "delete_on_termination"));
	return out;
}

json_t *volume_render(struct sim *sim, const json_t *v)
{
	json_t *out = json_object(), *attachments = json_array();

	jcopy(out, "volumeId", v, "id");
	jcopy(out, "size", v, "size");
	jset_s(out, "snapshotId", js(v, "snapshot"));
	jcopy(out, "availabilityZone", v, "zone");
	jcopy(out, "status", v, "state");
	jset(out, "createTime", json_time(jd(v, "create_time")));
	if (jhas(v, "attachment"))
		json_array_append_new(attachments,
				      attachment_render(sim, js(v, "id"), jget(v, "attachment")));
	jset(out, "attachmentSet", attachments);
	jset(out, "tagSet", tags_render(v));
	jcopy(out, "volumeType", v, "type");
	jcopy(out, "iops", v, "iops");
	jcopy(out, "throughput", v, "throughput");
	jset_b(out, "encrypted", jb(v, "encrypted"));
	jcopy(out, "kmsKeyId", v, "kms_key");
	jset_b(out, "multiAttachEnabled", false);
	json_object_update(out, jget(v, "raw"));
	return out;
}

/* ---- making and deleting */
static void copied(struct sim *sim, void *arg, int status)
{
	cleanup(free) char *id = arg;
	struct res *vol = world_get(sim, id);

	if (!vol || sim->stopping)
		return;
	json_object_del(vol->truth, "copying");
	world_touch(vol);
	if (status)
		jset_s(vol->truth, "state", "error");
	else if (js_is(vol->truth, "state", "creating") && !timer_is_set(vol, "create"))
		jset_s(vol->truth, "state", "available");
}

void volume_copy_resume(struct sim *sim, struct res *vol)
{
	cleanup(free) char *from = snapshot_path(sim, js(vol->truth, "snapshot"));
	cleanup(free) char *to = volume_path(sim, vol->id);

	job_copy(sim, from, to, (uint64_t)ji(vol->truth, "size") << 30, copied,
		 mem_strdup(vol->id));
}

struct res *volume_create(struct sim *sim, const struct volume_make *make)
{
	cleanup(free) char *id = make->id ? mem_strdup(make->id) : id_new(sim, "vol-");
	cleanup(free) char *path = volume_path(sim, id);
	json_t *truth = json_object();
	struct res *vol;

	jset_s(truth, "id", id);
	jset_s(truth, "state", "creating");
	jset_s(truth, "zone", make->zone);
	jset_s(truth, "type", make->type);
	jset_s(truth, "snapshot", make->snapshot);
	jset_i(truth, "size", make->size);
	if (make->iops)
		jset_i(truth, "iops", make->iops);
	if (make->throughput)
		jset_i(truth, "throughput", make->throughput);
	jset_b(truth, "encrypted", make->encrypted);
	jset_n(truth, "create_time", sim->now);
	jset(truth, "tags", json_object());
	vol = world_add(sim, &kind_volume, id, truth);
	timer_set(vol, "create", sim->now + latency(sim, vol, "volume_creating"));
	if (*make->snapshot) {
		jset_b(truth, "copying", true);
		volume_copy_resume(sim, vol);
	} else {
		int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

		if (fd < 0 || ftruncate(fd, (off_t)make->size << 30))
			jset_s(truth, "state", "error");
		fd_close(fd);
	}
	return vol;
}

void volume_delete(struct sim *sim, struct res *vol)
{
	jset_s(vol->truth, "state", "deleting");
	timer_set(vol, "delete", sim->now + latency(sim, vol, "deleting"));
}

/* ---- attaching and detaching */
static bool is_on_running_helper(struct sim *sim, const struct res *inst)
{
	return shows_devices(sim, inst) && js_is(inst->truth, "state", "running");
}

static void attachment_status(struct sim *sim, struct res *vol, const char *status)
{
	json_t *attachment = jget(vol->truth, "attachment");
	struct res *inst = world_get(sim, js(attachment, "instance"));
	json_t *mapping = inst ? mapping_of_volume(inst->truth, vol->id) : NULL;

	jset_s(attachment, "status", status);
	world_touch(vol);
	if (mapping) {
		jset_s(mapping, "status", status);
		world_touch(inst);
	}
}

void volume_attach(struct sim *sim, struct res *vol, struct res *inst, const char *device,
		   bool delete_on_termination, double takes_s)
{
	json_t *attachment = json_object(), *mapping, *list = jget(inst->truth, "mapping");

	jset_s(attachment, "instance", inst->id);
	jset_s(attachment, "device", device);
	jset_s(attachment, "status", takes_s > 0 ? "attaching" : "attached");
	jset_n(attachment, "attach_time", sim->now);
	jset_b(attachment, "delete_on_termination", delete_on_termination);
	mapping = json_copy(attachment);
	json_object_del(mapping, "instance");
	jset_s(mapping, "volume", vol->id);
	if (!list)
		jset(inst->truth, "mapping", list = json_array());
	json_array_append_new(list, mapping);
	jset(vol->truth, "attachment", attachment);
	jset_s(vol->truth, "state", "in-use");
	instance_product_codes(sim, inst);
	world_touch(vol);
	world_touch(inst);
	if (takes_s > 0)
		timer_set(vol, "attach", sim->now + takes_s);
	if (is_on_running_helper(sim, inst))
		timer_set(vol, "link", sim->now + latency(sim, vol, "device_appears"));
}

void volume_detached(struct sim *sim, struct res *vol)
{
	struct res *inst = world_get(sim, js(jget(vol->truth, "attachment"), "instance"));
	json_t *list = inst ? jget(inst->truth, "mapping") : NULL;

	device_vanish(sim, vol);
	for (size_t i = json_array_size(list); i-- > 0;)
		if (js_is(json_array_get(list, i), "volume", vol->id))
			json_array_remove(list, i);
	json_object_del(vol->truth, "attachment");
	jset_s(vol->truth, "state", "available");
	timer_drop(vol, "attach");
	timer_drop(vol, "link");
	timer_drop(vol, "busy");
	timer_drop(vol, "detach");
	world_touch(vol);
	if (inst) {
		instance_product_codes(sim, inst);
		world_touch(inst);
	}
}

/* The guest lets go once nobody holds the device: a mounted volume stays busy. */
static void detach_try(struct sim *sim, struct res *vol)
{
	if (jb(vol->truth, "linked") && device_is_busy(sim, vol->id)) {
		if (!js_is(jget(vol->truth, "attachment"), "status", "busy"))
			attachment_status(sim, vol, "busy");
		timer_set(vol, "busy", sim->now + BUSY_LOOK_S * sim->speed);
		return;
	}
	if (!js_is(jget(vol->truth, "attachment"), "status", "detaching"))
		attachment_status(sim, vol, "detaching");
	timer_set(vol, "unlink", sim->now + latency(sim, vol, "device_vanishes"));
	timer_set(vol, "detach", sim->now + latency(sim, vol, "detaching"));
}

void volume_timer(struct sim *sim, struct res *vol, const char *name)
{
	cleanup(free) char *path = volume_path(sim, vol->id);

	if (str_eq(name, "create")) {
		if (!jb(vol->truth, "copying") && js_is(vol->truth, "state", "creating"))
			jset_s(vol->truth, "state", "available");
	} else if (str_eq(name, "attach")) {
		if (key_is_usable(sim, js(vol->truth, "kms_key")))
			attachment_status(sim, vol, "attached");
		else
			volume_detached(sim, vol);
	} else if (str_eq(name, "link")) {
		device_appear(sim, vol);
	} else if (str_eq(name, "busy")) {
		detach_try(sim, vol);
	} else if (str_eq(name, "unlink")) {
		device_vanish(sim, vol);
	} else if (str_eq(name, "detach")) {
		volume_detached(sim, vol);
	} else if (str_eq(name, "delete")) {
		jset_s(vol->truth, "state", "deleted");
		jset_b(vol->truth, "gone", true);
		unlink(path);
	} else if (str_eq(name, "modify")) {
		jset_s(jget(vol->truth, "modification"), "state", "completed");
	}
	world_touch(vol);
}

void volume_detach_begin(struct sim *sim, struct res *vol, bool force)
{
	struct res *inst = world_get(sim, js(jget(vol->truth, "attachment"), "instance"));

	timer_drop(vol, "attach");
	timer_drop(vol, "link");
	attachment_status(sim, vol, "detaching");
	if (!inst || js_is(inst->truth, "state", "stopped") ||
	    js_is(inst->truth, "state", "terminated")) {
		double takes_s = latency(sim, vol, "detaching_stopped");

		if (takes_s > 0)
			timer_set(vol, "detach", sim->now + takes_s);
		else
			volume_detached(sim, vol);
	} else if (force) {
		timer_drop(vol, "busy");
		timer_set(vol, "unlink", sim->now);
		timer_set(vol, "detach", sim->now + latency(sim, vol, "detaching"));
	} else {
		detach_try(sim, vol);
	}
}

/* ---- from a world description */
/* The file of a volume or snapshot: adopted from "file" by hard link (or "adopt": "copy" | "move"),
 * else an empty sparse one of "size" GiB. Sets "size" when it is absent. */
int image_adopt(json_t *in, const char *path, struct err *err)
{
	const char *file = js(in, "file"), *how = js(in, "adopt");
	struct stat st;
	int fd;

	if (*file) {
		unlink(path);
		if (str_eq(how, "move")	  ? rename(file, path)
		    : str_eq(how, "copy") ? 1
					  : link(file, path))
			if (file_copy_sparse(file, path, 0, err))
				return -1;
	} else if (access(path, F_OK)) {
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0 || ftruncate(fd, (off_t)(ji(in, "size") ? ji(in, "size") : 1) << 30)) {
			fd_close(fd);
			return err_errno(err, errno, "%s", path);
		}
		fd_close(fd);
	}
	if (stat(path, &st))
		return err_errno(err, errno, "%s", path);
	if (!ji(in, "size"))
		jset_i(in, "size", (st.st_size + (1 << 30) - 1) >> 30);
	json_object_del(in, "file");
	json_object_del(in, "adopt");
	return 0;
}

int volume_load(struct sim *sim, json_t *in, struct err *err)
{
	cleanup(free) char *path = volume_path(sim, js(in, "id"));
	cleanup(free) char *zone = mem_printf("%sa", sim_region(sim));

	if (image_adopt(in, path, err))
		return -1;
	jdefault(in, "state", json_string("available"));
	jdefault(in, "zone", json_string(zone));
	jdefault(in, "type", json_string("gp3"));
	if (js_is(in, "type", "gp3")) {
		jdefault(in, "iops", json_integer(3000));
		jdefault(in, "throughput", json_integer(125));
	}
	jdefault(in, "snapshot", json_string(""));
	jdefault(in, "tags", json_object());
	jdefault(in, "create_time", json_real(sim->now - 86400));
	world_add(sim, &kind_volume, js(in, "id"), json_incref(in));
	return 0;
}
