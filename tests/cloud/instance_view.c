/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/hash.h"
#include "tests/cloud/instance.h"
#include "tests/cloud/kinds.h"

#include <stdio.h>

/* Instances as Describe* shows them. */

const struct filter instance_filters[] = {
	{ "instance-id", "instanceId" },
	{ "instance-state-name", "instanceState.name" },
	{ "instance-state-code", "instanceState.code" },
	{ "instance-type", "instanceType" },
	{ "instance-lifecycle", "instanceLifecycle" },
	{ "image-id", "imageId" },
	{ "vpc-id", "vpcId" },
	{ "subnet-id", "subnetId" },
	{ "availability-zone", "placement.availabilityZone" },
	{ "tenancy", "placement.tenancy" },
	{ "architecture", "architecture" },
	{ "private-ip-address", "privateIpAddress" },
	{ "private-dns-name", "privateDnsName" },
	{ "ip-address", "ipAddress" },
	{ "dns-name", "dnsName" },
	{ "key-name", "keyName" },
	{ "launch-time", "launchTime" },
	{ "client-token", "clientToken" },
	{ "root-device-name", "rootDeviceName" },
	{ "root-device-type", "rootDeviceType" },
	{ "spot-instance-request-id", "spotInstanceRequestId" },
	{ "product-code", "productCodes.productCode" },
	{ "product-code.type", "productCodes.type" },
	{ "iam-instance-profile.arn", "iamInstanceProfile.arn" },
	{ "block-device-mapping.device-name", "blockDeviceMapping.deviceName" },
	{ "block-device-mapping.volume-id", "blockDeviceMapping.ebs.volumeId" },
	{ "block-device-mapping.status", "blockDeviceMapping.ebs.status" },
	{ "block-device-mapping.delete-on-termination",
	  "blockDeviceMapping.ebs.deleteOnTermination" },
	{ "network-interface.network-interface-id", "networkInterfaceSet.networkInterfaceId" },
	{ "network-interface.mac-address", "networkInterfaceSet.macAddress" },
	{ "instance.group-id", "groupSet.groupId" },
	{ "instance.group-name", "groupSet.groupName" },
	{ "hypervisor", "hypervisor" },
	{ "virtualization-type", "virtualizationType" },
	{ "state-reason-code", "stateReason.code" },
	{ "reservation-id", "reservationId" },
	{ "owner-id", "ownerId" },
	{ 0 },
};

json_t *tags_render(const json_t *v)
{
	json_t *list = json_array(), *value;
	const char *key;

	json_object_foreach (jget(v, "tags"), key, value)
		json_array_append_new(list, json_pack("{s:s,s:O}", "key", key, "value", value));
	return list;
}

static json_t *groups_render(struct sim *sim, const json_t *v)
{
	json_t *list = json_array();
	const json_t *id;
	size_t i;

	json_array_foreach (jget(v, "groups"), i, id) {
		const struct res *group = world_get(sim, json_string_value(id));

		json_array_append_new(list, json_pack("{s:s,s:s}", "groupId", json_string_value(id),
						      "groupName",
						      group ? js(group->truth, "name") : ""));
	}
	return list;
}

static json_t *mapping_render(const json_t *v)
{
	json_t *list = json_array(), *ebs;
	const json_t *m;
	size_t i;

	json_array_foreach (jget(v, "mapping"), i, m) {
		ebs = json_object();
		jcopy(ebs, "volumeId", m, "volume");
		jcopy(ebs, "status", m, "status");
		jset(ebs, "attachTime", json_time(jd(m, "attach_time")));
		jset_b(ebs, "deleteOnTermination", jb(m, "delete_on_termination"));
		json_array_append_new(
			list, json_pack("{s:s,s:o}", "deviceName", js(m, "device"), "ebs", ebs));
	}
	return list;
}

static json_t *codes_render(const json_t *v)
{
	json_t *list = json_array();
	const json_t *code;
	size_t i;

	json_array_foreach (jget(v, "product_codes"), i, code)
		json_array_append_new(
			list, json_pack("{s:s,s:s}", "productCode", js(code, "code"), "type",
					*js(code, "type") ? js(code, "type") : "marketplace"));
	return list;
}

/* One interface; `out` gets the members that DescribeInstances and DescribeNetworkInterfaces share.
 */
void interface_render(struct sim *sim, const json_t *inst, const json_t *eni, json_t *out)
{
	bool is_first = ji(eni, "device_index") == 0;
	json_t *attachment = json_object(), *address = json_object();
	const json_t *v6;
	size_t i;

	jcopy(out, "networkInterfaceId", eni, "id");
	jset_s(out, "status", "in-use");
	jcopy(out, "subnetId", *js(eni, "subnet") ? eni : inst, "subnet");
	jcopy(out, "vpcId", inst, "vpc");
	jcopy(out, "macAddress", eni, "mac");
	jcopy(out, "privateIpAddress", eni, "private_ip");
	jcopy(out, "privateDnsName", inst, "private_dns");
	jset_b(out, "sourceDestCheck",
	       jhas(eni, "source_dest_check") ? jb(eni, "source_dest_check")
					      : !jb(inst, "no_source_dest_check"));
	jset(out, "groupSet", groups_render(sim, jhas(eni, "groups") ? eni : inst));
	json_array_foreach (jget(eni, "ipv6"), i, v6) {
		if (!i)
			jset(out, "ipv6AddressesSet", json_array());
		json_array_append_new(jget(out, "ipv6AddressesSet"),
				      json_pack("{s:s}", "ipv6Address", json_string_value(v6)));
	}
	jset_s(attachment, "attachmentId", js(eni, "attachment"));
	jset_i(attachment, "deviceIndex", ji(eni, "device_index"));
	jset_s(attachment, "status", "attached");
	jset(attachment, "attachTime", json_time(jd(inst, "create_time")));
	jset_b(attachment, "deleteOnTermination", is_first);
	jset(out, "attachment", attachment);
	if (is_first && *js(inst, "public_ip"))
		jset(out, "association",
		     json_pack("{s:s,s:s}", "publicIp", js(inst, "public_ip"), "ipOwnerId",
			       address_of(sim, js(inst, "id")) ? sim_account(sim) : "amazon"));
	if (*js(eni, "public_ip"))
		jset(out, "association",
		     json_pack("{s:s,s:s}", "publicIp", js(eni, "public_ip"), "ipOwnerId",
			       sim_account(sim)));
	jcopy(address, "privateIpAddress", eni, "private_ip");
	jset_b(address, "primary", true);
	if (jhas(out, "association"))
		jset(address, "association", json_incref(jget(out, "association")));
	jset(out, "privateIpAddressesSet", json_pack("[o]", address));
	jset_s(out, "interfaceType", "interface");
}

static json_t *interfaces_render(struct sim *sim, const json_t *v)
{
	json_t *list = json_array(), *shape;
	const json_t *eni;
	size_t i;

	json_array_foreach (jget(v, "interfaces"), i, eni) {
		shape = json_object();
		interface_render(sim, v, eni, shape);
		jset_s(shape, "ownerId", sim_account(sim));
		json_array_append_new(list, shape);
	}
	return list;
}

static void render_network(struct sim *sim, const json_t *v, json_t *out)
{
	cleanup(free) char *dns = NULL;
	bool is_gone = js_is(v, "state", "terminated");

	jset_s(out, "privateDnsName", is_gone ? "" : js(v, "private_dns"));
	if (*js(v, "public_ip")) {
		jcopy(out, "ipAddress", v, "public_ip");
		dns = mem_printf("ec2-%s.%s.compute.amazonaws.com", js(v, "public_ip"),
				 sim_region(sim));
		for (char *p = dns; p < dns + 4 + strlen(js(v, "public_ip")); p++)
			*p = *p == '.' ? '-' : *p;
	}
	jset_s(out, "dnsName", dns ? dns : "");
	if (is_gone)
		return;
	jcopy(out, "subnetId", v, "subnet");
	jcopy(out, "vpcId", v, "vpc");
	jcopy(out, "privateIpAddress", v, "private_ip");
	jset_b(out, "sourceDestCheck", !jb(v, "no_source_dest_check"));
	jset(out, "groupSet", groups_render(sim, v));
	jset(out, "networkInterfaceSet", interfaces_render(sim, v));
}

/* As the user guide has it, "Determine the boot mode of an EC2 instance". */
static const char *boot_mode(const json_t *v)
{
	struct instance_type type = instance_type_of(js(v, "type"));
	const char *wanted = js(v, "boot_mode");

	if (str_eq(wanted, "uefi-preferred"))
		return type.is_nitro ? "uefi" : "legacy-bios";
	if (*wanted)
		return wanted;
	return type.is_arm ? "uefi" : "legacy-bios";
}

json_t *instance_render(struct sim *sim, const json_t *v)
{
	json_t *out = json_object(), *placement = json_object();

	jcopy(out, "instanceId", v, "id");
	jcopy(out, "imageId", v, "image");
	jset(out, "instanceState", state_render(js(v, "state")));
	jset_s(out, "reason", js(v, "transition_reason"));
	jcopy(out, "stateReason", v, "state_reason");
	jcopy(out, "keyName", v, "key_name");
	jset_i(out, "amiLaunchIndex", ji(v, "launch_index"));
	jset(out, "productCodes", codes_render(v));
	jcopy(out, "instanceType", v, "type");
	jset(out, "launchTime", json_time(jd(v, "launch_time")));
	jcopy(placement, "availabilityZone", v, "zone");
	jset_s(placement, "groupName", "");
	jset_s(placement, "tenancy", "default");
	jset(out, "placement", placement);
	jset(out, "monitoring", json_pack("{s:s}", "state", "disabled"));
	render_network(sim, v, out);
	jcopy(out, "architecture", v, "architecture");
	jcopy(out, "rootDeviceType", v, "root_device_type");
	jcopy(out, "rootDeviceName", v, "root_device_name");
	jset(out, "blockDeviceMapping", mapping_render(v));
	jset_s(out, "virtualizationType", "hvm");
	jcopy(out, "instanceLifecycle", v, "lifecycle");
	jcopy(out, "spotInstanceRequestId", v, "spot_request");
	jset_s(out, "clientToken", js(v, "client_token"));
	jset(out, "tagSet", tags_render(v));
	jset_s(out, "hypervisor", "xen");
	if (*js(v, "iam_profile"))
		jset(out, "iamInstanceProfile",
		     json_pack("{s:s,s:s}", "arn", js(v, "iam_profile"), "id",
			       "AIPAEXAMPLEEXAMPLE"));
	jset_b(out, "ebsOptimized", jb(v, "ebs_optimized"));
	jset_b(out, "enaSupport", !jhas(v, "ena_support") || jb(v, "ena_support"));
	jcopy(out, "bootMode", v, "boot_mode");
	jset_s(out, "currentInstanceBootMode", boot_mode(v));
	jcopy(out, "platform", v, "platform");
	jset_s(out, "platformDetails", "Linux/UNIX");
	jset(out, "hibernationOptions", json_pack("{s:b}", "configured", jb(v, "hibernation")));
	jset(out, "enclaveOptions", json_pack("{s:b}", "enabled", 0));
	jset(out, "metadataOptions",
	     json_pack("{s:s,s:s,s:i,s:s}", "state", "applied", "httpTokens", "optional",
		       "httpPutResponseHopLimit", 1, "httpEndpoint", "enabled"));
	json_object_update(out, jget(v, "raw"));
	return out;
}

/* ---- lists */
/* InstanceId.N: all must be visible; EC2 names every missing one. */
static int check_ids(struct call *call, const struct texts *ids)
{
	cleanup(str_done) struct str missing = STR_INIT;
	unsigned n = 0;

	vec_foreach (id, ids) {
		struct res *inst = world_get(call->sim, *id);

		if (!id_is_well_formed(*id, "i-")) {
			call_fail(call, kind_instance.malformed, "Invalid id: \"%s\"", *id);
			return -1;
		}
		if (!inst || !world_shown(call->sim, inst))
			str_addf(&missing, "%s%s", n++ ? ", " : "", *id);
	}
	if (n)
		call_fail(call, kind_instance.missing, "The instance ID%s '%s' do%s not exist",
			  n > 1 ? "s" : "", missing.s, n > 1 ? "" : "es");
	return n ? -1 : 0;
}

static bool is_asked_for(const struct texts *ids, const char *id)
{
	vec_foreach (v, ids)
		if (str_eq(*v, id))
			return true;
	return !ids->count;
}

static json_t *reservation(json_t *set, struct sim *sim, const json_t *v)
{
	json_t *r;
	size_t i;

	json_array_foreach (set, i, r)
		if (js_is(r, "reservationId", js(v, "reservation")))
			return jget(r, "instancesSet");
	r = json_pack("{s:s,s:s,s:[],s:[]}", "reservationId", js(v, "reservation"), "ownerId",
		      sim_account(sim), "groupSet", "instancesSet");
	json_array_append_new(set, r);
	return jget(r, "instancesSet");
}

void describe_instances(struct call *call)
{
	cleanup(texts_done) struct texts ids = param_list(call, "InstanceId");
	json_t *list = json_array(), *set = json_array(), *shape;
	int match;
	size_t i;

	jset(call->out, "reservationSet", set);
	if (!check_ids(call, &ids)) {
		sim_foreach (res, call->sim, &kind_instance) {
			const json_t *v = world_shown(call->sim, res);

			if (!v || !is_asked_for(&ids, res->id))
				continue;
			shape = instance_render(call->sim, v);
			jset_s(shape, "ownerId", sim_account(call->sim));
			jset_s(shape, "reservationId", js(v, "reservation"));
			match = filters_match(call, instance_filters, shape);
			if (match > 0)
				json_array_append(list, shape);
			json_decref(shape);
			if (match < 0)
				break;
		}
		call_page(call, list, ids.count > 0);
	}
	json_array_foreach (list, i, shape) {
		struct res *res = world_get(call->sim, js(shape, "instanceId"));

		json_object_del(shape, "ownerId");
		json_object_del(shape, "reservationId");
		json_array_append(reservation(set, call->sim, res->truth), shape);
	}
	json_decref(list);
}

static json_t *status_part(const char *status)
{
	const char *detail = str_eq(status, "ok")	  ? "passed"
			     : str_eq(status, "impaired") ? "failed"
							  : status;
	json_t *out = json_pack("{s:s}", "status", status);

	if (!str_eq(status, "not-applicable"))
		jset(out, "details",
		     json_pack("[{s:s,s:s}]", "name", "reachability", "status", detail));
	return out;
}

static json_t *status_render(const json_t *v)
{
	bool is_running = js_is(v, "state", "running");
	const char *status = !is_running	? "not-applicable"
			     : *js(v, "status") ? js(v, "status")
						: "ok";
	/* An impaired guest runs on a healthy host. */
	const char *system = str_eq(status, "impaired") ? "ok" : status;
	json_t *out = json_object();

	jcopy(out, "instanceId", v, "id");
	jcopy(out, "availabilityZone", v, "zone");
	jset(out, "instanceState", state_render(js(v, "state")));
	jset(out, "systemStatus",
	     status_part(*js(v, "system_status") && is_running ? js(v, "system_status") : system));
	jset(out, "instanceStatus", status_part(status));
	jcopy(out, "eventsSet", v, "events");
	return out;
}

void describe_instance_status(struct call *call)
{
	static const struct filter filters[] = {
		{ "instance-state-name", "instanceState.name" },
		{ "instance-state-code", "instanceState.code" },
		{ "instance-status.status", "instanceStatus.status" },
		{ "instance-status.reachability", "instanceStatus.details.status" },
		{ "system-status.status", "systemStatus.status" },
		{ "system-status.reachability", "systemStatus.details.status" },
		{ "availability-zone", "availabilityZone" },
		{ "event.code", "eventsSet.code" },
		{ 0 },
	};
	cleanup(texts_done) struct texts ids = param_list(call, "InstanceId");
	bool all = param_true(call, "IncludeAllInstances");
	json_t *list = json_array();

	jset(call->out, "instanceStatusSet", list);
	if (check_ids(call, &ids))
		return;
	sim_foreach (res, call->sim, &kind_instance) {
		const json_t *v = world_shown(call->sim, res);
		json_t *shape;

		if (!v || !is_asked_for(&ids, res->id) || (!all && !js_is(v, "state", "running")))
			continue;
		shape = status_render(v);
		if (filters_match(call, filters, shape) > 0)
			json_array_append(list, shape);
		json_decref(shape);
	}
	call_page(call, list, ids.count > 0);
}

void get_console_output(struct call *call)
{
	struct res *inst = call_find(call, &kind_instance, param(call, "InstanceId"));
	cleanup(str_done) struct str text = STR_INIT, encoded = STR_INIT;

	if (!inst)
		return;
	if (param_true(call, "Latest") && !instance_type_of(js(inst->truth, "type")).is_nitro) {
		call_fail(call, "UnsupportedOperation",
			  "This instance type does not support retrieving the latest console logs. "
			  "Please "
			  "retry your request without the 'latest' parameter.");
		return;
	}
	jset_s(call->out, "instanceId", inst->id);
	if (console_read(call->sim, inst->id, &text)) {
		jset(call->out, "timestamp", json_time(call->sim->now));
		return; /* no output yet: the element is absent */
	}
	jset(call->out, "timestamp", json_time(jd(inst->truth, "console_time")));
	str_add_base64(&encoded, text.s, text.len);
	jset_s(call->out, "output", encoded.s);
}
