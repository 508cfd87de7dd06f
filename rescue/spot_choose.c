/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/spot_choose.h"

#include "ec2/when.h"

enum { LOOK_MS = 5000 };

static int time_of(const char *text, int64_t *ret, struct err *err)
{
	cleanup(free) char *day = text ? mem_printf("%sT23:59:59Z", text) : NULL;

	*ret = 0;
	if (!text || when_parse_iso8601(text, ret) == 0 || when_parse_iso8601(day, ret) == 0)
		return 0;
	return err_set(err, ERR_USAGE,
		       "--at: \"%s\" is no time; write 2026-11-22T07:00:00Z or a day", text);
}

/* The newest complete one, and the newest that may become so; of those that are old enough. */
static void newest(const struct spot_sets *sets, int64_t at, struct spot_set **ret_complete,
		   struct spot_set **ret_pending)
{
	*ret_complete = *ret_pending = NULL;
	vec_foreach (set, sets) {
		enum spot_standing standing = spot_set_standing(set);

		if (at && set->at > at)
			continue;
		if (standing == SPOT_COMPLETE) {
			*ret_complete = set;
			*ret_pending = NULL;
		} else if (standing == SPOT_PENDING) {
			*ret_pending = set;
		}
	}
}

static void say(struct spot *spot, const char *kind, const struct spot_set *pending,
		const char *what)
{
	cleanup(free) char *text = NULL;
	char at[21];

	when_iso8601(pending->at, at);
	text = mem_printf("the snapshots of set %s (%s) are not completed yet; %s", pending->id, at,
			  what);
	report_say(spot->report, NULL, kind, "{s:s, s:s, s:I}", "name", "set", "text", text,
		   "deadline_s", (json_int_t)spot->options->wait_s);
}

/* 1: chosen, 0: one is to be waited for. */
static int choose_once(struct spot *spot, const char *name, int64_t at, bool may_wait,
		       struct spot_set *ret, struct err *err)
{
	cleanup(spot_sets_done) struct spot_sets sets = { 0 };
	struct spot_set *complete, *pending;

	if (spot_find(spot, name, NULL, &sets, err) < 0)
		return -1;
	newest(&sets, at, &complete, &pending);
	if (pending && may_wait) {
		say(spot, "waiting", pending, "they are waited for");
		return 0;
	}
	if (!complete)
		return err_set(
			err, ERR_NOTFOUND,
			"no complete set of %s%s%s; `ec2-rescue spot list %s` shows what there is",
			name, at ? " is that old" : "",
			pending ? ", and one whose snapshots are not completed yet (--wait)" : "",
			name);
	if (pending)
		say(spot, "warning", pending,
		    "an older one is taken (--wait SECONDS waits for it)");
	*ret = *complete;
	memset(complete, 0, sizeof(*complete));
	return 1;
}

int spot_choose(struct spot *spot, const char *name, struct spot_set *ret, struct err *err)
{
	int64_t at, waited_ms = 0;
	int chosen;

	if (time_of(spot->options->at, &at, err) < 0)
		return -1;
	while (!(chosen = choose_once(spot, name, at,
				      waited_ms < (int64_t)spot->options->wait_s * 1000, ret,
				      err))) {
		if (spot_nap(spot, LOOK_MS, err) < 0)
			return -1;
		waited_ms += LOOK_MS;
	}
	return chosen < 0 ? -1 : 0;
}
