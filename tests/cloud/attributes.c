/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/hash.h"
#include "tests/cloud/instance.h"
#include "tests/cloud/kinds.h"

#include <strings.h>

/* DescribeInstanceAttribute and ModifyInstanceAttribute: one row an attribute. */

enum type { TYPE_TEXT, TYPE_BOOL, TYPE_BLOB, TYPE_BOOL_NOT };
static const struct attribute {
	const char *name;  /* as Attribute= and as the reply's element */
	const char *param; /* as a parameter; NULL: cannot be changed */
	const char *key;   /* in the truth */
	enum type type;
	bool only_when_stopped;
} attributes[] = {
	{ "instanceType", "InstanceType.Value", "type", TYPE_TEXT, true },
	{ "kernel", "Kernel.Value", "kernel", TYPE_TEXT, true },
	{ "ramdisk", "Ramdisk.Value", "ramdisk", TYPE_TEXT, true },
	{ "userData", "UserData.Value", "user_data", TYPE_BLOB, true },
	{ "disableApiTermination", "DisableApiTermination.Value", "disable_api_termination",
	  TYPE_BOOL, false },
	{ "disableApiStop", "DisableApiStop.Value", "disable_api_stop", TYPE_BOOL, false },
	{ "instanceInitiatedShutdownBehavior", "InstanceInitiatedShutdownBehavior.Value",
	  "shutdown_behavior", TYPE_TEXT, false },
	{ "ebsOptimized", "EbsOptimized.Value", "ebs_optimized", TYPE_BOOL, true },
	{ "enaSupport", "EnaSupport.Value", "ena_support", TYPE_BOOL, true },
	{ "sriovNetSupport", "SriovNetSupport.Value", "sriov", TYPE_TEXT, true },
	{ "sourceDestCheck", "SourceDestCheck.Value", "no_source_dest_check", TYPE_BOOL_NOT,
	  false },
	{ "rootDeviceName", NULL, "root_device_name", TYPE_TEXT, false },
};

static json_t *value_of(const struct attribute *a, const json_t *truth)
{
	json_t *out = json_object();

	if (a->type == TYPE_BOOL || a->type == TYPE_BOOL_NOT)
		jset_b(out, "value", jb(truth, a->key) != (a->type == TYPE_BOOL_NOT));
	else if (*js(truth, a->key))
		jset_s(out, "value", js(truth, a->key));
	return out;
}

void describe_instance_attribute(struct call *call)
{
	struct res *inst = call_find(call, &kind_instance, param(call, "InstanceId"));
	const char *name = param(call, "Attribute");
	json_t *shape;

	if (!inst)
		return;
	jset_s(call->out, "instanceId", inst->id);
	if (str_eq(name, "blockDeviceMapping") || str_eq(name, "groupSet") ||
	    str_eq(name, "productCodes")) {
		shape = instance_render(call->sim, inst->truth);
		jset(call->out, name, json_incref(jget(shape, name)));
		json_decref(shape);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(attributes); i++) {
		if (str_eq(attributes[i].name, name)) {
			jset(call->out, name, value_of(&attributes[i], inst->truth));
			return;
		}
	}
	call_fail(call, "InvalidParameterValue",
		  "Value (%s) for parameter attribute is invalid. Unknown attribute.", name);
}

static void set_value(struct call *call, struct res *inst, const struct attribute *a,
		      const char *value)
{
	cleanup(str_done) struct str raw = STR_INIT;

	if (a->only_when_stopped && !js_is(inst->truth, "state", "stopped")) {
		call_fail(call, "IncorrectInstanceState",
			  "The instance '%s' is not in the 'stopped' state.", inst->id);
	} else if (a->type == TYPE_BOOL || a->type == TYPE_BOOL_NOT) {
		bool on = !strcasecmp(value, "true");

		if (!on && strcasecmp(value, "false"))
			call_fail(call, "InvalidParameterValue",
				  "Value (%s) for parameter value is invalid.", value);
		else
			jset_b(inst->truth, a->key, on != (a->type == TYPE_BOOL_NOT));
	} else if (a->type == TYPE_BLOB && str_add_from_base64(&raw, value, strlen(value))) {
		call_fail(call, "InvalidUserData.Malformed",
			  "Invalid BASE64 encoding of user data");
	} else if (raw.len > 16384) {
		call_fail(call, "InvalidParameterValue", "User data is limited to 16384 bytes");
	} else if (str_eq(a->key, "type") && !instance_type_of(value).is_known) {
		call_fail(call, "InvalidInstanceAttributeValue",
			  "The instance type '%s' does not exist", value);
	} else if (str_eq(a->key, "shutdown_behavior") && !str_eq(value, "stop") &&
		   !str_eq(value, "terminate")) {
		call_fail(call, "InvalidParameterValue",
			  "Invalid value '%s' for InstanceInitiatedShutdownBehavior", value);
	} else {
		jset_s(inst->truth, a->key, value);
	}
}

static void set_mapping(struct call *call, struct res *inst)
{
	for (unsigned i = 1; i <= param_count(call, "BlockDeviceMapping"); i++) {
		const char *device = param_at(call, "BlockDeviceMapping.%u.DeviceName", i);
		const char *flag =
			param_at(call, "BlockDeviceMapping.%u.Ebs.DeleteOnTermination", i);
		json_t *mapping = mapping_find(inst->truth, device);
		struct res *vol = mapping ? world_get(call->sim, js(mapping, "volume")) : NULL;
		bool on = !strcasecmp(flag, "true");

		if (!vol) {
			call_fail(call, "InvalidInstanceAttributeValue",
				  "No device is currently mapped at %s", device);
			return;
		}
		if (!on && strcasecmp(flag, "false")) {
			call_fail(call, "InvalidParameterCombination",
				  "DeleteOnTermination is the only attribute of a mapping that can "
				  "change");
			return;
		}
		jset_b(mapping, "delete_on_termination", on);
		jset_b(jget(vol->truth, "attachment"), "delete_on_termination", on);
		world_touch(vol);
	}
}

static void set_groups(struct call *call, struct res *inst)
{
	cleanup(texts_done) struct texts ids = param_list(call, "GroupId");
	json_t *groups = json_array();

	vec_foreach (id, &ids) {
		if (!call_find(call, &kind_security_group, *id)) {
			json_decref(groups);
			return;
		}
		json_array_append_new(groups, json_string(*id));
	}
	jset(inst->truth, "groups", groups);
}

void modify_instance_attribute(struct call *call)
{
	struct res *inst = call_find(call, &kind_instance, param(call, "InstanceId"));
	const struct attribute *hit = NULL;
	const char *value = NULL;
	unsigned n =
		(param_count(call, "BlockDeviceMapping") > 0) + (param_count(call, "GroupId") > 0);

	if (!inst)
		return;
	for (size_t i = 0; i < ARRAY_LEN(attributes); i++) {
		const struct attribute *a = &attributes[i];

		if (a->param && param_has(call, a->param))
			value = param(call, a->param);
		else if (a->param && str_eq(param(call, "Attribute"), a->name) &&
			 param_has(call, "Value"))
			value = param(call, "Value");
		else
			continue;
		hit = a;
		n++;
	}
	if (n != 1) {
		call_fail(call, n ? "InvalidParameterCombination" : "MissingParameter",
			  n ? "Fields for multiple attribute types specified"
			    : "No attributes specified.");
		return;
	}
	if (hit)
		set_value(call, inst, hit, value);
	else if (param_count(call, "GroupId"))
		set_groups(call, inst);
	else
		set_mapping(call, inst);
	world_touch(inst);
	jset_b(call->out, "return", true);
}
