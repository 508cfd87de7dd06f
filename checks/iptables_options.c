/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/iptables_options.h"

#include "base/str.h"

const struct ipt_option_row ipt_options[] = {
	{ "", "protocol", 'p', O_PROTO },
	{ "", "source", 's', O_SRC },
	{ "", "src", 0, O_SRC },
	{ "", "destination", 'd', O_DST },
	{ "", "dst", 0, O_DST },
	{ "", "in-interface", 'i', O_IN },
	{ "", "out-interface", 'o', O_OUT },
	{ "", "jump", 'j', O_JUMP },
	{ "", "goto", 'g', O_GOTO },
	{ "", "match", 'm', O_MATCH },
	{ "", "fragments", 'f', O_FRAGMENT },
	{ "", "set-counters", 'c', O_COUNTERS },
	{ "", "ipv4", '4', O_V4 },
	{ "", "ipv6", '6', O_V6 },
	{ "", "verbose", 'v', O_QUIET },
	{ "", "numeric", 'n', O_QUIET },
	{ "", "exact", 'x', O_QUIET },
	{ "", "line-numbers", 0, O_QUIET },
	{ "", "table", 't', O_FORBIDDEN },
	{ "", "wait", 'w', O_FORBIDDEN },
	{ "tcp", "source-port", 0, O_SPORT },
	{ "tcp", "sport", 0, O_SPORT },
	{ "tcp", "destination-port", 0, O_DPORT },
	{ "tcp", "dport", 0, O_DPORT },
	{ "tcp", "syn", 0, O_SYN },
	{ "tcp", "tcp-flags", 0, O_TCP_FLAGS },
	{ "tcp", "tcp-option", 0, O_UNSURE },
	{ "udp", "source-port", 0, O_SPORT },
	{ "udp", "sport", 0, O_SPORT },
	{ "udp", "destination-port", 0, O_DPORT },
	{ "udp", "dport", 0, O_DPORT },
	{ "icmp", "icmp-type", 0, O_IGNORED },
	{ "multiport", "source-ports", 0, O_SPORTS },
	{ "multiport", "sports", 0, O_SPORTS },
	{ "multiport", "destination-ports", 0, O_DPORTS },
	{ "multiport", "dports", 0, O_DPORTS },
	{ "multiport", "ports", 0, O_PORTS },
	{ "state", "state", 0, O_STATE },
	{ "conntrack", "ctstate", 0, O_STATE },
	{ "conntrack", "ctdir", 0, O_CTDIR },
	{ "conntrack", "ctproto", 0, O_UNSURE },
	{ "conntrack", "ctorigsrc", 0, O_UNSURE },
	{ "conntrack", "ctorigdst", 0, O_UNSURE },
	{ "conntrack", "ctreplsrc", 0, O_UNSURE },
	{ "conntrack", "ctrepldst", 0, O_UNSURE },
	{ "conntrack", "ctorigsrcport", 0, O_UNSURE },
	{ "conntrack", "ctorigdstport", 0, O_UNSURE },
	{ "conntrack", "ctreplsrcport", 0, O_UNSURE },
	{ "conntrack", "ctrepldstport", 0, O_UNSURE },
	{ "conntrack", "ctstatus", 0, O_UNSURE },
	{ "conntrack", "ctexpire", 0, O_UNSURE },
	{ "limit", "limit", 0, O_IGNORED },
	{ "limit", "limit-burst", 0, O_IGNORED },
	{ "comment", "comment", 0, O_IGNORED },
	{ "mark", "mark", 0, O_MARK },
	{ "pkttype", "pkt-type", 0, O_PKTTYPE },
	{ "iprange", "src-range", 0, O_SRC_RANGE },
	{ "iprange", "dst-range", 0, O_DST_RANGE },
	{ "addrtype", "dst-type", 0, O_DST_TYPE },
	{ "addrtype", "src-type", 0, O_SRC_TYPE },
	{ "addrtype", "limit-iface-in", 0, O_UNSURE_FLAG },
	{ "addrtype", "limit-iface-out", 0, O_UNSURE_FLAG },
	{ "REJECT", "reject-with", 0, O_REJECT_WITH },
	{ "LOG", "log-level", 0, O_IGNORED },
	{ "LOG", "log-prefix", 0, O_IGNORED },
	{ "LOG", "log-tcp-sequence", 0, O_QUIET },
	{ "LOG", "log-tcp-options", 0, O_QUIET },
	{ "LOG", "log-ip-options", 0, O_QUIET },
	{ "LOG", "log-uid", 0, O_QUIET },
	{ "LOG", "log-macdecode", 0, O_QUIET },
	{ "REDIRECT", "to-ports", 0, O_TO_PORTS },
	{ "DNAT", "to-destination", 0, O_TO_DESTINATION },
	{ "CT", "notrack", 0, O_NOTRACK },
};
const size_t ipt_option_count = ARRAY_LEN(ipt_options);

static const char *const complete[] = {
	"tcp",	  "udp",     "icmp",   "multiport", "state",   "conntrack",
	"limit",  "comment", "mark",   "pkttype",   "iprange", "addrtype",
	"REJECT", "LOG",     "ACCEPT", "DROP",	    "RETURN",
};

const char *ipt_module(const char *name, bool *ret_complete)
{
	*ret_complete = true;
	for (size_t i = 0; i < ARRAY_LEN(complete); i++)
		if (str_eq(complete[i], name))
			return complete[i];
	*ret_complete = false;
	for (size_t i = 0; i < ARRAY_LEN(ipt_options); i++)
		if (str_eq(ipt_options[i].module, name))
			return ipt_options[i].module;
	return NULL;
}

bool ipt_option_is_flag(enum ipt_option option)
{
	return option == O_FRAGMENT || option == O_V4 || option == O_V6 || option == O_QUIET ||
	       option == O_FORBIDDEN || option == O_SYN || option == O_NOTRACK ||
	       option == O_UNSURE_FLAG;
}
