/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ec2/find.h"
#include "ec2/engine.h"
#include "base/log.h"

#define FILTER_VALUES 200 /* EC2's limit for one filter */
#define MEMBER_IDS    50  /* of DescribeAutoScalingInstances */
#define STATUS_IDS    100 /* DescribeInstanceStatus has no filter for ids; its limit for a list */

struct find {
	struct task task;
	enum ec2_what what;
	enum find_way way;
	VEC(struct instance_id) asking; /* ids of any kind */
	size_t asked;			/* so many of them have been asked for */
	size_t op_ids;			/* so many of them by the call under way */
	bool is_where;			/* not by ids */
	bool is_one_by_one;		/* a refusal did not say which id is unknown */
	bool is_complete;
	union ec2_list *ret, page;
	const char *ids[FILTER_VALUES];
	struct ec2_op op;
};

/* What differs between the kinds. */
static const struct {
	const char *name, *filter; /* filter NULL: ids in a list */
	size_t item_size, most_ids;
} traits[EC2_WHATS] = {
	[EC2_INSTANCES] = { "instances", "instance-id", sizeof(struct ec2_instance),
			    FILTER_VALUES },
	[EC2_VOLUMES] = { "volumes", "volume-id", sizeof(struct ec2_volume), FILTER_VALUES },
	[EC2_SNAPSHOTS] = { "snapshots", "snapshot-id", sizeof(struct ec2_snapshot),
			    FILTER_VALUES },
	[EC2_MEMBERS] = { "Auto Scaling members", NULL, sizeof(struct asg_instance), MEMBER_IDS },
	[EC2_SECURITY_GROUPS] = { "security groups", "group-id", sizeof(struct ec2_security_group),
				  FILTER_VALUES },
	[EC2_STATUSES] = { "status checks", NULL, sizeof(struct ec2_instance_status), STATUS_IDS },
};
_Static_assert(!offsetof(struct ec2_instance, id) && !offsetof(struct ec2_volume, id) &&
		       !offsetof(struct ec2_snapshot, id) &&
		       !offsetof(struct ec2_instance_status, id) &&
		       !offsetof(struct asg_instance, id),
	       "every item begins with its id");

static void describe(struct find *find, const struct ec2_describe *request)
{
	struct ec2 *ec2 = find->task.ec2;

	switch (find->what) {
	case EC2_INSTANCES:
		ec2_describe_instances(ec2, request, &find->page.instances, &find->op);
		break;
	case EC2_VOLUMES:
		ec2_describe_volumes(ec2, request, &find->page.volumes, &find->op);
		break;
	case EC2_SNAPSHOTS:
		ec2_describe_snapshots(ec2, request, &find->page.snapshots, &find->op);
		break;
	case EC2_STATUSES:
		ec2_describe_instance_status(ec2, request, &find->page.statuses, &find->op);
		break;
	case EC2_MEMBERS:
		asg_describe_instances(ec2, request->ids, request->id_count, &find->page.members,
				       &find->op);
		break;
	case EC2_SECURITY_GROUPS:
		ec2_describe_security_groups(ec2, request, &find->page.groups, &find->op);
		break;
	case EC2_WHATS:
		break;
	}
}

void ec2_list_done(enum ec2_what what, union ec2_list *list)
{
	switch (what) {
	case EC2_INSTANCES:
		ec2_instances_done(&list->instances);
		break;
	case EC2_VOLUMES:
		ec2_volumes_done(&list->volumes);
		break;
	case EC2_SNAPSHOTS:
		ec2_snapshots_done(&list->snapshots);
		break;
	case EC2_STATUSES:
		ec2_instance_statuses_done(&list->statuses);
		break;
	case EC2_MEMBERS:
		asg_instances_done(&list->members);
		break;
	case EC2_SECURITY_GROUPS:
		ec2_security_groups_done(&list->groups);
		break;
	case EC2_WHATS:
		break;
	}
}

static void find_free(struct task *task)
{
	struct find *find = (struct find *)task;

	ec2_cancel(task->ec2, &find->op);
	ec2_list_done(find->what, &find->page);
	if (!find->is_complete)
		ec2_list_done(find->what, find->ret);
	vec_done(&find->asking);
	free(find);
}

static void end(struct find *find, const struct err *err)
{
	struct ec2_op *op = find->task.op;

	find->is_complete = !err;
	memcpy(op->aws_code, find->op.aws_code, sizeof(op->aws_code));
	memcpy(op->request_id, find->op.request_id, sizeof(op->request_id));
	op->http_status = find->op.http_status;
	task_end(&find->task, err);
}

/* Is one of the ids just asked for on the page? */
static bool page_has_wanted(const struct find *find)
{
	size_t size = traits[find->what].item_size;

	for (size_t at = 0; at < find->page.any.count; at++)
		for (size_t i = find->asked - find->op_ids; i < find->asked; i++)
			if (str_eq((const char *)find->page.any.items + at * size,
				   find->asking.items[i].s))
				return true;
	return false;
}

/* The page's items, with all they own, go to the end of the list. */
static void keep_page(struct find *find)
{
	size_t size = traits[find->what].item_size;
	struct any_vec *to = &find->ret->any, *from = &find->page.any;

	if (from->count) {
		to->room = to->count + from->count;
		to->items = mem_realloc(to->items, to->room * size);
		memcpy((char *)to->items + to->count * size, from->items, from->count * size);
		to->count += from->count;
	}
	free(from->items);
	*from = (struct any_vec){ 0 };
}

static void ask_next(struct find *find);
static void ask_all(struct find *find);

/* The same ids once more, in the next way. False: there is none. */
static bool try_next_way(struct find *find)
{
	if (find->way == FIND_IN_ALL)
		return false;
	if (find->is_where) {
		ask_all(find);
		return true;
	}
	if (find->task.ec2->ways[find->what].is_proven)
		return false;
	find->way++;
	log_debug("ec2", "%s: %s", traits[find->what].name,
		  find->way == FIND_BY_ID ? "not by filter; by ids" : "not by ids; in all");
	find->asked -= find->op_ids;
	ask_next(find);
	return true;
}

static bool do_filters_work(const struct ec2 *ec2)
{
	for (size_t i = 0; i < EC2_WHATS; i++)
		if (ec2->ways[i].is_proven && ec2->ways[i].way == FIND_BY_FILTER)
			return true;
	return false;
}

static void on_page_where(struct find *find)
{
	bool is_empty = !find->page.any.count;

	keep_page(find);
	if (!is_empty || do_filters_work(find->task.ec2) || !try_next_way(find))
		end(find, NULL);
}

static void on_page(struct find *find)
{
	bool has_wanted = page_has_wanted(find);
	struct find_memory *memory = &find->task.ec2->ways[find->what];

	if (has_wanted)
		*memory = (struct find_memory){ find->way, true };
	keep_page(find);
	/* What was not found by its plain id is not there. */
	if (!has_wanted && find->way == FIND_BY_FILTER && try_next_way(find))
		return;
	ask_next(find);
}

/* One unknown id fails a whole list of ids; the message names it. True when it is asked again
 * without the unknown ones. */
static bool strike_unknown(struct find *find)
{
	size_t first = find->asked - find->op_ids, kept = first;

	if (find->way != FIND_BY_ID || find->op.err.code != ERR_NOTFOUND)
		return false;
	for (size_t i = first; i < find->asking.count; i++)
		if (i >= find->asked ||
		    (find->op_ids > 1 && !strstr(find->op.err.text, find->asking.items[i].s)))
			find->asking.items[kept++] = find->asking.items[i];
	if (kept == find->asking.count)
		find->is_one_by_one = true;
	find->asking.count = kept;
	find->asked = first;
	ask_next(find);
	return true;
}

/* May another way of asking do better? Not where the answer is about us, or where there is none. */
static bool is_about_the_way(const struct ec2_op *op)
{
	return op->http_status && op->err.code != ERR_DENIED && op->err.code != ERR_CREDENTIALS &&
	       op->err.code != ERR_THROTTLED && op->err.code != ERR_TIMEOUT;
}

static void on_done(struct ec2_op *op)
{
	struct find *find = op->arg;
	struct err err = op->err;

	if (!err.code)
		(find->is_where ? on_page_where : on_page)(find);
	else if (!strike_unknown(find) && !(is_about_the_way(op) && try_next_way(find)))
		end(find, &err);
}

static void ask_all(struct find *find)
{
	struct ec2_describe all = { 0 };

	find->way = FIND_IN_ALL;
	describe(find, &all);
}

/* Asks for the next ids, or ends. */
static void ask_next(struct find *find)
{
	struct ec2_filter filter = { .name = traits[find->what].filter, .values = find->ids };
	struct ec2_describe request = { 0 };
	size_t most = find->is_one_by_one ? 1 : traits[find->what].most_ids;

	find->op_ids = find->asking.count - find->asked;
	if (!find->op_ids) {
		end(find, NULL);
		return;
	}
	if (find->op_ids > most && find->way != FIND_IN_ALL)
		find->op_ids = most;
	find->asked += find->op_ids;
	if (find->way == FIND_IN_ALL) {
		ask_all(find);
		return;
	}
	for (size_t i = 0; i < find->op_ids; i++)
		find->ids[i] = find->asking.items[find->asked - find->op_ids + i].s;
	filter.value_count = find->op_ids;
	if (find->way == FIND_BY_FILTER) {
		request.filters = &filter;
		request.filter_count = 1;
	} else {
		request.ids = find->ids;
		request.id_count = find->op_ids;
	}
	describe(find, &request);
}

static struct find *find_new(struct ec2 *ec2, enum ec2_what what, union ec2_list *ret,
			     struct ec2_op *op)
{
	struct find *find = mem_alloc(sizeof(*find));

	ret->any = (struct any_vec){ 0 };
	find->task.free = find_free;
	find->what = what;
	find->ret = ret;
	find->op.done = on_done;
	find->op.arg = find;
	task_begin(ec2, &find->task, op);
	return find;
}

void ec2_find(struct ec2 *ec2, enum ec2_what what, const char *const *ids, size_t count,
	      union ec2_list *ret, struct ec2_op *op)
{
	struct find *find = find_new(ec2, what, ret, op);

	find->way = ec2->ways[what].way;
	if (find->way == FIND_BY_FILTER && !traits[what].filter)
		find->way = FIND_BY_ID;
	for (size_t i = 0; i < count; i++)
		memcpy(vec_add(&find->asking)->s, ids[i], strnlen(ids[i], ID_SIZE - 1));
	ask_next(find);
}

void ec2_find_where(struct ec2 *ec2, enum ec2_what what, const struct ec2_filter *filter,
		    union ec2_list *ret, struct ec2_op *op)
{
	struct find *find = find_new(ec2, what, ret, op);
	struct ec2_describe request = { .filters = filter, .filter_count = 1 };

	find->is_where = true;
	find->way = FIND_BY_FILTER;
	describe(find, &request);
}
