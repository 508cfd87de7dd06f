/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The saved state of an instance: snapshots of its volumes at one moment, and what they are brought back with. */
#include "ec2/rows.h"

/* Here, and only here, the status is called "state". */
static const struct xmlmap made_snapshot_map[] = {
	XML_ID_NEED(struct ec2_snapshot, id, snapshot, "snapshotId"),
	XML_ID(struct ec2_snapshot, volume, volume, "volumeId"),
	XML_ENUM(struct ec2_snapshot, status, snapshot_status, "state"),
	XML_TEXT(struct ec2_snapshot, progress, "progress"),
	XML_TEXT(struct ec2_snapshot, description, "description"),
	XML_TIME(struct ec2_snapshot, start_time, "startTime"),
	XML_INT(struct ec2_snapshot, size_gib, "volumeSize"),
	XML_BOOL(struct ec2_snapshot, encrypted, "encrypted"),
	XML_ITEMS(struct ec2_snapshot, tags, tag_map, "tagSet/item"),
	XML_END,
};
static const struct xmlmap made_snapshots_map[] = {
	XML_ITEMS_SELF(struct ec2_snapshots, made_snapshot_map, "snapshotSet/item"),
	XML_END,
};

static const struct param snapshots_tags_params[] = {
	PARAM_FIXED("ResourceType", "snapshot"),
	PARAM_ITEMS(struct ec2_create_snapshots, tags, tag_count, "Tag", tag_params),
	PARAM_END,
};
static const struct param create_snapshots_params[] = {
	PARAM_ID(struct snapshots_request, snapshots.instance, instance,
		 "InstanceSpecification.InstanceId"),
	PARAM_FLAG(struct snapshots_request, snapshots.is_without_root,
		   "InstanceSpecification.ExcludeBootVolume"),
	PARAM_TEXTS(struct snapshots_request, snapshots.excluded, snapshots.excluded_count,
		    "InstanceSpecification.ExcludeDataVolumeId"),
	PARAM_TEXT(struct snapshots_request, snapshots.description, "Description"),
	PARAM_ITEMS(struct snapshots_request, specs, spec_count, "TagSpecification",
		    snapshots_tags_params),
	{ PARAM_ROW_(PARAM_KIND_DRY_RUN, struct snapshots_request, snapshots.dry_run,
		     enum ec2_dry_run, "DryRun") },
	PARAM_END,
};

/* No client token: whether a lost reply's call took effect, the tags of what there is tell. */
const struct ec2_action action_create_snapshots = {
	EC2_("CreateSnapshots"),
	.params = create_snapshots_params,
	REPLY_(made_snapshots_map, struct ec2_snapshots),
	.retry = RETRY_NEVER,
	.limit = LIMIT_SNAPSHOT,
};

static const struct xmlmap elastic_ip_map[] = {
	XML_TEXT_NEED(struct ec2_elastic_ip, allocation, "allocationId"),
	XML_TEXT(struct ec2_elastic_ip, public_ip, "publicIp"),
	XML_TEXT(struct ec2_elastic_ip, association, "associationId"),
	XML_ID(struct ec2_elastic_ip, instance, instance, "instanceId"),
	XML_END,
};
static const struct xmlmap elastic_ips_map[] = {
	XML_ITEMS_SELF(struct ec2_elastic_ips, elastic_ip_map, "addressesSet/item"),
	XML_END,
};

static const struct param launch_device_params[] = {
	PARAM_TEXT(struct ec2_launch_device, device, "DeviceName"),
	PARAM_ID(struct ec2_launch_device, snapshot, snapshot, "Ebs.SnapshotId"),
	PARAM_TEXT(struct ec2_launch_device, type, "Ebs.VolumeType"),
	PARAM_INT(struct ec2_launch_device, iops, "Ebs.Iops"),
	PARAM_INT(struct ec2_launch_device, throughput, "Ebs.Throughput"),
	PARAM_FIXED("Ebs.DeleteOnTermination", "false"),
	PARAM_END,
};
static const struct param launch_params[] = {
	PARAM_FIXED("MinCount", "1"),
	PARAM_FIXED("MaxCount", "1"),
	PARAM_TEXT(struct launch_request, launch.image, "ImageId"),
	PARAM_TEXT(struct launch_request, launch.type, "InstanceType"),
	PARAM_TEXT(struct launch_request, launch.subnet, "SubnetId"),
	PARAM_TEXT(struct launch_request, launch.private_ip, "PrivateIpAddress"),
	PARAM_TEXTS(struct launch_request, launch.groups, launch.group_count, "SecurityGroupId"),
	PARAM_TEXT(struct launch_request, launch.key_name, "KeyName"),
	PARAM_TEXT(struct launch_request, launch.profile, "IamInstanceProfile.Arn"),
	PARAM_ITEMS(struct launch_request, launch.devices, launch.device_count,
		    "BlockDeviceMapping", launch_device_params),
	PARAM_TEXT(struct launch_request, market, "InstanceMarketOptions.MarketType"),
	PARAM_TEXT(struct launch_request, spot_type,
		   "InstanceMarketOptions.SpotOptions.SpotInstanceType"),
	PARAM_TEXT(struct launch_request, interruption,
		   "InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior"),
	PARAM_TEXT(struct launch_request, launch.max_price,
		   "InstanceMarketOptions.SpotOptions.MaxPrice"),
	PARAM_TEXT(struct launch_request, launch.client_token, "ClientToken"),
	PARAM_ITEMS(struct launch_request, spec_rows, spec_count, "TagSpecification",
		    run_tags_params),
	{ PARAM_ROW_(PARAM_KIND_DRY_RUN, struct launch_request, launch.dry_run, enum ec2_dry_run,
		     "DryRun") },
	PARAM_END,
};
static const struct param addresses_params[] = {
	DESCRIBE_PARAMS("AllocationId"),
	PARAM_END,
};
static const struct param associate_params[] = {
	PARAM_TEXT(struct associate_request, allocation, "AllocationId"),
	PARAM_ID(struct associate_request, instance, instance, "InstanceId"),
	PARAM_FIXED("AllowReassociation", "true"),
	PARAM_END,
};
static const struct param attach_eni_params[] = {
	PARAM_TEXT(struct attach_eni_request, eni, "NetworkInterfaceId"),
	PARAM_ID(struct attach_eni_request, instance, instance, "InstanceId"),
	PARAM_INT(struct attach_eni_request, device_index, "DeviceIndex"),
	PARAM_END,
};

/* The client token makes a repetition the same launch. */
const struct ec2_action action_launch = {
	EC2_("RunInstances"),
	.params = launch_params,
	REPLY_(launched_map, struct ec2_instances),
	.retry = RETRY_IDEMPOTENT,
	.limit = LIMIT_START,
};
/* No pages: EC2 tells all addresses at once. */
const struct ec2_action action_describe_addresses = {
	EC2_("DescribeAddresses"),
	.params = addresses_params,
	REPLY_(elastic_ips_map, struct ec2_elastic_ips),
	.retry = RETRY_READ,
	.limit = LIMIT_READ,
};
/* To the same instance again: no error, no second effect. */
const struct ec2_action action_associate_address = {
	EC2_("AssociateAddress"),
	.params = associate_params,
	.retry = RETRY_IDEMPOTENT,
	.limit = LIMIT_CHANGE,
};
const struct ec2_action action_attach_eni = {
	EC2_("AttachNetworkInterface"),
	.params = attach_eni_params,
	.retry = RETRY_NEVER,
	.limit = LIMIT_CHANGE,
};

static const struct param delete_volume_params[] = {
	PARAM_ID(struct ec2_delete_volume, volume, volume, "VolumeId"),
	PARAM_END,
};
const struct ec2_action action_delete_volume = {
	EC2_("DeleteVolume"),
	.params = delete_volume_params,
	.retry = RETRY_IDEMPOTENT,
	.limit = LIMIT_CHANGE,
};
