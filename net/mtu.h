/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_MTU_H
#define NET_MTU_H

/* Are packets lost for their size? What the instance type carries, what its cards send, what each route carries, and, where
 * the one is more than the other, whether the message that says so gets through. Source: EC2 user guide, "Network maximum
 * transmission unit (MTU)"; VPC user guide, "Path MTU Discovery"; Transit Gateway quotas, "MTU"; PrivateLink quotas. */

#include "net/path.h"

#define NET_MTU_JUMBO 9001

struct net_mtu_card {
	const char *name; /* as the system calls it; "": any */
	int64_t mtu;	  /* 0: not known */
	const char *why;  /* "by /etc/sysconfig/network-scripts/ifcfg-eth0:7" */
};
struct net_mtu_ask {
	const struct ec2_instance_type *type; /* NULL: not known */
	const struct net_mtu_card *cards;
	size_t card_count;
	const struct ip *towards; /* NULL: by every route of its subnets */
};
/* The hops of `ret` are findings, not a path; what it lacks is in its wants, as with net_path_walk. */
void net_mtu_judge(const struct net_world *, const struct net_mtu_ask *, struct net_path *ret);

/* Of what the route leads by; 0: not known, which `*ret_why` says. Peering connections have to be looked up. */
int64_t net_mtu_of_route(const struct net_world *, const struct ec2_route *, const char **ret_why);

#endif
