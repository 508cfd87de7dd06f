/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The actions that only look: maps of their replies, rows of their requests. */
#include "ec2/rows.h"

static const struct xmlmap device_map[] = {
	XML_TEXT(struct ec2_device, device_name, "deviceName"),
	XML_ID(struct ec2_device, volume, volume, "ebs/volumeId"),
	XML_ENUM(struct ec2_device, status, attachment_status, "ebs/status"),
	XML_BOOL(struct ec2_device, delete_on_termination, "ebs/deleteOnTermination"),
	XML_TIME(struct ec2_device, attach_time, "ebs/attachTime"),
	XML_END,
};
const struct xmlmap address_map[] = {
	XML_TEXT(struct ec2_address, private_ip, "privateIpAddress"),
	XML_TEXT(struct ec2_address, public_ip, "association/publicIp"),
	XML_BOOL(struct ec2_address, primary, "primary"),
	XML_END,
};

const struct xmlmap group_map[] = {
	XML_TEXT(struct ec2_group, id, "groupId"),
	XML_TEXT(struct ec2_group, name, "groupName"),
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
	XML_TEXTS(struct ec2_interface, ipv6, "ipv6AddressesSet/item/ipv6Address"),
	XML_ITEMS(struct ec2_interface, groups, group_map, "groupSet/item"),
	XML_END,
};
static const struct xmlmap product_code_map[] = {
	XML_TEXT(struct ec2_product_code, code, "productCode"),
	XML_TEXT(struct ec2_product_code, type, "type"),
	XML_END,
};
const struct xmlmap instance_map[] = {
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
	XML_TEXT(struct ec2_instance, boot_mode, "currentInstanceBootMode"),
	XML_TEXT(struct ec2_instance, virtualization, "virtualizationType"),
	XML_TEXT(struct ec2_instance, outpost, "outpostArn"),
	XML_TEXT(struct ec2_instance, profile, "iamInstanceProfile/arn"),
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

const struct xmlmap volume_map[] = {
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
	XML_BOOL(struct ec2_instance_type, current_generation, "currentGeneration"),
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
	XML_TEXT(struct ec2_subnet, outpost, "outpostArn"),
	XML_BOOL(struct ec2_subnet, map_public_ip, "mapPublicIpOnLaunch"),
	XML_TEXTS(struct ec2_subnet, cidrs_v6, "ipv6CidrBlockAssociationSet/item/ipv6CidrBlock"),
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
	XML_TEXTS(struct ec2_vpc, cidrs_v6, "ipv6CidrBlockAssociationSet/item/ipv6CidrBlock"),
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
static const struct xmlmap console_map[] = {
	XML_TEXT(struct ec2_console, output, "output"),
	XML_TIME(struct ec2_console, timestamp, "timestamp"),
	XML_END,
};
static const struct xmlmap spot_request_map[] = {
	XML_TEXT_NEED(struct ec2_spot_request, id, "spotInstanceRequestId"),
	XML_ID(struct ec2_spot_request, instance, instance, "instanceId"),
	XML_TEXT(struct ec2_spot_request, type, "type"),
	XML_TEXT(struct ec2_spot_request, state, "state"),
	XML_TEXT(struct ec2_spot_request, status, "status/code"),
	XML_END,
};
static const struct xmlmap spot_requests_map[] = {
	XML_ITEMS_SELF(struct ec2_spot_requests, spot_request_map, "spotInstanceRequestSet/item"),
	XML_END,
};
static const struct xmlmap asg_instance_map[] = {
	XML_ID_NEED(struct asg_instance, id, instance, "InstanceId"),
	XML_TEXT(struct asg_instance, group, "AutoScalingGroupName"),
	XML_TEXT(struct asg_instance, lifecycle_state, "LifecycleState"),
	XML_END,
};
static const struct xmlmap asg_instances_map[] = {
	XML_ITEMS_SELF(struct asg_instances, asg_instance_map,
		       "DescribeAutoScalingInstancesResult/AutoScalingInstances/member"),
	XML_END,
};

static const struct param instances_params[] = { DESCRIBE_PARAMS("InstanceId"), PARAM_END };
static const struct param volumes_params[] = { DESCRIBE_PARAMS("VolumeId"), PARAM_END };
static const struct param snapshots_params[] = {
	PARAM_FIXED("Owner.1", "self"),
	DESCRIBE_PARAMS("SnapshotId"),
	PARAM_END,
};

static const struct param spot_requests_params[] = {
	DESCRIBE_PARAMS("SpotInstanceRequestId"),
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
static const struct param console_params[] = {
	PARAM_ID(struct console_request, instance, instance, "InstanceId"),
	PARAM_FLAG(struct console_request, is_latest, "Latest"),
	PARAM_END,
};
static const struct param asg_params[] = {
	PARAM_TEXTS(struct asg_request, ids, count, "InstanceIds.member"),
	PARAM_END,
};

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
static const struct xmlmap default_encryption_map[] = {
	XML_BOOL(struct ec2_default_encryption, is_on, "ebsEncryptionByDefault"),
	XML_END,
};
const struct ec2_action action_get_ebs_encryption_by_default = {
	EC2_("GetEbsEncryptionByDefault"),
	REPLY_(default_encryption_map, struct ec2_default_encryption),
	.retry = RETRY_READ,
	.limit = LIMIT_READ,
};
const struct ec2_action action_describe_vpcs = {
	EC2_("DescribeVpcs"),
	.params = vpcs_params,
	LIST_(vpcs_map, struct ec2_vpcs, "1000"),
};
const struct ec2_action action_describe_spot_requests = {
	EC2_("DescribeSpotInstanceRequests"),
	.params = spot_requests_params,
	LIST_(spot_requests_map, struct ec2_spot_requests, "1000"),
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
