/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/nat.h"
#include "net/path_walks.h"

#include <stdio.h>

enum { HTTPS = 443 };

struct judge {
	const struct net_world *w;
	struct net_path *path;
	const struct ip *outside;
	const struct ec2_interface *outer; /* that packets leave by; NULL: none */
	const struct ec2_interface *inner; /* that routes lead to; NULL: none do */
	struct ec2_texts subnets;	   /* borrowed: those that are led to it, or will be */
};

static const struct ec2_groups *groups_of(const struct judge *j, const struct ec2_interface *i)
{
	return i->groups.count ? &i->groups : &j->w->instance->groups;
}

/* ---- the instance itself */

static void judge_checks(struct judge *j)
{
	vec_foreach (i, &j->w->instance->interfaces) {
		struct net_hop *hop;
		char *place = mem_printf("network interface %s", i->id ?: "?");

		if (i->source_dest_check == EC2_FALSE) {
			net_hop_add(j->path, NET_THERE, NET_PASSES, place,
				    mem_strdup("its source/destination check is off"));
			continue;
		}
		if (i->source_dest_check != EC2_TRUE) {
			net_hop_add(j->path, NET_THERE, NET_UNTOLD, place,
				    mem_strdup("whether its source/destination check is off is not "
					       "shown"));
			continue;
		}
		hop = net_hop_add(
			j->path, NET_THERE, NET_STOPS, place,
			mem_strdup("its source/destination check is on: EC2 drops what is "
				   "not from or to the instance itself"));
		if (!i->id)
			continue;
		hop->change.kind = NET_SOURCE_CHECK;
		snprintf(hop->change.target, sizeof(hop->change.target), "%s", i->id);
		hop->remedy = net_change_sentence(&hop->change);
	}
}

static bool is_ours(const struct judge *j, const struct ec2_route *r,
		    const struct ec2_interface **ret)
{
	vec_foreach (i, &j->w->instance->interfaces) {
		if (!net_is_same(r->eni, i->id))
			continue;
		*ret = i;
		return true;
	}
	if (!r->eni && net_is_same(r->instance, j->w->instance->id.s)) {
		*ret = j->w->instance->interfaces.count ? &j->w->instance->interfaces.items[0]
							: NULL;
		return true;
	}
	return false;
}

/* What it translates must get out itself: a public address, and a route to the gateway. */
static void judge_way_out(struct judge *j)
{
	const struct ec2_route *route;
	const struct ec2_interface *own;
	struct net_hop *hop;
	const char *by;

	vec_foreach (i, &j->w->instance->interfaces)
		if (i->public_ip && (!j->outer || i->device_index < j->outer->device_index))
			j->outer = i;
	if (!j->outer) {
		net_hop_add(j->path, NET_THERE, NET_STOPS,
			    mem_printf("instance %s", j->w->instance->id.s),
			    mem_strdup("has no public address: what it translates has no way out"))
			->remedy = mem_strdup("associate an Elastic IP address with it");
		return;
	}
	net_hop_add(j->path, NET_THERE, NET_PASSES,
		    mem_printf("public address %s", j->outer->public_ip),
		    mem_printf("belongs to %s", j->outer->id ?: "?"));
	j->path->from = *j->outside;
	route = net_walk_route(j->w, j->path, NET_THERE, j->outer->subnet, j->outside);
	if (!route || str_starts(net_route_by(route), "igw-"))
		return;
	by = net_route_by(route);
	hop = &j->path->hops.items[j->path->hops.count - 1];
	free(TAKE(hop->text));
	hop->standing = NET_STOPS;
	hop->text = is_ours(j, route, &own)
			    ? mem_printf("%s leads back to the instance itself: its own subnet has "
					 "the table of a private one",
					 net_route_to(route))
			    : mem_printf("%s leads to %s, not to an internet gateway",
					 net_route_to(route), by);
	hop->remedy = mem_printf("give %s a route table of its own that leads 0.0.0.0/0 to the "
				 "internet gateway",
				 j->outer->subnet ?: "its subnet");
}

/* A block of what comes in lets the answers to what goes out pass. */
static void judge_block(struct judge *j)
{
	const char *mode = j->w->block.mode, *subnet = j->outer ? j->outer->subnet : NULL;

	if (!mode || !str_eq(mode, "block-bidirectional") || !subnet ||
	    net_is_excluded(j->w, subnet, false))
		return;
	if (j->w->no_exclusions.code) {
		net_hop_add(j->path, NET_THERE, NET_UNTOLD, mem_strdup("VPC Block Public Access"),
			    mem_printf("is %s, and what is excluded of it is not shown: %s", mode,
				       j->w->no_exclusions.text));
		return;
	}
	net_hop_add(
		j->path, NET_THERE, NET_STOPS, mem_strdup("VPC Block Public Access"),
		mem_printf("is %s in this account and Region: internet gateways let nothing out",
			   mode))
		->remedy = mem_printf("exclude %s from it (aws ec2 "
				      "create-vpc-block-public-access-exclusion --subnet-id %s "
				      "--internet-gateway-exclusion-mode allow-egress)",
				      subnet, subnet);
}

/* ---- the tables of the private subnets */

/* Those that the table is for; of the main one also all that have none of their own. */
static void subnets_of(const struct judge *j, const struct ec2_route_table *table,
		       struct ec2_texts *ret)
{
	vec_foreach (s, &j->w->subnets)
		if (net_is_same(s->vpc, j->w->instance->vpc) && net_table_of(j->w, s->id) == table)
			vec_push(ret, s->id);
}

static char *table_place(const struct ec2_route_table *table, const struct ec2_texts *subnets)
{
	struct str s = STR_INIT;

	str_addf(&s, "route table %s of", table->id);
	vec_foreach (subnet, subnets)
		str_addf(&s, "%s %s", subnet == subnets->items ? "" : ",", *subnet);
	return str_take(&s);
}

static void propose_route(struct judge *j, struct net_hop *hop, const struct ec2_route_table *table,
			  const struct ec2_route *dead)
{
	const struct ec2_interface *to = j->inner ?: j->outer;
	struct net_change *c = &hop->change;

	if (!to || !to->id || (dead && !dead->cidr))
		return;
	c->kind = dead ? NET_REPLACE_ROUTE : NET_CREATE_ROUTE;
	snprintf(c->target, sizeof(c->target), "%s", table->id);
	snprintf(c->cidr, sizeof(c->cidr), "%s", dead ? dead->cidr : "0.0.0.0/0");
	snprintf(c->by, sizeof(c->by), "%s", to->id);
	if (dead)
		snprintf(c->was, sizeof(c->was), "%s", net_route_by(dead));
	hop->remedy = net_change_sentence(c);
}

/* A table that leads nowhere may be meant: a subnet that is to be cut off. */
static void judge_table(struct judge *j, const struct ec2_route_table *table, bool is_any)
{
	cleanup(net_texts_free) struct ec2_texts subnets = { 0 };
	struct net_route_ruling ruling;
	const struct ec2_interface *own;
	bool is_dead;

	subnets_of(j, table, &subnets);
	net_route_find(j->w, table, j->outside, &ruling);
	is_dead = ruling.route && net_route_is_dead(ruling.route);
	if (!subnets.count || (ruling.route && !is_dead && !is_ours(j, ruling.route, &own)))
		return;
	if (ruling.route && !is_dead) {
		net_hop_add(j->path, NET_THERE, NET_PASSES, table_place(table, &subnets),
			    mem_printf("%s leads to the instance", net_route_to(ruling.route)));
		vec_foreach (s, &subnets)
			vec_push(&j->subnets, *s);
		return;
	}
	if (!is_any || is_dead)
		vec_foreach (s, &subnets)
			vec_push(&j->subnets, *s);
	propose_route(j,
		      net_hop_add(j->path, NET_THERE, is_any && !is_dead ? NET_UNSEEN : NET_STOPS,
				  table_place(table, &subnets),
				  is_dead ? mem_printf("%s leads to %s, which is gone (blackhole)",
						       net_route_to(ruling.route),
						       net_route_by(ruling.route))
					  : mem_printf("has no route to the internet")),
		      table, is_dead ? ruling.route : NULL);
}

static bool is_of_vpc(const struct judge *j, const struct ec2_route_table *t)
{
	return net_is_same(t->vpc, j->w->instance->vpc);
}

static void judge_tables(struct judge *j)
{
	const struct ec2_route_table *outer =
		j->outer ? net_table_of(j->w, j->outer->subnet) : NULL;
	struct net_route_ruling ruling;
	size_t before = j->path->hops.count;

	if (j->w->missing[NET_TABLES].code || j->w->missing[NET_SUBNETS].code) {
		net_hop_add(
			j->path, NET_THERE, NET_UNTOLD, mem_strdup("route tables"),
			mem_printf("are not shown: %s", j->w->missing[NET_TABLES].code
								? j->w->missing[NET_TABLES].text
								: j->w->missing[NET_SUBNETS].text));
		return;
	}
	vec_foreach (t, &j->w->tables) {
		net_route_find(j->w, t, j->outside, &ruling);
		if (is_of_vpc(j, t) && t != outer && ruling.route &&
		    !net_route_is_dead(ruling.route))
			(void)is_ours(j, ruling.route, &j->inner);
	}
	vec_foreach (t, &j->w->tables)
		if (is_of_vpc(j, t) && t != outer)
			judge_table(j, t, j->inner);
	if (before == j->path->hops.count)
		net_hop_add(j->path, NET_THERE, NET_STOPS, mem_strdup("route tables"),
			    mem_printf("none leads to %s, and no subnet lacks a way out",
				       j->w->instance->id.s))
			->remedy = mem_strdup("lead 0.0.0.0/0 of the private subnets to it");
}

/* ---- rules on the way */

static struct net_packet packet(int protocol, const struct ip *peer, uint16_t first, uint16_t last)
{
	return (struct net_packet){
		.protocol = protocol, .peer = *peer, .first = first, .last = last
	};
}

/* The hops of one way that pass are one line; what stops it stands by itself. */
static void fold(struct judge *j, size_t from, const char *place, const char *text)
{
	size_t kept = from;

	for (size_t i = from; i < j->path->hops.count; i++) {
		struct net_hop *hop = &j->path->hops.items[i];

		if (hop->standing == NET_PASSES) {
			free(hop->place);
			free(hop->text);
			free(hop->remedy);
		} else {
			j->path->hops.items[kept++] = *hop;
		}
	}
	j->path->hops.count = kept;
	if (kept == from)
		net_hop_add(j->path, NET_THERE, NET_PASSES, mem_strdup(place), mem_strdup(text));
}

/* A rule that is there for its neighbours does not have to be proposed for each of them: the whole subnet is. */
static void widen(struct judge *j, size_t from, const struct ip *host, const char *cidr)
{
	char one[64], text[IP_TEXT_MAX];

	ip_text(host, text);
	snprintf(one, sizeof(one), "%s/32", text);
	for (size_t i = from; i < j->path->hops.count; i++) {
		struct net_hop *hop = &j->path->hops.items[i];
		bool is_host = str_eq(hop->change.cidr, one);

		if (hop->change.kind == NET_NO_CHANGE)
			continue;
		snprintf(hop->change.cidr, sizeof(hop->change.cidr), "%s",
			 is_host ? cidr : "0.0.0.0/0");
		if (hop->change.kind == NET_ALLOW_IN) {
			snprintf(hop->change.protocol, sizeof(hop->change.protocol), "-1");
			hop->change.from = hop->change.to = -1;
		}
		free(hop->remedy);
		hop->remedy = net_change_sentence(&hop->change);
	}
}

/* From a host of the subnet to the internet by HTTPS, and back. */
static void judge_rules(struct judge *j, const struct ec2_subnet *subnet, const struct ip *host)
{
	const struct ec2_interface *inner = j->inner ?: j->outer;
	struct net_packet out = packet(PROTO_TCP, j->outside, HTTPS, HTTPS);
	struct net_packet in = packet(PROTO_TCP, host, HTTPS, HTTPS);
	struct net_packet answer =
		packet(PROTO_TCP, j->outside, NET_EPHEMERAL_FIRST, NET_EPHEMERAL_LAST);
	struct net_packet back = packet(PROTO_TCP, host, NET_EPHEMERAL_FIRST, NET_EPHEMERAL_LAST);
	size_t from = j->path->hops.count;
	cleanup(free) char *place =
		mem_printf("rules from %s (%s) to the internet", subnet->id, subnet->cidr);

	in.is_peer_nobody = out.is_peer_nobody = true;
	if (!net_is_same(subnet->id, inner->subnet)) {
		net_walk_acl(j->w, j->path, NET_THERE, subnet->id, NET_OUT, &out);
		net_walk_acl(j->w, j->path, NET_THERE, inner->subnet, NET_IN, &in);
		net_walk_acl(j->w, j->path, NET_THERE, inner->subnet, NET_OUT, &back);
		net_walk_acl(j->w, j->path, NET_THERE, subnet->id, NET_IN, &answer);
	}
	net_walk_groups(j->w, j->path, groups_of(j, inner), NET_IN, &in);
	net_walk_groups(j->w, j->path, groups_of(j, j->outer), NET_OUT, &out);
	net_walk_acl(j->w, j->path, NET_THERE, j->outer->subnet, NET_OUT, &out);
	net_walk_acl(j->w, j->path, NET_THERE, j->outer->subnet, NET_IN, &answer);
	widen(j, from, host, subnet->cidr);
	fold(j, from, place, "network ACLs and security groups let it through, and the answers");
}

static void judge_ping(struct judge *j, const struct ec2_subnet *subnet, const struct ip *host)
{
	const struct ec2_interface *inner = j->inner ?: j->outer;
	struct net_packet echo = packet(PROTO_ICMP, host, 8, 8);
	struct net_group_ruling ruling;

	echo.is_peer_nobody = true;
	net_groups_judge(j->w, groups_of(j, inner), NET_IN, &echo, &ruling);
	if (ruling.verdict == NET_CLOSED)
		net_hop_add(
			j->path, NET_THERE, NET_UNSEEN, mem_printf("pings from %s", subnet->id),
			mem_strdup("are let in by no security group of the instance: they prove "
				   "nothing"));
}

static void judge_subnets(struct judge *j)
{
	vec_foreach (id, &j->subnets) {
		const struct ec2_subnet *subnet = net_subnet(j->w, *id);
		struct ip_net net;
		struct ip host;

		if (!subnet || !subnet->cidr || ip_net_parse(subnet->cidr, &net) < 0)
			continue;
		host = ip_net_first(&net);
		host = ip_add(&host, 4); /* EC2 keeps the first four for itself */
		judge_rules(j, subnet, &host);
		judge_ping(j, subnet, &host);
	}
}

void net_nat_judge(const struct net_world *w, const struct ip *outside, struct net_path *ret)
{
	struct judge j = { .w = w, .path = ret, .outside = outside };

	*ret = (struct net_path){ .from = *outside, .sender = NET_FROM_INTERNET };
	net_walk_instance(w, ret);
	net_walk_gateway(w, ret);
	judge_checks(&j);
	judge_way_out(&j);
	judge_block(&j);
	judge_tables(&j);
	if (j.outer)
		judge_subnets(&j);
	vec_done(&j.subnets);
	net_path_judge(ret);
}
