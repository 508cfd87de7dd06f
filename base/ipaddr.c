/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/ipaddr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t size_of(bool is_v6)
{
	return is_v6 ? 16 : 4;
}

int ip_parse(const char *text, struct ip *ret)
{
	struct ip ip = { .is_v6 = strchr(text, ':') != NULL };

	if (inet_pton(ip.is_v6 ? AF_INET6 : AF_INET, text, ip.b) != 1)
		return -1;
	*ret = ip;
	return 0;
}

void ip_mask_make(unsigned prefix, bool is_v6, uint8_t ret[16])
{
	memset(ret, 0, 16);
	for (unsigned i = 0; i < prefix && i < size_of(is_v6) * 8; i++)
		ret[i / 8] = (uint8_t)(ret[i / 8] | 0x80u >> i % 8);
}

int ip_mask_prefix(const uint8_t mask[16], bool is_v6)
{
	uint8_t whole[16];
	unsigned n = 0;

	while (n < size_of(is_v6) * 8 && mask[n / 8] & 0x80u >> n % 8)
		n++;
	ip_mask_make(n, is_v6, whole);
	return memcmp(whole, mask, size_of(is_v6)) ? -1 : (int)n;
}

int ip_netmask_parse(const char *text)
{
	struct ip ip;

	if (ip_parse(text, &ip) < 0 || ip.is_v6)
		return -1;
	return ip_mask_prefix(ip.b, false);
}

int ip_net_parse(const char *text, struct ip_net *ret)
{
	char addr[IP_TEXT_MAX];
	const char *slash = strchr(text, '/');
	struct ip_net net;
	unsigned long prefix;
	char *end;

	if (slash && (size_t)(slash - text) >= sizeof(addr))
		return -1;
	snprintf(addr, sizeof(addr), "%.*s", slash ? (int)(slash - text) : IP_TEXT_MAX, text);
	if (ip_parse(addr, &net.addr) < 0)
		return -1;
	prefix = size_of(net.addr.is_v6) * 8;
	if (slash) {
		if (slash[1] < '0' || slash[1] > '9')
			return -1;
		prefix = strtoul(slash + 1, &end, 10);
		if (*end || prefix > size_of(net.addr.is_v6) * 8)
			return -1;
	}
	ip_mask_make((unsigned)prefix, net.addr.is_v6, net.mask);
	*ret = net;
	return 0;
}

bool ip_in(const struct ip *ip, const struct ip_net *net)
{
	if (ip->is_v6 != net->addr.is_v6)
		return false;
	for (size_t i = 0; i < size_of(ip->is_v6); i++)
		if ((ip->b[i] ^ net->addr.b[i]) & net->mask[i])
			return false;
	return true;
}

bool ip_eq(const struct ip *a, const struct ip *b)
{
	return a->is_v6 == b->is_v6 && !memcmp(a->b, b->b, size_of(a->is_v6));
}

int ip_cmp(const struct ip *a, const struct ip *b)
{
	return memcmp(a->b, b->b, size_of(a->is_v6));
}

struct ip ip_net_first(const struct ip_net *net)
{
	struct ip ip = net->addr;

	for (size_t i = 0; i < size_of(ip.is_v6); i++)
		ip.b[i] &= net->mask[i];
	return ip;
}

struct ip ip_net_last(const struct ip_net *net)
{
	struct ip ip = net->addr;

	for (size_t i = 0; i < size_of(ip.is_v6); i++)
		ip.b[i] = (uint8_t)(ip.b[i] | (uint8_t)~net->mask[i]);
	return ip;
}

struct ip ip_add(const struct ip *ip, uint32_t n)
{
	struct ip sum = *ip;

	for (size_t i = size_of(ip->is_v6); i > 0 && n; i--) {
		n += sum.b[i - 1];
		sum.b[i - 1] = (uint8_t)n;
		n >>= 8;
	}
	return sum;
}

void ip_text(const struct ip *ip, char ret[IP_TEXT_MAX])
{
	inet_ntop(ip->is_v6 ? AF_INET6 : AF_INET, ip->b, ret, IP_TEXT_MAX);
}
