/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/path_walks.h"

#include <stdio.h>

/* The three ways to an instance: by the internet gateway, inside the VPC, and from another network that is joined to it. */

static struct net_packet request_of(const struct net_flow *flow, const struct ip *peer)
{
	return (struct net_packet){
		.protocol = flow->protocol, .peer = *peer, .first = flow->port, .last = flow->port
	};
}

/* To the sender's own port; of an echo request the echo reply. */
static struct net_packet answer_of(const struct net_flow *flow, const struct ip *peer)
{
	struct net_packet p = request_of(flow, peer);

	if (flow->protocol == PROTO_TCP || flow->protocol == PROTO_UDP) {
		p.first = NET_EPHEMERAL_FIRST;
		p.last = NET_EPHEMERAL_LAST;
	} else {
		p.first = p.last = flow->protocol == PROTO_ICMPV6 ? 129 : 0;
	}
	return p;
}

static struct net_hop *say_instance(const struct net_world *w, struct net_path *path,
				    enum net_standing standing, char *text)
{
	struct net_hop *hop = net_hop_add(path, NET_THERE, standing,
					  mem_printf("instance %s", w->instance->id.s), text);

	hop->is_of_instance = true;
	return hop;
}

void net_walk_instance(const struct net_world *w, struct net_path *path)
{
	const struct ec2_instance *i = w->instance;
	const struct ec2_instance_status *status = NULL;

	vec_foreach (s, &w->statuses)
		if (id_eq(&s->id, &i->id))
			status = s;
	if (i->state != INSTANCE_RUNNING)
		say_instance(w, path, NET_STOPS,
			     mem_printf("is %s", ec2_instance_state_name(i->state)))
			->remedy = i->state == INSTANCE_STOPPED ? mem_strdup("start it") : NULL;
	else if (status && status->system_status == SUMMARY_IMPAIRED)
		say_instance(w, path, NET_STOPS,
			     mem_strdup("runs on a host that fails EC2's system status check"))
			->remedy =
			mem_strdup("stop it and start it, which moves it to another host");
	else
		say_instance(w, path, NET_PASSES,
			     mem_printf("is running%s",
					status && status->instance_status == SUMMARY_IMPAIRED
						? "; its instance status check fails: the fault is "
						  "inside"
						: ""));
}

/* ---- from the internet */

void net_walk_gateway(const struct net_world *w, struct net_path *path)
{
	const char *gateway = net_gateway(w), *vpc = w->instance->vpc ?: "its VPC";

	if (gateway) {
		net_hop_add(path, NET_THERE, NET_PASSES, mem_printf("internet gateway %s", gateway),
			    mem_printf("is attached to %s", vpc));
		return;
	}
	if (w->missing[NET_GATEWAYS].code) {
		net_hop_add(path, NET_THERE, NET_UNTOLD, mem_strdup("internet gateway"),
			    mem_printf("is not shown: %s", w->missing[NET_GATEWAYS].text));
		return;
	}
	net_hop_add(path, NET_THERE, NET_STOPS, mem_strdup("internet gateway"),
		    mem_printf("none is attached to %s", vpc))
		->remedy =
		mem_printf("attach an internet gateway to %s, or come from inside (Session "
			   "Manager, an EC2 Instance Connect endpoint, a VPN)",
			   vpc);
}

bool net_is_excluded(const struct net_world *w, const char *subnet, bool is_inward)
{
	vec_foreach (e, &w->exclusions) {
		const char *slash = e->resource ? strrchr(e->resource, '/') : NULL;
		const char *id = slash ? slash + 1 : e->resource;

		if (id && e->mode && (!is_inward || str_eq(e->mode, "allow-bidirectional")) &&
		    ((w->instance->vpc && str_eq(id, w->instance->vpc)) ||
		     (subnet && str_eq(id, subnet))))
			return true;
	}
	return false;
}

/* Servers that do not know the question have no such block. */
static void walk_block(const struct net_world *w, struct net_path *path)
{
	const char *mode = w->block.mode, *subnet = path->interface->subnet;
	const struct err *why = &w->missing[NET_BLOCK];

	if (why->code && why->code != ERR_UNSUPPORTED)
		net_hop_add(path, NET_THERE, NET_UNSEEN, mem_strdup("VPC Block Public Access"),
			    mem_printf("whether it is on is not shown: %s", why->text));
	if (!mode || !str_starts(mode, "block-"))
		return;
	if (w->no_exclusions.code) {
		net_hop_add(path, NET_THERE, NET_UNTOLD, mem_strdup("VPC Block Public Access"),
			    mem_printf("is %s, and what is excluded of it is not shown: %s", mode,
				       w->no_exclusions.text));
		return;
	}
	if (net_is_excluded(w, subnet, true)) {
		net_hop_add(path, NET_THERE, NET_PASSES, mem_strdup("VPC Block Public Access"),
			    mem_printf("is %s, of which %s is excluded", mode, subnet));
		return;
	}
	net_hop_add(path, NET_THERE, NET_STOPS, mem_strdup("VPC Block Public Access"),
		    mem_printf("is %s in this account and Region: internet gateways let nothing in",
			       mode))
		->remedy = mem_printf("exclude %s from it (aws ec2 "
				      "create-vpc-block-public-access-exclusion --subnet-id %s "
				      "--internet-gateway-exclusion-mode allow-bidirectional)",
				      subnet ?: "the subnet", subnet ?: "...");
}

static void walk_public_address(const struct net_world *w, const struct net_flow *flow,
				struct net_path *path)
{
	const struct ec2_interface *i = path->interface;
	bool is_own = i->public_ip_owner && !str_eq(i->public_ip_owner, "amazon");

	if (path->from.is_v6)
		return;
	if (i->public_ip && (!flow->has_to || !net_has_ip(i, &flow->to))) {
		net_hop_add(
			path, NET_THERE, NET_PASSES, mem_printf("public address %s", path->entry),
			mem_printf("%s %s", is_own ? "is the Elastic IP address of" : "belongs to",
				   i->id ?: "the interface"));
		return;
	}
	net_hop_add(path, NET_THERE, NET_STOPS, mem_printf("network interface %s", i->id ?: "?"),
		    flow->has_to && i->public_ip
			    ? mem_printf("is known on the internet as %s, not as %s", i->public_ip,
					 path->entry)
			    : mem_strdup("has no public address: the internet does not know it"))
		->remedy =
		mem_printf("associate an Elastic IP address with %s, or come from inside "
			   "%s (Session Manager, an EC2 Instance Connect endpoint, a VPN)",
			   i->id ?: "the interface", w->instance->vpc ?: "its VPC");
}

/* A table of the gateway itself may send what comes in to an appliance first. */
static void walk_edge(const struct net_world *w, struct net_path *path)
{
	const char *gateway = net_gateway(w);
	const struct ec2_route_table *table = gateway ? net_edge_table(w, gateway) : NULL;
	struct net_route_ruling ruling;
	const char *by;

	if (!table)
		return;
	net_route_find(w, table, &path->to, &ruling);
	by = ruling.route ? net_route_by(ruling.route) : "local";
	if (str_eq(by, "local"))
		return;
	net_hop_add(path, NET_THERE, net_route_is_dead(ruling.route) ? NET_STOPS : NET_UNTOLD,
		    mem_printf("route table %s of %s", table->id, gateway),
		    mem_printf(net_route_is_dead(ruling.route)
				       ? "leads to %s, which is gone (blackhole)"
				       : "leads to %s first; what that lets through is not seen",
			       by));
}

/* What lets an answer out may not be what the request came in by. */
static void walk_answer_route(struct net_path *path, const struct ec2_route *route)
{
	const char *by = net_route_by(route);
	struct net_hop *hop = &path->hops.items[path->hops.count - 1];
	char from[IP_TEXT_MAX];

	ip_text(&path->from, from);
	if (str_starts(by, "igw-") || str_starts(by, "cagw-"))
		return;
	free(TAKE(hop->text));
	if (str_starts(by, "nat-") || str_starts(by, "eigw-")) {
		hop->standing = NET_STOPS;
		hop->text =
			mem_printf("%s leads to %s, which lets connections out only: the answer "
				   "to %s does not come from the address that was asked",
				   net_route_to(route), by, from);
		hop->remedy = mem_printf("lead the route for %s to the internet gateway, or come "
					 "from inside the VPC",
					 net_route_to(route));
		return;
	}
	hop->standing = NET_UNTOLD;
	hop->text =
		mem_printf("%s leads to %s, not to the internet gateway that the request came in "
			   "by; what becomes of the answer there is not seen",
			   net_route_to(route), by);
}

/* From the interface's own subnet's border on, and back to it. */
static const struct ec2_route *walk_border(const struct net_world *w, const struct net_flow *flow,
					   struct net_path *path,
					   const struct ec2_groups *peer_groups)
{
	struct net_packet request = request_of(flow, &path->from);
	struct net_packet answer = answer_of(flow, &path->from);
	const struct ec2_interface *i = path->interface;

	request.peer_groups = peer_groups;
	request.is_peer_nobody = path->sender == NET_FROM_INTERNET;
	net_walk_acl(w, path, NET_THERE, i->subnet, NET_IN, &request);
	net_walk_groups(w, path, i->groups.count ? &i->groups : &w->instance->groups, NET_IN,
			&request);
	net_walk_instance(w, path);
	net_walk_acl(w, path, NET_BACK, i->subnet, NET_OUT, &answer);
	return net_walk_route(w, path, NET_BACK, i->subnet, &path->from);
}

void net_walk_from_internet(const struct net_world *w, const struct net_flow *flow,
			    struct net_path *path)
{
	const struct ec2_route *route;

	net_walk_gateway(w, path);
	walk_block(w, path);
	walk_public_address(w, flow, path);
	walk_edge(w, path);
	route = walk_border(w, flow, path, NULL);
	if (!route)
		return;
	path->route_by = net_route_by(route);
	walk_answer_route(path, route);
}

/* ---- inside the VPC */

static const struct ec2_eni *sender_interface(const struct net_world *w, const struct ip *from)
{
	struct ip ip;

	vec_foreach (e, &w->interfaces) {
		if (!e->vpc || !w->instance->vpc || !str_eq(e->vpc, w->instance->vpc))
			continue;
		if (e->private_ip && !ip_parse(e->private_ip, &ip) && ip_eq(&ip, from))
			return e;
		vec_foreach (a, &e->addresses)
			if (a->private_ip && !ip_parse(a->private_ip, &ip) && ip_eq(&ip, from))
				return e;
		vec_foreach (v6, &e->ipv6)
			if (!ip_parse(*v6, &ip) && ip_eq(&ip, from))
				return e;
	}
	return NULL;
}

/* Every VPC table has the local route; what is more specific leads elsewhere. */
static void check_local(struct net_path *path, const struct ec2_route *route)
{
	struct net_hop *hop = &path->hops.items[path->hops.count - 1];
	const char *by = net_route_by(route);

	if (str_eq(by, "local"))
		return;
	free(TAKE(hop->text));
	hop->standing = NET_UNTOLD;
	hop->text = mem_printf("%s leads to %s, not straight to its subnet; what becomes of the "
			       "packet there is not seen",
			       net_route_to(route), by);
}

static void walk_sender(const struct net_world *w, const struct net_flow *flow,
			struct net_path *path, const struct ec2_eni *sender)
{
	const struct ec2_interface *i = path->interface;
	struct net_packet request = request_of(flow, &path->to);
	const struct ec2_route *route;

	net_hop_add(path, NET_THERE, NET_PASSES,
		    mem_printf("network interface %s of %s", sender->id,
			       id_none(&sender->instance) ? "a service" : sender->instance.s),
		    mem_printf("is in %s", sender->subnet ?: "an unknown subnet"));
	request.peer_groups = i->groups.count ? &i->groups : &w->instance->groups;
	if (sender->groups.count)
		net_walk_groups(w, path, &sender->groups, NET_OUT, &request);
	if (sender->subnet && i->subnet && str_eq(sender->subnet, i->subnet))
		return;
	net_walk_acl(w, path, NET_THERE, sender->subnet, NET_OUT, &request);
	route = net_walk_route(w, path, NET_THERE, sender->subnet, &path->to);
	if (route)
		check_local(path, route);
}

void net_walk_from_vpc(const struct net_world *w, const struct net_flow *flow,
		       struct net_path *path)
{
	const struct ec2_eni *sender = sender_interface(w, &path->from);
	const char *subnet = sender ? sender->subnet : NULL;
	struct net_packet answer = answer_of(flow, &path->to), request;
	const struct ec2_route *route;
	char from[IP_TEXT_MAX];

	ip_text(&path->from, from);
	path->route_by = "local";
	if (flow->has_to && !net_has_ip(path->interface, &flow->to)) {
		net_hop_add(
			path, NET_THERE, NET_UNTOLD, mem_printf("public address %s", path->entry),
			mem_printf("is reached from inside the VPC by way of the internet gateway, "
				   "where %s has another address",
				   from))
			->remedy = mem_printf("use the private address, or ask with the public "
					      "address of the sender");
		return;
	}
	if (sender)
		walk_sender(w, flow, path, sender);
	else
		net_hop_add(path, NET_THERE, NET_UNSEEN, mem_printf("sender %s", from),
			    w->missing[NET_INTERFACES].code
				    ? mem_printf("its network interface is not shown: %s",
						 w->missing[NET_INTERFACES].text)
				    : mem_printf("no network interface of %s has this address now",
						 w->instance->vpc ?: "the VPC"));
	if (subnet && path->interface->subnet && str_eq(subnet, path->interface->subnet)) {
		request = request_of(flow, &path->from);
		request.peer_groups = &sender->groups;
		net_walk_groups(w, path,
				path->interface->groups.count ? &path->interface->groups
							      : &w->instance->groups,
				NET_IN, &request);
		net_walk_instance(w, path);
		return;
	}
	route = walk_border(w, flow, path, sender ? &sender->groups : NULL);
	if (route)
		check_local(path, route);
	if (sender)
		net_walk_acl(w, path, NET_BACK, subnet, NET_IN, &answer);
}

/* ---- from a network that is joined to the VPC */

static const struct ec2_peer *other_side(const struct net_world *w, const struct ec2_peering *p)
{
	bool is_ours =
		p->accepter.vpc && w->instance->vpc && str_eq(p->accepter.vpc, w->instance->vpc);

	return is_ours ? &p->requester : &p->accepter;
}

static void walk_peering(const struct net_world *w, struct net_path *path, const char *id)
{
	const struct ec2_peering *p = net_peering(w, id);
	const struct ec2_peer *peer = p ? other_side(w, p) : NULL;
	char *place = mem_printf("peering connection %s", id);
	char from[IP_TEXT_MAX];

	ip_text(&path->from, from);
	if (!p) {
		vec_push(&path->wants, mem_strdup(id));
		net_hop_add(path, NET_THERE, NET_UNTOLD, place, mem_strdup("is not shown"));
		return;
	}
	if (!p->status || !str_eq(p->status, "active")) {
		net_hop_add(path, NET_THERE, NET_STOPS, place,
			    mem_printf("is %s, not active", p->status ?: "in an unknown state"))
			->remedy =
			p->status && str_eq(p->status, "pending-acceptance")
				? mem_printf("accept it (aws ec2 "
					     "accept-vpc-peering-connection "
					     "--vpc-peering-connection-id %s)",
					     id)
				: mem_strdup("make a new one, and lead the routes of both "
					     "sides to it");
		return;
	}
	if (!net_cidr_has(peer->cidr, &path->from) && !net_cidrs_have(&peer->cidrs, &path->from) &&
	    !net_cidrs_have(&peer->cidrs_v6, &path->from) &&
	    (peer->cidr || peer->cidrs.count || peer->cidrs_v6.count)) {
		net_hop_add(path, NET_THERE, NET_STOPS, place,
			    mem_printf("joins %s, which does not hold %s; peering is not passed on",
				       peer->vpc ?: "a VPC", from))
			->remedy = mem_printf("join the VPC of %s itself", from);
		return;
	}
	net_hop_add(path, NET_THERE, NET_UNSEEN, place,
		    mem_printf("is active; what %s lets out and in is not looked at",
			       peer->vpc ?: "the other VPC"));
}

static void walk_joint(const struct net_world *w, struct net_path *path,
		       const struct ec2_route *route)
{
	const char *by = route ? net_route_by(route) : NULL;
	char from[IP_TEXT_MAX];

	ip_text(&path->from, from);
	if (w->missing[NET_VPCS].code)
		net_hop_add(path, NET_THERE, NET_UNTOLD, mem_printf("sender %s", from),
			    mem_printf("whether it is inside the VPC is not shown: %s",
				       w->missing[NET_VPCS].text));
	else if (by && str_starts(by, "pcx-"))
		walk_peering(w, path, by);
	else if (by &&
		 (str_starts(by, "igw-") || str_starts(by, "nat-") || str_starts(by, "eigw-")))
		net_hop_add(
			path, NET_THERE, NET_STOPS, mem_printf("sender %s", from),
			mem_printf("is a private address that nothing joins to the VPC: its route "
				   "leads to %s",
				   by))
			->remedy =
			mem_strdup("ask with the address that the sender has on the "
				   "internet, or lead a route to what joins the networks");
	else
		net_hop_add(path, NET_THERE, NET_UNSEEN, mem_printf("sender %s", from),
			    by ? mem_printf("comes by %s; what is behind that is not looked at", by)
			       : mem_strdup("how it comes in is not known"));
}

void net_walk_from_beyond(const struct net_world *w, const struct net_flow *flow,
			  struct net_path *path)
{
	const struct ec2_route_table *table = net_table_of(w, path->interface->subnet);
	struct net_route_ruling ruling = { 0 };

	if (table)
		net_route_find(w, table, &path->from, &ruling);
	if (ruling.route && net_route_is_dead(ruling.route))
		ruling.route = NULL;
	path->route_by = ruling.route ? net_route_by(ruling.route) : NULL;
	walk_joint(w, path, ruling.route);
	walk_border(w, flow, path, NULL);
}
