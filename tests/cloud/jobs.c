/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cloud/sim.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* Child processes, so that copying an image or booting one does not hold up the other calls. */
struct job {
	struct sim *sim;
	pid_t pid;
	int pidfd;
	char *temp, *to; /* renamed when the child succeeded; NULL: nothing to rename */
	job_func *done;
	void *arg;
};

static int copy_range(int in, int out, off_t from, off_t end)
{
	off_t out_at = from;

	while (from < end) {
		ssize_t n = copy_file_range(in, &from, out, &out_at, (size_t)(end - from), 0);

		if (n <= 0)
			return -1;
	}
	return 0;
}

static int copy_data(int in, int out, off_t size)
{
	for (off_t at = 0; at < size;) {
		off_t data = lseek(in, at, SEEK_DATA), hole;

		if (data < 0)
			return errno == ENXIO ? 0 : -1; /* only a hole is left */
		hole = lseek(in, data, SEEK_HOLE);
		if (hole < 0 || copy_range(in, out, data, hole))
			return -1;
		at = hole;
	}
	return 0;
}

int file_copy_sparse(const char *from, const char *to, uint64_t size_bytes, struct err *err)
{
	cleanup(fd_close) int in = open(from, O_RDONLY | O_CLOEXEC);
	cleanup(fd_close) int out = -1;
	struct stat st;

	if (in < 0 || fstat(in, &st))
		return err_errno(err, errno, "%s", from);
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (out < 0)
		return err_errno(err, errno, "%s", to);
	if (copy_data(in, out, st.st_size) ||
	    ftruncate(out, (off_t)size_bytes > st.st_size ? (off_t)size_bytes : st.st_size))
		return err_errno(err, errno, "copying %s to %s", from, to);
	return 0;
}

static void job_free(struct job *job)
{
	loop_watch(job->sim->loop, job->pidfd, 0, NULL, NULL);
	fd_close(job->pidfd);
	free(job->temp);
	free(job->to);
	free(job);
}

static void on_exit_of(void *arg, int fd, uint32_t events)
{
	struct job *job = arg;
	struct sim *sim = job->sim;
	int status = 0;

	(void)fd, (void)events;
	if (waitpid(job->pid, &status, WNOHANG) != job->pid)
		return;
	for (size_t i = 0; i < sim->jobs.count; i++)
		if (sim->jobs.items[i] == job)
			sim->jobs.items[i--] = sim->jobs.items[--sim->jobs.count];
	if (job->to && !status && rename(job->temp, job->to))
		status = 1;
	if (job->temp && status)
		unlink(job->temp);
	world_advance(sim);
	job->done(sim, job->arg, status);
	world_commit(sim);
	job_free(job);
}

static void job_add(struct sim *sim, struct job *job, pid_t pid)
{
	job->sim = sim;
	job->pid = pid;
	job->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pid < 0 || job->pidfd < 0) {
		fprintf(stderr, "ec2-sim: cannot start a child: %s\n", strerror(errno));
		abort();
	}
	vec_push(&sim->jobs, job);
	loop_watch(sim->loop, job->pidfd, EPOLLIN, on_exit_of, job);
}

/* In the child: nothing of the parent's sockets may live on in it, or a connection that the parent
 * closes would stay open; and it must not outlive the parent. */
static void child_prepare(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	setpgid(0, 0);
	syscall(SYS_close_range, 3u, ~0u, 0u);
}

void job_copy(struct sim *sim, const char *from, const char *to, uint64_t size_bytes,
	      job_func *done, void *arg)
{
	struct job *job = mem_alloc(sizeof(*job));
	pid_t pid;

	job->temp = mem_printf("%s.part", to);
	job->to = mem_strdup(to);
	job->done = done;
	job->arg = arg;
	pid = fork();
	if (!pid) {
		struct err err = ERR_INIT;

		child_prepare();
		if (!file_copy_sparse(from, job->temp, size_bytes, &err))
			_exit(0);
		fprintf(stderr, "ec2-sim: %s\n", err.text);
		_exit(1);
	}
	job_add(sim, job, pid);
}

void job_run(struct sim *sim, const char *const *argv, const char *out, unsigned deadline_s,
	     job_func *done, void *arg)
{
	struct job *job = mem_alloc(sizeof(*job));
	pid_t pid;

	job->done = done;
	job->arg = arg;
	pid = fork();
	if (!pid) {
		int null = open("/dev/null", O_RDONLY);
		int file = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600);

		if (null >= 0 && file >= 0 && dup2(null, 0) >= 0 && dup2(file, 1) >= 0) {
			child_prepare();
			alarm(deadline_s);
			execvp(argv[0], (char *const *)argv);
		}
		_exit(127);
	}
	job_add(sim, job, pid);
}

pid_t job_serve(struct sim *sim, const char *const *argv, int fd, const char *log, job_func *done,
		void *arg)
{
	struct job *job = mem_alloc(sizeof(*job));
	pid_t pid;

	job->done = done;
	job->arg = arg;
	pid = fork();
	if (!pid) {
		int file = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

		fcntl(fd, F_SETFL, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (file >= 0 && dup2(fd, 0) >= 0 && dup2(fd, 1) >= 0 && dup2(file, 2) >= 0) {
			child_prepare();
			execvp(argv[0], (char *const *)argv);
		}
		_exit(127);
	}
	job_add(sim, job, pid);
	return pid;
}

void jobs_close(struct sim *sim)
{
	while (sim->jobs.count) {
		struct job *job = sim->jobs.items[--sim->jobs.count];

		kill(-job->pid, SIGKILL);
		kill(job->pid, SIGKILL);
		waitpid(job->pid, NULL, 0);
		if (job->temp)
			unlink(job->temp);
		job->done(sim, job->arg, -1);
		job_free(job);
	}
	vec_done(&sim->jobs);
}
