/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/hash.h"
#include "tests/cloud/instance.h"
#include "tests/cloud/kinds.h"
#include "tests/cloud/machine.h"
#include "tests/cloud/volume.h"

#include <stdio.h>

/* Instances come to be: RunInstances, and those a world description starts with. */

static void add_interface(struct sim *sim, json_t *in)
{
	cleanup(free) char *eni = id_new(sim, "eni-"), *attach = id_new(sim, "eni-attach-");
	struct sha256 digest = sha256_of(eni, strlen(eni));
	char mac[32], ip[32];

	snprintf(mac, sizeof(mac), "02:%02x:%02x:%02x:%02x:%02x", digest.b[0], digest.b[1],
		 digest.b[2], digest.b[3], digest.b[4]);
	if (machine_is_real(in)) /* others of other simulators run beside this one */
		snprintf(ip, sizeof(ip), "127.%d.%d.%d", 100 + (int)getpid() % 100, digest.b[5],
			 digest.b[6] % 250 + 4);
	else
		snprintf(ip, sizeof(ip), "172.31.%d.%d", digest.b[5] & 15, digest.b[6] % 250 + 4);
	jdefault(in, "private_ip", json_string(ip));
	jdefault(in, "interfaces",
		 json_pack("[{s:s,s:s,s:s,s:i,s:s}]", "id", eni, "mac", mac, "private_ip",
			   js(in, "private_ip"), "device_index", 0, "attachment", attach));
}

static void complete_network(struct sim *sim, json_t *in)
{
	cleanup(free) char *zone = mem_printf("%sa", sim_region(sim)), *dns = NULL;
	struct res *subnet = world_get(sim, js(in, "subnet"));
	json_t *eni;
	size_t i;

	if (subnet)
		jset_s(in, "zone", js(subnet->truth, "zone"));
	jdefault(in, "zone", json_string(zone));
	if (!subnet)
		subnet = default_subnet(sim, js(in, "zone"));
	jset_s(in, "subnet", subnet->id);
	jset_s(in, "vpc", js(subnet->truth, "vpc"));
	if (!json_array_size(jget(in, "groups")))
		jset(in, "groups", json_pack("[s]", default_group(sim, js(in, "vpc"))->id));
	add_interface(sim, in);
	json_array_foreach (jget(in, "interfaces"), i, eni) {
		jdefault(eni, "device_index", json_integer((json_int_t)i));
		jdefault(eni, "private_ip", json_string(js(in, "private_ip")));
	}
	dns = mem_printf("ip-%s.%s.compute.internal", js(in, "private_ip"), sim_region(sim));
	for (char *p = dns; p < dns + 3 + strlen(js(in, "private_ip")); p++)
		*p = *p == '.' ? '-' : *p;
	jdefault(in, "private_dns", json_string(dns));
}

void instance_complete(struct sim *sim, json_t *in)
{
	cleanup(free) char *reservation = id_new(sim, "r-");

	jdefault(in, "state", json_string("running"));
	jdefault(in, "type", json_string("t3.micro"));
	jdefault(in, "root_device_name", json_string("/dev/xvda"));
	jdefault(in, "root_device_type", json_string("ebs"));
	jdefault(in, "image", json_string("ami-00000000000000001"));
	jdefault(in, "architecture",
		 json_string(instance_type_of(js(in, "type")).is_arm ? "arm64" : "x86_64"));
	jdefault(in, "shutdown_behavior", json_string("stop"));
	jdefault(in, "reservation", json_string(reservation));
	jdefault(in, "create_time", json_real(sim->now - 86400));
	jdefault(in, "launch_time",
		 jd(in, "create_time") > 0 ? json_real(jd(in, "create_time"))
					   : json_real(sim->now));
	jdefault(in, "tags", json_object());
	jdefault(in, "mapping", json_array());
	if (js_is(in, "state", "running"))
		jdefault(in, "status", json_string("ok"));
	if (jhas(in, "asg"))
		jdefault(in, "asg_state", json_string("InService"));
	complete_network(sim, in);
}

/* ---- from a world description */
static int load_volumes(struct sim *sim, struct res *inst, json_t *volumes, struct err *err)
{
	json_t *v;
	size_t i;

	json_array_foreach (volumes, i, v) {
		cleanup(free) char *id =
			*js(v, "volume_id") ? mem_strdup(js(v, "volume_id")) : id_new(sim, "vol-");
		cleanup(free) char *device = mem_strdup(js(v, "device"));
		bool goes = jb(v, "delete_on_termination");
		struct res *vol;

		jset_s(v, "id", id);
		json_object_del(v, "volume_id");
		json_object_del(v, "device");
		json_object_del(v, "delete_on_termination");
		jdefault(v, "zone", json_string(js(inst->truth, "zone")));
		if (!world_get(sim, id) && volume_load(sim, v, err))
			return err_in(err, "%s", inst->id);
		vol = world_get(sim, id);
		if (str_eq(device, js(inst->truth, "root_device_name")) &&
		    jhas(inst->truth, "product_codes"))
			jset(vol->truth, "product_codes",
			     json_deep_copy(jget(inst->truth, "product_codes")));
		volume_attach(sim, vol, inst, device, goes, 0);
		timer_drop(vol, "link");
		if (str_eq(inst->id, js(setting(sim, "imds"), "instance")) &&
		    js_is(inst->truth, "state", "running"))
			device_appear(sim, vol);
	}
	return 0;
}

static void load_address(struct sim *sim, struct res *inst)
{
	const char *ip = js(inst->truth, "eip");
	cleanup(free) char *id = id_new(sim, "eipalloc-");

	if (*ip && !address_of(sim, inst->id))
		world_add(sim, &kind_address, id,
			  json_pack("{s:s,s:s,s:s,s:{}}", "id", id, "public_ip", ip, "instance",
				    inst->id, "tags"));
	if (*ip)
		jset_s(inst->truth, "public_ip", ip);
	else if (*js(inst->truth, "public_ip"))
		jdefault(inst->truth, "public_auto", json_true());
}

int instance_load(struct sim *sim, json_t *in, struct err *err)
{
	json_t *volumes = json_incref(jget(in, "volumes"));
	struct res *inst;
	int result;

	json_object_del(in, "volumes");
	instance_complete(sim, in);
	if (boot_load(sim, in, err)) {
		json_decref(volumes);
		return -1;
	}
	inst = world_add(sim, &kind_instance, js(in, "id"), json_incref(in));
	result = load_volumes(sim, inst, volumes, err);
	json_decref(volumes);
	if (result)
		return -1;
	load_address(sim, inst);
	spot_request_of(sim, inst);
	if (js_is(in, "state", "running") && js_is(in, "status", "ok") &&
	    jhas(jget(in, "boot"), "sshd_listen"))
		jset_b(inst->truth, "sshd_open", !sshd_open(sim, inst));
	/* A description may catch an instance in the middle of a change. */
	if (state_code(js(in, "state")) % 64 == 0 && !timer_is_set(inst, "state"))
		timer_set(inst, "state", sim->now + latency(sim, inst, "stopping"));
	return 0;
}

/* ---- RunInstances */
struct run {
	struct call *call;
	struct res *image;
	const char *zone;
	json_int_t count;
	bool is_public;
};

static int read_place(struct run *run)
{
	struct call *call = run->call;
	const char *subnet_id = *param(call, "SubnetId")
					? param(call, "SubnetId")
					: param(call, "NetworkInterface.1.SubnetId");
	struct res *subnet = NULL;

	if (param_has(call, "NetworkInterface.1.DeviceIndex") &&
	    (*param(call, "SubnetId") || param_has(call, "SecurityGroupId.1"))) {
		call_fail(
			call, "InvalidParameterCombination",
			"Network interfaces and an instance-level subnet ID or security groups may "
			"not be specified on the same request");
		return -1;
	}
	run->zone = param(call, "Placement.AvailabilityZone");
	if (*subnet_id && !(subnet = call_find(call, &kind_subnet, subnet_id)))
		return -1;
	if (subnet && *run->zone && !js_is(subnet->truth, "zone", run->zone)) {
		call_fail(call, "InvalidParameterCombination",
			  "The availability zone does not match the subnet");
		return -1;
	}
	if (subnet)
		run->zone = js(subnet->truth, "zone");
	run->is_public = param_true(call, "NetworkInterface.1.AssociatePublicIpAddress") ||
			 (subnet && jb(subnet->truth, "map_public_ip"));
	return 0;
}

static int read_run(struct run *run)
{
	struct call *call = run->call;
	json_int_t min = param_int(call, "MinCount", 1);
	const char *type = *param(call, "InstanceType") ? param(call, "InstanceType") : "m1.small";

	if (!*param(call, "ImageId")) {
		call_fail(call, "MissingParameter",
			  "The request must contain the parameter ImageId");
		return -1;
	}
	run->count = param_int(call, "MaxCount", 1);
	if (min < 1 || run->count < min || run->count > 1000) {
		call_fail(call, "InvalidParameterValue",
			  "Value ( %lld ) for parameter maxCount is invalid.",
			  (long long)run->count);
		return -1;
	}
	if (!instance_type_of(type).is_known) {
		call_fail(call, "InvalidParameterValue", "Invalid value '%s' for InstanceType.",
			  type);
		return -1;
	}
	if (!(run->image = call_find(call, &kind_image, param(call, "ImageId"))))
		return -1;
	if (!js_is(run->image->truth, "state", "available")) {
		call_fail(call, "InvalidAMIID.Unavailable", "The image ID '%s' is not available",
			  run->image->id);
		return -1;
	}
	if (instance_type_of(type).is_arm != js_is(run->image->truth, "architecture", "arm64")) {
		call_fail(call, "InvalidParameterValue",
			  "The architecture '%s' of the specified instance type does not match the "
			  "architecture of the specified AMI.",
			  instance_type_of(type).is_arm ? "arm64" : "x86_64");
		return -1;
	}
	return read_place(run);
}

/* The image's mapping with the request's overrides by device name. */
static void add_volumes(struct run *run, struct res *inst)
{
	struct call *call = run->call;
	json_t *list = json_deep_copy(jget(run->image->truth, "mapping")), *m;
	size_t k;

	for (unsigned i = 1; i <= param_count(call, "BlockDeviceMapping"); i++) {
		const char *device = param_at(call, "BlockDeviceMapping.%u.DeviceName", i);
		const char *goes =
			param_at(call, "BlockDeviceMapping.%u.Ebs.DeleteOnTermination", i);
		const char *size = param_at(call, "BlockDeviceMapping.%u.Ebs.VolumeSize", i);
		const char *type = param_at(call, "BlockDeviceMapping.%u.Ebs.VolumeType", i);
		const char *snapshot = param_at(call, "BlockDeviceMapping.%u.Ebs.SnapshotId", i);
		json_t *hit = NULL;

		json_array_foreach (list, k, m)
			if (js_is(m, "device", device))
				hit = m;
		if (!hit) {
			hit = json_pack("{s:s,s:b}", "device", device, "delete_on_termination", 1);
			json_array_append_new(list, hit);
		}
		if (*goes)
			jset_b(hit, "delete_on_termination", str_eq(goes, "true"));
		if (*size)
			jset_i(hit, "size", strtoll(size, NULL, 10));
		if (*type)
			jset_s(hit, "type", type);
		if (*snapshot)
			jset_s(hit, "snapshot", snapshot);
	}
	json_array_foreach (list, k, m) {
		struct res *snap = world_get(call->sim, js(m, "snapshot"));
		struct volume_make make = { .zone = js(inst->truth, "zone"),
					    .type = *js(m, "type") ? js(m, "type") : "gp2",
					    .snapshot = snap ? snap->id : "",
					    .size = ji(m, "size") ? ji(m, "size")
						    : snap	  ? ji(snap->truth, "size")
								  : 8 };
		struct res *vol = volume_create(call->sim, &make);

		jset(vol->truth, "tags", param_tags(call, "volume"));
		if (js_is(m, "device", js(inst->truth, "root_device_name")) &&
		    jhas(run->image->truth, "product_codes"))
			jset(vol->truth, "product_codes",
			     json_deep_copy(jget(run->image->truth, "product_codes")));
		volume_attach(call->sim, vol, inst, js(m, "device"),
			      !jhas(m, "delete_on_termination") || jb(m, "delete_on_termination"),
			      0);
		json_array_append_new(call->new_ids, json_string(vol->id));
	}
	json_decref(list);
}

static json_t *describe_one(struct run *run, json_int_t index, const char *id,
			    const char *reservation)
{
	struct call *call = run->call;
	cleanup(texts_done) struct texts groups =
		param_list(call, param_has(call, "NetworkInterface.1.SecurityGroupId.1")
					 ? "NetworkInterface.1.SecurityGroupId"
					 : "SecurityGroupId");
	json_t *in = json_pack("{s:s,s:s,s:s,s:s}", "id", id, "reservation", reservation, "state",
			       "pending", "image", run->image->id);
	const char *subnet = *param(call, "SubnetId") ? param(call, "SubnetId")
						      : param(call, "NetworkInterface.1.SubnetId");

	jset_s(in, "type", *param(call, "InstanceType") ? param(call, "InstanceType") : "m1.small");
	jset_s(in, "root_device_name", js(run->image->truth, "root_device_name"));
	jcopy(in, "boot_mode", run->image->truth, "boot_mode");
	jcopy(in, "boot", run->image->truth, "boot");
	if (*subnet)
		jset_s(in, "subnet", subnet);
	if (*run->zone)
		jset_s(in, "zone", run->zone);
	jset(in, "groups", json_array());
	vec_foreach (group, &groups)
		json_array_append_new(jget(in, "groups"), json_string(*group));
	if (run->is_public)
		jset_b(in, "public_auto", true);
	jset_i(in, "launch_index", index);
	jset_n(in, "create_time", run->call->sim->now);
	jset_s(in, "client_token", param(call, "ClientToken"));
	jset_s(in, "key_name", param(call, "KeyName"));
	jset_s(in, "user_data", param(call, "UserData"));
	if (*param(call, "IamInstanceProfile.Arn"))
		jset_s(in, "iam_profile", param(call, "IamInstanceProfile.Arn"));
	jset_b(in, "disable_api_termination", param_true(call, "DisableApiTermination"));
	jset_b(in, "disable_api_stop", param_true(call, "DisableApiStop"));
	jset_b(in, "ebs_optimized", param_true(call, "EbsOptimized"));
	if (*param(call, "InstanceInitiatedShutdownBehavior"))
		jset_s(in, "shutdown_behavior", param(call, "InstanceInitiatedShutdownBehavior"));
	if (*param(call, "PrivateIpAddress"))
		jset_s(in, "private_ip", param(call, "PrivateIpAddress"));
	if (str_eq(param(call, "InstanceMarketOptions.MarketType"), "spot")) {
		jset_s(in, "lifecycle", "spot");
		jset_s(in, "spot_type",
		       param(call, "InstanceMarketOptions.SpotOptions.SpotInstanceType"));
		jset_s(in, "spot_interruption",
		       param(call,
			     "InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior"));
	}
	jset(in, "tags", param_tags(call, "instance"));
	return in;
}

static void run_reply(struct call *call, const json_t *ids)
{
	json_t *set = json_array();
	const json_t *id;
	size_t i;

	json_array_foreach (ids, i, id) {
		struct res *inst = world_get(call->sim, json_string_value(id));

		if (!inst || inst->kind != &kind_instance)
			continue;
		jset_s(call->out, "reservationId", js(inst->truth, "reservation"));
		json_array_append_new(set, instance_render(call->sim, inst->truth));
	}
	jset_s(call->out, "ownerId", sim_account(call->sim));
	jset(call->out, "groupSet", json_array());
	jset(call->out, "instancesSet", set);
}

void run_instances(struct call *call)
{
	struct run run = { .call = call };
	cleanup(free) char *reservation = id_new(call->sim, "r-");
	json_t *ids = NULL;

	if (token_find(call, &ids)) {
		if (ids)
			run_reply(call, ids);
		return;
	}
	if (read_run(&run) || (str_eq(param(call, "InstanceMarketOptions.MarketType"), "spot") &&
			       spot_refuses(call, param(call, "InstanceType"), run.zone)))
		return;
	for (json_int_t i = 0; i < run.count; i++) {
		cleanup(free) char *id = id_new(call->sim, "i-");
		json_t *in = describe_one(&run, i, id, reservation);
		struct res *inst;

		json_array_append_new(call->new_ids, json_string(id));
		instance_complete(call->sim, in);
		inst = world_add(call->sim, &kind_instance, id, in);
		spot_request_of(call->sim, inst);
		add_volumes(&run, inst);
		public_address_assign(call->sim, inst);
		timer_set(inst, "state", call->sim->now + latency(call->sim, inst, "run_pending"));
	}
	token_keep(call);
	run_reply(call, call->new_ids);
}
