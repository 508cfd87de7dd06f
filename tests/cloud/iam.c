/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cloud/kinds.h"

#include <stdio.h>
#include <string.h>

/* IAM as far as giving an instance a profile goes: roles, their inline policies, instance profiles. The documents are
 * kept as they came. Whoever has the profile is not judged by them here: credentials of "imds" have their own policy. */

static struct res *entity(struct sim *sim, const struct kind *kind, const char *name)
{
	cleanup(free) char *id = mem_printf("%s/%s", kind->name, name);

	return world_get(sim, id);
}

static struct res *find(struct call *call, const struct kind *kind, const char *name)
{
	struct res *res = entity(call->sim, kind, name);

	if (!res)
		call_fail(call, "NoSuchEntity", "The %s with name %s cannot be found.",
			  kind == &kind_iam_role ? "role" : "instance profile", name);
	return res;
}

static struct res *find_role(struct call *call)
{
	return find(call, &kind_iam_role, param(call, "RoleName"));
}

/* NULL: there is one of that name already. */
static struct res *add(struct call *call, const struct kind *kind, const char *name)
{
	const char *path = *param(call, "Path") ? param(call, "Path") : "/";
	const char *prefix = kind == &kind_iam_role ? "AROA" : "AIPA";
	cleanup(free) char *id = mem_printf("%s/%s", kind->name, name);
	cleanup(free) char *arn =
		mem_printf("arn:%s:iam::%s:%s%s%s", js(call->sim->settings->truth, "partition"),
			   sim_account(call->sim), kind->name, path, name);
	cleanup(free) char *fresh = id_new(call->sim, "x-"), *unique = NULL;

	if (entity(call->sim, kind, name)) {
		call_fail(call, "EntityAlreadyExists", "%s %s already exists.",
			  kind == &kind_iam_role ? "Role with name" : "Instance Profile", name);
		return NULL;
	}
	unique = mem_printf("%s%s", prefix, fresh + strlen("x-"));
	for (char *c = unique; *c; c++)
		*c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
	return world_add(call->sim, kind, id,
			 json_pack("{s:s,s:s,s:s,s:s,s:s,s:f}", "id", id, "name", name, "path",
				   path, "arn", arn, "unique", unique, "created", call->sim->now));
}

/* IAM gives documents percent-encoded. */
static void set_encoded(json_t *shape, const char *key, const char *text)
{
	cleanup(str_done) struct str out = STR_INIT;

	for (const char *c = text; *c; c++)
		if (strchr("-_.~", *c) || (*c >= '0' && *c <= '9') ||
		    ((*c | 0x20) >= 'a' && (*c | 0x20) <= 'z'))
			str_add_char(&out, *c);
		else
			str_addf(&out, "%%%02X", (unsigned char)*c);
	jset_s(shape, key, out.s ?: "");
}

static json_t *shape_of(const json_t *v, const char *kind)
{
	cleanup(free) char *name = mem_printf("%sName", kind), *id = mem_printf("%sId", kind);
	cleanup(free) char *created = time_text(jd(v, "created"));
	json_t *shape = json_object();

	jset_s(shape, "Path", js(v, "path"));
	jset_s(shape, name, js(v, "name"));
	jset_s(shape, id, js(v, "unique"));
	jset_s(shape, "Arn", js(v, "arn"));
	jset_s(shape, "CreateDate", created);
	return shape;
}

static json_t *tags_of(const json_t *v)
{
	json_t *list = json_array(), *value;
	const char *key;

	json_object_foreach (jget(v, "tags"), key, value)
		json_array_append_new(list, json_pack("{s:s,s:O}", "Key", key, "Value", value));
	return list;
}

static json_t *role_shape(const json_t *v)
{
	json_t *shape = shape_of(v, "Role");

	set_encoded(shape, "AssumeRolePolicyDocument", js(v, "trust"));
	jset_s(shape, "Description", js(v, "description"));
	jset_i(shape, "MaxSessionDuration", 3600);
	jset(shape, "Tags", tags_of(v));
	return shape;
}

static json_t *profile_shape(struct sim *sim, const json_t *v)
{
	json_t *shape = shape_of(v, "InstanceProfile"), *roles = json_array();
	struct res *role = entity(sim, &kind_iam_role, js(v, "role"));

	if (role)
		json_array_append_new(roles, role_shape(role->truth));
	jset(shape, "Roles", roles);
	return shape;
}

static bool is_document(struct call *call, const char *name)
{
	json_t *document = json_loads(param(call, name), 0, NULL);
	bool is_one = json_is_array(jget(document, "Statement")) ||
		      json_is_object(jget(document, "Statement"));

	json_decref(document);
	if (!is_one)
		call_fail(call, "MalformedPolicyDocument", "Syntax errors in policy.");
	return is_one;
}

void create_role(struct call *call)
{
	struct res *role;
	json_t *tags = json_object();

	for (unsigned n = 1; n <= param_count(call, "Tags.member"); n++)
		jset_s(tags, param_at(call, "Tags.member.%u.Key", n),
		       param_at(call, "Tags.member.%u.Value", n));
	role = is_document(call, "AssumeRolePolicyDocument")
		       ? add(call, &kind_iam_role, param(call, "RoleName"))
		       : NULL;
	if (!role) {
		json_decref(tags);
		return;
	}
	jset_s(role->truth, "trust", param(call, "AssumeRolePolicyDocument"));
	jset_s(role->truth, "description", param(call, "Description"));
	jset(role->truth, "tags", tags);
	jset(role->truth, "policies", json_object());
	jset(call->out, "Role", role_shape(role->truth));
}

void get_role(struct call *call)
{
	struct res *role = find_role(call);

	if (role)
		jset(call->out, "Role", role_shape(role->truth));
}

void list_role_tags(struct call *call)
{
	struct res *role = find_role(call);

	if (!role)
		return;
	jset(call->out, "Tags", tags_of(role->truth));
	jset_b(call->out, "IsTruncated", false);
}

/* There are no managed policies. */
void list_attached_role_policies(struct call *call)
{
	if (!find_role(call))
		return;
	jset(call->out, "AttachedPolicies", json_array());
	jset_b(call->out, "IsTruncated", false);
}

void list_role_policies(struct call *call)
{
	struct res *role = find_role(call);
	json_t *names = json_array(), *value;
	const char *name;

	json_object_foreach (jget(role ? role->truth : NULL, "policies"), name, value)
		json_array_append_new(names, json_string(name));
	jset(call->out, "PolicyNames", names);
	jset_b(call->out, "IsTruncated", false);
}

void get_role_policy(struct call *call)
{
	const char *name = param(call, "PolicyName");
	struct res *role = find_role(call);

	if (!role)
		return;
	if (!jhas(jget(role->truth, "policies"), name)) {
		call_fail(call, "NoSuchEntity", "The role policy with name %s cannot be found.",
			  name);
		return;
	}
	jset_s(call->out, "RoleName", param(call, "RoleName"));
	jset_s(call->out, "PolicyName", name);
	set_encoded(call->out, "PolicyDocument", js(jget(role->truth, "policies"), name));
}

/* All inline policies of a role may have 10240 characters together. */
void put_role_policy(struct call *call)
{
	struct res *role = find_role(call);

	if (!role || !is_document(call, "PolicyDocument"))
		return;
	if (strlen(param(call, "PolicyDocument")) > 10240) {
		call_fail(call, "LimitExceeded",
			  "Maximum policy size of 10240 bytes exceeded for role %s",
			  param(call, "RoleName"));
		return;
	}
	jset_s(jget(role->truth, "policies"), param(call, "PolicyName"),
	       param(call, "PolicyDocument"));
	world_touch(role);
}

void create_instance_profile(struct call *call)
{
	struct res *profile = add(call, &kind_iam_profile, param(call, "InstanceProfileName"));

	if (profile)
		jset(call->out, "InstanceProfile", profile_shape(call->sim, profile->truth));
}

void get_instance_profile(struct call *call)
{
	struct res *profile = find(call, &kind_iam_profile, param(call, "InstanceProfileName"));

	if (profile)
		jset(call->out, "InstanceProfile", profile_shape(call->sim, profile->truth));
}

void add_role_to_instance_profile(struct call *call)
{
	struct res *profile = find(call, &kind_iam_profile, param(call, "InstanceProfileName"));

	if (!profile || !find_role(call))
		return;
	if (*js(profile->truth, "role")) {
		call_fail(call, "LimitExceeded",
			  "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1");
		return;
	}
	jset_s(profile->truth, "role", param(call, "RoleName"));
	world_touch(profile);
}

void list_instance_profiles_for_role(struct call *call)
{
	json_t *list = json_array();

	jset(call->out, "InstanceProfiles", list);
	jset_b(call->out, "IsTruncated", false);
	if (!find_role(call))
		return;
	sim_foreach (profile, call->sim, &kind_iam_profile)
		if (js_is(profile->truth, "role", param(call, "RoleName")))
			json_array_append_new(list, profile_shape(call->sim, profile->truth));
}
