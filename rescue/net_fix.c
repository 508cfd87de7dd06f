/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/net_fix.h"
#include "rescue/cloud.h"
#include "rescue/journal.h"

#include <stdio.h>
#include <time.h>

/* Changes of the cloud are a run of their own: each is on record before it is asked for, and the way home is its inverse.
 * A change that was there before us ("found") is not ours to take back. */

enum deed_state { DEED_PLANNED, DEED_BEGUN, DEED_DONE, DEED_FOUND, DEED_RETURNED };
static const char *const state_names[] = { "planned", "begun", "done", "found", "returned" };

struct deed {
	struct net_change change;
	enum deed_state state;
};
VEC_TYPE(deeds, struct deed);
struct fix {
	struct ec2 *ec2;
	struct journal *journal;
	struct deeds deeds;
	char run[RUN_ID_SIZE];
};

/* ---- the record */

static json_t *deed_to_json(const struct deed *d, size_t index)
{
	const struct net_change *c = &d->change;

	return json_pack("{s:s, s:I, s:s, s:i, s:s, s:s, s:s, s:I, s:I, s:I, s:b, s:s, s:s}",
			 "event", "change", "index", (json_int_t)index, "state",
			 state_names[d->state], "kind", (int)c->kind, "target", c->target,
			 "protocol", c->protocol, "cidr", c->cidr, "from", (json_int_t)c->from,
			 "to", (json_int_t)c->to, "number", (json_int_t)c->number, "egress",
			 c->is_egress, "by", c->by, "was", c->was);
}

static void copy_text(const json_t *json, const char *name, char *into, size_t size)
{
	snprintf(into, size, "%s", json_string_value(json_object_get(json, name)) ?: "");
}

static int deed_from_json(const json_t *json, struct deed *ret)
{
	const char *state = json_string_value(json_object_get(json, "state")) ?: "";
	json_int_t kind = json_integer_value(json_object_get(json, "kind"));
	struct net_change *c = &ret->change;
	size_t s = 0;

	while (s < ARRAY_LEN(state_names) && !str_eq(state, state_names[s]))
		s++;
	if (s == ARRAY_LEN(state_names) || kind <= NET_NO_CHANGE || kind > NET_REPLACE_ROUTE)
		return -1;
	*ret = (struct deed){ .state = (enum deed_state)s };
	c->kind = (enum net_change_kind)kind;
	copy_text(json, "target", c->target, sizeof(c->target));
	copy_text(json, "protocol", c->protocol, sizeof(c->protocol));
	copy_text(json, "cidr", c->cidr, sizeof(c->cidr));
	copy_text(json, "by", c->by, sizeof(c->by));
	copy_text(json, "was", c->was, sizeof(c->was));
	c->from = json_integer_value(json_object_get(json, "from"));
	c->to = json_integer_value(json_object_get(json, "to"));
	c->number = json_integer_value(json_object_get(json, "number"));
	c->is_egress = json_is_true(json_object_get(json, "egress"));
	return 0;
}

static int set_state(struct fix *fix, size_t index, enum deed_state state, struct err *err)
{
	struct deed *d = &fix->deeds.items[index];

	d->state = state;
	return journal_add(fix->journal, deed_to_json(d, index), err);
}

static int end_run(struct fix *fix, const char *result, struct err *err)
{
	return journal_add(fix->journal, json_pack("{s:s, s:s}", "event", "end", "result", result),
			   err);
}

/* ---- the calls */

static void fill_route(const struct net_change *c, const char *by, struct ec2_route_change *ret)
{
	*ret = (struct ec2_route_change){ .table = c->target, .cidr = c->cidr };
	if (str_starts(by, "eni-"))
		ret->eni = by;
	else if (str_starts(by, "nat-"))
		ret->nat_gateway = by;
	else if (*by)
		ret->gateway = by;
}

static void start(struct ec2 *ec2, const struct net_change *c, struct ec2_op *op)
{
	const struct ec2_rule rule = { c->target,   c->kind == NET_ALLOW_OUT,
				       c->protocol, c->cidr,
				       c->from,	    c->to };
	const struct ec2_acl_rule entry = { c->target, c->number, c->is_egress, c->protocol,
					    c->cidr,   c->from,	  c->to };
	struct ec2_route_change route;

	fill_route(c, c->by, &route);
	switch (c->kind) {
	case NET_NO_CHANGE:
		break;
	case NET_ALLOW_IN:
	case NET_ALLOW_OUT:
		ec2_authorize_rule(ec2, &rule, op);
		break;
	case NET_ACL_ENTRY:
		ec2_create_acl_rule(ec2, &entry, op);
		break;
	case NET_SOURCE_CHECK:
		ec2_modify_source_check(ec2, c->target, EC2_SOURCE_CHECK_OFF, op);
		break;
	case NET_CREATE_ROUTE:
		ec2_create_route(ec2, &route, op);
		break;
	case NET_REPLACE_ROUTE:
		ec2_replace_route(ec2, &route, op);
		break;
	}
}

static void start_back(struct ec2 *ec2, const struct net_change *c, struct ec2_op *op)
{
	const struct ec2_rule rule = { c->target,   c->kind == NET_ALLOW_OUT,
				       c->protocol, c->cidr,
				       c->from,	    c->to };
	const struct ec2_acl_rule entry = { .acl = c->target,
					    .number = c->number,
					    .is_egress = c->is_egress };
	struct ec2_route_change route;

	fill_route(c, c->kind == NET_REPLACE_ROUTE ? c->was : "", &route);
	switch (c->kind) {
	case NET_NO_CHANGE:
		break;
	case NET_ALLOW_IN:
	case NET_ALLOW_OUT:
		ec2_revoke_rule(ec2, &rule, op);
		break;
	case NET_ACL_ENTRY:
		ec2_delete_acl_rule(ec2, &entry, op);
		break;
	case NET_SOURCE_CHECK:
		ec2_modify_source_check(ec2, c->target, EC2_SOURCE_CHECK_ON, op);
		break;
	case NET_CREATE_ROUTE:
		ec2_delete_route(ec2, &route, op);
		break;
	case NET_REPLACE_ROUTE:
		ec2_replace_route(ec2, &route, op);
		break;
	}
}

/* The very same; of an ACL and of a route another one may have its place. */
static bool is_there(const struct ec2_op *op)
{
	return str_eq(op->aws_code, "InvalidPermission.Duplicate");
}

static bool is_taken(const struct ec2_op *op)
{
	return str_eq(op->aws_code, "NetworkAclEntryAlreadyExists") ||
	       str_eq(op->aws_code, "RouteAlreadyExists");
}

static bool is_gone(const struct ec2_op *op)
{
	return str_eq(op->aws_code, "InvalidPermission.NotFound") ||
	       str_eq(op->aws_code, "InvalidNetworkAclEntry.NotFound") ||
	       str_eq(op->aws_code, "InvalidRoute.NotFound");
}

static bool may_pass(const struct err *err)
{
	return err->code == ERR_INDOUBT || err->code == ERR_NETWORK || err->code == ERR_TIMEOUT ||
	       err->code == ERR_THROTTLED || err->code == ERR_BUSY;
}

void net_nap(int seconds)
{
	double s = seconds / cloud_pace();

	nanosleep(&(struct timespec){ (time_t)s, (long)((s - (double)(time_t)s) * 1e9) }, NULL);
}

/* What a reply is lost of may have taken effect: the second time it is there, and is ours. */
static int act(struct fix *fix, size_t index, struct err *err)
{
	const struct net_change *c = &fix->deeds.items[index].change;
	bool is_ours = false;

	for (int tries = 1;; tries++) {
		struct ec2_op op = { 0 };
		struct err why = ERR_INIT;

		start(fix->ec2, c, &op);
		if (ec2_wait(fix->ec2, &op, &why) == 0)
			return set_state(fix, index, DEED_DONE, err);
		if (is_ours && (is_there(&op) || is_taken(&op)))
			return set_state(fix, index, DEED_DONE, err);
		if (is_there(&op) || is_taken(&op)) {
			*err = why;
			return set_state(fix, index, DEED_FOUND, &why) < 0 || is_taken(&op) ? -1
											    : 0;
		}
		is_ours |= may_pass(&why) && why.code != ERR_THROTTLED;
		if (!may_pass(&why) || tries == 4) {
			*err = why;
			return -1;
		}
		net_nap(tries);
	}
}

/* A route that was dead may lead nowhere that can be named any more: then it goes. */
static int drop_dead_route(struct fix *fix, const struct net_change *c, struct err *err)
{
	struct ec2_route_change route;
	struct ec2_op op = { 0 };

	fill_route(c, "", &route);
	ec2_delete_route(fix->ec2, &route, &op);
	return ec2_wait(fix->ec2, &op, err) == 0 || is_gone(&op) ? 0 : -1;
}

static int take_back(struct fix *fix, size_t index, struct err *err)
{
	const struct net_change *c = &fix->deeds.items[index].change;

	for (int tries = 1;; tries++) {
		struct ec2_op op = { 0 };
		struct err why = ERR_INIT;

		start_back(fix->ec2, c, &op);
		if (ec2_wait(fix->ec2, &op, &why) == 0 || is_gone(&op))
			return set_state(fix, index, DEED_RETURNED, err);
		if (c->kind == NET_REPLACE_ROUTE && why.code == ERR_NOTFOUND &&
		    drop_dead_route(fix, c, &why) == 0)
			return set_state(fix, index, DEED_RETURNED, err);
		if (!may_pass(&why) || tries == 4) {
			*err = why;
			return -1;
		}
		net_nap(tries);
	}
}

/* The last change first; what cannot be taken back is said, and the rest goes on. */
static int go_home(struct fix *fix, struct err *err)
{
	int rc = 0;

	for (size_t i = fix->deeds.count; i-- > 0;) {
		const struct deed *d = &fix->deeds.items[i];
		cleanup(str_done) struct str text = STR_INIT;
		struct err why = ERR_INIT;

		if ((d->state != DEED_BEGUN && d->state != DEED_DONE) ||
		    take_back(fix, i, &why) == 0)
			continue;
		net_change_text(&d->change, &text);
		rc = err_set(
			err, ERR_AWAY,
			"\"%s\" could not be taken back (%s); do it with: ec2-rescue resume %s",
			text.s, why.text, fix->run);
	}
	return rc;
}

/* ---- forward */

/* Only where they open the path: what no change can open is to be mended first. The host has a repair of its own. */
static const struct net_hop *obstacle(const struct net_path *path)
{
	vec_foreach (hop, &path->hops)
		if (hop->standing == NET_STOPS && hop->change.kind == NET_NO_CHANGE &&
		    !hop->is_of_host)
			return hop;
	return NULL;
}

static bool has_number(const struct deeds *deeds, const struct net_change *c)
{
	vec_foreach (d, deeds)
		if (d->change.kind == NET_ACL_ENTRY && str_eq(d->change.target, c->target) &&
		    d->change.is_egress == c->is_egress && d->change.number == c->number)
			return true;
	return false;
}

/* Each hop was judged as if its change were the only one. */
static void number_apart(const struct net_world *w, const struct deeds *deeds, struct net_change *c)
{
	while (c->kind == NET_ACL_ENTRY && c->number > 1 &&
	       (has_number(deeds, c) || net_acl_has(w, c->target, c->is_egress, c->number)))
		c->number--;
}

static void collect(const struct net_world *w, const struct net_path *path, struct deeds *ret)
{
	vec_foreach (hop, &path->hops) {
		struct deed deed = { .change = hop->change };
		bool may_stop = hop->standing == NET_STOPS || hop->standing == NET_UNTOLD;
		bool is_known = !may_stop || hop->change.kind == NET_NO_CHANGE;

		vec_foreach (d, ret)
			is_known |= net_change_eq(&d->change, &hop->change);
		if (is_known)
			continue;
		number_apart(w, ret, &deed.change);
		vec_push(ret, deed);
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
	json_t *steps = json_array();

	vec_foreach (d, deeds) {
		cleanup(str_done) struct str text = STR_INIT;

		net_change_text(&d->change, &text);
		json_array_append_new(
			steps, json_pack("{s:o, s:s}", "name",
					 json_sprintf("change-%zu", (size_t)(d - deeds->items) + 1),
					 "text", text.s));
	}
	report_say(net->report, net->id.s, "plan", "{s:o}", "steps", steps);
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
		if (set_state(fix, i, DEED_BEGUN, err) == 0 && act(fix, i, err) == 0)
			continue;
		err_in(err, "%s", text.s);
		if (go_home(fix, &why) < 0)
			*err = why;
		else
			(void)!end_run(fix, "returned", &why);
		return -1;
	}
	return end_run(fix, "changed", err);
}

int net_fix(struct net *net, bool *ret_changed, struct err *err)
{
	const struct net_hop *hop = obstacle(&net->path);
	struct fix fix = { .ec2 = net->ec2 };
	cleanup(free) char *text = NULL;
	int rc = 0;

	if (!hop)
		collect(&net->look.world, &net->path, &fix.deeds);
	if (!fix.deeds.count) {
		text = hop ? mem_printf(
				     "nothing was changed: a rule or a route does not help where "
				     "%s %s; mend that first",
				     hop->place, hop->text)
			   : mem_strdup("nothing had to be changed");
		report_say(net->report, net->id.s, "warning", "{s:s}", "text", text);
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
		report_say(net->report, net->id.s, "fact", "{s:s, s:s}", "name", "changed", "text",
			   text);
	}
	journal_close(fix.journal);
	vec_done(&fix.deeds);
	return rc;
}

/* ---- home: undo of a finished run, resume of one that was cut off */

static int load(struct fix *fix, const struct run *run, struct err *err)
{
	json_t *records = NULL;
	const json_t *record;
	size_t i;
	int rc = 0;

	snprintf(fix->run, sizeof(fix->run), "%s", run->record.run);
	if (journal_open(run->dir, &fix->journal, &records, err) < 0)
		return -1;
	json_array_foreach (records, i, record) {
		const char *event = json_string_value(json_object_get(record, "event"));
		json_int_t index = json_integer_value(json_object_get(record, "index"));
		struct deed deed;

		if (!event || !str_eq(event, "change"))
			continue;
		if (deed_from_json(record, &deed) < 0 || index < 0 ||
		    (size_t)index > fix->deeds.count) {
			rc = err_set(err, ERR_MALFORMED, "journal of %s: a change makes no sense",
				     fix->run);
			break;
		}
		if ((size_t)index == fix->deeds.count)
			vec_push(&fix->deeds, deed);
		else
			fix->deeds.items[index] = deed;
	}
	json_decref(records);
	return rc;
}

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
		rc = load(&fix, run, err);
	if (!rc)
		rc = go_home(&fix, err);
	if (!rc)
		rc = end_run(&fix, "undone", err);
	if (!rc)
		say_taken(report, run, &fix);
	journal_close(fix.journal);
	vec_done(&fix.deeds);
	ec2_close(fix.ec2);
	loop_close(loop);
	return rc;
}
