/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_NET_LOOK_H
#define RESCUE_NET_LOOK_H

/* The network around instances, asked of EC2: one call of a kind for all of them, side by side, and what a path turns out
 * to need besides. Changes nothing. */

#include "net/path.h"

struct net_ask {
	const struct ec2_instance *const *instances; /* borrowed as long as the look */
	size_t count;
	unsigned kinds; /* 1 << NET_...: what is to be asked */
};
/* What has the sender's address is a question of its own. */
#define NET_ALL (((1u << NET_KINDS) - 1) & ~(1u << NET_INTERFACES))

struct net_look {
	struct net_world world; /* .instance: of whoever is looked at now */
	struct ec2_op ops[NET_KINDS];
	bool is_asked[NET_KINDS];
	struct ec2_op exclusions_op;
	struct ec2_texts asked; /* of what paths wanted */
};
void net_look_start(struct ec2 *, const struct net_ask *, struct net_look *ret);
/* What has the sender's address, asked once, while the other replies are out. Without it a sender inside the VPC is nobody's. */
void net_look_sender(struct ec2 *, const struct ip *from, struct net_look *);
/* For the replies; a kind that cannot be had is world.missing, no error. */
void net_look_wait(struct ec2 *, struct net_look *);
/* Also while it is under way. */
void net_look_done(struct ec2 *, struct net_look *);

/* Asks for what the walk wants; false: nothing that was not asked for before, so the walk stands. */
bool net_look_more(struct ec2 *, struct net_look *, const struct net_path *);
/* The path to this instance; what a first walk lacks is asked for, so the look must be over. */
void net_look_walk(struct ec2 *, struct net_look *, const struct ec2_instance *,
		   const struct net_flow *, struct net_path *ret);

#endif
