/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of all actions, and the maps that several of them share. */
#include "ec2/rows.h"

const struct xmlmap tag_map[] = {
	XML_TEXT(struct ec2_tag, key, "key"),
	XML_TEXT_OR_EMPTY(struct ec2_tag, value, "value"),
	XML_END,
};
const struct xmlmap attachment_map[] = {
	XML_ID_NEED(struct ec2_attachment, volume, volume, "volumeId"),
	XML_ID(struct ec2_attachment, instance, instance, "instanceId"),
	XML_TEXT(struct ec2_attachment, device, "device"),
	XML_ENUM(struct ec2_attachment, status, attachment_status, "status"),
	XML_BOOL(struct ec2_attachment, delete_on_termination, "deleteOnTermination"),
	XML_TIME(struct ec2_attachment, attach_time, "attachTime"),
	XML_END,
};
const struct xmlmap snapshot_map[] = {
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

const struct param filter_params[] = {
	PARAM_TEXT(struct ec2_filter, name, "Name"),
	PARAM_TEXTS(struct ec2_filter, values, value_count, "Value"),
	PARAM_END,
};

const struct ec2_action *const all_actions[] = {
	&action_describe_instances,
	&action_describe_volumes,
	&action_describe_snapshots,
	&action_describe_instance_status,
	&action_describe_instance_types,
	&action_describe_subnets,
	&action_describe_vpcs,
	&action_describe_spot_requests,
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
	&action_create_volume,
	&action_describe_asg_instances,
	&action_enter_standby,
	&action_exit_standby,
	&action_get_caller_identity,
	&action_assume_role,
	&action_assume_role_with_web_identity,
	&action_delete_snapshot,
	&action_list_snapshot_blocks,
	&action_get_snapshot_block,
	&action_start_snapshot,
	&action_put_snapshot_block,
	&action_complete_snapshot,
	&action_describe_key,
	&action_describe_images,
	&action_register_image,
	&action_deregister_image,
	&action_create_replace_task,
	&action_describe_replace_tasks,
	&action_get_ebs_encryption_by_default,
	NULL,
};
