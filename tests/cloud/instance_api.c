/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cloud/instance.h"

/* Start, stop, reboot, terminate. Each checks all instances first: all or nothing. */

/* The instances of InstanceId.N; -1 with EC2's text, which names all that are missing. */
typedef VEC(struct res *) res_list;

static int find_all(struct call *call, struct res ***ret, size_t *ret_count)
{
	cleanup(texts_done) struct texts ids = param_list(call, "InstanceId");
	cleanup(str_done) struct str missing = STR_INIT;
	res_list list = { 0 };
	unsigned n = 0;

	vec_foreach (id, &ids) {
		struct res *inst = world_get(call->sim, *id);

		if (!id_is_well_formed(*id, "i-")) {
			call_fail(call, kind_instance.malformed, "Invalid id: \"%s\"", *id);
		} else if (!inst || !world_shown(call->sim, inst) || jb(inst->truth, "gone")) {
			str_addf(&missing, "%s%s", n++ ? ", " : "", *id);
		} else {
			vec_push(&list, inst);
		}
	}
	if (n > 1)
		call_fail(call, kind_instance.missing, "The instance IDs '%s' do not exist",
			  missing.s);
	else if (n)
		call_fail(call, kind_instance.missing, "The instance ID '%s' does not exist",
			  missing.s);
	if (call_failed(call)) {
		vec_done(&list);
		return -1;
	}
	*ret = list.items;
	*ret_count = list.count;
	return 0;
}

/* Runs `check` over all, then `act` over all; the reply lists previous and current states. */
static void change_all(struct call *call, void (*check)(struct call *, struct res *),
		       void (*act)(struct call *, struct res *))
{
	cleanup(free) struct res **list = NULL;
	json_t *set = json_array();
	size_t count = 0;

	jset(call->out, "instancesSet", set);
	if (find_all(call, &list, &count))
		return;
	for (size_t i = 0; i < count && !call_failed(call); i++)
		check(call, list[i]);
	for (size_t i = 0; i < count && !call_failed(call); i++) {
		json_t *item = json_object();
		json_t *before = state_render(js(list[i]->truth, "state"));

		act(call, list[i]);
		jset_s(item, "instanceId", list[i]->id);
		jset(item, "currentState", state_render(js(list[i]->truth, "state")));
		jset(item, "previousState", before);
		json_array_append_new(set, item);
	}
}

static void stop_check(struct call *call, struct res *inst)
{
	const struct res *spot = world_get(call->sim, js(inst->truth, "spot_request"));
	int code = state_code(js(inst->truth, "state"));

	if (js_is(inst->truth, "root_device_type", "instance-store"))
		call_fail(call, "UnsupportedOperation",
			  "The instance '%s' does not have an 'ebs' root device type and cannot be "
			  "stopped.",
			  inst->id);
	else if (js_is(inst->truth, "lifecycle", "spot") &&
		 !(spot && js_is(spot->truth, "type", "persistent")))
		call_fail(call, "UnsupportedOperation",
			  "You can't stop the Spot Instance '%s' because it is associated with a "
			  "one-time "
			  "Spot Instance request. You can only stop Spot Instances associated with "
			  "persistent Spot Instance requests.",
			  inst->id);
	else if (code != 16 && code != 64 && code != 80)
		call_fail(call, "IncorrectInstanceState",
			  "This instance '%s' is not in a state from which it can be stopped.",
			  inst->id);
	else if (jb(inst->truth, "disable_api_stop") && code != 80)
		call_fail(call, "OperationNotPermitted",
			  "The instance '%s' may not be stopped. Modify its 'disableApiStop' "
			  "instance "
			  "attribute and try again.",
			  inst->id);
	else if (param_true(call, "Hibernate") && !jb(inst->truth, "hibernation"))
		call_fail(call, "UnsupportedHibernationConfiguration",
			  "The instance '%s' is not enabled for hibernation.", inst->id);
}

static void stop_act(struct call *call, struct res *inst)
{
	if (js_is(inst->truth, "state", "stopped"))
		return;
	instance_stop(call->sim, inst,
		      param_true(call, "Force") || param_true(call, "SkipOsShutdown"));
	if (param_true(call, "Hibernate"))
		instance_reason(call->sim, inst, "Client.UserInitiatedHibernate",
				"Client.UserInitiatedHibernate: User initiated hibernate");
}

void stop_instances(struct call *call)
{
	change_all(call, stop_check, stop_act);
}

static void start_check(struct call *call, struct res *inst)
{
	const char *root = js(inst->truth, "root_device_name");
	const json_t *mapping = mapping_find(inst->truth, root);
	int code = state_code(js(inst->truth, "state"));

	if (code == 0 || code == 16)
		return;
	if (code != 80)
		call_fail(call, "IncorrectInstanceState",
			  "The instance '%s' is not in a state from which it can be started.",
			  inst->id);
	else if (!mapping || !js_is(mapping, "status", "attached"))
		call_fail(call, "InvalidParameterValue",
			  "Invalid value '%s' for instanceId. Instance does not have a volume "
			  "attached at "
			  "root (%s)",
			  inst->id, root);
}

static void start_act(struct call *call, struct res *inst)
{
	if (js_is(inst->truth, "state", "stopped"))
		instance_start(call->sim, inst);
}

void start_instances(struct call *call)
{
	change_all(call, start_check, start_act);
}

static void terminate_check(struct call *call, struct res *inst)
{
	if (jb(inst->truth, "disable_api_termination") &&
	    !js_is(inst->truth, "state", "terminated"))
		call_fail(call, "OperationNotPermitted",
			  "The instance '%s' may not be terminated. Modify its "
			  "'disableApiTermination' "
			  "instance attribute and try again.",
			  inst->id);
}

static void terminate_act(struct call *call, struct res *inst)
{
	instance_terminate(call->sim, inst, "Client.UserInitiatedShutdown");
}

void terminate_instances(struct call *call)
{
	change_all(call, terminate_check, terminate_act);
}

static void reboot_check(struct call *call, struct res *inst)
{
	if (!js_is(inst->truth, "state", "running"))
		call_fail(call, "IncorrectState",
			  "Cannot reboot instance %s that is currently in %s state.", inst->id,
			  js(inst->truth, "state"));
}

static void reboot_act(struct call *call, struct res *inst)
{
	boot_end(call->sim, inst);
	boot_begin(call->sim, inst);
}

void reboot_instances(struct call *call)
{
	change_all(call, reboot_check, reboot_act);
	json_object_clear(call->out);
	jset_b(call->out, "return", true);
}
