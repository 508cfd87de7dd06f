/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/proc.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

void proc_result_done(struct proc_result *result)
{
	str_done(&result->out);
	str_done(&result->errout);
}

bool proc_have(const char *program)
{
	cleanup(free) char *copy = NULL;
	const char *path = getenv("PATH");
	char *save = NULL;

	if (strchr(program, '/'))
		return !access(program, X_OK);
	copy = mem_strdup(path ? path : "/usr/sbin:/usr/bin:/sbin:/bin");
	for (char *dir = strtok_r(copy, ":", &save); dir; dir = strtok_r(NULL, ":", &save)) {
		cleanup(free) char *full = mem_printf("%s/%s", dir, program);

		if (!access(full, X_OK))
			return true;
	}
	return false;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* In the child, between fork and exec: only async-signal-safe calls. */
static void __attribute__((noreturn)) exec_child(const struct proc_run *run, const char *const *env,
						 int in, int out, int errout, int fail)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setpgid(0, 0);
	if (dup2(in, 0) >= 0 && dup2(out, 1) >= 0 && dup2(errout, 2) >= 0)
		execvpe(run->argv[0], (char *const *)run->argv, (char *const *)env);
	(void)!write(fail, &errno, sizeof(errno));
	_exit(127);
}

static void drain(struct pollfd *fd, struct str *into, size_t max, bool *was_cut)
{
	char buf[16384];
	ssize_t got;

	if (!(fd->revents & (POLLIN | POLLHUP | POLLERR)))
		return;
	got = read(fd->fd, buf, sizeof(buf));
	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (got <= 0) {
		close(fd->fd);
		fd->fd = -1;
		return;
	}
	if (into->len + (size_t)got > max) {
		*was_cut = true;
		got = (ssize_t)(max - into->len);
	}
	str_add_bytes(into, buf, (size_t)got);
}

static void feed(struct pollfd *fd, const struct proc_run *run, size_t *fed)
{
	ssize_t put;

	if (fd->fd < 0 || !(fd->revents & (POLLOUT | POLLERR | POLLHUP)))
		return;
	put = write(fd->fd, (const char *)run->input + *fed, run->input_len - *fed);
	if (put > 0)
		*fed += (size_t)put;
	if ((put < 0 && errno != EINTR && errno != EAGAIN) || *fed == run->input_len) {
		close(fd->fd);
		fd->fd = -1;
	}
}

/* Moves bytes until both outputs are closed; false when the deadline passed first. */
static bool pump(const struct proc_run *run, struct pollfd fds[3], struct proc_result *ret)
{
	size_t max = run->max_output_bytes ? run->max_output_bytes : 65536, fed = 0;
	int64_t end = now_ms() + (int64_t)run->deadline_s * 1000;

	while (fds[1].fd >= 0 || fds[2].fd >= 0) {
		int64_t left = end - now_ms();

		if (left <= 0)
			return false;
		if (poll(fds, 3, (int)left) < 0 && errno != EINTR)
			return false;
		feed(&fds[0], run, &fed);
		drain(&fds[1], &ret->out, max, &ret->was_cut);
		drain(&fds[2], &ret->errout, max, &ret->was_cut);
	}
	return true;
}

static void make_pipe(int ends[2])
{
	if (pipe2(ends, O_CLOEXEC) < 0)
		ends[0] = ends[1] = -1;
}

int proc_run(const struct proc_run *run, struct proc_result *ret, struct err *err)
{
	cleanup(free) char *path = mem_printf(
		"PATH=%s", getenv("PATH") ? getenv("PATH") : "/usr/sbin:/usr/bin:/sbin:/bin");
	const char *plain[] = { path, "LANG=C.UTF-8", NULL };
	int in[2], out[2], errout[2], fail[2], child_errno = 0, status = 0;
	struct pollfd fds[3];
	bool in_time;
	pid_t pid;

	make_pipe(in);
	make_pipe(out);
	make_pipe(errout);
	make_pipe(fail);
	pid = in[0] < 0 || out[0] < 0 || errout[0] < 0 || fail[0] < 0 ? -1 : fork();
	if (!pid)
		exec_child(run, run->env ? run->env : plain, in[0], out[1], errout[1], fail[1]);
	child_errno = errno;
	fd_close(in[0]);
	fd_close(out[1]);
	fd_close(errout[1]);
	fd_close(fail[1]);
	if (pid < 0) {
		fd_close(in[1]);
		fd_close(out[0]);
		fd_close(errout[0]);
		fd_close(fail[0]);
		return err_errno(err, child_errno, "%s could not be started", run->argv[0]);
	}
	child_errno = 0;
	(void)!read(fail[0], &child_errno, sizeof(child_errno));
	close(fail[0]);
	if (!run->input_len) {
		close(in[1]);
		in[1] = -1;
	} else {
		fcntl(in[1], F_SETFL, O_NONBLOCK);
	}
	fds[0] = (struct pollfd){ .fd = in[1], .events = POLLOUT };
	fds[1] = (struct pollfd){ .fd = out[0], .events = POLLIN };
	fds[2] = (struct pollfd){ .fd = errout[0], .events = POLLIN };
	in_time = pump(run, fds, ret);
	for (size_t i = 0; i < 3; i++)
		fd_close(fds[i].fd);
	if (!in_time)
		kill(-pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (child_errno)
		return err_set(err, ERR_TOOL,
			       "%s could not be run (%s); install it or add it to PATH",
			       run->argv[0], strerror(child_errno));
	if (!in_time)
		return err_set(err, ERR_TIMEOUT, "%s did not end within %u s and was killed",
			       run->argv[0], run->deadline_s);
	ret->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	return 0;
}
