/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_NAT_H
#define CHECKS_NAT_H

/* Is this a machine that forwards and translates for others, and by what?
 *
 * A rule of the administrator's that translates (MASQUERADE, SNAT in POSTROUTING of nat; not what
 * containers and tunnels bring) and a sysctl setting that speaks of forwarding make the role certain;
 * either alone does not. Programs that switch forwarding on themselves when they start (Docker,
 * firewalld with a zone that masquerades, ...) are seen, and then nothing is said of the setting. */

#include "checks/iptables_files.h"
#include "checks/sysctl.h"

struct nat_file {
	struct ipt_file file;
	const char *unit; /* that loads it when it is enabled; NULL: see file.loader */
	bool is_loaded;
	struct ipt_rules rules;
};
struct nat {
	const struct machine *machine;
	VEC(struct nat_file) files;
	struct ipt_files loaded;	   /* owns what `files` show of the loaded ones */
	const struct sysctl_item *forward; /* the assignment that counts; NULL: none */
	bool is_forwarding, is_denied;	   /* what it says */
	bool was_allowed;		   /* an assignment that does not count says yes */
	bool has_other; /* something else switches forwarding on, or translates */
	bool is_open_in_cloud, is_shut_in_cloud; /* source/destination check: off somewhere, on
						    everywhere */
};
/* ERR_IO and such: could not tell. */
int nat_read(const struct machine *, struct nat *ret, struct err *)
	__attribute__((warn_unused_result));
void nat_done(struct nat *);
DEFINE_CLEANUP_DONE(struct nat, nat_done)

/* The next rule that translates for others, after `after` (NULL: the first); NULL: no more. */
const struct ipt_rule *nat_rule(const struct ipt_rules *, const struct ipt_rule *after);
/* The file that is loaded and translates; NULL: none. */
const struct nat_file *nat_translating(const struct nat *);

#endif
