/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_PATH_H
#define NET_PATH_H

/* The way of a packet to an instance and of its answer back, hop by hop: who lets it through, by which rule; and where
 * it is stopped, what would let it through. Pure. */

#include "net/change.h"
#include "net/rules.h"

struct net_flow {
	struct ip from;
	int protocol;
	uint16_t port;
	struct ip to; /* an address of the instance, public or private */
	bool has_to;  /* false: the one that the sender can use */
};

enum net_standing {
	NET_PASSES,
	NET_STOPS,
	NET_UNTOLD, /* it cannot be told whether it passes */
	NET_UNSEEN, /* somebody else's, where this VPC's description ends: it is taken to pass, and said */
};
enum net_leg { NET_THERE, NET_BACK };
struct net_hop {
	enum net_leg leg;
	enum net_standing standing;
	char *place;		  /* "network ACL acl-0123... of subnet-0123..." */
	char *text;		  /* "rule 100 allows tcp 22 from 0.0.0.0/0" */
	char *remedy;		  /* what would let it through; NULL: passes, or nothing would */
	struct net_change change; /* the same, where a program can do it */
	bool is_of_host;	  /* on its volume: no rule of the cloud */
	bool is_of_instance;	  /* its state */
};
enum net_sender {
	NET_FROM_INTERNET,
	NET_FROM_VPC,
	NET_FROM_BEYOND, /* by a peering connection, a transit gateway, a VPN, ... */
};
struct net_path {
	VEC(struct net_hop) hops; /* in the order of the packet */
	enum net_verdict verdict;
	enum net_sender sender;
	struct ip from, to;		       /* to: as the instance itself has it */
	const struct ec2_interface *interface; /* of the instance; NULL: none can be reached */
	char entry[IP_TEXT_MAX];	       /* the address that the sender uses */
	const char *route_by;		       /* what the answer leaves by; NULL: not known */
	/* Ids of prefix lists ("pl-"), peering connections ("pcx-") and the sender's groups ("sg-") without which it cannot be
	 * told. Ask for them and walk again. */
	struct ec2_texts wants;
};
void net_path_walk(const struct net_world *, const struct net_flow *, struct net_path *ret);
void net_path_done(struct net_path *);
DEFINE_CLEANUP_DONE(struct net_path, net_path_done)
/* The verdict of all hops, after some were added. */
void net_path_judge(struct net_path *);
/* The first that stops it; NULL: none does. */
const struct net_hop *net_path_stop(const struct net_path *);

/* For the walks of net/: adds a hop; the texts are taken over. */
struct net_hop *net_hop_add(struct net_path *, enum net_leg, enum net_standing, char *place,
			    char *text);

/* Of addresses that no route of the internet leads to. */
bool net_is_private(const struct ip *);
/* The ranges of the instance's VPC hold it. */
bool net_in_vpc(const struct net_world *, const struct ip *);
bool net_has_ip(const struct ec2_interface *, const struct ip *);

/* ---- shared by the walks: path_rules.c */

/* One ACL and one direction of it; of an answer the packets go to all ports that a client may have. */
void net_walk_acl(const struct net_world *, struct net_path *, enum net_leg, const char *subnet,
		  enum net_direction, const struct net_packet *);
void net_walk_groups(const struct net_world *, struct net_path *, const struct ec2_groups *,
		     enum net_direction, const struct net_packet *);
/* The route from this subnet; NULL: there is none, which is said. */
const struct ec2_route *net_walk_route(const struct net_world *, struct net_path *, enum net_leg,
				       const char *subnet, const struct ip *to);

/* Where clients have their own ports: Linux, Windows, NAT gateways and balancers together. Source: VPC user guide,
 * "Ephemeral ports". */
#define NET_EPHEMERAL_FIRST 1024
#define NET_EPHEMERAL_LAST  65535

#endif
