/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/signals.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void on_signal(void *arg, int fd, uint32_t events)
{
	struct signals *s = arg;
	struct signalfd_siginfo info;

	(void)events;
	while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		s->count++;
	s->came(s->arg);
}

int signals_open(struct signals *s, struct loop *loop, void (*came)(void *arg), void *arg,
		 struct err *err)
{
	sigset_t set;

	*s = (struct signals){ .loop = loop, .came = came, .arg = arg };
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, &s->old);
	s->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (s->fd < 0)
		return err_errno(err, errno, "signalfd");
	loop_watch(loop, s->fd, EPOLLIN, on_signal, s);
	return 0;
}

void signals_close(struct signals *s)
{
	if (s->fd < 0)
		return;
	loop_watch(s->loop, s->fd, 0, NULL, NULL);
	close(s->fd);
	sigprocmask(SIG_SETMASK, &s->old, NULL);
	*s = SIGNALS_INIT;
}
