/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/iptables_values.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#define LIST_MAX 256

static void __attribute__((format(printf, 2, 3))) refuse(struct ipt_value *v, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!v->problem->len)
		str_add_escaped(v->problem, text, strlen(text));
}

/* One octet in any notation of strtoul, as iptables reads it: "010" is 8. */
static int octet(const char *text, size_t len)
{
	char copy[8], *end;
	unsigned long value;

	if (!len || len >= sizeof(copy) || !isdigit((unsigned char)*text))
		return -1;
	snprintf(copy, sizeof(copy), "%.*s", (int)len, text);
	value = strtoul(copy, &end, 0);
	return *end || value > 255 ? -1 : (int)value;
}

/* Up to four octets; missing ones are zero: "10.0" is 10.0.0.0. */
static bool read_v4(const char *text, struct ip *ret, bool *is_short)
{
	struct ip ip = { 0 };
	size_t n = 0;

	for (const char *at = text;; at++) {
		size_t len = strcspn(at, ".");
		int value = octet(at, len);

		if (value < 0 || n == 4)
			return false;
		ip.b[n++] = (uint8_t)value;
		at += len;
		if (!*at)
			break;
	}
	*ret = ip;
	*is_short = n < 4;
	return true;
}

static bool looks_numeric(const char *text, bool is_v6)
{
	if (is_v6)
		return strchr(text, ':') != NULL;
	return text[0] && text[strspn(text, "0123456789.")] == '\0';
}

/* "/24", "/255.255.255.0"; also masks with holes. */
static bool read_mask(const char *text, bool is_v6, uint8_t ret[16])
{
	unsigned max = is_v6 ? 128 : 32;
	struct ip ip;
	char *end;
	unsigned long prefix;

	memset(ret, 0, 16);
	if (!ip_parse(text, &ip) && ip.is_v6 == is_v6) {
		memcpy(ret, ip.b, 16);
		return true;
	}
	if (!isdigit((unsigned char)*text))
		return false;
	prefix = strtoul(text, &end, 0);
	if (*end || prefix > max)
		return false;
	ip_mask_make((unsigned)prefix, is_v6, ret);
	return true;
}

/* One address or network; false: only a resolver can tell, or `problem` is set. */
static bool read_net(struct ipt_value *v, char *text, struct ip_net *ret, bool *is_short)
{
	char *slash = strchr(text, '/');
	bool is_v6 = v->reading->is_v6, is_good;

	ip_mask_make(is_v6 ? 128 : 32, is_v6, ret->mask);
	if (slash) {
		*slash = '\0';
		if (!read_mask(slash + 1, is_v6, ret->mask)) {
			refuse(v, "\"%s\" is no mask", slash + 1);
			return false;
		}
		if (ip_mask_prefix(ret->mask, is_v6) == 0) { /* any name will do then */
			ret->addr = (struct ip){ .is_v6 = is_v6 };
			return true;
		}
	}
	if (is_v6)
		is_good = !ip_parse(text, &ret->addr) && ret->addr.is_v6;
	else
		is_good = read_v4(text, &ret->addr, is_short);
	if (!is_good && looks_numeric(text, is_v6))
		refuse(v, "\"%s\" is no address", text);
	return is_good;
}

void ipt_value_nets(struct ipt_value *v, enum ipt_cond_kind kind, const char *list)
{
	struct ipt_cond *cond = ipt_cond_add(v->rule, kind, v->is_not);
	cleanup(free) char *copy = mem_strdup(list);
	char *save = NULL;
	bool is_told = true;

	if (!*list)
		refuse(v, "an empty address");
	if (v->is_not && strchr(list, ','))
		refuse(v, "! cannot stand before a list of addresses");
	for (char *item = strtok_r(copy, ",", &save); item; item = strtok_r(NULL, ",", &save)) {
		struct ip_net net;

		item += strspn(item, " \t");
		if (cond->nets.count == LIST_MAX || !read_net(v, item, &net, &cond->is_short)) {
			is_told = false;
			continue;
		}
		if (ip_mask_prefix(net.mask, v->reading->is_v6) >= 0)
			vec_push(&cond->ranges,
				 ((struct ipt_range){ ip_net_first(&net), ip_net_last(&net) }));
		vec_push(&cond->nets, net);
	}
	if (!is_told)
		cond->kind = IPT_MAYBE;
}

static bool read_addr(const char *text, bool is_v6, struct ip *ret)
{
	bool ignored;

	if (is_v6)
		return !ip_parse(text, ret) && ret->is_v6;
	return read_v4(text, ret, &ignored);
}

void ipt_value_range(struct ipt_value *v, enum ipt_cond_kind kind, const char *range)
{
	struct ipt_cond *cond = ipt_cond_add(v->rule, kind, v->is_not);
	cleanup(free) char *copy = mem_strdup(range);
	char *dash = strchr(copy, '-');
	struct ipt_range r;

	if (dash)
		*dash = '\0';
	if (!read_addr(copy, v->reading->is_v6, &r.first) ||
	    !read_addr(dash ? dash + 1 : copy, v->reading->is_v6, &r.last)) {
		refuse(v, "\"%s\" is no range of addresses", range);
		return;
	}
	vec_push(&cond->ranges, r);
}

/* 1: read; 0: only the running system can tell; -1: refused. */
static int read_port(struct ipt_value *v, const char *text, uint16_t *ret)
{
	switch (ipt_port(v->reading, text, ret)) {
	case IPT_KNOWN:
		return 1;
	case IPT_NOT_TOLD:
		return 0;
	default:
		refuse(v, "\"%s\" is no port", text);
		return -1;
	}
}

void ipt_value_ports(struct ipt_value *v, enum ipt_cond_kind kind, const char *text, bool is_list)
{
	struct ipt_cond *cond = ipt_cond_add(v->rule, kind, v->is_not);
	cleanup(free) char *copy = mem_strdup(text);
	char *rest = copy, *item;
	unsigned slots = 0;

	while ((item = is_list ? strsep(&rest, ",") : rest)) {
		char *colon = strchr(item, ':');
		uint16_t first = 0, last = 65535;
		int told;

		if (!is_list)
			rest = NULL;
		if (colon)
			*colon = '\0';
		told = colon && !*item && !is_list ? 1 : read_port(v, item, &first);
		if (!colon)
			last = first;
		else if (told >= 0 && (colon[1] || is_list))
			told = read_port(v, colon + 1, &last) > 0 ? told : 0;
		slots += colon ? 2 : 1;
		if (told > 0 && (is_list ? colon && first >= last : first > last))
			refuse(v, "the range of ports \"%s\" runs backwards", text);
		if (slots > 15)
			refuse(v, "\"%s\" holds more than 15 ports", text);
		if (v->problem->len)
			return;
		if (told <= 0) {
			cond->kind = IPT_MAYBE;
			continue;
		}
		cond->ports[cond->port_count].first = first;
		cond->ports[cond->port_count++].last = last;
	}
}

void ipt_value_states(struct ipt_value *v, const char *list)
{
	static const struct {
		const char *name;
		enum ipt_state bit;
	} names[] = { { "NEW", IPT_NEW },
		      { "ESTABLISHED", IPT_ESTABLISHED },
		      { "RELATED", IPT_RELATED },
		      { "INVALID", IPT_INVALID },
		      { "UNTRACKED", IPT_UNTRACKED },
		      { "SNAT", IPT_SNATED },
		      { "DNAT", IPT_DNATED } };
	struct ipt_cond *cond = ipt_cond_add(v->rule, IPT_STATE, v->is_not);
	cleanup(free) char *copy = mem_strdup(list);
	char *rest = copy;

	for (char *item; (item = strsep(&rest, ","));) {
		size_t i = 0;

		while (i < ARRAY_LEN(names) &&
		       (!*item || strncasecmp(names[i].name, item, strlen(item))))
			i++; /* a beginning of the name is enough */
		if (i == ARRAY_LEN(names)) {
			refuse(v, "\"%s\" is no state", item);
			return;
		}
		cond->value |= names[i].bit;
	}
}

void ipt_value_mark(struct ipt_value *v, const char *text)
{
	struct ipt_cond *cond = ipt_cond_add(v->rule, IPT_MARK, v->is_not);
	char *end;

	cond->value = (uint32_t)strtoul(text, &end, 0);
	cond->mask = 0xffffffff;
	if (*end == '/')
		cond->mask = (uint32_t)strtoul(end + 1, &end, 0);
	if (*end)
		cond->kind = IPT_MAYBE;
}

void ipt_value_types(struct ipt_value *v, enum ipt_cond_kind kind, const char *list)
{
	struct ipt_cond *cond = ipt_cond_add(v->rule, kind, v->is_not);
	cleanup(free) char *copy = mem_strdup(list);
	char *rest = copy;

	for (char *item; (item = strsep(&rest, ","));)
		cond->value |= !strcasecmp(item, "LOCAL")     ? IPT_LOCAL
			       : !strcasecmp(item, "UNICAST") ? IPT_UNICAST
							      : IPT_OTHER_TYPE;
}

static bool read_flags(const char *list, uint32_t *ret)
{
	static const char *const names[] = { "FIN", "SYN", "RST", "PSH", "ACK", "URG" };
	cleanup(free) char *copy = mem_strdup(list);
	char *rest = copy;

	*ret = 0;
	for (char *item; (item = strsep(&rest, ","));) {
		size_t i = 0;

		if (!strcasecmp(item, "ALL"))
			*ret |= 0x3f;
		if (!strcasecmp(item, "ALL") || !strcasecmp(item, "NONE"))
			continue;
		while (i < ARRAY_LEN(names) && strcasecmp(names[i], item))
			i++;
		if (i == ARRAY_LEN(names))
			return false;
		*ret |= 1u << i;
	}
	return true;
}

void ipt_value_tcp_flags(struct ipt_value *v, const char *mask, const char *comp)
{
	struct ipt_cond *cond = ipt_cond_add(v->rule, IPT_TCP_FLAGS, v->is_not);

	if (!read_flags(mask, &cond->mask) || !read_flags(comp, &cond->value))
		refuse(v, "\"%s %s\" are no TCP flags", mask, comp);
}

void ipt_value_reject(struct ipt_value *v, const char *type)
{
	static const char *const v4[] = {
		"icmp-net-unreachable",
		"net-unreach",
		"icmp-host-unreachable",
		"host-unreach",
		"icmp-proto-unreachable",
		"proto-unreach",
		"icmp-port-unreachable",
		"port-unreach",
		"icmp-net-prohibited",
		"net-prohib",
		"icmp-host-prohibited",
		"host-prohib",
		"icmp-admin-prohibited",
		"admin-prohib",
		"tcp-reset",
		"tcp-rst",
		"echo-reply",
	};
	static const char *const v6[] = {
		"icmp6-no-route",
		"no-route",
		"icmp6-adm-prohibited",
		"adm-prohibited",
		"icmp6-addr-unreachable",
		"addr-unreach",
		"icmp6-port-unreachable",
		"port-unreach",
		"icmp6-policy-fail",
		"policy-fail",
		"icmp6-reject-route",
		"reject-route",
		"tcp-reset",
	};
	const char *const *names = v->reading->is_v6 ? v6 : v4;
	size_t count = v->reading->is_v6 ? ARRAY_LEN(v6) : ARRAY_LEN(v4);

	for (size_t i = 0; i < count; i++)
		if (!strncasecmp(names[i], type, strlen(type)))
			return;
	refuse(v, "REJECT knows no answer \"%s\"", type);
}

void ipt_value_to(struct ipt_value *v, const char *text, bool is_address)
{
	cleanup(free) char *copy = mem_strdup(text);
	char *port = copy, *addr = NULL;

	if (is_address) { /* 10.0.0.5:22, 10.0.0.1-10.0.0.9, [fd00::1]:22 */
		addr = copy[0] == '[' ? copy + 1 : copy;
		port = copy[0] == '[' ? strchr(copy, ']') : copy;
		if (copy[0] == '[' && port)
			*port++ = '\0';
		if (port && (copy[0] == '[' || !v->reading->is_v6))
			port = strchr(port, ':');
		else
			port = NULL;
		if (port)
			*port++ = '\0';
		addr[strcspn(addr, "-")] = '\0';
		v->rule->has_addr = !ip_parse(addr, &v->rule->addr);
		if (*addr && !v->rule->has_addr)
			v->rule->target = IPT_SOMETHING;
	}
	if (port && *port) {
		port[strcspn(port, "-")] = '\0';
		if (ipt_port(v->reading, port, &v->rule->port) != IPT_KNOWN)
			v->rule->target = IPT_SOMETHING;
	}
}
