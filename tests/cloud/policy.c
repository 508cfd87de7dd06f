/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/hash.h"
#include "tests/cloud/call.h"

#include <fnmatch.h>
#include <stdio.h>

/* Permission: a credential with a "policy" may do only what a pattern of it allows
 * ("ec2:Describe*"); a pattern with "!" in front denies and wins. No policy: everything is allowed.
 */

static bool is_allowed(const json_t *policy, const char *what)
{
	bool allowed = false;
	const json_t *v;
	size_t i;

	json_array_foreach (policy, i, v) {
		const char *pattern = json_string_value(v);

		if (!pattern)
			continue;
		if (*pattern == '!' && !fnmatch(pattern + 1, what, FNM_CASEFOLD))
			return false;
		allowed |= *pattern != '!' && !fnmatch(pattern, what, FNM_CASEFOLD);
	}
	return allowed;
}

/* "volume/VolumeId" -> arn:...:volume/vol-...; "*" in place of the type: from the id's prefix. */
static char *resource_arn(struct call *call)
{
	const char *rule = call->action->resource, *slash = rule ? strchr(rule, '/') : NULL;
	const char *id = slash ? param(call, slash + 1) : "";
	const struct kind *kind = kind_of_id(id);
	cleanup(free) char *type = NULL;

	if (!slash)
		return mem_strdup("*");
	type = *rule == '*' ? mem_strdup(kind ? kind->name : "*")
			    : mem_strndup(rule, (size_t)(slash - rule));
	return mem_printf("arn:%s:ec2:%s:%s:%s/%s", js(call->sim->settings->truth, "partition"),
			  sim_region(call->sim), sim_account(call->sim), type, *id ? id : "*");
}

int policy_check(struct call *call)
{
	const json_t *policy = jget(call->who.credential, "policy");
	cleanup(free) char *what = mem_printf("%s:%s", call->service, call->name);
	cleanup(free) char *arn = NULL;
	cleanup(str_done) struct str blob = STR_INIT;
	uint8_t bytes[120];

	/* GetCallerIdentity is never denied. */
	if (!policy || str_eq(call->name, "GetCallerIdentity") || is_allowed(policy, what))
		return 0;
	arn = resource_arn(call);
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
			  call->who.arn, what, arn, what, blob.s);
	else
		call_fail(call, call->is_rest ? "AccessDeniedException" : "AccessDenied",
			  "User: %s is not authorized to perform: %s on resource: %s because no "
			  "identity-based policy allows the %s action",
			  call->who.arn, what,
			  param_has(call, "RoleArn") ? param(call, "RoleArn") : arn, what);
	return -1;
}
