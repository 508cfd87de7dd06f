/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/spot.h"

#include "ec2/find.h"
#include "rescue/cloud.h"

enum { TICK_MS = 500 };

static void on_signal(void *arg)
{
	(void)arg; /* whoever waits looks at the count */
}

int spot_open(struct spot *spot, const struct options *options, struct report *report,
	      struct err *err)
{
	*spot = (struct spot){
		.options = options, .report = report, .signals = SIGNALS_INIT, .pace = cloud_pace()
	};
	return loop_open(&spot->loop, err) < 0 ||
			       cloud_open(spot->loop, options, NULL, NULL, &spot->ec2, err) < 0 ||
			       signals_open(&spot->signals, spot->loop, on_signal, spot, err) < 0
		       ? -1
		       : 0;
}

void spot_close(struct spot *spot)
{
	ec2_close(spot->ec2);
	signals_close(&spot->signals);
	loop_close(spot->loop);
	*spot = (struct spot){ .signals = SIGNALS_INIT };
}

int spot_fail(const struct spot *spot, const struct err *err)
{
	report_err(spot->report, NULL, err);
	return (int)err->code;
}

int spot_until(struct spot *spot, const bool *is_over, struct err *err)
{
	while (!*is_over) {
		if (spot->signals.count && !spot->is_deferred)
			return err_set(err, ERR_INTERRUPTED, "interrupted");
		if (loop_step(spot->loop, TICK_MS, err) < 0)
			return -1;
		report_tick(spot->report);
	}
	return 0;
}

int spot_wait(struct spot *spot, struct ec2_op *op, struct err *err)
{
	if (spot_until(spot, &op->is_done, err) < 0) {
		ec2_cancel(spot->ec2, op);
		return -1;
	}
	*err = op->err;
	return err->code ? -1 : 0;
}

static void wake(void *arg)
{
	*(bool *)arg = true;
}

int spot_nap(struct spot *spot, int64_t ms, struct err *err)
{
	bool is_over = false;
	int rc;

	loop_timer(spot->loop, loop_now_ms(spot->loop) + (int64_t)((double)ms / spot->pace) + 1,
		   wake, &is_over);
	rc = spot_until(spot, &is_over, err);
	loop_timer(spot->loop, -1, wake, &is_over);
	return rc;
}

bool spot_may_pass(const struct err *err)
{
	return err->code == ERR_INDOUBT || err->code == ERR_NETWORK || err->code == ERR_TIMEOUT ||
	       err->code == ERR_BUSY || err->code == ERR_THROTTLED || err->code == ERR_MALFORMED;
}

int spot_find(struct spot *spot, const char *name, const char *id, struct spot_sets *ret,
	      struct err *err)
{
	const char *key = SPOT_TAG;
	struct ec2_filter filter = id	  ? (struct ec2_filter){ "tag:" SPOT_SET_TAG, &id, 1 }
				   : name ? (struct ec2_filter){ "tag:" SPOT_TAG, &name, 1 }
					  : (struct ec2_filter){ "tag-key", &key, 1 };
	union ec2_list list;
	struct ec2_op op = { 0 };
	struct spot_sets all = { 0 };

	ec2_find_where(spot->ec2, EC2_SNAPSHOTS, &filter, &list, &op);
	if (spot_wait(spot, &op, err) < 0)
		return -1;
	spot_sets_of(&list.snapshots, &all);
	ec2_list_done(EC2_SNAPSHOTS, &list);
	vec_foreach (set, &all) {
		if ((name && !str_eq(set->name, name)) || (id && !str_eq(set->id, id))) {
			spot_set_done(set);
			continue;
		}
		vec_push(ret, *set);
	}
	vec_done(&all);
	return 0;
}
