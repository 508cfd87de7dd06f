/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One call from start to end: pace, credentials, sign, send, and what to make of the answer. */
#include "ec2/engine.h"
#include "ec2/errors.h"
#include "ec2/libcurl.h"
#include "ec2/sigv4.h"
#include "base/log.h"

#include <inttypes.h>

#define MAX_REPLY_BYTES	 (16U << 20) /* 1000 instances are about 6 MB */
#define MAX_RESULT_BYTES (48U << 20) /* all volumes of an account: 50000 */
#define MAX_LARGE_BYTES	 (1U << 30)  /* all blocks of a volume of 2 TiB: 4 million */
#define MAX_PAGES	 1000
#define PAGES_TIMEOUTS	 5   /* all pages together have as long as so many requests */
#define MAX_SKEW_S	 240 /* AWS takes 5 minutes */

struct call {
	struct task task;
	const struct ec2_action *action;
	void *ret;
	struct str form;
	/* Of REST, instead of the form: with copies of all that it points to. */
	struct rest_request rest;
	struct str rest_body;
	int64_t began_ms;
	bool is_dry_run, is_as, has_refreshed, has_set_clock, is_complete;
	struct creds as; /* is_as: instead of the chain's */
	char *next_token, *key_id;
	uint32_t pages, attempts; /* attempts: of this page */
	unsigned last_cost;
	size_t room; /* bytes that the result of all pages may still grow by */
	struct transfer *transfer;
};

static void call_go(void *arg);

static void rest_keep(struct call *call, const struct rest_request *rest)
{
	call->rest = *rest;
	call->rest.path = mem_strdup(rest->path);
	call->rest.query = mem_strdup(rest->query);
	for (size_t i = 0; i < rest->header_count; i++)
		call->rest.headers[i].value = mem_strdup(rest->headers[i].value);
	str_add_bytes(&call->rest_body, rest->body, rest->body_len);
	call->rest.body = call->rest_body.s;
}

static void rest_free(struct call *call)
{
	free((char *)(uintptr_t)call->rest.path);
	secret_free((char *)(uintptr_t)call->rest.query); /* a token */
	for (size_t i = 0; i < call->rest.header_count; i++)
		free((char *)(uintptr_t)call->rest.headers[i].value);
	str_done(&call->rest_body);
}

static void call_free(struct task *task)
{
	struct call *call = (struct call *)task;
	struct ec2 *ec2 = task->ec2;

	if (!call->is_complete && call->action->reply) /* a part is no result */
		xmlmap_free(call->action->reply, call->ret, call->action->reply_size);
	loop_timer(ec2->loop, -1, call_go, call);
	creds_forget(ec2->chain, call);
	if (call->transfer)
		ec2->transport->ops->cancel(ec2->transport, call->transfer);
	if (call->form.len)
		explicit_bzero(call->form.s, call->form.len); /* a web identity token */
	str_done(&call->form);
	rest_free(call);
	creds_done(&call->as);
	secret_free(call->next_token);
	free(call->key_id);
	free(call);
}

static void call_end(struct call *call, const struct err *err)
{
	call->is_complete = !err;
	if (err)
		log_debug("ec2", "%s", err->text);
	task_end(&call->task, err);
}

/* ---- sending ---- */

/* After the bucket's and the back-off's wait. */
static void call_later(struct call *call, int64_t backoff_ms)
{
	struct ec2 *ec2 = call->task.ec2;
	int64_t now = loop_now_ms(ec2->loop);
	int64_t wait = pace_take(&ec2->pace, call->action, now);

	if (wait)
		log_debug("ec2", "%s waits %" PRId64 " ms for its bucket", call->action->name,
			  wait);
	loop_timer(ec2->loop, now + (wait > backoff_ms ? wait : backoff_ms), call_go, call);
}

static void on_reply(void *arg, struct http_reply *reply);

static void make_message(const struct call *call, const struct endpoint *endpoint,
			 struct message *ret)
{
	if (call->action->method)
		message_of_rest(call->action, endpoint, &call->rest, call->next_token, ret);
	else
		message_of_form(call->action, endpoint, call->form.s, call->next_token, ret);
}

static void call_send(struct call *call, const struct creds *creds, const struct endpoint *endpoint)
{
	const struct ec2_action *action = call->action;
	struct ec2 *ec2 = call->task.ec2;
	cleanup(message_done) struct message message = { 0 };
	cleanup(sigv4_done) struct sigv4 sig = SIGV4_INIT;
	struct http_header headers[ARRAY_LEN(message.headers) + 3];
	struct http_request request = {
		.headers = headers,
		.connect_timeout_ms = ec2->settings.connect_timeout_s * 1000,
		.total_timeout_ms = ec2->settings.total_timeout_s * 1000,
		.max_reply_bytes = MAX_REPLY_BYTES,
		.flags = action->retry == RETRY_NEVER && !call->is_dry_run ? HTTP_ONCE : 0,
	};

	make_message(call, endpoint, &message);
	memcpy(headers, message.headers, sizeof(message.headers));
	request.header_count = message.header_count;
	request.method = message.method;
	request.url = message.url;
	request.body = message.body.s;
	request.body_len = message.body.len;
	if (creds) {
		struct sigv4_request to_sign = { .method = message.method,
						 .path = message.path,
						 .query = message.query,
						 .headers = headers,
						 .header_count = message.header_count,
						 .body = message.body.s,
						 .body_len = message.body.len };
		struct sigv4_identity as = { creds->key_id,	    creds->secret,
					     creds->token,	    ec2->config.region,
					     action->service->name, ec2_now_s(ec2) };

		sigv4_sign(&to_sign, &as, &sig);
		headers[request.header_count++] =
			(struct http_header){ "X-Amz-Date", sig.amz_date };
		headers[request.header_count++] =
			(struct http_header){ "Authorization", sig.authorization.s };
		if (creds->token)
			headers[request.header_count++] =
				(struct http_header){ "X-Amz-Security-Token", creds->token };
	}
	call->attempts++;
	ec2->counters.requests++;
	ec2->counters.describes += str_starts(action->name, "Describe");
	ec2->counters.retries += call->attempts > 1;
	log_debug("ec2", "%s to %s, attempt %u", action->name, endpoint->host, call->attempts);
	call->transfer = ec2->transport->ops->send(ec2->transport, &request, on_reply, call);
}

/* creds: NULL for an action that is not signed. */
static void send_as(struct call *call, const struct creds *creds)
{
	cleanup(endpoint_done) struct endpoint endpoint = { 0 };
	struct err why = ERR_INIT;

	if (endpoint_find(&call->task.ec2->config, call->action->service, &endpoint, &why) < 0) {
		call_end(call, &why);
		return;
	}
	free(call->key_id);
	call->key_id = creds ? mem_strdup(creds->key_id) : NULL;
	call_send(call, creds, &endpoint);
}

static void on_creds(void *arg, const struct creds *creds, const struct err *err)
{
	struct call *call = arg;
	struct err why;

	if (creds) {
		send_as(call, creds);
		return;
	}
	why = *err;
	err_in(&why, "%s", call->action->name);
	call_end(call, &why);
}

static void call_go(void *arg)
{
	struct call *call = arg;

	if (call->action->is_unsigned)
		send_as(call, NULL);
	else if (call->is_as)
		send_as(call, &call->as);
	else
		creds_get(call->task.ec2->chain, on_creds, call);
}

/* ---- the answer ---- */

/* Sends again when that is allowed, safe and affordable. */
static bool try_again(struct call *call, enum retry_cost cost)
{
	struct ec2 *ec2 = call->task.ec2;

	if (call->attempts >= ec2->config.max_attempts || !pace_retry(&ec2->pace, cost))
		return false;
	call->last_cost = cost;
	call_later(call, pace_backoff_ms(call->attempts, ec2_random(ec2)));
	return true;
}

/* May it be sent again when nobody knows whether it was executed? */
static bool is_repeatable(const struct call *call)
{
	return call->action->retry != RETRY_NEVER || call->is_dry_run;
}

/* No answer, or half of one. */
static void on_lost(struct call *call, const struct http_reply *reply)
{
	bool is_final = reply->err.code == ERR_MALFORMED || reply->err.code == ERR_USAGE;
	bool is_in_doubt = reply->was_sent && !is_repeatable(call);
	struct err why = reply->err;

	if (!is_in_doubt && !is_final &&
	    try_again(call, why.code == ERR_TIMEOUT ? RETRY_COST_TIMEOUT : RETRY_COST))
		return;
	if (is_in_doubt)
		err_set(&why, ERR_INDOUBT,
			"%s: sent, but no whole answer came, so whether it took effect is not "
			"known: "
			"%s",
			call->action->name, reply->err.text);
	else
		err_in(&why, "%s", call->action->name);
	call_end(call, &why);
}

/* AWS's clock minus ours, by the Date header; false when it has none. */
static bool read_skew(const struct call *call, const struct http_reply *reply, int64_t *ret)
{
	const char *date = http_reply_header(reply, "date");
	struct err ignored;
	int64_t then = -1;

	if (date && libcurl_load(&ignored) == 0)
		then = (int64_t)curl.getdate(date, NULL);
	*ret = then - (ec2_now_s(call->task.ec2) - call->task.ec2->skew_s);
	return then > 0;
}

/* A refused signature with a clock that is off: set it and sign again. */
static bool set_clock(struct call *call, const struct http_reply *reply)
{
	struct ec2 *ec2 = call->task.ec2;
	int64_t skew;

	if (call->has_set_clock || !read_skew(call, reply, &skew) ||
	    llabs(skew - ec2->skew_s) <= MAX_SKEW_S)
		return false;
	log_debug("ec2", "our clock is %" PRId64 " s behind that of AWS", skew);
	ec2->skew_s = skew;
	call->has_set_clock = true;
	call->attempts--; /* not an attempt of its own */
	call_later(call, 0);
	return true;
}

static bool refresh(struct call *call)
{
	struct ec2 *ec2 = call->task.ec2;

	if (call->has_refreshed || call->is_as || !call->key_id)
		return false;
	call->has_refreshed = true;
	call->attempts--;
	creds_expired(ec2->chain, call->key_id);
	call_later(call, 0);
	return true;
}

/* What the error's class allows; true when the call goes on. */
static bool recover(struct call *call, const struct http_reply *reply, const struct error_row *row)
{
	struct ec2 *ec2 = call->task.ec2;

	switch (row->class) {
	case ERROR_THROTTLED:
		ec2->counters.throttled++;
		pace_throttled(&ec2->pace, call->action, loop_now_ms(ec2->loop));
		return try_again(call, RETRY_COST);
	case ERROR_AGAIN:
		return try_again(call, RETRY_COST);
	case ERROR_TRANSIENT:
		return is_repeatable(call) && try_again(call, RETRY_COST);
	case ERROR_CLOCK:
		return set_clock(call, reply);
	case ERROR_EXPIRED:
		return set_clock(call, reply) || refresh(call);
	case ERROR_REFUSED:
	case ERROR_DRY_RUN:
		break;
	}
	return false;
}

static void on_error(struct call *call, const struct http_reply *reply)
{
	cleanup(aws_error_done) struct aws_error error = { 0 };
	struct ec2_op *op = call->task.op;
	const struct error_row *row;
	struct err why = ERR_INIT;

	aws_error_read(reply, &error);
	error.is_from_aws = call->task.ec2->is_aws;
	call->task.ec2->is_aws |= error.code[0] != '\0';
	row = error_find(&error);
	if (recover(call, reply, row))
		return;
	op->http_status = reply->status;
	memcpy(op->aws_code, error.code, sizeof(op->aws_code));
	memcpy(op->request_id, error.request_id, sizeof(op->request_id));
	if (row->class == ERROR_DRY_RUN && call->is_dry_run) {
		pace_success(&call->task.ec2->pace, call->last_cost);
		call_end(call, NULL);
		return;
	}
	aws_error_say(&error, call->action, &why);
	if (row->class == ERROR_TRANSIENT && !is_repeatable(call)) {
		why.code = ERR_INDOUBT;
		err_in(&why, "whether it took effect is not known");
	}
	call_end(call, &why);
}

/* 200, but not what was asked for. */
static void on_unreadable(struct call *call, struct err *why)
{
	err_in(why, "%s: the answer", call->action->name);
	if (!is_repeatable(call)) {
		why->code = ERR_INDOUBT;
		err_in(why, "whether it took effect is not known");
	}
	call_end(call, why);
}

/* A server that always names a next page would be asked for hours. */
static bool has_had_its_time(const struct call *call)
{
	const struct ec2 *ec2 = call->task.ec2;

	return loop_now_ms(ec2->loop) - call->began_ms >
	       PAGES_TIMEOUTS * 1000LL * ec2->settings.total_timeout_s;
}

/* Is there another page? -1: the server goes round in circles. */
static int next_page(struct call *call, const struct answer *answer, struct err *err)
{
	cleanup(secret_free) char *token = answer_next_token(answer);

	if (!token)
		return 0;
	if (++call->pages >= MAX_PAGES || has_had_its_time(call) ||
	    (call->next_token && str_eq(token, call->next_token)))
		return err_set(err, ERR_MALFORMED, "its NextToken leads to no end");
	secret_free(call->next_token);
	call->next_token = TAKE(token);
	call->attempts = 0;
	return 1;
}

/* Damaged on the way: as good as lost. */
static bool is_damaged(const struct err *why)
{
	return why->code == ERR_NETWORK;
}

static void on_success(struct call *call, const struct http_reply *reply)
{
	cleanup(answer_done) struct answer answer = { 0 };
	struct ec2_op *op = call->task.op;
	struct err why = ERR_INIT;
	int rc, more;

	if (answer_open(call->action, reply, &answer, &why) < 0) {
		on_unreadable(call, &why);
		return;
	}
	if (answer.is_error) {
		on_error(call, reply);
		return;
	}
	call->task.ec2->is_aws = true;
	op->http_status = reply->status;
	memcpy(op->request_id, answer.request_id, sizeof(op->request_id));
	op->was_for_real = call->is_dry_run;
	if (call->is_dry_run && !call->action->next_token) {
		err_set(&why, ERR_UNSUPPORTED,
			"%s: the server executed the request although DryRun was asked for",
			call->action->name);
		call_end(call, &why);
		return;
	}
	rc = answer_read(&answer, call->ret, &call->room, &why);
	if (rc < 0 && is_damaged(&why) && is_repeatable(call) && try_again(call, RETRY_COST))
		return;
	if (rc < 0 && call->action->is_reply_secret) /* it may quote one that nobody knows yet */
		err_set(&why, ERR_MALFORMED, "the credentials in it are not whole");
	if (rc < 0) {
		on_unreadable(call, &why);
		return;
	}
	pace_success(&call->task.ec2->pace, call->last_cost);
	call->last_cost = 0;
	more = next_page(call, &answer, &why);
	if (more < 0)
		on_unreadable(call, &why);
	else if (more)
		call_later(call, 0);
	else
		call_end(call, NULL);
}

static void on_reply(void *arg, struct http_reply *reply)
{
	struct call *call = arg;

	call->transfer = NULL;
	if (reply->err.code)
		on_lost(call, reply);
	else if (reply->status >= 200 && reply->status < 300)
		on_success(call, reply);
	else
		on_error(call, reply);
}

/* ---- starting ---- */

static void end_refused(void *arg);

struct refused {
	struct task task;
	struct err err;
};

static void refused_free(struct task *task)
{
	loop_timer(task->ec2->loop, -1, end_refused, task);
	free(task);
}

static void end_refused(void *arg)
{
	struct refused *refused = arg;
	struct err err = refused->err;

	task_end(&refused->task, &err);
}

/* From the loop, like every other end. */
static void refuse(struct ec2 *ec2, const struct err *err, struct ec2_op *op)
{
	struct refused *refused = mem_alloc(sizeof(*refused));

	refused->task.free = refused_free;
	refused->err = *err;
	task_begin(ec2, &refused->task, op);
	loop_timer(ec2->loop, loop_now_ms(ec2->loop), end_refused, refused);
}

void call_start(struct ec2 *ec2, const struct call_spec *spec, struct ec2_op *op)
{
	const struct ec2_action *action = spec->action;
	struct call *call;

	if (action->reply)
		memset(spec->ret, 0, action->reply_size);
	if (spec->refuse) {
		refuse(ec2, spec->refuse, op);
		return;
	}
	call = mem_alloc(sizeof(*call));
	call->task.free = call_free;
	call->action = action;
	call->ret = spec->ret;
	call->room = action->is_reply_large ? MAX_LARGE_BYTES : MAX_RESULT_BYTES;
	call->began_ms = loop_now_ms(ec2->loop);
	call->form = (struct str)STR_INIT;
	if (spec->as) {
		call->is_as = true;
		creds_copy(spec->as, &call->as);
	}
	call->rest_body = (struct str)STR_INIT;
	if (spec->rest)
		rest_keep(call, spec->rest);
	if (spec->request && action->params) {
		params_encode(action->params, spec->request, &call->form);
		call->is_dry_run = params_dry_run(action->params, spec->request);
	}
	if (spec->is_whole && action->page_size)
		form_add(&call->form, "MaxResults", action->page_size);
	task_begin(ec2, &call->task, op);
	call_later(call, 0);
}
