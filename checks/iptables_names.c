/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/iptables_rules.h"

#include <ctype.h>
#include <strings.h>

/* Names that iptables of some version, or the xtables-addons, know. */
static const char *const matches[] = {
	"addrtype", "ah",	 "asn",	      "bpf",	     "cgroup",	   "cluster",
	"comment",  "condition", "connbytes", "connlabel",   "connlimit",  "connmark",
	"connrate", "conntrack", "cpu",	      "dccp",	     "devgroup",   "dhcpmac",
	"dscp",	    "dst",	 "dstlimit",  "ecn",	     "esp",	   "eui64",
	"frag",	    "fuzzy",	 "geoip",     "gradm",	     "hashlimit",  "hbh",
	"helper",   "hl",	 "icmp",      "icmp6",	     "icmpv6",	   "iface",
	"ipcomp",   "iprange",	 "ipp2p",     "ipv4options", "ipv6header", "ipv6-icmp",
	"ipvs",	    "layer7",	 "length",    "length2",     "limit",	   "lscan",
	"mac",	    "mark",	 "mh",	      "mport",	     "multiport",  "ndpi",
	"nfacct",   "nth",	 "osf",	      "owner",	     "physdev",	   "pkttype",
	"pknock",   "policy",	 "psd",	      "quota",	     "quota2",	   "random",
	"rateest",  "realm",	 "recent",    "rpfilter",    "rt",	   "sctp",
	"set",	    "socket",	 "srh",	      "standard",    "state",	   "statistic",
	"string",   "tcp",	 "tcpmss",    "time",	     "tos",	   "ttl",
	"u32",	    "udp",	 "udplite",   "unclean",     "web",	   "webmon",
};

static const struct {
	const char *name;
	enum ipt_target kind;
} targets[] = {
	{ "ACCEPT", IPT_ACCEPT },	{ "DROP", IPT_DROP },	      { "REJECT", IPT_DROP },
	{ "TARPIT", IPT_DROP },		{ "DELUDE", IPT_DROP },	      { "STEAL", IPT_DROP },
	{ "RETURN", IPT_RETURN },	{ "QUEUE", IPT_SOMETHING },   { "NFQUEUE", IPT_SOMETHING },
	{ "SYNPROXY", IPT_SOMETHING },	{ "TPROXY", IPT_SOMETHING },  { "CHAOS", IPT_SOMETHING },
	{ "CLUSTERIP", IPT_SOMETHING }, { "ECHO", IPT_SOMETHING },    { "HMARK", IPT_SET_MARK },
	{ "IMQ", IPT_SOMETHING },	{ "MIRROR", IPT_SOMETHING },  { "NETMAP", IPT_SOMETHING },
	{ "NAT", IPT_SOMETHING },	{ "RAWDNAT", IPT_SOMETHING }, { "RAWSNAT", IPT_SOMETHING },
	{ "ROUTE", IPT_SOMETHING },	{ "SAME", IPT_NAT },	      { "SNPT", IPT_GO_ON },
	{ "DNPT", IPT_SOMETHING },	{ "MARK", IPT_SET_MARK },     { "CONNMARK", IPT_SET_MARK },
	{ "IPMARK", IPT_SET_MARK },	{ "NOTRACK", IPT_NOTRACK },   { "CT", IPT_GO_ON },
	{ "REDIRECT", IPT_REDIRECT },	{ "DNAT", IPT_DNAT },	      { "SNAT", IPT_NAT },
	{ "MASQUERADE", IPT_NAT },	{ "ACCOUNT", IPT_GO_ON },     { "AUDIT", IPT_GO_ON },
	{ "CHECKSUM", IPT_GO_ON },	{ "CLASSIFY", IPT_GO_ON },    { "CONNSECMARK", IPT_GO_ON },
	{ "DSCP", IPT_GO_ON },		{ "ECN", IPT_GO_ON },	      { "HL", IPT_GO_ON },
	{ "IDLETIMER", IPT_GO_ON },	{ "LED", IPT_GO_ON },	      { "LOG", IPT_GO_ON },
	{ "LOGMARK", IPT_GO_ON },	{ "NFLOG", IPT_GO_ON },	      { "RATEEST", IPT_GO_ON },
	{ "SECMARK", IPT_GO_ON },	{ "SET", IPT_GO_ON },	      { "SYSRQ", IPT_GO_ON },
	{ "TCPMSS", IPT_GO_ON },	{ "TCPOPTSTRIP", IPT_GO_ON }, { "TEE", IPT_GO_ON },
	{ "TOS", IPT_GO_ON },		{ "TRACE", IPT_GO_ON },	      { "TTL", IPT_GO_ON },
	{ "ULOG", IPT_GO_ON },
};

static const struct {
	const char *name;
	uint32_t number;
} protocols[] = {
	{ "all", 0 },	   { "ip", 0 },	    { "icmp", 1 },	 { "igmp", 2 },	 { "ipencap", 4 },
	{ "ipip", 94 },	   { "tcp", 6 },    { "udp", 17 },	 { "ipv6", 41 }, { "rsvp", 46 },
	{ "gre", 47 },	   { "esp", 50 },   { "ipsec-esp", 50 }, { "ah", 51 },	 { "ipsec-ah", 51 },
	{ "icmpv6", 58 },  { "icmp6", 58 }, { "ipv6-icmp", 58 }, { "ospf", 89 }, { "ospfigp", 89 },
	{ "pim", 103 },	   { "vrrp", 112 }, { "sctp", 132 },	 { "dccp", 33 }, { "udplite", 136 },
	{ "ipcomp", 108 }, { "l2tp", 115 }, { "ipv6-mh", 135 },	 { "mh", 135 },	 { "eigrp", 88 },
};

static const struct {
	const char *name;
	uint16_t port;
} services[] = {
	{ "ftp", 21 },		 { "ssh", 22 },		 { "telnet", 23 },
	{ "smtp", 25 },		 { "domain", 53 },	 { "bootps", 67 },
	{ "bootpc", 68 },	 { "tftp", 69 },	 { "http", 80 },
	{ "www", 80 },		 { "pop3", 110 },	 { "sunrpc", 111 },
	{ "auth", 113 },	 { "ident", 113 },	 { "ntp", 123 },
	{ "imap", 143 },	 { "imap2", 143 },	 { "snmp", 161 },
	{ "ldap", 389 },	 { "https", 443 },	 { "smtps", 465 },
	{ "syslog", 514 },	 { "submission", 587 },	 { "ldaps", 636 },
	{ "domain-s", 853 },	 { "imaps", 993 },	 { "pop3s", 995 },
	{ "mysql", 3306 },	 { "postgresql", 5432 }, { "xmpp-client", 5222 },
	{ "xmpp-server", 5269 }, { "http-alt", 8080 },	 { "webcache", 8080 },
	{ "nfs", 2049 },	 { "squid", 3128 },	 { "rsync", 873 },
	{ "ipp", 631 },		 { "kerberos", 88 },	 { "netbios-ns", 137 },
	{ "netbios-dgm", 138 },	 { "netbios-ssn", 139 }, { "microsoft-ds", 445 },
};

bool ipt_is_match(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(matches); i++)
		if (str_eq(matches[i], name))
			return true;
	return false;
}

bool ipt_target_kind(const char *name, enum ipt_target *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(targets); i++)
		if (str_eq(targets[i].name, name)) {
			*ret = targets[i].kind;
			return true;
		}
	return false;
}

bool ipt_is_builtin(const char *table, const char *chain)
{
	static const char *const rows[][6] = {
		{ "filter", "INPUT", "FORWARD", "OUTPUT" },
		{ "nat", "PREROUTING", "INPUT", "OUTPUT", "POSTROUTING" },
		{ "mangle", "PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING" },
		{ "raw", "PREROUTING", "OUTPUT" },
		{ "security", "INPUT", "FORWARD", "OUTPUT" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t j = 1; j < 6 && rows[i][j] && str_eq(rows[i][0], table); j++)
			if (str_eq(rows[i][j], chain))
				return true;
	return false;
}

bool ipt_is_table(const char *name)
{
	return ipt_is_builtin(name, "OUTPUT");
}

/* A whole number in any notation of strtoul; -1: none. */
static long number(const char *text)
{
	char *end;
	unsigned long value;

	if (!isdigit((unsigned char)*text))
		return -1;
	value = strtoul(text, &end, 0);
	return *end || value > 0xffffffff ? -1 : (long)value;
}

/* /etc/services: "ssh  22/tcp  alias..."; /etc/protocols: "tcp  6  TCP". -1: not there. */
static long look_up(const struct str *file, const char *name)
{
	for (const char *at = file->s; *at; at += strcspn(at, "\n"), at += *at == '\n') {
		cleanup(free) char *line = mem_strndup(at, strcspn(at, "\n"));
		char *save = NULL, *first, *value;
		bool is_it;

		line[strcspn(line, "#")] = '\0';
		first = strtok_r(line, " \t\r", &save);
		value = strtok_r(NULL, " \t\r", &save);
		if (!first || !value)
			continue;
		is_it = str_eq(first, name);
		for (char *alias; !is_it && (alias = strtok_r(NULL, " \t\r", &save));)
			is_it = str_eq(alias, name);
		if (is_it)
			return strtol(value, NULL, 10);
	}
	return -1;
}

enum ipt_known ipt_port(const struct ipt_reading *reading, const char *text, uint16_t *ret)
{
	long value = number(text);

	if (value < 0 && isdigit((unsigned char)*text))
		return IPT_UNKNOWN;
	for (size_t i = 0; i < ARRAY_LEN(services) && value < 0; i++)
		if (str_eq(services[i].name, text))
			value = services[i].port;
	if (value < 0 && !reading->services)
		return *text ? IPT_NOT_TOLD : IPT_UNKNOWN;
	if (value < 0)
		value = look_up(reading->services, text);
	if (value < 0 || value > 65535)
		return IPT_UNKNOWN;
	*ret = (uint16_t)value;
	return IPT_KNOWN;
}

enum ipt_known ipt_protocol(const struct ipt_reading *reading, const char *text, uint32_t *ret)
{
	long value = number(text);

	for (size_t i = 0; i < ARRAY_LEN(protocols) && value < 0; i++)
		if (!strcasecmp(protocols[i].name, text))
			value = protocols[i].number;
	if (value < 0 && !reading->protocols)
		return IPT_NOT_TOLD;
	if (value < 0)
		value = look_up(reading->protocols, text);
	if (value < 0 || value > 255)
		return IPT_UNKNOWN;
	*ret = (uint32_t)value;
	return IPT_KNOWN;
}
