/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_CHILD_H
#define RESCUE_CHILD_H

/* A snapshot that is another one with some blocks changed, written through the EBS direct APIs
 * (StartSnapshot with that parent, PutSnapshotBlock, CompleteSnapshot; EBS user guide, "Write snapshots").
 * It carries CLAIM_RUN_TAG = RUN, by which it is found again: it is the run's snapshot that is of no
 * volume the run knows. */

#include "base/loop.h"
#include "ec2/calls.h"

struct child;

struct child_request {
	struct ec2 *ec2;
	const char *run;
	struct snapshot_id parent;
	uint64_t size_bytes; /* of the volume: whole GiB */
	uint32_t block_bytes;
	const uint64_t *blocks; /* ascending; borrowed until the end, as the file is */
	size_t count;
	int file; /* has them at their offsets on the volume */
	/* Accepted in whole; it can be used when DescribeSnapshots says that it is completed. Or err. Nothing of
	 * the child may be used from within but child_free. */
	void (*done)(void *arg, const struct snapshot_id *id, const struct err *err);
	void *arg;
};
struct child *child_start(const struct child_request *);
void child_free(struct child *); /* NULL is fine; one that was begun stays begun */

#endif
