/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_RULES_H
#define NET_RULES_H

/* What network ACLs, security groups and route tables make of a packet. Sources: VPC user guide, "Control subnet traffic
 * with network access control lists", "Security group rules", "Route priority". */

#include "base/ipaddr.h"
#include "base/str.h"
#include "net/world.h"

enum { PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_ICMPV6 = 58 };

/* The packets of one kind that one peer sends or gets: ports first to last, or (both alike) ICMP's type with its code. */
struct net_packet {
	int protocol;
	struct ip peer; /* the other end, as this place sees its address */
	uint16_t first, last;
	uint8_t code;
	/* Groups of the peer's interface, where that is known; NULL: it is not. */
	const struct ec2_groups *peer_groups;
	bool is_peer_nobody; /* no interface has the address */
};
/* "tcp 22", "tcp 1024-65535", "icmp type 3 code 4" */
void net_packet_text(const struct net_packet *, struct str *out);

enum net_verdict { NET_OPEN, NET_CLOSED, NET_UNKNOWN };
enum net_direction { NET_IN, NET_OUT };

#define NET_ACL_LAST 32767 /* and above: what no rule has decided */

/* Rules are asked in the order of their numbers; the first that matches decides. Of a range of ports each port is
 * decided by itself. */
struct net_acl_ruling {
	enum net_verdict
		verdict; /* CLOSED: some of it is denied; UNKNOWN: an entry makes no sense */
	const struct ec2_acl_entry
		*entry;	 /* the first that denies, else the first that allows; NULL: none
					      matches, which denies */
	unsigned denied; /* ports of the range */
	struct net_span {
		uint16_t first, last;
	} span; /* the first ports that are denied */
};
void net_acl_judge(const struct ec2_acl *, enum net_direction, const struct net_packet *,
		   struct net_acl_ruling *ret);
/* "rule 100 allows tcp 22 from 0.0.0.0/0" */
void net_entry_text(const struct ec2_acl_entry *, enum net_direction, struct str *out);

/* Rules only allow, and whatever any group allows is allowed. UNKNOWN: what would allow it names a prefix list or members of
 * a group that are not known. */
struct net_group_ruling {
	enum net_verdict verdict;
	const struct ec2_security_group *group; /* OPEN: whose rule it is */
	const struct ec2_permission *rule;
	const char
		*by; /* the range, list or group of it that matches; UNKNOWN: that is not known */
};
void net_groups_judge(const struct net_world *, const struct ec2_groups *, enum net_direction,
		      const struct net_packet *, struct net_group_ruling *ret);
void net_permission_text(const struct net_group_ruling *, enum net_direction, struct str *out);

/* The most specific route wins; of equals "local", then a static one, then one to a prefix list, then a propagated one. */
struct net_route_ruling {
	const struct ec2_route *route; /* NULL: none matches */
	int prefix;		       /* its length */
	const char *unknown_list;      /* a prefix list that may hold the address; NULL: none */
};
void net_route_find(const struct net_world *, const struct ec2_route_table *, const struct ip *to,
		    struct net_route_ruling *ret);
/* "0.0.0.0/0" */
const char *net_route_to(const struct ec2_route *);
/* "igw-0123..."; "?" where no target is told */
const char *net_route_by(const struct ec2_route *);
bool net_route_is_dead(const struct ec2_route *);

bool net_cidr_has(const char *cidr, const struct ip *);
bool net_cidrs_have(const struct ec2_texts *, const struct ip *);

#endif
