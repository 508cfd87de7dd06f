/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_SPOT_MEND_H
#define RESCUE_SPOT_MEND_H

/* The root of a saved set is examined before an instance is made of it, and repaired where a repair is sure: what the
 * repair changes becomes a child of its snapshot (rescue/child.h), and the set itself stays as it is. */

#include "checks/facts.h"
#include "rescue/spot.h"

struct spot_mended {
	struct snapshot_id root; /* what to make the instance of: the set's own, or the child */
	size_t repairs, faults, could_not_tell; /* faults that remain */
};
/* The child carries the set's id as CLAIM_RUN_TAG. A volume that cannot be examined is no failure: a warning, and the set's
 * own root. */
int spot_mend(struct spot *, const struct spot_set *, const struct cloud_facts *,
	      struct spot_mended *ret, struct err *err) __attribute__((warn_unused_result));

#endif
