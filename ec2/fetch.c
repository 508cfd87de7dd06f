/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ec2/fetch.h"

#define MAX_REPLY_BYTES 65536
#define PAUSE_MS	200 /* before the second attempt; doubles */

struct fetch {
	struct ec2 *ec2;
	struct fetch_spec spec; /* its texts are ours */
	uint32_t attempt;
	struct transfer *transfer;
	http_done_func *done;
	void *arg;
};

static void fetch_send(void *arg);

static void fetch_free(struct fetch *fetch)
{
	loop_timer(fetch->ec2->loop, -1, fetch_send, fetch);
	for (size_t i = 0; i < ARRAY_LEN(fetch->spec.headers); i++)
		secret_free((char *)(uintptr_t)fetch->spec.headers[i].value);
	free((char *)(uintptr_t)fetch->spec.url);
	secret_free((char *)(uintptr_t)fetch->spec.body);
	free(fetch);
}

void fetch_cancel(struct fetch *fetch)
{
	if (!fetch)
		return;
	if (fetch->transfer)
		fetch->ec2->transport->ops->cancel(fetch->ec2->transport, fetch->transfer);
	fetch_free(fetch);
}

static void on_reply(void *arg, struct http_reply *reply)
{
	struct fetch *fetch = arg;
	http_done_func *done = fetch->done;
	void *done_arg = fetch->arg;

	fetch->transfer = NULL;
	if ((reply->err.code || reply->status >= 500) && fetch->attempt < fetch->spec.attempts) {
		int64_t pause = PAUSE_MS << (fetch->attempt < 6 ? fetch->attempt - 1 : 5);

		loop_timer(fetch->ec2->loop, loop_now_ms(fetch->ec2->loop) + pause, fetch_send,
			   fetch);
		return;
	}
	fetch_free(fetch);
	done(done_arg, reply);
}

static void fetch_send(void *arg)
{
	struct fetch *fetch = arg;
	const struct fetch_spec *spec = &fetch->spec;
	struct http_request request = {
		.method = spec->method,
		.url = spec->url,
		.headers = spec->headers,
		.body = spec->body,
		.body_len = spec->body ? strlen(spec->body) : 0,
		.connect_timeout_ms = spec->timeout_ms,
		.total_timeout_ms = spec->timeout_ms,
		.max_reply_bytes = MAX_REPLY_BYTES,
		.flags = spec->flags,
	};

	while (request.header_count < ARRAY_LEN(spec->headers) &&
	       spec->headers[request.header_count].name)
		request.header_count++;
	fetch->attempt++;
	fetch->transfer =
		fetch->ec2->transport->ops->send(fetch->ec2->transport, &request, on_reply, fetch);
}

struct fetch *fetch_start(struct ec2 *ec2, const struct fetch_spec *spec, http_done_func *done,
			  void *arg)
{
	struct fetch *fetch = mem_alloc(sizeof(*fetch));

	*fetch = (struct fetch){ .ec2 = ec2, .spec = *spec, .done = done, .arg = arg };
	fetch->spec.url = mem_strdup(spec->url);
	fetch->spec.body = spec->body ? mem_strdup(spec->body) : NULL;
	for (size_t i = 0; i < ARRAY_LEN(spec->headers); i++)
		if (spec->headers[i].value)
			fetch->spec.headers[i].value = mem_strdup(spec->headers[i].value);
	fetch_send(fetch);
	return fetch;
}
