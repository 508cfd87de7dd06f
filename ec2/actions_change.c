/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The actions that change something, and which of them may be sent twice. */
#include "ec2/rows.h"

static const struct xmlmap state_change_map[] = {
	XML_ID_NEED(struct ec2_state_change, id, instance, "instanceId"),
	XML_ENUM(struct ec2_state_change, current, instance_state, "currentState/name"),
	XML_ENUM(struct ec2_state_change, previous, instance_state, "previousState/name"),
	XML_END,
};
const struct xmlmap state_changes_map[] = {
	XML_ITEMS_SELF(struct ec2_state_changes, state_change_map, "instancesSet/item"),
	XML_END,
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
const struct param tag_params[] = {
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
static const struct param volume_tags_params[] = {
	PARAM_FIXED("ResourceType", "volume"),
	PARAM_ITEMS(struct ec2_create_volume, tags, tag_count, "Tag", tag_params),
	PARAM_END,
};
static const struct param create_volume_params[] = {
	PARAM_ID(struct volume_tags_request, volume.snapshot, snapshot, "SnapshotId"),
	PARAM_TEXT(struct volume_tags_request, volume.zone, "AvailabilityZone"),
	PARAM_TEXT(struct volume_tags_request, volume.outpost, "OutpostArn"),
	PARAM_TEXT(struct volume_tags_request, volume.type, "VolumeType"),
	PARAM_INT(struct volume_tags_request, volume.iops, "Iops"),
	PARAM_INT(struct volume_tags_request, volume.throughput, "Throughput"),
	PARAM_TEXT(struct volume_tags_request, volume.client_token, "ClientToken"),
	PARAM_ITEMS(struct volume_tags_request, specs, spec_count, "TagSpecification",
		    volume_tags_params),
	{ PARAM_ROW_(PARAM_KIND_DRY_RUN, struct volume_tags_request, volume.dry_run,
		     enum ec2_dry_run, "DryRun") },
	PARAM_END,
};
static const struct param change_tags_params[] = {
	PARAM_TEXTS(struct ec2_change_tags, resources, resource_count, "ResourceId"),
	PARAM_ITEMS(struct ec2_change_tags, tags, tag_count, "Tag", tag_params),
	PARAM_DRY_RUN(struct ec2_change_tags),
	PARAM_END,
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
/* The client token makes a repetition the same request. */
const struct ec2_action action_create_volume = {
	EC2_("CreateVolume"),
	.params = create_volume_params,
	REPLY_(volume_map, struct ec2_volume),
	.retry = RETRY_IDEMPOTENT,
	.limit = LIMIT_SNAPSHOT,
};

static const struct param enter_standby_params[] = {
	PARAM_ID(struct asg_standby, instance, instance, "InstanceIds.member.1"),
	PARAM_TEXT(struct asg_standby, group, "AutoScalingGroupName"),
	PARAM_FIXED("ShouldDecrementDesiredCapacity", "true"),
	PARAM_END,
};
static const struct param exit_standby_params[] = {
	PARAM_ID(struct asg_standby, instance, instance, "InstanceIds.member.1"),
	PARAM_TEXT(struct asg_standby, group, "AutoScalingGroupName"),
	PARAM_END,
};
#define STANDBY_(name_)                                                              \
	.name = name_, .service = &service_autoscaling, .iam = "autoscaling:" name_, \
	.retry = RETRY_NEVER, .limit = LIMIT_CHANGE
const struct ec2_action action_enter_standby = {
	STANDBY_("EnterStandby"),
	.params = enter_standby_params,
};
const struct ec2_action action_exit_standby = {
	STANDBY_("ExitStandby"),
	.params = exit_standby_params,
};

static const struct param delete_snapshot_params[] = {
	PARAM_ID(struct ec2_delete_snapshot, snapshot, snapshot, "SnapshotId"),
	PARAM_END,
};
const struct ec2_action action_delete_snapshot = {
	EC2_("DeleteSnapshot"),
	.params = delete_snapshot_params,
	.retry = RETRY_IDEMPOTENT,
	.limit = LIMIT_SNAPSHOT,
};
