/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/mtu.h"

#include <stdio.h>

#define ETHERNET   1500
#define PLUS	   8500 /* transit gateways, endpoints, peering between Regions */
#define WAVELENGTH 1300

struct judge {
	const struct net_world *w;
	const struct net_mtu_ask *ask;
	struct net_path *path;
	const struct net_mtu_card *card; /* the largest; NULL: none is known */
	int64_t sends;			 /* what it may send; 0: not known */
};

/* ---- what carries how much */

static bool is_in_wavelength(const struct net_world *w)
{
	return w->instance->zone && strstr(w->instance->zone, "-wl");
}

static int64_t mtu_of_peering(const struct net_world *w, const char *id, const char **ret_why)
{
	const struct ec2_peering *p = net_peering(w, id);

	if (!p || !p->accepter.region || !p->requester.region) {
		*ret_why = "whether the peer is in this Region is not known";
		return 0;
	}
	return net_is_same(p->accepter.region, p->requester.region) ? NET_MTU_JUMBO : PLUS;
}

int64_t net_mtu_of_route(const struct net_world *w, const struct ec2_route *r, const char **ret_why)
{
	static const struct {
		const char *prefix;
		int64_t mtu;
		const char *what;
	} kinds[] = {
		{ "igw-", ETHERNET, "an internet gateway" },
		{ "eigw-", ETHERNET, "an internet gateway" },
		{ "nat-", ETHERNET, "a NAT gateway to the internet" },
		{ "cagw-", ETHERNET, "a carrier gateway" },
		{ "vgw-", ETHERNET, "a VPN (Direct Connect may carry more)" },
		{ "lgw-", ETHERNET, "a local gateway" },
		{ "tgw-", PLUS, "a transit gateway (1500 where a VPN is behind it)" },
		{ "vpce-", PLUS, "a VPC endpoint" },
		{ "arn:", PLUS, "a core network" },
	};
	const char *by = net_route_by(r);

	*ret_why = "inside the VPC";
	if (str_eq(by, "local"))
		return is_in_wavelength(w) ? WAVELENGTH : NET_MTU_JUMBO;
	*ret_why = "a peering connection";
	if (str_starts(by, "pcx-"))
		return mtu_of_peering(w, by, ret_why);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (!str_starts(by, kinds[i].prefix))
			continue;
		*ret_why = kinds[i].what;
		return kinds[i].mtu;
	}
	*ret_why = "another instance, whose own way on is not looked at";
	return 0;
}

/* Older types carry jumbo frames where they are of these families. */
static int64_t mtu_of_type(const struct ec2_instance_type *type)
{
	static const char *const families[] = { "a1.", "c3.", "g2.", "i2.", "m3.", "r3." };

	if (!type || !type->type || type->current_generation == EC2_BOOL_ABSENT)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		if (str_starts(type->type, families[i]))
			return NET_MTU_JUMBO;
	return type->current_generation == EC2_TRUE ? NET_MTU_JUMBO : ETHERNET;
}

/* ---- the instance */

static void judge_type(struct judge *j, int64_t carries)
{
	const char *name = j->w->instance->type ?: "?";

	if (carries)
		net_hop_add(j->path, NET_THERE, NET_PASSES, mem_printf("instance type %s", name),
			    mem_printf("carries packets of %lld bytes", (long long)carries));
	else
		net_hop_add(j->path, NET_THERE, NET_UNSEEN, mem_printf("instance type %s", name),
			    mem_strdup("how large its packets may be is not known"));
}

static void judge_card(struct judge *j, const struct net_mtu_card *card, int64_t carries)
{
	char *place = mem_printf("network card %s", card->name[0] ? card->name : "(any)");

	if (!card->mtu) {
		net_hop_add(j->path, NET_THERE, NET_UNSEEN, place,
			    mem_printf("its MTU is not known: %s", card->why));
		return;
	}
	if (!j->card || card->mtu > j->card->mtu)
		j->card = card;
	if (!carries || card->mtu <= carries) {
		net_hop_add(j->path, NET_THERE, NET_PASSES, place,
			    mem_printf("sends packets of up to %lld bytes, %s",
				       (long long)card->mtu, card->why));
		return;
	}
	net_hop_add(
		j->path, NET_THERE, NET_STOPS, place,
		mem_printf("sends packets of up to %lld bytes, %s, and EC2 drops what is larger "
			   "than %lld",
			   (long long)card->mtu, card->why, (long long)carries))
		->remedy = mem_printf("set its MTU to %lld", (long long)carries);
}

static void judge_cards(struct judge *j)
{
	int64_t carries = mtu_of_type(j->ask->type);

	judge_type(j, carries);
	for (size_t i = 0; i < j->ask->card_count; i++)
		judge_card(j, &j->ask->cards[i], carries);
	j->sends = j->card ? j->card->mtu : 0;
	if (carries && j->sends > carries)
		j->sends = carries;
}

/* ---- each way */

/* From where the message may come: the far side of the route, for which one address stands. */
static bool sample_of(const struct ec2_route *r, const struct ip *towards, struct ip *ret)
{
	const char *cidr = r->cidr ?: r->cidr_v6;
	struct ip_net net;

	if (towards) {
		*ret = *towards;
		return true;
	}
	if (!cidr || ip_net_parse(cidr, &net) < 0)
		return false;
	*ret = ip_net_first(&net);
	if (ip_mask_prefix(net.mask, net.addr.is_v6))
		*ret = ip_add(ret, 1);
	else /* RFC 5737, 3849 */
		(void)!ip_parse(net.addr.is_v6 ? "2001:db8::1" : "198.51.100.1", ret);
	return true;
}

static const char *message_name(bool is_v6)
{
	return is_v6 ? "ICMPv6 \"packet too big\"" : "ICMP \"fragmentation needed\"";
}

/* Whole ranges are let through, not the one address that stood for them. */
static void widen(struct net_hop *hop, const struct ec2_route *r, const struct ip *towards)
{
	const char *cidr = r->cidr ?: r->cidr_v6;

	if (hop->change.kind == NET_NO_CHANGE || towards || !cidr)
		return;
	snprintf(hop->change.cidr, sizeof(hop->change.cidr), "%s", cidr);
	free(hop->remedy);
	hop->remedy = net_change_sentence(&hop->change);
}

/* The message is lost, so nothing tells the sender to send less. */
static void say_black_hole(struct judge *j, struct net_hop *hop, const struct ec2_route *r,
			   int64_t carries, bool is_v6)
{
	char *why = TAKE(hop->text);

	hop->text =
		j->sends ? mem_printf("packets of up to %lld bytes leave for %s, where %lld is "
				      "the most, and %s, which says so, does not come in: %s. "
				      "Connections stand, and what is larger is lost without a "
				      "word",
				      (long long)j->sends, net_route_to(r), (long long)carries,
				      message_name(is_v6), why)
			 : mem_printf("%s for packets larger than %lld to %s does not come in: %s. "
				      "They are lost without a word if the card's MTU is %d, as "
				      "EC2's DHCP server offers it",
				      message_name(is_v6), (long long)carries, net_route_to(r), why,
				      NET_MTU_JUMBO);
	if (!j->sends)
		hop->standing = NET_UNTOLD;
	free(why);
	widen(hop, r, j->ask->towards);
}

static void judge_message(struct judge *j, const struct ec2_interface *i, const struct ec2_route *r,
			  int64_t carries, const struct ip *from)
{
	struct net_packet message = { .protocol = from->is_v6 ? PROTO_ICMPV6 : PROTO_ICMP,
				      .peer = *from,
				      .first = from->is_v6 ? 2 : 3,
				      .last = from->is_v6 ? 2 : 3,
				      .code = from->is_v6 ? 0 : 4 };
	size_t before = j->path->hops.count;
	struct net_hop *hop;

	net_walk_acl(j->w, j->path, NET_THERE, i->subnet, NET_IN, &message);
	hop = &j->path->hops.items[before];
	if (hop->standing == NET_STOPS) {
		say_black_hole(j, hop, r, carries, from->is_v6);
	} else if (hop->standing == NET_PASSES) {
		char *why = TAKE(hop->text);

		hop->text = mem_printf("lets %s in for what is too large for %s (%s)",
				       message_name(from->is_v6), net_route_to(r), why);
		free(why);
	}
}

static bool is_judged(const struct judge *j, const struct ec2_route *r,
		      const struct ec2_interface *i)
{
	bool is_v6 = r->cidr_v6;

	return (!is_v6 || i->ipv6.count) && !net_route_is_dead(r) &&
	       !(j->ask->towards && is_v6 != j->ask->towards->is_v6);
}

static void judge_route(struct judge *j, const struct ec2_interface *i, const struct ec2_route *r)
{
	const char *why;
	int64_t carries = net_mtu_of_route(j->w, r, &why);
	char *place = mem_printf("route for %s by %s", net_route_to(r), net_route_by(r));
	struct ip from;

	if (!carries) {
		if (str_starts(net_route_by(r), "pcx-") && !net_peering(j->w, net_route_by(r)))
			vec_push(&j->path->wants, mem_strdup(net_route_by(r)));
		net_hop_add(j->path, NET_THERE, NET_UNSEEN, place, mem_strdup(why));
		return;
	}
	net_hop_add(j->path, NET_THERE, NET_PASSES, place,
		    mem_printf("carries %lld bytes: %s", (long long)carries, why));
	if (j->sends && j->sends <= carries)
		return;
	if (carries < NET_MTU_JUMBO && sample_of(r, j->ask->towards, &from))
		judge_message(j, i, r, carries, &from);
}

static void judge_interface(struct judge *j, const struct ec2_interface *i)
{
	const struct ec2_route_table *table = net_table_of(j->w, i->subnet);
	struct net_route_ruling ruling;

	if (!table) {
		net_hop_add(j->path, NET_THERE, NET_UNTOLD,
			    mem_printf("route table of %s", i->subnet ?: "an unknown subnet"),
			    mem_strdup("is not shown"));
		return;
	}
	if (!j->ask->towards) {
		vec_foreach (r, &table->routes)
			if (is_judged(j, r, i))
				judge_route(j, i, r);
		return;
	}
	net_route_find(j->w, table, j->ask->towards, &ruling);
	if (ruling.route && is_judged(j, ruling.route, i))
		judge_route(j, i, ruling.route);
	else
		net_hop_add(j->path, NET_THERE, NET_UNTOLD, mem_printf("route table %s", table->id),
			    mem_strdup("has no route that could be judged"));
}

/* A security group lets the message in as an answer, unless the flow is one that it does not keep track of: let through for
 * everybody both ways. Source: EC2 user guide, "Untracked connections". */
static bool is_untracked(const struct judge *j)
{
	static const char *const all[] = { "0.0.0.0/0", "::/0" };
	bool in = false, out = false;

	vec_foreach (g, &j->w->instance->groups) {
		const struct ec2_security_group *group = net_group(j->w, g->id);

		for (size_t k = 0; group && k < ARRAY_LEN(all); k++) {
			vec_foreach (rule, &group->ingress)
				vec_foreach (cidr, k ? &rule->cidrs_v6 : &rule->cidrs)
					in |= net_is_same(rule->protocol, "tcp") &&
					      net_is_same(*cidr, all[k]);
			vec_foreach (rule, &group->egress)
				vec_foreach (cidr, k ? &rule->cidrs_v6 : &rule->cidrs)
					out |= net_is_same(rule->protocol, "-1") &&
					       net_is_same(*cidr, all[k]);
		}
	}
	return in && out;
}

static void judge_groups(struct judge *j)
{
	struct net_packet message = { .protocol = PROTO_ICMP, .first = 3, .last = 3, .code = 4 };
	struct net_group_ruling ruling;

	if (j->sends && j->sends <= ETHERNET)
		return;
	(void)!ip_parse("198.51.100.1", &message.peer);
	net_groups_judge(j->w, &j->w->instance->groups, NET_IN, &message, &ruling);
	if (ruling.verdict == NET_CLOSED && is_untracked(j))
		net_hop_add(
			j->path, NET_THERE, NET_UNSEEN, mem_strdup("security groups"),
			mem_strdup("let ICMP in as an answer to flows that they keep track of, and "
				   "have no rule for it: a service that is open to everybody is "
				   "not tracked, so allow icmp type 3 code 4 to be sure"));
}

void net_mtu_judge(const struct net_world *w, const struct net_mtu_ask *ask, struct net_path *ret)
{
	struct judge j = { .w = w, .ask = ask, .path = ret };

	*ret = (struct net_path){ .sender = NET_FROM_BEYOND };
	judge_cards(&j);
	vec_foreach (i, &w->instance->interfaces)
		judge_interface(&j, i);
	judge_groups(&j);
	net_path_judge(ret);
}
