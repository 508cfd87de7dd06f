/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/surgery.h"
#include "rescue/birth.h"
#include "rescue/boot.h"
#include "rescue/sandbox.h"
#include "rescue/surgery_wire.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define LAST_WORDS_MAX 2048u

struct surgery {
	struct loop *loop;
	struct surgery_watch watch;
	struct surgery_result result;
	char *target;
	uint32_t deadline_s;
	pid_t pid, rehearser;	   /* -1: none */
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
	if (s->rehearser > 0)
		kill(s->rehearser, SIGKILL);
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

static void end_child(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
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
	end_child(s->rehearser);
	s->rehearser = -1;
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

static int surgeon(void)
{
	return surgeon_main(SANDBOX_CHANNEL);
}

/* The rehearser first, so that nothing of the surgeon's is open in it. Its end of the link is closed
 * here; the other one goes to the surgeon. */
static int start_rehearser(int words, pid_t *ret, int *ret_link, struct err *err)
{
	char command[] = "rehearser";
	struct birth b = {
		.command = command, .main = rehearser_main, .link = -1, .served = -1, .words = words
	};
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_errno(err, errno, "the rehearser's link could not be made");
	b.channel = pair[0];
	*ret = birth_start(&b);
	close(pair[0]);
	*ret_link = pair[1];
	return *ret < 0 ? err_errno(err, errno, "the rehearser could not be started") : 0;
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
	char command[] = "surgeon";
	struct birth b = { .command = command,
			   .main = surgeon,
			   .link = -1,
			   .served = job->is_served ? job->served_fd : -1 };
	int channel[2], words[2], pidfd = -1;
	pid_t pid = -1, rehearser = -1;
	struct surgery *s;

	if (open_channels(channel, words, err) < 0)
		return -1;
	b.channel = channel[1];
	b.words = words[1];
	if (!job->boot.console_path || !start_rehearser(words[1], &rehearser, &b.link, err)) {
		pid = birth_start(&b);
		pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
		if (pidfd < 0)
			err_errno(err, errno, "the surgeon could not be started");
	}
	fd_close(b.link);
	close(channel[1]);
	close(words[1]);
	if (pidfd < 0) {
		end_child(pid);
		end_child(rehearser);
		close(channel[0]);
		close(words[0]);
		return -1;
	}
	fcntl(pidfd, F_SETFD, FD_CLOEXEC);
	s = mem_alloc(sizeof(*s));
	*s = (struct surgery){ .loop = loop,
			       .watch = *watch,
			       .target = mem_strdup(job->name ? job->name : job->path),
			       .deadline_s = job->deadline_s,
			       .pid = pid,
			       .rehearser = rehearser,
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
	end_child(s->rehearser);
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

char *surgery_console_path(const char *dir)
{
	char when[32];
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y%m%d-%H%M%S", &tm);
	return mem_printf("%s/boot-%s.console", dir, when);
}
