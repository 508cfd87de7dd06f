/* SPDX-License-Identifier: GPL-2.0-or-later */
/* proc_start: a program beside the event loop. */
#include "base/spawn.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#define REAP_MS 10 /* between looks whether it has ended, once its output is closed */

struct proc_job {
	struct loop *loop;
	struct child child;
	char *name;
	uint32_t deadline_s;
	size_t max_output_bytes;
	struct proc_result result;
	proc_done_func *done;
	void *arg;
};

static void on_deadline(void *arg);
static void reap(void *arg);

static void close_end(struct proc_job *job, int *fd)
{
	if (*fd < 0)
		return;
	loop_watch(job->loop, *fd, 0, NULL, NULL);
	close(*fd);
	*fd = -1;
}

static void job_free(struct proc_job *job)
{
	close_end(job, &job->child.out);
	close_end(job, &job->child.errout);
	loop_timer(job->loop, -1, on_deadline, job);
	loop_timer(job->loop, -1, reap, job);
	proc_result_done(&job->result);
	free(job->name);
	free(job);
}

/* `done` may do anything, so nothing of the job is touched behind it. */
static void finish(struct proc_job *job, const struct err *err)
{
	struct proc_result result = job->result;
	proc_done_func *done = job->done;
	void *arg = job->arg;

	job->result = (struct proc_result)PROC_RESULT_INIT;
	job_free(job);
	done(arg, err ? NULL : &result, err);
	proc_result_done(&result);
}

static void kill_child(struct proc_job *job)
{
	kill(-job->child.pid, SIGKILL);
	while (waitpid(job->child.pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static void on_deadline(void *arg)
{
	struct proc_job *job = arg;
	struct err why = ERR_INIT;

	kill_child(job);
	err_set(&why, ERR_TIMEOUT, "%s did not end within %u s and was killed", job->name,
		job->deadline_s);
	finish(job, &why);
}

static void reap(void *arg)
{
	struct proc_job *job = arg;
	int status;
	pid_t got = waitpid(job->child.pid, &status, WNOHANG);

	if (got != job->child.pid) {
		loop_timer(job->loop, loop_now_ms(job->loop) + REAP_MS, reap, job);
		return;
	}
	job->result.status = child_status(status);
	finish(job, NULL);
}

static void on_output(void *arg, int fd, uint32_t events)
{
	struct proc_job *job = arg;
	struct str *into = fd == job->child.out ? &job->result.out : &job->result.errout;
	char buf[16384];
	ssize_t got = read(fd, buf, sizeof(buf));

	(void)events;
	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (got > 0) {
		if (into->len + (size_t)got > job->max_output_bytes) {
			job->result.was_cut = true;
			got = (ssize_t)(job->max_output_bytes - into->len);
		}
		str_add_bytes(into, buf, (size_t)got);
		explicit_bzero(buf, sizeof(buf)); /* it may be a credential */
		return;
	}
	close_end(job, fd == job->child.out ? &job->child.out : &job->child.errout);
	if (job->child.out < 0 && job->child.errout < 0)
		reap(job);
}

int proc_start(struct loop *loop, const struct proc_run *run, proc_done_func *done, void *arg,
	       struct proc_job **ret, struct err *err)
{
	struct proc_job *job;
	struct child child;

	if (child_spawn(run, &child, err) < 0)
		return -1;
	job = mem_alloc(sizeof(*job));
	*job = (struct proc_job){
		.loop = loop,
		.child = child,
		.name = mem_strdup(run->argv[0]),
		.deadline_s = run->deadline_s,
		.max_output_bytes = run->max_output_bytes ? run->max_output_bytes : 65536,
		.result = PROC_RESULT_INIT,
		.done = done,
		.arg = arg,
	};
	loop_watch(loop, child.out, EPOLLIN, on_output, job);
	loop_watch(loop, child.errout, EPOLLIN, on_output, job);
	loop_timer(loop, loop_now_ms(loop) + (int64_t)run->deadline_s * 1000, on_deadline, job);
	*ret = job;
	return 0;
}

void proc_cancel(struct proc_job *job)
{
	if (!job)
		return;
	kill_child(job);
	job_free(job);
}
