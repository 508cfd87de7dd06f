/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cloud/instance.h"
#include "tests/cloud/kinds.h"

/* Zones, regions, interfaces: further things that are only read. */

void describe_network_interfaces(struct call *call)
{
	static const struct filter filters[] = {
		{ "network-interface-id", "networkInterfaceId" },
		{ "attachment.instance-id", "attachment.instanceId" },
		{ "attachment.device-index", "attachment.deviceIndex" },
		{ "vpc-id", "vpcId" },
		{ "subnet-id", "subnetId" },
		{ "availability-zone", "availabilityZone" },
		{ "private-ip-address", "privateIpAddress" },
		{ "addresses.private-ip-address", "privateIpAddressesSet.privateIpAddress" },
		{ "ipv6-addresses.ipv6-address", "ipv6AddressesSet.ipv6Address" },
		{ "mac-address", "macAddress" },
		{ "group-id", "groupSet.groupId" },
		{ "status", "status" },
		{ 0 },
	};
	cleanup(texts_done) struct texts ids = param_list(call, "NetworkInterfaceId");
	json_t *list = json_array(), *shape, *found = json_object();
	const json_t *eni;
	size_t i;

	jset(call->out, "networkInterfaceSet", list);
	sim_foreach (inst, call->sim, &kind_instance) {
		const json_t *v = world_shown(call->sim, inst);

		if (!v || js_is(v, "state", "terminated"))
			continue;
		json_array_foreach (jget(v, "interfaces"), i, eni) {
			bool asked = !ids.count;

			vec_foreach (id, &ids)
				asked |= js_is(eni, "id", *id);
			if (!asked)
				continue;
			jset_b(found, js(eni, "id"), true);
			shape = json_object();
			interface_render(call->sim, v, eni, shape);
			jset_s(jget(shape, "attachment"), "instanceId", inst->id);
			jset_s(jget(shape, "attachment"), "instanceOwnerId",
			       sim_account(call->sim));
			jcopy(shape, "availabilityZone", v, "zone");
			jset_s(shape, "ownerId", sim_account(call->sim));
			jset_b(shape, "requesterManaged", false);
			jset(shape, "tagSet", json_array());
			if (filters_match(call, filters, shape) > 0)
				json_array_append(list, shape);
			json_decref(shape);
		}
	}
	sim_foreach (alone, call->sim, &kind_eni) {
		bool asked = !ids.count;

		vec_foreach (id, &ids)
			asked |= str_eq(*id, alone->id);
		if (!asked || *js(alone->truth, "instance"))
			continue;
		jset_b(found, alone->id, true);
		shape = eni_render(call->sim, alone->truth);
		if (filters_match(call, filters, shape) > 0)
			json_array_append(list, shape);
		json_decref(shape);
	}
	vec_foreach (id, &ids)
		if (!jb(found, *id))
			call_fail(call, "InvalidNetworkInterfaceID.NotFound",
				  "The networkInterface ID '%s' does not exist", *id);
	json_decref(found);
	call_page(call, list, ids.count > 0);
}

void describe_availability_zones(struct call *call)
{
	static const struct filter filters[] = { { "zone-name", "zoneName" },
						 { "zone-id", "zoneId" },
						 { "state", "zoneState" },
						 { "region-name", "regionName" },
						 { 0 } };
	cleanup(texts_done) struct texts names = param_list(call, "ZoneName");
	json_t *list = json_array(), *shape;

	jset(call->out, "availabilityZoneInfo", list);
	for (int letter = 'a'; letter <= 'c'; letter++) {
		cleanup(free) char *name = mem_printf("%s%c", sim_region(call->sim), letter);
		cleanup(free) char *id = mem_printf("sim1-az%d", letter - 'a' + 1);
		bool asked = !names.count;

		vec_foreach (n, &names)
			asked |= str_eq(*n, name);
		if (!asked)
			continue;
		shape = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "zoneName", name, "zoneState",
				  "available", "regionName", sim_region(call->sim), "zoneId", id,
				  "zoneType", "availability-zone", "optInStatus",
				  "opt-in-not-required");
		if (filters_match(call, filters, shape) > 0)
			json_array_append(list, shape);
		json_decref(shape);
	}
	if (names.count && !json_array_size(list))
		call_fail(call, "InvalidParameterValue", "Invalid availability zone: [%s]",
			  names.items[0]);
}

void describe_regions(struct call *call)
{
	cleanup(free) char *host = mem_printf("ec2.%s.amazonaws.com", sim_region(call->sim));

	jset(call->out, "regionInfo",
	     json_pack("[{s:s,s:s,s:s}]", "regionName", sim_region(call->sim), "regionEndpoint",
		       host, "optInStatus", "opt-in-not-required"));
}
