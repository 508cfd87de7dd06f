/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_NETWORKD_H
#define CHECKS_NETWORKD_H

/* systemd-networkd's .network files with their drop-ins, in the order in which the first that matches
 * a link is taken. Source: systemd.network(5), "[Match] Section Options"; systemd.unit(5). */

#include "checks/machine.h"
#include "fs/sections.h"

struct networkd_part { /* the file itself, then its drop-ins */
	char *path;
	struct sections sections;
};
enum networkd_fit {
	NETWORKD_OTHER, /* for something that is no network card: a bridge, a tunnel, wireless */
	NETWORKD_NEVER, /* for a card that this instance does not have */
	NETWORKD_MAY,	/* may match a card of this instance */
	NETWORKD_EMPTY, /* no setting in [Match]: the file is ignored */
};
struct networkd_file {
	char *name; /* "10-eth0.network" */
	VEC(struct networkd_part) parts;
	enum networkd_fit fit;
	/* NETWORKD_NEVER: the line that makes it so. */
	const struct networkd_part *wrong_part;
	const struct section_item *wrong;
	bool is_sure;				 /* no other name of the card can be meant */
	const char *device, *mac;		 /* that it names alone; NULL */
	bool has_dhcp4, has_address, is_carrier; /* carrier: the address is on something above it */
	bool is_unmanaged;
};
struct networkd {
	struct networkd_file *items;
	size_t count, room;
};
/* Worked out once and kept. Never NULL. */
const struct networkd *networkd_model(const struct machine *);
/* The last assignment that counts; ret_part may be NULL. NULL: none. */
const struct section_item *networkd_find(const struct networkd_file *, const char *section,
					 const char *key, const struct networkd_part **ret_part);

#endif
