/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_DHCLIENT_STATEMENTS_H
#define CHECKS_DHCLIENT_STATEMENTS_H

/* dhclient.conf as a list of statements. Source: dhclient.conf(5). */

#include "checks/machine.h"

/* One statement, up to its semicolon or brace. */
struct dhclient_statement {
	char *text;	 /* blanks run together, no comments */
	char *interface; /* of the block `interface "eth0" { … }` that it stands in; NULL: of all */
	uint32_t line, count;
	bool is_alone; /* nothing else stands in its lines */
};
VEC_TYPE(dhclient_statements, struct dhclient_statement);

/* Never fails; of more than 10000 statements the rest is left out. */
void dhclient_statements_read(const struct str *text, struct dhclient_statements *ret);
void dhclient_statements_done(struct dhclient_statements *);
DEFINE_CLEANUP_DONE(struct dhclient_statements, dhclient_statements_done)

/* Is the word in a list that is parted by commas and blanks? */
bool dhclient_has_word(const char *list, const char *word);
/* Something on this volume runs dhclient. */
bool dhclient_is_used(const struct machine *);

#endif
