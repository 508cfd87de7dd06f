/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An instance that is launched for a while, its security group, and the image that Systems Manager names for it
 * (service model 2014-11-06, JSON 1.1). */
#include "ec2/rows.h"

const struct xmlmap launched_map[] = {
	XML_ITEMS_SELF(struct ec2_instances, instance_map, "instancesSet/item"),
	XML_END,
};
static const struct xmlmap made_group_map[] = {
	XML_TEXT_NEED(struct ec2_security_group, id, "groupId"),
	XML_END,
};
static const struct xmlmap parameter_map[] = {
	XML_TEXT_NEED(struct ssm_parameter, value, "Parameter/Value"),
	XML_END,
};

const struct param run_tags_params[] = {
	PARAM_TEXT(struct run_tags, resource, "ResourceType"),
	PARAM_ITEMS(struct run_tags, tags, count, "Tag", tag_params),
	PARAM_END,
};
/* Subnet and group belong to the interface once it says anything about a public address. Source: API reference,
 * RunInstances, "NetworkInterface.N". */
static const struct param run_params[] = {
	PARAM_FIXED("MinCount", "1"),
	PARAM_FIXED("MaxCount", "1"),
	PARAM_TEXT(struct run_request, run.image, "ImageId"),
	PARAM_TEXT(struct run_request, run.type, "InstanceType"),
	PARAM_FIXED("NetworkInterface.1.DeviceIndex", "0"),
	PARAM_TEXT(struct run_request, run.subnet, "NetworkInterface.1.SubnetId"),
	PARAM_TEXT(struct run_request, run.group, "NetworkInterface.1.SecurityGroupId.1"),
	PARAM_BOOL(struct run_request, is_public, "NetworkInterface.1.AssociatePublicIpAddress"),
	/* One that stays behind would keep the group from being deleted. */
	PARAM_FIXED("NetworkInterface.1.DeleteOnTermination", "true"),
	PARAM_TEXT(struct run_request, data, "UserData"),
	PARAM_FIXED("InstanceInitiatedShutdownBehavior", "terminate"),
	PARAM_FIXED("MetadataOptions.HttpTokens", "required"),
	PARAM_FIXED("MetadataOptions.HttpEndpoint", "enabled"),
	PARAM_TEXT(struct run_request, run.client_token, "ClientToken"),
	PARAM_ITEMS(struct run_request, specs, spec_count, "TagSpecification", run_tags_params),
	{ PARAM_ROW_(PARAM_KIND_DRY_RUN, struct run_request, run.dry_run, enum ec2_dry_run,
		     "DryRun") },
	PARAM_END,
};
static const struct param terminate_params[] = {
	PARAM_ID(struct power_request, instance, instance, "InstanceId.1"),
	PARAM_DRY_RUN(struct power_request),
	PARAM_END,
};
static const struct param group_tags_params[] = {
	PARAM_FIXED("ResourceType", "security-group"),
	PARAM_ITEMS(struct ec2_create_security_group, tags, tag_count, "Tag", tag_params),
	PARAM_END,
};
static const struct param create_group_params[] = {
	PARAM_TEXT(struct group_request, group.name, "GroupName"),
	PARAM_TEXT(struct group_request, group.description, "GroupDescription"),
	PARAM_TEXT(struct group_request, group.vpc, "VpcId"),
	PARAM_ITEMS(struct group_request, specs, spec_count, "TagSpecification", group_tags_params),
	{ PARAM_ROW_(PARAM_KIND_DRY_RUN, struct group_request, group.dry_run, enum ec2_dry_run,
		     "DryRun") },
	PARAM_END,
};
static const struct param delete_group_params[] = {
	PARAM_TEXT(struct ec2_delete_group, group, "GroupId"),
	PARAM_END,
};

/* The client token makes a repetition the same launch. */
const struct ec2_action action_run_instances = {
	EC2_("RunInstances"),	   .params = run_params, REPLY_(launched_map, struct ec2_instances),
	.retry = RETRY_IDEMPOTENT, .limit = LIMIT_START,
};
const struct ec2_action action_terminate_instances = {
	EC2_("TerminateInstances"),
	.params = terminate_params,
	REPLY_(state_changes_map, struct ec2_state_changes),
	.retry = RETRY_IDEMPOTENT,
	.limit = LIMIT_CHANGE,
};
/* No client token, but a name that its VPC has once; and a rule that is there is a refusal of its own. */
const struct ec2_action action_create_security_group = {
	EC2_("CreateSecurityGroup"),
	.params = create_group_params,
	REPLY_(made_group_map, struct ec2_security_group),
	.retry = RETRY_NEVER,
	.limit = LIMIT_CHANGE,
};
const struct ec2_action action_delete_security_group = {
	EC2_("DeleteSecurityGroup"),
	.params = delete_group_params,
	.retry = RETRY_IDEMPOTENT,
	.limit = LIMIT_CHANGE,
};
const struct ec2_action action_get_parameter = {
	.name = "GetParameter",
	.service = &service_ssm,
	.iam = "ssm:GetParameter",
	.retry = RETRY_READ,
	REPLY_(parameter_map, struct ssm_parameter),
	.method = "POST",
};
