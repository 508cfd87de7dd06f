/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_REMOVABLE_H
#define CHECKS_REMOVABLE_H

/* Files that hold space and can be had again, or are a copy of what was: never data. */

#include "checks/machine.h"

struct removable {
	char *path;
	uint64_t size_bytes;
	bool is_small; /* its bytes fit into an undo record */
};
VEC_TYPE(removables, struct removable);

/* The largest first; small ones up to what one undo record should hold. */
void removables_find(const struct machine *, struct removables *ret);
void removables_done(struct removables *);
DEFINE_CLEANUP_DONE(struct removables, removables_done)

#endif
