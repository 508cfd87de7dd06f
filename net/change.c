/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/change.h"

static bool is_of_group(const struct net_change *c)
{
	return c->kind == NET_ALLOW_IN || c->kind == NET_ALLOW_OUT;
}

static void add_traffic(const struct net_change *c, struct str *out)
{
	const char *p = c->protocol;

	if (str_eq(p, "-1")) {
		str_add(out, "all traffic");
	} else if (str_eq(p, "icmp") || str_eq(p, "1") || str_eq(p, "58")) {
		str_add(out, str_eq(p, "58") ? "icmpv6" : "icmp");
		if (c->from >= 0)
			str_addf(out, " type %lld", (long long)c->from);
		if (c->to >= 0)
			str_addf(out, " code %lld", (long long)c->to);
	} else {
		str_addf(out, "%s %lld",
			 str_eq(p, "6")	   ? "tcp"
			 : str_eq(p, "17") ? "udp"
					   : p,
			 (long long)c->from);
		if (c->to != c->from)
			str_addf(out, "-%lld", (long long)c->to);
	}
}

void net_change_text(const struct net_change *c, struct str *out)
{
	switch (c->kind) {
	case NET_NO_CHANGE:
		return;
	case NET_ALLOW_IN:
	case NET_ALLOW_OUT:
		str_add(out, "allow ");
		add_traffic(c, out);
		str_addf(out, " %s %s in security group %s",
			 c->kind == NET_ALLOW_IN ? "from" : "to", c->cidr, c->target);
		return;
	case NET_ACL_ENTRY:
		str_add(out, "allow ");
		add_traffic(c, out);
		str_addf(out, " %s %s in network ACL %s, as rule %lld",
			 c->is_egress ? "to" : "from", c->cidr, c->target, (long long)c->number);
		return;
	case NET_SOURCE_CHECK:
		str_addf(out, "switch off the source/destination check of %s", c->target);
		return;
	case NET_CREATE_ROUTE:
		str_addf(out, "add a route for %s to %s in %s", c->cidr, c->by, c->target);
		return;
	case NET_REPLACE_ROUTE:
		str_addf(out, "lead the route for %s in %s to %s%s%s", c->cidr, c->target, c->by,
			 c->was[0] ? ", no longer to " : "", c->was);
		return;
	}
}

char *net_change_sentence(const struct net_change *c)
{
	struct str s = STR_INIT;

	net_change_text(c, &s);
	return str_take(&s);
}

static void group_command(const struct net_change *c, struct str *out)
{
	bool is_v6 = strchr(c->cidr, ':');

	/* Quoted: brackets are a pattern to a shell, and to zsh an error where no file has such a name. */
	str_addf(out,
		 "aws ec2 authorize-security-group-%s --group-id %s --ip-permissions "
		 "'IpProtocol=%s,",
		 c->kind == NET_ALLOW_IN ? "ingress" : "egress", c->target, c->protocol);
	if (!str_eq(c->protocol, "-1"))
		str_addf(out, "FromPort=%lld,ToPort=%lld,", (long long)c->from, (long long)c->to);
	str_addf(out, is_v6 ? "Ipv6Ranges=[{CidrIpv6=%s}]'" : "IpRanges=[{CidrIp=%s}]'", c->cidr);
}

static void acl_command(const struct net_change *c, struct str *out)
{
	str_addf(out,
		 "aws ec2 create-network-acl-entry --network-acl-id %s --%s --rule-number %lld "
		 "--protocol %s ",
		 c->target, c->is_egress ? "egress" : "ingress", (long long)c->number, c->protocol);
	if (str_eq(c->protocol, "1") || str_eq(c->protocol, "58"))
		str_addf(out, "--icmp-type-code Type=%lld,Code=%lld ", (long long)c->from,
			 (long long)c->to);
	else if (!str_eq(c->protocol, "-1"))
		str_addf(out, "--port-range From=%lld,To=%lld ", (long long)c->from,
			 (long long)c->to);
	str_addf(out, "--%s %s --rule-action allow",
		 strchr(c->cidr, ':') ? "ipv6-cidr-block" : "cidr-block", c->cidr);
}

void net_change_command(const struct net_change *c, struct str *out)
{
	if (is_of_group(c))
		group_command(c, out);
	else if (c->kind == NET_ACL_ENTRY)
		acl_command(c, out);
	else if (c->kind == NET_SOURCE_CHECK)
		str_addf(out,
			 "aws ec2 modify-network-interface-attribute --network-interface-id %s "
			 "--no-source-dest-check",
			 c->target);
	else if (c->kind != NET_NO_CHANGE)
		str_addf(out,
			 "aws ec2 %s-route --route-table-id %s --destination-cidr-block %s %s %s",
			 c->kind == NET_CREATE_ROUTE ? "create" : "replace", c->target, c->cidr,
			 str_starts(c->by, "eni-") ? "--network-interface-id" : "--gateway-id",
			 c->by);
}

bool net_change_eq(const struct net_change *a, const struct net_change *b)
{
	return a->kind == b->kind && str_eq(a->target, b->target) &&
	       str_eq(a->protocol, b->protocol) && str_eq(a->cidr, b->cidr) && a->from == b->from &&
	       a->to == b->to && a->is_egress == b->is_egress;
}
