/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_NAT_H
#define NET_NAT_H

/* Does the cloud let this instance translate for the private subnets? The source/destination check of its interfaces, its own
 * way out, the route tables that lead to it, and the ACLs and groups on the way there and back. Source: VPC user guide,
 * "NAT instances". */

#include "net/path.h"

/* `outside`: an address of the internet that stands for all. The hops of `ret` are findings, not a path; its sender is the
 * internet. */
void net_nat_judge(const struct net_world *, const struct ip *outside, struct net_path *ret);

#endif
