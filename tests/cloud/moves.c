/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/hash.h"
#include "tests/cloud/instance.h"
#include "tests/cloud/kinds.h"

#include <stdio.h>

/* What outlives an instance and goes to the next one: Elastic IP addresses, and interfaces that were made by
 * themselves. */

const struct filter eni_filters[] = { { "network-interface-id", "networkInterfaceId" }, { 0 } };

/* While it is attached the instance shows it. */
json_t *eni_render(struct sim *sim, const json_t *v)
{
	json_t *out = json_object();

	jcopy(out, "networkInterfaceId", v, "id");
	jset_s(out, "status", *js(v, "instance") ? "in-use" : "available");
	jcopy(out, "subnetId", v, "subnet");
	jcopy(out, "availabilityZone", v, "zone");
	jcopy(out, "macAddress", v, "mac");
	jcopy(out, "privateIpAddress", v, "private_ip");
	jset_s(out, "ownerId", sim_account(sim));
	jset(out, "tagSet", tags_render(v));
	json_object_update(out, jget(v, "raw"));
	return out;
}

static void eni_join(struct sim *sim, struct res *eni, struct res *inst, json_int_t index)
{
	cleanup(free) char *attachment = id_new(sim, "eni-attach-");
	json_t *list = jget(inst->truth, "interfaces");

	jset_s(eni->truth, "instance", inst->id);
	world_touch(eni);
	if (!list) {
		list = json_array();
		jset(inst->truth, "interfaces", list);
	}
	json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:s,s:i,s:s,s:b}", "id", eni->id, "mac",
					      js(eni->truth, "mac"), "private_ip",
					      js(eni->truth, "private_ip"), "subnet",
					      js(eni->truth, "subnet"), "device_index", (int)index,
					      "attachment", attachment, "stays", 1));
	world_touch(inst);
}

/* {"id", "subnet", "private_ip"?, "mac"?, "instance"?, "device_index"? 1} */
int eni_load(struct sim *sim, json_t *in, struct err *err)
{
	struct sha256 digest = sha256_of(js(in, "id"), strlen(js(in, "id")));
	struct res *subnet = world_get(sim, js(in, "subnet")), *inst;
	cleanup(free) char *owner = mem_strdup(js(in, "instance"));
	char mac[32];

	if (!subnet)
		return err_set(err, ERR_MALFORMED, "interface %s has no \"subnet\" that is there",
			       js(in, "id"));
	snprintf(mac, sizeof(mac), "02:%02x:%02x:%02x:%02x:%02x", digest.b[0], digest.b[1],
		 digest.b[2], digest.b[3], digest.b[4]);
	jdefault(in, "mac", json_string(mac));
	jdefault(in, "private_ip", json_string("172.31.15.15"));
	jset_s(in, "zone", js(subnet->truth, "zone"));
	jdefault(in, "tags", json_object());
	json_object_del(in, "instance");
	world_add(sim, &kind_eni, js(in, "id"), json_incref(in));
	inst = world_get(sim, owner);
	if (inst)
		eni_join(sim, world_get(sim, js(in, "id")), inst,
			 jhas(in, "device_index") ? ji(in, "device_index") : 1);
	return 0;
}

void enis_release(struct sim *sim, struct res *inst)
{
	json_t *list = jget(inst->truth, "interfaces");

	for (size_t i = json_array_size(list); i-- > 0;) {
		struct res *eni = world_get(sim, js(json_array_get(list, i), "id"));

		if (!eni)
			continue;
		json_object_del(eni->truth, "instance");
		world_touch(eni);
		json_array_remove(list, i);
	}
}

static struct res *running(struct call *call)
{
	struct res *inst = call_find(call, &kind_instance, param(call, "InstanceId"));
	int code = inst ? state_code(js(inst->truth, "state")) : 0;

	if (inst && code != 16 && code != 80 && code != 0) {
		call_fail(call, "IncorrectInstanceState",
			  "The instance '%s' is not in a state for it.", inst->id);
		return NULL;
	}
	return inst;
}

void attach_network_interface(struct call *call)
{
	struct res *eni = call_find(call, &kind_eni, param(call, "NetworkInterfaceId"));
	struct res *inst = eni ? running(call) : NULL;

	if (!inst)
		return;
	if (*js(eni->truth, "instance")) {
		call_fail(call, "InvalidParameterValue", "Interface: %s is in use, attached to %s.",
			  eni->id, js(eni->truth, "instance"));
		return;
	}
	if (!js_is(eni->truth, "zone", js(inst->truth, "zone"))) {
		call_fail(
			call, "InvalidParameterCombination",
			"You may not attach a network interface to an instance if they are not in "
			"the same availability zone");
		return;
	}
	eni_join(call->sim, eni, inst, param_int(call, "DeviceIndex", 1));
	jset_s(call->out, "attachmentId",
	       js(json_array_get(jget(inst->truth, "interfaces"),
				 json_array_size(jget(inst->truth, "interfaces")) - 1),
		  "attachment"));
}

void associate_address(struct call *call)
{
	struct res *address = call_find(call, &kind_address, param(call, "AllocationId"));
	struct res *inst = address ? running(call) : NULL, *before;
	cleanup(free) char *association = NULL;

	if (!inst)
		return;
	before = world_get(call->sim, js(address->truth, "instance"));
	if (before && before != inst && !param_true(call, "AllowReassociation")) {
		call_fail(call, "Resource.AlreadyAssociated",
			  "resource %s is already associated with associate-id", address->id);
		return;
	}
	if (before && before != inst) {
		json_object_del(before->truth, "public_ip");
		world_touch(before);
	}
	jset_s(address->truth, "instance", inst->id);
	world_touch(address);
	jset_s(inst->truth, "public_ip", js(address->truth, "public_ip"));
	world_touch(inst);
	association = mem_printf("eipassoc-%s", address->id + strlen("eipalloc-"));
	jset_s(call->out, "associationId", association);
	jset_b(call->out, "return", true);
}
