/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/net_look.h"

#define FILTER_MAX 200 /* values of a filter */

VEC_TYPE(ids, const char *);

static void add_id(struct ids *ids, const char *id)
{
	if (!id)
		return;
	vec_foreach (known, ids)
		if (str_eq(*known, id))
			return;
	vec_push(ids, id);
}

/* A describe call by one filter; NULL values: everything. */
struct by_filter {
	struct ec2_filter filter;
	struct ec2_describe describe;
};
static const struct ec2_describe *by(struct by_filter *f, const char *name, const struct ids *ids)
{
	f->filter = (struct ec2_filter){ name, ids->items, ids->count };
	f->describe = (struct ec2_describe){ .filters = &f->filter, .filter_count = 1 };
	return &f->describe;
}

struct names_of {
	struct ids vpcs, groups, instances;
};

static void collect_names(const struct net_ask *ask, struct names_of *ret)
{
	for (size_t k = 0; k < ask->count; k++) {
		const struct ec2_instance *instance = ask->instances[k];

		add_id(&ret->instances, instance->id.s);
		add_id(&ret->vpcs, instance->vpc);
		vec_foreach (g, &instance->groups)
			add_id(&ret->groups, g->id);
		vec_foreach (i, &instance->interfaces)
			vec_foreach (g, &i->groups)
				add_id(&ret->groups, g->id);
	}
}

static bool wants(const struct net_ask *ask, struct net_look *look, enum net_kind kind)
{
	look->is_asked[kind] = ask->kinds & 1u << kind;
	return look->is_asked[kind];
}

/* What has the address: in the VPC or elsewhere, which the path tells apart. */
void net_look_sender(struct ec2 *ec2, const struct ip *from, struct net_look *look)
{
	char text[IP_TEXT_MAX];
	struct ids address = { 0 };
	struct by_filter f;

	/* A public IPv4 address is no interface's own. */
	if (look->is_asked[NET_INTERFACES] || (!from->is_v6 && !net_is_private(from)))
		return;
	look->is_asked[NET_INTERFACES] = true;
	ip_text(from, text);
	vec_push(&address, text);
	ec2_describe_enis(
		ec2,
		by(&f, from->is_v6 ? "ipv6-addresses.ipv6-address" : "addresses.private-ip-address",
		   &address),
		&look->world.interfaces, &look->ops[NET_INTERFACES]);
	vec_done(&address);
}

static void ask_vpcs(struct ec2 *ec2, const struct net_ask *ask, const struct names_of *names,
		     struct net_look *look)
{
	struct net_world *w = &look->world;
	struct ec2_op *ops = look->ops;
	struct by_filter f;
	bool are_few = names->groups.count && names->groups.count <= FILTER_MAX;

	if (wants(ask, look, NET_SUBNETS))
		ec2_describe_subnets(ec2, by(&f, "vpc-id", &names->vpcs), &w->subnets,
				     &ops[NET_SUBNETS]);
	if (wants(ask, look, NET_VPCS))
		ec2_describe_vpcs(ec2, by(&f, "vpc-id", &names->vpcs), &w->vpcs, &ops[NET_VPCS]);
	if (wants(ask, look, NET_TABLES))
		ec2_describe_route_tables(ec2, by(&f, "vpc-id", &names->vpcs), &w->tables,
					  &ops[NET_TABLES]);
	if (wants(ask, look, NET_ACLS))
		ec2_describe_acls(ec2, by(&f, "vpc-id", &names->vpcs), &w->acls, &ops[NET_ACLS]);
	if (wants(ask, look, NET_GATEWAYS))
		ec2_describe_internet_gateways(ec2, by(&f, "attachment.vpc-id", &names->vpcs),
					       &w->gateways, &ops[NET_GATEWAYS]);
	if (wants(ask, look, NET_GROUPS))
		ec2_describe_security_groups(ec2,
					     are_few ? by(&f, "group-id", &names->groups)
						     : by(&f, "vpc-id", &names->vpcs),
					     &w->groups, &ops[NET_GROUPS]);
}

void net_look_start(struct ec2 *ec2, const struct net_ask *ask, struct net_look *ret)
{
	struct names_of names = { 0 };

	*ret = (struct net_look){ 0 };
	collect_names(ask, &names);
	if (names.vpcs.count) {
		ask_vpcs(ec2, ask, &names, ret);
		if (wants(ask, ret, NET_BLOCK))
			ec2_get_public_block(ec2, &ret->world.block, &ret->ops[NET_BLOCK]);
		if (wants(ask, ret, NET_STATUS))
			ec2_describe_instance_status(
				ec2,
				&(struct ec2_describe){ .ids = names.instances.items,
							.id_count = names.instances.count },
				&ret->world.statuses, &ret->ops[NET_STATUS]);
	}
	vec_done(&names.vpcs);
	vec_done(&names.groups);
	vec_done(&names.instances);
}

void net_look_wait(struct ec2 *ec2, struct net_look *look)
{
	struct net_world *w = &look->world;

	for (size_t i = 0; i < NET_KINDS; i++)
		if (look->is_asked[i])
			(void)!ec2_wait(ec2, &look->ops[i], &w->missing[i]);
	if (!w->block.mode || !str_starts(w->block.mode, "block-"))
		return;
	ec2_describe_public_exclusions(ec2, &(struct ec2_describe){ 0 }, &w->exclusions,
				       &look->exclusions_op);
	(void)!ec2_wait(ec2, &look->exclusions_op, &w->no_exclusions);
}

void net_look_done(struct ec2 *ec2, struct net_look *look)
{
	for (size_t i = 0; i < NET_KINDS; i++)
		ec2_cancel(ec2, &look->ops[i]);
	ec2_cancel(ec2, &look->exclusions_op);
	vec_foreach (id, &look->asked)
		free(*id);
	vec_done(&look->asked);
	net_world_done(&look->world);
}

/* ---- what a path needs besides */

struct more {
	struct ec2_op *list_ops; /* of the lists from `first_list` on */
	size_t first_list;
	struct ec2_op peerings_op, groups_op;
	struct ec2_peerings peerings;
	struct ec2_security_groups groups;
	struct ids peering_ids, group_ids;
};

static void ask_more(struct ec2 *ec2, struct net_world *w, const struct net_path *path,
		     struct more *m)
{
	size_t count = 0;

	m->first_list = w->lists.count;
	vec_foreach (id, &path->wants) {
		if (str_starts(*id, "pcx-"))
			vec_push(&m->peering_ids, *id);
		else if (str_starts(*id, "sg-"))
			vec_push(&m->group_ids, *id);
		else
			vec_push(&w->lists, ((struct net_list){ .id = mem_strdup(*id) }));
	}
	count = w->lists.count - m->first_list;
	m->list_ops = mem_array(count + 1, sizeof(*m->list_ops));
	for (size_t i = 0; i < count; i++) {
		struct net_list *list = &w->lists.items[m->first_list + i];

		ec2_get_prefix_list(ec2, list->id, &list->list, &m->list_ops[i]);
	}
	if (m->peering_ids.count)
		ec2_describe_peerings(ec2,
				      &(struct ec2_describe){ .ids = m->peering_ids.items,
							      .id_count = m->peering_ids.count },
				      &m->peerings, &m->peerings_op);
	if (m->group_ids.count)
		ec2_describe_security_groups(
			ec2,
			&(struct ec2_describe){ .ids = m->group_ids.items,
						.id_count = m->group_ids.count },
			&m->groups, &m->groups_op);
}

static void take_more(struct ec2 *ec2, struct net_world *w, struct more *m)
{
	struct err ignored = ERR_INIT;

	for (size_t i = m->first_list; i < w->lists.count; i++)
		(void)!ec2_wait(ec2, &m->list_ops[i - m->first_list], &w->lists.items[i].why);
	if (m->peering_ids.count && ec2_wait(ec2, &m->peerings_op, &ignored) == 0)
		vec_foreach (p, &m->peerings)
			vec_push(&w->peerings, *p);
	if (m->group_ids.count && ec2_wait(ec2, &m->groups_op, &ignored) == 0)
		vec_foreach (g, &m->groups)
			vec_push(&w->groups, *g);
	vec_done(&m->peerings);
	vec_done(&m->groups);
	vec_done(&m->peering_ids);
	vec_done(&m->group_ids);
	free(m->list_ops);
}

/* Wants it something that was not asked for before? What cannot be had is wanted again. */
static bool has_news(struct net_look *look, const struct net_path *path)
{
	bool is_new = false;

	vec_foreach (id, &path->wants) {
		bool is_known = false;

		vec_foreach (asked, &look->asked)
			is_known |= str_eq(*asked, *id);
		if (is_known)
			continue;
		vec_push(&look->asked, mem_strdup(*id));
		is_new = true;
	}
	return is_new;
}

bool net_look_more(struct ec2 *ec2, struct net_look *look, const struct net_path *path)
{
	struct more more = { 0 };

	if (!has_news(look, path))
		return false;
	ask_more(ec2, &look->world, path, &more);
	take_more(ec2, &look->world, &more);
	return true;
}

void net_look_walk(struct ec2 *ec2, struct net_look *look, const struct ec2_instance *instance,
		   const struct net_flow *flow, struct net_path *ret)
{
	look->world.instance = instance;
	net_path_walk(&look->world, flow, ret);
	while (net_look_more(ec2, look, ret)) {
		net_path_done(ret);
		net_path_walk(&look->world, flow, ret);
	}
}
