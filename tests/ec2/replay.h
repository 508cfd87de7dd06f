/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_EC2_REPLAY_H
#define TESTS_EC2_REPLAY_H

/* A transport that answers from a list and writes down what was asked: the client's tests need no
 * network and no server. Every request is recorded as text, one line per header that matters and
 * per form parameter, so that a case shows exactly what goes over the wire. */

#include "base/file.h"
#include "ec2/http.h"

#include <stdio.h>
#include <strings.h>

enum replay_kind { REPLAY_ANSWER, REPLAY_LOST, REPLAY_NOT_SENT };
struct replay_answer {
	enum replay_kind kind;
	int status;
	char *headers, *body; /* headers: "Name: value\n..." */
	size_t body_len;
};
struct replay {
	struct transport base;
	struct loop *loop;
	VEC(struct replay_answer) answers;
	size_t next;
	VEC(char *) requests;
	int64_t delay_ms; /* of every answer */
	struct transfer *transfers;
};
struct transfer {
	struct replay *replay;
	struct transfer *next;
	struct replay_answer *answer;
	http_done_func *done;
	void *arg;
};

static inline void replay_unescape(struct str *into, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned byte;

		if (s[i] == '%' && i + 2 < len && sscanf(s + i + 1, "%2x", &byte) == 1) {
			str_add_char(into, (char)byte);
			i += 2;
		} else {
			str_add_char(into, s[i]);
		}
	}
}

static inline void replay_record(struct replay *replay, const struct http_request *request)
{
	static const char *const shown[] = { "Host",
					     "X-aws-ec2-metadata-token",
					     "X-aws-ec2-metadata-token-ttl-seconds",
					     "x-amz-sso_bearer_token",
					     "X-Amz-Target",
					     "x-amz-Data-Length",
					     "x-amz-Checksum",
					     "x-amz-Checksum-Algorithm",
					     "x-amz-Checksum-Aggregation-Method",
					     "x-amz-ChangedBlocksCount",
					     "Authorization",
					     "X-Amz-Date" };
	struct str shot = STR_INIT;
	const char *body = request->body;

	str_addf(&shot, "%s %s\n", request->method, request->url);
	/* No request may wait or read for ever. */
	if (!request->connect_timeout_ms || request->connect_timeout_ms > 10000 ||
	    !request->total_timeout_ms || request->total_timeout_ms > 60000 ||
	    !request->max_reply_bytes || request->max_reply_bytes > 16 << 20)
		str_add(&shot, "without limits\n");
	for (size_t i = 0; i < request->header_count; i++)
		for (size_t j = 0; j < ARRAY_LEN(shown); j++)
			if (!strcasecmp(request->headers[i].name, shown[j]))
				str_addf(&shot, "%s: %.*s\n", shown[j],
					 /* the signature has vectors of its own */
					 (int)strcspn(request->headers[i].value, ","),
					 request->headers[i].value);
	for (size_t i = 0; i < request->body_len;) {
		const char *end = memchr(body + i, '&', request->body_len - i);
		size_t len = end ? (size_t)(end - body) - i : request->body_len - i;

		replay_unescape(&shot, body + i, len);
		str_add_char(&shot, '\n');
		i += len + 1;
	}
	vec_push(&replay->requests, str_take(&shot));
}

static inline void replay_free_transfer(struct transfer *transfer);

static inline void replay_headers(const char *headers, struct http_reply *reply)
{
	for (const char *p = headers ? headers : ""; *p;) {
		size_t len = strcspn(p, "\n"), name = strcspn(p, ":\n");
		cleanup(free) char *n = mem_strndup(p, name);
		cleanup(free) char *v =
			name + 2 <= len ? mem_strndup(p + name + 2, len - name - 2) : NULL;

		if (v)
			http_reply_add_header(reply, n, v);
		p += len + (p[len] == '\n');
	}
}

static inline void replay_deliver(void *arg)
{
	struct transfer *transfer = arg;
	struct replay_answer *answer = transfer->answer;
	struct http_reply reply = HTTP_REPLY_INIT;
	http_done_func *done = transfer->done;
	void *done_arg = transfer->arg;

	if (!answer) {
		err_set(&reply.err, ERR_NETWORK, "the replay has no more answers");
	} else if (answer->kind != REPLAY_ANSWER) {
		err_set(&reply.err, ERR_NETWORK, "replay: %s",
			answer->kind == REPLAY_LOST ? "connection reset" : "connection refused");
		reply.was_sent = answer->kind == REPLAY_LOST;
	} else {
		reply.status = answer->status;
		reply.was_sent = true;
		replay_headers(answer->headers, &reply);
		str_add_bytes(&reply.body, answer->body, answer->body_len);
	}
	replay_free_transfer(transfer);
	done(done_arg, &reply);
	http_reply_done(&reply);
}

static inline void replay_free_transfer(struct transfer *transfer)
{
	struct transfer **at = &transfer->replay->transfers;

	while (*at != transfer)
		at = &(*at)->next;
	*at = transfer->next;
	loop_timer(transfer->replay->loop, -1, replay_deliver, transfer);
	free(transfer);
}

static inline struct transfer *replay_send(struct transport *base,
					   const struct http_request *request, http_done_func *done,
					   void *arg)
{
	struct replay *replay = (struct replay *)base;
	struct transfer *transfer = mem_alloc(sizeof(*transfer));

	*transfer = (struct transfer){
		.replay = replay, .next = replay->transfers, .done = done, .arg = arg
	};
	if (replay->next < replay->answers.count)
		transfer->answer = &replay->answers.items[replay->next++];
	replay->transfers = transfer;
	replay_record(replay, request);
	loop_timer(replay->loop, loop_now_ms(replay->loop) + replay->delay_ms, replay_deliver,
		   transfer);
	return transfer;
}

static inline void replay_cancel(struct transport *base, struct transfer *transfer)
{
	(void)base;
	replay_free_transfer(transfer);
}

/* The client closes its transport; what was recorded stays until replay_free. */
static inline void replay_close(struct transport *base)
{
	struct replay *replay = (struct replay *)base;

	while (replay->transfers)
		replay_free_transfer(replay->transfers);
}

static inline struct replay *replay_new(struct loop *loop)
{
	static const struct transport_ops ops = { replay_send, replay_cancel, replay_close };
	struct replay *replay = mem_alloc(sizeof(*replay));

	replay->base.ops = &ops;
	replay->loop = loop;
	return replay;
}

static inline void replay_free(struct replay *replay)
{
	vec_foreach (answer, &replay->answers) {
		free(answer->headers);
		free(answer->body);
	}
	vec_foreach (request, &replay->requests)
		free(*request);
	vec_done(&replay->answers);
	vec_done(&replay->requests);
	free(replay);
}

static inline void replay_add(struct replay *replay, int status, const char *headers,
			      const char *body)
{
	vec_push(&replay->answers, ((struct replay_answer){ REPLAY_ANSWER, status,
							    headers ? mem_strdup(headers) : NULL,
							    mem_strdup(body), strlen(body) }));
}

static inline void replay_add_failure(struct replay *replay, enum replay_kind kind)
{
	vec_push(&replay->answers, ((struct replay_answer){ .kind = kind }));
}

/* An answer as a file: "HTTP 400", header lines, an empty line, the body; or LOST, or NOT SENT. */
static inline void replay_add_text(struct replay *replay, const char *text, size_t len)
{
	struct replay_answer answer = { REPLAY_ANSWER, 0, NULL, NULL, 0 };
	const char *headers, *body;

	if (str_starts(text, "LOST") || str_starts(text, "NOT SENT")) {
		replay_add_failure(replay, *text == 'L' ? REPLAY_LOST : REPLAY_NOT_SENT);
		return;
	}
	sscanf(text, "HTTP %d", &answer.status);
	headers = text + strcspn(text, "\n");
	headers += *headers == '\n';
	body = *headers == '\n' ? headers : strstr(headers, "\n\n");
	if (body) {
		answer.headers = mem_strndup(headers, (size_t)(body - headers) + 1);
		body += *headers == '\n' ? 1 : 2;
		answer.body_len = len - (size_t)(body - text);
		answer.body = mem_dup(body, answer.body_len);
	} else {
		answer.headers = mem_strdup(headers);
		answer.body = mem_strdup("");
	}
	vec_push(&replay->answers, answer);
}

/* The answers of a case: 1.reply, 2.reply, ... */
static inline void replay_load(struct replay *replay, const char *dir)
{
	for (int i = 1; i < 20; i++) {
		cleanup(free) char *path = mem_printf("%s/%d.reply", dir, i);
		cleanup(str_done) struct str reply = STR_INIT;
		struct err err = ERR_INIT;

		if (access(path, F_OK) < 0)
			return;
		if (file_read(path, 1 << 24, &reply, &err) < 0)
			fprintf(stderr, "%s\n", err.text);
		replay_add_text(replay, reply.s, reply.len);
	}
}

/* Is dir/file what was got? UPDATE=1 writes it anew: read the diff before you commit it. */
static inline bool case_same(const char *dir, const char *file, const char *got)
{
	cleanup(free) char *path = mem_printf("%s/%s", dir, file);
	cleanup(str_done) struct str want = STR_INIT;
	struct err err = ERR_INIT;

	if (getenv("UPDATE"))
		return file_replace(path, got, strlen(got), 0644, &err) == 0;
	if (file_read(path, 1 << 20, &want, &err) == 0 && str_eq(want.s, got))
		return true;
	fprintf(stderr, "%s: wanted\n%s\ngot\n%s\n", path, want.s, got);
	return false;
}

/* The requests as sent are those of N.request, and every answer was asked for. */
static inline bool replay_same(const struct replay *replay, const char *dir)
{
	bool is_same = replay->next == replay->answers.count;

	if (!is_same)
		fprintf(stderr, "%s: %zu of %zu answers were asked for\n", dir, replay->next,
			replay->answers.count);
	for (size_t i = 0; i < replay->requests.count; i++) {
		cleanup(free) char *name = mem_printf("%zu.request", i + 1);

		is_same &= case_same(dir, name, replay->requests.items[i]);
	}
	return is_same;
}

#endif
