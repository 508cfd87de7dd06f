/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_SIGNALS_H
#define RESCUE_SIGNALS_H

/* ^C, SIGTERM and SIGHUP as events of the loop. */

#include "base/loop.h"

#include <signal.h>

struct signals {
	struct loop *loop;
	int fd; /* -1: closed */
	sigset_t old;
	unsigned count; /* how many have come */
	void (*came)(void *arg);
	void *arg;
};
#define SIGNALS_INIT     \
	(struct signals) \
	{                \
		.fd = -1 \
	}
int signals_open(struct signals *, struct loop *, void (*came)(void *arg), void *arg,
		 struct err *err) __attribute__((warn_unused_result));
void signals_close(struct signals *);

#endif
