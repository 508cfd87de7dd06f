/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/file.h"
#include "tests/cloud/instance.h"

#include <fcntl.h>
#include <stdio.h>
#include <strings.h>

#define MAX_CALLS_KEPT 50000 /* in memory; calls.jsonl has them all */

/* The control interface /_sim/: for tests, unsigned, loopback only. README lists it. */

static void answer_json(struct reply *reply, int status, json_t *value) /* steals value */
{
	char *text = json_dumps(value, JSON_INDENT(1));

	reply->status = status;
	reply->type = "application/json";
	str_add(&reply->body, text);
	str_add_char(&reply->body, '\n');
	free(text);
	json_decref(value);
}

static void answer_error(struct reply *reply, int status, const char *text)
{
	answer_json(reply, status, json_pack("{s:s}", "error", text));
}

/* ---- /world and its sections */
static void do_world(struct sim *sim, json_t *body, struct reply *reply)
{
	struct err err = ERR_INIT;

	if (!body)
		answer_json(reply, 200, world_dump(sim));
	else if (world_load(sim, body, &err))
		answer_error(reply, 400, err.text);
	else
		answer_json(reply, 200, json_pack("{s:b}", "ok", 1));
}

static void do_section(struct sim *sim, const char *name, json_t *body, struct reply *reply)
{
	json_t *section = json_object();
	struct err err = ERR_INIT;

	if (body) {
		json_object_set(section, name, body);
		if (world_load(sim, section, &err))
			answer_error(reply, 400, err.text);
	}
	json_decref(section);
	if (!reply->body.len)
		answer_json(reply, 200, json_incref(setting(sim, name)));
}

/* {"id": "i-...", "set": {...}}: the truth changes without a call, as when somebody else acted. */
static void do_change(struct sim *sim, json_t *body, struct reply *reply)
{
	struct res *res = world_get(sim, js(body, "id"));

	if (!res) {
		answer_error(reply, 404, "no such resource");
		return;
	}
	json_object_update(res->truth, jget(body, "set"));
	world_touch(res);
	answer_json(reply, 200, json_incref(res->truth));
}

/* ---- /interrupt */
static void do_interrupt(struct sim *sim, json_t *body, struct reply *reply)
{
	struct res *inst = world_get(sim, js(body, "id"));

	if (!inst || inst->kind != &kind_instance || !js_is(inst->truth, "lifecycle", "spot")) {
		answer_error(reply, 404, "no such spot instance");
		return;
	}
	spot_interrupt(sim, inst, body);
	answer_json(reply, 200, json_incref(inst->truth));
}

/* ---- /faults */
static const char *const fault_kinds[] = { "refused",	  "http5xx", "lost-after",
					   "lost-before", "damaged", "slow" };

static bool fault_is_valid(const json_t *fault)
{
	for (size_t i = 0; i < ARRAY_LEN(fault_kinds); i++)
		if (js_is(fault, "kind", fault_kinds[i]))
			return jhas(fault, "call") || jhas(fault, "action");
	return false;
}

static void do_faults(struct sim *sim, const char *method, json_t *body, struct reply *reply)
{
	json_t *faults = setting(sim, "faults"), *fault;
	size_t i;

	if (str_eq(method, "DELETE"))
		json_array_clear(faults);
	if (json_is_object(body) && fault_is_valid(body))
		json_array_append_new(faults, json_deep_copy(body));
	else if (json_is_object(body))
		answer_error(reply, 400,
			     "a fault needs a known \"kind\" and a \"call\" or an \"action\"");
	json_array_foreach (body, i, fault) {
		if (fault_is_valid(fault)) {
			json_array_append_new(faults, json_deep_copy(fault));
			continue;
		}
		answer_error(reply, 400,
			     "a fault needs a known \"kind\" and a \"call\" or an \"action\"");
		break;
	}
	world_touch(sim->settings);
	if (!reply->body.len)
		answer_json(reply, 200, json_incref(faults));
}

/* ---- /calls */
static void note_ids(const struct call *call, json_t *ids)
{
	const json_t *id;
	size_t i;

	vec_foreach (f, &call->params)
		if (kind_of_id(f->value) &&
		    id_is_well_formed(f->value, kind_of_id(f->value)->prefix))
			json_array_append_new(ids, json_string(f->value));
	json_array_foreach (call->new_ids, i, id)
		json_array_append(ids, (json_t *)id);
}

void calls_log(struct call *call)
{
	static const char *const secrets[] = { "UserData", "WebIdentityToken", "SecretAccessKey",
					       "X-Amz-Security-Token", "UserData.Value" };
	struct sim *sim = call->sim;
	cleanup(free) char *when = time_text(real_now()), *line = NULL;
	json_t *row = json_object(), *params = json_object(), *ids = json_array();

	vec_foreach (f, &call->params) {
		bool is_secret = false;

		for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
			is_secret |= str_eq(f->name, secrets[i]);
		if (!str_eq(f->name, "Action") && !str_eq(f->name, "Version"))
			jset_s(params, f->name, is_secret ? "***" : f->value);
	}
	note_ids(call, ids);
	jset_i(row, "n", (json_int_t)call->number);
	jset_s(row, "time", when);
	jset_n(row, "real", real_now());
	jset_n(row, "sim", call->began_sim);
	jset_s(row, "service", call->service);
	jset_s(row, "action", call->name);
	jset(row, "params", params);
	jset_s(row, "result", call->code ? call->code : "ok");
	if (call->message)
		jset_s(row, "message", call->message);
	jset_i(row, "status", call->reply.status);
	jset_s(row, "request_id", call->request_id);
	jset(row, "ids", ids);
	jset_s(row, "access_key_id", js(call->who.credential, "access_key_id"));
	if (call->fault)
		jset_s(row, "fault", js(call->fault, "kind"));
	if (call->detail)
		jset_s(row, "canonical_request", call->detail);
	if (json_array_size(sim->calls) >= MAX_CALLS_KEPT)
		json_array_remove(sim->calls, 0);
	json_array_append_new(sim->calls, row);
	line = json_dumps(row, JSON_COMPACT);
	if (dprintf(sim->calls_fd, "%s\n", line) < 0)
		perror("ec2-sim: calls.jsonl");
}

static void do_calls(struct sim *sim, const struct request *req, struct reply *reply)
{
	const char *since = strstr(req->target, "?since=");
	json_int_t after = since ? strtoll(since + 7, NULL, 10) : -1;
	json_t *list = json_array(), *row;
	size_t i;

	if (str_eq(req->method, "DELETE")) {
		json_array_clear(sim->calls);
		sim->call_count = 0;
		json_object_clear(jget(sim->counters, "calls"));
		json_object_clear(jget(sim->counters, "throttled"));
		if (ftruncate(sim->calls_fd, 0))
			perror("ec2-sim: calls.jsonl");
	}
	json_array_foreach (sim->calls, i, row)
		if (ji(row, "n") > after)
			json_array_append(list, row);
	answer_json(reply, 200, list);
}

/* ---- the clock */
static void do_clock(struct sim *sim, json_t *body, struct reply *reply)
{
	if (jd(body, "speed") > 0) {
		sim->base_sim = sim_clock(sim);
		sim->base_real = real_now();
		sim->speed = jd(body, "speed");
	}
	if (jd(body, "seconds") > 0) {
		sim_jump(sim, jd(body, "seconds"));
		world_advance(sim);
		world_touch(sim->settings); /* the time is part of what a restart keeps */
	}
	answer_json(reply, 200, json_pack("{s:f,s:f}", "now", sim->now, "speed", sim->speed));
}

void control_handle(struct sim *sim, const struct request *req, struct reply *reply)
{
	const char *what = req->target + strlen("/_sim/");
	bool is_post = str_eq(req->method, "POST");
	json_t *body = is_post ? json_loadb(req->body.s, req->body.len, 0, NULL) : NULL;

	if (req->is_too_big)
		answer_error(reply, 413, "too long");
	else if (is_post && !body)
		answer_error(reply, 400, "the body is not JSON");
	else if (str_eq(what, "world"))
		do_world(sim, body, reply);
	else if (str_eq(what, "latencies") || str_eq(what, "consistency") ||
		 str_eq(what, "throttle") || str_eq(what, "imds"))
		do_section(sim, what, body, reply);
	else if (str_eq(what, "faults"))
		do_faults(sim, req->method, body, reply);
	else if (str_eq(what, "calls") || str_starts(what, "calls?"))
		do_calls(sim, req, reply);
	else if (str_eq(what, "advance") || str_eq(what, "clock"))
		do_clock(sim, body, reply);
	else if (str_eq(what, "change") && body)
		do_change(sim, body, reply);
	else if (str_eq(what, "interrupt") && body)
		do_interrupt(sim, body, reply);
	else
		answer_error(reply, 404, "no such control");
	json_decref(body);
}
