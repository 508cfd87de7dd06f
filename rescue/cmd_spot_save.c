/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/spot.h"

static void say_saved(struct spot *spot, const struct spot_saved *saved)
{
	json_t *snapshots = json_object();
	cleanup(free) char *held =
		saved->consistency == SPOT_FROZEN
			? mem_printf("; writers waited %.2f s", saved->frozen_ms / 1000)
			: mem_strdup("");
	cleanup(free) char *text =
		mem_printf("saved %s as set %s: %zu snapshot%s%s", saved->name, saved->id,
			   saved->snapshots.count, saved->snapshots.count == 1 ? "" : "s", held);
	cleanup(free) char *next = mem_printf("ec2-rescue spot list %s", saved->name);

	vec_foreach (s, &saved->snapshots)
		json_object_set_new(snapshots, s->volume.s, json_string(s->id.s));
	report_say(spot->report, NULL, "verdict", "{s:s, s:s, s:s, s:s, s:s, s:f, s:f, s:o, s:s}",
		   "result", "saved", "text", text, "state", saved->name, "set", saved->id,
		   "consistency", saved->consistency == SPOT_FROZEN ? "frozen" : "crash", "call_ms",
		   saved->call_ms, "frozen_ms", saved->frozen_ms, "snapshots", snapshots, "next",
		   next);
}

int cmd_spot_save(const struct options *options, struct report *report)
{
	cleanup(spot_close) struct spot spot = { .signals = SIGNALS_INIT };
	cleanup(spot_saved_done) struct spot_saved saved = { 0 };
	struct spot_save what = { .name = options->name, .is_urgent = options->urgent };
	struct err err = ERR_INIT;

	if (spot_open(&spot, options, report, &err) < 0 ||
	    spot_target(&spot, options->targets.items[0], &what, &err) < 0)
		return spot_fail(&spot, &err);
	if (spot_save(&spot, &what, &saved, &err) < 0) {
		if (err.code == ERR_INDOUBT || err.code == ERR_INTERRUPTED)
			err_in(&err, "whether it was saved `ec2-rescue spot list` tells");
		return spot_fail(&spot, &err);
	}
	say_saved(&spot, &saved);
	return 0;
}
