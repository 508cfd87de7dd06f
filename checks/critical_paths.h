/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_CRITICAL_PATHS_H
#define CHECKS_CRITICAL_PATHS_H

/* The paths that a boot and a login stand on, and what modes and owners they cannot do without. The
 * distributions differ in many a bit; what is asked here is only what all of them have in common. */

#include "checks/machine.h"

enum critical_kind {
	CRITICAL_DIR,	  /* others must be able to search it: programs run as other users too */
	CRITICAL_FILE,	  /* others must be able to read it */
	CRITICAL_PROGRAM, /* somebody must be able to execute it; only ELF files are judged */
	CRITICAL_COMMAND, /* everybody must be: shells, the loader; only ELF files are judged */
	CRITICAL_LIBRARY, /* others must be able to read it; only ELF files are judged */
	CRITICAL_TMP,	  /* everybody makes files there */
};
enum critical_area { AREA_ROOT, AREA_ETC, AREA_USR, AREA_VAR, AREA_COUNT };
struct critical_path {
	const char *path;
	enum critical_kind kind;
	enum critical_area area;
	enum critical_weight {
		WEIGHS_LITTLE,
		STOPS_LOGIN,
		STOPS_BOOT
	} weight; /* when it is gone */
};
extern const struct critical_path critical_paths[];
extern const size_t critical_path_count;

/* What is wrong with a path as it is. */
enum critical_fault {
	FAULT_SEARCH = 1, /* a directory that others cannot search */
	FAULT_READ = 2,
	FAULT_EXEC = 4,
	FAULT_WRITE = 8,  /* others may write: a danger, no lock-out */
	FAULT_OWNER = 16, /* not root's */
	FAULT_STICKY =
		32, /* a temporary directory that not everybody may use, or that all may purge */
};
struct critical_state {
	const struct critical_path *row;
	char *real; /* links resolved */
	struct tree_stat st;
	unsigned faults; /* bits of enum critical_fault */
};
VEC_TYPE(critical_states, struct critical_state);
/* Every path of the table that is there and has a fault; each file once. */
void critical_paths_look(const struct machine *, struct critical_states *ret);
void critical_states_done(struct critical_states *);
DEFINE_CLEANUP_DONE(struct critical_states, critical_states_done)
/* The mode that takes these faults away and keeps all other bits. */
uint32_t critical_mode(const struct critical_state *, unsigned faults);

/* Has dpkg-statoverride(1) a word on the path: then its mode is the administrator's will. */
bool critical_is_overridden(const struct machine *, const char *path);

#endif
