/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_IPADDR_H
#define BASE_IPADDR_H

/* IPv4 and IPv6 addresses and networks, as configuration files write them. */

#include <stdbool.h>
#include <stdint.h>

#define IP_TEXT_MAX 48

struct ip {
	bool is_v6;
	uint8_t b[16]; /* network order; IPv4 in the first four */
};
struct ip_net {
	struct ip addr;	  /* host bits may be set */
	uint8_t mask[16]; /* any bits, also with holes, as iptables allows */
};

/* All four numbers, or an IPv6 address. 0, or -1 on anything else. */
int ip_parse(const char *text, struct ip *ret);
/* "10.0.1.0/24", "fd00::/8", an address alone; -1 on anything else. */
int ip_net_parse(const char *text, struct ip_net *ret);
/* The mask of a prefix length (0..32 or 0..128), and back: -1 for a mask with holes. */
void ip_mask_make(unsigned prefix, bool is_v6, uint8_t ret[16]);
int ip_mask_prefix(const uint8_t mask[16], bool is_v6);
/* "255.255.255.0" to 24; -1 on anything else. */
int ip_netmask_parse(const char *text);

bool ip_in(const struct ip *ip, const struct ip_net *net);
bool ip_eq(const struct ip *a, const struct ip *b);
int ip_cmp(const struct ip *a, const struct ip *b); /* same family */
/* First and last address of a network whose mask has no holes. */
struct ip ip_net_first(const struct ip_net *net);
struct ip ip_net_last(const struct ip_net *net);
/* The address `n` after this one; wraps. */
struct ip ip_add(const struct ip *ip, uint32_t n);
void ip_text(const struct ip *ip, char ret[IP_TEXT_MAX]);

#endif
