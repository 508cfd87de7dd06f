/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_RESUME_H
#define RESCUE_RESUME_H

/* Taking an interrupted run up again. */

#include "rescue/runner.h"

/* From this machine's journal: goes on the way it was going, out or home. ERR_BUSY while another
 * process works on it. */
int resume_from_journal(struct runner *runner, const char *run, struct err *err)
	__attribute__((warn_unused_result));
/* From the tags alone (`target`: instance or run id): only home, because what was consented to and
 * the records of the surgery are on the other machine. ERR_NOTFOUND: no claim. ERR_REFUSED: its
 * owner may still live and nobody consented. */
int resume_from_tags(struct runner *runner, const char *target, struct err *err)
	__attribute__((warn_unused_result));

/* Below: what both have in common. */

/* What the run can have borrowed, innermost last; the world says which of it is really away. */
void resume_borrow_all(struct rescue *);
/* What home is when another machine's run is taken there, by how far its tags say that it came. ERR_REFUSED:
 * the volume may be half written, and there is no snapshot, or no consent. */
int resume_plan_home(struct runner *, const struct claim *, struct record *, struct err *err)
	__attribute__((warn_unused_result));
/* The volume that was made in the root's stead, by the tag of the run; none: there is none. */
int resume_find_restored(struct runner *, struct record *, struct err *err)
	__attribute__((warn_unused_result));
/* --dry-run: one look at the world, and what resuming would bring home. Takes the rescue over. */
int resume_show_left(struct rescue *, struct err *err) __attribute__((warn_unused_result));

#endif
