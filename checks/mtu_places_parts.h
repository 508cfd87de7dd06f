/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_MTU_PLACES_PARTS_H
#define CHECKS_MTU_PLACES_PARTS_H

/* The parts of checks/mtu_places.h, each of which looks at files of one kind. For these files alone. */

#include "checks/mtu_places.h"
#include "fs/sections.h"

struct mtu_reading {
	const struct machine *machine;
	struct mtu_places *places;
};

void mtu_read_ifcfg(const struct mtu_reading *);
void mtu_read_ifupdown(const struct mtu_reading *);
void mtu_read_netplan(const struct mtu_reading *);
void mtu_read_networkd(const struct mtu_reading *);
void mtu_read_links(const struct mtu_reading *);
void mtu_read_nm(const struct mtu_reading *);
void mtu_read_dhclient(const struct mtu_reading *);
void mtu_read_dhcpcd(const struct mtu_reading *);
void mtu_read_udev(const struct mtu_reading *);
void mtu_read_scripts(const struct mtu_reading *);
void mtu_read_units(const struct mtu_reading *);
void mtu_read_cloud_init(const struct mtu_reading *);

/* Adds the place with its value read from `written` (of MTU_SETS and the like): decimal digits, for
 * systemd's files K, M and G behind them. What is no number is no place. Strings are copied. */
void mtu_add(const struct mtu_reading *, const struct mtu_place *);
/* The place at that line with that value; NULL: none. Two cards can stand in one line of YAML. */
const struct mtu_place *mtu_place_at(const struct machine *, const char *path, uint32_t line,
				     const char *written);

/* Adds what the text's commands set, "ip link set dev eth0 mtu 1400" and "ifconfig eth0 mtu 1400".
 * `like` has what they share: path, by, stage, is_effective; line: added to their own, less one;
 * interface: that of a variable such as $IFACE. */
void mtu_add_commands(const struct mtu_reading *, const struct mtu_place *like, const char *text,
		      size_t len);
/* The same for the words of one command. */
void mtu_add_words(const struct mtu_reading *, const struct mtu_place *like,
		   const struct tree_names *words);
/* A regular file that may be executed. */
bool mtu_is_program(const struct machine *, const char *path);

/* [Match] of a .network or .link file as an interface: `names` as they stand there or NULL, `mac` or
 * NULL, has_driver: a driver of EC2's cards is asked for. NULL: no card of this instance. */
char *mtu_interface_of(const struct machine *, const char *names, const char *mac, bool has_driver);
bool mtu_is_driver(const char *words);
/* What the DHCP client that ifupdown and initscripts run makes of the offer. MTU_END_BYTES with the value 0: it is not
 * taken. */
struct mtu_end mtu_client_end(const struct machine *, const char *card);

#define mtu_unknown ((struct mtu_end){ .kind = MTU_END_UNKNOWN })
static inline struct mtu_end mtu_bytes(uint32_t value, const struct mtu_place *place)
{
	return (struct mtu_end){ MTU_END_BYTES, value, place };
}

#endif
