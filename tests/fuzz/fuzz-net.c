/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Networks as replies describe them, which may be nonsense: one JSON object with a reply of each kind, judged as a path from
 * several senders, as a NAT instance and for packets' sizes. What is said must be whole, and the verdict the hops'. */
#include "ec2/actions.h"
#include "net/mtu.h"
#include "net/nat.h"
#include "tests/fuzz/fuzz.h"

enum { ROOM = 1 << 20 };

static void read_kind(const json_t *json, const char *name, const struct ec2_action *action,
		      void *ret)
{
	const json_t *reply = json_object_get(json, name);
	struct err err = ERR_INIT;
	size_t room = ROOM;

	if (reply && xmlmap_read_json(action->reply, reply, ret, &room, &err) < 0)
		fuzz_printable("an error", err.text, false);
}

static void read_world(const json_t *json, struct net_world *w)
{
	json_t *lists = json_object_get(json, "lists"), *list;
	const char *id;

	read_kind(json, "subnets", &action_describe_subnets, &w->subnets);
	read_kind(json, "vpcs", &action_describe_vpcs, &w->vpcs);
	read_kind(json, "tables", &action_describe_route_tables, &w->tables);
	read_kind(json, "acls", &action_describe_acls, &w->acls);
	read_kind(json, "groups", &action_describe_security_groups, &w->groups);
	read_kind(json, "gateways", &action_describe_internet_gateways, &w->gateways);
	read_kind(json, "interfaces", &action_describe_enis, &w->interfaces);
	read_kind(json, "block", &action_get_public_block, &w->block);
	read_kind(json, "exclusions", &action_describe_public_exclusions, &w->exclusions);
	read_kind(json, "peerings", &action_describe_peerings, &w->peerings);
	json_object_foreach (lists, id, list) {
		struct net_list *to = vec_add(&w->lists);

		to->id = mem_strdup(id);
		read_kind(lists, id, &action_get_prefix_list, &to->list);
	}
}

static void check(struct net_path *path)
{
	bool stops = false, is_untold = !path->hops.count;

	vec_foreach (hop, &path->hops) {
		cleanup(str_done) struct str said = STR_INIT;

		if (!hop->place || !hop->text)
			fuzz_broken("a hop without a word");
		stops |= hop->standing == NET_STOPS;
		is_untold |= hop->standing == NET_UNTOLD;
		net_change_text(&hop->change, &said);
		net_change_command(&hop->change, &said);
		if (hop->change.kind != NET_NO_CHANGE && !hop->remedy)
			fuzz_broken("a change without a word");
		if (hop->change.kind == NET_ACL_ENTRY &&
		    (hop->change.number < 1 || hop->change.number > 32766))
			fuzz_broken("a rule number that EC2 does not take");
	}
	if (path->verdict != (stops ? NET_CLOSED : is_untold ? NET_UNKNOWN : NET_OPEN))
		fuzz_broken("a verdict of its own");
	net_path_done(path);
}

static void judge(const struct net_world *w)
{
	static const char *const senders[] = { "203.0.113.7", "10.0.1.20", "10.7.1.5",
					       "192.168.1.5", "2001:db8:ffff::7" };
	struct net_path path;

	for (size_t i = 0; i < ARRAY_LEN(senders); i++) {
		struct net_flow flow = { .protocol = PROTO_TCP, .port = 22 };
		const struct net_mtu_card card = { "eth0", 9001, "as it is" };
		struct net_mtu_ask ask = { .cards = &card, .card_count = 1 };

		(void)!ip_parse(senders[i], &flow.from);
		net_path_walk(w, &flow, &path);
		check(&path);
		flow.has_to = !ip_parse("198.51.100.10", &flow.to);
		net_path_walk(w, &flow, &path);
		check(&path);
		ask.towards = i ? &flow.from : NULL;
		net_mtu_judge(w, &ask, &path);
		check(&path);
		if (flow.from.is_v6)
			continue;
		net_nat_judge(w, &flow.from, &path);
		check(&path);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *json = json_loadb((const char *)data, size, 0, NULL);
	struct ec2_instances instances = { 0 };
	struct net_world w = { 0 };

	read_kind(json, "instances", &action_describe_instances, &instances);
	read_world(json, &w);
	vec_foreach (i, &instances) {
		w.instance = i;
		judge(&w);
		break;
	}
	net_world_done(&w);
	ec2_instances_done(&instances);
	json_decref(json);
	return 0;
}
