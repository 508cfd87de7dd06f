/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_WORLD_H
#define NET_WORLD_H

/* The network around one instance as EC2 describes it: replies, and why one of them is missing. What is in net/ judges
 * this and asks nobody; whoever has the replies fills it (rescue/net_look.h). Everything in it came over the network
 * and may be absent or nonsense: what is not understood is "could not tell", never "open". */

#include "base/err.h"
#include "ec2/calls.h"

enum net_kind {
	NET_SUBNETS,
	NET_VPCS,
	NET_TABLES,
	NET_ACLS,
	NET_GROUPS,
	NET_GATEWAYS,
	NET_INTERFACES,
	NET_BLOCK,
	NET_STATUS,
	NET_KINDS
};

struct net_list {
	char *id;
	struct ec2_prefix_list list;
	struct err why; /* it could not be had */
};

struct net_world {
	const struct ec2_instance *instance; /* borrowed; never NULL */
	struct ec2_subnets subnets;
	struct ec2_vpcs vpcs;
	struct ec2_route_tables tables; /* of the instance's VPC */
	struct ec2_acls acls;
	struct ec2_security_groups groups; /* those that were asked for, at least */
	struct ec2_internet_gateways gateways;
	struct ec2_enis interfaces; /* that have the sender's address, or that routes lead to */
	struct ec2_public_block block;
	struct ec2_public_exclusions exclusions;
	struct err no_exclusions; /* they could not be had */
	struct ec2_instance_statuses statuses;
	struct err missing[NET_KINDS]; /* ERR_NONE: it was told */
	/* What a first look at the path has found to matter, each asked for by its id. */
	VEC(struct net_list) lists;
	struct ec2_peerings peerings;
};
void net_world_done(struct net_world *);
DEFINE_CLEANUP_DONE(struct net_world, net_world_done)

/* The list alone: what it holds is borrowed. */
static inline void net_texts_free(struct ec2_texts *texts)
{
	vec_done(texts);
}
DEFINE_CLEANUP_DONE(struct ec2_texts, net_texts_free)

/* Of texts that may be absent; absent ones are never the same. */
bool net_is_same(const char *a, const char *b);

const struct ec2_subnet *net_subnet(const struct net_world *, const char *id);
const struct ec2_security_group *net_group(const struct net_world *, const char *id);
const struct ec2_acl *net_acl_of(const struct net_world *, const char *subnet);
/* The subnet's own table, else the VPC's main one; NULL: neither was told. */
const struct ec2_route_table *net_table_of(const struct net_world *, const char *subnet);
/* The table of packets that come in by this gateway; NULL: there is none. */
const struct ec2_route_table *net_edge_table(const struct net_world *, const char *gateway);
const struct net_list *net_list(const struct net_world *, const char *id);
const struct ec2_peering *net_peering(const struct net_world *, const char *id);
/* The internet gateway that is attached to the instance's VPC; NULL: none. */
const char *net_gateway(const struct net_world *);

#endif
