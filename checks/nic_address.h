/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_NIC_ADDRESS_H
#define CHECKS_NIC_ADDRESS_H

/* A static IPv4 address in a configuration of any kind, held against what the cloud says of the
 * interface, or against the lease that the network last gave. EC2 delivers packets to the interface's
 * own private addresses alone, and the router is always the first address of the subnet.
 *
 * Source: VPC user guide, "Subnet CIDR blocks" (reserved addresses). */

#include "checks/check.h"
#include "base/ipaddr.h"

struct nic_word { /* as it stands in the file */
	const char *text;
	uint32_t line;
};
struct nic_claim {
	const char *path; /* of the file; all words stand in it */
	const struct str *text;
	const char *device, *mac;	/* NULL: unknown */
	const char *gateway_name;	/* what the format calls it: "gateway4" */
	VEC(struct nic_word) addresses; /* IPv4 with or without "/24"; the first one is judged */
	struct nic_word prefix;		/* a mask or length of its own; text NULL: none */
	struct nic_word gateway;	/* text NULL: none */
	bool lacks_route; /* nothing in the whole configuration sets a default route */
	bool is_onlink;	  /* the route is set whether or not the mask takes in the router */
};
void nic_claim_done(struct nic_claim *);
DEFINE_CLEANUP_DONE(struct nic_claim, nic_claim_done)

/* Makes at most one finding of row 111; its edits write the right words in place of the wrong ones.
 * Where that is not enough, the caller's own edits do the rest. */
enum nic_need {
	NIC_NEEDS_NOTHING,
	NIC_NEEDS_DHCP,	   /* the right address is not known */
	NIC_NEEDS_GATEWAY, /* there is no default route, and the router is known */
};
struct nic_verdict {
	struct finding *finding; /* NULL: none was made */
	enum nic_need need;	 /* then the finding has no edits yet */
	char router[IP_TEXT_MAX];
};
bool nic_claim_judge(const struct machine *, const struct nic_claim *, enum severity,
		     struct findings *, struct nic_verdict *ret);

/* Words to be written in place of others. Several in one line become one edit. */
struct nic_respell {
	uint32_t line;
	const char *old, *new;
};
void nic_respell(const char *path, const struct str *text, const struct nic_respell *items,
		 size_t count, struct edits *);

#endif
