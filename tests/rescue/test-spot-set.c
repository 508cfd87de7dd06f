/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Saved sets: what is written into tags is read out of them; tags that anybody wrote do no harm; and a policy keeps
 * what it says, judged over a year by another reading of the rules. */
#include "rescue/spot_policy.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

enum { DAY = 86400, HOUR = 3600 };

static uint64_t seed = 88172645463325252ull;
static uint64_t chance(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % below;
}

/* ---- tags */

static char *word_of(size_t len)
{
	static const char letters[] = "abcXYZ019 ,;\"'()%@=:/._-+\\\t\xc3\xa4";
	char *text = mem_alloc(len + 1);

	for (size_t i = 0; i < len; i++)
		text[i] = letters[chance(sizeof(letters) - 1)];
	return text;
}

static void fill(struct spot_set *set, size_t volumes)
{
	memcpy(set->name, "web", 4);
	spot_set_id(1795330800, set->id);
	set->at = 1795330800;
	set->instance = mem_strdup("i-0123456789abcdef0");
	set->groups = mem_strdup("sg-0123456789abcdef0 sg-0123456789abcdef1");
	set->key_name = word_of(1 + chance(40));
	set->cmdline = word_of(1 + chance(300));
	for (size_t i = 0; i < volumes; i++) {
		struct spot_volume *v = vec_add(&set->volumes);

		snprintf(v->id.s, sizeof(v->id.s), "vol-%017zx", i + 1);
		v->device = mem_printf("/dev/sd%c%zu", (char)('a' + i % 26), i);
		v->type = mem_strdup(i % 2 ? "gp3" : "io2");
		v->gib = (int64_t)i + 1;
		v->iops = (int64_t)chance(64000);
		v->throughput = (int64_t)chance(1000);
		v->is_root = i == 0;
		v->goes = chance(2);
	}
}

/* Snapshots of all its volumes with these tags. */
static void add_snapshots(struct ec2_snapshots *into, const struct spot_set *set,
			  const struct spot_tags *tags, enum ec2_snapshot_status status)
{
	vec_foreach (v, &set->volumes) {
		struct ec2_snapshot *s = vec_add(into);

		snprintf(s->id.s, sizeof(s->id.s), "snap-%017zx", into->count);
		s->volume = v->id;
		s->status = status;
		for (size_t i = 0; i < tags->count; i++)
			vec_push(&s->tags, ((struct ec2_tag){ mem_strdup(tags->pairs[i].key),
							      mem_strdup(tags->pairs[i].value) }));
	}
}

static void same_text(const char *a, const char *b)
{
	assert_string_equal(a ?: "(none)", b ?: "(none)");
}

static void round_trip(void **state)
{
	(void)state;
	for (int turn = 0; turn < 300; turn++) {
		size_t volumes = 1 + chance(128);
		struct spot_set set = { 0 };
		struct spot_tags tags = { .count = 0 };
		struct ec2_snapshots list = { 0 };
		struct spot_sets sets = { 0 };
		struct err err = ERR_INIT;

		fill(&set, volumes);
		assert_int_equal(spot_set_tags(&set, &tags, &err), 0);
		assert_true(tags.count <= SPOT_TAGS_MAX);
		for (size_t i = 0; i < tags.count; i++) {
			assert_true(strlen(tags.pairs[i].key) <= 128);
			assert_true(strlen(tags.pairs[i].value) <= 256);
			for (const char *p = tags.pairs[i].value; *p; p++)
				assert_true((*p > 0 && strchr(" +-=._:/@", *p) != NULL) ||
					    (*p >= '0' && *p <= '9') || (*p >= 'A' && *p <= 'Z') ||
					    (*p >= 'a' && *p <= 'z'));
		}
		add_snapshots(&list, &set, &tags, SNAPSHOT_COMPLETED);
		spot_sets_of(&list, &sets);
		assert_int_equal(sets.count, 1);
		assert_int_equal(sets.items[0].at, set.at);
		same_text(sets.items[0].id, set.id);
		same_text(sets.items[0].instance, set.instance);
		same_text(sets.items[0].groups, set.groups);
		same_text(sets.items[0].key_name, set.key_name);
		same_text(sets.items[0].zone, NULL);
		if (volumes < 60) /* else the tags have no room for all of it */
			same_text(sets.items[0].cmdline, set.cmdline);
		assert_int_equal(sets.items[0].volumes.count, volumes);
		for (size_t i = 0; i < volumes; i++) {
			const struct spot_volume *a = &set.volumes.items[i],
						 *b = &sets.items[0].volumes.items[i];

			assert_true(id_eq(&a->id, &b->id) && a->gib == b->gib &&
				    a->iops == b->iops && a->throughput == b->throughput &&
				    a->is_root == b->is_root && a->goes == b->goes);
			same_text(a->device, b->device);
			same_text(a->type, b->type);
		}
		assert_int_equal(spot_set_standing(&sets.items[0]), SPOT_COMPLETE);
		spot_sets_done(&sets);
		ec2_snapshots_done(&list);
		spot_tags_done(&tags);
		spot_set_done(&set);
	}
}

static void too_many(void **state)
{
	struct spot_set set = { 0 };
	struct spot_tags tags;
	struct err err = ERR_INIT;

	(void)state;
	fill(&set, 300);
	assert_int_equal(spot_set_tags(&set, &tags, &err), -1);
	assert_int_equal(err.code, ERR_UNSUPPORTED);
	spot_set_done(&set);
}

static void standing(void **state)
{
	struct spot_set set = { 0 };
	struct spot_tags tags;
	struct ec2_snapshots list = { 0 };
	struct err err = ERR_INIT;
	static const struct {
		enum ec2_snapshot_status first;
		bool is_missing;
		enum spot_standing want;
	} rows[] = {
		{ SNAPSHOT_COMPLETED, false, SPOT_COMPLETE },
		{ SNAPSHOT_PENDING, false, SPOT_PENDING },
		{ SNAPSHOT_ERROR, false, SPOT_INCOMPLETE },
		{ SNAPSHOT_RECOVERABLE, false, SPOT_INCOMPLETE },
		{ SNAPSHOT_PENDING, true, SPOT_INCOMPLETE },
		{ SNAPSHOT_COMPLETED, true, SPOT_INCOMPLETE },
	};

	(void)state;
	fill(&set, 3);
	assert_int_equal(spot_set_tags(&set, &tags, &err), 0);
	add_snapshots(&list, &set, &tags, SNAPSHOT_COMPLETED);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct spot_sets sets = { 0 };

		list.items[0].status = rows[i].first;
		list.count = rows[i].is_missing ? 2 : 3;
		spot_sets_of(&list, &sets);
		assert_int_equal(spot_set_standing(&sets.items[0]), rows[i].want);
		spot_sets_done(&sets);
	}
	list.count = 3;
	ec2_snapshots_done(&list);
	spot_tags_done(&tags);
	spot_set_done(&set);
}

/* Values that were changed, cut or swapped by anybody. */
static void hostile(void **state)
{
	(void)state;
	for (int turn = 0; turn < 3000; turn++) {
		struct spot_set set = { 0 };
		struct spot_tags tags;
		struct ec2_snapshots list = { 0 };
		struct spot_sets sets = { 0 };
		struct err err = ERR_INIT;

		fill(&set, 1 + chance(8));
		assert_int_equal(spot_set_tags(&set, &tags, &err), 0);
		add_snapshots(&list, &set, &tags, SNAPSHOT_COMPLETED);
		for (uint64_t n = 1 + chance(6); n; n--) {
			struct ec2_snapshot *s = &list.items[chance(list.count)];
			struct ec2_tag *tag = &s->tags.items[chance(s->tags.count)];
			size_t len = strlen(tag->value);

			if (len)
				tag->value[chance(len)] =
					(char)(chance(3) ? "=: @/\n\x1b\xff"[chance(8)] : 0);
		}
		spot_sets_of(&list, &sets);
		assert_true(sets.count <= list.count);
		vec_foreach (one, &sets) {
			assert_true(spot_name_is_valid(one->name) && spot_name_is_valid(one->id));
			assert_true(one->volumes.count > 0);
		}
		spot_sets_done(&sets);
		ec2_snapshots_done(&list);
		spot_tags_done(&tags);
		spot_set_done(&set);
	}
}

/* ---- policy */

static void add_set(struct spot_sets *sets, const char *name, int64_t at,
		    enum ec2_snapshot_status status)
{
	struct spot_set *set = vec_add(sets);
	struct spot_volume *v = vec_add(&set->volumes);

	snprintf(set->name, sizeof(set->name), "%s", name);
	snprintf(set->id, sizeof(set->id), "s%zu", sets->count);
	set->at = at;
	snprintf(v->snapshot.s, sizeof(v->snapshot.s), "snap-%017zx", sets->count);
	v->status = status;
}

/* The rules once more, in the other direction: for each set, what would have to be true for it to stay. */
static bool stays(const struct spot_sets *sets, size_t which, const struct spot_policy *policy,
		  int64_t now)
{
	const struct spot_set *set = &sets->items[which];
	uint32_t newer = 0, days = 0, weeks = 0;
	bool is_newest_of_day = true, is_newest_of_week = true, has_complete = false;
	int64_t last_day = -1, last_week = -1;

	for (size_t i = 0; i < sets->count; i++)
		has_complete |= spot_set_standing(&sets->items[i]) == SPOT_COMPLETE;
	if (spot_set_standing(set) == SPOT_PENDING || !has_complete)
		return true;
	if (policy->older_than_s && now - set->at <= policy->older_than_s)
		return true;
	if (spot_set_standing(set) == SPOT_INCOMPLETE)
		return now - set->at <= HOUR;
	for (size_t i = which + 1; i < sets->count; i++) {
		const struct spot_set *other = &sets->items[i];
		/* 5 January 1970 was a Monday. */
		int64_t day = other->at / DAY, week = (day - 4 + 7) / 7;

		if (spot_set_standing(other) != SPOT_COMPLETE)
			continue;
		newer++;
		is_newest_of_day &= day != set->at / DAY;
		is_newest_of_week &= week != (set->at / DAY - 4 + 7) / 7;
		days += day != last_day;
		weeks += week != last_week;
		last_day = day;
		last_week = week;
	}
	return !newer || newer < policy->keep_last ||
	       (is_newest_of_day && days < policy->keep_daily) ||
	       (is_newest_of_week && weeks < policy->keep_weekly);
}

/* A year of saves every few hours, pruned every day: what stays is judged each time, and at the end known. */
static void a_year(const struct spot_policy *policy, size_t *ret_judged)
{
	struct spot_sets sets = { 0 };
	int64_t now = 1767225600 + (int64_t)chance(DAY);

	for (int day = 0; day < 366; day++, now += DAY) {
		enum spot_keep keep[512];
		size_t left = 0;

		for (int64_t at = now - DAY; at < now; at += HOUR + (int64_t)chance(5 * HOUR)) {
			static const enum ec2_snapshot_status kinds[] = { SNAPSHOT_PENDING,
									  SNAPSHOT_ERROR };

			add_set(&sets, "web", at,
				chance(8) ? SNAPSHOT_COMPLETED : kinds[chance(2)]);
		}
		assert_true(sets.count < ARRAY_LEN(keep));
		spot_policy_apply(&sets, policy, now, keep);
		for (size_t i = 0; i < sets.count; i++, ++*ret_judged)
			assert_int_equal(keep[i] != SPOT_GOES, stays(&sets, i, policy, now));
		for (size_t i = 0; i < sets.count; i++) {
			if (keep[i] == SPOT_GOES) {
				spot_set_done(&sets.items[i]);
				continue;
			}
			/* what was pending is completed by tomorrow */
			if (sets.items[i].volumes.items[0].status == SNAPSHOT_PENDING)
				sets.items[i].volumes.items[0].status = SNAPSHOT_COMPLETED;
			sets.items[left++] = sets.items[i];
		}
		sets.count = left;
		assert_true(left > 0);
	}
	if (!policy->older_than_s)
		assert_true(sets.count <=
			    policy->keep_last + policy->keep_daily + policy->keep_weekly + 12);
	spot_sets_done(&sets);
}

static void years(void **state)
{
	size_t judged = 0;

	(void)state;
	for (int turn = 0; turn < 40; turn++) {
		struct spot_policy policy = { .keep_last = chance(3) ? (uint32_t)chance(10) : 0,
					      .keep_daily = chance(3) ? (uint32_t)chance(20) : 0,
					      .keep_weekly = chance(3) ? (uint32_t)chance(12) : 0,
					      .older_than_s =
						      chance(3) ? 0 : (int64_t)chance(20) * DAY };

		a_year(&policy, &judged);
	}
	print_message("# %zu verdicts\n", judged);
}

/* States do not count for each other, and the newest complete set of each stays whatever the rules say. */
static void states_apart(void **state)
{
	struct spot_sets sets = { 0 };
	const struct spot_policy policy = { .keep_last = 1 };
	enum spot_keep keep[4];

	(void)state;
	add_set(&sets, "a", 1000000, SNAPSHOT_COMPLETED);
	add_set(&sets, "b", 2000000, SNAPSHOT_ERROR);
	add_set(&sets, "a", 3000000, SNAPSHOT_COMPLETED);
	add_set(&sets, "a", 4000000, SNAPSHOT_ERROR);
	spot_policy_apply(&sets, &policy, 9000000, keep);
	assert_int_equal(keep[0], SPOT_GOES);
	assert_int_equal(keep[1], SPOT_KEPT_ONLY);
	assert_int_equal(keep[2], SPOT_KEPT_LAST);
	assert_int_equal(keep[3], SPOT_GOES);
	spot_sets_done(&sets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip), cmocka_unit_test(too_many),
		cmocka_unit_test(standing),   cmocka_unit_test(hostile),
		cmocka_unit_test(years),      cmocka_unit_test(states_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
