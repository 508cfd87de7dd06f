/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_MTU_FACTS_H
#define RESCUE_MTU_FACTS_H

/* What the volume says of MTUs (checks/mtu_places.h), as plain data of a fixed size that travels from the
 * examiner to the surgeon and from there to the process with credentials. Whatever it holds may have been
 * made up by a hostile volume: texts are escaped and cut, numbers have limits, words are of a list. */

#include "checks/mtu_places.h"

#include <jansson.h>

#define MTU_FACTS_MAX 64u
#define MTU_TEXT_MAX  192u /* bytes of a path, its NUL among them */

/* One place. */
struct mtu_fact {
	char path[MTU_TEXT_MAX];
	uint32_t line;
	char interface[64]; /* a name, a pattern, several of them with |, "*" any card, "" not known */
	uint32_t value;	    /* bytes; 0 where `says` is of the DHCP offer */
	enum mtu_says says;
	enum mtu_by by;
	bool is_effective, is_conditional;
};
/* What a card ends with. */
struct mtu_card {
	char name[MTU_CARD_MAX]; /* "": a card whose name is not known */
	enum mtu_end_kind kind;
	uint32_t value;		 /* MTU_END_BYTES; what EC2's DHCP server offers is MTU_EC2 */
	char path[MTU_TEXT_MAX]; /* of the place that decides; "": a default does */
	uint32_t line;
};
struct mtu_facts {
	struct mtu_fact places[MTU_FACTS_MAX];
	struct mtu_card cards[MTU_CARDS_MAX + 1];
	size_t place_count, card_count;
	bool was_cut; /* there are more places than these: those that count at boot come first */
};

/* {"places": […], "cards": […], "was_cut"} of a machine. NULL: never. */
json_t *mtu_facts_of(const struct machine *);
json_t *mtu_facts_to_json(const struct mtu_facts *);
/* ERR_MALFORMED for whatever is not as mtu_facts_of makes it. */
int mtu_facts_from_json(const json_t *, struct mtu_facts *ret, struct err *)
	__attribute__((warn_unused_result));
/* "bytes", "dhcp", "unknown" */
const char *mtu_end_name(enum mtu_end_kind);

#endif
