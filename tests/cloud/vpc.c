/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cloud/instance.h"
#include "tests/cloud/kinds.h"

/* What stands between a packet and an instance: network ACLs, gateways, peering connections, prefix lists, and the
 * changes of rules and routes. "raw" of a description is laid over what is shown, in EC2's own shape. */

#define OVER(out, v) json_object_update(out, jget(v, "raw"))

const struct filter network_acl_filters[] = {
	{ "network-acl-id", "networkAclId" },
	{ "vpc-id", "vpcId" },
	{ "default", "default" },
	{ "association.subnet-id", "associationSet.subnetId" },
	{ 0 },
};

static json_t *entry(int number, bool is_egress, const char *action, const char *family,
		     const char *cidr)
{
	return json_pack("{s:i,s:s,s:s,s:b,s:s}", "ruleNumber", number, "protocol", "-1",
			 "ruleAction", action, "egress", is_egress, family, cidr);
}

/* What every ACL ends with. */
static void add_last(json_t *list)
{
	for (int egress = 0; egress < 2; egress++) {
		json_array_append_new(list, entry(32767, egress, "deny", "cidrBlock", "0.0.0.0/0"));
		json_array_append_new(list, entry(32768, egress, "deny", "ipv6CidrBlock", "::/0"));
	}
}

/* {"number", "action", "egress"?, "protocol"? "-1", "cidr", "from"?, "to"?, "type"?, "code"?} */
static json_t *entry_render(const json_t *e)
{
	const char *cidr = js(e, "cidr");
	json_t *out = entry((int)ji(e, "number"), jb(e, "egress"), js(e, "action"),
			    strchr(cidr, ':') ? "ipv6CidrBlock" : "cidrBlock", cidr);

	if (*js(e, "protocol"))
		jcopy(out, "protocol", e, "protocol");
	if (jhas(e, "from"))
		jset(out, "portRange",
		     json_pack("{s:I,s:I}", "from", (json_int_t)ji(e, "from"), "to",
			       (json_int_t)ji(e, "to")));
	if (jhas(e, "type"))
		jset(out, "icmpTypeCode",
		     json_pack("{s:I,s:I}", "type", (json_int_t)ji(e, "type"), "code",
			       (json_int_t)ji(e, "code")));
	return out;
}

json_t *network_acl_render(struct sim *sim, const json_t *v)
{
	json_t *out = json_object(), *entries = json_array(), *associations = json_array();
	const json_t *item;
	size_t i;

	jcopy(out, "networkAclId", v, "id");
	jcopy(out, "vpcId", v, "vpc");
	jset_s(out, "ownerId", sim_account(sim));
	jset_b(out, "default", jb(v, "default"));
	json_array_foreach (jget(v, "entries"), i, item)
		json_array_append_new(entries, entry_render(item));
	add_last(entries);
	json_array_foreach (jget(v, "subnets"), i, item)
		json_array_append_new(associations,
				      json_pack("{s:s,s:s,s:s}", "networkAclAssociationId",
						"aclassoc-0123456789abcdef0", "networkAclId",
						js(v, "id"), "subnetId", json_string_value(item)));
	jset(out, "entrySet", entries);
	jset(out, "associationSet", associations);
	jset(out, "tagSet", tags_render(v));
	OVER(out, v);
	return out;
}

int network_acl_load(struct sim *sim, json_t *in, struct err *err)
{
	if (!*js(in, "vpc"))
		return err_set(err, ERR_MALFORMED, "network ACL %s has no \"vpc\"", js(in, "id"));
	jdefault(in, "tags", json_object());
	jdefault(in, "entries", json_array());
	world_add(sim, &kind_network_acl, js(in, "id"), json_incref(in));
	return 0;
}

/* An account's VPC has an ACL that lets everything through, and an internet gateway. */
void vpc_furnish(struct sim *sim, const char *vpc, const json_t *subnets)
{
	cleanup(free) char *acl = id_new(sim, "acl-");
	json_t *entries = json_array();

	for (int egress = 0; egress < 2; egress++)
		json_array_append_new(entries,
				      json_pack("{s:i,s:s,s:s,s:b}", "number", 100, "action",
						"allow", "cidr", "0.0.0.0/0", "egress", egress));
	world_add(sim, &kind_network_acl, acl,
		  json_pack("{s:s,s:s,s:b,s:o,s:O?,s:{}}", "id", acl, "vpc", vpc, "default", 1,
			    "entries", entries, "subnets", subnets, "tags"));
}

const struct filter internet_gateway_filters[] = {
	{ "internet-gateway-id", "internetGatewayId" },
	{ "attachment.vpc-id", "attachmentSet.vpcId" },
	{ "attachment.state", "attachmentSet.state" },
	{ 0 },
};

json_t *internet_gateway_render(struct sim *sim, const json_t *v)
{
	json_t *out = json_object();

	jcopy(out, "internetGatewayId", v, "id");
	jset_s(out, "ownerId", sim_account(sim));
	jset(out, "attachmentSet",
	     *js(v, "vpc") ? json_pack("[{s:s,s:s}]", "vpcId", js(v, "vpc"), "state", "available")
			   : json_array());
	jset(out, "tagSet", tags_render(v));
	OVER(out, v);
	return out;
}

/* {"id", "vpc"?}: attached to it */
int internet_gateway_load(struct sim *sim, json_t *in, struct err *err)
{
	(void)err;
	jdefault(in, "tags", json_object());
	world_add(sim, &kind_internet_gateway, js(in, "id"), json_incref(in));
	return 0;
}

const struct filter nat_gateway_filters[] = {
	{ "nat-gateway-id", "natGatewayId" },
	{ "vpc-id", "vpcId" },
	{ "subnet-id", "subnetId" },
	{ "state", "state" },
	{ 0 },
};

json_t *nat_gateway_render(struct sim *sim, const json_t *v)
{
	const struct res *subnet = world_get(sim, js(v, "subnet"));
	json_t *out = json_object();

	jcopy(out, "natGatewayId", v, "id");
	jset_s(out, "state", *js(v, "state") ? js(v, "state") : "available");
	jcopy(out, "subnetId", v, "subnet");
	if (subnet)
		jcopy(out, "vpcId", subnet->truth, "vpc");
	jset_s(out, "connectivityType", *js(v, "connectivity") ? js(v, "connectivity") : "public");
	jset(out, "tagSet", tags_render(v));
	OVER(out, v);
	return out;
}

int nat_gateway_load(struct sim *sim, json_t *in, struct err *err)
{
	(void)err;
	jdefault(in, "tags", json_object());
	world_add(sim, &kind_nat_gateway, js(in, "id"), json_incref(in));
	return 0;
}

const struct filter peering_filters[] = {
	{ "vpc-peering-connection-id", "vpcPeeringConnectionId" },
	{ "status-code", "status.code" },
	{ "accepter-vpc-info.vpc-id", "accepterVpcInfo.vpcId" },
	{ "requester-vpc-info.vpc-id", "requesterVpcInfo.vpcId" },
	{ 0 },
};

static json_t *side_render(struct sim *sim, const json_t *side)
{
	json_t *out = json_object();

	jcopy(out, "vpcId", side, "vpc");
	jcopy(out, "cidrBlock", side, "cidr");
	jset_s(out, "region", *js(side, "region") ? js(side, "region") : sim_region(sim));
	jset_s(out, "ownerId", *js(side, "owner") ? js(side, "owner") : sim_account(sim));
	if (jhas(side, "cidr"))
		jset(out, "cidrBlockSet", json_pack("[{s:s}]", "cidrBlock", js(side, "cidr")));
	if (jhas(side, "cidr_v6"))
		jset(out, "ipv6CidrBlockSet",
		     json_pack("[{s:s}]", "ipv6CidrBlock", js(side, "cidr_v6")));
	return out;
}

json_t *peering_render(struct sim *sim, const json_t *v)
{
	const char *status = *js(v, "status") ? js(v, "status") : "active";
	json_t *out = json_object();

	jcopy(out, "vpcPeeringConnectionId", v, "id");
	jset(out, "status", json_pack("{s:s,s:s}", "code", status, "message", status));
	jset(out, "accepterVpcInfo", side_render(sim, jget(v, "accepter")));
	jset(out, "requesterVpcInfo", side_render(sim, jget(v, "requester")));
	jset(out, "tagSet", tags_render(v));
	OVER(out, v);
	return out;
}

int peering_load(struct sim *sim, json_t *in, struct err *err)
{
	(void)err;
	jdefault(in, "tags", json_object());
	world_add(sim, &kind_peering, js(in, "id"), json_incref(in));
	return 0;
}

const struct filter prefix_list_filters[] = {
	{ "prefix-list-id", "prefixListId" },
	{ 0 },
};

json_t *prefix_list_render(struct sim *sim, const json_t *v)
{
	json_t *out = json_object();

	jcopy(out, "prefixListId", v, "id");
	jset_s(out, "ownerId", sim_account(sim));
	OVER(out, v);
	return out;
}

int prefix_list_load(struct sim *sim, json_t *in, struct err *err)
{
	(void)err;
	world_add(sim, &kind_prefix_list, js(in, "id"), json_incref(in));
	return 0;
}

void get_managed_prefix_list_entries(struct call *call)
{
	struct res *list = call_find(call, &kind_prefix_list, param(call, "PrefixListId"));
	json_t *entries = json_array();
	const json_t *cidr;
	size_t i;

	jset(call->out, "entrySet", entries);
	json_array_foreach (list ? jget(list->truth, "entries") : NULL, i, cidr)
		json_array_append_new(entries, json_pack("{s:s}", "cidr", json_string_value(cidr)));
	call_page(call, entries, false);
}

/* The setting "public_block": {"mode", "exclusions"? [{"resource", "mode"}]} */
void describe_vpc_block_public_access_options(struct call *call)
{
	const json_t *block = jget(call->sim->settings->truth, "public_block");

	jset(call->out, "vpcBlockPublicAccessOptions",
	     json_pack("{s:s,s:s,s:s,s:s}", "awsAccountId", sim_account(call->sim), "awsRegion",
		       sim_region(call->sim), "state", "default-state", "internetGatewayBlockMode",
		       *js(block, "mode") ? js(block, "mode") : "off"));
}

void describe_vpc_block_public_access_exclusions(struct call *call)
{
	const json_t *block = jget(call->sim->settings->truth, "public_block"), *e;
	json_t *list = json_array();
	size_t i;

	jset(call->out, "vpcBlockPublicAccessExclusionSet", list);
	json_array_foreach (jget(block, "exclusions"), i, e) {
		cleanup(free) char *arn = mem_printf(
			"arn:aws:ec2:%s:%s:%s/%s", sim_region(call->sim), sim_account(call->sim),
			str_starts(js(e, "resource"), "vpc-") ? "vpc" : "subnet",
			js(e, "resource"));

		json_array_append_new(list, json_pack("{s:s,s:s,s:s}", "resourceArn", arn,
						      "internetGatewayExclusionMode", js(e, "mode"),
						      "state", "create-complete"));
	}
	call_page(call, list, false);
}

/* ---- changes */

static json_t *find_entry(const struct res *acl, json_int_t number, bool is_egress, size_t *ret)
{
	json_t *e;

	size_t i;

	json_array_foreach (jget(acl->truth, "entries"), i, e) {
		*ret = i;
		if (ji(e, "number") == number && jb(e, "egress") == is_egress)
			return e;
	}
	return NULL;
}

void create_network_acl_entry(struct call *call)
{
	struct res *acl = call_find(call, &kind_network_acl, param(call, "NetworkAclId"));
	json_int_t number = param_int(call, "RuleNumber", 0);
	bool is_egress = param_true(call, "Egress");
	const char *cidr = param_has(call, "CidrBlock") ? param(call, "CidrBlock")
							: param(call, "Ipv6CidrBlock");
	json_t *e;
	size_t at;

	if (!acl)
		return;
	if (number < 1 || number > 32766) {
		call_fail(call, "InvalidParameterValue",
			  "Value (%lld) for parameter ruleNumber is invalid.", (long long)number);
		return;
	}
	if (find_entry(acl, number, is_egress, &at)) {
		call_fail(call, "NetworkAclEntryAlreadyExists",
			  "The network acl entry identified by %lld already exists.",
			  (long long)number);
		return;
	}
	e = json_pack("{s:I,s:s,s:b,s:s,s:s}", "number", number, "action",
		      param(call, "RuleAction"), "egress", is_egress, "protocol",
		      param(call, "Protocol"), "cidr", cidr);
	if (param_has(call, "PortRange.From")) {
		jset_i(e, "from", param_int(call, "PortRange.From", 0));
		jset_i(e, "to", param_int(call, "PortRange.To", 0));
	}
	if (param_has(call, "Icmp.Type")) {
		jset_i(e, "type", param_int(call, "Icmp.Type", 0));
		jset_i(e, "code", param_int(call, "Icmp.Code", 0));
	}
	json_array_append_new(jget(acl->truth, "entries"), e);
	world_touch(acl);
	jset_b(call->out, "return", true);
}

void delete_network_acl_entry(struct call *call)
{
	struct res *acl = call_find(call, &kind_network_acl, param(call, "NetworkAclId"));
	json_int_t number = param_int(call, "RuleNumber", 0);
	size_t at;

	if (!acl)
		return;
	if (!find_entry(acl, number, param_true(call, "Egress"), &at)) {
		call_fail(call, "InvalidNetworkAclEntry.NotFound",
			  "The network acl entry %lld does not exist.", (long long)number);
		return;
	}
	json_array_remove(jget(acl->truth, "entries"), at);
	world_touch(acl);
	jset_b(call->out, "return", true);
}

static json_t *find_route(const struct res *table, const char *cidr, size_t *ret)
{
	json_t *route;

	size_t i;

	json_array_foreach (jget(table->truth, "routes"), i, route) {
		*ret = i;
		if (js_is(route, "destinationCidrBlock", cidr))
			return route;
	}
	return NULL;
}

static bool is_there(struct sim *sim, const char *target)
{
	const json_t *eni;
	size_t i;

	if (!str_starts(target, "eni-"))
		return str_eq(target, "local") || world_get(sim, target);
	sim_foreach (inst, sim, &kind_instance)
		json_array_foreach (jget(inst->truth, "interfaces"), i, eni)
			if (js_is(eni, "id", target))
				return true;
	return false;
}

/* What leads to nothing is shown as that; the real service refuses most of it. */
static json_t *route_of(struct call *call)
{
	static const char *const targets[][2] = { { "GatewayId", "gatewayId" },
						  { "NatGatewayId", "natGatewayId" },
						  { "NetworkInterfaceId", "networkInterfaceId" } };
	json_t *route = json_pack("{s:s,s:s,s:s}", "destinationCidrBlock",
				  param(call, "DestinationCidrBlock"), "state", "active", "origin",
				  "CreateRoute");

	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		const char *target = param(call, targets[i][0]);

		if (!*target)
			continue;
		jset_s(route, targets[i][1], target);
		if (!is_there(call->sim, target))
			jset_s(route, "state", "blackhole");
	}
	return route;
}

static void change_route(struct call *call, bool is_new)
{
	struct res *table = call_find(call, &kind_route_table, param(call, "RouteTableId"));
	const char *cidr = param(call, "DestinationCidrBlock");
	bool is_there;
	size_t at;

	if (!table)
		return;
	if (!jhas(table->truth, "routes"))
		jset(table->truth, "routes", json_array());
	is_there = find_route(table, cidr, &at);
	if (is_new && is_there) {
		call_fail(call, "RouteAlreadyExists", "The route identified by %s already exists.",
			  cidr);
		return;
	}
	if (!is_new && !is_there) {
		call_fail(call, "InvalidParameterValue",
			  "There is no route defined for '%s' in the route table. Use CreateRoute "
			  "instead.",
			  cidr);
		return;
	}
	if (is_there)
		json_array_set_new(jget(table->truth, "routes"), at, route_of(call));
	else
		json_array_append_new(jget(table->truth, "routes"), route_of(call));
	world_touch(table);
	jset_b(call->out, "return", true);
}

void create_route(struct call *call)
{
	change_route(call, true);
}

void replace_route(struct call *call)
{
	change_route(call, false);
}

void delete_route(struct call *call)
{
	struct res *table = call_find(call, &kind_route_table, param(call, "RouteTableId"));
	const char *cidr = param(call, "DestinationCidrBlock");
	size_t at;

	if (!table)
		return;
	if (!find_route(table, cidr, &at)) {
		call_fail(call, "InvalidRoute.NotFound",
			  "no route with destination-cidr-block %s in route table %s", cidr,
			  table->id);
		return;
	}
	json_array_remove(jget(table->truth, "routes"), at);
	world_touch(table);
	jset_b(call->out, "return", true);
}

/* An interface of an instance is a part of it; one that was made by itself is a resource, too. */
void modify_network_interface_attribute(struct call *call)
{
	const char *id = param(call, "NetworkInterfaceId");
	json_t *eni;
	size_t i;

	sim_foreach (inst, call->sim, &kind_instance) {
		json_array_foreach (jget(inst->truth, "interfaces"), i, eni) {
			if (!js_is(eni, "id", id) || js_is(inst->truth, "state", "terminated"))
				continue;
			if (param_has(call, "SourceDestCheck.Value"))
				jset_b(eni, "source_dest_check",
				       param_true(call, "SourceDestCheck.Value"));
			world_touch(inst);
			jset_b(call->out, "return", true);
			return;
		}
	}
	call_fail(call, "InvalidNetworkInterfaceID.NotFound",
		  "The networkInterface ID '%s' does not exist", id);
}
