/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/ipaddr.h"
#include "checks/netplan.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

const char *const netplan_card_keys[] = { "renderer",
					  "dhcp4",
					  "dhcp6",
					  "dhcp-identifier",
					  "dhcp4-overrides",
					  "dhcp6-overrides",
					  "ipv6-mtu",
					  "ipv6-privacy",
					  "accept-ra",
					  "addresses",
					  "ipv6-address-generation",
					  "ipv6-address-token",
					  "gateway4",
					  "gateway6",
					  "nameservers",
					  "macaddress",
					  "mtu",
					  "optional",
					  "optional-addresses",
					  "activation-mode",
					  "routes",
					  "routing-policy",
					  "neigh-suppress",
					  "critical",
					  "link-local",
					  "ignore-carrier",
					  "openvswitch",
					  "auth",
					  "match",
					  "set-name",
					  "wakeonlan",
					  "wakeonwlan",
					  "emit-lldp",
					  "receive-checksum-offload",
					  "transmit-checksum-offload",
					  "tcp-segmentation-offload",
					  "tcp6-segmentation-offload",
					  "generic-segmentation-offload",
					  "generic-receive-offload",
					  "large-receive-offload",
					  "infiniband-mode",
					  "link",
					  "virtual-function-count",
					  "embedded-switch-mode",
					  "delay-virtual-functions-rebind",
					  "networkmanager",
					  "hairpin",
					  "port-mac-learning",
					  "ra-overrides",
					  NULL };
static const char *const network_keys[] = { "version",
					    "renderer",
					    "ethernets",
					    "wifis",
					    "modems",
					    "bridges",
					    "bonds",
					    "vlans",
					    "tunnels",
					    "vrfs",
					    "nm-devices",
					    "openvswitch",
					    "dummy-devices",
					    "virtual-ethernets",
					    NULL };
static const char *const match_keys[] = { "name", "macaddress", "driver", NULL };
static const char *const nameserver_keys[] = { "addresses", "search", NULL };
static const char *const override_keys[] = {
	"use-dns",    "use-domains",   "use-hostname", "use-mtu",      "use-ntp",
	"use-routes", "send-hostname", "hostname",     "route-metric", NULL
};
static const char *const route_keys[] = { "from",
					  "to",
					  "via",
					  "on-link",
					  "metric",
					  "type",
					  "scope",
					  "table",
					  "mtu",
					  "congestion-window",
					  "advertised-receive-window",
					  "advertised-mss",
					  NULL };
static const char *const root_keys[] = { "network", NULL };

/* What a card's values must be. Keys that are not here take anything. */
static const struct {
	const char *key;
	enum { IS_BOOLEAN, IS_NUMBER, IS_IPV4, IS_MAC, IS_RENDERER, IS_LIST, IS_MAP } kind;
} card_kinds[] = {
	{ "dhcp4", IS_BOOLEAN },     { "dhcp6", IS_BOOLEAN },	    { "accept-ra", IS_BOOLEAN },
	{ "optional", IS_BOOLEAN },  { "critical", IS_BOOLEAN },    { "wakeonlan", IS_BOOLEAN },
	{ "mtu", IS_NUMBER },	     { "gateway4", IS_IPV4 },	    { "macaddress", IS_MAC },
	{ "renderer", IS_RENDERER }, { "addresses", IS_LIST },	    { "routes", IS_LIST },
	{ "link-local", IS_LIST },   { "routing-policy", IS_LIST }, { "nameservers", IS_MAP },
	{ "match", IS_MAP },	     { "dhcp4-overrides", IS_MAP }, { "dhcp6-overrides", IS_MAP },
};

struct where {
	const struct yaml_node *key, *node, *map;
	const char *const *known;
};

static void add(struct netplan_errors *ret, enum netplan_fault fault, const struct where *w)
{
	vec_push(ret, ((struct netplan_error){ fault, w->key, w->node, w->map, w->known, NULL }));
}

static bool is_in(const char *const *list, const char *word)
{
	for (; *list; list++)
		if (str_eq(*list, word))
			return true;
	return false;
}

bool netplan_boolean(const char *text, bool *ret)
{
	static const char *const yes[] = { "true", "on", "yes", "y" };
	static const char *const no[] = { "false", "off", "no", "n" };

	for (size_t i = 0; i < ARRAY_LEN(yes); i++)
		if (!strcasecmp(text, yes[i]) || !strcasecmp(text, no[i])) {
			*ret = !strcasecmp(text, yes[i]);
			return true;
		}
	return false;
}

static bool is_mac(const char *text)
{
	size_t pairs = 0;

	for (;; pairs++) {
		if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]))
			return false;
		if (!text[2])
			return pairs + 1 == 6 || pairs + 1 == 20;
		if (text[2] != ':')
			return false;
		text += 3;
	}
}

/* Keys must be known; false: it is no map at all. */
static bool check_keys(const struct yaml_node *map, const struct yaml_node *key,
		       const struct yaml_node *outer, const char *const *known,
		       struct netplan_errors *ret)
{
	struct where w = { key, map, outer, NULL };

	if (!map || map->kind != YAML_MAP) {
		add(ret, NETPLAN_NO_MAP, &w);
		ret->items[ret->count - 1].known_below = known;
		return false;
	}
	for (const struct yaml_node *k = yaml_first_key(map); k; k = yaml_next_key(k)) {
		w = (struct where){ k, k, map, known };
		if (!k->value || (!is_in(known, k->value) && !str_starts(k->value, "x-")))
			add(ret, NETPLAN_UNKNOWN_KEY, &w);
	}
	return true;
}

/* "10.0.0.5/24", or a map of one such key. */
static void check_address(const struct yaml_node *node, const struct where *w,
			  struct netplan_errors *ret)
{
	const struct yaml_node *at = yaml_first_key(node) ? yaml_first_key(node) : node;
	const struct where here = { w->key, at, w->map, w->known };
	const char *text = yaml_text(at);
	struct ip_net net;
	struct ip ip;

	if (!text || !*text)
		add(ret, NETPLAN_BAD_ADDRESS, &here);
	else if (!strchr(text, '/'))
		add(ret, ip_parse(text, &ip) < 0 ? NETPLAN_BAD_ADDRESS : NETPLAN_NO_PREFIX, &here);
	else if (ip_net_parse(text, &net) < 0 || !isdigit((unsigned char)strchr(text, '/')[1]) ||
		 strchr(strchr(text, '/'), '.'))
		add(ret, NETPLAN_BAD_ADDRESS, &here);
}

static void check_routes(const struct yaml_node *list, const struct where *w,
			 struct netplan_errors *ret)
{
	for (const struct yaml_node *route = list->first; route; route = route->next) {
		const struct where here = { w->key, route, w->map, NULL };
		const char *to = yaml_text(yaml_get(route, "to"));
		const char *via = yaml_text(yaml_get(route, "via"));
		const char *type = yaml_text(yaml_get(route, "type"));
		const char *scope = yaml_text(yaml_get(route, "scope"));
		struct ip_net net;
		struct ip ip;
		bool is_plain = !scope && (!type || str_eq(type, "unicast"));

		if (route->kind == YAML_MAP)
			check_keys(route, w->key, w->map, route_keys, ret);
		if (route->kind != YAML_MAP || (is_plain && !to) ||
		    (is_plain && to && str_eq(to, "default") && !via) ||
		    (to && !str_eq(to, "default") && ip_net_parse(to, &net) < 0) ||
		    (via && ip_parse(via, &ip) < 0))
			add(ret, NETPLAN_BAD_ROUTE, &here);
	}
}

static void check_scalar(const struct yaml_node *node, int kind, const struct where *w,
			 struct netplan_errors *ret)
{
	const char *text = yaml_text(node);
	bool ignored;
	struct ip ip;

	if (!text)
		add(ret, NETPLAN_NO_SCALAR, w);
	else if (kind == IS_BOOLEAN && !netplan_boolean(text, &ignored))
		add(ret, NETPLAN_BAD_BOOLEAN, w);
	else if (kind == IS_NUMBER && (!*text || strspn(text, "0123456789") != strlen(text)))
		add(ret, NETPLAN_BAD_NUMBER, w);
	else if (kind == IS_IPV4 && (ip_parse(text, &ip) < 0 || ip.is_v6))
		add(ret, NETPLAN_BAD_ADDRESS, w);
	else if (kind == IS_RENDERER && !str_eq(text, "networkd") &&
		 !str_eq(text, "NetworkManager") && !str_eq(text, "sriov"))
		add(ret, NETPLAN_BAD_RENDERER, w);
}

static void check_list(const struct yaml_node *key, const struct where *w,
		       struct netplan_errors *ret)
{
	const struct yaml_node *list = key->next;

	if (list->kind != YAML_LIST) {
		add(ret, NETPLAN_NO_LIST, w);
		return;
	}
	if (str_eq(key->value, "addresses"))
		for (const struct yaml_node *a = list->first; a; a = a->next)
			check_address(a, w, ret);
	if (str_eq(key->value, "routes"))
		check_routes(list, w, ret);
}

static void check_below(const struct yaml_node *key, const struct yaml_node *card,
			struct netplan_errors *ret)
{
	const char *const *known = str_eq(key->value, "match")	       ? match_keys
				   : str_eq(key->value, "nameservers") ? nameserver_keys
								       : override_keys;
	const struct yaml_node *mac = yaml_get(key->next, "macaddress");
	const struct where w = { yaml_key(key->next, "macaddress"), mac, key->next, known };

	if (!check_keys(key->next, key, card, known, ret))
		return;
	if (known == match_keys && mac && (!yaml_text(mac) || !is_mac(yaml_text(mac))))
		add(ret, NETPLAN_BAD_MAC, &w);
	if (known != nameserver_keys)
		return;
	for (const struct yaml_node *k = yaml_first_key(key->next); k; k = yaml_next_key(k)) {
		const struct where list = { k, k->next, key->next, known };

		if (k->value && is_in(known, k->value) && k->next->kind != YAML_LIST)
			add(ret, NETPLAN_NO_LIST, &list);
	}
}

static void check_card(const struct yaml_node *id, const struct yaml_node *all,
		       struct netplan_errors *ret)
{
	const struct yaml_node *card = id->next;

	if (!check_keys(card, id, all, netplan_card_keys, ret))
		return;
	for (const struct yaml_node *k = yaml_first_key(card); k; k = yaml_next_key(k)) {
		const struct where w = { k, k->next, card, netplan_card_keys };

		for (size_t i = 0; k->value && i < ARRAY_LEN(card_kinds); i++) {
			if (!str_eq(k->value, card_kinds[i].key))
				continue;
			if (card_kinds[i].kind == IS_LIST)
				check_list(k, &w, ret);
			else if (card_kinds[i].kind == IS_MAP)
				check_below(k, card, ret);
			else
				check_scalar(k->next, card_kinds[i].kind, &w, ret);
		}
		if (k->value && str_eq(k->value, "set-name") && !yaml_get(card, "match"))
			add(ret, NETPLAN_NO_MATCH, &w);
	}
}

static bool has_any_key(const struct yaml_node *map, const char *const *keys)
{
	for (const struct yaml_node *k = yaml_first_key(map); k; k = yaml_next_key(k))
		if (k->value && is_in(keys, k->value))
			return true;
	return false;
}

static void check_network(const struct yaml_node *key, const struct yaml_node *root,
			  struct netplan_errors *ret)
{
	const struct yaml_node *network = key->next;
	const struct yaml_node *version = yaml_get(network, "version");
	const struct yaml_node *renderer = yaml_get(network, "renderer");
	const struct yaml_node *ethernets = yaml_get(network, "ethernets");
	bool is_after_empty = false;
	struct where w = { yaml_key(network, "version"), version, network, NULL };

	if (!check_keys(network, key, root, network_keys, ret))
		return;
	if (version && (!yaml_text(version) || !str_eq(yaml_text(version), "2")))
		add(ret, NETPLAN_BAD_VERSION, &w);
	w = (struct where){ yaml_key(network, "renderer"), renderer, network, NULL };
	if (renderer)
		check_scalar(renderer, IS_RENDERER, &w, ret);
	w = (struct where){ yaml_key(network, "ethernets"), ethernets, network, NULL };
	if (ethernets && ethernets->kind != YAML_MAP)
		add(ret, NETPLAN_NO_MAP, &w);
	for (const struct yaml_node *id = yaml_first_key(ethernets); id; id = yaml_next_key(id)) {
		/* "ens5:" with nothing below it, and its keys beside it: one error, not many. */
		bool is_lost = is_after_empty && id->value && is_in(netplan_card_keys, id->value);

		if (!is_lost) {
			check_card(id, ethernets, ret);
			is_after_empty = yaml_text(id->next) && !*yaml_text(id->next);
		}
	}
}

void netplan_validate(const struct yaml_node *root, struct netplan_errors *ret)
{
	const struct yaml_node *key = yaml_key(root, "network");

	if (!root || (root->kind == YAML_SCALAR && !*root->value))
		return; /* an empty file is none */
	if (has_any_key(root, network_keys) && (!key || key->next->kind != YAML_MAP)) {
		const struct where w = { key, key ? key->next : root, root, NULL };

		add(ret, key ? NETPLAN_NO_MAP : NETPLAN_NO_NETWORK, &w);
		ret->items[ret->count - 1].known_below = network_keys;
		return;
	}
	if (!check_keys(root, NULL, NULL, root_keys, ret))
		return;
	for (const struct yaml_node *k = yaml_first_key(root); k; k = yaml_next_key(k))
		if (k->value && str_eq(k->value, "network"))
			check_network(k, root, ret);
}

bool netplan_brings_a_card(const struct yaml_node *root)
{
	const struct yaml_node *all = yaml_get(yaml_get(root, "network"), "ethernets");

	for (const struct yaml_node *id = yaml_first_key(all); id; id = yaml_next_key(id)) {
		const char *dhcp = yaml_text(yaml_get(id->next, "dhcp4"));
		const struct yaml_node *addresses = yaml_get(id->next, "addresses");
		bool is_on = false;

		if ((dhcp && netplan_boolean(dhcp, &is_on) && is_on) ||
		    (addresses && addresses->first))
			return true;
	}
	return false;
}
