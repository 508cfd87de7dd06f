/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_MTU_PLACES_H
#define CHECKS_MTU_PLACES_H

/* Every place on the volume that sets the MTU of a network card, or decides whether the one that DHCP
 * offers is taken (EC2 offers 9001), and the MTU that a card ends with.
 *
 * Who takes the offer, and from where that is known:
 *   systemd-networkd  with UseMTU=yes alone, and MTUBytes= goes before it. systemd.network(5).
 *   netplan           writes UseMTU=true for networkd, unless dhcp4-overrides has use-mtu: false; mtu goes
 *                     before it. netplan(5); seen with netplan generate 0.106.
 *   NetworkManager    takes it, unless ethernet.mtu says a number, or 0: leave the MTU alone.
 *                     NetworkManager.conf(5), "connection section".
 *   dhclient          what is requested, and its script applies it. Without a request statement Red Hat's
 *                     and Amazon's dhclient asks for interface-mtu, the plain one does not.
 *                     dhclient.conf(5); dhclient-script(8).
 *   dhcpcd            with `option interface_mtu`; since dhcpcd 7 for its routes only. dhcpcd.conf(5).
 * A card that nobody says anything of has 1500, the kernel's default for Ethernet.
 * Source, besides: sysconfig.txt of initscripts (MTU, IPV6_MTU; ifup-ipv6); interfaces(5) (seen with ifup
 * --no-act: inet dhcp passes mtu over, inet6 static sets the card's only to raise it); systemd.link(5);
 * udev(7); cloud-init, "Networking config". */

#include "checks/machine.h"

#define MTU_KERNEL 1500u /* of a card that nobody gives one */
#define MTU_EC2	   9001u /* what EC2's DHCP server offers */

enum mtu_says {
	MTU_SETS,	   /* the card's MTU is the value */
	MTU_SETS_V6,	   /* that of IPv6 on it alone */
	MTU_TAKES_DHCP,	   /* the one that DHCP offers is taken */
	MTU_REFUSES_DHCP,  /* it is not */
	MTU_WITHOUT_OFFER, /* the value, where DHCP offers none */
};
enum mtu_by {
	MTU_BY_UDEV, /* rules */
	MTU_BY_LINK, /* .link files */
	MTU_BY_IFCFG,
	MTU_BY_IFUPDOWN,
	MTU_BY_NETPLAN,
	MTU_BY_NETWORKD,
	MTU_BY_NM,
	MTU_BY_DHCLIENT,
	MTU_BY_DHCPCD,
	MTU_BY_HOOK,   /* a script that the network stack runs */
	MTU_BY_SCRIPT, /* rc.local */
	MTU_BY_UNIT,
	MTU_BY_CLOUD_INIT, /* what it writes into the others' files when an instance is new */
	MTU_BY_COUNT
};
enum mtu_stage {
	MTU_EARLY, /* when the card appears, before the network stack */
	MTU_STACK,
	MTU_HOOK, /* when the stack has brought the card up */
	MTU_LATE, /* later in the boot */
};

struct mtu_place {
	char *path;
	uint32_t line;
	/* A name, a pattern of names ("en*", "eth0|eth1"), "*" any card, "" not known. */
	char *interface;
	uint32_t value; /* bytes; 0 for MTU_TAKES_DHCP and MTU_REFUSES_DHCP */
	char *written;	/* the value as it stands there */
	enum mtu_says says;
	enum mtu_by by;
	enum mtu_stage stage;
	bool is_effective;   /* what this system runs at boot reads it */
	bool is_conditional; /* in a script: perhaps not reached */
	bool fails_loudly;   /* a value that the driver refuses keeps the interface down */
};
struct mtu_places {
	struct mtu_place *items;
	size_t count, room;
};

/* Worked out once and kept; at most MTU_PLACES_MAX. Never NULL. */
#define MTU_PLACES_MAX 256u
const struct mtu_places *mtu_places(const struct machine *);
/* "ifcfg", "netplan", ...; and back: MTU_BY_COUNT for no such word. */
const char *mtu_by_name(enum mtu_by);
enum mtu_by mtu_by_find(const char *name);
/* "sets", "sets-ipv6", "takes-dhcp", "refuses-dhcp", "without-offer"; false: no such word. */
const char *mtu_says_name(enum mtu_says);
bool mtu_says_find(const char *name, enum mtu_says *ret);

/* Is the place about this card? */
enum mtu_fit { MTU_FITS_NOT, MTU_FITS_PERHAPS, MTU_FITS };
enum mtu_fit mtu_fit(const struct machine *, const char *interface, const char *card);

enum mtu_end_kind {
	MTU_END_UNKNOWN,
	MTU_END_BYTES,
	MTU_END_DHCP, /* what the DHCP server offers */
};
struct mtu_end {
	enum mtu_end_kind kind;
	uint32_t value;		       /* MTU_END_BYTES */
	const struct mtu_place *place; /* that decides; NULL: none, a default does. Borrowed */
};
/* What the card of that name ends with. Works out all again at each call. */
struct mtu_end mtu_end(const struct machine *, const char *card);

/* Names of cards that the volume speaks of and that may be here; the only card's alone, where that is known.
 * Appends. */
#define MTU_CARD_MAX  32u /* a name with its NUL */
#define MTU_CARDS_MAX 15u
void mtu_cards(const struct machine *, struct tree_names *ret);
/* The same for a card of any name that it may have here: not known where that makes a difference. */
struct mtu_end mtu_end_of_unnamed(const struct machine *);

#endif
