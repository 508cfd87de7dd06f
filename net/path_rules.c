/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/path.h"

#include <stdio.h>

#define USUAL_FIRST 32768 /* ip_local_port_range of Linux; Windows begins at 49152 */

static void want(struct net_path *path, const char *id)
{
	vec_foreach (w, &path->wants)
		if (str_eq(*w, id))
			return;
	vec_push(&path->wants, mem_strdup(id));
}

/* "203.0.113.7/32" */
static void host_cidr(const struct ip *ip, char ret[64])
{
	char text[IP_TEXT_MAX];

	ip_text(ip, text);
	snprintf(ret, 64, "%s/%d", text, ip->is_v6 ? 128 : 32);
}

static char *flow_text(const struct net_packet *p, enum net_direction direction)
{
	struct str s = STR_INIT;
	char peer[IP_TEXT_MAX];

	ip_text(&p->peer, peer);
	net_packet_text(p, &s);
	str_addf(&s, " %s %s", direction == NET_IN ? "from" : "to", peer);
	return str_take(&s);
}

/* ---- network ACLs */

/* By an entry, or by the change of an earlier hop: all changes of a path are made together. */
static bool is_taken(const struct net_path *path, const struct ec2_acl *acl, bool is_egress,
		     int64_t number)
{
	vec_foreach (e, &acl->entries)
		if (e->number == number && (e->is_egress == EC2_TRUE) == is_egress)
			return true;
	vec_foreach (hop, &path->hops)
		if (hop->change.kind == NET_ACL_ENTRY && str_eq(hop->change.target, acl->id) &&
		    hop->change.is_egress == is_egress && hop->change.number == number)
			return true;
	return false;
}

/* A free number for a rule that is asked before this one; 0: there is none. */
static int64_t free_number(const struct net_path *path, const struct ec2_acl *acl, bool is_egress,
			   const struct ec2_acl_entry *before)
{
	int64_t end = before && before->number < NET_ACL_LAST ? before->number : NET_ACL_LAST;
	int64_t number = end == NET_ACL_LAST ? 100 : end > 100 ? end - 10 : end - 1;

	for (int tries = 0; tries < NET_ACL_LAST && number > 0 && number < end; tries++) {
		if (!is_taken(path, acl, is_egress, number))
			return number;
		number += end == NET_ACL_LAST ? 1 : -1;
	}
	return 0;
}

/* What an earlier hop needs as well is one change. */
static int64_t number_of(const struct net_path *path, const struct ec2_acl *acl,
			 const struct net_change *change, const struct ec2_acl_entry *before)
{
	vec_foreach (hop, &path->hops)
		if (net_change_eq(&hop->change, change))
			return hop->change.number;
	return free_number(path, acl, change->is_egress, before);
}

static void open_acl(const struct net_path *path, struct net_hop *hop, const struct ec2_acl *acl,
		     enum net_direction direction, const struct net_packet *p,
		     const struct net_acl_ruling *ruling)
{
	struct net_change c = { .kind = NET_ACL_ENTRY };

	snprintf(c.target, sizeof(c.target), "%s", acl->id);
	snprintf(c.protocol, sizeof(c.protocol), "%d", p->protocol);
	c.is_egress = direction == NET_OUT;
	c.from = p->first;
	c.to = p->protocol == PROTO_TCP || p->protocol == PROTO_UDP ? p->last : p->code;
	host_cidr(&p->peer, c.cidr);
	c.number = number_of(path, acl, &c, ruling->entry);
	if (!c.number) {
		hop->remedy = mem_printf("make room for a rule before rule %lld of %s",
					 (long long)ruling->entry->number, acl->id);
		return;
	}
	hop->change = c;
	hop->remedy = net_change_sentence(&c);
}

/* Of the sender's own ports: are those open that Linux and Windows take? Then only a sender behind an old system or a
 * translation to other ports gets no answer. */
static bool is_usual_open(const struct ec2_acl *acl, enum net_direction direction,
			  const struct net_packet *p)
{
	struct net_packet usual = *p;
	struct net_acl_ruling ruling;

	if (p->first != NET_EPHEMERAL_FIRST || p->last != NET_EPHEMERAL_LAST)
		return false;
	usual.first = USUAL_FIRST;
	net_acl_judge(acl, direction, &usual, &ruling);
	return ruling.verdict == NET_OPEN;
}

void net_walk_acl(const struct net_world *w, struct net_path *path, enum net_leg leg,
		  const char *subnet, enum net_direction direction, const struct net_packet *p)
{
	const struct ec2_acl *acl = subnet ? net_acl_of(w, subnet) : NULL;
	unsigned all = (unsigned)(p->last - p->first + 1);
	struct net_acl_ruling ruling;
	struct str text = STR_INIT;
	struct net_hop *hop;
	char *place;

	if (!acl) {
		net_hop_add(path, leg, NET_UNTOLD,
			    mem_printf("network ACL of %s", subnet ?: "an unknown subnet"),
			    mem_printf("is not shown%s%s", w->missing[NET_ACLS].code ? ": " : "",
				       w->missing[NET_ACLS].code ? w->missing[NET_ACLS].text : ""));
		return;
	}
	place = mem_printf("network ACL %s of %s, %s", acl->id, subnet,
			   direction == NET_IN ? "inbound" : "outbound");
	net_acl_judge(acl, direction, p, &ruling);
	if (ruling.verdict == NET_UNKNOWN) {
		net_hop_add(path, leg, NET_UNTOLD, place,
			    mem_strdup("has a rule that cannot be understood"));
		return;
	}
	net_entry_text(ruling.entry, direction, &text);
	if (ruling.verdict == NET_OPEN) {
		net_hop_add(path, leg, NET_PASSES, place, str_take(&text));
		return;
	}
	if (ruling.denied < all)
		str_addf(&text, " (%u of the %u ports that a client may use, from %u on)",
			 ruling.denied, all, ruling.span.first);
	hop = net_hop_add(path, leg,
			  ruling.denied < all && is_usual_open(acl, direction, p) ? NET_UNSEEN
										  : NET_STOPS,
			  place, str_take(&text));
	open_acl(path, hop, acl, direction, p, &ruling);
}

/* ---- security groups */

static char *groups_place(const struct net_world *w, const struct ec2_groups *groups,
			  enum net_direction direction)
{
	struct str s = STR_INIT;

	str_add(&s, groups->count == 1 ? "security group" : "security groups");
	vec_foreach (g, groups) {
		const struct ec2_security_group *group = net_group(w, g->id);
		const char *name = group && group->name ? group->name : g->name;

		str_addf(&s, "%s %s%s%s%s", g == groups->items ? "" : ",", g->id ?: "?",
			 name ? " (" : "", name ?: "", name ? ")" : "");
	}
	str_add(&s, direction == NET_IN ? ", inbound" : ", outbound");
	return str_take(&s);
}

static bool has_group(const struct ec2_groups *groups, const char *id)
{
	vec_foreach (g, groups)
		if (g->id && str_eq(g->id, id))
			return true;
	return false;
}

static const char *group_protocol(int protocol, char room[8])
{
	static const struct {
		int number;
		const char *name;
	} names[] = { { PROTO_TCP, "tcp" },
		      { PROTO_UDP, "udp" },
		      { PROTO_ICMP, "icmp" },
		      { PROTO_ICMPV6, "icmpv6" } };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (names[i].number == protocol)
			return names[i].name;
	snprintf(room, 8, "%d", protocol & 255);
	return room;
}

static void open_group(struct net_hop *hop, const struct ec2_groups *groups,
		       enum net_direction direction, const struct net_packet *p)
{
	struct net_change *c = &hop->change;
	char room[8];

	if (!groups->count || !groups->items[0].id) {
		hop->remedy = mem_strdup("give the interface a security group that allows it");
		return;
	}
	c->kind = direction == NET_IN ? NET_ALLOW_IN : NET_ALLOW_OUT;
	snprintf(c->target, sizeof(c->target), "%s", groups->items[0].id);
	snprintf(c->protocol, sizeof(c->protocol), "%s", group_protocol(p->protocol, room));
	c->from = p->first;
	c->to = p->protocol == PROTO_TCP || p->protocol == PROTO_UDP ? p->last : p->code;
	host_cidr(&p->peer, c->cidr);
	hop->remedy = net_change_sentence(c);
}

void net_walk_groups(const struct net_world *w, struct net_path *path,
		     const struct ec2_groups *groups, enum net_direction direction,
		     const struct net_packet *p)
{
	char *place = groups_place(w, groups, direction);
	struct net_group_ruling ruling;
	struct str text = STR_INIT;
	cleanup(free) char *flow = flow_text(p, direction);
	const struct err *why = &w->missing[NET_GROUPS];
	struct net_hop *hop;

	net_groups_judge(w, groups, direction, p, &ruling);
	if (ruling.verdict == NET_OPEN) {
		if (groups->count > 1)
			str_addf(&text, "%s ", ruling.group->id);
		net_permission_text(&ruling, direction, &text);
		net_hop_add(path, NET_THERE, NET_PASSES, place, str_take(&text));
		return;
	}
	if (ruling.verdict == NET_UNKNOWN) {
		if ((str_starts(ruling.by, "pl-") && !net_list(w, ruling.by)) ||
		    (has_group(groups, ruling.by) && !net_group(w, ruling.by)))
			want(path, ruling.by);
		net_hop_add(path, NET_THERE, NET_UNTOLD, place,
			    has_group(groups, ruling.by)
				    ? mem_printf("what %s allows is not shown%s%s", ruling.by,
						 why->code ? ": " : "", why->code ? why->text : "")
				    : mem_printf("no rule is seen that allows %s, but who is in %s "
						 "is not known",
						 flow, ruling.by));
		return;
	}
	hop = net_hop_add(path, NET_THERE, NET_STOPS, place, mem_printf("no rule allows %s", flow));
	open_group(hop, groups, direction, p);
}

/* ---- routes */

static void no_route(const struct net_world *w, struct net_path *path, enum net_leg leg,
		     const struct ec2_route_table *table, const char *place,
		     const struct net_route_ruling *ruling, const char *dest)
{
	const char *gateway = net_gateway(w);
	const struct ec2_route *dead = ruling->route;
	struct net_hop *hop;
	struct net_change *c;

	hop = net_hop_add(path, leg, NET_STOPS, mem_strdup(place),
			  dead ? mem_printf("the route for %s leads to %s, which is gone "
					    "(blackhole)",
					    net_route_to(dead), net_route_by(dead))
			       : mem_printf("no route leads to %s", dest));
	/* Only what the internet gateway is for can be said for certain. */
	if (path->sender != NET_FROM_INTERNET || !gateway || path->from.is_v6 ||
	    (dead && !dead->cidr)) {
		hop->remedy =
			mem_printf("lead a route for %s to what joins the two networks", dest);
		return;
	}
	c = &hop->change;
	c->kind = dead ? NET_REPLACE_ROUTE : NET_CREATE_ROUTE;
	snprintf(c->target, sizeof(c->target), "%s", table->id);
	snprintf(c->cidr, sizeof(c->cidr), "%s", dead ? dead->cidr : "0.0.0.0/0");
	snprintf(c->by, sizeof(c->by), "%s", gateway);
	if (dead)
		snprintf(c->was, sizeof(c->was), "%s", net_route_by(dead));
	hop->remedy = net_change_sentence(c);
}

const struct ec2_route *net_walk_route(const struct net_world *w, struct net_path *path,
				       enum net_leg leg, const char *subnet, const struct ip *to)
{
	const struct ec2_route_table *table = subnet ? net_table_of(w, subnet) : NULL;
	cleanup(free) char *place = NULL;
	struct net_route_ruling ruling;
	char dest[IP_TEXT_MAX];

	if (!table) {
		net_hop_add(
			path, leg, NET_UNTOLD,
			mem_printf("route table of %s", subnet ?: "an unknown subnet"),
			mem_printf("is not shown%s%s", w->missing[NET_TABLES].code ? ": " : "",
				   w->missing[NET_TABLES].code ? w->missing[NET_TABLES].text : ""));
		return NULL;
	}
	place = mem_printf("route table %s of %s", table->id, subnet);
	ip_text(to, dest);
	net_route_find(w, table, to, &ruling);
	if (ruling.unknown_list) {
		if (!net_list(w, ruling.unknown_list))
			want(path, ruling.unknown_list);
		net_hop_add(path, leg, NET_UNTOLD, TAKE(place),
			    mem_printf("has a route for the prefix list %s, and what is in that is "
				       "not known",
				       ruling.unknown_list));
		return NULL;
	}
	if (!ruling.route || net_route_is_dead(ruling.route)) {
		no_route(w, path, leg, table, place, &ruling, dest);
		return NULL;
	}
	net_hop_add(path, leg, NET_PASSES, TAKE(place),
		    mem_printf("%s leads to %s", net_route_to(ruling.route),
			       net_route_by(ruling.route)));
	return ruling.route;
}
