/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The network around an instance: what is asked of it, and the few changes that open a path. */
#include "ec2/rows.h"

static const struct xmlmap permission_map[] = {
	XML_TEXT(struct ec2_permission, protocol, "ipProtocol"),
	XML_INT_OR(struct ec2_permission, from, "fromPort", -1),
	XML_INT_OR(struct ec2_permission, to, "toPort", -1),
	XML_TEXTS(struct ec2_permission, cidrs, "ipRanges/item/cidrIp"),
	XML_TEXTS(struct ec2_permission, cidrs_v6, "ipv6Ranges/item/cidrIpv6"),
	XML_TEXTS(struct ec2_permission, prefix_lists, "prefixListIds/item/prefixListId"),
	XML_ITEMS(struct ec2_permission, groups, group_map, "groups/item"),
	XML_END,
};
static const struct xmlmap security_group_map[] = {
	XML_TEXT_NEED(struct ec2_security_group, id, "groupId"),
	XML_TEXT(struct ec2_security_group, name, "groupName"),
	XML_TEXT(struct ec2_security_group, vpc, "vpcId"),
	XML_ITEMS(struct ec2_security_group, tags, tag_map, "tagSet/item"),
	XML_ITEMS(struct ec2_security_group, ingress, permission_map, "ipPermissions/item"),
	XML_ITEMS(struct ec2_security_group, egress, permission_map, "ipPermissionsEgress/item"),
	XML_END,
};
static const struct xmlmap security_groups_map[] = {
	XML_ITEMS_SELF(struct ec2_security_groups, security_group_map, "securityGroupInfo/item"),
	XML_END,
};

static const struct xmlmap route_map[] = {
	XML_TEXT(struct ec2_route, cidr, "destinationCidrBlock"),
	XML_TEXT(struct ec2_route, cidr_v6, "destinationIpv6CidrBlock"),
	XML_TEXT(struct ec2_route, prefix_list, "destinationPrefixListId"),
	XML_TEXT(struct ec2_route, gateway, "gatewayId"),
	XML_TEXT(struct ec2_route, nat_gateway, "natGatewayId"),
	XML_TEXT(struct ec2_route, instance, "instanceId"),
	XML_TEXT(struct ec2_route, eni, "networkInterfaceId"),
	XML_TEXT(struct ec2_route, transit_gateway, "transitGatewayId"),
	XML_TEXT(struct ec2_route, peering, "vpcPeeringConnectionId"),
	XML_TEXT(struct ec2_route, egress_gateway, "egressOnlyInternetGatewayId"),
	XML_TEXT(struct ec2_route, carrier_gateway, "carrierGatewayId"),
	XML_TEXT(struct ec2_route, local_gateway, "localGatewayId"),
	XML_TEXT(struct ec2_route, core_network, "coreNetworkArn"),
	XML_TEXT(struct ec2_route, state, "state"),
	XML_TEXT(struct ec2_route, origin, "origin"),
	XML_END,
};
static const struct xmlmap association_map[] = {
	XML_BOOL(struct ec2_association, is_main, "main"),
	XML_TEXT(struct ec2_association, subnet, "subnetId"),
	XML_TEXT(struct ec2_association, gateway, "gatewayId"),
	XML_END,
};
static const struct xmlmap route_table_map[] = {
	XML_TEXT_NEED(struct ec2_route_table, id, "routeTableId"),
	XML_TEXT(struct ec2_route_table, vpc, "vpcId"),
	XML_ITEMS(struct ec2_route_table, associations, association_map, "associationSet/item"),
	XML_ITEMS(struct ec2_route_table, routes, route_map, "routeSet/item"),
	XML_END,
};
static const struct xmlmap route_tables_map[] = {
	XML_ITEMS_SELF(struct ec2_route_tables, route_table_map, "routeTableSet/item"),
	XML_END,
};

static const struct xmlmap acl_entry_map[] = {
	XML_INT(struct ec2_acl_entry, number, "ruleNumber"),
	XML_TEXT(struct ec2_acl_entry, protocol, "protocol"),
	XML_TEXT(struct ec2_acl_entry, action, "ruleAction"),
	XML_BOOL(struct ec2_acl_entry, is_egress, "egress"),
	XML_TEXT(struct ec2_acl_entry, cidr, "cidrBlock"),
	XML_TEXT(struct ec2_acl_entry, cidr_v6, "ipv6CidrBlock"),
	XML_INT_OR(struct ec2_acl_entry, from, "portRange/from", -1),
	XML_INT_OR(struct ec2_acl_entry, to, "portRange/to", -1),
	XML_INT_OR(struct ec2_acl_entry, icmp_type, "icmpTypeCode/type", -1),
	XML_INT_OR(struct ec2_acl_entry, icmp_code, "icmpTypeCode/code", -1),
	XML_END,
};
static const struct xmlmap acl_map[] = {
	XML_TEXT_NEED(struct ec2_acl, id, "networkAclId"),
	XML_TEXT(struct ec2_acl, vpc, "vpcId"),
	XML_TEXTS(struct ec2_acl, subnets, "associationSet/item/subnetId"),
	XML_ITEMS(struct ec2_acl, entries, acl_entry_map, "entrySet/item"),
	XML_END,
};
static const struct xmlmap acls_map[] = {
	XML_ITEMS_SELF(struct ec2_acls, acl_map, "networkAclSet/item"),
	XML_END,
};

static const struct xmlmap gateway_attachment_map[] = {
	XML_TEXT(struct ec2_gateway_attachment, vpc, "vpcId"),
	XML_TEXT(struct ec2_gateway_attachment, state, "state"),
	XML_END,
};
static const struct xmlmap internet_gateway_map[] = {
	XML_TEXT_NEED(struct ec2_internet_gateway, id, "internetGatewayId"),
	XML_ITEMS(struct ec2_internet_gateway, attachments, gateway_attachment_map,
		  "attachmentSet/item"),
	XML_END,
};
static const struct xmlmap internet_gateways_map[] = {
	XML_ITEMS_SELF(struct ec2_internet_gateways, internet_gateway_map,
		       "internetGatewaySet/item"),
	XML_END,
};
#define PEER_ROWS(side, element)                                                                   \
	XML_TEXT(struct ec2_peering, side.vpc, element "/vpcId"),                                  \
		XML_TEXT(struct ec2_peering, side.region, element "/region"),                      \
		XML_TEXT(struct ec2_peering, side.owner, element "/ownerId"),                      \
		XML_TEXT(struct ec2_peering, side.cidr, element "/cidrBlock"),                     \
		XML_TEXTS(struct ec2_peering, side.cidrs, element "/cidrBlockSet/item/cidrBlock"), \
		XML_TEXTS(struct ec2_peering, side.cidrs_v6,                                       \
			  element "/ipv6CidrBlockSet/item/ipv6CidrBlock")
static const struct xmlmap peering_map[] = {
	XML_TEXT_NEED(struct ec2_peering, id, "vpcPeeringConnectionId"),
	XML_TEXT(struct ec2_peering, status, "status/code"),
	XML_TEXT(struct ec2_peering, message, "status/message"),
	PEER_ROWS(accepter, "accepterVpcInfo"),
	PEER_ROWS(requester, "requesterVpcInfo"),
	XML_END,
};
static const struct xmlmap peerings_map[] = {
	XML_ITEMS_SELF(struct ec2_peerings, peering_map, "vpcPeeringConnectionSet/item"),
	XML_END,
};

static const struct xmlmap prefix_list_map[] = {
	XML_TEXTS(struct ec2_prefix_list, cidrs, "entrySet/item/cidr"),
	XML_END,
};
static const struct xmlmap public_block_map[] = {
	XML_TEXT(struct ec2_public_block, mode,
		 "vpcBlockPublicAccessOptions/internetGatewayBlockMode"),
	XML_TEXT(struct ec2_public_block, state, "vpcBlockPublicAccessOptions/state"),
	XML_END,
};
static const struct xmlmap public_exclusion_map[] = {
	XML_TEXT(struct ec2_public_exclusion, resource, "resourceArn"),
	XML_TEXT(struct ec2_public_exclusion, mode, "internetGatewayExclusionMode"),
	XML_TEXT(struct ec2_public_exclusion, state, "state"),
	XML_END,
};
static const struct xmlmap public_exclusions_map[] = {
	XML_ITEMS_SELF(struct ec2_public_exclusions, public_exclusion_map,
		       "vpcBlockPublicAccessExclusionSet/item"),
	XML_END,
};

static const struct xmlmap eni_map[] = {
	XML_TEXT_NEED(struct ec2_eni, id, "networkInterfaceId"),
	XML_TEXT(struct ec2_eni, zone, "availabilityZone"),
	XML_TEXT(struct ec2_eni, status, "status"),
	XML_TEXT(struct ec2_eni, subnet, "subnetId"),
	XML_TEXT(struct ec2_eni, vpc, "vpcId"),
	XML_TEXT(struct ec2_eni, private_ip, "privateIpAddress"),
	XML_TEXT(struct ec2_eni, description, "description"),
	XML_TEXT(struct ec2_eni, requester, "requesterId"),
	XML_BOOL(struct ec2_eni, source_dest_check, "sourceDestCheck"),
	XML_ID(struct ec2_eni, instance, instance, "attachment/instanceId"),
	XML_ITEMS(struct ec2_eni, addresses, address_map, "privateIpAddressesSet/item"),
	XML_TEXTS(struct ec2_eni, ipv6, "ipv6AddressesSet/item/ipv6Address"),
	XML_ITEMS(struct ec2_eni, groups, group_map, "groupSet/item"),
	XML_END,
};
static const struct xmlmap enis_map[] = {
	XML_ITEMS_SELF(struct ec2_enis, eni_map, "networkInterfaceSet/item"),
	XML_END,
};

static const struct param security_groups_params[] = { DESCRIBE_PARAMS("GroupId"), PARAM_END };
static const struct param route_tables_params[] = { DESCRIBE_PARAMS("RouteTableId"), PARAM_END };
static const struct param acls_params[] = { DESCRIBE_PARAMS("NetworkAclId"), PARAM_END };
static const struct param internet_gateways_params[] = {
	DESCRIBE_PARAMS("InternetGatewayId"),
	PARAM_END,
};
static const struct param peerings_params[] = {
	DESCRIBE_PARAMS("VpcPeeringConnectionId"),
	PARAM_END,
};
static const struct param enis_params[] = { DESCRIBE_PARAMS("NetworkInterfaceId"), PARAM_END };
static const struct param prefix_list_params[] = {
	PARAM_TEXT(struct prefix_list_request, id, "PrefixListId"),
	PARAM_FIXED("MaxResults", "100"),
	PARAM_END,
};
static const struct param exclusions_params[] = { DESCRIBE_PARAMS("ExclusionId"), PARAM_END };

const struct ec2_action action_describe_security_groups = {
	EC2_("DescribeSecurityGroups"),
	.params = security_groups_params,
	LIST_(security_groups_map, struct ec2_security_groups, "1000"),
};
/* Tables come by hundreds at most. Source: API reference, DescribeRouteTables, MaxResults. */
const struct ec2_action action_describe_route_tables = {
	EC2_("DescribeRouteTables"),
	.params = route_tables_params,
	LIST_(route_tables_map, struct ec2_route_tables, "100"),
};
const struct ec2_action action_describe_acls = {
	EC2_("DescribeNetworkAcls"),
	.params = acls_params,
	LIST_(acls_map, struct ec2_acls, "1000"),
};
const struct ec2_action action_describe_internet_gateways = {
	EC2_("DescribeInternetGateways"),
	.params = internet_gateways_params,
	LIST_(internet_gateways_map, struct ec2_internet_gateways, "1000"),
};
const struct ec2_action action_describe_peerings = {
	EC2_("DescribeVpcPeeringConnections"),
	.params = peerings_params,
	LIST_(peerings_map, struct ec2_peerings, "1000"),
};
const struct ec2_action action_describe_enis = {
	EC2_("DescribeNetworkInterfaces"),
	.params = enis_params,
	LIST_(enis_map, struct ec2_enis, "1000"),
};
const struct ec2_action action_get_prefix_list = {
	EC2_("GetManagedPrefixListEntries"),
	.params = prefix_list_params,
	REPLY_(prefix_list_map, struct ec2_prefix_list),
	.retry = RETRY_READ,
	.limit = LIMIT_READ,
	.next_token = "nextToken",
};
const struct ec2_action action_get_public_block = {
	EC2_("DescribeVpcBlockPublicAccessOptions"),
	REPLY_(public_block_map, struct ec2_public_block),
	.retry = RETRY_READ,
	.limit = LIMIT_READ,
};
const struct ec2_action action_describe_public_exclusions = {
	EC2_("DescribeVpcBlockPublicAccessExclusions"),
	.params = exclusions_params,
	LIST_(public_exclusions_map, struct ec2_public_exclusions, "1000"),
};

/* ---- changes */

static const struct param rule_params[] = {
	PARAM_TEXT(struct rule_request, rule.group, "GroupId"),
	PARAM_TEXT(struct rule_request, rule.protocol, "IpPermissions.1.IpProtocol"),
	PARAM_TEXT(struct rule_request, from, "IpPermissions.1.FromPort"),
	PARAM_TEXT(struct rule_request, to, "IpPermissions.1.ToPort"),
	PARAM_TEXT(struct rule_request, cidr4, "IpPermissions.1.IpRanges.1.CidrIp"),
	PARAM_TEXT(struct rule_request, cidr6, "IpPermissions.1.Ipv6Ranges.1.CidrIpv6"),
	PARAM_END,
};
static const struct param acl_entry_params[] = {
	PARAM_TEXT(struct acl_entry_request, entry.acl, "NetworkAclId"),
	PARAM_INT(struct acl_entry_request, entry.number, "RuleNumber"),
	PARAM_TEXT(struct acl_entry_request, entry.protocol, "Protocol"),
	PARAM_FIXED("RuleAction", "allow"),
	PARAM_BOOL(struct acl_entry_request, entry.is_egress, "Egress"),
	PARAM_TEXT(struct acl_entry_request, cidr4, "CidrBlock"),
	PARAM_TEXT(struct acl_entry_request, cidr6, "Ipv6CidrBlock"),
	PARAM_TEXT(struct acl_entry_request, from, "PortRange.From"),
	PARAM_TEXT(struct acl_entry_request, to, "PortRange.To"),
	PARAM_TEXT(struct acl_entry_request, icmp_type, "Icmp.Type"),
	PARAM_TEXT(struct acl_entry_request, icmp_code, "Icmp.Code"),
	PARAM_END,
};
static const struct param delete_acl_entry_params[] = {
	PARAM_TEXT(struct ec2_acl_rule, acl, "NetworkAclId"),
	PARAM_INT(struct ec2_acl_rule, number, "RuleNumber"),
	PARAM_BOOL(struct ec2_acl_rule, is_egress, "Egress"),
	PARAM_END,
};
static const struct param source_check_params[] = {
	PARAM_TEXT(struct source_check_request, eni, "NetworkInterfaceId"),
	PARAM_BOOL(struct source_check_request, is_on, "SourceDestCheck.Value"),
	PARAM_END,
};
static const struct param route_params[] = {
	PARAM_TEXT(struct ec2_route_change, table, "RouteTableId"),
	PARAM_TEXT(struct ec2_route_change, cidr, "DestinationCidrBlock"),
	PARAM_TEXT(struct ec2_route_change, gateway, "GatewayId"),
	PARAM_TEXT(struct ec2_route_change, nat_gateway, "NatGatewayId"),
	PARAM_TEXT(struct ec2_route_change, eni, "NetworkInterfaceId"),
	PARAM_END,
};
static const struct param delete_route_params[] = {
	PARAM_TEXT(struct ec2_route_change, table, "RouteTableId"),
	PARAM_TEXT(struct ec2_route_change, cidr, "DestinationCidrBlock"),
	PARAM_END,
};

/* What is there already is a refusal of its own, and so is what is not there any more; none has a client token. */
#define CHANGE_(name_, rows_, retry_)                                                \
	{                                                                            \
		EC2_(name_), .params = rows_, .retry = retry_, .limit = LIMIT_CHANGE \
	}
const struct ec2_action action_authorize_ingress =
	CHANGE_("AuthorizeSecurityGroupIngress", rule_params, RETRY_NEVER);
const struct ec2_action action_authorize_egress =
	CHANGE_("AuthorizeSecurityGroupEgress", rule_params, RETRY_NEVER);
const struct ec2_action action_revoke_ingress =
	CHANGE_("RevokeSecurityGroupIngress", rule_params, RETRY_NEVER);
const struct ec2_action action_revoke_egress =
	CHANGE_("RevokeSecurityGroupEgress", rule_params, RETRY_NEVER);
const struct ec2_action action_create_acl_entry =
	CHANGE_("CreateNetworkAclEntry", acl_entry_params, RETRY_NEVER);
const struct ec2_action action_delete_acl_entry =
	CHANGE_("DeleteNetworkAclEntry", delete_acl_entry_params, RETRY_NEVER);
const struct ec2_action action_create_route = CHANGE_("CreateRoute", route_params, RETRY_NEVER);
const struct ec2_action action_delete_route =
	CHANGE_("DeleteRoute", delete_route_params, RETRY_NEVER);
/* Twice is the same as once. */
const struct ec2_action action_replace_route =
	CHANGE_("ReplaceRoute", route_params, RETRY_IDEMPOTENT);
const struct ec2_action action_modify_source_check =
	CHANGE_("ModifyNetworkInterfaceAttribute", source_check_params, RETRY_IDEMPOTENT);
