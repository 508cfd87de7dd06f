/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The Key Management Service, which speaks JSON 1.1: the action stands in a header. Source: its service model
 * 2014-11-01; KMS developer guide, "Key states of AWS KMS keys". */
#include "ec2/rows.h"

static const struct xmlmap key_map[] = {
	XML_TEXT_NEED(struct kms_key, arn, "KeyMetadata/Arn"),
	XML_TEXT_NEED(struct kms_key, state, "KeyMetadata/KeyState"),
	XML_TIME(struct kms_key, deleted_at, "KeyMetadata/DeletionDate"),
	XML_END,
};
const struct ec2_action action_describe_key = {
	.name = "DescribeKey",
	.service = &service_kms,
	.iam = "kms:DescribeKey",
	.retry = RETRY_READ,
	REPLY_(key_map, struct kms_key),
	.method = "POST",
};
