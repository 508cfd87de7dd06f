/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/net_deeds.h"
#include "rescue/cloud.h"

#include <stdio.h>
#include <time.h>

static const char *const state_names[] = { "planned", "begun", "done", "found", "returned" };

void fix_done(struct fix *fix)
{
	journal_close(fix->journal);
	vec_done(&fix->deeds);
}

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

int fix_end(struct fix *fix, const char *result, struct err *err)
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

/* The change as the typed calls take it. */
struct wire {
	struct ec2_rule rule;
	struct ec2_acl_rule entry;
	struct ec2_route_change route;
};

static void fill_wire(const struct net_change *c, const char *by, struct wire *ret)
{
	ret->rule = (struct ec2_rule){ c->target,   c->kind == NET_ALLOW_OUT,
				       c->protocol, c->cidr,
				       c->from,	    c->to };
	ret->entry = (struct ec2_acl_rule){ c->target, c->number, c->is_egress, c->protocol,
					    c->cidr,   c->from,	  c->to };
	fill_route(c, by, &ret->route);
}

static void start(struct ec2 *ec2, const struct net_change *c, struct ec2_op *op)
{
	struct wire w;

	fill_wire(c, c->by, &w);
	switch (c->kind) {
	case NET_NO_CHANGE:
		break;
	case NET_ALLOW_IN:
	case NET_ALLOW_OUT:
		ec2_authorize_rule(ec2, &w.rule, op);
		break;
	case NET_ACL_ENTRY:
		ec2_create_acl_rule(ec2, &w.entry, op);
		break;
	case NET_SOURCE_CHECK:
		ec2_modify_source_check(ec2, c->target, EC2_SOURCE_CHECK_OFF, op);
		break;
	case NET_CREATE_ROUTE:
		ec2_create_route(ec2, &w.route, op);
		break;
	case NET_REPLACE_ROUTE:
		ec2_replace_route(ec2, &w.route, op);
		break;
	}
}

static void start_back(struct ec2 *ec2, const struct net_change *c, struct ec2_op *op)
{
	struct wire w;

	fill_wire(c, c->kind == NET_REPLACE_ROUTE ? c->was : "", &w);
	switch (c->kind) {
	case NET_NO_CHANGE:
		break;
	case NET_ALLOW_IN:
	case NET_ALLOW_OUT:
		ec2_revoke_rule(ec2, &w.rule, op);
		break;
	case NET_ACL_ENTRY:
		ec2_delete_acl_rule(ec2, &w.entry, op);
		break;
	case NET_SOURCE_CHECK:
		ec2_modify_source_check(ec2, c->target, EC2_SOURCE_CHECK_ON, op);
		break;
	case NET_CREATE_ROUTE:
		ec2_delete_route(ec2, &w.route, op);
		break;
	case NET_REPLACE_ROUTE:
		ec2_replace_route(ec2, &w.route, op);
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
int fix_go_home(struct fix *fix, struct err *err)
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

int fix_act(struct fix *fix, size_t index, struct err *err)
{
	return set_state(fix, index, DEED_BEGUN, err) < 0 ? -1 : act(fix, index, err);
}

int fix_load(struct fix *fix, const struct run *run, struct err *err)
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
