/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The serving side: it trusts nothing that it receives. */
#include "fs/tree_pipe.h"
#include "fs/tree_pipe_wire.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

struct session {
	struct tree *tree;
	int fd;
	const struct tree_pipe_limits *limits;
	int64_t end_ms;
	uint64_t replied_bytes;
	struct str path, data, answer;
	size_t at, have; /* in `in`: used, received */
	char in[4096];	 /* as a rule a whole request */
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int wait_for(const struct session *s, short events, struct err *err)
{
	struct pollfd p = { .fd = s->fd, .events = events };
	int64_t left = s->end_ms - now_ms();

	if (left <= 0 || !poll(&p, 1, (int)left))
		return err_set(err, ERR_TIMEOUT, "did not end within %u s", s->limits->deadline_s);
	return 0;
}

/* Something into the buffer, which is empty. */
static int refill(struct session *s, struct err *err)
{
	for (;;) {
		ssize_t got;

		/* First, for an honest client was answered just now and is still thinking. */
		if (wait_for(s, POLLIN, err) < 0)
			return -1;
		got = recv(s->fd, s->in, sizeof(s->in), MSG_DONTWAIT);
		if (got == 0)
			return err_set(err, ERR_IO, "ended without a result");
		if (got < 0 && errno != EAGAIN && errno != EINTR)
			return err_errno(err, errno, "channel");
		if (got > 0) {
			s->at = 0;
			s->have = (size_t)got;
			return 0;
		}
	}
}

static int receive(struct session *s, void *into, size_t len, struct err *err)
{
	char *p = into;

	while (len) {
		size_t part = s->have - s->at < len ? s->have - s->at : len;

		memcpy(p, s->in + s->at, part);
		s->at += part;
		p += part;
		len -= part;
		if (len && refill(s, err) < 0)
			return -1;
	}
	return 0;
}

static int send_all(const struct session *s, const void *data, size_t len, struct err *err)
{
	const char *p = data;

	while (len) {
		ssize_t put = send(s->fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (put >= 0) {
			p += put;
			len -= (size_t)put;
		} else if (errno == EAGAIN) {
			if (wait_for(s, POLLOUT, err) < 0)
				return -1;
		} else if (errno == EPIPE || errno == ECONNRESET) {
			return err_set(err, ERR_IO, "ended without a result");
		} else if (errno != EINTR) {
			return err_errno(err, errno, "channel");
		}
	}
	return 0;
}

static int receive_bytes(struct session *s, struct str *into, size_t len, struct err *err)
{
	char buf[16384];

	while (len) {
		size_t part = len < sizeof(buf) ? len : sizeof(buf);

		if (receive(s, buf, part, err) < 0)
			return -1;
		str_add_bytes(into, buf, part);
		len -= part;
	}
	return 0;
}

static bool is_honest(const struct session *s, const struct tree_pipe_request *r)
{
	if (r->op == OP_RESULT)
		return !r->path_len && r->data_len <= s->limits->result_bytes;
	if (r->op < OP_STAT || r->op > OP_SPACE || r->path_len > TREE_PATH_MAX)
		return false;
	if (r->data_len > (r->op == OP_GETXATTR ? XATTR_NAME_LONGEST : 0))
		return false;
	return (r->op != OP_READ && r->op != OP_READ_AT) || r->number <= TREE_FILE_MAX;
}

/* A string that no tree backend has to wonder about: absolute where it is a path, without NUL. */
static bool is_clean(const struct session *s, const struct tree_pipe_request *r)
{
	if (memchr(s->path.s, '\0', s->path.len) || memchr(s->data.s, '\0', s->data.len))
		return r->op == OP_RESULT;
	return r->op == OP_SPACE || r->op == OP_RESULT || s->path.s[0] == '/';
}

static int answer_names(struct session *s, struct err *err)
{
	cleanup(tree_names_done) struct tree_names names = { 0 };

	if (tree_list(s->tree, s->path.s, &names, err) < 0)
		return -1;
	vec_foreach (name, &names)
		str_add_bytes(&s->answer, *name, strlen(*name) + 1);
	return 0;
}

static int answer(struct session *s, const struct tree_pipe_request *r, struct err *err)
{
	struct tree_space space;
	struct tree_stat st;
	const char *path = s->path.s;

	switch ((enum tree_pipe_op)r->op) {
	case OP_STAT:
	case OP_LSTAT:
		memset(&st, 0, sizeof(st));
		if (tree_stat(s->tree, path, r->op == OP_STAT ? TREE_FOLLOW : TREE_NOFOLLOW, &st,
			      err) < 0)
			return -1;
		str_add_bytes(&s->answer, &st, sizeof(st));
		return 0;
	case OP_READ:
		return tree_read(s->tree, path, (size_t)r->number, &s->answer, err);
	case OP_READ_AT:
		return tree_read_at(s->tree, path, r->offset, (size_t)r->number, &s->answer, err);
	case OP_READLINK:
		return tree_readlink(s->tree, path, &s->answer, err);
	case OP_LIST:
		return answer_names(s, err);
	case OP_GETXATTR:
		return tree_getxattr(s->tree, path, s->data.s, &s->answer, err);
	case OP_SPACE:
		memset(&space, 0, sizeof(space));
		if (tree_space(s->tree, &space, err) < 0)
			return -1;
		str_add_bytes(&s->answer, &space, sizeof(space));
		return 0;
	case OP_RESULT:
		break;
	}
	return err_set(err, ERR_INTERNAL, "a result is no question");
}

static int reply(struct session *s, const struct tree_pipe_request *r, struct err *err)
{
	struct err refused = ERR_INIT;
	struct tree_pipe_reply head = { 0 };

	str_clear(&s->answer);
	str_add_bytes(&s->answer, &head, sizeof(head));
	if (answer(s, r, &refused) < 0 || s->answer.len - sizeof(head) > REPLY_MAX) {
		if (!refused.code)
			err_set(&refused, ERR_MALFORMED, "too large an answer");
		str_clear(&s->answer);
		head.code = refused.code;
		str_add_bytes(&s->answer, &head, sizeof(head));
		str_add(&s->answer, refused.text);
	}
	head.len = s->answer.len - sizeof(head);
	memcpy(s->answer.s, &head, sizeof(head));
	s->replied_bytes += s->answer.len;
	if (s->replied_bytes > s->limits->reply_bytes)
		return err_set(err, ERR_MALFORMED, "asked for more than %llu bytes",
			       (unsigned long long)s->limits->reply_bytes);
	return send_all(s, s->answer.s, s->answer.len, err);
}

static int serve(struct session *s, struct str *ret_result, struct err *err)
{
	struct tree_pipe_request r;

	for (uint32_t count = 0; count < s->limits->requests; count++) {
		if (now_ms() >= s->end_ms)
			return err_set(err, ERR_TIMEOUT, "did not end within %u s",
				       s->limits->deadline_s);
		if (receive(s, &r, sizeof(r), err) < 0)
			return -1;
		str_clear(&s->path);
		str_clear(&s->data);
		if (!is_honest(s, &r))
			return err_set(err, ERR_MALFORMED, "sent a malformed request");
		if (receive_bytes(s, &s->path, r.path_len, err) < 0 ||
		    receive_bytes(s, &s->data, (size_t)r.data_len, err) < 0)
			return -1;
		if (!is_clean(s, &r))
			return err_set(err, ERR_MALFORMED, "sent a malformed path");
		if (r.op == OP_RESULT) {
			str_add_bytes(ret_result, s->data.s, s->data.len);
			return 0;
		}
		if (reply(s, &r, err) < 0)
			return -1;
	}
	return err_set(err, ERR_MALFORMED, "asked more than %u questions", s->limits->requests);
}

int tree_pipe_serve(struct tree *tree, int fd, const struct tree_pipe_limits *limits,
		    struct str *ret_result, struct err *err)
{
	struct session s = { .tree = tree,
			     .fd = fd,
			     .limits = limits,
			     .end_ms = now_ms() + (int64_t)limits->deadline_s * 1000,
			     .path = STR_INIT,
			     .data = STR_INIT,
			     .answer = STR_INIT };
	int result = serve(&s, ret_result, err);

	str_done(&s.path);
	str_done(&s.data);
	str_done(&s.answer);
	return result;
}
