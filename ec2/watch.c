/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ec2/watch.h"
#include "base/log.h"
#include "base/str.h"

#define MIN_GAP_MS     250
#define FIRST_PAUSE_MS 1000 /* after a failed look; doubles */
#define MAX_PAUSE_MS   15000
#define PATIENCE       3 /* failed looks in a row, until a comfort counts as missing */

struct watched {
	char id[ID_SIZE];
	size_t uses;
};

/* One kind of thing: what is watched, what was seen, and the look under way. */
struct kind {
	struct ec2_watch *watch;
	enum ec2_what what;
	VEC(struct watched) watched;
	union ec2_list seen, coming;
	struct ec2_op op;
	bool is_under_way, is_given_up;
	unsigned failures; /* in a row */
	struct err err;	   /* of the newest look */
};

struct ec2_watch {
	struct ec2 *ec2;
	struct loop *loop;
	ec2_watch_func *changed;
	void *arg;
	struct kind kinds[EC2_WHATS];
	uint32_t min_gap_ms;
	int64_t want_ms;		  /* -1: nobody wants a look */
	int64_t started_ms, looked_at_ms; /* -1: never */
	int64_t pause_ms;		  /* before a look after a failed one */
	struct err err;			  /* of the newest look */
};

/* A comfort: a server may not have it, a policy may not grant it. */
static bool is_optional(enum ec2_what what)
{
	return what == EC2_SNAPSHOTS || what == EC2_STATUSES;
}

static void look(void *arg);

/* Sets the timer for the earliest look that is wanted and allowed. */
static void schedule(struct ec2_watch *watch)
{
	int64_t at = watch->want_ms;

	if (at >= 0 && watch->started_ms >= 0 && at < watch->started_ms + watch->min_gap_ms)
		at = watch->started_ms + watch->min_gap_ms;
	loop_timer(watch->loop, at, look, watch);
}

/* Nobody waits for a comfort. */
static bool is_looking(const struct ec2_watch *watch)
{
	for (size_t i = 0; i < EC2_WHATS; i++)
		if (watch->kinds[i].is_under_way && !is_optional((enum ec2_what)i))
			return true;
	return false;
}

/* Why a comfort is missing, once it is clear that it will not come. */
static bool is_missing(const struct kind *kind)
{
	return kind->is_given_up || kind->failures >= PATIENCE;
}

static void finish_kind(struct kind *kind)
{
	kind->is_under_way = false;
	kind->err = kind->op.err;
	if (!kind->err.code) {
		kind->failures = 0;
		ec2_list_done(kind->what, &kind->seen);
		kind->seen = kind->coming;
		kind->coming.any = (struct any_vec){ 0 };
		return;
	}
	kind->failures++;
	kind->is_given_up = is_optional(kind->what) &&
			    (kind->err.code == ERR_UNSUPPORTED || kind->err.code == ERR_DENIED);
}

/* Every kind has answered. */
static void finish_look(struct ec2_watch *watch)
{
	err_clear(&watch->err);
	for (size_t i = 0; i < EC2_WHATS; i++)
		if (!is_optional((enum ec2_what)i) && watch->kinds[i].watched.count &&
		    !watch->err.code)
			watch->err = watch->kinds[i].err;
	if (watch->err.code) {
		log_debug("ec2", "look failed: %s", watch->err.text);
		watch->pause_ms = watch->pause_ms ? watch->pause_ms * 2 : FIRST_PAUSE_MS;
		if (watch->pause_ms > MAX_PAUSE_MS)
			watch->pause_ms = MAX_PAUSE_MS;
		ec2_watch_want(watch, loop_now_ms(watch->loop) + watch->pause_ms);
	} else {
		watch->pause_ms = 0;
		watch->looked_at_ms = watch->started_ms;
	}
	schedule(watch);
	if (watch->changed)
		watch->changed(watch->arg);
}

static void on_done(struct ec2_op *op)
{
	struct kind *kind = op->arg;

	finish_kind(kind);
	if (is_optional(kind->what)) {
		if (kind->watch->changed)
			kind->watch->changed(kind->watch->arg);
	} else if (!is_looking(kind->watch)) {
		finish_look(kind->watch);
	}
}

static void ask(struct kind *kind)
{
	const char **ids = mem_array(kind->watched.count, sizeof(*ids));

	kind->is_under_way = true;
	for (size_t i = 0; i < kind->watched.count; i++)
		ids[i] = kind->watched.items[i].id;
	ec2_find(kind->watch->ec2, kind->what, ids, kind->watched.count, &kind->coming, &kind->op);
	free(ids);
}

static void look(void *arg)
{
	struct ec2_watch *watch = arg;

	if (is_looking(watch))
		return; /* finish_look schedules what is wanted meanwhile */
	watch->want_ms = -1;
	watch->started_ms = loop_now_ms(watch->loop);
	for (size_t i = 0; i < EC2_WHATS; i++)
		if (watch->kinds[i].watched.count && !watch->kinds[i].is_given_up &&
		    !watch->kinds[i].is_under_way)
			ask(&watch->kinds[i]);
	if (!is_looking(watch))
		finish_look(watch);
}

int ec2_watch_open(struct ec2 *ec2, struct loop *loop, ec2_watch_func *changed, void *arg,
		   struct ec2_watch **ret, struct err *err)
{
	struct ec2_watch *watch = mem_alloc(sizeof(*watch));

	(void)err;
	watch->ec2 = ec2;
	watch->loop = loop;
	watch->changed = changed;
	watch->arg = arg;
	watch->min_gap_ms = MIN_GAP_MS;
	watch->want_ms = watch->started_ms = watch->looked_at_ms = -1;
	for (size_t i = 0; i < EC2_WHATS; i++) {
		struct kind *kind = &watch->kinds[i];

		kind->watch = watch;
		kind->what = (enum ec2_what)i;
		kind->op.done = on_done;
		kind->op.arg = kind;
	}
	*ret = watch;
	return 0;
}

void ec2_watch_close(struct ec2_watch *watch)
{
	if (!watch)
		return;
	loop_timer(watch->loop, -1, look, watch);
	for (size_t i = 0; i < EC2_WHATS; i++) {
		struct kind *kind = &watch->kinds[i];

		ec2_cancel(watch->ec2, &kind->op);
		ec2_list_done(kind->what, &kind->seen);
		vec_done(&kind->watched);
	}
	free(watch);
}

static void add(struct ec2_watch *watch, enum ec2_what what, const char *id)
{
	struct kind *kind = &watch->kinds[what];
	struct watched *watched;

	vec_foreach (old, &kind->watched) {
		if (str_eq(old->id, id)) {
			old->uses++;
			return;
		}
	}
	watched = vec_add(&kind->watched);
	memcpy(watched->id, id, sizeof(watched->id));
	watched->uses = 1;
}

static void drop(struct ec2_watch *watch, enum ec2_what what, const char *id)
{
	struct kind *kind = &watch->kinds[what];

	for (size_t i = 0; i < kind->watched.count; i++) {
		struct watched *watched = &kind->watched.items[i];

		if (!str_eq(watched->id, id))
			continue;
		if (!--watched->uses)
			*watched = kind->watched.items[--kind->watched.count];
		return;
	}
}

#define ADD_AND_DROP(name, what, type)                                          \
	void ec2_watch_##name(struct ec2_watch *watch, const struct type *id)   \
	{                                                                       \
		add(watch, what, id->s);                                        \
	}                                                                       \
	void ec2_unwatch_##name(struct ec2_watch *watch, const struct type *id) \
	{                                                                       \
		drop(watch, what, id->s);                                       \
	}
ADD_AND_DROP(instance, EC2_INSTANCES, instance_id)
ADD_AND_DROP(volume, EC2_VOLUMES, volume_id)
ADD_AND_DROP(snapshot, EC2_SNAPSHOTS, snapshot_id)
ADD_AND_DROP(status, EC2_STATUSES, instance_id)
ADD_AND_DROP(member, EC2_MEMBERS, instance_id)

void ec2_watch_want(struct ec2_watch *watch, int64_t at_ms)
{
	if (at_ms < 0)
		at_ms = 0;
	if (watch->want_ms < 0 || at_ms < watch->want_ms)
		watch->want_ms = at_ms;
	schedule(watch);
}

void ec2_watch_set_min_gap(struct ec2_watch *watch, uint32_t min_gap_ms)
{
	watch->min_gap_ms = min_gap_ms;
	schedule(watch);
}

#define SEEN(name, what, member, id_type, type)                           \
	const struct type *ec2_seen_##name(const struct ec2_watch *watch, \
					   const struct id_type *id)      \
	{                                                                 \
		vec_foreach (item, &watch->kinds[what].seen.member)       \
			if (id_eq(&item->id, id))                         \
				return item;                              \
		return NULL;                                              \
	}
SEEN(instance, EC2_INSTANCES, instances, instance_id, ec2_instance)
SEEN(volume, EC2_VOLUMES, volumes, volume_id, ec2_volume)
SEEN(snapshot, EC2_SNAPSHOTS, snapshots, snapshot_id, ec2_snapshot)
SEEN(status, EC2_STATUSES, statuses, instance_id, ec2_instance_status)
SEEN(member, EC2_MEMBERS, members, instance_id, asg_instance)

int64_t ec2_looked_at_ms(const struct ec2_watch *watch)
{
	return watch->looked_at_ms;
}

const struct err *ec2_watch_err(const struct ec2_watch *watch)
{
	return watch->err.code ? &watch->err : NULL;
}

const struct err *ec2_watch_missing(const struct ec2_watch *watch, enum ec2_what what)
{
	const struct kind *kind = &watch->kinds[what];

	return is_missing(kind) ? &kind->err : NULL;
}
