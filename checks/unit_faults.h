/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_UNIT_FAULTS_H
#define CHECKS_UNIT_FAULTS_H

/* What keeps one unit from starting, as far as its files and the volume tell: settings that the manager
 * refuses, programs and files that are not there.
 *
 * Only what was set on this machine (/etc, /usr/local) is judged: a package's own unit file that names
 * something that is not there is the business of whoever examines that package, and a tree that holds a
 * few files only would make everything look lost.
 *
 * Source: systemd.service(5), "COMMAND LINES" and Type; systemd.exec(5), "PROCESS EXIT CODES" (200 to
 * 245); systemd.unit(5), Requires, ConditionPathExists. */

#include "checks/unit_edit.h"

enum unit_fault_kind {
	UNIT_NO_COMMAND,     /* no ExecStart is left: the last assignment is empty */
	UNIT_TWO_COMMANDS,   /* more than one, and the type is not oneshot */
	UNIT_NO_PROGRAM,     /* the program of a command is not there */
	UNIT_NOT_EXECUTABLE, /* it is, but not executable */
	UNIT_NO_FILE,	     /* EnvironmentFile */
	UNIT_NO_DIRECTORY,   /* WorkingDirectory, RootDirectory */
	UNIT_NO_USER,	     /* User, Group */
	UNIT_CONDITION,	     /* a condition or assertion about a path does not hold */
	UNIT_NO_UNIT,	     /* requires a unit that is not there, or masked */
	UNIT_NEVER_FORKS,    /* Type=forking and a command line that stays in the foreground */
};
struct unit_fault {
	enum unit_fault_kind kind;
	const struct unit_file *file;
	const struct section_item *item;
	char *what; /* the path, user or unit that is missing; "" */
};
VEC_TYPE(unit_faults, struct unit_fault);

/* Certainly not there when something is started at boot. A directory that is not there either is no witness, but for those of
 * the administrator; what is made in memory, or on another volume, is not judged. */
bool unit_path_is_gone(const struct machine *, const char *path);

void unit_faults_find(const struct machine *, const struct unit *, struct unit_faults *ret);
void unit_faults_done(struct unit_faults *);
DEFINE_CLEANUP_DONE(struct unit_faults, unit_faults_done)
/* Behind the unit's name: "has no ExecStart any more, …". Appends. */
void unit_fault_says(const struct machine *, const struct unit_fault *, struct str *into);
/* Takes the setting away (a reset with it, when that stands in the same file), or makes good what is
 * missing. */
void unit_fault_repair(const struct machine *, const struct unit *, const struct unit_fault *,
		       struct edits *);

#endif
