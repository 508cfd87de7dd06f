/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_UNITS_H
#define CHECKS_UNITS_H

/* systemd's units as the manager on the volume would load them, and what a boot starts.
 *
 * Source: systemd.unit(5) "UNIT FILE LOAD PATH": earlier directories win, a link to /dev/null or an
 * empty file masks, drop-ins of NAME.d (and of the template, the dashed prefixes and the type) are
 * sorted by their names over all directories; systemd.service(5), systemd.target(5) "Default
 * Dependencies". What generators make (mounts of fstab, getty on a console) is not seen here. */

#include "checks/machine.h"
#include "fs/sections.h"

/* Is the unit started at boot? Looks at masks, .wants and .requires directories, aliases, and System
 * V's rc links. */
enum unit_state { UNIT_MISSING, UNIT_DISABLED, UNIT_ENABLED, UNIT_MASKED };
enum unit_state machine_unit(const struct machine *, const char *unit); /* "sshd.service" */
/* Path of the unit file that counts; NULL: none. Borrowed. */
const char *machine_unit_path(const struct machine *, const char *unit);

struct unit_file {
	char *path;
	struct sections sections;
};
struct unit {
	char *name;	  /* its own: an alias leads to the same unit, "dbus-….service" */
	const char *path; /* of the main file; NULL: there are drop-ins alone */
	bool is_masked;
	VEC(struct unit_file) files; /* the main file, then the drop-ins in the order of loading */
};
/* Worked out once and kept. NULL: no file is for this name (perhaps a System V script). Borrowed. */
const struct unit *unit_load(const struct machine *, const char *name);
/* The assignment that counts for a setting of one value, and the file it stands in (ret_file may be
 * NULL); NULL: none. An empty value counts: it resets. */
const struct section_item *unit_find(const struct unit *, const char *section, const char *key,
				     const struct unit_file **ret_file);
/* Its value; NULL: none. */
const char *unit_get(const struct unit *, const char *section, const char *key);
/* All words of a setting that is a list (After=, Wants=): later ones add, an empty one resets. */
void unit_words(const struct unit *, const char *section, const char *key, struct tree_names *ret);
bool unit_has_word(const struct unit *, const char *section, const char *key, const char *word);
/* DefaultDependencies= */
bool unit_has_default_dependencies(const struct unit *);

/* What default.target is: "multi-user.target". systemd.unit= on the kernel's command line is not
 * looked at here. NULL: there is none. */
const char *units_default_target(const struct machine *);
/* What a boot into a target that no login is meant to come from does ("boots again and again"); NULL:
 * it is none of these. Source: systemd.special(7). */
const char *units_dead_end(const char *target);

struct boot_unit {
	char *name;
	const struct unit *unit; /* NULL: no file is for it */
	size_t by;	  /* number of the unit that pulls it in; the first one pulls itself */
	bool is_required; /* its failure fails the one that pulls it in */
};
struct boot_units {
	struct boot_unit *items;
	size_t count, room;
};
/* Everything that is pulled in by default.target, in the order of finding: what is named first is
 * nearer to the target. Where default.target is missing or a dead end, which is a finding of its own,
 * it is what multi-user.target pulls in: so the other faults are found too. Empty without either.
 * Worked out once and kept. Masked units are not in it. */
const struct boot_units *units_at_boot(const struct machine *);
const struct boot_unit *boot_unit_find(const struct boot_units *, const char *name);
/* Do both belong to this boot, and has `before` ended its start before `after` begins (because one of
 * them says so, by default dependencies, or through others that are started too)? */
bool unit_is_ordered(const struct machine *, const char *before, const char *after);

#endif
