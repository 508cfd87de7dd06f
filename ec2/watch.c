/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ec2/watch.h"
#include "base/log.h"
#include "base/str.h"

#define MIN_GAP_MS     250
#define FIRST_PAUSE_MS 1000 /* after a failed look; doubles */
#define MAX_PAUSE_MS   15000
#define FILTER_VALUES  200 /* EC2's limit for one filter */
#define STATUS_IDS     100 /* DescribeInstanceStatus has no filter for ids; its limit for a list */

enum what { INSTANCES, VOLUMES, SNAPSHOTS, STATUSES, WHATS };

struct watched {
	char id[ID_SIZE];
	size_t uses;
};

/* A list reply, whatever its items. */
union list {
	struct any_vec any;
	struct ec2_instances instances;
	struct ec2_volumes volumes;
	struct ec2_snapshots snapshots;
	struct ec2_instance_statuses statuses;
};

/* One kind of thing: what is watched, what was seen, and the call under way. */
struct kind {
	struct ec2_watch *watch;
	enum what what;
	VEC(struct watched) watched;
	union list seen, coming, page;
	size_t asked;  /* so many of this look's ids have been asked for */
	size_t op_ids; /* so many of them by the call under way */
	VEC(struct watched) asking;
	const char *ids[FILTER_VALUES];
	struct ec2_op op;
	bool is_under_way;
	struct err err; /* of this look */
};

struct ec2_watch {
	struct ec2 *ec2;
	struct loop *loop;
	ec2_watch_func *changed;
	void *arg;
	struct kind kinds[WHATS];
	uint32_t min_gap_ms;
	int64_t want_ms;		  /* -1: nobody wants a look */
	int64_t started_ms, looked_at_ms; /* -1: never */
	int64_t pause_ms;		  /* before a look after a failed one */
	struct err err, status_err;
};

/* What differs between the kinds. */
static const struct {
	const char *filter; /* NULL: ids in a list */
	size_t item_size, most_ids;
	bool is_optional;
} traits[WHATS] = {
	[INSTANCES] = { "instance-id", sizeof(struct ec2_instance), FILTER_VALUES, false },
	[VOLUMES] = { "volume-id", sizeof(struct ec2_volume), FILTER_VALUES, false },
	[SNAPSHOTS] = { "snapshot-id", sizeof(struct ec2_snapshot), FILTER_VALUES, false },
	[STATUSES] = { NULL, sizeof(struct ec2_instance_status), STATUS_IDS, true },
};

static void describe(struct kind *kind, const struct ec2_describe *request)
{
	struct ec2 *ec2 = kind->watch->ec2;

	switch (kind->what) {
	case INSTANCES:
		ec2_describe_instances(ec2, request, &kind->page.instances, &kind->op);
		break;
	case VOLUMES:
		ec2_describe_volumes(ec2, request, &kind->page.volumes, &kind->op);
		break;
	case SNAPSHOTS:
		ec2_describe_snapshots(ec2, request, &kind->page.snapshots, &kind->op);
		break;
	case STATUSES:
		ec2_describe_instance_status(ec2, request, &kind->page.statuses, &kind->op);
		break;
	case WHATS:
		break;
	}
}

static void list_done(enum what what, union list *list)
{
	switch (what) {
	case INSTANCES:
		ec2_instances_done(&list->instances);
		break;
	case VOLUMES:
		ec2_volumes_done(&list->volumes);
		break;
	case SNAPSHOTS:
		ec2_snapshots_done(&list->snapshots);
		break;
	case STATUSES:
		ec2_instance_statuses_done(&list->statuses);
		break;
	case WHATS:
		break;
	}
}

/* The page's items, with all they own, go to the end of `coming`. */
static void keep_page(struct kind *kind)
{
	size_t size = traits[kind->what].item_size;
	struct any_vec *to = &kind->coming.any, *from = &kind->page.any;

	if (from->count) {
		to->room = to->count + from->count;
		to->items = mem_realloc(to->items, to->room * size);
		memcpy((char *)to->items + to->count * size, from->items, from->count * size);
		to->count += from->count;
	}
	free(from->items);
	*from = (struct any_vec){ 0 };
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

static bool is_looking(const struct ec2_watch *watch)
{
	for (size_t i = 0; i < WHATS; i++)
		if (watch->kinds[i].is_under_way)
			return true;
	return false;
}

/* Every kind has answered. */
static void finish_look(struct ec2_watch *watch)
{
	err_clear(&watch->err);
	err_clear(&watch->status_err);
	for (size_t i = 0; i < WHATS; i++) {
		struct kind *kind = &watch->kinds[i];

		if (!kind->err.code) {
			list_done(kind->what, &kind->seen);
			kind->seen = kind->coming;
			kind->coming.any = (struct any_vec){ 0 };
		} else if (traits[i].is_optional &&
			   (kind->err.code == ERR_UNSUPPORTED || kind->err.code == ERR_DENIED)) {
			watch->status_err = kind->err;
		} else if (!watch->err.code) {
			watch->err = kind->err;
		}
		list_done(kind->what, &kind->coming);
	}
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

static void ask_next(struct kind *kind);

/* One unknown id fails a whole list of ids; the message names it. True when some could be struck
 * out. */
static bool strike_unknown(struct kind *kind)
{
	size_t first = kind->asked - kind->op_ids, kept = first;

	if (traits[kind->what].filter || kind->op.err.code != ERR_NOTFOUND)
		return false;
	for (size_t i = first; i < kind->asking.count; i++)
		if (i >= kind->asked || !strstr(kind->op.err.text, kind->asking.items[i].id))
			kind->asking.items[kept++] = kind->asking.items[i];
	if (kept == kind->asking.count)
		return false;
	kind->asking.count = kept;
	kind->asked = first;
	return true;
}

static void on_done(struct ec2_op *op)
{
	struct kind *kind = op->arg;

	if (!op->err.code) {
		keep_page(kind);
	} else if (!strike_unknown(kind)) {
		kind->err = op->err;
		kind->asked = kind->asking.count;
	}
	ask_next(kind);
}

/* Asks for the next ids of this look, or ends the kind's part of it. */
static void ask_next(struct kind *kind)
{
	struct ec2_filter filter = { .name = traits[kind->what].filter, .values = kind->ids };
	struct ec2_describe request = { 0 };
	size_t count = 0;

	while (count < traits[kind->what].most_ids && kind->asked < kind->asking.count)
		kind->ids[count++] = kind->asking.items[kind->asked++].id;
	kind->op_ids = count;
	if (!count) {
		kind->is_under_way = false;
		vec_done(&kind->asking);
		if (!is_looking(kind->watch))
			finish_look(kind->watch);
		return;
	}
	filter.value_count = count;
	if (filter.name) {
		request.filters = &filter;
		request.filter_count = 1;
	} else {
		request.ids = kind->ids;
		request.id_count = count;
	}
	describe(kind, &request);
}

/* Watched ids may change during the look, so it works on a copy. */
static void begin_kind(struct kind *kind)
{
	err_clear(&kind->err);
	kind->asked = 0;
	vec_foreach (watched, &kind->watched)
		vec_push(&kind->asking, *watched);
	kind->is_under_way = kind->asking.count > 0;
}

static void look(void *arg)
{
	struct ec2_watch *watch = arg;

	if (is_looking(watch))
		return; /* finish_look schedules what is wanted meanwhile */
	watch->want_ms = -1;
	watch->started_ms = loop_now_ms(watch->loop);
	for (size_t i = 0; i < WHATS; i++)
		begin_kind(&watch->kinds[i]);
	if (!is_looking(watch)) {
		finish_look(watch);
		return;
	}
	for (size_t i = 0; i < WHATS; i++)
		if (watch->kinds[i].is_under_way)
			ask_next(&watch->kinds[i]);
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
	for (size_t i = 0; i < WHATS; i++) {
		struct kind *kind = &watch->kinds[i];

		kind->watch = watch;
		kind->what = (enum what)i;
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
	for (size_t i = 0; i < WHATS; i++) {
		struct kind *kind = &watch->kinds[i];

		ec2_cancel(watch->ec2, &kind->op);
		list_done(kind->what, &kind->page);
		list_done(kind->what, &kind->coming);
		list_done(kind->what, &kind->seen);
		vec_done(&kind->watched);
		vec_done(&kind->asking);
	}
	free(watch);
}

static void add(struct ec2_watch *watch, enum what what, const char *id)
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

static void drop(struct ec2_watch *watch, enum what what, const char *id)
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
ADD_AND_DROP(instance, INSTANCES, instance_id)
ADD_AND_DROP(volume, VOLUMES, volume_id)
ADD_AND_DROP(snapshot, SNAPSHOTS, snapshot_id)
ADD_AND_DROP(status, STATUSES, instance_id)

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
SEEN(instance, INSTANCES, instances, instance_id, ec2_instance)
SEEN(volume, VOLUMES, volumes, volume_id, ec2_volume)
SEEN(snapshot, SNAPSHOTS, snapshots, snapshot_id, ec2_snapshot)
SEEN(status, STATUSES, statuses, instance_id, ec2_instance_status)

int64_t ec2_looked_at_ms(const struct ec2_watch *watch)
{
	return watch->looked_at_ms;
}

const struct err *ec2_watch_err(const struct ec2_watch *watch)
{
	return watch->err.code ? &watch->err : NULL;
}

const struct err *ec2_watch_status_err(const struct ec2_watch *watch)
{
	return watch->status_err.code ? &watch->status_err : NULL;
}
