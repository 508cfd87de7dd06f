/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/path_walks.h"

#include <stdio.h>

struct net_hop *net_hop_add(struct net_path *path, enum net_leg leg, enum net_standing standing,
			    char *place, char *text)
{
	struct net_hop *hop = vec_add(&path->hops);

	hop->leg = leg;
	hop->standing = standing;
	hop->place = place;
	hop->text = text;
	return hop;
}

void net_path_done(struct net_path *path)
{
	vec_foreach (hop, &path->hops) {
		free(hop->place);
		free(hop->text);
		free(hop->remedy);
	}
	vec_done(&path->hops);
	vec_foreach (id, &path->wants)
		free(*id);
	vec_done(&path->wants);
}

const struct net_hop *net_path_stop(const struct net_path *path)
{
	vec_foreach (hop, &path->hops)
		if (hop->standing == NET_STOPS)
			return hop;
	return NULL;
}

static bool is_in(const struct ip *ip, const char *const *nets, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (net_cidr_has(nets[i], ip))
			return true;
	return false;
}

bool net_is_private(const struct ip *ip)
{
	/* RFC 1918, 6598, 3927, 4193, 4291. */
	static const char *const nets[] = { "10.0.0.0/8",    "172.16.0.0/12",  "192.168.0.0/16",
					    "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8",
					    "fc00::/7",	     "fe80::/10",      "::1/128" };

	return is_in(ip, nets, ARRAY_LEN(nets));
}

bool net_in_vpc(const struct net_world *w, const struct ip *ip)
{
	vec_foreach (vpc, &w->vpcs) {
		if (!vpc->id || !w->instance->vpc || !str_eq(vpc->id, w->instance->vpc))
			continue;
		if (net_cidr_has(vpc->cidr, ip) || net_cidrs_have(&vpc->cidrs, ip) ||
		    net_cidrs_have(&vpc->cidrs_v6, ip))
			return true;
	}
	return false;
}

static bool is_ip(const char *text, const struct ip *ip)
{
	struct ip other;

	return text && !ip_parse(text, &other) && other.is_v6 == ip->is_v6 && ip_eq(&other, ip);
}

bool net_has_ip(const struct ec2_interface *i, const struct ip *ip)
{
	vec_foreach (a, &i->addresses)
		if (is_ip(a->private_ip, ip))
			return true;
	vec_foreach (v6, &i->ipv6)
		if (is_ip(*v6, ip))
			return true;
	return is_ip(i->private_ip, ip);
}

/* The private address that this public one stands for; NULL: it is not the interface's. */
static const char *behind(const struct ec2_interface *i, const struct ip *public_ip)
{
	vec_foreach (a, &i->addresses)
		if (is_ip(a->public_ip, public_ip))
			return a->private_ip;
	return is_ip(i->public_ip, public_ip) ? i->private_ip : NULL;
}

/* ---- which interface is meant */

static const struct ec2_interface *pick(const struct net_world *w,
					bool (*fits)(const struct ec2_interface *))
{
	const struct ec2_interface *best = NULL;

	vec_foreach (i, &w->instance->interfaces)
		if (fits(i) && (!best || i->device_index < best->device_index))
			best = i;
	return best;
}

static bool is_any(const struct ec2_interface *i)
{
	return i->private_ip || i->ipv6.count;
}

static bool has_v6(const struct ec2_interface *i)
{
	return i->ipv6.count;
}

static bool has_public(const struct ec2_interface *i)
{
	return i->public_ip;
}

/* --to: 0, or -1 with a hop that says that nobody has it. */
static int aim(const struct net_world *w, const struct net_flow *flow, struct net_path *path)
{
	char text[IP_TEXT_MAX];

	ip_text(&flow->to, path->entry);
	vec_foreach (i, &w->instance->interfaces) {
		const char *private_ip = behind(i, &flow->to);

		if (!net_has_ip(i, &flow->to) && !private_ip)
			continue;
		path->interface = i;
		path->to = flow->to;
		return private_ip ? ip_parse(private_ip, &path->to) : 0;
	}
	ip_text(&flow->to, text);
	net_hop_add(path, NET_THERE, NET_STOPS, mem_printf("instance %s", w->instance->id.s),
		    mem_printf("has no address %s", text));
	return -1;
}

static void aim_by_sender(const struct net_world *w, struct net_path *path)
{
	const char *text;

	if (path->from.is_v6) {
		path->interface = pick(w, has_v6);
		text = path->interface ? path->interface->ipv6.items[0] : NULL;
	} else {
		if (path->sender == NET_FROM_INTERNET)
			path->interface = pick(w, has_public);
		path->interface = path->interface ?: pick(w, is_any);
		text = path->interface ? path->interface->private_ip : NULL;
	}
	if (!text || ip_parse(text, &path->to) < 0) {
		path->interface = NULL;
		return;
	}
	if (path->sender == NET_FROM_INTERNET && path->interface->public_ip && !path->from.is_v6)
		text = path->interface->public_ip;
	snprintf(path->entry, sizeof(path->entry), "%s", text);
}

/* Who joins the two networks is told by the route of the answer. */
static enum net_sender sender_of(const struct net_world *w, const struct ip *from)
{
	const struct ec2_interface *first = pick(w, is_any);
	const struct ec2_route_table *table = first ? net_table_of(w, first->subnet) : NULL;
	struct net_route_ruling ruling = { 0 };
	const char *by;

	if (net_in_vpc(w, from))
		return NET_FROM_VPC;
	if (net_is_private(from))
		return NET_FROM_BEYOND;
	if (table)
		net_route_find(w, table, from, &ruling);
	by = ruling.route && !net_route_is_dead(ruling.route) ? net_route_by(ruling.route) : "";
	return str_starts(by, "tgw-") || str_starts(by, "vgw-") || str_starts(by, "pcx-") ||
			       str_starts(by, "lgw-") || str_starts(by, "arn:")
		       ? NET_FROM_BEYOND
		       : NET_FROM_INTERNET;
}

void net_path_judge(struct net_path *path)
{
	bool is_untold = !path->hops.count;

	path->verdict = NET_OPEN;
	vec_foreach (hop, &path->hops) {
		is_untold |= hop->standing == NET_UNTOLD;
		if (hop->standing == NET_STOPS)
			path->verdict = NET_CLOSED;
	}
	if (path->verdict == NET_OPEN && is_untold)
		path->verdict = NET_UNKNOWN;
}

void net_path_walk(const struct net_world *w, const struct net_flow *flow, struct net_path *ret)
{
	static void (*const walks[])(const struct net_world *, const struct net_flow *,
				     struct net_path *) = {
		[NET_FROM_INTERNET] = net_walk_from_internet,
		[NET_FROM_VPC] = net_walk_from_vpc,
		[NET_FROM_BEYOND] = net_walk_from_beyond,
	};
	int rc = 0;

	*ret = (struct net_path){ .from = flow->from, .sender = sender_of(w, &flow->from) };
	if (!flow->has_to)
		aim_by_sender(w, ret);
	else
		rc = aim(w, flow, ret);
	if (!rc && ret->interface)
		walks[ret->sender](w, flow, ret);
	else if (!rc)
		net_hop_add(ret, NET_THERE, NET_STOPS, mem_printf("instance %s", w->instance->id.s),
			    mem_printf("has no %s address", flow->from.is_v6 ? "IPv6" : "IPv4"))
			->remedy = flow->from.is_v6
					   ? mem_strdup("give its subnet an IPv6 range and its "
							"interface an address of it, or come by "
							"IPv4")
					   : NULL;
	net_path_judge(ret);
}
