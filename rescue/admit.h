/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_ADMIT_H
#define RESCUE_ADMIT_H

/* Before anything is changed: inventory, hazards, plan, consent. */

#include "rescue/inventory.h"
#include "rescue/runner.h"

struct admission {
	const struct instance_id *ids;
	size_t count;
	enum rescue_kind kind;
	const struct record *undo; /* RESCUE_UNDO: the run to take back; one id then */
};
/* Adds a rescue with its journal to the runner for every instance that may be rescued, after the
 * hazards were shown and consented to. *ret_status: the exit status of what was refused; with none
 * added and a dry run: of the dry run. -1: nothing could be asked at all. */
int admit(struct runner *runner, const struct admission *admission, int *ret_status,
	  struct err *err) __attribute__((warn_unused_result));

#endif
