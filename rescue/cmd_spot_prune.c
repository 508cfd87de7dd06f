/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ec2/when.h"
#include "rescue/spot.h"
#include "rescue/spot_policy.h"

#include <stdio.h>
#include <time.h>

enum { TRIES = 5, FIRST_NAP_MS = 500 };

struct pruning {
	struct spot *spot;
	struct spot_sets sets;
	enum spot_keep *keep; /* of each set */
	size_t going, snapshots;
	size_t left;  /* sets of which something is still there */
	bool is_over; /* ^C: nothing more is begun */
};

static size_t snapshots_of(const struct spot_set *set)
{
	size_t count = set->more.count;

	vec_foreach (v, &set->volumes)
		count += !id_none(&v->snapshot);
	return count;
}

static void say_set(struct pruning *p, size_t i)
{
	const struct spot_set *set = &p->sets.items[i];
	bool goes = p->keep[i] == SPOT_GOES;
	cleanup(free) char *text = NULL;
	char at[21];

	when_iso8601(set->at, at);
	text = mem_printf("%s %s (%s, %s): %s", set->name, set->id, at,
			  spot_standing_name(spot_set_standing(set)),
			  goes ? "goes" : spot_keep_name(p->keep[i]));
	report_say(p->spot->report, NULL, "fact", "{s:s, s:s, s:s, s:s, s:s}", "name",
		   goes ? "goes" : "stays", "text", text, "state", set->name, "set", set->id,
		   "keep", spot_keep_name(p->keep[i]));
}

static int choose(struct pruning *p, const char *name, struct err *err)
{
	const struct options *o = p->spot->options;
	const struct spot_policy policy = { o->keep_last, o->keep_daily, o->keep_weekly,
					    o->older_than_s };

	if (!o->keep_last && !o->keep_daily && !o->keep_weekly && !o->older_than_s)
		return err_set(err, ERR_USAGE,
			       "say what is to stay: --keep-last, --keep-daily, --keep-weekly or "
			       "--older-than");
	if (spot_find(p->spot, name, NULL, &p->sets, err) < 0)
		return -1;
	p->keep = mem_array(p->sets.count + 1, sizeof(*p->keep));
	spot_policy_apply(&p->sets, &policy, (int64_t)time(NULL), p->keep);
	for (size_t i = 0; i < p->sets.count; i++) {
		say_set(p, i);
		if (p->keep[i] != SPOT_GOES)
			continue;
		p->going++;
		p->snapshots += snapshots_of(&p->sets.items[i]);
	}
	return 0;
}

static bool may_delete(const struct pruning *p, struct err *err)
{
	cleanup(free) char *question =
		mem_printf("Delete %zu set%s, %zu snapshot%s, for good?", p->going,
			   p->going == 1 ? "" : "s", p->snapshots, p->snapshots == 1 ? "" : "s");

	if (p->spot->options->yes || report_ask(p->spot->report, question))
		return true;
	err_set(err, ERR_REFUSED,
		"%zu set%s with %zu snapshot%s would be deleted; nothing was (--yes consents)",
		p->going, p->going == 1 ? "" : "s", p->snapshots, p->snapshots == 1 ? "" : "s");
	return false;
}

/* One that is gone already is what was wanted. */
static int delete_snapshot(struct pruning *p, const struct snapshot_id *id, struct err *err)
{
	int rc = -1;

	for (int i = 0; i < TRIES && rc < 0; i++) {
		struct ec2_op op = { 0 };
		struct err ignored = ERR_INIT;

		if (i && spot_nap(p->spot, (int64_t)FIRST_NAP_MS << i, &ignored) < 0)
			return -1;
		err_clear(err);
		ec2_delete_snapshot(p->spot->ec2, id, &op);
		rc = spot_wait(p->spot, &op, err);
		if (rc < 0 && err->code == ERR_NOTFOUND)
			rc = 0;
		if (rc < 0 && (str_eq(op.aws_code, "InvalidSnapshot.InUse") ||
			       err->code == ERR_DENIED || err->code == ERR_CREDENTIALS))
			return -1;
	}
	if (!rc)
		err_clear(err);
	return rc;
}

/* The root's first: an image that uses it keeps the whole set. What is cut off in the middle is an incomplete set,
 * and goes the next time. */
static void delete_set(struct pruning *p, const struct spot_set *set)
{
	const struct spot_volume *root = spot_set_root(set);
	struct err err = ERR_INIT;
	int rc = 0;

	if (root && !id_none(&root->snapshot))
		rc = delete_snapshot(p, &root->snapshot, &err);
	vec_foreach (v, &set->volumes)
		if (!rc && v != root && !id_none(&v->snapshot))
			rc = delete_snapshot(p, &v->snapshot, &err);
	vec_foreach (id, &set->more)
		if (!rc)
			rc = delete_snapshot(p, id, &err);
	if (!rc)
		return;
	p->left++;
	p->is_over |= err.code == ERR_INTERRUPTED;
	err_in(&err, "%s %s is left", set->name, set->id);
	report_err(p->spot->report, NULL, &err);
}

static void say_verdict(struct pruning *p)
{
	bool is_dry = p->spot->options->dry_run;
	size_t gone = p->going - p->left;
	cleanup(free) char *text =
		is_dry ? mem_printf("%zu of %zu sets would go, %zu snapshot%s; nothing was deleted",
				    p->going, p->sets.count, p->snapshots,
				    p->snapshots == 1 ? "" : "s")
		       : mem_printf("%zu of %zu sets deleted%s", gone, p->sets.count,
				    p->left ? "; what is left goes the next time" : "");

	report_say(p->spot->report, NULL, "verdict", "{s:s, s:s, s:i, s:i, s:i}", "result",
		   p->left  ? "faults"
		   : is_dry ? "planned"
			    : "pruned",
		   "text", text, "sets", (int)p->sets.count, "deleted", is_dry ? 0 : (int)gone,
		   "left", (int)p->left);
}

static int prune(struct pruning *p, struct err *err)
{
	const struct options *options = p->spot->options;

	if (choose(p, options->targets.count ? options->targets.items[0] : NULL, err) < 0)
		return -1;
	if (p->going && !options->dry_run) {
		if (!may_delete(p, err))
			return -1;
		for (size_t i = 0; i < p->sets.count; i++) {
			if (p->keep[i] != SPOT_GOES)
				continue;
			if (p->is_over)
				p->left++;
			else
				delete_set(p, &p->sets.items[i]);
		}
	}
	say_verdict(p);
	return 0;
}

int cmd_spot_prune(const struct options *options, struct report *report)
{
	cleanup(spot_close) struct spot spot = { .signals = SIGNALS_INIT };
	struct pruning p = { .spot = &spot };
	struct err err = ERR_INIT;
	int rc;

	rc = spot_open(&spot, options, report, &err);
	if (!rc)
		rc = prune(&p, &err);
	spot_sets_done(&p.sets);
	free(p.keep);
	if (rc < 0)
		return spot_fail(&spot, &err);
	return p.is_over ? ERR_INTERRUPTED : p.left ? ERR_CLOUD : 0;
}
