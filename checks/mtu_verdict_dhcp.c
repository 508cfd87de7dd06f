/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the DHCP clients that have no configuration of the card itself make of the MTU in an offer. */
#include "checks/dhclient_statements.h"
#include "checks/mtu_places_parts.h"

static bool is_red_hats(const struct machine *machine)
{
	return machine_os_is_like(machine, "rhel") || machine_os_is_like(machine, "fedora") ||
	       str_eq(machine_os(machine)->id, "amzn");
}

/* The file that is read for the card: /etc/dhcp/dhclient-eth0.conf goes before dhclient.conf. */
static bool is_read_for(const struct machine *machine, const struct mtu_place *place,
			const char *card)
{
	const char *base = strrchr(place->path, '/') + 1;
	cleanup(free) char *own = mem_printf("/etc/dhcp/dhclient-%s.conf", card);
	cleanup(free) char *old = mem_printf("/etc/dhclient-%s.conf", card);
	bool has_own =
		tree_exists(machine_tree(machine), own) || tree_exists(machine_tree(machine), old);

	if (str_eq(base, "dhclient.conf"))
		return !has_own;
	return !str_starts(base, "dhclient-") || !str_ends(base, ".conf") ||
	       str_eq(place->path, own) || str_eq(place->path, old);
}

static struct mtu_end dhclient_end(const struct machine *machine, const char *card)
{
	const struct mtu_places *places = mtu_places(machine);
	const struct mtu_place *sets = NULL, *asks = NULL, *without = NULL;
	bool is_unsure = false, is_asked;

	vec_foreach (p, places) {
		enum mtu_fit fit = mtu_fit(machine, p->interface, card);

		if (p->by != MTU_BY_DHCLIENT || !p->is_effective || fit == MTU_FITS_NOT ||
		    !is_read_for(machine, p, card))
			continue;
		if (fit == MTU_FITS_PERHAPS || p->is_conditional)
			is_unsure = true;
		else if (p->says == MTU_SETS)
			sets = p;
		else if (p->says == MTU_WITHOUT_OFFER)
			without = p;
		else
			asks = p;
	}
	is_asked = asks ? asks->says == MTU_TAKES_DHCP : is_red_hats(machine);
	if (is_unsure)
		return mtu_unknown;
	if (sets)
		return mtu_bytes(sets->value, sets);
	if (is_asked)
		return (struct mtu_end){ MTU_END_DHCP, 0, asks };
	return without ? mtu_bytes(without->value, without) : mtu_bytes(0, asks);
}

static struct mtu_end dhcpcd_end(const struct machine *machine, const char *card)
{
	const struct mtu_places *places = mtu_places(machine);
	struct mtu_end end = mtu_bytes(0, NULL);

	vec_foreach (p, places) {
		enum mtu_fit fit = mtu_fit(machine, p->interface, card);

		if (p->by != MTU_BY_DHCPCD || !p->is_effective || fit == MTU_FITS_NOT)
			continue;
		if (fit == MTU_FITS_PERHAPS)
			return mtu_unknown;
		/* Of the routes, or of the card, as its version has it. */
		end = p->says == MTU_REFUSES_DHCP ? mtu_bytes(0, p) : mtu_unknown;
	}
	return end;
}

struct mtu_end mtu_client_end(const struct machine *machine, const char *card)
{
	struct tree *tree = machine_tree(machine);

	if (dhclient_is_used(machine))
		return dhclient_end(machine, card);
	if (tree_exists(tree, "/sbin/dhcpcd") || tree_exists(tree, "/usr/sbin/dhcpcd"))
		return dhcpcd_end(machine, card);
	return mtu_unknown;
}
