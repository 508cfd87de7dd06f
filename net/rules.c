/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/rules.h"

#include <stdio.h>
#include <stdlib.h>

bool net_cidr_has(const char *cidr, const struct ip *ip)
{
	struct ip_net net;

	return cidr && !ip_net_parse(cidr, &net) && net.addr.is_v6 == ip->is_v6 && ip_in(ip, &net);
}

bool net_cidrs_have(const struct ec2_texts *cidrs, const struct ip *ip)
{
	vec_foreach (cidr, cidrs)
		if (net_cidr_has(*cidr, ip))
			return true;
	return false;
}

/* Names, as security groups have them, and numbers. -1: all; -2: no protocol. */
static int protocol_of(const char *text)
{
	static const struct {
		const char *name;
		int number;
	} names[] = { { "-1", -1 },	    { "all", -1 },	    { "tcp", PROTO_TCP },
		      { "udp", PROTO_UDP }, { "icmp", PROTO_ICMP }, { "icmpv6", PROTO_ICMPV6 } };
	char *end;
	long number;

	for (size_t i = 0; text && i < ARRAY_LEN(names); i++)
		if (str_eq(text, names[i].name))
			return names[i].number;
	number = text ? strtol(text, &end, 10) : -2;
	return text && *text && !*end && number >= 0 && number <= 255 ? (int)number : -2;
}

static const char *protocol_name(int protocol, char room[16])
{
	switch (protocol) {
	case -1:
		return "all traffic";
	case PROTO_TCP:
		return "tcp";
	case PROTO_UDP:
		return "udp";
	case PROTO_ICMP:
		return "icmp";
	case PROTO_ICMPV6:
		return "icmpv6";
	default:
		snprintf(room, 16, "protocol %d", protocol);
		return room;
	}
}

static bool has_ports(int protocol)
{
	return protocol == PROTO_TCP || protocol == PROTO_UDP;
}

static bool is_icmp(int protocol)
{
	return protocol == PROTO_ICMP || protocol == PROTO_ICMPV6;
}

static void add_range(struct str *out, long long first, long long last)
{
	if (first == last)
		str_addf(out, " %lld", first);
	else
		str_addf(out, " %lld-%lld", first, last);
}

void net_packet_text(const struct net_packet *p, struct str *out)
{
	char room[16];

	str_add(out, protocol_name(p->protocol, room));
	if (has_ports(p->protocol))
		add_range(out, p->first, p->last);
	else if (is_icmp(p->protocol))
		str_addf(out, " type %u code %u", p->first, p->code);
}

/* ---- network ACLs */

enum fit { FITS_NOT, FITS, FITS_NONSENSE };

/* Protocol and address; ports are the caller's. */
static enum fit entry_fits(const struct ec2_acl_entry *e, enum net_direction direction,
			   const struct net_packet *p)
{
	int protocol = protocol_of(e->protocol);
	const char *cidr = e->cidr ?: e->cidr_v6;
	struct ip_net net;

	if ((e->is_egress == EC2_TRUE) != (direction == NET_OUT))
		return FITS_NOT;
	if (protocol == -2 || !cidr || ip_net_parse(cidr, &net) < 0 || !e->action)
		return FITS_NONSENSE;
	if (protocol != -1 && protocol != p->protocol)
		return FITS_NOT;
	if (net.addr.is_v6 != p->peer.is_v6 || !ip_in(&p->peer, &net))
		return FITS_NOT;
	if (protocol != -1 && is_icmp(protocol) &&
	    ((e->icmp_type != -1 && e->icmp_type != p->first) ||
	     (e->icmp_code != -1 && e->icmp_code != p->code)))
		return FITS_NOT;
	return FITS;
}

static void entry_ports(const struct ec2_acl_entry *e, const struct net_packet *p, long *ret_first,
			long *ret_last)
{
	bool is_all = protocol_of(e->protocol) == -1 || !has_ports(p->protocol) || e->from < 0;

	*ret_first = is_all ? p->first : e->from;
	*ret_last = is_all ? p->last : e->to < 0 ? 65535 : e->to;
}

static const struct ec2_acl_entry *next_entry(const struct ec2_acl *acl,
					      const struct ec2_acl_entry *after)
{
	const struct ec2_acl_entry *next = NULL;

	vec_foreach (e, &acl->entries) {
		bool is_behind = !after || e->number > after->number ||
				 (e->number == after->number && e > after);

		if (is_behind && (!next || e->number < next->number))
			next = e;
	}
	return next;
}

VEC_TYPE(spans, struct net_span);

/* What the entry decides of the ports that are left: they are taken out of `left`. */
static unsigned decide(struct spans *left, long first, long last, struct net_span *ret_span)
{
	struct spans rest = { 0 };
	unsigned count = 0;

	vec_foreach (s, left) {
		long from = s->first > first ? s->first : first;
		long to = s->last < last ? s->last : last;

		if (from > to) {
			vec_push(&rest, *s);
			continue;
		}
		if (!count)
			*ret_span = (struct net_span){ (uint16_t)from, (uint16_t)to };
		count += (unsigned)(to - from + 1);
		if (s->first < from)
			vec_push(&rest, ((struct net_span){ s->first, (uint16_t)(from - 1) }));
		if (s->last > to)
			vec_push(&rest, ((struct net_span){ (uint16_t)(to + 1), s->last }));
	}
	vec_done(left);
	*left = rest;
	return count;
}

void net_acl_judge(const struct ec2_acl *acl, enum net_direction direction,
		   const struct net_packet *p, struct net_acl_ruling *ret)
{
	const struct ec2_acl_entry *allows = NULL, *denies = NULL;
	struct spans left = { 0 };
	struct net_span span;
	bool is_nonsense = false;

	*ret = (struct net_acl_ruling){ 0 };
	vec_push(&left, ((struct net_span){ p->first, p->last }));
	for (const struct ec2_acl_entry *e = next_entry(acl, NULL); e && left.count;
	     e = next_entry(acl, e)) {
		enum fit fit = entry_fits(e, direction, p);
		unsigned count;
		long first, last;

		is_nonsense |= fit == FITS_NONSENSE;
		if (fit != FITS)
			continue;
		entry_ports(e, p, &first, &last);
		count = decide(&left, first, last, &span);
		if (count && str_eq(e->action, "allow")) {
			allows = allows ?: e;
		} else if (count) {
			ret->span = denies ? ret->span : span;
			denies = denies ?: e;
			ret->denied += count;
		}
	}
	if (left.count) { /* the last rules are not told */
		ret->span = denies ? ret->span : left.items[0];
		vec_foreach (s, &left)
			ret->denied += (unsigned)(s->last - s->first + 1);
	}
	vec_done(&left);
	ret->entry = denies ?: ret->denied ? NULL : allows;
	ret->verdict = is_nonsense ? NET_UNKNOWN : ret->denied ? NET_CLOSED : NET_OPEN;
}

void net_entry_text(const struct ec2_acl_entry *e, enum net_direction direction, struct str *out)
{
	int protocol = e ? protocol_of(e->protocol) : -1;
	char room[16];

	if (!e || e->number >= NET_ACL_LAST) {
		str_add(out, "no rule allows it, and the last one (*) denies");
		return;
	}
	str_addf(out, "rule %lld %s %s", (long long)e->number,
		 str_eq(e->action, "allow") ? "allows" : "denies", protocol_name(protocol, room));
	if (has_ports(protocol) && e->from >= 0)
		add_range(out, e->from, e->to);
	else if (is_icmp(protocol) && e->icmp_type >= 0)
		str_addf(out, " type %lld", (long long)e->icmp_type);
	str_addf(out, " %s %s", direction == NET_IN ? "from" : "to", e->cidr ?: e->cidr_v6);
}

/* ---- security groups */

static bool rule_takes_packet(const struct ec2_permission *rule, const struct net_packet *p)
{
	int protocol = protocol_of(rule->protocol);

	if (protocol == -1)
		return true;
	if (protocol != p->protocol)
		return false;
	if (is_icmp(protocol))
		return (rule->from == -1 || rule->from == p->first) &&
		       (rule->to == -1 || rule->to == p->code);
	if (!has_ports(protocol))
		return true;
	return (rule->from == -1 && rule->to == -1) ||
	       (rule->from <= p->first && rule->to >= p->last);
}

/* The member of the rule's lists that the peer is in; *ret_unknown: one of which that cannot be told. */
static const char *rule_takes_peer(const struct net_world *w, const struct ec2_permission *rule,
				   const struct net_packet *p, const char **ret_unknown)
{
	const struct ec2_texts *cidrs = p->peer.is_v6 ? &rule->cidrs_v6 : &rule->cidrs;

	vec_foreach (cidr, cidrs)
		if (net_cidr_has(*cidr, &p->peer))
			return *cidr;
	vec_foreach (id, &rule->prefix_lists) {
		const struct net_list *list = net_list(w, *id);

		if (list && net_cidrs_have(&list->list.cidrs, &p->peer))
			return *id;
		if (!list || list->why.code)
			*ret_unknown = *id;
	}
	vec_foreach (group, &rule->groups) {
		if (!p->peer_groups && !p->is_peer_nobody)
			*ret_unknown = group->id;
		for (size_t i = 0; p->peer_groups && i < p->peer_groups->count; i++)
			if (group->id && p->peer_groups->items[i].id &&
			    str_eq(group->id, p->peer_groups->items[i].id))
				return group->id;
	}
	return NULL;
}

void net_groups_judge(const struct net_world *w, const struct ec2_groups *groups,
		      enum net_direction direction, const struct net_packet *p,
		      struct net_group_ruling *ret)
{
	const char *unknown = NULL;

	*ret = (struct net_group_ruling){ .verdict = NET_CLOSED };
	vec_foreach (g, groups) {
		const struct ec2_security_group *group = net_group(w, g->id);
		const struct ec2_permissions *rules;

		if (!group) {
			unknown = g->id ?: "?";
			continue;
		}
		rules = direction == NET_IN ? &group->ingress : &group->egress;
		vec_foreach (rule, rules) {
			const char *by;

			if (!rule_takes_packet(rule, p))
				continue;
			by = rule_takes_peer(w, rule, p, &unknown);
			if (by) {
				*ret = (struct net_group_ruling){ NET_OPEN, group, rule, by };
				return;
			}
		}
	}
	if (unknown)
		*ret = (struct net_group_ruling){ .verdict = NET_UNKNOWN, .by = unknown };
}

void net_permission_text(const struct net_group_ruling *ruling, enum net_direction direction,
			 struct str *out)
{
	const struct ec2_permission *rule = ruling->rule;
	int protocol = protocol_of(rule->protocol);
	char room[16];

	str_addf(out, "allows %s", protocol_name(protocol, room));
	if (has_ports(protocol) && rule->from >= 0)
		add_range(out, rule->from, rule->to);
	str_addf(out, " %s %s", direction == NET_IN ? "from" : "to", ruling->by);
}

/* ---- routes */

const char *net_route_to(const struct ec2_route *r)
{
	return r->cidr ?: r->cidr_v6 ?: r->prefix_list ?: "?";
}

/* An instance that is routed to has its interface beside it. */
const char *net_route_by(const struct ec2_route *r)
{
	return r->eni		   ?: r->instance	 ?: r->nat_gateway	?:
	       r->transit_gateway  ?: r->peering	 ?: r->egress_gateway	?:
	       r->carrier_gateway  ?: r->local_gateway	 ?: r->core_network	?:
	       r->gateway ?: "?";
}

bool net_route_is_dead(const struct ec2_route *r)
{
	return r->state && str_eq(r->state, "blackhole");
}

static int rank_of(const struct ec2_route *r)
{
	if (r->gateway && str_eq(r->gateway, "local"))
		return 3;
	if (r->prefix_list)
		return 1;
	return r->origin && str_eq(r->origin, "EnableVgwRoutePropagation") ? 0 : 2;
}

/* The longest prefix of the route that holds the address; -1: none. */
static int match(const struct net_world *w, const struct ec2_route *r, const struct ip *to,
		 const char **ret_unknown)
{
	const char *cidr = to->is_v6 ? r->cidr_v6 : r->cidr;
	const struct net_list *list = r->prefix_list ? net_list(w, r->prefix_list) : NULL;
	struct ip_net net;
	int best = -1;

	if (cidr)
		return net_cidr_has(cidr, to) && !ip_net_parse(cidr, &net)
			       ? ip_mask_prefix(net.mask, to->is_v6)
			       : -1;
	if (!r->prefix_list)
		return -1;
	if (!list || list->why.code) {
		*ret_unknown = r->prefix_list;
		return -1;
	}
	vec_foreach (entry, &list->list.cidrs)
		if (net_cidr_has(*entry, to) && !ip_net_parse(*entry, &net) &&
		    ip_mask_prefix(net.mask, to->is_v6) > best)
			best = ip_mask_prefix(net.mask, to->is_v6);
	return best;
}

void net_route_find(const struct net_world *w, const struct ec2_route_table *table,
		    const struct ip *to, struct net_route_ruling *ret)
{
	*ret = (struct net_route_ruling){ .prefix = -1 };
	vec_foreach (r, &table->routes) {
		int prefix = match(w, r, to, &ret->unknown_list);

		if (prefix < 0 || prefix < ret->prefix ||
		    (prefix == ret->prefix && ret->route && rank_of(r) <= rank_of(ret->route)))
			continue;
		ret->route = r;
		ret->prefix = prefix;
	}
}
