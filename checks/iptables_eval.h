/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_IPTABLES_EVAL_H
#define CHECKS_IPTABLES_EVAL_H

/* Can a client open a TCP connection to this host through these rules, and use it?
 *
 * Three packets are followed through the tables that they meet: the SYN (raw, mangle, nat, filter
 * on the way in), the answer to it (raw, mangle, filter on the way out) and the client's next
 * packet. A match says yes, no, or "only the running system knows" (limit, recent, sets, an unknown
 * interface name); what follows from that is kept apart, so that "blocked" is said only when no
 * packet can pass. Source: iptables(8); the hook order of netfilter. */

#include "checks/iptables_rules.h"

struct ipt_host {
	const struct ip *addrs; /* of the host; none: unknown */
	size_t addr_count;
	const char *const *ifaces; /* names that the interface to the network may have */
	size_t iface_count;	   /* 0: unknown */
	bool has_all_ifaces;	   /* there is no other interface than those */
	const uint16_t *ports;	   /* on which the service listens */
	size_t port_count;
	const struct ip_net *vpc; /* ranges of the private network; none: unknown */
	size_t vpc_count;
};

enum ipt_verdict { IPT_BLOCKED, IPT_UNSURE, IPT_OPEN };

/* What stops the connection. */
struct ipt_stop {
	unsigned packet; /* 1: the SYN, 2: the answer, 3: what the client sends then; 0: nothing */
	const struct ipt_table *table;
	const struct ipt_chain *chain; /* the built-in one */
	const struct ipt_rule *rule;   /* of that chain; NULL: its policy */
	const struct ipt_rule *inner;  /* the rule that drops, perhaps in a chain below */
	bool is_away;		       /* nat sends it to another port or host */
};

/* What the rule does with the connection, to be followed by the rule; "" where it just stops it. */
const char *ipt_stop_words(const struct ipt_stop *);

/* One client; src NULL: any client, whoever it is. */
enum ipt_verdict ipt_ask(struct ipt_rules *, const struct ipt_host *, uint16_t port,
			 const struct ip *src, struct ipt_stop *ret_stop);

/* The best verdict for each kind of client, over all addresses of that kind. */
struct ipt_reach {
	enum ipt_verdict outside; /* public addresses */
	enum ipt_verdict inside;  /* addresses of the VPC; all private ones when it is unknown */
	enum ipt_verdict other;	  /* private addresses outside the VPC (peers, VPN) */
	struct ipt_stop stop;	  /* when all three are blocked, or what stops outside and inside */
	bool is_short;		  /* some address in a source match has less than four numbers */
};
void ipt_reach(struct ipt_rules *, const struct ipt_host *, uint16_t port, struct ipt_reach *ret);

#endif
