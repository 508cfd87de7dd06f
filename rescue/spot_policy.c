/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/spot_policy.h"

#define DAY_S  INT64_C(86400)
#define WEEK_S (7 * DAY_S)
#define NEW_S  3600

/* The epoch was a Thursday. */
static int64_t week_of(int64_t at)
{
	return (at + 3 * DAY_S) / WEEK_S;
}

const char *spot_keep_name(enum spot_keep keep)
{
	static const char *const names[] = {
		[SPOT_GOES] = "goes",
		[SPOT_KEPT_LAST] = "last",
		[SPOT_KEPT_DAILY] = "daily",
		[SPOT_KEPT_WEEKLY] = "weekly",
		[SPOT_KEPT_YOUNG] = "young",
		[SPOT_KEPT_ONLY] = "only",
		[SPOT_KEPT_PENDING] = "pending",
		[SPOT_KEPT_NEW] = "new",
	};

	return names[keep];
}

/* The complete sets of one state, the newest first. */
struct tally {
	uint32_t count, days, weeks;
	int64_t day, week; /* of the newest that was counted */
};

static enum spot_keep judge_complete(struct tally *t, const struct spot_policy *policy, int64_t at)
{
	bool is_new_day = !t->days || t->day != at / DAY_S;
	bool is_new_week = !t->weeks || t->week != week_of(at);

	t->count++;
	t->days += is_new_day;
	t->weeks += is_new_week;
	t->day = at / DAY_S;
	t->week = week_of(at);
	if (t->count <= policy->keep_last)
		return SPOT_KEPT_LAST;
	if (is_new_day && t->days <= policy->keep_daily)
		return SPOT_KEPT_DAILY;
	if (is_new_week && t->weeks <= policy->keep_weekly)
		return SPOT_KEPT_WEEKLY;
	return t->count == 1 ? SPOT_KEPT_ONLY : SPOT_GOES;
}

static bool is_young(const struct spot_policy *policy, int64_t age_s)
{
	return policy->older_than_s && age_s <= policy->older_than_s;
}

static void judge_state(const struct spot_sets *sets, const char *name,
			const struct spot_policy *policy, int64_t now, enum spot_keep *ret)
{
	struct tally tally = { 0 };

	for (size_t i = sets->count; i-- > 0;) {
		const struct spot_set *set = &sets->items[i];
		enum spot_standing standing = spot_set_standing(set);

		if (!str_eq(set->name, name))
			continue;
		if (standing == SPOT_COMPLETE)
			ret[i] = judge_complete(&tally, policy, set->at);
		else
			ret[i] = standing == SPOT_PENDING ? SPOT_KEPT_PENDING
				 : now - set->at <= NEW_S ? SPOT_KEPT_NEW
							  : SPOT_GOES;
		if (ret[i] == SPOT_GOES && is_young(policy, now - set->at))
			ret[i] = SPOT_KEPT_YOUNG;
	}
	for (size_t i = 0; i < sets->count && !tally.count; i++)
		if (str_eq(sets->items[i].name, name) && ret[i] == SPOT_GOES)
			ret[i] = SPOT_KEPT_ONLY;
}

void spot_policy_apply(const struct spot_sets *sets, const struct spot_policy *policy, int64_t now,
		       enum spot_keep *ret)
{
	for (size_t i = 0; i < sets->count; i++) {
		bool is_first = true;

		for (size_t k = 0; k < i && is_first; k++)
			is_first = !str_eq(sets->items[k].name, sets->items[i].name);
		if (is_first)
			judge_state(sets, sets->items[i].name, policy, now, ret);
	}
}
