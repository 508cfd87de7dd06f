/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_EXAMINER_H
#define RESCUE_EXAMINER_H

/* The examiner: a process with nothing but one socket, in which the checks parse what is on the
 * volume. It has no privileges, no descriptors besides its channel, no network, no file system, and
 * limits on memory and time; whatever the volume makes it do, it can only ask the tree questions
 * and hand in findings, and these are validated again on this side. */

#include "checks/check.h"
#include "rescue/mtu_facts.h"

#include <jansson.h>

struct examiner_job {
	struct tree *tree;		 /* served to it; borrowed, as all here */
	const struct disks *disks;	 /* NULL: unknown */
	const struct cloud_facts *cloud; /* NULL: unknown */
	const char *console;		 /* NULL: none */
	struct wanted_key key;		 /* line NULL: none */
	struct wanted_nat nat;		 /* range NULL: not wanted */
	struct wanted_client client;	 /* address NULL: nothing is asked */
	uint32_t deadline_s;		 /* for all checks together */
	/* The checks to run; NULL: all of checks/list.h. Tests pass their own. */
	const struct check *const *checks;
	size_t check_count;
};

struct examination {
	json_t *machine; /* members of the "machine" event */
	struct findings findings;
	struct could_not_tells could_not_tell; /* check NULL: the examination as a whole */
	uint32_t ssh_port;		       /* 0: unknown */
	struct mtu_facts mtu;		       /* empty when that was stopped */
};
#define EXAMINATION_INIT        \
	(struct examination)    \
	{                       \
		.machine = NULL \
	}
void examination_done(struct examination *);
DEFINE_CLEANUP_DONE(struct examination, examination_done)

/* Examines the tree once. A check that is stopped (a forbidden system call, memory, time, a crash)
 * becomes a row of could_not_tell with the reason, and the others run without it. ERR_TOOL: the
 * kernel refuses part of the confinement, so nothing was examined. */
int examiner_run(const struct examiner_job *job, struct examination *ret, struct err *err)
	__attribute__((warn_unused_result));

#endif
