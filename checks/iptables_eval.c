/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/iptables_eval.h"

#define DEPTH_MAX 64u
#define FINALS	  8u /* different ports to which nat may send the connection */

enum tri { NO, YES, MAYBE };
enum outcome { PASS = 1, DROPPED = 2, FELL_OFF = 4, AWAY = 8, HERE = 16, GO_ON = 32 };

struct walk {
	struct ipt_rules *rules;
	const struct ipt_host *host;
	const struct ip *client, *self; /* NULL: unknown */
	const char *iface;		/* NULL: unknown */
	uint16_t port;			/* ours, as this packet carries it */
	bool is_out;
	uint8_t flags;	      /* TCP */
	enum ipt_state state; /* when tracked */
	enum tri untracked;
	bool has_marks, is_nated;
	uint16_t finals[FINALS];
	unsigned final_count;
	uint32_t generation;
};

static bool is_virtual(const char *name)
{
	static const char *const prefixes[] = {
		"lo",	 "docker", "br-",	"virbr", "veth",    "tun",   "tap",
		"wg",	 "lxc",	   "lxd",	"cni",	 "flannel", "cali",  "cilium",
		"kube",	 "ppp",	   "sit",	"gre",	 "vxlan",   "dummy", "vnet",
		"vmnet", "zt",	   "tailscale", "ipsec", "podman",  "weave",
	};

	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (str_starts(name, prefixes[i]))
			return true;
	return false;
}

static enum tri match_iface(const struct walk *w, const struct ipt_cond *cond)
{
	size_t len = strlen(cond->name);
	bool is_wild = len > 0 && cond->name[len - 1] == '+', is_it;

	if (is_wild && len == 1)
		return YES;
	if ((cond->kind == IPT_OUT) != w->is_out)
		return NO; /* there is no such interface on this side */
	if (w->iface) {
		is_it = is_wild ? !strncmp(cond->name, w->iface, len - 1)
				: str_eq(cond->name, w->iface);
		if (is_it)
			return YES;
		return w->host->has_all_ifaces || is_virtual(cond->name) ? NO : MAYBE;
	}
	return is_virtual(cond->name) ? NO : MAYBE;
}

static bool is_any(const struct ip_net *net)
{
	return ip_mask_prefix(net->mask, net->addr.is_v6) == 0;
}

/* Addresses that no host on the network has: loopback, multicast, broadcast. */
static bool is_nobody(const struct ip *ip)
{
	if (ip->is_v6)
		return ip->b[0] == 0xff || (ip->b[0] == 0 && ip->b[15] <= 1);
	return ip->b[0] == 0 || ip->b[0] == 127 || ip->b[0] >= 224;
}

static enum tri match_addr(const struct ipt_cond *cond, const struct ip *addr)
{
	bool is_possible = false;

	if (addr) {
		vec_foreach (net, &cond->nets)
			if (ip_in(addr, net))
				return YES;
		vec_foreach (range, &cond->ranges)
			if (!cond->nets.count && ip_cmp(addr, &range->first) >= 0 &&
			    ip_cmp(addr, &range->last) <= 0)
				return YES;
		return NO;
	}
	vec_foreach (net, &cond->nets) {
		if (is_any(net))
			return YES;
		is_possible |= !is_nobody(&net->addr);
	}
	vec_foreach (range, &cond->ranges)
		is_possible |= !is_nobody(&range->first) || !is_nobody(&range->last);
	return is_possible ? MAYBE : NO;
}

/* The client's port is one of 1024 to 65535, whichever; ours is known. */
static enum tri match_port(const struct ipt_cond *cond, bool is_ours, uint16_t port)
{
	uint32_t covered = 0;

	for (unsigned i = 0; i < cond->port_count; i++) {
		uint32_t first = cond->ports[i].first, last = cond->ports[i].last;

		if (is_ours && port >= first && port <= last)
			return YES;
		if (!is_ours && last >= 1024)
			covered += last - (first < 1024 ? 1024 : first) + 1;
	}
	if (is_ours || !covered)
		return NO;
	return covered >= 65536 - 1024 ? YES : MAYBE;
}

static enum tri match_state(const struct walk *w, uint32_t value)
{
	bool as_tracked = (value & w->state) || (w->is_nated && (value & IPT_DNATED));
	bool as_untracked = value & IPT_UNTRACKED;

	if (w->untracked == MAYBE)
		return as_tracked == as_untracked ? (enum tri)as_tracked : MAYBE;
	return w->untracked == YES ? as_untracked : as_tracked;
}

static enum tri match_type(const struct walk *w, const struct ipt_cond *cond)
{
	bool is_local = (cond->kind == IPT_DST_TYPE) != w->is_out;

	return (cond->value & (is_local ? IPT_LOCAL : IPT_UNICAST)) != 0;
}

static enum tri match_plainly(const struct walk *w, const struct ipt_cond *cond)
{
	enum tri a, b;

	switch (cond->kind) {
	case IPT_PROTO:
		return cond->value == 0 || cond->value == 6;
	case IPT_SRC:
		return match_addr(cond, w->is_out ? w->self : w->client);
	case IPT_DST:
		return match_addr(cond, w->is_out ? w->client : w->self);
	case IPT_IN:
	case IPT_OUT:
		return match_iface(w, cond);
	case IPT_SPORT:
		return match_port(cond, w->is_out, w->port);
	case IPT_DPORT:
		return match_port(cond, !w->is_out, w->port);
	case IPT_PORT:
		a = match_port(cond, true, w->port);
		b = match_port(cond, false, w->port);
		return a == YES || b == YES ? YES : a == MAYBE || b == MAYBE ? MAYBE : NO;
	case IPT_STATE:
		return match_state(w, cond->value);
	case IPT_TCP_FLAGS:
		/* Whether a later packet carries PSH is the client's choice. */
		if (w->state == IPT_ESTABLISHED && !w->is_out && (cond->mask & 0x08))
			return MAYBE;
		return (w->flags & cond->mask) == cond->value;
	case IPT_MARK:
		return w->has_marks ? MAYBE : cond->value == 0;
	case IPT_DST_TYPE:
	case IPT_SRC_TYPE:
		return match_type(w, cond);
	case IPT_ORIGINAL:
		return !w->is_out;
	case IPT_ALWAYS:
		return YES;
	case IPT_NEVER:
		return NO;
	default:
		return MAYBE;
	}
}

static enum tri match(const struct walk *w, const struct ipt_rule *rule)
{
	enum tri all = YES;

	vec_foreach (cond, &rule->conds) {
		enum tri is = match_plainly(w, cond);

		if (cond->is_not && is != MAYBE)
			is = is == YES ? NO : YES;
		if (is == NO)
			return NO;
		if (is == MAYBE)
			all = MAYBE;
	}
	return all;
}

static bool listens(const struct walk *w, uint16_t port)
{
	for (size_t i = 0; i < w->host->port_count; i++)
		if (w->host->ports[i] == port)
			return true;
	return false;
}

static unsigned send_to(struct walk *w, uint16_t port)
{
	if (!listens(w, port))
		return AWAY;
	for (unsigned i = 0; i < w->final_count; i++)
		if (w->finals[i] == port)
			return HERE;
	if (w->final_count == FINALS)
		return HERE | AWAY;
	w->finals[w->final_count++] = port;
	return HERE;
}

static unsigned nat_to(struct walk *w, const struct ipt_rule *rule)
{
	uint16_t port = rule->port ? rule->port : w->port;
	bool is_own = !rule->has_addr || (!rule->addr.is_v6 && rule->addr.b[0] == 127);

	for (size_t i = 0; i < w->host->addr_count && !is_own; i++)
		is_own = ip_eq(&w->host->addrs[i], &rule->addr);
	if (is_own)
		return send_to(w, port);
	return w->host->addr_count ? AWAY : AWAY | send_to(w, port);
}

static unsigned walk_chain(struct walk *w, struct ipt_chain *chain, bool is_certain,
			   unsigned depth);

/* What becomes of a packet that the rule takes: bits of enum outcome. */
static unsigned apply(struct walk *w, const struct ipt_rule *rule, bool is_certain, unsigned depth)
{
	unsigned below;

	switch (rule->target) {
	case IPT_ACCEPT:
	case IPT_NAT:
		return PASS;
	case IPT_DROP:
		return DROPPED;
	case IPT_RETURN:
		return FELL_OFF;
	case IPT_CHAIN:
		below = walk_chain(w, rule->to, is_certain, depth + 1);
		if (!(below & FELL_OFF))
			return below;
		/* A goto comes back to whoever called this chain. */
		return rule->is_goto ? below : (below & ~(unsigned)FELL_OFF) | GO_ON;
	case IPT_NOTRACK:
		w->untracked = is_certain ? YES : w->untracked == NO ? MAYBE : w->untracked;
		return GO_ON;
	case IPT_SET_MARK:
		w->has_marks = true;
		return GO_ON;
	case IPT_REDIRECT:
	case IPT_DNAT:
		return nat_to(w, rule);
	case IPT_SOMETHING:
		return PASS | DROPPED | GO_ON;
	default:
		return GO_ON;
	}
}

static unsigned walk_chain(struct walk *w, struct ipt_chain *chain, bool is_certain, unsigned depth)
{
	unsigned all = 0;

	/* The same packet meets the same end in a chain however it got there. */
	if (chain->generation == w->generation)
		return chain->outcome;
	if (depth > DEPTH_MAX || chain->is_being_walked)
		return PASS | DROPPED | FELL_OFF;
	chain->is_being_walked = true;
	vec_foreach (rule, &chain->rules) {
		enum tri is = match(w, *rule);
		unsigned end;

		if (is == NO)
			continue;
		end = apply(w, *rule, is_certain && is == YES, depth);
		all |= end & ~(unsigned)GO_ON;
		if (is == YES && !(end & GO_ON))
			goto done;
		if (end & ~(unsigned)GO_ON)
			is_certain = false;
	}
	all |= FELL_OFF;
done:
	chain->is_being_walked = false;
	chain->generation = w->generation;
	chain->outcome = all;
	return all;
}

/* The rule that certainly ends it in this chain, seen from the built-in chain down. */
static const struct ipt_rule *blame(struct walk *w, struct ipt_chain *chain)
{
	vec_foreach (rule, &chain->rules) {
		unsigned end;

		if (match(w, *rule) != YES)
			continue;
		end = apply(w, *rule, false, 0);
		if (end & (GO_ON | PASS | HERE | FELL_OFF))
			continue;
		return *rule;
	}
	return NULL;
}

/* One built-in chain. Returns outcome bits without FELL_OFF; fills `stop` when nothing passes. */
static unsigned pass_through(struct walk *w, const struct ipt_base *base, unsigned packet,
			     struct ipt_stop *stop)
{
	struct ipt_chain *chain = base->chain;
	unsigned end;

	w->generation = ++w->rules->generation;
	end = walk_chain(w, chain, true, 0);
	if (end & FELL_OFF)
		end = (end & ~(unsigned)FELL_OFF) | (chain->policy == IPT_DROP ? DROPPED : PASS);
	if (!(end & (PASS | HERE)) && !stop->packet) {
		const struct ipt_rule *rule = blame(w, chain), *inner = rule;

		for (unsigned depth = 0; inner && inner->to && depth < DEPTH_MAX; depth++) {
			const struct ipt_rule *below = blame(w, inner->to);

			if (!below)
				break;
			inner = below;
		}
		*stop = (struct ipt_stop){ packet, base->table, chain,
					   rule,   inner,	(end & AWAY) != 0 };
	}
	return end;
}

static enum ipt_verdict verdict_of(unsigned end)
{
	if (!(end & (PASS | HERE)))
		return IPT_BLOCKED;
	return end & (DROPPED | AWAY) ? IPT_UNSURE : IPT_OPEN;
}

static enum ipt_verdict through(struct walk *w, enum ipt_hook hook, unsigned packet,
				struct ipt_stop *stop)
{
	enum ipt_verdict worst = IPT_OPEN;

	vec_foreach (base, &w->rules->bases[hook]) {
		enum ipt_verdict is = verdict_of(pass_through(w, base, packet, stop));

		if (is < worst)
			worst = is;
	}
	return worst;
}

/* The first chain that translates decides; without one, nothing is translated. */
static unsigned translate(struct walk *w, struct ipt_stop *stop)
{
	unsigned all = 0;

	vec_foreach (base, &w->rules->bases[IPT_TRANSLATE]) {
		unsigned end = pass_through(w, base, 1, stop);

		all |= end & ~(unsigned)PASS;
		if (!(end & PASS))
			return all;
	}
	return all | PASS;
}

/* From nat on: the packets of a connection to our port `port` after translation. */
static enum ipt_verdict ask_port(struct walk w, uint16_t port, struct ipt_stop *stop)
{
	uint16_t asked = w.port;
	enum ipt_verdict worst, is;

	w.is_nated = port != asked;
	w.port = port;
	worst = through(&w, IPT_INWARD, 1, stop);
	w.state = IPT_ESTABLISHED;
	w.is_out = true;
	w.flags = 0x12; /* SYN, ACK */
	if (w.untracked != NO)
		w.untracked = MAYBE;
	is = through(&w, IPT_OUTWARD, 2, stop);
	worst = is < worst ? is : worst;
	w.is_out = false;
	w.flags = 0x10;
	is = through(&w, IPT_BEFORE, 3, stop);
	worst = is < worst ? is : worst;
	is = through(&w, IPT_INWARD, 3, stop);
	return is < worst ? is : worst;
}

static bool sets_marks(struct ipt_rules *rules)
{
	vec_foreach (table, &rules->tables)
		vec_foreach (chain, &(*table)->chains)
			vec_foreach (rule, &(*chain)->rules)
				if ((*rule)->target == IPT_SET_MARK)
					return true;
	return false;
}

static enum ipt_verdict ask_one(struct walk *w, struct ipt_stop *stop)
{
	enum ipt_verdict worst = through(w, IPT_BEFORE, 1, stop), best = IPT_BLOCKED;
	unsigned nat = w->untracked == YES ? PASS : translate(w, stop);
	enum ipt_verdict is = verdict_of(nat), least = IPT_OPEN;

	worst = is < worst ? is : worst;
	if (nat & PASS && w->final_count < FINALS)
		w->finals[w->final_count++] = w->port;
	for (unsigned i = 0; i < w->final_count; i++) {
		is = ask_port(*w, w->finals[i], stop);
		best = is > best ? is : best;
		least = is < least ? is : least;
	}
	/* Which port it will be is not certain when there are several. */
	if (best == IPT_OPEN && least != IPT_OPEN)
		best = IPT_UNSURE;
	return best < worst ? best : worst;
}

enum ipt_verdict ipt_ask(struct ipt_rules *rules, const struct ipt_host *host, uint16_t port,
			 const struct ip *src, struct ipt_stop *ret_stop)
{
	enum ipt_verdict best = IPT_BLOCKED;
	struct ipt_stop first = { 0 };
	bool has_marks = sets_marks(rules);
	size_t addrs = host->addr_count ? host->addr_count : 1;
	size_t ifaces = host->iface_count ? host->iface_count : 1;

	for (size_t i = 0; i < addrs * ifaces; i++) {
		struct ipt_stop stop = { 0 };
		struct walk w = { .rules = rules,
				  .host = host,
				  .client = src,
				  .self = host->addr_count ? &host->addrs[i / ifaces] : NULL,
				  .iface = host->iface_count ? host->ifaces[i % ifaces] : NULL,
				  .port = port,
				  .flags = 0x02,
				  .state = IPT_NEW,
				  .has_marks = has_marks };
		enum ipt_verdict is = ask_one(&w, &stop);

		if (is > best)
			best = is;
		if (!first.packet)
			first = stop;
	}
	if (ret_stop)
		*ret_stop = first;
	return best;
}
