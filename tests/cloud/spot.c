/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cloud/instance.h"
#include "tests/cloud/kinds.h"

/* Spot: requests, and the interruption of the instance that runs on one. Source: EC2 user guide, "Spot Instance
 * interruption notices", "EC2 instance rebalance recommendations", "Spot Instance request status". */

#define NOTICE_S 120

const struct filter spot_filters[] = {
	{ "spot-instance-request-id", "spotInstanceRequestId" },
	{ "instance-id", "instanceId" },
	{ "state", "state" },
	{ "status-code", "status.code" },
	{ "type", "type" },
	{ 0 },
};

json_t *spot_render(struct sim *sim, const json_t *v)
{
	json_t *out = json_object();
	cleanup(free) char *when = time_text(sim->now);

	jcopy(out, "spotInstanceRequestId", v, "id");
	jset_s(out, "spotPrice", *js(v, "price") ? js(v, "price") : "0.010000");
	jcopy(out, "type", v, "type");
	jcopy(out, "state", v, "state");
	jset(out, "status",
	     json_pack("{s:s,s:s,s:s}", "code", js(v, "status"), "updateTime", when, "message",
		       ""));
	jcopy(out, "instanceId", v, "instance");
	jcopy(out, "instanceInterruptionBehavior", v, "interruption");
	jset_s(out, "productDescription", "Linux/UNIX");
	jset(out, "tagSet", tags_render(v));
	json_object_update(out, jget(v, "raw"));
	return out;
}

int spot_load(struct sim *sim, json_t *in, struct err *err)
{
	(void)err;
	jdefault(in, "type", json_string("one-time"));
	jdefault(in, "state", json_string("active"));
	jdefault(in, "status", json_string("fulfilled"));
	jdefault(in, "interruption", json_string("terminate"));
	jdefault(in, "tags", json_object());
	world_add(sim, &kind_spot, js(in, "id"), json_incref(in));
	return 0;
}

/* An instance whose lifecycle is spot has a request. */
void spot_request_of(struct sim *sim, struct res *inst)
{
	const char *id = js(inst->truth, "spot_request");

	if (!js_is(inst->truth, "lifecycle", "spot"))
		return;
	if (!*id) {
		cleanup(free) char *made = id_new(sim, "sir-");

		jset_s(inst->truth, "spot_request", made);
		id = js(inst->truth, "spot_request");
	}
	if (!world_get(sim, id))
		world_add(sim, &kind_spot, id,
			  json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:{}}", "id", id, "instance",
				    inst->id, "type",
				    *js(inst->truth, "spot_type") ? js(inst->truth, "spot_type")
								  : "one-time",
				    "state", "active", "status", "fulfilled", "interruption",
				    *js(inst->truth, "spot_interruption")
					    ? js(inst->truth, "spot_interruption")
					    : "terminate",
				    "tags"));
}

void spot_state(struct sim *sim, struct res *inst, const char *state, const char *code)
{
	struct res *spot = world_get(sim, js(inst->truth, "spot_request"));

	if (spot) {
		jset_s(spot->truth, "state", state);
		jset_s(spot->truth, "status", code);
		world_touch(spot);
	}
}

/* "spot": {"capacity": {"TYPE/ZONE": N}, "prices": {"TYPE/ZONE": P}, "max_instances": N} of the world. */
bool spot_refuses(struct call *call, const char *type, const char *zone)
{
	const json_t *spot = setting(call->sim, "spot");
	cleanup(free) char *first = mem_printf("%sa", sim_region(call->sim));
	cleanup(free) char *place = mem_printf("%s/%s", type, *zone ? zone : first);
	const char *most = param(call, "InstanceMarketOptions.SpotOptions.MaxPrice");
	json_int_t there = 0;

	sim_foreach (inst, call->sim, &kind_instance)
		there += js_is(inst->truth, "lifecycle", "spot") &&
			 !js_is(inst->truth, "state", "terminated") && !jb(inst->truth, "gone");
	if (jhas(spot, "max_instances") && there >= ji(spot, "max_instances"))
		call_fail(call, "MaxSpotInstanceCountExceeded", "Max spot instance count exceeded");
	else if (jhas(jget(spot, "capacity"), place) && ji(jget(spot, "capacity"), place) <= 0)
		call_fail(call, "InsufficientInstanceCapacity",
			  "There is no Spot capacity available that matches your request.");
	else if (*most && strtod(most, NULL) < jd(jget(spot, "prices"), place))
		call_fail(call, "SpotMaxPriceTooLow",
			  "Your Spot request price of %s is lower than the minimum required Spot "
			  "request fulfillment price of %g.",
			  most, jd(jget(spot, "prices"), place));
	else if (jhas(jget(spot, "capacity"), place)) {
		jset_i(jget(spot, "capacity"), place, ji(jget(spot, "capacity"), place) - 1);
		world_touch(call->sim->settings);
	}
	return call_failed(call);
}

/* It is stopped or terminated: by the spot service where that was announced, else by the user. */
void spot_ended(struct sim *sim, struct res *inst)
{
	bool is_stop = js_is(inst->truth, "state", "stopped");
	bool was_taken = jb(inst->truth, "taken");
	cleanup(free) char *code = mem_printf("instance-%s-%s", is_stop ? "stopped" : "terminated",
					      was_taken ? "no-capacity" : "by-user");

	spot_state(sim, inst, is_stop ? "disabled" : "closed", code);
	json_object_del(inst->truth, "taken");
}

/* "action": as the request says; "notice_s": 120; "rebalance": the recommendation alone. */
void spot_interrupt(struct sim *sim, struct res *inst, const json_t *how)
{
	const struct res *request = world_get(sim, js(inst->truth, "spot_request"));
	const char *action = *js(how, "action") ? js(how, "action")
			     : request && *js(request->truth, "interruption")
				     ? js(request->truth, "interruption")
				     : "terminate";
	double notice_s = jhas(how, "notice_s") ? jd(how, "notice_s") : NOTICE_S;

	if (jb(how, "rebalance")) {
		jset_n(inst->truth, "rebalance_at", real_now());
		world_touch(inst);
		return;
	}
	/* Its clock is the machine's, as that of its credentials is. */
	jset(inst->truth, "interruption",
	     json_pack("{s:s,s:f}", "action", action, "at", real_now() + notice_s / sim->speed));
	spot_state(sim, inst, "active",
		   str_eq(action, "terminate") ? "instance-terminated-no-capacity"
					       : "marked-for-stop");
	timer_set(inst, "interrupt", sim->now + notice_s);
	world_touch(inst);
}

void spot_interrupted(struct sim *sim, struct res *inst)
{
	bool is_stop = !js_is(jget(inst->truth, "interruption"), "action", "terminate");

	jset_b(inst->truth, "taken", true);
	if (!is_stop) {
		instance_terminate(sim, inst, "Server.SpotInstanceTermination");
		return;
	}
	instance_stop(sim, inst, false);
	instance_reason(sim, inst, "Server.SpotInstanceShutdown",
			"Server.SpotInstanceShutdown: Instance shut down by Spot");
}

/* spot/instance-action, spot/termination-time, events/recommendations/rebalance. */
void spot_items(const json_t *inst, json_t *tree)
{
	const json_t *interruption = jget(inst, "interruption");
	json_t *time = json_time(jd(interruption, "at"));
	const char *whole = json_string_value(time);
	cleanup(free) char *seconds = mem_printf("%.19sZ", whole ? whole : "");
	cleanup(free) char *action = mem_printf("{\"action\": \"%s\", \"time\": \"%s\"}",
						js(interruption, "action"), seconds);

	json_decref(time);
	if (interruption)
		jset_s(tree, "meta-data/spot/instance-action", action);
	if (js_is(interruption, "action", "terminate"))
		jset_s(tree, "meta-data/spot/termination-time", seconds);
	if (jhas(inst, "rebalance_at")) {
		cleanup(free) char *notice = NULL;

		time = json_time(jd(inst, "rebalance_at"));
		notice = mem_printf("{\"noticeTime\": \"%.19sZ\"}", json_string_value(time));
		json_decref(time);
		jset_s(tree, "meta-data/events/recommendations/rebalance", notice);
	}
}
