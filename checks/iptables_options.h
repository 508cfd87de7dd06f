/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_IPTABLES_OPTIONS_H
#define CHECKS_IPTABLES_OPTIONS_H

/* The options of iptables rules, by the match or target that brings them; "" is the core.
 * Source: iptables(8), iptables-extensions(8). */

#include <stdbool.h>
#include <stddef.h>

enum ipt_option {
	O_PROTO,
	O_SRC,
	O_DST,
	O_IN,
	O_OUT,
	O_JUMP,
	O_GOTO,
	O_MATCH,
	O_FRAGMENT,
	O_COUNTERS,
	O_V4,
	O_V6,
	O_QUIET,     /* takes nothing, means nothing here */
	O_FORBIDDEN, /* in a file */
	O_SPORT,
	O_DPORT,
	O_SYN,
	O_TCP_FLAGS,
	O_SPORTS,
	O_DPORTS,
	O_PORTS,
	O_STATE,
	O_CTDIR,
	O_MARK,
	O_PKTTYPE,
	O_DST_TYPE,
	O_SRC_TYPE,
	O_SRC_RANGE,
	O_DST_RANGE,
	O_REJECT_WITH,
	O_TO_PORTS,
	O_TO_DESTINATION,
	O_NOTRACK,
	O_IGNORED, /* takes an argument that changes nothing here */
	O_UNSURE,  /* takes an argument; the condition is one of the running system */
	O_UNSURE_FLAG,
};

struct ipt_option_row {
	const char *module, *name;
	char letter; /* 0: there is no short form */
	enum ipt_option option;
};
extern const struct ipt_option_row ipt_options[];
extern const size_t ipt_option_count;

/* The module's name in static storage when the table has some of its options, else NULL.
 * *ret_complete: it has all, so that anything else is refused. */
const char *ipt_module(const char *name, bool *ret_complete);
/* Does the option stand alone? */
bool ipt_option_is_flag(enum ipt_option option);

#endif
