/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_BLOCKS_H
#define RESCUE_BLOCKS_H

/* A snapshot's blocks for a surgeon: this process fetches through the EBS direct APIs what is asked for
 * (fs/served.h), and reads none of it. What the surgeon writes becomes a child of the snapshot
 * (rescue/child.h). */

#include "fs/served.h"
#include "rescue/child.h"

struct blocks;

struct blocks_request {
	struct ec2 *ec2;
	struct loop *loop;
	struct snapshot_id snapshot;
	const char *work_dir; /* for the blocks that came */
	/* The list is here, or could not be had (err; borrowed). */
	void (*ready)(void *arg, const struct err *err);
	/* May be written when there is a run; the blocks that were written are in the snapshot `child`. The
	 * surgeon learns of it when this returns 0: before it, it is to be on record. */
	const char *run; /* NULL: read-only; borrowed until the end */
	int (*written)(void *arg, const struct snapshot_id *child, struct err *err);
	void *arg;
};
/* Begins with the list of blocks. */
struct blocks *blocks_start(const struct blocks_request *);
void blocks_free(struct blocks *); /* NULL is fine */

/* After ready(): the descriptor for the surgeon (surgery_job.served_fd), which then has to be closed
 * here, so that its end is noticed. */
int blocks_link(const struct blocks *);
void blocks_release_link(struct blocks *);

/* Why a block could not be had, the first of them; ERR_NONE: none was missed. Whoever reads a file system
 * with such a hole draws wrong conclusions. */
const struct err *blocks_failure(const struct blocks *);

struct blocks_figures {
	uint64_t size_bytes;
	uint64_t volume_blocks, data_blocks; /* of the volume; that hold data */
	uint64_t fetched, fetched_bytes;
	uint64_t written; /* blocks of the child */
};
struct blocks_figures blocks_figures(const struct blocks *);

#endif
