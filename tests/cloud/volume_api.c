/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cloud/kinds.h"
#include "tests/cloud/volume.h"

#include <fcntl.h>
#include <regex.h>
#include <sys/stat.h>

#define MAX_ATTACHMENTS	  28
#define MODIFY_COOLDOWN_S (6 * 3600)

bool device_name_is_valid(const char *name)
{
	regex_t re;
	bool ok;

	if (regcomp(&re, "^/dev/(sd[a-z]([1-9]|1[0-5])?|xvd[a-z]|xvd[b-d][a-z]|xvda1|hd[a-z])$",
		    REG_EXTENDED | REG_NOSUB))
		abort();
	ok = !regexec(&re, name, 0, NULL, 0);
	regfree(&re);
	return ok;
}

static void check_attach_volume(struct call *call, const struct res *vol)
{
	const char *state = js(vol->truth, "state");

	if (str_eq(state, "in-use"))
		call_fail(call, "VolumeInUse", "%s is already attached to an instance", vol->id);
	else if (!str_eq(state, "available"))
		call_fail(call, "IncorrectState", "%s is not 'available'.", vol->id);
}

static void check_attach_instance(struct call *call, const struct res *vol, const struct res *inst)
{
	const char *state = js(inst->truth, "state"), *device = param(call, "Device");

	if (!str_eq(state, "running") && !str_eq(state, "stopped"))
		call_fail(call, "IncorrectState", "Instance '%s' is not 'running'.", inst->id);
	else if (!str_eq(js(vol->truth, "zone"), js(inst->truth, "zone")))
		call_fail(call, "InvalidVolume.ZoneMismatch",
			  "The volume '%s' is not in the same availability zone as instance '%s'",
			  vol->id, inst->id);
	else if (json_array_size(jget(vol->truth, "product_codes")) && !str_eq(state, "stopped"))
		call_fail(call, "IncorrectInstanceState",
			  "Cannot attach volume '%s' with Marketplace codes as the instance '%s' "
			  "is not in "
			  "the 'stopped' state.",
			  vol->id, inst->id);
	else if (mapping_find(inst->truth, device))
		call_fail(
			call, "InvalidParameterValue",
			"Invalid value '%s' for unixDevice. Attachment point %s is already in use",
			device, device);
	else if (json_array_size(jget(inst->truth, "mapping")) >= MAX_ATTACHMENTS)
		call_fail(call, "AttachmentLimitExceeded",
			  "The maximum number of attachments has been reached for instance %s",
			  inst->id);
}

static void reply_attachment(struct call *call, const struct res *vol, const char *status)
{
	json_t *shape = attachment_render(call->sim, vol->id, jget(vol->truth, "attachment"));

	if (status)
		jset_s(shape, "status", status);
	json_object_update(call->out, shape);
	json_decref(shape);
}

void attach_volume(struct call *call)
{
	const char *device = param(call, "Device");
	struct res *vol, *inst;
	bool stopped;

	if (!device_name_is_valid(device)) {
		call_fail(call, "InvalidParameterValue",
			  "Value (%s) for parameter device is invalid. %s is not a valid EBS "
			  "device name.",
			  device, device);
		return;
	}
	if (!(vol = call_find(call, &kind_volume, param(call, "VolumeId"))) ||
	    !(inst = call_find(call, &kind_instance, param(call, "InstanceId"))))
		return;
	check_attach_volume(call, vol);
	check_attach_instance(call, vol, inst);
	if (call_failed(call))
		return;
	stopped = js_is(inst->truth, "state", "stopped");
	/* EC2 forgets DeleteOnTermination on every attachment by hand. */
	volume_attach(call->sim, vol, inst, device, false,
		      latency(call->sim, vol, stopped ? "attaching_stopped" : "attaching"));
	reply_attachment(call, vol, "attaching");
}

void detach_volume(struct call *call)
{
	struct res *vol = call_find(call, &kind_volume, param(call, "VolumeId")), *inst;
	const json_t *attachment;
	const char *state;

	if (!vol)
		return;
	attachment = jget(vol->truth, "attachment");
	if (param_has(call, "InstanceId") &&
	    !call_find(call, &kind_instance, param(call, "InstanceId")))
		return;
	if (!attachment) {
		call_fail(call, "IncorrectState", "Volume '%s'is in the '%s' state.", vol->id,
			  js(vol->truth, "state"));
		return;
	}
	if ((param_has(call, "InstanceId") &&
	     !js_is(attachment, "instance", param(call, "InstanceId"))) ||
	    (param_has(call, "Device") && !js_is(attachment, "device", param(call, "Device")))) {
		call_fail(call, "InvalidAttachment.NotFound",
			  "The volume '%s' is not attached to instance '%s' as device '%s'",
			  vol->id, param(call, "InstanceId"), param(call, "Device"));
		return;
	}
	inst = world_get(call->sim, js(attachment, "instance"));
	state = inst ? js(inst->truth, "state") : "terminated";
	if (inst && js_is(attachment, "device", js(inst->truth, "root_device_name")) &&
	    !str_eq(state, "stopped") && !str_eq(state, "terminated")) {
		call_fail(call, "IncorrectState",
			  "Unable to detach root volume '%s' from instance '%s'", vol->id,
			  inst->id);
		return;
	}
	reply_attachment(call, vol, "detaching");
	if (str_eq(js(attachment, "status"), "attached") ||
	    str_eq(js(attachment, "status"), "attaching") || param_true(call, "Force"))
		volume_detach_begin(call->sim, vol, param_true(call, "Force"));
}

static void create_reply(struct call *call, const struct res *vol)
{
	json_t *shape = volume_render(call->sim, vol->truth);

	json_object_update(call->out, shape);
	json_decref(shape);
}

static int create_read(struct call *call, struct volume_make *make)
{
	struct res *snap = NULL;
	json_int_t least = 1;

	*make = (struct volume_make){ .zone = param(call, "AvailabilityZone"),
				      .snapshot = param(call, "SnapshotId"),
				      .type = *param(call, "VolumeType") ? param(call, "VolumeType")
									 : "gp2",
				      .iops = param_int(call, "Iops", 0),
				      .throughput = param_int(call, "Throughput", 0),
				      .encrypted = param_true(call, "Encrypted") };
	if (!str_starts(make->zone, sim_region(call->sim)) ||
	    strlen(make->zone) != strlen(sim_region(call->sim)) + 1) {
		call_fail(call, "InvalidParameterValue", "Invalid availability zone: [%s]",
			  make->zone);
		return -1;
	}
	if (!strstr(" standard io1 io2 gp2 gp3 sc1 st1 ", make->type)) {
		call_fail(call, "InvalidParameterValue", "Invalid volume type: %s", make->type);
		return -1;
	}
	if (*make->snapshot) {
		if (!(snap = call_find(call, &kind_snapshot, make->snapshot)))
			return -1;
		if (!js_is(snap->truth, "state", "completed")) {
			call_fail(call, "IncorrectState",
				  "Snapshot %s is not in the 'completed' state", snap->id);
			return -1;
		}
		least = ji(snap->truth, "size");
		make->encrypted |= jb(snap->truth, "encrypted");
	} else if (!param_has(call, "Size")) {
		call_fail(call, "MissingParameter",
			  "The request must contain the parameter size or snapshotId");
		return -1;
	}
	make->size = param_int(call, "Size", least);
	if (make->size < least || make->size > 16384) {
		call_fail(call, "InvalidParameterValue",
			  "The size of a volume must be between %lldGiB and 16384GiB",
			  (long long)least);
		return -1;
	}
	if (str_eq(make->type, "gp3")) {
		make->iops = make->iops ? make->iops : 3000;
		make->throughput = make->throughput ? make->throughput : 125;
	} else if (str_eq(make->type, "gp2")) {
		make->iops = make->size * 3 < 100     ? 100
			     : make->size * 3 > 16000 ? 16000
						      : make->size * 3;
	}
	return 0;
}

void create_volume(struct call *call)
{
	struct volume_make make;
	struct res *vol;
	json_t *ids = NULL;

	if (token_find(call, &ids)) {
		if (ids && (vol = world_get(call->sim, json_string_value(json_array_get(ids, 0)))))
			create_reply(call, vol);
		return;
	}
	if (create_read(call, &make))
		return;
	vol = volume_create(call->sim, &make);
	jset(vol->truth, "tags", param_tags(call, "volume"));
	json_array_append_new(call->new_ids, json_string(vol->id));
	token_keep(call);
	create_reply(call, vol);
}

void delete_volume(struct call *call)
{
	struct res *vol = call_find(call, &kind_volume, param(call, "VolumeId"));

	if (!vol)
		return;
	if (jhas(vol->truth, "attachment")) {
		call_fail(call, "VolumeInUse", "Volume %s is currently attached to %s", vol->id,
			  js(jget(vol->truth, "attachment"), "instance"));
		return;
	}
	if (!js_is(vol->truth, "state", "available") && !js_is(vol->truth, "state", "error")) {
		call_fail(call, "IncorrectState", "The volume '%s' is '%s'", vol->id,
			  js(vol->truth, "state"));
		return;
	}
	volume_delete(call->sim, vol);
	jset_b(call->out, "return", true);
}

static int modify_check(struct call *call, const struct res *vol, json_int_t size)
{
	const json_t *last = jget(vol->truth, "modification");

	if (size < ji(vol->truth, "size")) {
		call_fail(call, "InvalidParameterValue",
			  "New size cannot be smaller than existing size");
		return -1;
	}
	if (last && call->sim->now - jd(last, "start_time") < MODIFY_COOLDOWN_S) {
		call_fail(call, "VolumeModificationRateExceeded",
			  "You've reached the maximum modification rate per volume limit. Wait at "
			  "least 6 "
			  "hours between modifications per EBS volume.");
		return -1;
	}
	if (!js_is(vol->truth, "state", "available") && !js_is(vol->truth, "state", "in-use")) {
		call_fail(call, "IncorrectState", "The volume '%s' is '%s'", vol->id,
			  js(vol->truth, "state"));
		return -1;
	}
	return 0;
}

void modify_volume(struct call *call)
{
	struct res *vol = call_find(call, &kind_volume, param(call, "VolumeId"));
	json_t *modification, *out;
	cleanup(free) char *path = NULL;
	json_int_t size;

	if (!vol)
		return;
	size = param_int(call, "Size", ji(vol->truth, "size"));
	if (modify_check(call, vol, size))
		return;
	path = volume_path(call->sim, vol->id);
	if (size > ji(vol->truth, "size") && truncate(path, (off_t)size << 30)) {
		call_fail(call, "InternalError", "An internal error has occurred");
		return;
	}
	out = json_pack("{s:s,s:s,s:I,s:I,s:s,s:s,s:I}", "volumeId", vol->id, "modificationState",
			"modifying", "targetSize", size, "originalSize", ji(vol->truth, "size"),
			"targetVolumeType",
			*param(call, "VolumeType") ? param(call, "VolumeType")
						   : js(vol->truth, "type"),
			"originalVolumeType", js(vol->truth, "type"), "progress", (json_int_t)0);
	jset(out, "startTime", json_time(call->sim->now));
	jset(call->out, "volumeModification", out);
	modification = json_pack("{s:s,s:f}", "state", "modifying", "start_time", call->sim->now);
	jset(vol->truth, "modification", modification);
	jset_i(vol->truth, "size", size);
	if (param_has(call, "VolumeType"))
		jset_s(vol->truth, "type", param(call, "VolumeType"));
	if (param_has(call, "Iops"))
		jset_i(vol->truth, "iops", param_int(call, "Iops", 0));
	if (param_has(call, "Throughput"))
		jset_i(vol->truth, "throughput", param_int(call, "Throughput", 0));
	timer_set(vol, "modify", call->sim->now + latency(call->sim, vol, "modifying"));
}
