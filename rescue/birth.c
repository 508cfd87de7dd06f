/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/birth.h"
#include "base/mem.h"
#include "base/secrets.h"
#include "rescue/sandbox.h"

#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>

/* In the child: as after an exec, but for what lies in memory. */
static void __attribute__((noreturn)) go_on(const struct birth *b)
{
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	environ = b->env;
	_exit(b->main());
}

/* In the child, between fork and exec: only async-signal-safe calls. */
static void __attribute__((noreturn)) be_born(const struct birth *b)
{
	char name[] = "ec2-rescue";
	char *const argv[] = { name, b->command, NULL };
	int null, channel, words, link, served;
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* A ^C on the terminal is the parent's to handle: a commit must not be cut by it. */
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != b->parent)
		_exit(1);
	/* Out of the way of 0 to 5 first. */
	channel = fcntl(b->channel, F_DUPFD, 10);
	words = fcntl(b->words, F_DUPFD, 10);
	link = b->link < 0 ? -1 : fcntl(b->link, F_DUPFD, 10);
	served = b->served < 0 ? -1 : fcntl(b->served, F_DUPFD, 10);
	null = open("/dev/null", O_RDWR);
	if (channel < 0 || words < 0 || null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 ||
	    dup2(words, 2) < 0 || dup2(channel, SANDBOX_CHANNEL) < 0 ||
	    close_range(SANDBOX_LINK, SANDBOX_SERVED, 0) < 0 ||
	    (link >= 0 && dup2(link, SANDBOX_LINK) < 0) ||
	    (served >= 0 && dup2(served, SANDBOX_SERVED) < 0) ||
	    close_range(SANDBOX_SERVED + 1, ~0u, 0) < 0)
		_exit(1);
	if (secrets_are_absent())
		go_on(b);
	execve("/proc/self/exe", argv, b->env);
	_exit(1);
}

/* PATH for e2fsck and its kin, the debug log when it is wanted, and nothing else. */
pid_t birth_start(struct birth *b)
{
	const char *path_now = getenv("PATH"), *debug_now = getenv("EC2_RESCUE_DEBUG");
	cleanup(free) char *path =
		mem_printf("PATH=%s", path_now ? path_now : "/usr/sbin:/usr/bin:/sbin:/bin");
	cleanup(free) char *debug = debug_now ? mem_printf("EC2_RESCUE_DEBUG=%s", debug_now) : NULL;
	char lang[] = "LANG=C.UTF-8";
	char *env[] = { path, lang, debug, NULL };
	pid_t pid;

	b->env = env;
	b->parent = getpid();
	if (debug)
		b->words = 2;
	pid = fork();
	if (!pid)
		be_born(b);
	return pid;
}
