/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ec2/when.h"
#include "rescue/spot.h"

#include <stdio.h>

static json_t *volumes_json(const struct spot_set *set)
{
	json_t *list = json_array();

	vec_foreach (v, &set->volumes)
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:I, s:b, s:s*}", "volume", v->id.s, "device",
					v->device, "gib", (json_int_t)v->gib, "root", v->is_root,
					"snapshot", id_none(&v->snapshot) ? NULL : v->snapshot.s));
	return list;
}

static void print_json(const struct spot_set *set, const char *at)
{
	json_t *json =
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:s*, s:s*, s:s*, s:o}", "event", "set",
			  "state", set->name, "set", set->id, "at", at, "standing",
			  spot_standing_name(spot_set_standing(set)), "instance", set->instance,
			  "zone", set->zone, "type", set->type, "volumes", volumes_json(set));
	cleanup(free) char *text = json_dumps(json, JSON_COMPACT);
	cleanup(str_done) struct str shown = STR_INIT;

	json_decref(json);
	str_add_json_shown(&shown, text ?: "{}");
	puts(shown.s);
}

static void print_text(const struct spot_set *set, const char *at)
{
	cleanup(str_done) struct str line = STR_INIT, shown = STR_INIT;
	enum spot_standing standing = spot_set_standing(set);
	size_t there = 0;
	int64_t gib = 0;

	vec_foreach (v, &set->volumes) {
		there += !id_none(&v->snapshot) && v->status != SNAPSHOT_ERROR;
		gib += v->gib;
	}
	str_addf(&line, "%-20s %s  %s  %-10s %zu of %zu volumes, %lld GiB  %s  %s", set->name,
		 set->id, at, spot_standing_name(standing), there, set->volumes.count,
		 (long long)gib, set->instance ?: "?", set->zone ?: "?");
	str_add_escaped(&shown, line.s, line.len);
	puts(shown.s);
}

int cmd_spot_list(const struct options *options, struct report *report)
{
	const char *name = options->targets.count ? options->targets.items[0] : NULL;
	cleanup(spot_close) struct spot spot = { .signals = SIGNALS_INIT };
	cleanup(spot_sets_done) struct spot_sets sets = { 0 };
	struct err err = ERR_INIT;

	if (spot_open(&spot, options, report, &err) < 0 ||
	    spot_find(&spot, name, NULL, &sets, &err) < 0)
		return spot_fail(&spot, &err);
	if (!sets.count && !options->json)
		printf("nothing is saved%s%s\n", name ? " as " : "", name ?: "");
	vec_foreach (set, &sets) {
		char at[21];

		when_iso8601(set->at, at);
		(options->json ? print_json : print_text)(set, at);
	}
	return 0;
}
