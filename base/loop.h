/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

/* The event loop: descriptors and timers in one thread (epoll). Everything that waits in the
 * process that speaks to AWS waits here: HTTP transfers, the surgeon's channel, signals, ticks. */

#include "base/err.h"

#include <stdint.h>

struct loop;

/* Milliseconds of CLOCK_MONOTONIC. */
int64_t loop_now_ms(const struct loop *loop);

int loop_open(struct loop **ret, struct err *err) __attribute__((warn_unused_result));
void loop_close(struct loop *loop);

typedef void loop_fd_func(void *arg, int fd, uint32_t events); /* events: EPOLL* */
/* Watches fd for `events` (EPOLLIN, EPOLLOUT); a second call for the same fd replaces the first,
 * events == 0 forgets it. Forget an fd before closing it. */
void loop_watch(struct loop *loop, int fd, uint32_t events, loop_fd_func *func, void *arg);

typedef void loop_timer_func(void *arg);
/* One-shot timer at an absolute loop_now_ms time; (func, arg) is its identity: a second call moves
 * it, at_ms < 0 removes it. */
void loop_timer(struct loop *loop, int64_t at_ms, loop_timer_func *func, void *arg);

/* Waits for the next event, at most max_wait_ms (-1: as long as it takes), and runs what is due. */
int loop_step(struct loop *loop, int max_wait_ms, struct err *err)
	__attribute__((warn_unused_result));

#endif
