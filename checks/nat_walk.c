/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What rules, of iptables or nft, do with all packets of the hosts behind a NAT instance. */
#include "checks/nat_setup.h"

#define DEPTH_MAX 32u
/* Rules that are looked at: chains may lead to the same one again and again. */
#define WORK_MAX 200000u

enum tri { NO, YES, MAYBE };

struct packets {
	const struct nat_plan *plan;
	const struct ip_net *range;
	bool is_answer; /* from the outside back to the range */
	uint32_t work;
};

const struct ipt_cond *nat_cond(const struct ipt_rule *rule, enum ipt_cond_kind kind)
{
	vec_foreach (cond, &rule->conds)
		if (cond->kind == kind)
			return cond;
	return NULL;
}

/* How an address condition lies to the range: YES: takes it in, NO: apart from it, MAYBE: only a part. */
static enum tri meets(const struct ipt_cond *cond, const struct ip_net *net)
{
	struct ip first = ip_net_first(net), last = ip_net_last(net);
	enum tri result = cond->ranges.count ? NO : MAYBE;

	vec_foreach (range, &cond->ranges) {
		if (range->first.is_v6)
			continue;
		if (ip_cmp(&range->first, &first) <= 0 && ip_cmp(&range->last, &last) >= 0)
			return YES;
		if (ip_cmp(&range->first, &last) <= 0 && ip_cmp(&range->last, &first) >= 0)
			result = MAYBE;
	}
	return result;
}

/* Addresses that nobody on the internet has. */
static bool is_private(const struct ipt_range *range)
{
	static const char *const nets[] = { "0.0.0.0/8",      "10.0.0.0/8",	"100.64.0.0/10",
					    "127.0.0.0/8",    "169.254.0.0/16", "172.16.0.0/12",
					    "192.168.0.0/16", "224.0.0.0/3" };

	for (size_t i = 0; i < ARRAY_LEN(nets); i++) {
		struct ip_net net;

		if (!ip_net_parse(nets[i], &net) && ip_in(&range->first, &net) &&
		    ip_in(&range->last, &net))
			return true;
	}
	return false;
}

/* The outside is the internet: neither the range itself nor what is private. */
static enum tri meets_outside(const struct ipt_cond *cond, const struct ip_net *net)
{
	const struct ip none = { .b = { 0 } }, all = { .b = { 255, 255, 255, 255 } };
	struct ip first = ip_net_first(net), last = ip_net_last(net);
	bool is_within = cond->ranges.count > 0;

	vec_foreach (range, &cond->ranges) {
		if (!range->first.is_v6 && ip_cmp(&range->first, &none) <= 0 &&
		    ip_cmp(&range->last, &all) >= 0)
			return YES;
		is_within &= !range->first.is_v6 &&
			     (is_private(range) || (ip_cmp(&range->first, &first) >= 0 &&
						    ip_cmp(&range->last, &last) <= 0));
	}
	return is_within ? NO : MAYBE;
}

static bool is_named(const struct ipt_cond *cond, const char *name)
{
	size_t len = strlen(cond->name);

	return len && cond->name[len - 1] == '+' ? !strncmp(cond->name, name, len - 1)
						 : str_eq(cond->name, name);
}

/* The side of the range: any card, of which the outer one is the only one when there is no other. */
static enum tri meets_card(const struct packets *p, const struct ipt_cond *cond, bool is_outer)
{
	size_t count = p->plan->names.count, hits = 0;

	if (is_outer || count == 1)
		return is_named(cond, p->plan->out) ? YES : NO;
	for (size_t i = 1; i < count; i++)
		hits += is_named(cond, p->plan->names.items[i]);
	if (hits == count - 1)
		return YES;
	return hits ? MAYBE : NO;
}

static enum tri match_plainly(const struct packets *p, const struct ipt_cond *cond)
{
	switch (cond->kind) {
	case IPT_PROTO:
		return cond->value ? MAYBE : YES;
	case IPT_SRC:
		return p->is_answer ? meets_outside(cond, p->range) : meets(cond, p->range);
	case IPT_DST:
		return p->is_answer ? meets(cond, p->range) : meets_outside(cond, p->range);
	case IPT_IN:
		return meets_card(p, cond, p->is_answer);
	case IPT_OUT:
		return meets_card(p, cond, !p->is_answer);
	case IPT_STATE:
		return (cond->value & (p->is_answer ? IPT_ESTABLISHED : IPT_NEW)) ? YES : NO;
	case IPT_DST_TYPE:
	case IPT_SRC_TYPE:
		return (cond->value & IPT_UNICAST) ? YES : NO;
	case IPT_ORIGINAL:
		return p->is_answer ? NO : YES;
	case IPT_ALWAYS:
		return YES;
	case IPT_NEVER:
		return NO;
	default:
		return MAYBE;
	}
}

static enum tri match(const struct packets *p, const struct ipt_rule *rule)
{
	enum tri all = YES;

	vec_foreach (cond, &rule->conds) {
		enum tri is = match_plainly(p, cond);

		/* It is to be written whole, also where iptables fills it up to the right one. */
		if (cond->kind == IPT_SRC && cond->is_short && rule->target == IPT_NAT)
			return NO;
		if (cond->is_not && is != MAYBE)
			is = is == YES ? NO : YES;
		if (is == NO)
			return NO;
		if (is == MAYBE)
			all = MAYBE;
	}
	return all;
}

static enum nat_end walk(struct packets *p, const struct ipt_chain *chain, unsigned depth,
			 const struct ipt_rule **ret_rule)
{
	const struct ipt_rule *below;
	enum nat_end end;

	*ret_rule = NULL;
	vec_foreach (rule, &chain->rules) {
		if (++p->work > WORK_MAX)
			return NAT_UNSURE;
		if (match(p, *rule) != YES)
			continue;
		*ret_rule = *rule;
		switch ((*rule)->target) {
		case IPT_ACCEPT:
			return NAT_ACCEPTED;
		case IPT_DROP:
			return NAT_DROPPED;
		case IPT_NAT:
			return NAT_TRANSLATED;
		case IPT_SOMETHING:
			return NAT_UNSURE;
		case IPT_RETURN:
			return NAT_FALLS_OFF;
		case IPT_CHAIN:
			end = (*rule)->to && depth < DEPTH_MAX
				      ? walk(p, (*rule)->to, depth + 1, &below)
				      : NAT_UNSURE;
			if (end != NAT_FALLS_OFF || (*rule)->is_goto)
				return end;
			break;
		default:
			break;
		}
	}
	*ret_rule = NULL;
	return NAT_FALLS_OFF;
}

enum nat_end nat_walk(const struct nat_plan *plan, const struct ip_net *range, bool is_answer,
		      const struct ipt_chain *chain, const struct ipt_rule **ret_rule)
{
	struct packets p = { .plan = plan, .range = range, .is_answer = is_answer };
	const struct ipt_rule *ignored;

	return walk(&p, chain, 0, ret_rule ? ret_rule : &ignored);
}

/* Nothing in it but a source, a way out, and where it does not translate. */
static bool is_plain(const struct ipt_rule *rule)
{
	vec_foreach (cond, &rule->conds)
		if (!(cond->kind == IPT_SRC && !cond->is_not) &&
		    !(cond->kind == IPT_OUT && !cond->is_not) &&
		    !(cond->kind == IPT_DST && cond->is_not))
			return false;
	return rule->target == IPT_NAT;
}

static bool is_wanted_too(const struct nat_plan *plan, const struct ip_net *range,
			  const struct ipt_cond *source)
{
	vec_foreach (other, &plan->ranges)
		if (other != range && meets(source, other) == YES)
			return true;
	return false;
}

static bool is_absent(const struct nat_plan *plan, const struct ipt_cond *out)
{
	vec_foreach (name, &plan->names)
		if (is_named(out, *name))
			return false;
	return true;
}

bool nat_find_slip(const struct nat_plan *plan, const struct ip_net *range,
		   const struct ipt_chain *chain, struct nat_slip *ret)
{
	vec_foreach (rule, &chain->rules) {
		const struct ipt_cond *source = nat_cond(*rule, IPT_SRC);
		const struct ipt_cond *out = nat_cond(*rule, IPT_OUT);
		enum tri is_met = source ? meets(source, range) : YES;
		bool is_short = source && source->is_short;
		bool is_other_card = out && !is_named(out, plan->out);

		if (!is_plain(*rule) || (source && !is_short && is_wanted_too(plan, range, source)))
			continue;
		/* A whole range that is another one may be a VPN's; a name that is another card's,
		 * for these hosts, is a slip as one that no card has. */
		if (is_met == NO && !is_short)
			continue;
		*ret = (struct nat_slip){ .rule = *rule,
					  .is_source = is_short || is_met == MAYBE,
					  .is_out = is_other_card };
		if (!source && is_other_card && !is_absent(plan, out))
			continue; /* of everything that leaves by another card: hairpins */
		if (ret->is_source || ret->is_out)
			return true;
	}
	return false;
}

void nat_note_slip(const struct nat_plan *plan, const struct nat_slip *slip,
		   struct nat_mended *mended)
{
	const struct ipt_cond *out = slip->is_out ? nat_cond(slip->rule, IPT_OUT) : NULL;
	const char *card = out ? machine_quote(plan->machine, out->name, strlen(out->name)) : NULL;

	if (mended->slip || mended->did_not_translate || mended->was_shut)
		return;
	mended->slip_path = mem_strdup(mended->files.items[slip->rule->file].path);
	mended->slip_line = slip->rule->line;
	mended->slip = mem_printf("%s%s%s%s", slip->is_source ? " has another source" : "",
				  slip->is_source && card ? " and" : "",
				  card ? " leads out of " : "", card ?: "");
}

bool nat_lets_in(const struct nat_plan *plan, struct ipt_rules *rules)
{
	struct ipt_reach reach;
	uint16_t port;

	ipt_reach_sshd(rules, &plan->facts.host, &reach, &port);
	return reach.outside != IPT_BLOCKED || reach.inside != IPT_BLOCKED;
}

void nat_text_replace(struct str *text, size_t at, size_t len, const char *new)
{
	struct str next = STR_INIT;

	str_add_bytes(&next, text->s, at);
	str_add(&next, new);
	str_add_bytes(&next, text->s + at + len, text->len - at - len);
	str_done(text);
	*text = next;
}
