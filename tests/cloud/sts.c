/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/hash.h"
#include "tests/cloud/call.h"

#include <ctype.h>

/* STS, and the credentials it and IMDS hand out. */

json_t *credential_find(struct sim *sim, const char *access_key_id)
{
	json_t *cred;
	size_t i;

	json_array_foreach (setting(sim, "credentials"), i, cred)
		if (js_is(cred, "access_key_id", access_key_id))
			return cred;
	return NULL;
}

static char *random_name(const char *prefix, size_t chars)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	cleanup(str_done) struct str out = STR_INIT;

	str_add(&out, prefix);
	for (size_t i = 0; i < chars; i++) {
		uint8_t b;

		random_bytes(&b, 1);
		str_add_char(&out, alphabet[b & 31]);
	}
	return str_take(&out);
}

/* Temporary credentials with the policy of `like`; *ret is borrowed. */
void credential_mint(struct sim *sim, json_t *like, const char *arn, double lasts_s, json_t **ret)
{
	cleanup(free) char *key = random_name("ASIA", 16), *secret = random_name("", 40);
	cleanup(free) char *token = random_name("SIMTOKEN/", 120), *id = random_name("AROA", 17);
	const char *session = strrchr(arn, '/');
	json_t *list = setting(sim, "credentials");
	json_t *cred = json_pack("{s:s,s:s,s:s,s:s,s:f,s:o}", "access_key_id", key,
				 "secret_access_key", secret, "session_token", token, "arn", arn,
				 "expires", real_now() + lasts_s, "user_id",
				 json_sprintf("%s:%s", id, session ? session + 1 : ""));

	if (!list)
		jset(sim->settings->truth, "credentials", list = json_array());
	jcopy(cred, "policy", like, "policy");
	json_array_append_new(list, cred);
	world_touch(sim->settings);
	*ret = cred;
}

void get_caller_identity(struct call *call)
{
	jset_s(call->out, "Arn", call->who.arn);
	jset_s(call->out, "UserId", call->who.user_id);
	jset_s(call->out, "Account", sim_account(call->sim));
}

static json_t *role_find(struct call *call)
{
	json_t *role;
	size_t i;

	json_array_foreach (setting(call->sim, "roles"), i, role)
		if (js_is(role, "arn", param(call, "RoleArn")))
			return role;
	return NULL;
}

static int check_session(struct call *call, double *ret_lasts_s)
{
	const char *name = param(call, "RoleSessionName");
	json_int_t lasts = param_int(call, "DurationSeconds", 3600);

	for (const char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("_+=,.@-", *p))
			name = "";
	if (strlen(name) < 2 || strlen(name) > 64)
		call_fail(
			call, "ValidationError",
			"1 validation error detected: Value '%s' at 'roleSessionName' failed to "
			"satisfy "
			"constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*",
			param(call, "RoleSessionName"));
	else if (lasts < 900 || lasts > 43200)
		call_fail(call, "ValidationError",
			  "1 validation error detected: Value '%lld' at 'durationSeconds' failed "
			  "to satisfy "
			  "constraint: Member must have value between 900 and 43200",
			  (long long)lasts);
	*ret_lasts_s = (double)lasts;
	return call_failed(call) ? -1 : 0;
}

/* arn:aws:iam::1:role/path/NAME -> arn:aws:sts::1:assumed-role/NAME/SESSION */
static void grant(struct call *call, json_t *role, double lasts_s)
{
	const char *name = strrchr(param(call, "RoleArn"), '/');
	const char *partition = js(call->sim->settings->truth, "partition");
	cleanup(free) char *arn =
		mem_printf("arn:%s:sts::%s:assumed-role/%s/%s", partition, sim_account(call->sim),
			   name ? name + 1 : "role", param(call, "RoleSessionName"));
	json_t *cred, *out = json_object();

	credential_mint(call->sim, role, arn, lasts_s, &cred);
	jset_s(out, "AccessKeyId", js(cred, "access_key_id"));
	jset_s(out, "SecretAccessKey", js(cred, "secret_access_key"));
	jset_s(out, "SessionToken", js(cred, "session_token"));
	jset(out, "Expiration", json_time(jd(cred, "expires")));
	jset(call->out, "Credentials", out);
	jset(call->out, "AssumedRoleUser",
	     json_pack("{s:s,s:s}", "AssumedRoleId", js(cred, "user_id"), "Arn", arn));
}

void assume_role(struct call *call)
{
	json_t *role = role_find(call);
	double lasts_s;

	if (check_session(call, &lasts_s))
		return;
	if (!role ||
	    (jhas(role, "external_id") && !js_is(role, "external_id", param(call, "ExternalId"))) ||
	    jhas(role, "web_identity_token")) {
		call_fail(call, "AccessDenied",
			  "User: %s is not authorized to perform: sts:AssumeRole on resource: %s",
			  call->who.arn, param(call, "RoleArn"));
		return;
	}
	grant(call, role, lasts_s);
}

void assume_role_with_web_identity(struct call *call)
{
	json_t *role = role_find(call);
	double lasts_s;

	if (check_session(call, &lasts_s))
		return;
	if (!role || !jhas(role, "web_identity_token")) {
		call_fail(call, "AccessDenied",
			  "Not authorized to perform sts:AssumeRoleWithWebIdentity");
		return;
	}
	if (!js_is(role, "web_identity_token", param(call, "WebIdentityToken"))) {
		call_fail(call, "InvalidIdentityToken",
			  "The web identity token that was passed is not valid");
		return;
	}
	grant(call, role, lasts_s);
	jset_s(call->out, "SubjectFromWebIdentityToken", "system:serviceaccount:rescue:rescue");
	jset_s(call->out, "Provider", "arn:aws:iam::oidc-provider/sim");
}
