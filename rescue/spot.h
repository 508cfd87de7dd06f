/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_SPOT_H
#define RESCUE_SPOT_H

/* What the spot commands share: a connection to EC2, ^C, and the saved sets of the account. Their calls come one
 * after the other; each is waited for. */

#include "rescue/command.h"
#include "rescue/signals.h"
#include "rescue/spot_set.h"

struct spot {
	const struct options *options;
	struct report *report;
	struct loop *loop;
	struct ec2 *ec2;
	struct signals signals;
	double pace;	  /* rescue/cloud.h */
	bool is_deferred; /* ^C waits for the end of what is under way */
};
int spot_open(struct spot *, const struct options *, struct report *, struct err *err)
	__attribute__((warn_unused_result));
void spot_close(struct spot *);
DEFINE_CLEANUP_DONE(struct spot, spot_close)
/* Reports the error; its exit status. */
int spot_fail(const struct spot *, const struct err *err);

/* ERR_INTERRUPTED: ^C came; the call's fate is not known. */
int spot_wait(struct spot *, struct ec2_op *op, struct err *err)
	__attribute__((warn_unused_result));
int spot_nap(struct spot *, int64_t ms, struct err *err) __attribute__((warn_unused_result));
/* Runs the loop until *is_over, set by somebody's callback. */
int spot_until(struct spot *, const bool *is_over, struct err *err)
	__attribute__((warn_unused_result));

/* May the same succeed the next time, or have succeeded without its reply? */
bool spot_may_pass(const struct err *);

/* Every saved set; of this state alone when name is not NULL. id not NULL: of this set alone, which may not show at
 * once after it was made. */
int spot_find(struct spot *, const char *name, const char *id, struct spot_sets *ret,
	      struct err *err) __attribute__((warn_unused_result));

/* ---- rescue/spot_save.c */

enum spot_consistency {
	SPOT_CRASH,  /* as after a loss of power: logs have to be replayed */
	SPOT_FROZEN, /* synced and frozen at that moment */
};
struct spot_save {
	struct instance_id instance;
	const char *name; /* of the state; NULL: the instance's tag SPOT_TAG, else its id */
	bool is_self;	  /* this machine, whose file systems are to be frozen */
	bool is_urgent;	  /* the instance is about to go: whatever cannot be had is done without */
};
struct spot_saved {
	char name[SPOT_NAME_SIZE], id[SPOT_ID_SIZE];
	enum spot_consistency consistency;
	double frozen_ms,
		call_ms; /* how long writers waited, and how long the call that decides took */
	struct ec2_snapshots snapshots;
};
void spot_saved_done(struct spot_saved *);
DEFINE_CLEANUP_DONE(struct spot_saved, spot_saved_done)
/* A new set. ERR_INDOUBT: it may exist; `spot list` tells. */
int spot_save(struct spot *, const struct spot_save *, struct spot_saved *ret, struct err *err)
	__attribute__((warn_unused_result));
/* "self", or an id; ret_is_self also for this machine's own id. */
int spot_target(struct spot *, const char *target, struct spot_save *ret, struct err *err)
	__attribute__((warn_unused_result));

#endif
