/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/loop.h"
#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <time.h>

struct watch {
	int fd;
	uint32_t events;
	loop_fd_func *func;
	void *arg;
};

struct timer {
	int64_t at_ms;
	loop_timer_func *func;
	void *arg;
};

struct loop {
	int epoll;
	VEC(struct watch) watches;
	VEC(struct timer) timers;
};

int64_t loop_now_ms(const struct loop *loop)
{
	struct timespec ts;

	(void)loop;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int loop_open(struct loop **ret, struct err *err)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (epoll < 0)
		return err_errno(err, errno, "epoll");
	*ret = mem_alloc(sizeof(**ret));
	(*ret)->epoll = epoll;
	return 0;
}

void loop_close(struct loop *loop)
{
	if (!loop)
		return;
	close(loop->epoll);
	vec_done(&loop->watches);
	vec_done(&loop->timers);
	free(loop);
}

static struct watch *find_watch(struct loop *loop, int fd)
{
	vec_foreach (w, &loop->watches)
		if (w->fd == fd)
			return w;
	return NULL;
}

void loop_watch(struct loop *loop, int fd, uint32_t events, loop_fd_func *func, void *arg)
{
	struct watch *w = find_watch(loop, fd);
	struct epoll_event ev = { .events = events, .data.fd = fd };

	if (!events) {
		if (w) {
			epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd, NULL);
			*w = loop->watches.items[--loop->watches.count];
		}
		return;
	}
	if (epoll_ctl(loop->epoll, w ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &ev) < 0 &&
	    errno == ENOENT)
		epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd,
			  &ev); /* was closed and its number used again */
	if (!w)
		w = vec_add(&loop->watches);
	*w = (struct watch){ fd, events, func, arg };
}

void loop_timer(struct loop *loop, int64_t at_ms, loop_timer_func *func, void *arg)
{
	for (size_t i = 0; i < loop->timers.count; i++) {
		struct timer *t = &loop->timers.items[i];

		if (t->func != func || t->arg != arg)
			continue;
		if (at_ms < 0)
			*t = loop->timers.items[--loop->timers.count];
		else
			t->at_ms = at_ms;
		return;
	}
	if (at_ms >= 0)
		vec_push(&loop->timers, ((struct timer){ at_ms, func, arg }));
}

static int next_wait_ms(struct loop *loop, int max_wait_ms)
{
	int64_t now = loop_now_ms(loop);
	int64_t wait = max_wait_ms < 0 ? INT_MAX : max_wait_ms;

	vec_foreach (t, &loop->timers)
		if (t->at_ms - now < wait)
			wait = t->at_ms > now ? t->at_ms - now : 0;
	return max_wait_ms < 0 && wait == INT_MAX ? -1 : (int)wait;
}

/* The due timer that is longest due; taken out before its function runs, which may set it again. */
static bool take_due(struct loop *loop, int64_t now, struct timer *ret)
{
	struct timer *due = NULL;

	vec_foreach (t, &loop->timers)
		if (t->at_ms <= now && (!due || t->at_ms < due->at_ms))
			due = t;
	if (!due)
		return false;
	*ret = *due;
	*due = loop->timers.items[--loop->timers.count];
	return true;
}

int loop_step(struct loop *loop, int max_wait_ms, struct err *err)
{
	struct epoll_event events[64];
	int n = epoll_wait(loop->epoll, events, (int)ARRAY_LEN(events),
			   next_wait_ms(loop, max_wait_ms));
	int64_t now;
	struct timer due;

	if (n < 0 && errno != EINTR)
		return err_errno(err, errno, "epoll_wait");
	for (int i = 0; i < n; i++) {
		/* An earlier function of this round may have forgotten this one. */
		struct watch *w = find_watch(loop, events[i].data.fd);

		if (w)
			w->func(w->arg, w->fd, events[i].events);
	}
	now = loop_now_ms(loop);
	while (take_due(loop, now, &due))
		due.func(due.arg);
	return 0;
}
