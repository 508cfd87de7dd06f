/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_SNAPSHOT_SOURCE_H
#define RESCUE_SNAPSHOT_SOURCE_H

/* A target that is a snapshot of the account, or a volume of which one is made: while the surgery goes on, its
 * blocks are fetched. */

#include "rescue/blocks.h"
#include "rescue/local.h"
#include "rescue/temporary.h"

struct snapshot_source {
	const char *
		target; /* "vol-…" or "i-…": a temporary snapshot is made of it; NULL: `snapshot` is */
	struct snapshot_id snapshot;
	struct temporary temporary;
	struct ec2 *ec2;
	struct blocks *blocks;
	bool is_listed;
	struct blocks_figures figures; /* after snapshot_source_close */
	/* Why a block could not be had: whatever was made of the volume then, that it is missing is what
	 * there is to say. */
	struct err why;
	struct err left; /* the temporary snapshot could not be deleted */
};

/* For local_surgery: completes the job. */
int snapshot_source_open(struct local *, struct loop *, struct surgery_job *, struct err *err)
	__attribute__((warn_unused_result));
void snapshot_source_close(struct snapshot_source *);

#endif
