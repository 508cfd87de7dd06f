/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_NET_FIRST_H
#define RESCUE_NET_FIRST_H

/* Before an instance is stopped: is surgery what it needs? Where the network certainly stops ssh from here, no repair of a
 * volume helps. It is asked beside the inventory; what cannot be told stands in nobody's way. */

#include "rescue/net_look.h"

struct inventory;
struct patient;

struct net_first {
	bool is_asked;
	struct net_look look;
	VEC(const struct ec2_instance *) instances;
	struct ec2_own_address own; /* this machine's on the internet */
	struct ec2_op own_op;
};
/* When the instances are known. */
void net_first_start(struct ec2 *, struct inventory *);
/* For the answers, when the rest of the inventory is there: p->net_text of each patient, and p->net_stop where it is stopped. */
void net_first_judge(struct ec2 *, struct inventory *);
void net_first_done(struct ec2 *, struct net_first *);

#endif
