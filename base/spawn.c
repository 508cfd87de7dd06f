/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

enum { READ, WRITE };
struct pipes {
	int in[2], out[2], errout[2], fail[2];
};

/* In the child, between fork and exec: only async-signal-safe calls. */
static void __attribute__((noreturn))
exec_child(const struct proc_run *run, const char *const *env, const struct pipes *pipes)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setpgid(0, 0);
	if (dup2(pipes->in[READ], 0) >= 0 && dup2(pipes->out[WRITE], 1) >= 0 &&
	    (run->is_stderr_ours || dup2(pipes->errout[WRITE], 2) >= 0))
		execvpe(run->argv[0], (char *const *)run->argv, (char *const *)env);
	(void)!write(pipes->fail[WRITE], &errno, sizeof(errno));
	_exit(127);
}

static int make_pipes(struct pipes *pipes)
{
	int *all[] = { pipes->in, pipes->out, pipes->errout, pipes->fail };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		all[i][READ] = all[i][WRITE] = -1;
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (pipe2(all[i], O_CLOEXEC) < 0)
			return -1;
	return 0;
}

static void close_ours(struct pipes *pipes)
{
	fd_close(pipes->in[WRITE]);
	fd_close(pipes->out[READ]);
	fd_close(pipes->errout[READ]);
	fd_close(pipes->fail[READ]);
}

static void close_theirs(struct pipes *pipes)
{
	fd_close(pipes->in[READ]);
	fd_close(pipes->out[WRITE]);
	fd_close(pipes->errout[WRITE]);
	fd_close(pipes->fail[WRITE]);
}

int child_spawn(const struct proc_run *run, struct child *ret, struct err *err)
{
	cleanup(free) char *path = mem_printf(
		"PATH=%s", getenv("PATH") ? getenv("PATH") : "/usr/sbin:/usr/bin:/sbin:/bin");
	const char *plain[] = { path, "LANG=C.UTF-8", NULL };
	int child_errno = 0;
	struct pipes pipes;
	pid_t pid;

	pid = make_pipes(&pipes) < 0 ? -1 : fork();
	if (!pid)
		exec_child(run, run->env ? run->env : plain, &pipes);
	child_errno = errno;
	close_theirs(&pipes);
	if (pid < 0) {
		close_ours(&pipes);
		return err_errno(err, child_errno, "%s could not be started", run->argv[0]);
	}
	child_errno = 0;
	(void)!read(pipes.fail[READ], &child_errno, sizeof(child_errno));
	if (child_errno) {
		close_ours(&pipes);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		return err_set(err, ERR_TOOL,
			       "%s could not be run (%s); install it or add it to PATH",
			       run->argv[0], strerror(child_errno));
	}
	close(pipes.fail[READ]);
	if (!run->input_len) {
		close(pipes.in[WRITE]);
		pipes.in[WRITE] = -1;
	} else {
		fcntl(pipes.in[WRITE], F_SETFL, O_NONBLOCK);
	}
	fcntl(pipes.out[READ], F_SETFL, O_NONBLOCK);
	fcntl(pipes.errout[READ], F_SETFL, O_NONBLOCK);
	*ret = (struct child){ pid, pipes.in[WRITE], pipes.out[READ], pipes.errout[READ] };
	return 0;
}

int child_status(int wait_status)
{
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}
