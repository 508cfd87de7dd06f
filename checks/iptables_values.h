/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_IPTABLES_VALUES_H
#define CHECKS_IPTABLES_VALUES_H

/* Values of iptables options, as conditions appended to a rule. What both backends refuse becomes
 * `problem` (when that is still empty); what only the running system can resolve (a host name, a
 * service that the volume does not list) becomes IPT_MAYBE. */

#include "checks/iptables_rules.h"

struct ipt_value {
	const struct ipt_reading *reading;
	struct ipt_rule *rule;
	bool is_not;
	struct str *problem;
};

void ipt_value_nets(struct ipt_value *, enum ipt_cond_kind, const char *list);	 /* -s, -d */
void ipt_value_range(struct ipt_value *, enum ipt_cond_kind, const char *range); /* a-b */
/* "22", "22:25", ":1023", names; a list of at most 15 with -m multiport. */
void ipt_value_ports(struct ipt_value *, enum ipt_cond_kind, const char *text, bool is_list);
void ipt_value_states(struct ipt_value *, const char *list);
void ipt_value_mark(struct ipt_value *, const char *text); /* value[/mask] */
void ipt_value_types(struct ipt_value *, enum ipt_cond_kind, const char *list);
void ipt_value_tcp_flags(struct ipt_value *, const char *mask, const char *comp);
void ipt_value_reject(struct ipt_value *, const char *type);
void ipt_value_to(struct ipt_value *, const char *text, bool is_address); /* of REDIRECT, DNAT */

#endif
