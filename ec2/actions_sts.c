/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who we are, and becoming somebody else. */
#include "ec2/rows.h"

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

static const struct param assume_role_params[] = {
	PARAM_TEXT(struct assume_role_request, role_arn, "RoleArn"),
	PARAM_TEXT(struct assume_role_request, session_name, "RoleSessionName"),
	PARAM_TEXT(struct assume_role_request, external_id, "ExternalId"),
	PARAM_INT(struct assume_role_request, duration_s, "DurationSeconds"),
	PARAM_TEXT(struct assume_role_request, web_identity_token, "WebIdentityToken"),
	PARAM_END,
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
	.is_reply_secret = true,
	.retry = RETRY_READ,
	.limit = LIMIT_NONE,
};
const struct ec2_action action_assume_role_with_web_identity = {
	.name = "AssumeRoleWithWebIdentity",
	.service = &service_sts,
	.iam = "sts:AssumeRoleWithWebIdentity",
	.params = assume_role_params,
	REPLY_(role_map, struct sts_credentials),
	.is_reply_secret = true,
	.retry = RETRY_READ,
	.limit = LIMIT_NONE,
	.is_unsigned = true,
};
