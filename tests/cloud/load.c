/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cloud/sim.h"

/* The settings and the world description: one JSON object, see README. */

/* Seconds of simulated time; [from, to] or one number. EC2.md section 7 has the sources. */
static const struct {
	const char *name;
	double lo, hi;
} latencies[] = {
	{ "api_call", 0, 0 },	       { "run_pending", 5, 30 },      { "start_pending", 5, 20 },
	{ "stopping", 10, 60 },	       { "stopping_hung", 180, 300 }, { "stopping_force", 5, 15 },
	{ "shutting_down", 20, 60 },   { "status_checks", 60, 180 },  { "sshd_up", 5, 20 },
	{ "console", 5, 30 },	       { "attaching", 2, 20 },	      { "attaching_stopped", 0, 0 },
	{ "detaching", 2, 15 },	       { "detaching_stopped", 0, 0 }, { "device_appears", 1, 3 },
	{ "shutdown_minute", 60, 60 }, { "device_vanishes", 0.2, 1 }, { "volume_creating", 1, 10 },
	{ "deleting", 1, 5 },	       { "modifying", 5, 60 },	      { "snapshot", 10, 120 },
	{ "asg_replace", 60, 120 },    { "asg_standby", 3, 15 },      { "written_snapshot", 2, 20 },
	{ "replace_root", 5, 15 },
};

/* Members of a description that are kept as they are; those that are objects are merged. */
static const char *const plain_settings[] = {
	"account",    "region", "partition", "clock_offset_s",	      "busy_check",   "credentials",
	"roles",      "faults", "latencies", "consistency",	      "throttle",     "imds",
	"parameters", "keys",	"spot",	     "encryption_by_default", "public_block", "checkip",
};

json_t *setting(struct sim *sim, const char *name)
{
	return jget(sim->settings->truth, name);
}

const char *sim_account(struct sim *sim)
{
	return js(sim->settings->truth, "account");
}

const char *sim_region(struct sim *sim)
{
	return js(sim->settings->truth, "region");
}

static void defaults(struct sim *sim)
{
	json_t *s = sim->settings->truth, *list;

	jdefault(s, "account", json_string("123456789012"));
	jdefault(s, "region", json_string("us-east-1"));
	jdefault(s, "partition", json_string("aws"));
	jdefault(s, "latencies", json_object());
	jdefault(s, "consistency", json_pack("{s:i}", "visible_after_s", 0));
	jdefault(s, "throttle", json_pack("{s:b}", "enabled", 1));
	jdefault(s, "credentials",
		 json_pack("[{s:s,s:s}]", "access_key_id", "AKIATEST", "secret_access_key",
			   "secret"));
	jdefault(s, "faults", json_array());
	jdefault(s, "imds", json_object());
	list = jget(s, "latencies");
	for (size_t i = 0; i < ARRAY_LEN(latencies); i++)
		jdefault(list, latencies[i].name,
			 json_pack("[f,f]", latencies[i].lo, latencies[i].hi));
	world_touch(sim->settings);
}

int setting_merge(struct sim *sim, const char *name, json_t *value, struct err *err)
{
	json_t *old = setting(sim, name);
	const char *key;
	json_t *v;

	if (str_eq(name, "latencies")) {
		json_object_foreach (value, key, v) {
			bool known = false;

			for (size_t i = 0; i < ARRAY_LEN(latencies); i++)
				known |= str_eq(latencies[i].name, key);
			if (!known)
				return err_set(err, ERR_MALFORMED, "no such latency: %s", key);
		}
	}
	if (json_is_object(old) && json_is_object(value))
		json_object_update(old, value);
	else
		json_object_set(sim->settings->truth, name, value);
	world_touch(sim->settings);
	return 0;
}

static int load_settings(struct sim *sim, json_t *world, struct err *err)
{
	const char *key;
	json_t *v;
	size_t i;

	json_object_foreach (world, key, v) {
		bool known = str_eq(key, "imds_instance") || str_eq(key, "now") ||
			     str_eq(key, "counters");

		for (i = 0; i < ARRAY_LEN(plain_settings); i++) {
			if (!str_eq(plain_settings[i], key))
				continue;
			known = true;
			if (setting_merge(sim, key, v, err))
				return -1;
		}
		for (i = 0; kinds[i]; i++)
			known |= kinds[i]->plural && str_eq(kinds[i]->plural, key);
		if (!known)
			return err_set(err, ERR_MALFORMED, "a world description has no \"%s\"",
				       key);
	}
	if (jhas(world, "imds_instance"))
		jset_s(setting(sim, "imds"), "instance", js(world, "imds_instance"));
	json_array_foreach (setting(sim, "credentials"), i, v) {
		jdefault(v, "arn",
			 json_sprintf("arn:%s:iam::%s:user/tester",
				      js(sim->settings->truth, "partition"), sim_account(sim)));
		jdefault(v, "user_id", json_string("AIDASIMULATEDUSER00"));
	}
	world_touch(sim->settings);
	return 0;
}

/* What is there already gets the members that are given, nothing else changes. */
static void merge(struct res *known, json_t *in)
{
	json_object_del(in, "volumes");
	json_object_del(in, "file");
	json_object_update(known->truth, in);
	world_touch(known);
}

static int load_kind(struct sim *sim, const struct kind *kind, const json_t *list, struct err *err)
{
	struct res *known;
	const json_t *v;
	size_t i;

	json_array_foreach (list, i, v) {
		json_t *in = json_deep_copy(v);
		int result = 0;

		if (!json_is_object(in) ||
		    (kind->prefix && !id_is_well_formed(js(in, "id"), kind->prefix)))
			result = err_set(err, ERR_MALFORMED, "%s: \"%s\" is no id of this kind",
					 kind->plural, js(in, "id"));
		else if ((known = world_get(sim, js(in, "id"))))
			merge(known, in);
		else
			result = kind->load(sim, in, err);
		json_decref(in);
		if (result)
			return -1;
	}
	return 0;
}

int world_load(struct sim *sim, json_t *world, struct err *err)
{
	if (!json_is_object(world))
		return err_set(err, ERR_MALFORMED, "a world description is a JSON object");
	defaults(sim);
	if (load_settings(sim, world, err))
		return -1;
	defaults(sim);
	for (size_t i = 0; kinds[i]; i++)
		if (kinds[i]->plural &&
		    load_kind(sim, kinds[i], jget(world, kinds[i]->plural), err))
			return -1;
	sim->shows_at_once = true;
	world_commit(sim);
	sim->shows_at_once = false;
	return 0;
}

json_t *world_dump(struct sim *sim)
{
	json_t *out = json_object();
	const char *key;
	json_t *v;

	jset_n(out, "now", sim->now);
	json_object_foreach (sim->settings->truth, key, v)
		json_object_set(out, key, v);
	for (size_t i = 0; kinds[i]; i++) {
		if (!kinds[i]->plural)
			continue;
		jset(out, kinds[i]->plural, json_array());
		sim_foreach (res, sim, kinds[i])
			if (!jb(res->truth, "gone"))
				json_array_append(jget(out, kinds[i]->plural), res->truth);
	}
	json_object_set(out, "counters", sim->counters);
	return out;
}
