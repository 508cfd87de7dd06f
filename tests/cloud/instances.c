/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cloud/instance.h"
#include "tests/cloud/kinds.h"
#include "tests/cloud/machine.h"
#include "tests/cloud/volume.h"

#include <stdio.h>
#include <time.h>

/* Instances as things: states, what happens when one is reached, addresses. */

#define TERMINATED_SHOWN_S 3600

static const struct {
	const char *name;
	int code;
} states[] = {
	{ "pending", 0 },     { "running", 16 },  { "shutting-down", 32 },
	{ "terminated", 48 }, { "stopping", 64 }, { "stopped", 80 },
};

int state_code(const char *state)
{
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		if (str_eq(states[i].name, state))
			return states[i].code;
	return -1;
}

json_t *state_render(const char *state)
{
	return json_pack("{s:i,s:s}", "code", state_code(state), "name", state);
}

char *time_text(double t)
{
	time_t whole = (time_t)t;
	struct tm tm;
	char text[64];

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", gmtime_r(&whole, &tm));
	return mem_printf("%s.000Z", text);
}

json_t *json_time(double t)
{
	cleanup(free) char *text = time_text(t);

	return json_string(text);
}

json_t *mapping_find(const json_t *inst, const char *device)
{
	json_t *mapping;
	size_t i;

	json_array_foreach (jget(inst, "mapping"), i, mapping)
		if (js_is(mapping, "device", device))
			return mapping;
	return NULL;
}

json_t *mapping_of_volume(const json_t *inst, const char *volume_id)
{
	json_t *mapping;
	size_t i;

	json_array_foreach (jget(inst, "mapping"), i, mapping)
		if (js_is(mapping, "volume", volume_id))
			return mapping;
	return NULL;
}

/* Product codes travel with the volumes that carry them. */
void instance_product_codes(struct sim *sim, struct res *inst)
{
	json_t *codes = json_array(), *mapping;
	size_t i;

	json_array_foreach (jget(inst->truth, "mapping"), i, mapping) {
		struct res *vol = world_get(sim, js(mapping, "volume"));

		if (vol && jhas(vol->truth, "product_codes"))
			json_array_extend(codes, jget(vol->truth, "product_codes"));
	}
	jset(inst->truth, "product_codes", codes);
}

/* ---- addresses */
struct res *address_of(struct sim *sim, const char *instance_id)
{
	sim_foreach (address, sim, &kind_address)
		if (js_is(address->truth, "instance", instance_id))
			return address;
	return NULL;
}

void public_address_assign(struct sim *sim, struct res *inst)
{
	struct res *address = address_of(sim, inst->id);
	json_t *range = json_pack("[i,i]", 1, 254);
	char text[64];

	if (address) {
		jset_s(inst->truth, "public_ip", js(address->truth, "public_ip"));
	} else if (jb(inst->truth, "public_auto") && machine_is_real(inst->truth)) {
		const char *private_ip = js(inst->truth, "private_ip");

		/* Of loopback, and another one than its private address. */
		snprintf(text, sizeof(text), "127.%d.%s",
			 200 + (int)sim_uniform(sim, inst->id, "ip", inst->changes, range) % 50,
			 strchr(private_ip + 4, '.') + 1);
		jset_s(inst->truth, "public_ip", text);
	} else if (jb(inst->truth, "public_auto")) {
		snprintf(text, sizeof(text), "54.%d.%d.%d",
			 (int)sim_uniform(sim, inst->id, "ip1", inst->changes, range),
			 (int)sim_uniform(sim, inst->id, "ip2", inst->changes, range),
			 (int)sim_uniform(sim, inst->id, "ip3", inst->changes, range));
		jset_s(inst->truth, "public_ip", text);
	}
	json_decref(range);
}

static void public_address_release(struct sim *sim, struct res *inst)
{
	if (!address_of(sim, inst->id))
		json_object_del(inst->truth, "public_ip");
}

/* ---- states */
void instance_set_state(struct sim *sim, struct res *inst, const char *state)
{
	(void)sim;
	jset_s(inst->truth, "state", state);
	world_touch(inst);
}

void instance_reason(struct sim *sim, struct res *inst, const char *code, const char *message)
{
	time_t now = (time_t)sim->now;
	struct tm tm;
	char text[64];

	if (!code) {
		json_object_del(inst->truth, "state_reason");
		jset_s(inst->truth, "transition_reason", "");
		return;
	}
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", gmtime_r(&now, &tm));
	jset(inst->truth, "state_reason", json_pack("{s:s,s:s}", "code", code, "message", message));
	jset(inst->truth, "transition_reason",
	     str_starts(code, "Client.User") ? json_sprintf("User initiated (%s GMT)", text)
					     : json_sprintf("Service initiated (%s GMT)", text));
}

void instance_stop(struct sim *sim, struct res *inst, bool force)
{
	bool hangs = jb(inst->truth, "os_hangs") && !force;
	const char *what = force ? "stopping_force" : hangs ? "stopping_hung" : "stopping";
	double at = sim->now + latency(sim, inst, what);
	double old = jd(jget(inst->truth, "timers"), "state");

	if (js_is(inst->truth, "state", "stopping")) {
		if (force && at < old)
			timer_set(inst, "state", at);
		return;
	}
	boot_end(sim, inst);
	instance_set_state(sim, inst, "stopping");
	instance_reason(sim, inst, "Client.UserInitiatedShutdown",
			"Client.UserInitiatedShutdown: User initiated shutdown");
	timer_set(inst, "state", at);
}

void instance_start(struct sim *sim, struct res *inst)
{
	instance_set_state(sim, inst, "pending");
	instance_reason(sim, inst, NULL, NULL);
	json_object_del(inst->truth, "interruption");
	jset_n(inst->truth, "launch_time", sim->now);
	public_address_assign(sim, inst);
	/* Another host: what was on the instance store is gone. */
	jset_i(inst->truth, "host", ji(inst->truth, "host") + 1);
	timer_set(inst, "state", sim->now + latency(sim, inst, "start_pending"));
}

void instance_terminate(struct sim *sim, struct res *inst, const char *reason)
{
	if (state_code(js(inst->truth, "state")) == 32 ||
	    state_code(js(inst->truth, "state")) == 48)
		return;
	boot_end(sim, inst);
	instance_set_state(sim, inst, "shutting-down");
	instance_reason(sim, inst, reason, reason);
	timer_drop(inst, "asg");
	timer_set(inst, "state", sim->now + latency(sim, inst, "shutting_down"));
}

static void release_volumes(struct sim *sim, struct res *inst)
{
	while (json_array_size(jget(inst->truth, "mapping"))) {
		const json_t *mapping = json_array_get(jget(inst->truth, "mapping"), 0);
		struct res *vol = world_get(sim, js(mapping, "volume"));
		bool goes = jb(mapping, "delete_on_termination");

		if (!vol || !js_is(jget(vol->truth, "attachment"), "instance", inst->id)) {
			json_array_remove(jget(inst->truth, "mapping"), 0);
			continue;
		}
		volume_detached(sim, vol);
		if (goes)
			volume_delete(sim, vol);
	}
}

static void reached_terminated(struct sim *sim, struct res *inst)
{
	struct res *address = address_of(sim, inst->id);

	instance_set_state(sim, inst, "terminated");
	release_volumes(sim, inst);
	enis_release(sim, inst);
	if (address) {
		json_object_del(address->truth, "instance");
		world_touch(address);
	}
	json_object_del(inst->truth, "public_ip");
	spot_ended(sim, inst);
	timer_set(inst, "forget", sim->now + TERMINATED_SHOWN_S);
}

/* Power is off: a detachment that waited for the guest ends, and the helper's devices are gone. */
static void let_go(struct sim *sim, struct res *inst)
{
	json_t *list = jget(inst->truth, "mapping");

	for (size_t i = json_array_size(list); i-- > 0;) {
		const json_t *mapping = json_array_get(list, i);
		struct res *vol = world_get(sim, js(mapping, "volume"));

		if (vol &&
		    (js_is(mapping, "status", "busy") || js_is(mapping, "status", "detaching")))
			volume_detached(sim, vol);
		else if (vol)
			device_vanish(sim, vol);
	}
}

/* Without its key a volume cannot be read: what starts with one is stopped again without a word. */
static bool has_lost_key(struct sim *sim, const struct res *inst)
{
	const json_t *mapping;
	size_t i;

	json_array_foreach (jget(inst->truth, "mapping"), i, mapping) {
		const struct res *vol = world_get(sim, js(mapping, "volume"));

		if (vol && !key_is_usable(sim, js(vol->truth, "kms_key")))
			return true;
	}
	return false;
}

static void reached_state(struct sim *sim, struct res *inst)
{
	const char *state = js(inst->truth, "state");
	const json_t *mapping;
	size_t i;

	if (str_eq(state, "stopping")) {
		instance_set_state(sim, inst, "stopped");
		let_go(sim, inst);
		public_address_release(sim, inst);
		spot_ended(sim, inst);
		asg_notice(sim, inst);
	} else if (str_eq(state, "shutting-down")) {
		reached_terminated(sim, inst);
	} else if (str_eq(state, "pending")) {
		json_array_foreach (jget(inst->truth, "mapping"), i, mapping) {
			struct res *vol = world_get(sim, js(mapping, "volume"));

			if (vol && jb(vol->truth, "copying")) { /* its image is still on its way */
				timer_set(inst, "state", sim->now + 0.1 * sim->speed);
				return;
			}
		}
		if (has_lost_key(sim, inst)) {
			instance_set_state(sim, inst, "stopped");
			instance_reason(sim, inst, "Client.InternalError",
					"Client.InternalError: Client error on launch");
			public_address_release(sim, inst);
			return;
		}
		instance_set_state(sim, inst, "running");
		spot_state(sim, inst, "active", "fulfilled");
		boot_begin(sim, inst);
		/* A helper that comes up sees the volumes that were attached before. */
		json_array_foreach (jget(inst->truth, "mapping"), i, mapping) {
			struct res *vol = world_get(sim, js(mapping, "volume"));

			if (vol && shows_devices(sim, inst))
				timer_set(vol, "link",
					  sim->now + latency(sim, vol, "device_appears"));
		}
	}
}

void instance_timer(struct sim *sim, struct res *inst, const char *name)
{
	if (str_eq(name, "state")) {
		reached_state(sim, inst);
	} else if (str_eq(name, "forget")) {
		jset_b(inst->truth, "gone", true);
		world_touch(inst);
	} else if (str_eq(name, "interrupt")) {
		spot_interrupted(sim, inst);
	} else if (str_eq(name, "asg")) {
		instance_terminate(sim, inst, "Client.UserInitiatedShutdown");
	} else if (str_eq(name, "asg_state")) {
		asg_moved(sim, inst);
	} else {
		boot_timer(sim, inst, name);
	}
}
