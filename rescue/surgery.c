/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/surgery.h"
#include "base/secrets.h"
#include "rescue/sandbox.h"
#include "rescue/surgery_wire.h"

#include <errno.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define LAST_WORDS_MAX 2048u

struct surgery {
	struct loop *loop;
	struct surgery_watch watch;
	struct surgery_result result;
	char *target;
	uint32_t deadline_s;
	pid_t pid;
	int channel, words, pidfd; /* words: the child's standard error */
	struct str in, out, last_words;
	uint32_t events;
	bool has_ended;	    /* the child said so; its exit is awaited */
	bool is_committing; /* the volume may be between old and new */
	bool is_freed;	    /* no more callbacks */
	unsigned depth;	    /* of functions here that use this object now */
};

static void on_deadline(void *arg);

const struct surgery_result *surgery_result(const struct surgery *s)
{
	return &s->result;
}

static void destroy(struct surgery *s);

/* A callback may free the surgery; the object itself lasts until the outermost function here is
 * done with it. */
static void enter(struct surgery *s)
{
	s->depth++;
}

static void leave(struct surgery *s)
{
	if (!--s->depth && s->is_freed)
		destroy(s);
}

static void tell_changed(struct surgery *s)
{
	if (!s->is_freed)
		s->watch.changed(s->watch.arg);
}

static void forget(struct surgery *s, int *fd)
{
	if (*fd < 0)
		return;
	loop_watch(s->loop, *fd, 0, NULL, NULL);
	close(*fd);
	*fd = -1;
}

/* Its own children die with it, but after it, so that what is mounted on its overlay can still
 * write its last blocks there. */
static void kill_child(struct surgery *s)
{
	if (s->pid > 0)
		kill(s->pid, SIGKILL);
}

/* Ends the surgery because of err; the state changes when the child is gone. */
static void fail(struct surgery *s, const struct err *err)
{
	if (!s->result.err.code)
		s->result.err = *err;
	forget(s, &s->channel);
	kill_child(s);
}

/* ---- messages ---- */

static int on_state(struct surgery *s, const char *state, const json_t *message, struct err *err)
{
	const json_t *error = json_object_get(message, "error");
	const char *code = json_string_value(json_object_get(error, "code"));
	const char *text = json_string_value(json_object_get(error, "text"));

	if (surgery_result_from_json(json_object_get(message, "result"), &s->result, err) < 0)
		return -1;
	if (str_eq(state, "ended")) {
		s->has_ended = true;
		if (json_is_object(error) && (!code || !text))
			return err_set(err, ERR_MALFORMED, "the surgeon's error lacks a member");
		if (json_is_object(error))
			err_set(&s->result.err, err_from_name(code), "%s", text);
		return 0;
	}
	if (!str_eq(state, "ready") || s->result.state != SURGERY_WORKING)
		return err_set(err, ERR_MALFORMED, "the surgeon is in no state that can be");
	s->result.state = SURGERY_READY;
	loop_timer(s->loop, -1, on_deadline, s);
	tell_changed(s);
	return 0;
}

static int on_message(struct surgery *s, json_t *message, struct err *err)
{
	const char *state = json_string_value(json_object_get(message, "state"));

	if (s->has_ended)
		return err_set(err, ERR_MALFORMED, "the surgeon spoke after its end");
	if (state)
		return on_state(s, state, message, err);
	if (++s->events > SURGERY_EVENTS_MAX)
		return err_set(err, ERR_MALFORMED, "the surgeon sent more than %u events",
			       SURGERY_EVENTS_MAX);
	if (surgery_event_judge(message, err) < 0)
		return -1;
	if (!s->is_freed)
		s->watch.event(s->watch.arg, message);
	return 0;
}

/* Every whole line of what was received. */
static void take_lines(struct surgery *s)
{
	struct err err = ERR_INIT;
	size_t at = 0;
	char *end;

	while (s->channel >= 0 && (end = memchr(s->in.s + at, '\n', s->in.len - at))) {
		size_t len = (size_t)(end - (s->in.s + at));
		json_t *message = json_loadb(s->in.s + at, len, JSON_REJECT_DUPLICATES, NULL);
		int rc;

		at += len + 1;
		rc = json_is_object(message)
			     ? on_message(s, message, &err)
			     : err_set(&err, ERR_MALFORMED, "the surgeon sent what is no message");
		json_decref(message);
		if (rc < 0)
			fail(s, &err);
	}
	memmove(s->in.s, s->in.s + at, s->in.len - at);
	s->in.len -= at;
	if (s->in.len > SURGERY_LINE_MAX) {
		err_set(&err, ERR_MALFORMED, "the surgeon sent a message without end");
		fail(s, &err);
	}
}

static void on_channel(void *arg, int fd, uint32_t events);

static void send_out(struct surgery *s)
{
	ssize_t put = 0;

	while (s->out.len && s->channel >= 0) {
		put = send(s->channel, s->out.s, s->out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			break;
		memmove(s->out.s, s->out.s + put, s->out.len - (size_t)put);
		s->out.len -= (size_t)put;
	}
	if (put < 0 && errno != EAGAIN)
		str_clear(&s->out); /* it is dying: its exit tells more */
	if (s->channel >= 0)
		loop_watch(s->loop, s->channel, EPOLLIN | (s->out.len ? EPOLLOUT : 0), on_channel,
			   s);
}

static void post(struct surgery *s, json_t *message)
{
	char *text = json_dumps(message, JSON_COMPACT);

	json_decref(message);
	str_addf(&s->out, "%s\n", text);
	free(text);
	send_out(s);
}

/* False when nothing more is to be had now. */
static bool receive(struct surgery *s)
{
	char buf[65536];
	ssize_t got = recv(s->channel, buf, sizeof(buf), MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (got <= 0) {
		forget(s, &s->channel); /* the exit is what counts */
		return false;
	}
	str_add_bytes(&s->in, buf, (size_t)got);
	take_lines(s);
	return s->channel >= 0;
}

static void on_channel(void *arg, int fd, uint32_t events)
{
	struct surgery *s = arg;

	(void)fd;
	enter(s);
	if (events & EPOLLOUT)
		send_out(s);
	if (s->channel >= 0)
		receive(s);
	leave(s);
}

static bool receive_words(struct surgery *s)
{
	char buf[1024];
	ssize_t got = read(s->words, buf, sizeof(buf));

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (got <= 0) {
		forget(s, &s->words);
		return false;
	}
	if (s->last_words.len + (size_t)got > LAST_WORDS_MAX)
		str_clear(&s->last_words);
	str_add_bytes(&s->last_words, buf, (size_t)got);
	return true;
}

static void on_words(void *arg, int fd, uint32_t events)
{
	(void)fd, (void)events;
	receive_words(arg);
}

/* ---- the end ---- */

static const char *state_of_target(const struct surgery *s)
{
	return s->is_committing ? "it may be between old and new; `ec2-rescue repair` finishes the "
				  "repair and `ec2-rescue undo` takes it back"
				: "nothing was written to it";
}

/* By a person, or by the kernel when memory ran out; other signals are defects of ours. */
static bool was_killed(int status)
{
	return WIFSIGNALED(status) && (WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGTERM ||
				       WTERMSIG(status) == SIGINT || WTERMSIG(status) == SIGHUP);
}

static void explain_exit(struct surgery *s, int status)
{
	cleanup(str_done) struct str words = STR_INIT;
	cleanup(free) char *how = NULL;

	if (s->result.err.code || (s->has_ended && !status))
		return;
	str_add_escaped(&words, s->last_words.s, s->last_words.len < 300 ? s->last_words.len : 300);
	how = WIFSIGNALED(status) ? mem_printf("died (%s)", strsignal(WTERMSIG(status)))
				  : mem_printf("ended early with status %d", WEXITSTATUS(status));
	if (s->has_ended && !s->is_freed) { /* it did its work, and failed only at going */
		cleanup(free) char *text = mem_printf(
			"%s: the surgeon %s after its work was done: %s", s->target, how, words.s);
		json_t *event = json_pack("{s:s, s:s}", "event", "warning", "text", text);

		if (event)
			s->watch.event(s->watch.arg, event);
		json_decref(event);
	}
	if (!s->has_ended)
		err_set(&s->result.err, was_killed(status) ? ERR_INTERRUPTED : ERR_INTERNAL,
			"%s: the surgeon %s; %s%s%s", s->target, how, state_of_target(s),
			words.len ? ". Its last words: " : "", words.s);
}

static void on_exit_of_child(void *arg, int fd, uint32_t events)
{
	struct surgery *s = arg;
	int status = 0;

	(void)fd, (void)events;
	if (waitpid(s->pid, &status, WNOHANG) != s->pid)
		return;
	s->pid = -1;
	enter(s);
	/* What it said before it ended is still in the sockets. */
	while (s->channel >= 0 && receive(s))
		;
	while (s->words >= 0 && receive_words(s))
		;
	forget(s, &s->channel);
	forget(s, &s->words);
	forget(s, &s->pidfd);
	loop_timer(s->loop, -1, on_deadline, s);
	explain_exit(s, status);
	s->result.state = SURGERY_ENDED;
	tell_changed(s);
	leave(s);
}

static void on_deadline(void *arg)
{
	struct surgery *s = arg;
	struct err err = ERR_INIT;

	err_set(&err, ERR_TIMEOUT, "%s: the surgery took longer than %u s and was stopped; %s",
		s->target, s->deadline_s, state_of_target(s));
	fail(s, &err);
}

/* ---- the start ---- */

/* In the child: as after an exec, but for what lies in memory. */
static void __attribute__((noreturn)) go_on_as_surgeon(char *env[])
{
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	environ = env;
	_exit(surgeon_main(SANDBOX_CHANNEL));
}

/* In the child, between fork and exec: only async-signal-safe calls. */
static void __attribute__((noreturn))
become_surgeon(char *env[], int channel, int words, pid_t parent)
{
	char name[] = "ec2-rescue", command[] = "surgeon";
	char *const argv[] = { name, command, NULL };
	sigset_t none;
	int null;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* A ^C on the terminal is the parent's to handle: a commit must not be cut by it. */
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent)
		_exit(1);
	/* Out of the way of 0 to 3 first. */
	channel = fcntl(channel, F_DUPFD, 10);
	words = fcntl(words, F_DUPFD, 10);
	null = open("/dev/null", O_RDWR);
	if (channel < 0 || words < 0 || null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 ||
	    dup2(words, 2) < 0 || dup2(channel, SANDBOX_CHANNEL) < 0 ||
	    close_range(SANDBOX_CHANNEL + 1, ~0u, 0) < 0)
		_exit(1);
	if (secrets_are_absent())
		go_on_as_surgeon(env);
	execve("/proc/self/exe", argv, env);
	_exit(1);
}

/* PATH for e2fsck and its kin, the debug log when it is wanted, and nothing else. */
static pid_t start_child(int channel, int words)
{
	const char *path_now = getenv("PATH"), *debug_now = getenv("EC2_RESCUE_DEBUG");
	cleanup(free) char *path =
		mem_printf("PATH=%s", path_now ? path_now : "/usr/sbin:/usr/bin:/sbin:/bin");
	cleanup(free) char *debug = debug_now ? mem_printf("EC2_RESCUE_DEBUG=%s", debug_now) : NULL;
	char lang[] = "LANG=C.UTF-8";
	char *env[] = { path, lang, debug, NULL };
	pid_t parent = getpid(), pid = fork();

	if (!pid)
		become_surgeon(env, channel, debug ? 2 : words, parent);
	return pid;
}

static int open_channels(int channel[2], int words[2], struct err *err)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) < 0)
		return err_errno(err, errno, "the surgeon's channel could not be made");
	if (pipe2(words, O_CLOEXEC | O_NONBLOCK) < 0) {
		int saved = errno;

		close(channel[0]);
		close(channel[1]);
		return err_errno(err, saved, "the surgeon's channel could not be made");
	}
	/* The child's end blocks as standard error does. */
	fcntl(words[1], F_SETFL, 0);
	return 0;
}

int surgery_start(struct loop *loop, const struct surgery_job *job,
		  const struct surgery_watch *watch, struct surgery **ret, struct err *err)
{
	int channel[2], words[2], pidfd;
	struct surgery *s;
	pid_t pid;

	if (open_channels(channel, words, err) < 0)
		return -1;
	pid = start_child(channel[1], words[1]);
	pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	close(channel[1]);
	close(words[1]);
	if (pidfd < 0) {
		int saved = errno;

		if (pid > 0) {
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
		}
		close(channel[0]);
		close(words[0]);
		return err_errno(err, saved, "the surgeon could not be started");
	}
	fcntl(pidfd, F_SETFD, FD_CLOEXEC);
	s = mem_alloc(sizeof(*s));
	*s = (struct surgery){ .loop = loop,
			       .watch = *watch,
			       .target = mem_strdup(job->name ? job->name : job->path),
			       .deadline_s = job->deadline_s,
			       .pid = pid,
			       .channel = channel[0],
			       .words = words[0],
			       .pidfd = pidfd,
			       .in = STR_INIT,
			       .out = STR_INIT,
			       .last_words = STR_INIT,
			       /* These write without asking. */
			       .is_committing =
				       job->mode == SURGERY_UNDO || job->mode == SURGERY_RECOVER };
	loop_watch(loop, s->words, EPOLLIN, on_words, s);
	loop_watch(loop, s->pidfd, EPOLLIN, on_exit_of_child, s);
	loop_timer(loop, loop_now_ms(loop) + (int64_t)s->deadline_s * 1000, on_deadline, s);
	post(s, surgery_job_to_json(job));
	*ret = s;
	return 0;
}

void surgery_commit(struct surgery *s)
{
	if (s->result.state != SURGERY_READY)
		return;
	s->result.state = SURGERY_WORKING;
	s->is_committing = true;
	loop_timer(s->loop, loop_now_ms(s->loop) + (int64_t)s->deadline_s * 1000, on_deadline, s);
	post(s, json_pack("{s:s}", "do", "commit"));
}

void surgery_decline(struct surgery *s)
{
	if (s->result.state != SURGERY_READY)
		return;
	s->result.state = SURGERY_WORKING;
	loop_timer(s->loop, loop_now_ms(s->loop) + (int64_t)s->deadline_s * 1000, on_deadline, s);
	post(s, json_pack("{s:s}", "do", "decline"));
}

static void destroy(struct surgery *s)
{
	loop_timer(s->loop, -1, on_deadline, s);
	if (s->pid > 0) {
		kill_child(s);
		/* It may hang in the kernel on a dying device: then it is left to init. */
		for (int i = 0; i < 500 && !waitpid(s->pid, NULL, WNOHANG); i++)
			usleep(10000);
	}
	forget(s, &s->channel);
	forget(s, &s->words);
	forget(s, &s->pidfd);
	free(s->target);
	str_done(&s->in);
	str_done(&s->out);
	str_done(&s->last_words);
	free(s);
}

void surgery_free(struct surgery *s)
{
	if (!s)
		return;
	s->is_freed = true;
	if (!s->depth)
		destroy(s);
}
