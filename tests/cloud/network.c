/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cloud/instance.h"
#include "tests/cloud/kinds.h"

/* Networks, addresses, spot requests, Auto Scaling groups: what a rescue only reads. "raw" of a
 * description is laid over what is shown, in EC2's own shape. */

#define OVER(out, v) json_object_update(out, jget(v, "raw"))

const struct filter vpc_filters[] = {
	{ "vpc-id", "vpcId" },
	{ "cidr", "cidrBlock" },
	{ "cidr-block", "cidrBlock" },
	{ "state", "state" },
	{ "is-default", "isDefault" },
	{ "isDefault", "isDefault" },
	{ 0 },
};

json_t *vpc_render(struct sim *sim, const json_t *v)
{
	json_t *out = json_object();

	jcopy(out, "vpcId", v, "id");
	jset_s(out, "ownerId", sim_account(sim));
	jset_s(out, "state", "available");
	jcopy(out, "cidrBlock", v, "cidr");
	jset_s(out, "dhcpOptionsId", "default");
	jset_s(out, "instanceTenancy", "default");
	jset_b(out, "isDefault", jb(v, "is_default"));
	jset(out, "cidrBlockAssociationSet",
	     json_pack("[{s:s,s:s,s:{s:s}}]", "associationId", "vpc-cidr-assoc-1", "cidrBlock",
		       js(v, "cidr"), "cidrBlockState", "state", "associated"));
	if (jhas(v, "cidr_v6"))
		jset(out, "ipv6CidrBlockAssociationSet",
		     json_pack("[{s:s}]", "ipv6CidrBlock", js(v, "cidr_v6")));
	jset(out, "tagSet", tags_render(v));
	OVER(out, v);
	return out;
}

int vpc_load(struct sim *sim, json_t *in, struct err *err)
{
	(void)err;
	jdefault(in, "cidr", json_string("172.31.0.0/16"));
	jdefault(in, "tags", json_object());
	world_add(sim, &kind_vpc, js(in, "id"), json_incref(in));
	return 0;
}

const struct filter subnet_filters[] = {
	{ "subnet-id", "subnetId" },
	{ "vpc-id", "vpcId" },
	{ "availability-zone", "availabilityZone" },
	{ "availabilityZone", "availabilityZone" },
	{ "cidr-block", "cidrBlock" },
	{ "state", "state" },
	{ "default-for-az", "defaultForAz" },
	{ 0 },
};

json_t *subnet_render(struct sim *sim, const json_t *v)
{
	json_t *out = json_object();

	jcopy(out, "subnetId", v, "id");
	jset_s(out, "ownerId", sim_account(sim));
	jset_s(out, "state", "available");
	jcopy(out, "vpcId", v, "vpc");
	jcopy(out, "cidrBlock", v, "cidr");
	jset_i(out, "availableIpAddressCount", 4000);
	jcopy(out, "availabilityZone", v, "zone");
	jset_b(out, "defaultForAz", jb(v, "default_for_az"));
	jset_b(out, "mapPublicIpOnLaunch", jb(v, "map_public_ip"));
	jset_b(out, "assignIpv6AddressOnCreation", false);
	if (jhas(v, "cidr_v6"))
		jset(out, "ipv6CidrBlockAssociationSet",
		     json_pack("[{s:s}]", "ipv6CidrBlock", js(v, "cidr_v6")));
	jset(out, "tagSet", tags_render(v));
	OVER(out, v);
	return out;
}

int subnet_load(struct sim *sim, json_t *in, struct err *err)
{
	cleanup(free) char *zone = mem_printf("%sa", sim_region(sim));

	if (!*js(in, "vpc"))
		return err_set(err, ERR_MALFORMED, "subnet %s has no \"vpc\"", js(in, "id"));
	jdefault(in, "zone", json_string(zone));
	jdefault(in, "cidr", json_string("172.31.0.0/20"));
	jdefault(in, "tags", json_object());
	world_add(sim, &kind_subnet, js(in, "id"), json_incref(in));
	return 0;
}

/* The default VPC of the account, its subnets and group, made when something needs them. */
static struct res *default_vpc(struct sim *sim)
{
	cleanup(free) char *id = NULL, *table = NULL, *gateway = NULL;

	sim_foreach (vpc, sim, &kind_vpc)
		return vpc;
	id = id_new(sim, "vpc-");
	table = id_new(sim, "rtb-");
	gateway = id_new(sim, "igw-");
	vpc_furnish(sim, id, NULL);
	world_add(sim, &kind_internet_gateway, gateway,
		  json_pack("{s:s,s:s,s:{}}", "id", gateway, "vpc", id, "tags"));
	world_add(
		sim, &kind_route_table, table,
		json_pack(
			"{s:s,s:s,s:{},s:[{s:b,s:s,s:s}],s:[{s:s,s:s,s:s,s:s},{s:s,s:s,s:s,s:s}]}",
			"id", table, "vpc", id, "tags", "associations", "main", 1,
			"routeTableAssociationId", "rtbassoc-0123456789abcdef0", "routeTableId",
			table, "routes", "destinationCidrBlock", "172.31.0.0/16", "gatewayId",
			"local", "state", "active", "origin", "CreateRouteTable",
			"destinationCidrBlock", "0.0.0.0/0", "gatewayId", gateway, "state",
			"active", "origin", "CreateRoute"));
	return world_add(sim, &kind_vpc, id,
			 json_pack("{s:s,s:s,s:b,s:{}}", "id", id, "cidr", "172.31.0.0/16",
				   "is_default", 1, "tags"));
}

struct res *default_subnet(struct sim *sim, const char *zone)
{
	cleanup(free) char *id = NULL;

	sim_foreach (subnet, sim, &kind_subnet)
		if (js_is(subnet->truth, "zone", zone))
			return subnet;
	id = id_new(sim, "subnet-");
	return world_add(sim, &kind_subnet, id,
			 json_pack("{s:s,s:s,s:s,s:s,s:b,s:b,s:{}}", "id", id, "vpc",
				   default_vpc(sim)->id, "zone", zone, "cidr", "172.31.0.0/20",
				   "default_for_az", 1, "map_public_ip", 1, "tags"));
}

struct res *default_group(struct sim *sim, const char *vpc)
{
	cleanup(free) char *id = NULL;
	json_t *in;

	sim_foreach (group, sim, &kind_security_group)
		if (js_is(group->truth, "vpc", vpc))
			return group;
	id = id_new(sim, "sg-");
	/* As the console's launch wizard makes it: ssh from anywhere. */
	in = json_pack("{s:s,s:s,s:s,s:s,s:{},s:[{s:s,s:i,s:i,s:s}],s:[{s:s,s:s}]}", "id", id,
		       "name", "launch-wizard-1", "vpc", vpc, "description",
		       "launch-wizard created", "tags", "ingress", "protocol", "tcp", "from", 22,
		       "to", 22, "cidr", "0.0.0.0/0", "egress", "protocol", "-1", "cidr",
		       "0.0.0.0/0");
	return world_add(sim, &kind_security_group, id, in);
}

const struct filter security_group_filters[] = {
	{ "group-id", "groupId" },
	{ "group-name", "groupName" },
	{ "vpc-id", "vpcId" },
	{ "description", "groupDescription" },
	{ "ip-permission.protocol", "ipPermissions.ipProtocol" },
	{ "ip-permission.from-port", "ipPermissions.fromPort" },
	{ "ip-permission.to-port", "ipPermissions.toPort" },
	{ "ip-permission.cidr", "ipPermissions.ipRanges.cidrIp" },
	{ 0 },
};

/* A rule: {"protocol": "tcp", "from": 22, "to": 22, "cidr": "0.0.0.0/0"} or in EC2's shape. */
static json_t *rules_render(const json_t *rules)
{
	json_t *list = json_array(), *out;
	const json_t *r;
	size_t i;

	json_array_foreach (rules, i, r) {
		if (jhas(r, "ipProtocol")) {
			json_array_append(list, (json_t *)r);
			continue;
		}
		out = json_pack("{s:s,s:[],s:[],s:[],s:[]}", "ipProtocol",
				*js(r, "protocol") ? js(r, "protocol") : "-1", "groups", "ipRanges",
				"ipv6Ranges", "prefixListIds");
		jcopy(out, "fromPort", r, "from");
		jcopy(out, "toPort", r, "to");
		if (strchr(js(r, "cidr"), ':'))
			json_array_append_new(jget(out, "ipv6Ranges"),
					      json_pack("{s:s}", "cidrIpv6", js(r, "cidr")));
		else if (jhas(r, "cidr"))
			json_array_append_new(jget(out, "ipRanges"),
					      json_pack("{s:s}", "cidrIp", js(r, "cidr")));
		if (jhas(r, "prefix_list"))
			json_array_append_new(
				jget(out, "prefixListIds"),
				json_pack("{s:s}", "prefixListId", js(r, "prefix_list")));
		if (jhas(r, "group"))
			json_array_append_new(jget(out, "groups"),
					      json_pack("{s:s}", "groupId", js(r, "group")));
		json_array_append_new(list, out);
	}
	return list;
}

json_t *security_group_render(struct sim *sim, const json_t *v)
{
	json_t *out = json_object();

	jset_s(out, "ownerId", sim_account(sim));
	jcopy(out, "groupId", v, "id");
	jcopy(out, "groupName", v, "name");
	jset_s(out, "groupDescription", js(v, "description"));
	jcopy(out, "vpcId", v, "vpc");
	jset(out, "ipPermissions", rules_render(jget(v, "ingress")));
	jset(out, "ipPermissionsEgress", rules_render(jget(v, "egress")));
	jset(out, "tagSet", tags_render(v));
	OVER(out, v);
	return out;
}

int security_group_load(struct sim *sim, json_t *in, struct err *err)
{
	(void)err;
	jdefault(in, "name", json_string(js(in, "id")));
	if (!*js(in, "vpc"))
		jset_s(in, "vpc", default_vpc(sim)->id);
	jdefault(in, "egress", json_pack("[{s:s,s:s}]", "protocol", "-1", "cidr", "0.0.0.0/0"));
	jdefault(in, "tags", json_object());
	world_add(sim, &kind_security_group, js(in, "id"), json_incref(in));
	return 0;
}

const struct filter route_table_filters[] = {
	{ "route-table-id", "routeTableId" },
	{ "vpc-id", "vpcId" },
	{ "association.subnet-id", "associationSet.subnetId" },
	{ "association.main", "associationSet.main" },
	{ "route.destination-cidr-block", "routeSet.destinationCidrBlock" },
	{ "route.gateway-id", "routeSet.gatewayId" },
	{ "route.nat-gateway-id", "routeSet.natGatewayId" },
	{ "route.state", "routeSet.state" },
	{ 0 },
};

json_t *route_table_render(struct sim *sim, const json_t *v)
{
	json_t *out = json_object();

	jcopy(out, "routeTableId", v, "id");
	jcopy(out, "vpcId", v, "vpc");
	jset_s(out, "ownerId", sim_account(sim));
	jset(out, "routeSet", jhas(v, "routes") ? json_incref(jget(v, "routes")) : json_array());
	jset(out, "associationSet",
	     jhas(v, "associations") ? json_incref(jget(v, "associations")) : json_array());
	jset(out, "propagatingVgwSet", json_array());
	jset(out, "tagSet", tags_render(v));
	OVER(out, v);
	return out;
}

int route_table_load(struct sim *sim, json_t *in, struct err *err)
{
	(void)err;
	if (!*js(in, "vpc"))
		jset_s(in, "vpc", default_vpc(sim)->id);
	jdefault(in, "tags", json_object());
	world_add(sim, &kind_route_table, js(in, "id"), json_incref(in));
	return 0;
}

const struct filter address_filters[] = {
	{ "allocation-id", "allocationId" },
	{ "association-id", "associationId" },
	{ "domain", "domain" },
	{ "instance-id", "instanceId" },
	{ "network-interface-id", "networkInterfaceId" },
	{ "private-ip-address", "privateIpAddress" },
	{ "public-ip", "publicIp" },
	{ 0 },
};

json_t *address_render(struct sim *sim, const json_t *v)
{
	struct res *inst = world_get(sim, js(v, "instance"));
	const json_t *eni = inst ? json_array_get(jget(inst->truth, "interfaces"), 0) : NULL;
	json_t *out = json_object();
	cleanup(free) char *association =
		mem_printf("eipassoc-%s", js(v, "id") + strlen("eipalloc-"));

	jcopy(out, "publicIp", v, "public_ip");
	jcopy(out, "allocationId", v, "id");
	jset_s(out, "domain", "vpc");
	if (inst) {
		jset_s(out, "instanceId", inst->id);
		jset_s(out, "associationId", association);
		jcopy(out, "networkInterfaceId", eni, "id");
		jcopy(out, "privateIpAddress", eni, "private_ip");
		jset_s(out, "networkInterfaceOwnerId", sim_account(sim));
	}
	jset_s(out, "networkBorderGroup", sim_region(sim));
	jset(out, "tagSet", tags_render(v));
	OVER(out, v);
	return out;
}

int address_load(struct sim *sim, json_t *in, struct err *err)
{
	struct res *inst = world_get(sim, js(in, "instance"));

	if (!*js(in, "public_ip"))
		return err_set(err, ERR_MALFORMED, "address %s has no \"public_ip\"", js(in, "id"));
	jdefault(in, "tags", json_object());
	world_add(sim, &kind_address, js(in, "id"), json_incref(in));
	if (inst) {
		jset_s(inst->truth, "public_ip", js(in, "public_ip"));
		json_object_del(inst->truth, "public_auto");
		world_touch(inst);
	}
	return 0;
}
