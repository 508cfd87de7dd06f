/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/nft_terms.h"

#include <ctype.h>
#include <stdio.h>

#define ALTERNATIVES_MAX 4096u

const struct nft_token *nft_next(const struct nft_token *at, const struct nft_token *to,
				 const char *separator)
{
	unsigned depth = 0;

	for (; at < to; at++) {
		depth += nft_is(at, "{");
		depth -= nft_is(at, "}") && depth > 0;
		if (!depth && nft_is(at, separator))
			return at;
	}
	return to;
}

/* --- selectors ---------------------------------------------------------------------------- */

struct known_selector {
	const char *a, *b;
	enum nft_selector_kind kind;
	enum { ANY, V4, V6, TCP, NOT_TCP } needs;
};

static const struct known_selector selectors[] = {
	{ "iif", NULL, NFT_IIF, ANY },		{ "iifname", NULL, NFT_IIF, ANY },
	{ "oif", NULL, NFT_OIF, ANY },		{ "oifname", NULL, NFT_OIF, ANY },
	{ "ip", "saddr", NFT_SADDR, V4 },	{ "ip", "daddr", NFT_DADDR, V4 },
	{ "ip", "protocol", NFT_PROTO, V4 },	{ "ip", "option", NFT_UNKNOWN, V4 },
	{ "ip", NULL, NFT_UNKNOWN, V4 }, /* and one word: ip dscp */
	{ "ip6", "saddr", NFT_SADDR, V6 },	{ "ip6", "daddr", NFT_DADDR, V6 },
	{ "ip6", "nexthdr", NFT_PROTO, V6 },	{ "ip6", NULL, NFT_UNKNOWN, V6 },
	{ "l4proto", NULL, NFT_PROTO, ANY },	{ "nfproto", NULL, NFT_FAMILY, ANY },
	{ "protocol", NULL, NFT_FAMILY, ANY },	{ "ether", "type", NFT_FAMILY, ANY },
	{ "ether", NULL, NFT_UNKNOWN, ANY },	{ "tcp", "sport", NFT_SPORT, TCP },
	{ "tcp", "dport", NFT_DPORT, TCP },	{ "tcp", "flags", NFT_TCP_FLAGS, TCP },
	{ "th", "sport", NFT_SPORT, TCP },	{ "th", "dport", NFT_DPORT, TCP },
	{ "udp", NULL, NFT_UNKNOWN, NOT_TCP },	{ "udplite", NULL, NFT_UNKNOWN, NOT_TCP },
	{ "sctp", NULL, NFT_UNKNOWN, NOT_TCP }, { "dccp", NULL, NFT_UNKNOWN, NOT_TCP },
	{ "icmp", NULL, NFT_UNKNOWN, NOT_TCP }, { "icmpv6", NULL, NFT_UNKNOWN, NOT_TCP },
	{ "igmp", NULL, NFT_UNKNOWN, NOT_TCP }, { "esp", NULL, NFT_UNKNOWN, NOT_TCP },
	{ "ah", NULL, NFT_UNKNOWN, NOT_TCP },	{ "arp", NULL, NFT_UNKNOWN, NOT_TCP },
	{ "ct", "state", NFT_STATE, ANY },	{ "mark", NULL, NFT_MARK, ANY },
	{ "pkttype", NULL, NFT_UNKNOWN, ANY },	{ "skuid", NULL, NFT_UNKNOWN, ANY },
	{ "skgid", NULL, NFT_UNKNOWN, ANY },
};

static bool is_needed_otherwise(const struct nft_reader *r, const struct known_selector *row)
{
	bool is_v6 = r->ret->rules.is_v6;

	return row->needs == NOT_TCP || (row->needs == V4 && is_v6) || (row->needs == V6 && !is_v6);
}

/* "fib daddr type": what else it may ask is not known here. */
static const struct nft_token *read_fib(const struct nft_token *at, const struct nft_token *to,
					struct nft_selector *ret)
{
	if (to - at < 3 || !nft_is(at + 2, "type"))
		return NULL;
	ret->kind = nft_is(at + 1, "daddr") ? NFT_DTYPE : NFT_STYPE;
	return at + 3;
}

const struct nft_token *nft_selector_read(const struct nft_reader *r, const struct nft_token *at,
					  const struct nft_token *to, struct nft_selector *ret)
{
	*ret = (struct nft_selector){ NFT_UNKNOWN, false, false };
	if (at < to && nft_is(at, "fib"))
		return read_fib(at, to, ret);
	if (at < to && nft_is(at, "meta"))
		at++;
	for (size_t i = 0; i < ARRAY_LEN(selectors); i++) {
		const struct known_selector *row = &selectors[i];
		bool has_second = row->b || row->needs == NOT_TCP ||
				  (row->kind == NFT_UNKNOWN && row->needs != ANY) ||
				  str_eq(row->a, "ether");

		if (at >= to || !nft_is(at, row->a) || (has_second && to - at < 2) ||
		    (row->b && !nft_is(at + 1, row->b)))
			continue;
		*ret = (struct nft_selector){ row->kind, is_needed_otherwise(r, row),
					      row->needs == V6 };
		return at + 1 + has_second;
	}
	return NULL;
}

/* --- values ------------------------------------------------------------------------------- */

static void conds_done(struct nft_alternative *alternative)
{
	vec_foreach (cond, &alternative->conds) {
		vec_done(&cond->nets);
		vec_done(&cond->ranges);
	}
	vec_done(&alternative->conds);
}

void nft_term_done(struct nft_term *term)
{
	vec_foreach (alternative, &term->any)
		conds_done(alternative);
	vec_done(&term->any);
}

static struct ipt_cond *add_cond(struct nft_alternative *to, enum ipt_cond_kind kind, bool is_not)
{
	struct ipt_cond *cond = vec_add(&to->conds);

	cond->kind = kind;
	cond->is_not = is_not;
	return cond;
}

void nft_term_maybe(struct nft_term *term)
{
	add_cond(vec_add(&term->any), IPT_MAYBE, false);
}

/* "a", "a-b" in one word or in three: ends are copied to the two buffers. */
static bool read_range(const struct nft_span *value, char first[64], char last[64])
{
	const struct nft_token *at = value->from;
	size_t count = (size_t)(value->to - at);
	const char *dash;

	if (count == 3 && nft_is(at + 1, "-")) {
		snprintf(first, 64, "%s", at->text);
		snprintf(last, 64, "%s", at[2].text);
		return true;
	}
	if (count == 2 && at[1].text[0] == '-' && at[1].text[1]) { /* fd00::1 -fd00::9 */
		snprintf(first, 64, "%s", at->text);
		snprintf(last, 64, "%s", at[1].text + 1);
		return true;
	}
	if (count != 1)
		return false;
	dash = strchr(at->text, '-');
	snprintf(first, 64, "%.*s", dash ? (int)(dash - at->text) : 63, at->text);
	snprintf(last, 64, "%s", dash && isdigit((unsigned char)at->text[0]) ? dash + 1 : at->text);
	if (!dash || !isdigit((unsigned char)at->text[0]))
		snprintf(first, 64, "%s", at->text);
	return true;
}

/* The range of ports; false: only the running system can tell. */
static bool read_ports(const struct nft_reader *r, const struct nft_span *value, enum nft_op op,
		       uint16_t *first, uint16_t *last)
{
	char a[64], b[64];

	if (!read_range(value, a, b) || ipt_port(&r->reading, a, first) != IPT_KNOWN ||
	    ipt_port(&r->reading, b, last) != IPT_KNOWN)
		return false;
	if (op == NFT_GT || op == NFT_GE) {
		*first += op == NFT_GT && *first < 65535;
		*last = 65535;
	} else if (op == NFT_LT || op == NFT_LE) {
		*last -= op == NFT_LT && *last > 0;
		*first = 0;
	}
	return true;
}

static bool read_addresses(const struct nft_selector *s, const struct nft_span *value,
			   struct ipt_range *range, struct ip_net *net, bool *is_net)
{
	char a[64], b[64];

	*is_net = false;
	if (value->to - value->from == 1 && !ip_net_parse(value->from->text, net) &&
	    net->addr.is_v6 == s->is_v6) {
		*is_net = true;
		*range = (struct ipt_range){ ip_net_first(net), ip_net_last(net) };
		return true;
	}
	return read_range(value, a, b) && !ip_parse(a, &range->first) &&
	       !ip_parse(b, &range->last) && range->first.is_v6 == s->is_v6 &&
	       range->last.is_v6 == s->is_v6;
}

static uint32_t state_bit(const char *name)
{
	static const struct {
		const char *name;
		enum ipt_state bit;
	} names[] = { { "new", IPT_NEW },
		      { "established", IPT_ESTABLISHED },
		      { "related", IPT_RELATED },
		      { "invalid", IPT_INVALID },
		      { "untracked", IPT_UNTRACKED } };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq(names[i].name, name))
			return names[i].bit;
	return 0;
}

static uint32_t flag_bit(const char *name)
{
	static const char *const names[] = {
		"fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr"
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq(names[i], name))
			return 1u << i;
	return 0;
}

/* A value that is one of few: is it ours? -1: not known. */
static int is_ours(const struct nft_reader *r, const struct nft_selector *s, const char *text)
{
	bool is_v6 = r->ret->rules.is_v6;

	if (s->kind == NFT_PROTO) /* no other name is an alias of tcp */
		return str_eq(text, "tcp") || str_eq(text, "6") || str_eq(text, "0x06");
	if (str_eq(text, "ip") || str_eq(text, "ipv4") || str_eq(text, "2") ||
	    str_eq(text, "0x0800"))
		return !is_v6;
	if (str_eq(text, "ip6") || str_eq(text, "ipv6") || str_eq(text, "10") ||
	    str_eq(text, "0x86dd"))
		return is_v6;
	return str_eq(text, "arp") || str_eq(text, "vlan") ? 0 : -1;
}

static void add_iface(struct nft_alternative *to, enum ipt_cond_kind kind, bool is_not,
		      const char *name)
{
	struct ipt_cond *cond = add_cond(to, kind, is_not);
	size_t len = strlen(name);

	snprintf(cond->name, sizeof(cond->name), "%s", name);
	if (len && len < sizeof(cond->name) && name[len - 1] == '*')
		cond->name[len - 1] = '+';
	if (len >= sizeof(cond->name))
		cond->kind = IPT_MAYBE;
}

static void add_type(struct nft_alternative *to, enum ipt_cond_kind kind, bool is_not,
		     const char *name)
{
	add_cond(to, kind, is_not)->value = str_eq(name, "local")     ? IPT_LOCAL
					    : str_eq(name, "unicast") ? IPT_UNICAST
								      : IPT_OTHER_TYPE;
}

/* "10.0.0/16": nft takes it for the name of a host, or refuses the syntax. */
static bool is_short_net(const char *text)
{
	size_t len = strspn(text, "0123456789."), dots = 0;

	for (size_t i = 0; i < len; i++)
		dots += text[i] == '.';
	return dots > 0 && dots < 3 && text[len] == '/' && isdigit((unsigned char)text[len + 1]);
}

/* One value as conditions of its own; negated each, which together is "none of them". */
static void add_one(const struct nft_reader *r, const struct nft_selector *s, enum nft_op op,
		    const struct nft_span *value, struct nft_alternative *to)
{
	const char *text = value->from < value->to ? value->from->text : "";
	bool is_not = op == NFT_NE, is_net;
	uint16_t first, last;
	struct ipt_cond *cond;
	struct ipt_range range;
	struct ip_net net;
	uint32_t state;
	char *end;
	int ours;

	switch (s->kind) {
	case NFT_IIF:
	case NFT_OIF:
		add_iface(to, s->kind == NFT_IIF ? IPT_IN : IPT_OUT, is_not, text);
		return;
	case NFT_SADDR:
	case NFT_DADDR:
		if (!s->is_v6 && is_short_net(text))
			nft_problem(r->ret, value->from, "%s is no network of four numbers", text);
		if ((op != NFT_EQ && !is_not) || !read_addresses(s, value, &range, &net, &is_net))
			break;
		cond = add_cond(to, s->kind == NFT_SADDR ? IPT_SRC : IPT_DST, is_not);
		vec_push(&cond->ranges, range);
		if (is_net)
			vec_push(&cond->nets, net);
		return;
	case NFT_SPORT:
	case NFT_DPORT:
		if (!read_ports(r, value, op, &first, &last))
			break;
		cond = add_cond(to, s->kind == NFT_SPORT ? IPT_SPORT : IPT_DPORT, is_not);
		cond->port_count = 1;
		cond->ports[0].first = first;
		cond->ports[0].last = last;
		return;
	case NFT_PROTO:
	case NFT_FAMILY:
		ours = value->to - value->from == 1 && (op == NFT_EQ || is_not)
			       ? is_ours(r, s, text)
			       : -1;
		if (ours < 0)
			break;
		add_cond(to, ours ? IPT_ALWAYS : IPT_NEVER, is_not);
		return;
	case NFT_STATE:
		state = state_bit(text);
		r->ret->rules.has_opaque |= !state;
		if (!state || value->to - value->from != 1)
			break;
		add_cond(to, IPT_STATE, is_not)->value = state;
		return;
	case NFT_DTYPE:
	case NFT_STYPE:
		add_type(to, s->kind == NFT_DTYPE ? IPT_DST_TYPE : IPT_SRC_TYPE, is_not, text);
		return;
	case NFT_MARK:
		cond = add_cond(to, IPT_MARK, is_not);
		cond->value = (uint32_t)strtoul(text, &end, 0);
		cond->mask = 0xffffffff;
		if (*end || !*text || value->to - value->from != 1 || (op != NFT_EQ && !is_not))
			cond->kind = IPT_MAYBE;
		return;
	default:
		break;
	}
	add_cond(to, IPT_MAYBE, false);
}

void nft_term_value(const struct nft_reader *r, const struct nft_selector *s,
		    const struct nft_span *value, struct nft_alternative *to)
{
	if (s->is_never)
		add_cond(to, IPT_NEVER, false);
	else if (s->kind == NFT_TCP_FLAGS ||
		 (value->to - value->from == 1 && nft_is(value->from, "*"))) /* all others */
		add_cond(to, IPT_MAYBE, false);
	else
		add_one(r, s, NFT_EQ, value, to);
}

/* "syn", "syn,ack" without braces: one of them is set. */
static void add_flags(const struct nft_span *values, enum nft_op op, struct nft_term *term)
{
	struct nft_alternative *to = vec_add(&term->any);
	uint32_t bits = 0;
	struct ipt_cond *cond;

	for (const struct nft_token *at = values->from; at < values->to; at++) {
		uint32_t bit = flag_bit(at->text);

		if (!bit && !nft_is(at, ",") && !nft_is(at, "|")) {
			add_cond(to, IPT_MAYBE, false);
			return;
		}
		bits |= bit;
	}
	cond = add_cond(to, bits > 0x3f || op != NFT_EQ ? IPT_MAYBE : IPT_TCP_FLAGS, true);
	cond->mask = bits;
	if (cond->kind == IPT_MAYBE)
		cond->is_not = false;
}

/* Values of one kind that one condition holds together. */
static bool merge(struct ipt_cond *into, struct ipt_cond *from)
{
	if (into->kind != from->kind || from->kind == IPT_MAYBE)
		return false;
	if (into->kind == IPT_STATE || into->kind == IPT_DST_TYPE || into->kind == IPT_SRC_TYPE) {
		into->value |= from->value;
		return true;
	}
	if ((into->kind == IPT_SPORT || into->kind == IPT_DPORT) &&
	    into->port_count < ARRAY_LEN(into->ports)) {
		into->ports[into->port_count++] = from->ports[0];
		return true;
	}
	if (into->kind != IPT_SRC && into->kind != IPT_DST)
		return false;
	/* Networks and ranges together are ranges. */
	vec_push(&into->ranges, from->ranges.items[0]);
	if (into->nets.count && from->nets.count)
		vec_push(&into->nets, from->nets.items[0]);
	else
		vec_done(&into->nets);
	return true;
}

void nft_term_values(const struct nft_reader *r, const struct nft_selector *s, enum nft_op op,
		     const struct nft_span *values, struct nft_term *term)
{
	struct nft_alternative none_of = { 0 };

	if (s->is_never || values->from == values->to) {
		add_cond(vec_add(&term->any), s->is_never ? IPT_NEVER : IPT_MAYBE, false);
		return;
	}
	if (s->kind == NFT_TCP_FLAGS) {
		add_flags(values, op, term);
		return;
	}
	for (const struct nft_token *at = values->from; at < values->to;) {
		const struct nft_token *end = nft_next(at, values->to, ",");
		const struct nft_span value = { at, end };
		struct nft_alternative one = { 0 };

		at = end + 1;
		if (end == value.from)
			continue;
		add_one(r, s, op, &value, op == NFT_NE ? &none_of : &one);
		if (op == NFT_NE)
			continue;
		if (term->any.count && merge(&term->any.items[term->any.count - 1].conds.items[0],
					     &one.conds.items[0]))
			conds_done(&one);
		else if (term->any.count < ALTERNATIVES_MAX)
			vec_push(&term->any, one);
		else {
			conds_done(&one);
			nft_term_maybe(term);
			return;
		}
	}
	if (op == NFT_NE)
		vec_push(&term->any, none_of);
}
