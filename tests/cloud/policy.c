/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/hash.h"
#include "tests/cloud/call.h"

#include <fnmatch.h>
#include <stdio.h>

/* Permission: a credential with a "policy" may do only what that allows; none: everything. It is a list of
 * patterns ("ec2:Describe*"; with "!" in front one that denies, which wins), or an IAM document, whose statements
 * may be in such a list as well. Of conditions it knows those that a policy by tags needs; any other does not hold.
 */

struct asking {
	const char *action; /* "ec2:DeleteVolume" */
	const char *arn;
	const json_t *tags;		       /* of the resource; NULL: it has none */
	const char *create_action, *passed_to; /* of what another call implies; else NULL */
};

static bool matches(const json_t *patterns, const char *text)
{
	const json_t *v;
	size_t i;

	if (json_is_string(patterns))
		return !fnmatch(json_string_value(patterns), text, FNM_CASEFOLD);
	json_array_foreach (patterns, i, v)
		if (json_is_string(v) && !fnmatch(json_string_value(v), text, FNM_CASEFOLD))
			return true;
	return false;
}

/* NULL: the request has no such key. */
static const char *key_value(const struct asking *asking, const char *key)
{
	if (str_starts(key, "aws:ResourceTag/"))
		return json_string_value(jget(asking->tags, key + strlen("aws:ResourceTag/")));
	if (str_eq(key, "ec2:CreateAction"))
		return asking->create_action;
	return str_eq(key, "iam:PassedToService") ? asking->passed_to : NULL;
}

static bool key_holds(const char *operator, const char * value, const json_t *wanted)
{
	if (str_eq(operator, "Null"))
		return matches(wanted, value ? "false" : "true");
	if (str_eq(operator, "StringEquals") || str_eq(operator, "StringLike"))
		return value && matches(wanted, value);
	return false;
}

static bool conditions_hold(const json_t *conditions, const struct asking *asking)
{
	const char *operator, * key;
	json_t *keys, *wanted;

	json_object_foreach ((json_t *)conditions, operator, keys)
		json_object_foreach (keys, key, wanted)
			if (!key_holds(operator, key_value(asking, key), wanted))
				return false;
	return true;
}

static bool is_allowed(const json_t *policy, const struct asking *asking)
{
	const json_t *list = json_is_object(policy) ? jget(policy, "Statement") : policy, *v;
	bool allowed = false;
	size_t i;

	json_array_foreach (list, i, v) {
		const char *pattern = json_string_value(v);
		bool denies = pattern ? *pattern == '!' : js_is(v, "Effect", "Deny");

		if (pattern ? fnmatch(pattern + denies, asking->action, FNM_CASEFOLD)
			    : !matches(jget(v, "Action"), asking->action) ||
				      !matches(jget(v, "Resource"), asking->arn) ||
				      !conditions_hold(jget(v, "Condition"), asking))
			continue;
		if (denies)
			return false;
		allowed = true;
	}
	return allowed;
}

static char *arn_of(struct call *call, const char *id)
{
	const char *rule = call->action->resource, *slash = rule ? strchr(rule, '/') : NULL;
	const struct kind *kind = kind_of_id(id);
	cleanup(free) char *type = NULL;

	if (!slash)
		return mem_strdup("*");
	type = *rule == '*' ? mem_strdup(kind ? kind->name : "*")
			    : mem_strndup(rule, (size_t)(slash - rule));
	/* Parameters that AWS publishes are of no account, and their names begin with the slash. */
	return mem_printf("arn:%s:%s:%s:%s:%s%s%s", js(call->sim->settings->truth, "partition"),
			  str_eq(call->service, "ebs") ? "ec2" : call->service,
			  sim_region(call->sim),
			  str_starts(id, "/aws/") ? "" : sim_account(call->sim), type,
			  *id == '/' ? "" : "/", *id ? id : "*");
}

static void deny(struct call *call, const struct asking *asking)
{
	cleanup(str_done) struct str blob = STR_INIT;
	uint8_t bytes[120];

	random_bytes(bytes, sizeof(bytes));
	str_add_base64(&blob, bytes, sizeof(bytes));
	for (char *p = blob.s; *p; p++)
		*p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
	if (str_eq(call->service, "ec2"))
		call_fail(call, "UnauthorizedOperation",
			  "You are not authorized to perform this operation. User: %s is not "
			  "authorized "
			  "to perform: %s on resource: %s because no identity-based policy allows "
			  "the "
			  "%s action. Encoded authorization failure message: %s",
			  call->who.arn, asking->action, asking->arn, asking->action, blob.s);
	else
		call_fail(call, call->is_rest ? "AccessDeniedException" : "AccessDenied",
			  "User: %s is not authorized to perform: %s on resource: %s because no "
			  "identity-based policy allows the %s action",
			  call->who.arn, asking->action,
			  param_has(call, "RoleArn") ? param(call, "RoleArn") : asking->arn,
			  asking->action);
}

/* The action itself, on one resource. */
static int check_on(struct call *call, const json_t *policy, const char *id)
{
	cleanup(free) char *action = mem_printf("%s:%s", call->service, call->name);
	cleanup(free) char *arn = arn_of(call, id);
	struct res *res = *id ? world_get(call->sim, id) : NULL;
	struct asking asking = { .action = action,
				 .arn = arn,
				 .tags = res ? jget(res->truth, "tags") : NULL };

	if (is_allowed(policy, &asking))
		return 0;
	deny(call, &asking);
	return -1;
}

/* What else a call needs: tags on what it makes, a role that it hands to an instance. */
static int check_implied(struct call *call, const json_t *policy)
{
	struct asking tags = { .action = "ec2:CreateTags",
			       .arn = "*",
			       .create_action = call->name };
	struct asking role = { .action = "iam:PassRole",
			       .arn = "*",
			       .passed_to = "ec2.amazonaws.com" };
	bool makes_tags = param_count(call, "TagSpecification") ||
			  (str_eq(call->name, "StartSnapshot") && param_has(call, "Tags"));
	bool passes_role = param_has(call, "IamInstanceProfile.Arn") ||
			   param_has(call, "IamInstanceProfile.Name");

	if (makes_tags && !is_allowed(policy, &tags)) {
		deny(call, &tags);
		return -1;
	}
	if (passes_role && !is_allowed(policy, &role)) {
		deny(call, &role);
		return -1;
	}
	return 0;
}

int policy_check(struct call *call)
{
	const json_t *policy = jget(call->who.credential, "policy");
	const char *slash = strchr(call->action->resource ? call->action->resource : "", '/');
	cleanup(free) char *name = mem_strdup(slash ? slash + 1 : "");
	cleanup(texts_done) struct texts ids = { 0 };
	char *dot = strchr(name, '.');

	/* GetCallerIdentity is never denied. */
	if (!policy || str_eq(call->name, "GetCallerIdentity"))
		return 0;
	if (dot && str_eq(dot, ".1")) {
		*dot = '\0';
		ids = param_list(call, name);
	} else if (*name && *name != '*' && param_has(call, name)) {
		vec_push(&ids, param(call, name));
	}
	if (!ids.count)
		vec_push(&ids, "");
	vec_foreach (id, &ids)
		if (check_on(call, policy, *id) < 0)
			return -1;
	return check_implied(call, policy);
}
