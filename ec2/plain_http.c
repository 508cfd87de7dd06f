/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HTTP without libcurl, for one purpose: a process that asks the instance metadata service something every few
 * seconds for months, and nobody else anything. libcurl and the twenty libraries behind it would be the larger part of
 * its memory. One request a connection, http:// and numeric addresses only. Source: RFC 9112. */
#include "ec2/http.h"
#include "base/file.h"

#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define MAX_HEAD 16384

struct transfer {
	struct plain *plain;
	struct transfer *next;
	int fd;
	struct str out, in;
	size_t sent, max;
	struct http_reply reply;
	http_done_func *done;
	void *arg;
};
struct plain {
	struct transport base;
	struct loop *loop;
	struct transfer *transfers;
};

static void deliver(void *arg);
static void on_time(void *arg);
static void on_socket(void *arg, int fd, uint32_t events);

static void close_socket(struct transfer *t)
{
	if (t->fd < 0)
		return;
	loop_watch(t->plain->loop, t->fd, 0, NULL, NULL);
	close(t->fd);
	t->fd = -1;
}

static void transfer_free(struct transfer *t)
{
	for (struct transfer **at = &t->plain->transfers; *at; at = &(*at)->next)
		if (*at == t) {
			*at = t->next;
			break;
		}
	close_socket(t);
	loop_timer(t->plain->loop, -1, on_time, t);
	loop_timer(t->plain->loop, -1, deliver, t);
	if (t->out.len)
		explicit_bzero(t->out.s, t->out.len); /* a token */
	if (t->in.len)
		explicit_bzero(t->in.s, t->in.len);
	str_done(&t->out);
	str_done(&t->in);
	http_reply_done(&t->reply);
	free(t);
}

/* `done` may do anything, so it has the reply and nothing of the transfer is touched behind it. */
static void deliver(void *arg)
{
	struct transfer *t = arg;
	struct http_reply reply = t->reply;
	http_done_func *done = t->done;
	void *done_arg = t->arg;

	t->reply = (struct http_reply)HTTP_REPLY_INIT;
	transfer_free(t);
	done(done_arg, &reply);
	http_reply_done(&reply);
}

/* From the loop, never from inside send. */
static void end(struct transfer *t)
{
	close_socket(t);
	loop_timer(t->plain->loop, -1, on_time, t);
	loop_timer(t->plain->loop, loop_now_ms(t->plain->loop), deliver, t);
}

static void on_time(void *arg)
{
	struct transfer *t = arg;

	err_set(&t->reply.err, ERR_TIMEOUT, "no answer in time");
	end(t);
}

/* ---- the reply */

/* The length of the head with its blank line; 0: there is more to come. */
static size_t head_of(const struct str *in)
{
	const char *blank = strstr(in->s, "\r\n\r\n");

	return blank ? (size_t)(blank - in->s) + 4 : 0;
}

/* What Content-Length says of what is behind the head; -1: nothing, so it ends with the connection. */
static int64_t length_of(const struct http_reply *reply)
{
	const char *text = http_reply_header(reply, "Content-Length");

	return text && isdigit((unsigned char)*text) ? strtoll(text, NULL, 10) : -1;
}

static void add_header(struct http_reply *reply, char *line)
{
	char *value = strchr(line, ':');

	if (!value || value == line)
		return;
	*value++ = '\0';
	value += strspn(value, " \t");
	for (size_t len = strlen(value); len && strchr(" \t", value[len - 1]);)
		value[--len] = '\0';
	http_reply_add_header(reply, line, value);
}

/* "HTTP/1.1 200 OK"; 0: it is none. */
static int status_of(const char *line)
{
	static const char form[] = "HTTP/1.d ddd";

	for (size_t i = 0; form[i]; i++)
		if (form[i] == 'd' ? !isdigit((unsigned char)line[i]) : line[i] != form[i])
			return 0;
	return line[9] < '1' ? 0 : (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
}

static int parse_head(struct transfer *t, size_t head)
{
	cleanup(free) char *text = mem_strndup(t->in.s, head - 4);
	char *save = NULL, *line = strtok_r(text, "\r\n", &save);
	int status = line ? status_of(line) : 0;

	if (!status)
		return -1;
	while ((line = strtok_r(NULL, "\r\n", &save)))
		add_header(&t->reply, line);
	t->reply.status = status;
	return 0;
}

/* An interim answer is none. */
static void drop_interim(struct transfer *t, size_t head)
{
	t->in.len -= head;
	memmove(t->in.s, t->in.s + head, t->in.len + 1);
	http_reply_done(&t->reply);
	t->reply = (struct http_reply){ .was_sent = true, .body = STR_INIT };
}

/* 1: there is a head, 0: not yet, -1: there will be none that is one. */
static int take_head(struct transfer *t, bool is_end, size_t *ret_head)
{
	struct err *err = &t->reply.err;

	while ((*ret_head = head_of(&t->in)) && !t->reply.status) {
		if (parse_head(t, *ret_head) < 0)
			return err_set(err, ERR_MALFORMED, "the answer is no HTTP");
		if (t->reply.status / 100 == 1)
			drop_interim(t, *ret_head);
	}
	if (*ret_head)
		return http_reply_header(&t->reply, "Transfer-Encoding")
			       ? err_set(err, ERR_NETWORK,
					 "the answer is in pieces, which is not understood")
			       : 1;
	if (is_end && !t->in.len)
		return err_set(err, ERR_NETWORK, "the connection was closed");
	if (is_end || t->in.len > MAX_HEAD || strlen(t->in.s) != t->in.len)
		return err_set(err, ERR_MALFORMED, "the answer is no HTTP");
	return 0;
}

/* True: all of it is there, or will never be. */
static bool take(struct transfer *t, bool is_end)
{
	size_t head, body;
	int64_t length;
	int has_head = take_head(t, is_end, &head);

	if (has_head <= 0)
		return has_head < 0;
	body = t->in.len - head;
	length = length_of(&t->reply);
	if (length > (int64_t)t->max || body > t->max) {
		err_set(&t->reply.err, ERR_MALFORMED, "the answer is longer than %zu bytes",
			t->max);
		return true;
	}
	if (!is_end && (length < 0 || (int64_t)body < length))
		return false;
	if (length >= 0 && (int64_t)body < length)
		err_set(&t->reply.err, ERR_NETWORK, "the connection was closed in the answer");
	str_add_bytes(&t->reply.body, t->in.s + head,
		      length >= 0 && (int64_t)body > length ? (size_t)length : body);
	return true;
}

/* ---- the socket */

static void fail(struct transfer *t, int errnum)
{
	err_errno(&t->reply.err, errnum, "the connection");
	t->reply.err.code = ERR_NETWORK;
	end(t);
}

static void send_more(struct transfer *t)
{
	ssize_t put = send(t->fd, t->out.s + t->sent, t->out.len - t->sent, MSG_NOSIGNAL);

	if (put < 0 && errno != EAGAIN && errno != EINTR) {
		fail(t, errno);
		return;
	}
	t->sent += put > 0 ? (size_t)put : 0;
	t->reply.was_sent |= put > 0;
	if (t->sent == t->out.len)
		loop_watch(t->plain->loop, t->fd, EPOLLIN, on_socket, t);
}

static void on_socket(void *arg, int fd, uint32_t events)
{
	struct transfer *t = arg;
	char buf[4096];
	ssize_t got;

	(void)events;
	if (t->sent < t->out.len) {
		send_more(t);
		return;
	}
	got = recv(fd, buf, sizeof(buf), 0);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got < 0) {
		fail(t, errno);
		return;
	}
	str_add_bytes(&t->in, buf, (size_t)got);
	explicit_bzero(buf, sizeof(buf));
	if (take(t, got == 0))
		end(t);
}

/* "http://169.254.169.254/path" or "http://[fd00:ec2::254]:80/path". NULL: something else. */
static struct addrinfo *address_of(const char *url, const char **ret_path, char **ret_host)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC,
					.ai_socktype = SOCK_STREAM,
					.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	const char *host = url + strlen("http://"), *path;
	cleanup(free) char *authority = NULL, *name = NULL;
	struct addrinfo *found = NULL;
	char *port;

	if (!str_starts(url, "http://"))
		return NULL;
	path = host + strcspn(host, "/");
	authority = mem_strndup(host, (size_t)(path - host));
	port = strrchr(authority, ':');
	if (port && strchr(port, ']'))
		port = NULL;
	name = mem_strndup(authority, port ? (size_t)(port - authority) : strlen(authority));
	if (name[0] == '[' && str_ends(name, "]")) {
		memmove(name, name + 1, strlen(name));
		name[strlen(name) - 1] = '\0';
	}
	if (getaddrinfo(name, port ? port + 1 : "80", &hints, &found))
		return NULL;
	*ret_path = *path ? path : "/";
	*ret_host = TAKE(authority);
	return found;
}

static void write_request(struct transfer *t, const struct http_request *request, const char *path,
			  const char *host)
{
	str_addf(&t->out,
		 "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: %zu\r\n",
		 request->method, path, host, request->body_len);
	for (size_t i = 0; i < request->header_count; i++)
		str_addf(&t->out, "%s: %s\r\n", request->headers[i].name,
			 request->headers[i].value);
	str_add(&t->out, "\r\n");
	str_add_bytes(&t->out, request->body, request->body_len);
}

/* What an answer put into a header of the next request is no further header. */
static bool is_plain(const struct http_request *request)
{
	for (size_t i = 0; i < request->header_count; i++)
		for (const char *p = request->headers[i].value; *p; p++)
			if ((unsigned char)*p < ' ' || *p == 0x7f)
				return false;
	return true;
}

static void connect_to(struct transfer *t, const struct addrinfo *to)
{
	t->fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (t->fd < 0 ||
	    (connect(t->fd, to->ai_addr, to->ai_addrlen) < 0 && errno != EINPROGRESS)) {
		fail(t, errno);
		return;
	}
	loop_watch(t->plain->loop, t->fd, EPOLLOUT, on_socket, t);
}

static struct transfer *plain_send(struct transport *transport, const struct http_request *request,
				   http_done_func *done, void *arg)
{
	struct plain *plain = (struct plain *)transport;
	struct transfer *t = mem_alloc(sizeof(*t));
	cleanup(free) char *host = NULL;
	const char *path;
	struct addrinfo *to = address_of(request->url, &path, &host);

	*t = (struct transfer){ .plain = plain,
				.next = plain->transfers,
				.fd = -1,
				.out = STR_INIT,
				.in = STR_INIT,
				.max = request->max_reply_bytes,
				.reply = HTTP_REPLY_INIT,
				.done = done,
				.arg = arg };
	plain->transfers = t;
	if (!to) {
		err_set(&t->reply.err, ERR_NETWORK, "%s is not http:// and a numeric address",
			request->url);
		end(t);
		return t;
	}
	if (!is_plain(request)) {
		freeaddrinfo(to);
		err_set(&t->reply.err, ERR_MALFORMED, "a header with a control character");
		end(t);
		return t;
	}
	write_request(t, request, path, host);
	loop_timer(plain->loop, loop_now_ms(plain->loop) + request->total_timeout_ms, on_time, t);
	connect_to(t, to);
	freeaddrinfo(to);
	return t;
}

static void plain_cancel(struct transport *transport, struct transfer *transfer)
{
	(void)transport;
	transfer_free(transfer);
}

static void plain_close(struct transport *transport)
{
	struct plain *plain = (struct plain *)transport;

	while (plain->transfers) {
		struct transfer *t = plain->transfers;

		plain->transfers = t->next;
		transfer_free(t);
	}
	free(plain);
}

struct transport *plain_transport_open(struct loop *loop)
{
	static const struct transport_ops ops = { plain_send, plain_cancel, plain_close };
	struct plain *plain = mem_alloc(sizeof(*plain));

	plain->base.ops = &ops;
	plain->loop = loop;
	return &plain->base;
}
