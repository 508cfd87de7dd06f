/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_SPOT_POLICY_H
#define RESCUE_SPOT_POLICY_H

/* Which saved sets of a state stay. Days and weeks are UTC's, weeks begin on Monday; of each the newest complete set
 * stays. A set stays when any rule keeps it. */

#include "rescue/spot_set.h"

struct spot_policy {
	uint32_t keep_last, keep_daily, keep_weekly; /* 0: no such rule */
	int64_t older_than_s; /* younger ones stay in any case; 0: no such rule */
};

enum spot_keep {
	SPOT_GOES,
	SPOT_KEPT_LAST, /* one of the newest */
	SPOT_KEPT_DAILY,
	SPOT_KEPT_WEEKLY,
	SPOT_KEPT_YOUNG,
	SPOT_KEPT_ONLY, /* the newest complete one, whatever the rules are; or all, where none is complete */
	SPOT_KEPT_PENDING, /* it may become complete */
	SPOT_KEPT_NEW,	   /* incomplete, but so new that the rest of it may only not show yet */
};
const char *spot_keep_name(enum spot_keep);

/* ret[i] for sets->items[i], which are sorted as spot_sets_of leaves them; those of other names are judged apart. */
void spot_policy_apply(const struct spot_sets *, const struct spot_policy *, int64_t now,
		       enum spot_keep *ret);

#endif
