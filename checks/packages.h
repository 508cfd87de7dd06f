/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_PACKAGES_H
#define CHECKS_PACKAGES_H

/* What dpkg says of the volume: which packages are there, in which state, with which files. It is the
 * witness that a file should be there. rpm's database is a program's own format and is not read; its
 * systems speak through siblings of a file.
 *
 * Source: dpkg(1) "PACKAGE STATES"; deb(5); /var/lib/dpkg/info/PACKAGE.list. */

#include "checks/machine.h"

struct package {
	char *name, *version;
	char *want, *flag, *state; /* "install", "ok", "installed" */
	uint32_t line;		   /* of its Status: line */
};
struct packages {
	struct package *items;
	size_t count, room;
	bool is_known; /* there is a status file */
};
/* Read once and kept. Borrowed. */
const struct packages *packages_read(const struct machine *);
const struct package *package_find(const struct machine *, const char *name); /* NULL: none */
/* Does the installed package list the path, under this name or below /usr? */
bool package_lists(const struct machine *, const char *name, const char *path);

#endif
