/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_CHANGE_H
#define NET_CHANGE_H

/* A change of the cloud that opens a path, as data: shown, done and taken back by others (rescue/net_fix.h). */

#include "base/str.h"
#include "net/world.h"

enum net_change_kind {
	NET_NO_CHANGE,
	NET_ALLOW_IN, /* a rule of a security group */
	NET_ALLOW_OUT,
	NET_ACL_ENTRY,	  /* an entry of a network ACL that allows */
	NET_SOURCE_CHECK, /* off */
	NET_CREATE_ROUTE,
	NET_REPLACE_ROUTE,
};
struct net_change {
	enum net_change_kind kind;
	char target[64];  /* group, ACL, interface or route table */
	char protocol[8]; /* "tcp", "icmp", "-1"; of an ACL its number */
	char cidr[64];
	int64_t from, to; /* ports, or type and code */
	int64_t number;	  /* of an ACL's entry */
	bool is_egress;	  /* of an ACL's entry */
	char by[64];	  /* of a route: gateway or interface */
	char was[64]; /* of a route that is replaced: what it led to; "": nothing that is still there */
};

/* One sentence without its full stop: "allow tcp 22 from 203.0.113.7/32 in sg-0123...". */
void net_change_text(const struct net_change *, struct str *out);
char *net_change_sentence(const struct net_change *)
	__attribute__((returns_nonnull)); /* the same, malloc'd */
/* The AWS CLI's command for it. */
void net_change_command(const struct net_change *, struct str *out);
bool net_change_eq(const struct net_change *, const struct net_change *);

#endif
