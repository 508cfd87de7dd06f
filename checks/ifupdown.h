/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_IFUPDOWN_H
#define CHECKS_IFUPDOWN_H

/* /etc/network/interfaces of Debian's ifupdown, with the files that it reads in turn. ifup refuses the
 * whole configuration at the first line that it does not understand; an error in a file that is
 * sourced ends the reading of that file alone.
 *
 * Source: interfaces(5); seen with ifup --no-act of ifupdown 0.8.41. */

#include "checks/machine.h"

#define IFUPDOWN_PATH "/etc/network/interfaces"

struct ifupdown_option {
	char *name, *value;
	uint32_t line, count;
};
struct ifupdown_stanza {
	const char *path; /* of the file; borrowed */
	uint32_t line, count;
	char *name, *family, *method; /* family, method "": not told, or not known */
	bool inherits;
	VEC(struct ifupdown_option) options;
};
struct ifupdown_auto {
	const char *path;
	uint32_t line, count;
	char *name;	 /* may be a pattern, "/eth*" */
	bool is_hotplug; /* allow-hotplug; else auto */
};
enum ifupdown_fault {
	IFUPDOWN_MISPLACED, /* neither a keyword nor an option of a stanza */
	IFUPDOWN_NO_NAME,   /* iface alone */
	IFUPDOWN_BAD_FAMILY,
	IFUPDOWN_BAD_METHOD,
	IFUPDOWN_BAD_INHERITS,
	IFUPDOWN_NO_VALUE,
	IFUPDOWN_TWO_SCRIPTS,
};
struct ifupdown_error {
	enum ifupdown_fault fault;
	const char *path;
	uint32_t line, count;
	char *word;    /* that is not understood; "" when one is missing */
	bool has_more; /* something stands behind it in the line */
	size_t stanza; /* its number, where it is in one; SIZE_MAX */
};
struct ifupdown_file {
	char *path;
	const struct str *text;
};
struct ifupdown {
	VEC(struct ifupdown_file *) files; /* in the order of reading, the main one first */
	VEC(struct ifupdown_stanza) stanzas;
	VEC(struct ifupdown_auto) autos;
	VEC(struct ifupdown_error)
	errors; /* all of them, as if each was repaired before the next */
	bool has_mapping, has_rename;
};
/* Worked out once and kept. NULL: ifupdown does not run here, or its file cannot be read. */
const struct ifupdown *ifupdown_model(const struct machine *);
const struct str *ifupdown_text(const struct ifupdown *, const char *path);
/* The last option of that name; NULL: none. */
const struct ifupdown_option *ifupdown_option(const struct ifupdown_stanza *, const char *name);
bool ifupdown_is_auto(const struct ifupdown *, const char *name);
/* An iface line for something that is not lo, whether or not it is brought up. */
bool ifupdown_describes_card(const struct ifupdown *);
/* ifupdown runs, and brings up something that is not lo. */
bool ifupdown_has_card(const struct machine *);
/* The first stanza of that name; NULL: none. */
const struct ifupdown_stanza *ifupdown_find(const struct ifupdown *, const char *name);
/* Options stand below "auto eth0", and the iface line that they belong to is nowhere: that auto. */
const struct ifupdown_auto *ifupdown_orphan(const struct ifupdown *, const struct ifupdown_error *);
/* Methods of an address family, ending with NULL; NULL for an unknown family. */
const char *const *ifupdown_methods(const char *family);
/* Words that begin a stanza, ending with NULL. */
extern const char *const ifupdown_keywords[];

#endif
