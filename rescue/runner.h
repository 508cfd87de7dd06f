/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_RUNNER_H
#define RESCUE_RUNNER_H

/* The event loop over any number of rescues: one watch for all, signals, ticks. */

#include "rescue/rescue.h"
#include "rescue/signals.h"

VEC_TYPE(rescues, struct rescue *);

struct runner {
	struct loop *loop;
	struct ec2 *ec2;
	struct ec2_watch *watch;
	struct report *report;
	const struct options *options;
	struct rescues rescues; /* owned */
	struct signals signals;
	bool has_warned_of_snapshots;
	double pace; /* EC2_RESCUE_PACE: waiting here passes so many times faster */
};
#define RUNNER_INIT                     \
	(struct runner)                 \
	{                               \
		.signals = SIGNALS_INIT \
	}

/* Opens loop, client and signals. region and endpoint (may be NULL) are taken where the command
 * line has none. */
int runner_open(struct runner *, const struct options *, struct report *, const char *region,
		const char *endpoint, struct err *err) __attribute__((warn_unused_result));
void runner_close(struct runner *);
DEFINE_CLEANUP_DONE(struct runner, runner_close)
/* Loop time in so many milliseconds, at the runner's pace. */
int64_t runner_after(const struct runner *, int64_t ms);
/* Adds a rescue that has its journal. Owned by the runner from now on. */
void runner_add(struct runner *, struct rescue *);
/* Runs until all have ended or a second ^C came. Returns the exit status. */
int runner_run(struct runner *);

#endif
