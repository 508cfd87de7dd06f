/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_NET_DEEDS_H
#define RESCUE_NET_DEEDS_H

/* Changes of the cloud as a run of their own: each is on record before it is asked for, and the way home is its inverse. A
 * change that was there before us ("found") is not ours to take back. */

#include "net/change.h"
#include "rescue/journal.h"
#include "rescue/runs.h"

enum deed_state { DEED_PLANNED, DEED_BEGUN, DEED_DONE, DEED_FOUND, DEED_RETURNED };
struct deed {
	struct net_change change;
	enum deed_state state;
};
VEC_TYPE(deeds, struct deed);
struct fix {
	struct ec2 *ec2;
	struct journal *journal;
	struct deeds deeds;
	char run[RUN_ID_SIZE];
};
void fix_done(struct fix *); /* not its ec2 */

/* Puts it on record and makes it. A reply that was lost is asked for again: what is there then is ours. */
int fix_act(struct fix *, size_t index, struct err *err) __attribute__((warn_unused_result));
/* What was begun or done, the last first; what cannot be taken back is said (ERR_AWAY), and the rest goes on. */
int fix_go_home(struct fix *, struct err *err) __attribute__((warn_unused_result));
/* The last record: "changed", "returned", "undone". */
int fix_end(struct fix *, const char *result, struct err *err) __attribute__((warn_unused_result));
/* The journal of such a run, opened for appending. */
int fix_load(struct fix *, const struct run *, struct err *err) __attribute__((warn_unused_result));

/* Between two looks, or two tries. */
void net_nap(int seconds);

#endif
