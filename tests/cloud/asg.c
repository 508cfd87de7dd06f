/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cloud/instance.h"
#include "tests/cloud/kinds.h"

/* Auto Scaling groups: {"name", "suspended"? ["ReplaceUnhealthy"], "min"? 0, "max"?, "desired"?}; members name
 * theirs as "asg". Source: Auto Scaling user guide, "Temporarily remove instances from your Auto Scaling group". */

int asg_load(struct sim *sim, json_t *in, struct err *err)
{
	cleanup(free) char *id = mem_printf("asg/%s", js(in, "name"));

	if (!*js(in, "name"))
		return err_set(err, ERR_MALFORMED, "an Auto Scaling group has no \"name\"");
	jset_s(in, "id", id);
	jdefault(in, "min", json_integer(0));
	world_add(sim, &kind_asg, id, json_incref(in));
	return 0;
}

static struct res *group_of(struct sim *sim, const char *name)
{
	cleanup(free) char *id = mem_printf("asg/%s", name);

	return world_get(sim, id);
}

/* A stopped member counts as unhealthy: its group terminates and replaces it. */
void asg_notice(struct sim *sim, struct res *inst)
{
	struct res *asg = group_of(sim, js(inst->truth, "asg"));
	const json_t *process;
	size_t i;

	if (!asg || !js_is(inst->truth, "asg_state", "InService"))
		return;
	json_array_foreach (jget(asg->truth, "suspended"), i, process) {
		const char *name = json_string_value(process);

		if (name && strstr(" Terminate HealthCheck ReplaceUnhealthy ", name))
			return;
	}
	timer_set(inst, "asg", sim->now + latency(sim, inst, "asg_replace"));
}

void describe_auto_scaling_instances(struct call *call)
{
	cleanup(texts_done) struct texts ids = param_list(call, "InstanceIds.member");
	json_t *list = json_array();

	jset(call->out, "AutoScalingInstances", list);
	sim_foreach (inst, call->sim, &kind_instance) {
		const json_t *v = world_shown(call->sim, inst);
		bool asked = !ids.count;

		vec_foreach (id, &ids)
			asked |= str_eq(*id, inst->id);
		if (!asked || !v || !*js(v, "asg"))
			continue;
		json_array_append_new(
			list, json_pack("{s:s,s:s,s:s,s:s,s:s,s:b}", "InstanceId", inst->id,
					"AutoScalingGroupName", js(v, "asg"), "AvailabilityZone",
					js(v, "zone"), "LifecycleState", js(v, "asg_state"),
					"HealthStatus",
					js_is(v, "state", "running") ? "HEALTHY" : "UNHEALTHY",
					"ProtectedFromScaleIn", jb(v, "asg_protected")));
	}
}

/* ---- standby */

static json_int_t desired_of(struct sim *sim, const struct res *asg)
{
	json_int_t members = 0;

	if (jhas(asg->truth, "desired"))
		return ji(asg->truth, "desired");
	sim_foreach (inst, sim, &kind_instance)
		members += js_is(inst->truth, "asg", js(asg->truth, "name")) &&
			   !js_is(inst->truth, "state", "terminated") &&
			   js_is(inst->truth, "asg_state", "InService");
	return members;
}

static void add_activity(struct call *call, json_t *list, const char *what, const char *id)
{
	cleanup(free) char *activity = request_id_new(call->sim);
	cleanup(free) char *when = time_text(call->sim->now);
	cleanup(free) char *text = mem_printf("Moving EC2 instance %s Standby: %s",
					      str_starts(what, "Enter") ? "to" : "out of", id);

	json_array_append_new(list,
			      json_pack("{s:s,s:s,s:s,s:s,s:s,s:i}", "ActivityId", activity,
					"AutoScalingGroupName", param(call, "AutoScalingGroupName"),
					"Description", text, "StartTime", when, "StatusCode",
					"InProgress", "Progress", 50));
}

static struct res *find_group(struct call *call)
{
	const char *name = param(call, "AutoScalingGroupName");
	struct res *asg = group_of(call->sim, name);

	if (!asg)
		call_fail(call, "ValidationError", "AutoScalingGroup name not found - %s", name);
	return asg;
}

/* All of them in this state of this group, or call_fail. */
static bool are_all(struct call *call, const struct texts *ids, const char *state)
{
	vec_foreach (id, ids) {
		struct res *inst = world_get(call->sim, *id);

		if (!inst || inst->kind != &kind_instance ||
		    !js_is(inst->truth, "asg", param(call, "AutoScalingGroupName"))) {
			call_fail(call, "ValidationError",
				  "The instance %s is not part of Auto Scaling group %s.", *id,
				  param(call, "AutoScalingGroupName"));
			return false;
		}
		if (!js_is(inst->truth, "asg_state", state)) {
			call_fail(call, "ValidationError", "The instance %s is not in %s.", *id,
				  state);
			return false;
		}
	}
	return true;
}

static void move(struct call *call, const struct texts *ids, const char *to)
{
	json_t *list = json_array();

	jset(call->out, "Activities", list);
	vec_foreach (id, ids) {
		struct res *inst = world_get(call->sim, *id);

		jset_s(inst->truth, "asg_state", to);
		timer_drop(inst, "asg");
		timer_set(inst, "asg_state",
			  call->sim->now + latency(call->sim, inst, "asg_standby"));
		world_touch(inst);
		add_activity(call, list, call->name, *id);
	}
}

void enter_standby(struct call *call)
{
	cleanup(texts_done) struct texts ids = param_list(call, "InstanceIds.member");
	bool decrements = param_true(call, "ShouldDecrementDesiredCapacity");
	struct res *asg = find_group(call);
	json_int_t desired;

	if (!asg || !are_all(call, &ids, "InService"))
		return;
	desired = desired_of(call->sim, asg);
	if (decrements && desired - (json_int_t)ids.count < ji(asg->truth, "min")) {
		call_fail(call, "ValidationError",
			  "AutoScalingGroup %s has min-size=%lld, and desired-size=%lld. To place "
			  "into standby %zu instance, please update the AutoScalingGroup sizes "
			  "appropriately.",
			  param(call, "AutoScalingGroupName"), (long long)ji(asg->truth, "min"),
			  (long long)desired, ids.count);
		return;
	}
	/* Otherwise it launches others in their stead; of those only the number is kept. */
	if (decrements)
		desired -= (json_int_t)ids.count;
	else
		jset_i(asg->truth, "launched", ji(asg->truth, "launched") + (json_int_t)ids.count);
	jset_i(asg->truth, "desired", desired);
	world_touch(asg);
	move(call, &ids, "EnteringStandby");
}

void exit_standby(struct call *call)
{
	cleanup(texts_done) struct texts ids = param_list(call, "InstanceIds.member");
	struct res *asg = find_group(call);
	json_int_t desired;

	if (!asg || !are_all(call, &ids, "Standby"))
		return;
	desired = desired_of(call->sim, asg) + (json_int_t)ids.count;
	if (jhas(asg->truth, "max") && desired > ji(asg->truth, "max")) {
		call_fail(call, "ValidationError",
			  "AutoScalingGroup %s has max-size=%lld, and desired-size would be %lld.",
			  param(call, "AutoScalingGroupName"), (long long)ji(asg->truth, "max"),
			  (long long)desired);
		return;
	}
	jset_i(asg->truth, "desired", desired);
	world_touch(asg);
	move(call, &ids, "Pending");
}

void asg_moved(struct sim *sim, struct res *inst)
{
	bool enters = js_is(inst->truth, "asg_state", "EnteringStandby");

	jset_s(inst->truth, "asg_state", enters ? "Standby" : "InService");
	world_touch(inst);
	if (!enters && !js_is(inst->truth, "state", "running"))
		asg_notice(sim, inst);
}
