/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/net_first.h"
#include "rescue/inventory.h"

enum { SSH_PORT = 22 };

/* The rest of what a path needs is in the inventory. */
#define KINDS                                                                        \
	(1u << NET_TABLES | 1u << NET_ACLS | 1u << NET_GROUPS | 1u << NET_GATEWAYS | \
	 1u << NET_BLOCK)

/* This machine, where it is an instance of the same VPC. */
static const char *neighbour(const struct inventory *inv, const struct ec2_instance *i)
{
	const struct ec2_instance *self = inv->helper_instance;

	return self && id_eq(&self->id, &inv->self) && self->vpc && i->vpc &&
			       str_eq(self->vpc, i->vpc) && !id_eq(&self->id, &i->id)
		       ? self->private_ip
		       : NULL;
}

/* Who names a host for ssh goes by a tunnel or by somebody else, whose port it is as well. */
static bool is_by_another(const struct inventory *inv)
{
	return inv->options->ssh_host;
}

static bool is_of_interest(const struct inventory *inv, const struct ec2_instance *i)
{
	return i->vpc &&
	       (inv->options->from || (!is_by_another(inv) && (i->public_ip || neighbour(inv, i))));
}

/* Whose interface and groups matter; a public address has none. */
static bool inner_sender(const struct inventory *inv, struct ip *ret)
{
	if (inv->options->from)
		return !ip_parse(inv->options->from, ret);
	vec_foreach (i, &inv->net.instances)
		if (neighbour(inv, *i) && !ip_parse(neighbour(inv, *i), ret))
			return true;
	return false;
}

void net_first_start(struct ec2 *ec2, struct inventory *inv)
{
	struct net_first *first = &inv->net;
	struct net_ask ask = { .kinds = KINDS };
	bool wants_own = false;
	struct ip from;

	if (inv->options->no_net)
		return;
	vec_foreach (p, &inv->patients) {
		const struct ec2_instance *i = (*p)->instance;

		if (!i || !is_of_interest(inv, i))
			continue;
		vec_push(&first->instances, i);
		wants_own |= !inv->options->from && !neighbour(inv, i);
	}
	if (!first->instances.count)
		return;
	first->is_asked = true;
	ask.instances = first->instances.items;
	ask.count = first->instances.count;
	net_look_start(ec2, &ask, &first->look);
	if (inner_sender(inv, &from))
		net_look_sender(ec2, &from, &first->look);
	if (wants_own)
		ec2_get_own_address(ec2, &first->own, &first->own_op);
}

/* False: not known, or one that says nothing of the way to the instance. */
static bool sender_of(const struct inventory *inv, const struct ec2_instance *i, struct ip *ret)
{
	const char *text = inv->options->from ?: neighbour(inv, i);

	if (text)
		return !ip_parse(text, ret);
	return inv->net.own.text && !ip_parse(inv->net.own.text, ret) && !net_is_private(ret);
}

/* What it is at this moment is the rescue's own matter. */
static const struct net_hop *first_stop(const struct net_path *path)
{
	vec_foreach (hop, &path->hops)
		if (hop->standing == NET_STOPS && !hop->is_of_instance)
			return hop;
	return NULL;
}

/* Whoever works on an instance beside it may come in to it from elsewhere. */
static bool is_sure(const struct inventory *inv, const struct ec2_instance *i)
{
	return inv->options->from || !neighbour(inv, i);
}

static void judge(struct ec2 *ec2, struct inventory *inv, struct patient *p)
{
	struct net_flow flow = { .protocol = PROTO_TCP, .port = SSH_PORT };
	cleanup(net_path_done) struct net_path path = { 0 };
	const struct net_hop *stop;
	char from[IP_TEXT_MAX];

	if (!sender_of(inv, p->instance, &flow.from))
		return;
	if (inv->options->ssh_port && !is_by_another(inv))
		flow.port = (uint16_t)inv->options->ssh_port;
	ip_text(&flow.from, from);
	net_look_walk(ec2, &inv->net.look, p->instance, &flow, &path);
	stop = first_stop(&path);
	if (stop && is_sure(inv, p->instance)) {
		p->net_stop =
			mem_printf("%s: %s%s%s", stop->place, stop->text,
				   stop->remedy ? "; to let it through: " : "", stop->remedy ?: "");
		p->net_text = mem_printf("tcp %u from %s is stopped by the cloud", flow.port, from);
	} else if (stop) {
		p->net_text =
			mem_printf("tcp %u from %s, this machine, is stopped by the cloud (%s: "
				   "%s); if you come from elsewhere, --from asks for that",
				   flow.port, from, stop->place, stop->text);
	} else if (path.verdict == NET_UNKNOWN) {
		p->net_text = mem_printf("whether tcp %u from %s gets through cannot be told; see "
					 "`ec2-rescue net %s`",
					 flow.port, from, p->id.s);
	} else {
		p->net_text = mem_printf("tcp %u from %s gets through", flow.port, from);
	}
}

void net_first_judge(struct ec2 *ec2, struct inventory *inv)
{
	struct net_first *first = &inv->net;
	struct net_world *w = &first->look.world;
	struct err ignored = ERR_INIT;

	if (!first->is_asked)
		return;
	net_look_wait(ec2, &first->look);
	if (ec2_is_begun(&first->own_op))
		(void)!ec2_wait(ec2, &first->own_op, &ignored);
	w->vpcs = inv->vpcs;
	w->statuses = inv->statuses;
	vec_foreach (p, &inv->patients)
		if ((*p)->instance && (*p)->err.code == ERR_NONE &&
		    is_of_interest(inv, (*p)->instance))
			judge(ec2, inv, *p);
	w->vpcs = (struct ec2_vpcs){ 0 }; /* they are the inventory's */
	w->statuses = (struct ec2_instance_statuses){ 0 };
}

void net_first_done(struct ec2 *ec2, struct net_first *first)
{
	if (ec2)
		ec2_cancel(ec2, &first->own_op);
	if (first->is_asked)
		net_look_done(ec2, &first->look);
	ec2_own_address_done(&first->own);
	vec_done(&first->instances);
}
