/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cloud/call.h"
#include "tests/cloud/kinds.h"

#include <ctype.h>

const struct kind kind_settings = { .name = "settings" };
/* A ClientToken: what was asked with it and what came of it. */
const struct kind kind_token = { .name = "client-token" };

const struct kind kind_instance = {
	.name = "instance",
	.plural = "instances",
	.prefix = "i-",
	.malformed = "InvalidInstanceID.Malformed",
	.malformed_text = "Invalid id: \"%s\"",
	.missing = "InvalidInstanceID.NotFound",
	.missing_text = "The instance ID '%s' does not exist",
	.render = instance_render,
	.filters = instance_filters,
	.timer = instance_timer,
	.load = instance_load,
};
const struct kind kind_volume = {
	.name = "volume",
	.plural = "volumes",
	.prefix = "vol-",
	.malformed = "InvalidParameterValue",
	.malformed_text = "Value (%s) for parameter volumes is invalid. Expected: 'vol-...'.",
	.missing = "InvalidVolume.NotFound",
	.missing_text = "The volume '%s' does not exist.",
	.render = volume_render,
	.filters = volume_filters,
	.timer = volume_timer,
	.load = volume_load,
};
const struct kind kind_snapshot = {
	.name = "snapshot",
	.plural = "snapshots",
	.prefix = "snap-",
	.malformed = "InvalidSnapshotID.Malformed",
	.malformed_text =
		"The snapshot ID '%s' is not valid. The expected format is snap-xxxxxxxx or "
		"snap-xxxxxxxxxxxxxxxxx.",
	.missing = "InvalidSnapshot.NotFound",
	.missing_text = "The snapshot '%s' does not exist.",
	.render = snapshot_render,
	.filters = snapshot_filters,
	.timer = snapshot_timer,
	.load = snapshot_load,
};
const struct kind kind_image = {
	.name = "image",
	.plural = "images",
	.prefix = "ami-",
	.malformed = "InvalidAMIID.Malformed",
	.malformed_text = "Invalid id: \"%s\" (expecting \"ami-...\")",
	.missing = "InvalidAMIID.NotFound",
	.missing_text = "The image id '[%s]' does not exist",
	.render = image_render,
	.filters = image_filters,
	.load = image_load,
};
const struct kind kind_replace = {
	.name = "replace-root-volume-task",
	.plural = "replace_root_volume_tasks",
	.prefix = "replacevol-",
	.malformed = "InvalidReplaceRootVolumeTaskId.Malformed",
	.malformed_text = "Invalid id: \"%s\"",
	.missing = "InvalidReplaceRootVolumeTaskId.NotFound",
	.missing_text = "The replace root volume task ID '%s' does not exist",
	.render = replace_render,
	.filters = replace_filters,
	.timer = replace_timer,
	.load = replace_load,
};
const struct kind kind_vpc = {
	.name = "vpc",
	.plural = "vpcs",
	.prefix = "vpc-",
	.malformed = "InvalidVpcID.Malformed",
	.malformed_text = "Invalid id: \"%s\"",
	.missing = "InvalidVpcID.NotFound",
	.missing_text = "The vpc ID '%s' does not exist",
	.render = vpc_render,
	.filters = vpc_filters,
	.load = vpc_load,
};
const struct kind kind_subnet = {
	.name = "subnet",
	.plural = "subnets",
	.prefix = "subnet-",
	.malformed = "InvalidSubnetID.Malformed",
	.malformed_text = "Invalid id: \"%s\"",
	.missing = "InvalidSubnetID.NotFound",
	.missing_text = "The subnet ID '%s' does not exist",
	.render = subnet_render,
	.filters = subnet_filters,
	.load = subnet_load,
};
const struct kind kind_security_group = {
	.name = "security-group",
	.plural = "security_groups",
	.prefix = "sg-",
	.malformed = "InvalidGroupId.Malformed",
	.malformed_text = "Invalid id: \"%s\" (expecting \"sg-...\")",
	.missing = "InvalidGroup.NotFound",
	.missing_text = "The security group '%s' does not exist",
	.render = security_group_render,
	.filters = security_group_filters,
	.load = security_group_load,
};
const struct kind kind_route_table = {
	.name = "route-table",
	.plural = "route_tables",
	.prefix = "rtb-",
	.malformed = "InvalidRouteTableID.Malformed",
	.malformed_text = "Invalid id: \"%s\"",
	.missing = "InvalidRouteTableID.NotFound",
	.missing_text = "The routeTable ID '%s' does not exist",
	.render = route_table_render,
	.filters = route_table_filters,
	.load = route_table_load,
};
const struct kind kind_network_acl = {
	.name = "network-acl",
	.plural = "network_acls",
	.prefix = "acl-",
	.malformed = "InvalidNetworkAclID.Malformed",
	.malformed_text = "Invalid id: \"%s\"",
	.missing = "InvalidNetworkAclID.NotFound",
	.missing_text = "The networkAcl ID '%s' does not exist",
	.render = network_acl_render,
	.filters = network_acl_filters,
	.load = network_acl_load,
};
const struct kind kind_internet_gateway = {
	.name = "internet-gateway",
	.plural = "internet_gateways",
	.prefix = "igw-",
	.malformed = "InvalidInternetGatewayId.Malformed",
	.malformed_text = "Invalid id: \"%s\"",
	.missing = "InvalidInternetGatewayID.NotFound",
	.missing_text = "The internetGateway ID '%s' does not exist",
	.render = internet_gateway_render,
	.filters = internet_gateway_filters,
	.load = internet_gateway_load,
};
const struct kind kind_nat_gateway = {
	.name = "natgateway",
	.plural = "nat_gateways",
	.prefix = "nat-",
	.malformed = "NatGatewayMalformed",
	.malformed_text = "The request must contain a valid NAT gateway id: %s",
	.missing = "NatGatewayNotFound",
	.missing_text = "NAT gateway %s was not found",
	.render = nat_gateway_render,
	.filters = nat_gateway_filters,
	.load = nat_gateway_load,
};
const struct kind kind_peering = {
	.name = "vpc-peering-connection",
	.plural = "peerings",
	.prefix = "pcx-",
	.malformed = "InvalidVpcPeeringConnectionId.Malformed",
	.malformed_text = "Invalid id: \"%s\"",
	.missing = "InvalidVpcPeeringConnectionID.NotFound",
	.missing_text = "The vpcPeeringConnection ID '%s' does not exist",
	.render = peering_render,
	.filters = peering_filters,
	.load = peering_load,
};
const struct kind kind_prefix_list = {
	.name = "prefix-list",
	.plural = "prefix_lists",
	.prefix = "pl-",
	.malformed = "InvalidPrefixListID.Malformed",
	.malformed_text = "Invalid id: \"%s\"",
	.missing = "InvalidPrefixListID.NotFound",
	.missing_text = "The prefix list ID '%s' does not exist",
	.render = prefix_list_render,
	.filters = prefix_list_filters,
	.load = prefix_list_load,
};
const struct kind kind_address = {
	.name = "elastic-ip",
	.plural = "addresses",
	.prefix = "eipalloc-",
	.malformed = "InvalidAllocationID.Malformed",
	.malformed_text = "Invalid id: \"%s\"",
	.missing = "InvalidAllocationID.NotFound",
	.missing_text = "The allocation ID '%s' does not exist",
	.render = address_render,
	.filters = address_filters,
	.load = address_load,
};
const struct kind kind_asg = {
	.name = "auto-scaling-group",
	.plural = "auto_scaling_groups",
	.load = asg_load,
};
const struct kind kind_spot = {
	.name = "spot-instances-request",
	.plural = "spot_requests",
	.prefix = "sir-",
	.malformed = "InvalidSpotInstanceRequestID.Malformed",
	.malformed_text = "Invalid id: \"%s\"",
	.missing = "InvalidSpotInstanceRequestID.NotFound",
	.missing_text = "The spot instance request ID '%s' does not exist",
	.render = spot_render,
	.filters = spot_filters,
	.load = spot_load,
};

const struct kind kind_eni = {
	.name = "network-interface",
	.plural = "network_interfaces",
	.prefix = "eni-",
	.malformed = "InvalidNetworkInterfaceID.Malformed",
	.malformed_text = "Invalid id: \"%s\"",
	.missing = "InvalidNetworkInterfaceID.NotFound",
	.missing_text = "The networkInterface ID '%s' does not exist",
	.render = eni_render,
	.filters = eni_filters,
	.load = eni_load,
};

const struct kind kind_iam_role = { .name = "role" };
const struct kind kind_iam_profile = { .name = "instance-profile" };

/* The order of loading: what is named by others comes first. */
const struct kind *const kinds[] = {
	&kind_settings,		&kind_token,	   &kind_vpc,	   &kind_subnet,
	&kind_security_group,	&kind_route_table, &kind_snapshot, &kind_image,
	&kind_volume,		&kind_asg,	   &kind_spot,	   &kind_instance,
	&kind_address,		&kind_replace,	   &kind_eni,	   &kind_network_acl,
	&kind_internet_gateway, &kind_nat_gateway, &kind_peering,  &kind_prefix_list,
	&kind_iam_role,		&kind_iam_profile, NULL,
};

const struct kind *kind_of_id(const char *id)
{
	for (size_t i = 0; kinds[i]; i++)
		if (kinds[i]->prefix && str_starts(id, kinds[i]->prefix))
			return kinds[i];
	return NULL;
}

bool id_is_well_formed(const char *id, const char *prefix)
{
	size_t n;

	if (!str_starts(id, prefix))
		return false;
	id += strlen(prefix);
	n = strlen(id);
	if (str_eq(prefix, "sir-")) /* these are shorter and may hold any letter */
		return n == 8 || n == 17;
	return (n == 8 || n == 17) && strspn(id, "0123456789abcdef") == n;
}
