/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_SETID_PROGRAMS_H
#define CHECKS_SETID_PROGRAMS_H

/* Programs that do their work with the rights of their owner, root, whoever calls them. This table is
 * also the word of the process that writes: no repair sets such a bit on anything else. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct setid_program {
	const char *path; /* links resolved */
	uint32_t mode;	  /* as most distributions have it */
	bool is_sudo;
};
extern const struct setid_program setid_programs[];
extern const size_t setid_program_count;
/* NULL: the path is none of them. */
const struct setid_program *setid_program_find(const char *path);

#endif
