/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/spot_choose.h"

#include "ec2/when.h"

static int time_of(const char *text, int64_t *ret, struct err *err)
{
	cleanup(free) char *day = text ? mem_printf("%sT23:59:59Z", text) : NULL;

	*ret = 0;
	if (!text || when_parse_iso8601(text, ret) == 0 || when_parse_iso8601(day, ret) == 0)
		return 0;
	return err_set(err, ERR_USAGE,
		       "--at: \"%s\" is no time; write 2026-11-22T07:00:00Z or a day", text);
}

const struct spot_set *spot_choose(const struct spot_sets *sets, const char *name, const char *when,
				   struct err *err)
{
	const struct spot_set *best = NULL;
	size_t pending = 0;
	int64_t at;

	if (time_of(when, &at, err) < 0)
		return NULL;
	vec_foreach (set, sets) {
		enum spot_standing standing = spot_set_standing(set);

		pending += standing == SPOT_PENDING;
		if (standing == SPOT_COMPLETE && (!at || set->at <= at))
			best = set;
	}
	if (!best)
		err_set(err, ERR_NOTFOUND,
			"no complete set of %s%s%s; `ec2-rescue spot list %s` shows what there is",
			name, at ? " is that old" : "",
			pending ? " (one that is pending may become complete)" : "", name);
	return best;
}
