/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/world.h"
#include "base/str.h"

void net_world_done(struct net_world *w)
{
	ec2_subnets_done(&w->subnets);
	ec2_vpcs_done(&w->vpcs);
	ec2_route_tables_done(&w->tables);
	ec2_acls_done(&w->acls);
	ec2_security_groups_done(&w->groups);
	ec2_internet_gateways_done(&w->gateways);
	ec2_enis_done(&w->interfaces);
	ec2_public_block_done(&w->block);
	ec2_public_exclusions_done(&w->exclusions);
	ec2_instance_statuses_done(&w->statuses);
	vec_foreach (l, &w->lists) {
		free(l->id);
		ec2_prefix_list_done(&l->list);
	}
	vec_done(&w->lists);
	ec2_peerings_done(&w->peerings);
}

bool net_is_same(const char *a, const char *b)
{
	return a && b && str_eq(a, b);
}

const struct ec2_subnet *net_subnet(const struct net_world *w, const char *id)
{
	vec_foreach (s, &w->subnets)
		if (net_is_same(s->id, id))
			return s;
	return NULL;
}

const struct ec2_security_group *net_group(const struct net_world *w, const char *id)
{
	vec_foreach (g, &w->groups)
		if (net_is_same(g->id, id))
			return g;
	return NULL;
}

const struct ec2_acl *net_acl_of(const struct net_world *w, const char *subnet)
{
	vec_foreach (acl, &w->acls)
		vec_foreach (s, &acl->subnets)
			if (net_is_same(*s, subnet))
				return acl;
	return NULL;
}

const struct ec2_route_table *net_table_of(const struct net_world *w, const char *subnet)
{
	const struct ec2_route_table *main_table = NULL;

	vec_foreach (t, &w->tables) {
		if (!net_is_same(t->vpc, w->instance->vpc))
			continue;
		vec_foreach (a, &t->associations) {
			if (net_is_same(a->subnet, subnet))
				return t;
			if (a->is_main == EC2_TRUE)
				main_table = t;
		}
	}
	return main_table;
}

const struct ec2_route_table *net_edge_table(const struct net_world *w, const char *gateway)
{
	vec_foreach (t, &w->tables)
		vec_foreach (a, &t->associations)
			if (net_is_same(a->gateway, gateway))
				return t;
	return NULL;
}

const struct net_list *net_list(const struct net_world *w, const char *id)
{
	vec_foreach (l, &w->lists)
		if (net_is_same(l->id, id))
			return l;
	return NULL;
}

const struct ec2_peering *net_peering(const struct net_world *w, const char *id)
{
	vec_foreach (p, &w->peerings)
		if (net_is_same(p->id, id))
			return p;
	return NULL;
}

/* EC2 calls an attachment "available"; other servers say "attached". */
const char *net_gateway(const struct net_world *w)
{
	vec_foreach (g, &w->gateways)
		vec_foreach (a, &g->attachments)
			if (net_is_same(a->vpc, w->instance->vpc) &&
			    (!a->state || str_eq(a->state, "available") ||
			     str_eq(a->state, "attached")))
				return g->id;
	return NULL;
}
