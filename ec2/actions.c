/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The wire form of every action: replies by map, requests by rows, and what may be retried.
 * Source: the service models of EC2 2016-11-15, STS 2011-06-15, Auto Scaling 2011-01-01. */
#include "ec2/actions.h"

/* ---- replies ---- */

static const struct xmlmap tag_map[] = {
	XML_TEXT(struct ec2_tag, key, "key"),
	XML_TEXT_OR_EMPTY(struct ec2_tag, value, "value"),
	XML_END,
};
static const struct xmlmap device_map[] = {
	XML_TEXT(struct ec2_device, device_name, "deviceName"),
	XML_ID(struct ec2_device, volume, volume, "ebs/volumeId"),
	XML_ENUM(struct ec2_device, status, attachment_status, "ebs/status"),
	XML_BOOL(struct ec2_device, delete_on_termination, "ebs/deleteOnTermination"),
	XML_TIME(struct ec2_device, attach_time, "ebs/attachTime"),
	XML_END,
};
static const struct xmlmap address_map[] = {
	XML_TEXT(struct ec2_address, private_ip, "privateIpAddress"),
	XML_TEXT(struct ec2_address, public_ip, "association/publicIp"),
	XML_BOOL(struct ec2_address, primary, "primary"),
	XML_END,
};
static const struct xmlmap interface_map[] = {
	XML_TEXT(struct ec2_interface, id, "networkInterfaceId"),
	XML_TEXT(struct ec2_interface, subnet, "subnetId"),
	XML_TEXT(struct ec2_interface, vpc, "vpcId"),
	XML_TEXT(struct ec2_interface, mac, "macAddress"),
	XML_TEXT(struct ec2_interface, private_ip, "privateIpAddress"),
	XML_TEXT(struct ec2_interface, public_ip, "association/publicIp"),
	XML_TEXT(struct ec2_interface, public_ip_owner, "association/ipOwnerId"),
	XML_INT_OR(struct ec2_interface, device_index, "attachment/deviceIndex", -1),
	XML_BOOL(struct ec2_interface, source_dest_check, "sourceDestCheck"),
	XML_ITEMS(struct ec2_interface, addresses, address_map, "privateIpAddressesSet/item"),
	XML_END,
};
static const struct xmlmap product_code_map[] = {
	XML_TEXT(struct ec2_product_code, code, "productCode"),
	XML_TEXT(struct ec2_product_code, type, "type"),
	XML_END,
};
static const struct xmlmap group_map[] = {
	XML_TEXT(struct ec2_group, id, "groupId"),
	XML_TEXT(struct ec2_group, name, "groupName"),
	XML_END,
};
static const struct xmlmap instance_map[] = {
	XML_ID_NEED(struct ec2_instance, id, instance, "instanceId"),
	XML_ENUM(struct ec2_instance, state, instance_state, "instanceState/name"),
	XML_TEXT(struct ec2_instance, type, "instanceType"),
	XML_TEXT(struct ec2_instance, image, "imageId"),
	XML_TEXT(struct ec2_instance, key_name, "keyName"),
	XML_TEXT(struct ec2_instance, zone, "placement/availabilityZone"),
	XML_TEXT(struct ec2_instance, architecture, "architecture"),
	XML_TEXT(struct ec2_instance, hypervisor, "hypervisor"),
	XML_TEXT(struct ec2_instance, root_device_name, "rootDeviceName"),
	XML_TEXT(struct ec2_instance, root_device_type, "rootDeviceType"),
	XML_TEXT(struct ec2_instance, lifecycle, "instanceLifecycle"),
	XML_TEXT(struct ec2_instance, spot_request, "spotInstanceRequestId"),
	XML_TEXT(struct ec2_instance, platform, "platform"),
	XML_TEXT(struct ec2_instance, vpc, "vpcId"),
	XML_TEXT(struct ec2_instance, subnet, "subnetId"),
	XML_TEXT(struct ec2_instance, private_ip, "privateIpAddress"),
	XML_TEXT(struct ec2_instance, public_ip, "ipAddress"),
	XML_TEXT(struct ec2_instance, boot_mode, "bootMode"),
	XML_TEXT(struct ec2_instance, outpost, "outpostArn"),
	XML_TEXT(struct ec2_instance, reason, "reason"),
	XML_TEXT(struct ec2_instance, state_reason_code, "stateReason/code"),
	XML_TEXT(struct ec2_instance, state_reason, "stateReason/message"),
	XML_TIME(struct ec2_instance, launch_time, "launchTime"),
	XML_BOOL(struct ec2_instance, hibernation_configured, "hibernationOptions/configured"),
	XML_BOOL(struct ec2_instance, ena_support, "enaSupport"),
	XML_BOOL(struct ec2_instance, ebs_optimized, "ebsOptimized"),
	XML_BOOL(struct ec2_instance, source_dest_check, "sourceDestCheck"),
	XML_ITEMS(struct ec2_instance, devices, device_map, "blockDeviceMapping/item"),
	XML_ITEMS(struct ec2_instance, interfaces, interface_map, "networkInterfaceSet/item"),
	XML_ITEMS(struct ec2_instance, product_codes, product_code_map, "productCodes/item"),
	XML_ITEMS(struct ec2_instance, groups, group_map, "groupSet/item"),
	XML_ITEMS(struct ec2_instance, tags, tag_map, "tagSet/item"),
	XML_END,
};
static const struct xmlmap instances_map[] = {
	XML_ITEMS_SELF(struct ec2_instances, instance_map, "reservationSet/item/instancesSet/item"),
	XML_END,
};

static const struct xmlmap attachment_map[] = {
	XML_ID_NEED(struct ec2_attachment, volume, volume, "volumeId"),
	XML_ID(struct ec2_attachment, instance, instance, "instanceId"),
	XML_TEXT(struct ec2_attachment, device, "device"),
	XML_ENUM(struct ec2_attachment, status, attachment_status, "status"),
	XML_BOOL(struct ec2_attachment, delete_on_termination, "deleteOnTermination"),
	XML_TIME(struct ec2_attachment, attach_time, "attachTime"),
	XML_END,
};
static const struct xmlmap volume_map[] = {
	XML_ID_NEED(struct ec2_volume, id, volume, "volumeId"),
	XML_ID(struct ec2_volume, snapshot, snapshot, "snapshotId"),
	XML_ENUM(struct ec2_volume, status, volume_status, "status"),
	XML_TEXT(struct ec2_volume, zone, "availabilityZone"),
	XML_TEXT(struct ec2_volume, type, "volumeType"),
	XML_TEXT(struct ec2_volume, kms_key, "kmsKeyId"),
	XML_TEXT(struct ec2_volume, outpost, "outpostArn"),
	XML_INT(struct ec2_volume, size_gib, "size"),
	XML_INT(struct ec2_volume, iops, "iops"),
	XML_INT(struct ec2_volume, throughput, "throughput"),
	XML_BOOL(struct ec2_volume, encrypted, "encrypted"),
	XML_BOOL(struct ec2_volume, multi_attach, "multiAttachEnabled"),
	XML_ITEMS(struct ec2_volume, attachments, attachment_map, "attachmentSet/item"),
	XML_ITEMS(struct ec2_volume, tags, tag_map, "tagSet/item"),
	XML_END,
};
static const struct xmlmap volumes_map[] = {
	XML_ITEMS_SELF(struct ec2_volumes, volume_map, "volumeSet/item"),
	XML_END,
};

static const struct xmlmap snapshot_map[] = {
	XML_ID_NEED(struct ec2_snapshot, id, snapshot, "snapshotId"),
	XML_ID(struct ec2_snapshot, volume, volume, "volumeId"),
	XML_ENUM(struct ec2_snapshot, status, snapshot_status, "status"),
	XML_TEXT(struct ec2_snapshot, status_message, "statusMessage"),
	XML_TEXT(struct ec2_snapshot, progress, "progress"),
	XML_TEXT(struct ec2_snapshot, description, "description"),
	XML_TIME(struct ec2_snapshot, start_time, "startTime"),
	XML_INT(struct ec2_snapshot, size_gib, "volumeSize"),
	XML_BOOL(struct ec2_snapshot, encrypted, "encrypted"),
	XML_ITEMS(struct ec2_snapshot, tags, tag_map, "tagSet/item"),
	XML_END,
};
static const struct xmlmap snapshots_map[] = {
	XML_ITEMS_SELF(struct ec2_snapshots, snapshot_map, "snapshotSet/item"),
	XML_END,
};

static const struct xmlmap instance_status_map[] = {
	XML_ID_NEED(struct ec2_instance_status, id, instance, "instanceId"),
	XML_ENUM(struct ec2_instance_status, state, instance_state, "instanceState/name"),
	XML_ENUM(struct ec2_instance_status, instance_status, summary_status,
		 "instanceStatus/status"),
	XML_ENUM(struct ec2_instance_status, system_status, summary_status, "systemStatus/status"),
	XML_END,
};
static const struct xmlmap instance_statuses_map[] = {
	XML_ITEMS_SELF(struct ec2_instance_statuses, instance_status_map, "instanceStatusSet/item"),
	XML_END,
};
static const struct xmlmap instance_type_map[] = {
	XML_TEXT_NEED(struct ec2_instance_type, type, "instanceType"),
	XML_TEXT(struct ec2_instance_type, hypervisor, "hypervisor"),
	XML_BOOL(struct ec2_instance_type, bare_metal, "bareMetal"),
	XML_BOOL(struct ec2_instance_type, instance_storage, "instanceStorageSupported"),
	XML_INT(struct ec2_instance_type, instance_storage_gb, "instanceStorageInfo/totalSizeInGB"),
	XML_INT(struct ec2_instance_type, memory_mib, "memoryInfo/sizeInMiB"),
	XML_END,
};
static const struct xmlmap instance_types_map[] = {
	XML_ITEMS_SELF(struct ec2_instance_types, instance_type_map, "instanceTypeSet/item"),
	XML_END,
};
static const struct xmlmap subnet_map[] = {
	XML_TEXT_NEED(struct ec2_subnet, id, "subnetId"),
	XML_TEXT(struct ec2_subnet, vpc, "vpcId"),
	XML_TEXT(struct ec2_subnet, zone, "availabilityZone"),
	XML_TEXT(struct ec2_subnet, cidr, "cidrBlock"),
	XML_BOOL(struct ec2_subnet, map_public_ip, "mapPublicIpOnLaunch"),
	XML_END,
};
static const struct xmlmap subnets_map[] = {
	XML_ITEMS_SELF(struct ec2_subnets, subnet_map, "subnetSet/item"),
	XML_END,
};
static const struct xmlmap vpc_map[] = {
	XML_TEXT_NEED(struct ec2_vpc, id, "vpcId"),
	XML_TEXT(struct ec2_vpc, cidr, "cidrBlock"),
	XML_TEXTS(struct ec2_vpc, cidrs, "cidrBlockAssociationSet/item/cidrBlock"),
	XML_END,
};
static const struct xmlmap vpcs_map[] = {
	XML_ITEMS_SELF(struct ec2_vpcs, vpc_map, "vpcSet/item"),
	XML_END,
};
/* <disableApiStop><value>true</value></disableApiStop>: the attribute asked for is the only one */
static const struct xmlmap attribute_map[] = {
	XML_TEXT(struct ec2_attribute, value, "*/value"),
	XML_END,
};
static const struct xmlmap state_change_map[] = {
	XML_ID_NEED(struct ec2_state_change, id, instance, "instanceId"),
	XML_ENUM(struct ec2_state_change, current, instance_state, "currentState/name"),
	XML_ENUM(struct ec2_state_change, previous, instance_state, "previousState/name"),
	XML_END,
};
static const struct xmlmap state_changes_map[] = {
	XML_ITEMS_SELF(struct ec2_state_changes, state_change_map, "instancesSet/item"),
	XML_END,
};
static const struct xmlmap console_map[] = {
	XML_TEXT(struct ec2_console, output, "output"),
	XML_TIME(struct ec2_console, timestamp, "timestamp"),
	XML_END,
};
static const struct xmlmap asg_instance_map[] = {
	XML_TEXT_NEED(struct asg_instance, instance, "InstanceId"),
	XML_TEXT(struct asg_instance, group, "AutoScalingGroupName"),
	XML_TEXT(struct asg_instance, lifecycle_state, "LifecycleState"),
	XML_END,
};
static const struct xmlmap asg_instances_map[] = {
	XML_ITEMS_SELF(struct asg_instances, asg_instance_map,
		       "DescribeAutoScalingInstancesResult/AutoScalingInstances/member"),
	XML_END,
};
static const struct xmlmap identity_map[] = {
	XML_TEXT(struct sts_identity, account, "GetCallerIdentityResult/Account"),
	XML_TEXT(struct sts_identity, arn, "GetCallerIdentityResult/Arn"),
	XML_TEXT(struct sts_identity, user_id, "GetCallerIdentityResult/UserId"),
	XML_END,
};
static const struct xmlmap role_map[] = {
	XML_TEXT_NEED(struct sts_credentials, key_id, "*/Credentials/AccessKeyId"),
	XML_TEXT_NEED(struct sts_credentials, secret, "*/Credentials/SecretAccessKey"),
	XML_TEXT_NEED(struct sts_credentials, token, "*/Credentials/SessionToken"),
	XML_TIME(struct sts_credentials, expires, "*/Credentials/Expiration"),
	XML_END,
};

/* ---- requests ---- */

static const struct param filter_params[] = {
	PARAM_TEXT(struct ec2_filter, name, "Name"),
	PARAM_TEXTS(struct ec2_filter, values, value_count, "Value"),
	PARAM_END,
};
#define DESCRIBE_PARAMS(id_name)                                                                  \
	PARAM_TEXTS(struct ec2_describe, ids, id_count, id_name),                                 \
		PARAM_ITEMS(struct ec2_describe, filters, filter_count, "Filter", filter_params), \
		PARAM_DRY_RUN(struct ec2_describe)
static const struct param instances_params[] = { DESCRIBE_PARAMS("InstanceId"), PARAM_END };
static const struct param volumes_params[] = { DESCRIBE_PARAMS("VolumeId"), PARAM_END };
static const struct param snapshots_params[] = {
	PARAM_FIXED("Owner.1", "self"),
	DESCRIBE_PARAMS("SnapshotId"),
	PARAM_END,
};
static const struct param instance_status_params[] = {
	PARAM_FIXED("IncludeAllInstances", "true"),
	DESCRIBE_PARAMS("InstanceId"),
	PARAM_END,
};
static const struct param instance_types_params[] = { DESCRIBE_PARAMS("InstanceType"), PARAM_END };
static const struct param subnets_params[] = { DESCRIBE_PARAMS("SubnetId"), PARAM_END };
static const struct param vpcs_params[] = { DESCRIBE_PARAMS("VpcId"), PARAM_END };

static const struct param attribute_params[] = {
	PARAM_ID(struct attribute_request, instance, instance, "InstanceId"),
	PARAM_TEXT(struct attribute_request, attribute, "Attribute"),
	PARAM_END,
};
static const struct param modify_device_params[] = {
	PARAM_ID(struct ec2_modify_device, instance, instance, "InstanceId"),
	PARAM_TEXT(struct ec2_modify_device, device, "BlockDeviceMapping.1.DeviceName"),
	PARAM_BOOL(struct ec2_modify_device, delete_on_termination,
		   "BlockDeviceMapping.1.Ebs.DeleteOnTermination"),
	PARAM_DRY_RUN(struct ec2_modify_device),
	PARAM_END,
};
static const struct param stop_params[] = {
	PARAM_ID(struct power_request, instance, instance, "InstanceId.1"),
	PARAM_FLAG(struct power_request, is_forced, "Force"),
	PARAM_DRY_RUN(struct power_request),
	PARAM_END,
};
static const struct param start_params[] = {
	PARAM_ID(struct power_request, instance, instance, "InstanceId.1"),
	PARAM_DRY_RUN(struct power_request),
	PARAM_END,
};
#define ATTACH_PARAMS                                                          \
	PARAM_ID(struct ec2_attach, volume, volume, "VolumeId"),               \
		PARAM_ID(struct ec2_attach, instance, instance, "InstanceId"), \
		PARAM_TEXT(struct ec2_attach, device, "Device"), PARAM_DRY_RUN(struct ec2_attach)
static const struct param attach_params[] = { ATTACH_PARAMS, PARAM_END };
static const struct param detach_params[] = {
	ATTACH_PARAMS,
	PARAM_FLAG(struct ec2_attach, is_forced, "Force"),
	PARAM_END,
};
static const struct param tag_params[] = {
	PARAM_TEXT(struct ec2_tag_pair, key, "Key"),
	PARAM_TEXT(struct ec2_tag_pair, value, "Value"),
	PARAM_END,
};
static const struct param snapshot_tags_params[] = {
	PARAM_FIXED("ResourceType", "snapshot"),
	PARAM_ITEMS(struct ec2_create_snapshot, tags, tag_count, "Tag", tag_params),
	PARAM_END,
};
static const struct param create_snapshot_params[] = {
	PARAM_ID(struct snapshot_request, snapshot.volume, volume, "VolumeId"),
	PARAM_TEXT(struct snapshot_request, snapshot.description, "Description"),
	PARAM_ITEMS(struct snapshot_request, specs, spec_count, "TagSpecification",
		    snapshot_tags_params),
	{ PARAM_ROW_(PARAM_KIND_DRY_RUN, struct snapshot_request, snapshot.dry_run,
		     enum ec2_dry_run, "DryRun") },
	PARAM_END,
};
static const struct param change_tags_params[] = {
	PARAM_TEXTS(struct ec2_change_tags, resources, resource_count, "ResourceId"),
	PARAM_ITEMS(struct ec2_change_tags, tags, tag_count, "Tag", tag_params),
	PARAM_DRY_RUN(struct ec2_change_tags),
	PARAM_END,
};
static const struct param console_params[] = {
	PARAM_ID(struct console_request, instance, instance, "InstanceId"),
	PARAM_FLAG(struct console_request, is_latest, "Latest"),
	PARAM_END,
};
static const struct param instance_id_params[] = {
	{ .kind = PARAM_KIND_ID, .name = "" }, /* the item itself */
	PARAM_END,
};
static const struct param asg_params[] = {
	PARAM_ITEMS(struct asg_request, ids, count, "InstanceIds.member", instance_id_params),
	PARAM_END,
};
static const struct param assume_role_params[] = {
	PARAM_TEXT(struct assume_role_request, role_arn, "RoleArn"),
	PARAM_TEXT(struct assume_role_request, session_name, "RoleSessionName"),
	PARAM_TEXT(struct assume_role_request, external_id, "ExternalId"),
	PARAM_INT(struct assume_role_request, duration_s, "DurationSeconds"),
	PARAM_TEXT(struct assume_role_request, web_identity_token, "WebIdentityToken"),
	PARAM_END,
};

/* ---- actions ---- */

#define EC2_(name_)	  .name = name_, .service = &service_ec2, .iam = "ec2:" name_
#define REPLY_(map, type) .reply = (map), .reply_size = sizeof(type)
#define LIST_(map, type, size)                                                                  \
	REPLY_(map, type), .retry = RETRY_READ, .limit = LIMIT_READ, .next_token = "nextToken", \
			   .page_size = size

const struct ec2_action action_describe_instances = {
	EC2_("DescribeInstances"),
	.params = instances_params,
	LIST_(instances_map, struct ec2_instances, "1000"),
};
const struct ec2_action action_describe_volumes = {
	EC2_("DescribeVolumes"),
	.params = volumes_params,
	LIST_(volumes_map, struct ec2_volumes, "500"),
};
const struct ec2_action action_describe_snapshots = {
	EC2_("DescribeSnapshots"),
	.params = snapshots_params,
	LIST_(snapshots_map, struct ec2_snapshots, "1000"),
};
const struct ec2_action action_describe_instance_status = {
	EC2_("DescribeInstanceStatus"),
	.params = instance_status_params,
	LIST_(instance_statuses_map, struct ec2_instance_statuses, "1000"),
};
const struct ec2_action action_describe_instance_types = {
	EC2_("DescribeInstanceTypes"),
	.params = instance_types_params,
	LIST_(instance_types_map, struct ec2_instance_types, "100"),
};
const struct ec2_action action_describe_subnets = {
	EC2_("DescribeSubnets"),
	.params = subnets_params,
	LIST_(subnets_map, struct ec2_subnets, "1000"),
};
const struct ec2_action action_describe_vpcs = {
	EC2_("DescribeVpcs"),
	.params = vpcs_params,
	LIST_(vpcs_map, struct ec2_vpcs, "1000"),
};
const struct ec2_action action_describe_instance_attribute = {
	EC2_("DescribeInstanceAttribute"),
	.params = attribute_params,
	REPLY_(attribute_map, struct ec2_attribute),
	.retry = RETRY_READ,
	.limit = LIMIT_READ,
};
const struct ec2_action action_get_console_output = {
	EC2_("GetConsoleOutput"), .params = console_params, REPLY_(console_map, struct ec2_console),
	.retry = RETRY_READ,	  .limit = LIMIT_CONSOLE,
};

/* Stopping what is stopped, starting what runs, setting what is set: no error, no second effect. */
const struct ec2_action action_stop_instances = {
	EC2_("StopInstances"),
	.params = stop_params,
	REPLY_(state_changes_map, struct ec2_state_changes),
	.retry = RETRY_IDEMPOTENT,
	.limit = LIMIT_CHANGE,
};
const struct ec2_action action_start_instances = {
	EC2_("StartInstances"),
	.params = start_params,
	REPLY_(state_changes_map, struct ec2_state_changes),
	.retry = RETRY_IDEMPOTENT,
	.limit = LIMIT_START,
};
const struct ec2_action action_modify_device = {
	EC2_("ModifyInstanceAttribute"),
	.params = modify_device_params,
	.retry = RETRY_IDEMPOTENT,
	.limit = LIMIT_CHANGE,
};
const struct ec2_action action_create_tags = {
	EC2_("CreateTags"),
	.params = change_tags_params,
	.retry = RETRY_IDEMPOTENT,
	.limit = LIMIT_TAGS,
};
const struct ec2_action action_delete_tags = {
	EC2_("DeleteTags"),
	.params = change_tags_params,
	.retry = RETRY_IDEMPOTENT,
	.limit = LIMIT_TAGS,
};

/* No client token, and a repetition is refused (or, for a snapshot, makes a second one). */
const struct ec2_action action_attach_volume = {
	EC2_("AttachVolume"),
	.params = attach_params,
	REPLY_(attachment_map, struct ec2_attachment),
	.retry = RETRY_NEVER,
	.limit = LIMIT_CHANGE,
};
const struct ec2_action action_detach_volume = {
	EC2_("DetachVolume"),
	.params = detach_params,
	REPLY_(attachment_map, struct ec2_attachment),
	.retry = RETRY_NEVER,
	.limit = LIMIT_CHANGE,
};
const struct ec2_action action_create_snapshot = {
	EC2_("CreateSnapshot"),
	.params = create_snapshot_params,
	REPLY_(snapshot_map, struct ec2_snapshot),
	.retry = RETRY_NEVER,
	.limit = LIMIT_SNAPSHOT,
};

const struct ec2_action action_describe_asg_instances = {
	.name = "DescribeAutoScalingInstances",
	.service = &service_autoscaling,
	.iam = "autoscaling:DescribeAutoScalingInstances",
	.params = asg_params,
	REPLY_(asg_instances_map, struct asg_instances),
	.retry = RETRY_READ,
	.limit = LIMIT_READ,
	.next_token = "DescribeAutoScalingInstancesResult/NextToken",
	.page_size = "50",
};
const struct ec2_action action_get_caller_identity = {
	.name = "GetCallerIdentity",
	.service = &service_sts,
	.iam = "sts:GetCallerIdentity",
	REPLY_(identity_map, struct sts_identity),
	.retry = RETRY_READ,
	.limit = LIMIT_NONE,
};
const struct ec2_action action_assume_role = {
	.name = "AssumeRole",
	.service = &service_sts,
	.iam = "sts:AssumeRole",
	.params = assume_role_params,
	REPLY_(role_map, struct sts_credentials),
	.retry = RETRY_READ,
	.limit = LIMIT_NONE,
};
const struct ec2_action action_assume_role_with_web_identity = {
	.name = "AssumeRoleWithWebIdentity",
	.service = &service_sts,
	.iam = "sts:AssumeRoleWithWebIdentity",
	.params = assume_role_params,
	REPLY_(role_map, struct sts_credentials),
	.retry = RETRY_READ,
	.limit = LIMIT_NONE,
	.is_unsigned = true,
};

const struct ec2_action *const all_actions[] = {
	&action_describe_instances,
	&action_describe_volumes,
	&action_describe_snapshots,
	&action_describe_instance_status,
	&action_describe_instance_types,
	&action_describe_subnets,
	&action_describe_vpcs,
	&action_describe_instance_attribute,
	&action_get_console_output,
	&action_stop_instances,
	&action_start_instances,
	&action_modify_device,
	&action_create_tags,
	&action_delete_tags,
	&action_attach_volume,
	&action_detach_volume,
	&action_create_snapshot,
	&action_describe_asg_instances,
	&action_get_caller_identity,
	&action_assume_role,
	&action_assume_role_with_web_identity,
	NULL,
};
