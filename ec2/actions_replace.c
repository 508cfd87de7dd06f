/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Another root volume for an instance that goes on running: an image of it, and the task that puts it there. */
#include "ec2/rows.h"

static const struct xmlmap image_map[] = {
	XML_TEXT_NEED(struct ec2_image, id, "imageId"),
	XML_TEXT(struct ec2_image, name, "name"),
	XML_TEXT(struct ec2_image, state, "imageState"),
	XML_END,
};
static const struct xmlmap images_map[] = {
	XML_ITEMS_SELF(struct ec2_images, image_map, "imagesSet/item"),
	XML_END,
};
static const struct xmlmap task_map[] = {
	XML_TEXT_NEED(struct ec2_replace_task, id, "replaceRootVolumeTaskId"),
	XML_ID(struct ec2_replace_task, instance, instance, "instanceId"),
	XML_TEXT(struct ec2_replace_task, state, "taskState"),
	XML_END,
};
static const struct xmlmap tasks_map[] = {
	XML_ITEMS_SELF(struct ec2_replace_tasks, task_map, "replaceRootVolumeTaskSet/item"),
	XML_END,
};
static const struct xmlmap begun_task_map[] = {
	XML_TEXT_NEED(struct ec2_replace_task, id, "replaceRootVolumeTask/replaceRootVolumeTaskId"),
	XML_ID(struct ec2_replace_task, instance, instance, "replaceRootVolumeTask/instanceId"),
	XML_TEXT(struct ec2_replace_task, state, "replaceRootVolumeTask/taskState"),
	XML_END,
};

static const struct param images_params[] = {
	PARAM_FIXED("Owner.1", "self"),
	DESCRIBE_PARAMS("ImageId"),
	PARAM_END,
};
static const struct param tasks_params[] = {
	DESCRIBE_PARAMS("ReplaceRootVolumeTaskId"),
	PARAM_END,
};
static const struct param register_image_params[] = {
	PARAM_TEXT(struct ec2_register_image, name, "Name"),
	PARAM_TEXT(struct ec2_register_image, architecture, "Architecture"),
	PARAM_TEXT(struct ec2_register_image, root_device, "RootDeviceName"),
	PARAM_FIXED("VirtualizationType", "hvm"),
	PARAM_FLAG(struct ec2_register_image, has_ena, "EnaSupport"),
	PARAM_TEXT(struct ec2_register_image, boot_mode, "BootMode"),
	PARAM_TEXT(struct ec2_register_image, root_device, "BlockDeviceMapping.1.DeviceName"),
	PARAM_ID(struct ec2_register_image, snapshot, snapshot,
		 "BlockDeviceMapping.1.Ebs.SnapshotId"),
	PARAM_DRY_RUN(struct ec2_register_image),
	PARAM_END,
};
static const struct param deregister_image_params[] = {
	PARAM_TEXT(struct ec2_deregister_image, image, "ImageId"),
	PARAM_END,
};
static const struct param create_task_params[] = {
	PARAM_ID(struct ec2_replace_root, instance, instance, "InstanceId"),
	PARAM_TEXT(struct ec2_replace_root, image, "ImageId"),
	PARAM_TEXT(struct ec2_replace_root, client_token, "ClientToken"),
	PARAM_DRY_RUN(struct ec2_replace_root),
	PARAM_END,
};

const struct ec2_action action_describe_images = {
	EC2_("DescribeImages"),
	.params = images_params,
	LIST_(images_map, struct ec2_images, "1000"),
};
const struct ec2_action action_describe_replace_tasks = {
	EC2_("DescribeReplaceRootVolumeTasks"),
	.params = tasks_params,
	LIST_(tasks_map, struct ec2_replace_tasks, "50"),
};
/* No client token, but a name that is taken once. */
const struct ec2_action action_register_image = {
	EC2_("RegisterImage"), .params = register_image_params, REPLY_(image_map, struct ec2_image),
	.retry = RETRY_NEVER,  .limit = LIMIT_CHANGE,
};
const struct ec2_action action_deregister_image = {
	EC2_("DeregisterImage"),
	.params = deregister_image_params,
	.retry = RETRY_IDEMPOTENT,
	.limit = LIMIT_CHANGE,
};
const struct ec2_action action_create_replace_task = {
	EC2_("CreateReplaceRootVolumeTask"),
	.params = create_task_params,
	REPLY_(begun_task_map, struct ec2_replace_task),
	.retry = RETRY_IDEMPOTENT,
	.limit = LIMIT_CHANGE,
};
