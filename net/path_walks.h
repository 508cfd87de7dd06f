/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_PATH_WALKS_H
#define NET_PATH_WALKS_H

/* The walks of net/path.c, one for each kind of sender; the path's interface and addresses are set. */

#include "net/path.h"

void net_walk_from_internet(const struct net_world *, const struct net_flow *, struct net_path *);
void net_walk_from_vpc(const struct net_world *, const struct net_flow *, struct net_path *);
void net_walk_from_beyond(const struct net_world *, const struct net_flow *, struct net_path *);

/* Hops that other walks have, too. */
void net_walk_instance(const struct net_world *, struct net_path *);
/* Of VPC Block Public Access, for connections that come in, or only for those that go out. */
bool net_is_excluded(const struct net_world *, const char *subnet, bool is_inward);
void net_walk_gateway(const struct net_world *, struct net_path *);

#endif
