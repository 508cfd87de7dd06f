/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_NETPLAN_H
#define CHECKS_NETPLAN_H

/* netplan's YAML: what its generator refuses, and what the files together say of the network cards.
 * Any error in any file keeps the generator from writing anything.
 *
 * Source: netplan(5); the messages and verdicts of `netplan generate` 0.106. */

#include "checks/machine.h"
#include "checks/nic_address.h"
#include "fs/yaml.h"

/* ---- one file: what is refused in it --------------------------------------------------------- */

enum netplan_fault {
	NETPLAN_UNKNOWN_KEY,
	NETPLAN_BAD_BOOLEAN,
	NETPLAN_BAD_NUMBER,
	NETPLAN_BAD_RENDERER,
	NETPLAN_BAD_ADDRESS,
	NETPLAN_NO_PREFIX, /* an address without /24 */
	NETPLAN_BAD_MAC,
	NETPLAN_NO_MAP,	 /* something else, or nothing, where keys must be */
	NETPLAN_NO_LIST, /* a single word where a list must be */
	NETPLAN_NO_SCALAR,
	NETPLAN_NO_MATCH, /* set-name without match */
	NETPLAN_BAD_VERSION,
	NETPLAN_BAD_ROUTE,  /* without to or via */
	NETPLAN_NO_NETWORK, /* "ethernets" and the like without "network" above them */
};
struct netplan_error {
	enum netplan_fault fault;
	const struct yaml_node
		*key; /* whose value it is; for an unknown key the key itself; NULL: the
					   document itself is wrong */
	const struct yaml_node *node;	/* that is wrong; never NULL */
	const struct yaml_node *map;	/* that the key is in */
	const char *const *known;	/* keys that may stand there; NULL */
	const char *const *known_below; /* NETPLAN_NO_MAP: keys that its map may have */
};
VEC_TYPE(netplan_errors, struct netplan_error);
void netplan_validate(const struct yaml_node *root, struct netplan_errors *ret);
/* Keys of one card's map, ending with NULL. */
extern const char *const netplan_card_keys[];
bool netplan_boolean(const char *text, bool *ret); /* false: netplan does not take it */
/* A card would get an address by this document. */
bool netplan_brings_a_card(const struct yaml_node *root);

/* ---- all files together ---------------------------------------------------------------------- */

struct netplan_file {
	char *path;
	const struct str *text;
	struct yaml_doc doc;
	struct netplan_errors errors;
};
struct netplan_value {			 /* where the word that counts stands */
	const struct netplan_file *file; /* NULL: it is not set */
	const struct yaml_node *key, *node;
};
struct netplan_card {
	char *id;
	struct netplan_value at; /* node: its map in the last file that has it */
	struct netplan_value match_name, match_mac, match, set_name, dhcp4, dhcp6, gateway4,
		renderer;
	struct netplan_value mtu, ipv6_mtu, activation;
	struct netplan_value use_routes, use_mtu;	 /* of dhcp4-overrides */
	VEC(struct netplan_value) addresses;		 /* IPv4 and IPv6, with their prefix */
	struct netplan_value default_via;		 /* of routes: to default or 0.0.0.0/0 */
	bool has_dhcp4, has_routes, has_driver, is_part; /* part of a bridge, bond or VLAN */
};
struct netplan {
	VEC(struct netplan_file *) files; /* in the order in which they are merged */
	VEC(struct netplan_card) cards;
	struct netplan_value renderer; /* of all */
	bool is_refused;	       /* some file has an error */
	bool has_others;	       /* bridges, bonds, tunnels, wireless */
};
/* Worked out once and kept. NULL: netplan is not used here. */
const struct netplan *netplan_model(const struct machine *);

#endif
