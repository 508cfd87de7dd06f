/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_NET_H
#define RESCUE_NET_H

/* `ec2-rescue net`: the cloud's side (net/, rescue/net_look.h) and the volume's side (an audit of its newest snapshot) in
 * one answer. */

#include "rescue/command.h"
#include "rescue/mtu_facts.h"
#include "rescue/net_look.h"

enum net_role { NET_ROLE_HOST, NET_ROLE_NAT, NET_ROLE_MTU };

/* What the newest snapshot of the root volume says of the host. */
struct net_fault {
	char *check, *message, *place; /* "/etc/sysconfig/iptables:12" */
	char *rows;		       /* of the catalogue of faults: "127,133" */
	bool blocks;		       /* boot or login */
	bool blocks_boot;
	bool is_repairable, is_offered; /* with --fix alone */
	bool is_untold;			/* none: something could not be examined */
};
struct net_host {
	bool is_examined;
	char *source;	    /* "snap-0123... of 2026-11-22T07:00:00Z"; or why it was not examined */
	uint32_t sshd_port; /* 0: unknown */
	VEC(struct net_fault) faults;
	struct mtu_facts mtu;
};

struct net {
	const struct options *options;
	struct report *report;
	struct loop *loop;
	struct ec2 *ec2;
	enum net_role role;
	struct instance_id id;
	struct ec2_instances instances;
	const struct ec2_instance *instance;
	struct net_look look;
	/* Asked beside the look; of each what is not needed is not asked. */
	struct ec2_op own_op, snapshots_op, subnets_op, types_op;
	struct ec2_own_address own;
	struct ec2_snapshots snapshots; /* of the root volume */
	struct ec2_subnets subnets;	/* of the interfaces, where the look asks for none */
	struct ec2_instance_types types;
	struct net_flow flow;
	bool has_from;
	struct err why_no_from; /* where no sender is known: of a role it may not matter */
	struct net_path path;
	struct net_host host;
};

/* ---- net_from.c: whose packets are meant: --from, else this machine's address as the instance sees it. */
void net_sender_start(struct net *);
/* Sets .flow.from, .has_from, .why_no_from, where they are not set yet. */
void net_sender_wait(struct net *);
/* --from and --to in form? Before anything is asked. */
int net_check_options(const struct options *, struct err *err) __attribute__((warn_unused_result));

/* ---- net_host.c */
void net_host_start(struct net *);
/* The look must be over: the checks use what it has of the VPC. */
void net_host_examine(struct net *);
void net_host_done(struct net_host *);
/* Into the path. Behind the cloud's hops: its faults, as far as they are in the way of what the role asks for. */
void net_host_list(struct net *);
/* Behind the instance's hop: what it says of the port. */
void net_host_add(struct net *);

/* ---- net_mtu.c */
void net_mtu_start(struct net *);
void net_answer_mtu(struct net *);

/* ---- net_draw.c */
void net_show(const struct net *);

#endif
