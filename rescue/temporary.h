/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_TEMPORARY_H
#define RESCUE_TEMPORARY_H

/* A snapshot that is made so that a volume can be audited where it is, and deleted afterwards. It is a run
 * of its own: the intent is on record before the call, the snapshot carries the run in two tags, and
 * `resume` deletes what a death left behind, on this machine by the journal and on another one by the tag. */

#include "rescue/journal.h"
#include "rescue/local.h"
#include "rescue/record.h"
#include "rescue/runs.h"

#define TEMPORARY_TAG "ec2-rescue-temporary" /* = RUN */

struct temporary {
	struct local *local;
	struct loop *loop;
	struct ec2 *ec2;
	struct record
		record; /* volume, snapshot, instance where that was named; run "": nothing made */
	struct journal *journal;
	double pace;	     /* of waiting; 1 */
	bool is_only_volume; /* the instance that was named has no other */
	bool is_in_doubt;    /* CreateSnapshot may have taken effect */
};

/* target: "i-…" (its root volume) or "vol-…". Returns when the snapshot is completed. After a failure
 * too, temporary_delete is due. */
int temporary_make(struct temporary *, const char *target, struct err *err)
	__attribute__((warn_unused_result));
/* Nothing made is fine. ERR_AWAY: it is left, and the text names it and the way to be rid of it. */
int temporary_delete(struct temporary *, struct err *err) __attribute__((warn_unused_result));

/* For `resume`: a run of this machine, or (run NULL) one of another machine by its id. The exit status,
 * or -1. ERR_NOTFOUND: no snapshot has the tag of such a run. */
int temporary_resume(const struct options *, const struct run *run, const char *id, struct report *,
		     struct err *err) __attribute__((warn_unused_result));

#endif
