/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/net_fix.h"
#include "rescue/cloud.h"
#include "rescue/net_deeds.h"

#include <stdio.h>

/* Only where they open the path: what no change can open is to be mended first. The host has a repair of its own. */
static const struct net_hop *obstacle(const struct net_path *path)
{
	vec_foreach (hop, &path->hops)
		if (hop->standing == NET_STOPS && hop->change.kind == NET_NO_CHANGE &&
		    !hop->is_of_host)
			return hop;
	return NULL;
}

static void collect(const struct net_path *path, struct deeds *ret)
{
	vec_foreach (hop, &path->hops) {
		bool may_stop = hop->standing == NET_STOPS || hop->standing == NET_UNTOLD;
		bool is_known = !may_stop || hop->change.kind == NET_NO_CHANGE;

		vec_foreach (d, ret)
			is_known |= net_change_eq(&d->change, &hop->change);
		if (!is_known)
			vec_push(ret, ((struct deed){ .change = hop->change }));
	}
}

static int open_run(struct net *net, struct fix *fix, struct err *err)
{
	struct record record = { .kind = RESCUE_NET, .instance = net->id };
	cleanup(free) char *dir = NULL;

	run_id_make(fix->run);
	memcpy(record.run, fix->run, sizeof(record.run));
	snprintf(record.region, sizeof(record.region), "%s", net->options->region ?: "");
	snprintf(record.endpoint, sizeof(record.endpoint), "%s", net->options->endpoint_url ?: "");
	return state_make_run(net->options, fix->run, &dir, err) < 0 ||
			       journal_create(dir, &fix->journal, err) < 0 ||
			       journal_add(fix->journal, record_to_json(&record), err) < 0
		       ? -1
		       : 0;
}

/* 1: yes; 0: no, and that was said. */
static int may_change(struct net *net, const struct deeds *deeds, struct err *err)
{
	cleanup(free) char *question = NULL;

	vec_foreach (d, deeds) {
		cleanup(free) char *text = net_change_sentence(&d->change);
		cleanup(free) char *name = mem_printf("change %zu", (size_t)(d - deeds->items) + 1);

		report_say(net->report, NULL, "fact", "{s:s, s:s}", "name", name, "text", text);
	}
	if (net->options->dry_run)
		return 0;
	if (net->options->yes)
		return 1;
	question = mem_printf("make %s of the account's network?",
			      deeds->count == 1 ? "this change" : "these changes");
	if (report_ask(net->report, question))
		return 1;
	if (!report_can_ask(net->report))
		return err_set(err, ERR_REFUSED,
			       "nothing was changed; --yes consents to these changes");
	return 0;
}

static int make_changes(struct net *net, struct fix *fix, struct err *err)
{
	struct err why = ERR_INIT;

	if (open_run(net, fix, err) < 0)
		return -1;
	for (size_t i = 0; i < fix->deeds.count; i++) {
		cleanup(str_done) struct str text = STR_INIT;

		net_change_text(&fix->deeds.items[i].change, &text);
		if (fix_act(fix, i, err) == 0)
			continue;
		err_in(err, "%s", text.s);
		if (fix_go_home(fix, &why) < 0)
			*err = why;
		else
			(void)!fix_end(fix, "returned", &why);
		return -1;
	}
	return fix_end(fix, "changed", err);
}

int net_fix(struct net *net, bool *ret_changed, struct err *err)
{
	const struct net_hop *hop = obstacle(&net->path);
	struct fix fix = { .ec2 = net->ec2 };
	cleanup(free) char *text = NULL;
	int rc = 0;

	if (!hop)
		collect(&net->path, &fix.deeds);
	if (!fix.deeds.count) {
		text = hop ? mem_printf(
				     "nothing was changed: a rule or a route does not help where "
				     "%s %s; mend that first",
				     hop->place, hop->text)
			   : mem_strdup("nothing had to be changed");
		report_say(net->report, NULL, "warning", "{s:s}", "text", text);
	} else {
		rc = may_change(net, &fix.deeds, err);
	}
	if (rc > 0) {
		rc = make_changes(net, &fix, err);
		*ret_changed = !rc;
	}
	if (*ret_changed) {
		free(text);
		text = mem_printf("done, as run %s; take it back with: ec2-rescue undo %s", fix.run,
				  fix.run);
		report_say(net->report, NULL, "fact", "{s:s, s:s}", "name", "changed", "text",
			   text);
	}
	fix_done(&fix);
	return rc;
}

/* ---- home: undo of a finished run, resume of one that was cut off */

static void say_taken(struct report *report, const struct run *run, const struct fix *fix)
{
	cleanup(free) char *text = NULL;
	size_t count = 0;

	vec_foreach (d, &fix->deeds)
		count += d->state == DEED_RETURNED;
	text = mem_printf("%zu change%s of the network around %s taken back", count,
			  count == 1 ? "" : "s", run->record.instance.s);
	report_say(report, NULL, "verdict", "{s:s, s:s, s:s}", "result", "undone", "text", text,
		   "run", run->record.run);
}

int net_take_back(const struct options *options, const struct run *run, struct report *report,
		  struct err *err)
{
	struct fix fix = { 0 };
	struct loop *loop = NULL;
	int rc = loop_open(&loop, err);

	if (!rc)
		rc = cloud_open(loop, options, run->record.region, run->record.endpoint, &fix.ec2,
				err);
	if (!rc)
		rc = fix_load(&fix, run, err);
	if (!rc)
		rc = fix_go_home(&fix, err);
	if (!rc)
		rc = fix_end(&fix, "undone", err);
	if (!rc)
		say_taken(report, run, &fix);
	fix_done(&fix);
	ec2_close(fix.ec2);
	loop_close(loop);
	return rc;
}
