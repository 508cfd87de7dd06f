/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tool-confined: the examiner's confinement, seen from outside. Every system call number of this machine, and some
 * beyond, is tried by a confined process of its own: only those that are listed here come back. Then one
 * that waits is looked at in /proc. Prints a line for each that is wrong, and at last how many were tried. */
#include "base/file.h"
#include "rescue/sandbox.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define CALLS_MAX 600
#define X32_BIT	  0x40000000L
/* sigreturn comes back to where there is nothing. The kernel lets no filter see these two (since 6.14): they
 * are for its own trampolines, and from anywhere else they fail. */
#define URETPROBE 335
#define UPROBE	  336

/* With arguments of zero; what only looks at them (sendto on another descriptor than its channel) is not
 * among these. */
static const long returning[] = { SYS_mprotect,
				  SYS_brk,
				  SYS_munmap,
				  SYS_mremap,
				  SYS_madvise,
				  SYS_futex,
				  SYS_sched_yield,
				  SYS_getrandom,
				  SYS_clock_gettime,
				  SYS_gettimeofday,
				  SYS_sysinfo,
				  SYS_getpid,
				  SYS_gettid,
				  SYS_rt_sigaction,
				  SYS_rt_sigprocmask,
				  SYS_sigaltstack,
				  SYS_restart_syscall,
#ifdef SYS_time
				  SYS_time,
#endif
				  SYS_exit,
				  SYS_exit_group };

static unsigned tried, wrong;

static void complain(const char *what, long number, int status)
{
	printf("%s %ld: ended with wait status %#x\n", what, number, status);
	wrong++;
}

/* One call in a confined process, which then leaves with 42. */
static int try(long number, const long args[6])
{
	int ends[2], status;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		exit(2);
	pid = fork();
	if (!pid) {
		struct err err = ERR_INIT;

		if (sandbox_examiner(ends[1], 5, getppid(), &err) < 0)
			_exit(3);
		syscall(number, args[0], args[1], args[2], args[3], args[4], args[5]);
		syscall(SYS_exit_group, 42);
	}
	close(ends[0]);
	close(ends[1]);
	if (waitpid(pid, &status, 0) != pid)
		exit(2);
	tried++;
	return status;
}

static bool may_return(long number)
{
	for (size_t i = 0; i < ARRAY_LEN(returning); i++)
		if (returning[i] == number)
			return true;
	return false;
}

static void try_all(void)
{
	static const long zero[6];

	for (long number = 0; number < CALLS_MAX; number++) {
		int status;

		if (number == SYS_rt_sigreturn || number == URETPROBE || number == UPROBE)
			continue;
		status = try(number, zero);
		if (may_return(number) ? !WIFEXITED(status) || WEXITSTATUS(status) == 3
				       : !WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
			complain("system call", number, status);
	}
	for (long number = 0; number < CALLS_MAX; number++) {
		int status = try(number | X32_BIT, zero);

		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
			complain("x32 system call", number, status);
	}
}

/* Those that are let through with some arguments only. */
static void try_arguments(void)
{
	static const struct {
		long number, args[6];
		bool returns;
	} rows[] = {
		{ SYS_mmap, { 0, 4096, 3, 0x22, -1, 0 }, true },  /* private memory */
		{ SYS_mmap, { 0, 4096, 7, 0x22, -1, 0 }, false }, /* that can be executed */
		{ SYS_mmap, { 0, 4096, 1, 0x02, 3, 0 }, false },  /* a file */
		{ SYS_mprotect, { 0, 4096, 4, 0, 0, 0 }, false }, /* made executable */
		{ SYS_recvfrom, { 3, 0, 0, 0x40, 0, 0 }, true },  /* its channel */
		{ SYS_recvfrom, { 4, 0, 0, 0x40, 0, 0 }, false }, /* another one */
		{ SYS_sendto, { 3, 0, 0, 0x4040, 0, 0 }, true },  /* its channel */
		{ SYS_sendto, { 0, 0, 0, 0x40, 0, 0 }, false },	  /* another one */
		{ SYS_write, { 2, 0, 0, 0, 0, 0 }, true },	  /* closed: an error */
		{ SYS_write, { 1, 0, 0, 0, 0, 0 }, false },	  /* anything else */
		{ SYS_write, { 3, 0, 0, 0, 0, 0 }, false },	  /* also its channel */
		{ SYS_tgkill, { 1, 1, 0, 0, 0, 0 }, false },	  /* another process */
		{ SYS_tgkill, { 0, 0, 0, 0, 0, 0 }, false },	  /* nobody */
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int status = try(rows[i].number, rows[i].args);
		bool is_dead = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;

		if (rows[i].returns ? !WIFEXITED(status) || WEXITSTATUS(status) != 42 : !is_dead)
			complain("call with arguments, row", (long)i, status);
	}
}

static void expect(const struct str *status, const char *name, const char *value)
{
	cleanup(free) char *line = mem_printf("\n%s:\t%s", name, value);
	const char *at = strstr(status->s, line);

	tried++;
	if (at && (at[strlen(line)] == '\n' || at[strlen(line)] == '\t'))
		return;
	printf("/proc/PID/status: %s is not %s\n", name, value);
	wrong++;
}

static void look(pid_t pid)
{
	static const char *const capabilities[] = { "CapInh", "CapPrm", "CapEff", "CapAmb" };
	cleanup(str_done) struct str status = STR_INIT, limits = STR_INIT;
	cleanup(free) char *path = mem_printf("/proc/%d/status", pid);
	cleanup(free) char *path_of_limits = mem_printf("/proc/%d/limits", pid);
	struct err err = ERR_INIT;

	if (file_read(path, 65536, &status, &err) < 0 ||
	    file_read(path_of_limits, 65536, &limits, &err) < 0) {
		printf("%s\n", err.text);
		wrong++;
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(capabilities); i++)
		expect(&status, capabilities[i], "0000000000000000");
	expect(&status, "NoNewPrivs", "1");
	expect(&status, "Seccomp", "2");
	expect(&status, "Threads", "1");
	if (!geteuid()) {
		expect(&status, "CapBnd", "0000000000000000");
		expect(&status, "Uid", "65534\t65534\t65534\t65534");
		expect(&status, "Gid", "65534\t65534\t65534\t65534");
		expect(&status, "Groups", " ");
	}
	static const char *const rows[] = { "Max file size             0                    0 ",
					    "Max core file size        0                    0 ",
					    "Max processes             0                    0 ",
					    "Max open files            4                    4 ",
					    "Max cpu time              5                    5 " };
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		tried++;
		if (strstr(limits.s, rows[i]))
			continue;
		printf("/proc/PID/limits has not: %s\n", rows[i]);
		wrong++;
	}
}

/* One that waits for a word on its channel. */
static void look_at_one(void)
{
	int ends[2], status;
	char c = 'x';
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		exit(2);
	pid = fork();
	if (!pid) {
		struct err err = ERR_INIT;

		if (sandbox_examiner(ends[1], 5, getppid(), &err) < 0)
			_exit(3);
		send(SANDBOX_CHANNEL, &c, 1, 0);
		recv(SANDBOX_CHANNEL, &c, 1, 0);
		syscall(SYS_exit_group, 42);
	}
	close(ends[1]);
	if (recv(ends[0], &c, 1, 0) == 1)
		look(pid);
	send(ends[0], &c, 1, MSG_NOSIGNAL);
	waitpid(pid, &status, 0);
	close(ends[0]);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 42)
		complain("the one that waited, after", 0, status);
}

int main(void)
{
	look_at_one();
	try_all();
	try_arguments();
	printf("%u tried, %u wrong\n", tried, wrong);
	return 0;
}
