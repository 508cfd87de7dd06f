/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/verify.h"

#include "rescue/console.h"
#include "rescue/finish.h"
#include "rescue/runner.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

enum {
	ATTEMPT_MS = 4000,    /* one connection, banner included */
	PAUSE_FIRST_MS = 300, /* between attempts: 0.3 s at first, then 1 s */
	PAUSE_MS = 1000,
	PAUSE_GROWS_MS = 10000,
	/* What a server has not shown by then it will not show: status checks, an address. */
	SHOWS_WITHIN_MS = 30000,
	BANNER_MAX = 1024, /* RFC 4253 section 4.2: other lines may come before the version */
};

struct verify {
	struct rescue *r;
	int64_t began_ms, deadline_ms, attempt_ms, next_ms;
	int fd; /* -1: no attempt under way */
	bool is_sending;
	unsigned attempts;
	bool has_banner;
	char where[160], last[256]; /* the address tried, how the newest attempt ended */
	char data[BANNER_MAX + 1];
	size_t len;
	/* the console, asked for when nothing answered */
	enum { CONSOLE_NONE, CONSOLE_ASKED, CONSOLE_HERE } console;
	struct ec2_op console_op;
	struct ec2_console output;
};

static void wake(void *arg)
{
	rescue_poke(arg);
}

void verify_free(struct verify *v)
{
	if (!v)
		return;
	if (v->fd >= 0) {
		loop_watch(v->r->runner->loop, v->fd, 0, NULL, NULL);
		close(v->fd);
	}
	loop_timer(v->r->runner->loop, -1, wake, v->r);
	if (v->console == CONSOLE_ASKED)
		ec2_cancel(v->r->runner->ec2, &v->console_op);
	ec2_console_done(&v->output);
	if (v->r->runner->watch)
		ec2_unwatch_status(v->r->runner->watch, &v->r->record.instance);
	free(v);
}

void verify_start(struct rescue *r)
{
	struct verify *v = mem_alloc(sizeof(*v));

	v->r = r;
	v->fd = -1;
	v->began_ms = v->next_ms = loop_now_ms(r->runner->loop);
	v->deadline_ms = runner_after(r->runner, (int64_t)r->runner->options->verify_s * 1000);
	snprintf(v->last, sizeof(v->last), "not tried yet");
	ec2_watch_status(r->runner->watch, &r->record.instance);
	r->verify = v;
	r->phase = PHASE_VERIFY;
	report_say(r->runner->report, r->record.instance.s, "waiting", "{s:s, s:s, s:I}", "name",
		   "verify", "text", "status checks and an SSH banner", "deadline_s",
		   (json_int_t)r->runner->options->verify_s);
}

static void attempt_over(struct verify *v, const char *how)
{
	int64_t now = loop_now_ms(v->r->runner->loop);

	if (v->fd >= 0) {
		loop_watch(v->r->runner->loop, v->fd, 0, NULL, NULL);
		close(v->fd);
		v->fd = -1;
	}
	snprintf(v->last, sizeof(v->last), "%s: %s", v->where, how);
	v->next_ms = runner_after(v->r->runner,
				  now - v->began_ms < PAUSE_GROWS_MS ? PAUSE_FIRST_MS : PAUSE_MS);
	rescue_poke(v->r);
}

static bool holds_banner(const struct verify *v)
{
	const char *at = v->data;

	while (at && !str_starts(at, "SSH-"))
		if ((at = strchr(at, '\n')))
			at++;
	return at != NULL;
}

static void readable(struct verify *v)
{
	ssize_t got = read(v->fd, v->data + v->len, BANNER_MAX - v->len);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got > 0) {
		v->len += (size_t)got;
		v->data[v->len] = '\0';
		if (holds_banner(v)) {
			v->has_banner = true;
			v->r->down_until = (double)time(NULL);
			attempt_over(v, "answered with an SSH banner");
		} else if (v->len == BANNER_MAX) {
			attempt_over(v, "answered, but not as an SSH server");
		}
		return;
	}
	attempt_over(v, got < 0 ? strerror(errno) : "closed the connection without an SSH banner");
}

static void ready(void *arg, int fd, uint32_t events)
{
	struct verify *v = arg;
	int error = 0;
	socklen_t len = sizeof(error);

	(void)events;
	if (v->is_sending) {
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
		if (error) {
			attempt_over(v, strerror(error));
			return;
		}
		v->is_sending = false;
		loop_watch(v->r->runner->loop, fd, EPOLLIN, ready, v);
		return;
	}
	readable(v);
}

static uint16_t port_of(const struct rescue *r)
{
	uint32_t port = r->runner->options->ssh_port ? r->runner->options->ssh_port
			: r->record.ssh_port	     ? r->record.ssh_port
						     : 22;

	return (uint16_t)port;
}

static const char *address(const char *text)
{
	unsigned char bytes[sizeof(struct in6_addr)];

	return text && (inet_pton(AF_INET, text, bytes) == 1 ||
			inet_pton(AF_INET6, text, bytes) == 1)
		       ? text
		       : NULL;
}

/* The public address and the private one by turns: which of them leads there depends on where this
 * machine is. NULL: none is known. */
static const char *host_of(const struct verify *v)
{
	const struct ec2_instance *i =
		ec2_seen_instance(v->r->runner->watch, &v->r->record.instance);
	const char *public = i ? address(i->public_ip) : NULL;
	const char *private = i ? address(i->private_ip) : NULL;

	if (v->r->runner->options->ssh_host)
		return v->r->runner->options->ssh_host;
	if (public && private)
		return v->attempts % 2 ? private : public;
	return public ? public : private;
}

static bool has_waited(const struct verify *v)
{
	return loop_now_ms(v->r->runner->loop) >=
	       v->began_ms + (int64_t)(SHOWS_WITHIN_MS / v->r->runner->pace);
}

static void attempt(struct verify *v)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	struct addrinfo *found = NULL;
	const char *host = host_of(v);
	char port[8];
	int rc;

	snprintf(port, sizeof(port), "%u", port_of(v->r));
	v->attempts++;
	if (!host) {
		snprintf(v->where, sizeof(v->where), "no address");
		attempt_over(v, "EC2 shows none of the instance (--ssh-host names one)");
		return;
	}
	snprintf(v->where, sizeof(v->where), "%.120s port %s", host, port);
	/* Addresses need no resolver; a name given with --ssh-host is asked for here. */
	rc = getaddrinfo(host, port, &hints, &found);
	if (rc) {
		attempt_over(v, gai_strerror(rc));
		return;
	}
	v->len = 0;
	v->data[0] = '\0';
	v->attempt_ms = loop_now_ms(v->r->runner->loop) + ATTEMPT_MS;
	v->fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (v->fd < 0 ||
	    (connect(v->fd, found->ai_addr, found->ai_addrlen) < 0 && errno != EINPROGRESS)) {
		attempt_over(v, strerror(errno));
	} else {
		v->is_sending = true;
		loop_watch(v->r->runner->loop, v->fd, EPOLLOUT, ready, v);
	}
	freeaddrinfo(found);
}

enum status { STATUS_OK, STATUS_NOT_OK, STATUS_MISSING };

static enum status status_of(const struct verify *v, const char **ret_text)
{
	const struct ec2_watch *watch = v->r->runner->watch;
	const struct ec2_instance_status *s = ec2_seen_status(watch, &v->r->record.instance);
	enum ec2_summary_status worst;

	*ret_text = "not available";
	if (ec2_watch_missing(watch, EC2_STATUSES))
		return STATUS_MISSING;
	*ret_text = "not seen";
	if (!s)
		return has_waited(v) ? STATUS_MISSING : STATUS_NOT_OK;
	worst = s->system_status != SUMMARY_OK ? s->system_status : s->instance_status;
	if (worst != SUMMARY_ABSENT)
		*ret_text = ec2_summary_status_name(worst);
	return worst == SUMMARY_OK	 ? STATUS_OK
	       : worst == SUMMARY_ABSENT ? STATUS_MISSING
					 : STATUS_NOT_OK;
}

static void console_came(struct ec2_op *op)
{
	struct verify *v = op->arg;

	v->console = CONSOLE_HERE;
	if (op->err.code != ERR_NONE)
		rescue_warn(v->r, "its console cannot be shown: %s", op->err.text);
	else
		console_show(v->r->runner->report, v->r->record.instance.s, v->output.output);
	rescue_poke(v->r);
}

/* Nothing answered: what does the console say? True while it is awaited. */
static bool console_is_awaited(struct verify *v)
{
	if (v->console == CONSOLE_NONE) {
		v->console = CONSOLE_ASKED;
		v->console_op = (struct ec2_op){ .done = console_came, .arg = v };
		ec2_get_console_output(v->r->runner->ec2, &v->r->record.instance, &v->output,
				       &v->console_op);
	}
	return v->console == CONSOLE_ASKED;
}

/* Where a decision is made: with the banner and good status checks, at the deadline, or at ^C. */
static bool decide(struct verify *v, int64_t now)
{
	struct rescue *r = v->r;
	/* Without an address there is nothing to wait for. */
	bool is_over = now >= v->deadline_ms || r->runner->signals.count ||
		       (has_waited(v) && !v->has_banner && !host_of(v));
	const char *shown;
	enum status status = status_of(v, &shown);
	cleanup(free) char *text = NULL;

	if (!is_over && !(v->has_banner && status != STATUS_NOT_OK))
		return false;
	if (!v->has_banner && !r->runner->signals.count && console_is_awaited(v))
		return false;
	text = mem_printf("%s; status checks: %s", v->last, shown);
	if (v->has_banner && status != STATUS_OK)
		rescue_warn(r,
			    status == STATUS_MISSING
				    ? "%s answers on its sshd port; its status checks are %s"
				    : "%s answers on its sshd port, but its status checks are not "
				      "ok: %s",
			    r->record.instance.s, shown);
	r->verify = NULL;
	rescue_is_verified(r, v->has_banner, text);
	verify_free(v);
	return true;
}

bool verify_advance(struct rescue *r)
{
	struct verify *v = r->verify;
	int64_t now = loop_now_ms(r->runner->loop), next;

	if (decide(v, now))
		return true;
	if (v->console != CONSOLE_NONE)
		return false;
	if (v->fd >= 0 && now >= v->attempt_ms)
		attempt_over(v, "no answer");
	if (v->fd < 0 && !v->has_banner && now >= v->next_ms)
		attempt(v);
	next = v->has_banner ? v->deadline_ms : v->fd >= 0 ? v->attempt_ms : v->next_ms;
	loop_timer(r->runner->loop, next < v->deadline_ms ? next : v->deadline_ms, wake, r);
	return false;
}
