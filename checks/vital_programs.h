/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_VITAL_PROGRAMS_H
#define CHECKS_VITAL_PROGRAMS_H

/* What a boot and a login run, in the order of their weight. Those that are not there are passed over. */

#include "checks/check.h"

struct vital_program {
	const char *path;
	enum severity severity; /* when it cannot be started */
};
extern const struct vital_program vital_programs[];
extern const size_t vital_program_count;

#endif
