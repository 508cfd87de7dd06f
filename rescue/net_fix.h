/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_NET_FIX_H
#define RESCUE_NET_FIX_H

/* Changes of the cloud's network, and their way home. */

#include "rescue/net.h"
#include "rescue/runs.h"

/* --fix-cloud: shows the changes of the path's hops, asks, and does them, each on record before. One that fails takes the
 * others back. *ret_changed: all were made. */
int net_fix(struct net *, bool *ret_changed, struct err *err) __attribute__((warn_unused_result));

/* `undo` of such a run, and `resume` of one that was cut off. ERR_AWAY: something could not be taken back. */
int net_take_back(const struct options *, const struct run *, struct report *, struct err *)
	__attribute__((warn_unused_result));

#endif
