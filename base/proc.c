/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/spawn.h"

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

int proc_run(const struct proc_run *run, struct proc_result *ret, struct err *err)
{
	struct pollfd fds[3];
	struct child child;
	int status = 0;
	bool in_time;

	if (child_spawn(run, &child, err) < 0)
		return -1;
	fds[0] = (struct pollfd){ .fd = child.in, .events = POLLOUT };
	fds[1] = (struct pollfd){ .fd = child.out, .events = POLLIN };
	fds[2] = (struct pollfd){ .fd = child.errout, .events = POLLIN };
	in_time = pump(run, fds, ret);
	for (size_t i = 0; i < 3; i++)
		fd_close(fds[i].fd);
	if (!in_time)
		kill(-child.pid, SIGKILL);
	while (waitpid(child.pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!in_time)
		return err_set(err, ERR_TIMEOUT, "%s did not end within %u s and was killed",
			       run->argv[0], run->deadline_s);
	ret->status = child_status(status);
	return 0;
}
