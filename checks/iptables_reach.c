/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/iptables_eval.h"

#define BOUNDS_MAX 20000u
#define WORK_MAX   20000000u /* rules looked at, over all addresses asked */

struct bounds {
	struct ip *items;
	size_t count, room;
	size_t rules;
	bool is_inexact; /* masks with holes, or too much of it */
	bool is_short;
};

static void add_bounds(struct bounds *bounds, const struct ipt_cond *cond)
{
	if (cond->kind != IPT_SRC && cond->kind != IPT_DST)
		return;
	bounds->is_short |= cond->is_short && cond->kind == IPT_SRC;
	bounds->is_inexact |= cond->ranges.count < cond->nets.count || bounds->count > BOUNDS_MAX;
	vec_foreach (range, &cond->ranges) {
		if (bounds->count > BOUNDS_MAX)
			return;
		vec_push(bounds, range->first);
		vec_push(bounds, ip_add(&range->last, 1));
	}
}

static int by_address(const void *a, const void *b)
{
	return ip_cmp(a, b);
}

/* Between two neighbouring bounds every rule treats all addresses alike. */
static void find_bounds(struct ipt_rules *rules, const struct ipt_host *host, struct bounds *ret)
{
	static const char *const private_v4[] = { "10.0.0.0/8",	    "172.16.0.0/12",
						  "192.168.0.0/16", "100.64.0.0/10",
						  "169.254.0.0/16", "127.0.0.0/8",
						  "224.0.0.0/3",    "0.0.0.0/8" };
	static const char *const private_v6[] = { "fc00::/7", "fe80::/10", "ff00::/8", "::/8" };
	const char *const *nets = rules->is_v6 ? private_v6 : private_v4;
	size_t count = rules->is_v6 ? ARRAY_LEN(private_v6) : ARRAY_LEN(private_v4);

	vec_push(ret, ((struct ip){ .is_v6 = rules->is_v6 }));
	for (size_t i = 0; i < count + host->vpc_count; i++) {
		struct ip_net net;
		struct ip last;

		if (i >= count)
			net = host->vpc[i - count];
		else if (ip_net_parse(nets[i], &net) < 0)
			continue;
		if (net.addr.is_v6 != rules->is_v6)
			continue;
		last = ip_net_last(&net);
		vec_push(ret, ip_net_first(&net));
		vec_push(ret, ip_add(&last, 1));
	}
	vec_foreach (table, &rules->tables)
		vec_foreach (chain, &(*table)->chains)
			vec_foreach (rule, &(*chain)->rules) {
				ret->rules++;
				vec_foreach (cond, &(*rule)->conds)
					add_bounds(ret, cond);
			}
	qsort(ret->items, ret->count, sizeof(*ret->items), by_address);
}

static bool is_in_any(const struct ip *ip, const struct ip_net *nets, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (ip_in(ip, &nets[i]))
			return true;
	return false;
}

static bool is_private(const struct ip *ip)
{
	const uint8_t *b = ip->b;

	if (ip->is_v6)
		return (b[0] & 0xfe) == 0xfc || (b[0] == 0xfe && (b[1] & 0xc0) == 0x80);
	return b[0] == 10 || (b[0] == 172 && (b[1] & 0xf0) == 16) || (b[0] == 192 && b[1] == 168) ||
	       (b[0] == 100 && (b[1] & 0xc0) == 64) || (b[0] == 169 && b[1] == 254);
}

static bool is_nobody(const struct ip *ip)
{
	if (ip->is_v6)
		return ip->b[0] == 0xff || ip->b[0] == 0;
	return ip->b[0] == 0 || ip->b[0] == 127 || ip->b[0] >= 224;
}

const char *ipt_stop_words(const struct ipt_stop *stop)
{
	if (stop->packet == 2)
		return "its answers are dropped by ";
	if (stop->packet == 3)
		return "the connection starts, but all that follows is dropped by ";
	return stop->is_away ? "it is sent elsewhere by " : "";
}

void ipt_reach(struct ipt_rules *rules, const struct ipt_host *host, uint16_t port,
	       struct ipt_reach *ret)
{
	struct bounds bounds = { 0 };
	enum ipt_verdict anyone;

	*ret = (struct ipt_reach){ 0 };
	anyone = ipt_ask(rules, host, port, NULL, &ret->stop);
	find_bounds(rules, host, &bounds);
	ret->is_short = bounds.is_short;
	if (anyone != IPT_UNSURE || bounds.is_inexact ||
	    (uint64_t)bounds.count * (bounds.rules + 1) > WORK_MAX) {
		ret->outside = ret->inside = ret->other = anyone;
		vec_done(&bounds);
		return;
	}
	for (size_t i = 0; i < bounds.count; i++) {
		const struct ip *ip = &bounds.items[i];
		struct ipt_stop stop = { 0 };
		enum ipt_verdict is, *of;

		if ((i > 0 && ip_eq(ip, ip - 1)) || is_nobody(ip))
			continue;
		is = ipt_ask(rules, host, port, ip, &stop);
		if (host->vpc_count ? is_in_any(ip, host->vpc, host->vpc_count) : is_private(ip))
			of = &ret->inside;
		else
			of = is_private(ip) ? &ret->other : &ret->outside;
		if (is > *of)
			*of = is;
		if (!ret->stop.packet || of == &ret->outside)
			ret->stop = stop.packet ? stop : ret->stop;
	}
	vec_done(&bounds);
}
