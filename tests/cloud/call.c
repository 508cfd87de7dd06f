/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cloud/rest.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

void call_fail(struct call *call, const char *code, const char *fmt, ...)
{
	va_list ap;

	if (call->code)
		return; /* the first reason counts */
	call->code = mem_strdup(code);
	va_start(ap, fmt);
	if (vasprintf(&call->message, fmt, ap) < 0)
		abort();
	va_end(ap);
	call->status = error_status(code);
}

int error_status(const char *code)
{
	static const struct {
		const char *code;
		int status;
	} rows[] = {
		{ "AuthFailure", 401 },
		{ "UnauthorizedOperation", 403 },
		{ "AccessDenied", 403 },
		{ "SignatureDoesNotMatch", 403 },
		{ "InvalidClientTokenId", 403 },
		{ "ExpiredToken", 403 },
		{ "MissingAuthenticationToken", 403 },
		{ "AccessDeniedException", 403 },
		{ "UnrecognizedClientException", 403 },
		{ "InvalidSignatureException", 403 },
		{ "ExpiredTokenException", 403 },
		{ "MissingAuthenticationTokenException", 403 },
		{ "ServiceQuotaExceededException", 402 },
		{ "ResourceNotFoundException", 404 },
		{ "ConflictException", 409 },
		{ "InternalServerException", 500 },
		{ "NoSuchEntity", 404 },
		{ "EntityAlreadyExists", 409 },
		{ "Blocked", 403 },
		{ "DryRunOperation", 412 },
		{ "RequestLimitExceeded", 503 },
		{ "EC2ThrottledException", 503 },
		{ "Unavailable", 503 },
		{ "ServiceUnavailable", 503 },
		{ "InternalError", 500 },
		{ "InternalFailure", 500 },
		{ "InsufficientInstanceCapacity", 500 },
		{ "InsufficientVolumeCapacity", 500 },
		{ "InsufficientCapacity", 500 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (str_eq(rows[i].code, code))
			return rows[i].status;
	return 400;
}

/* The service is the one in the credential scope; an unsigned call is told by its API version. */
static void find_service(struct call *call)
{
	const char *auth = header_get(&call->req->headers, "Authorization");
	const char *scope =
		auth ? strstr(auth, "Credential=") : field_get(&call->params, "X-Amz-Credential");
	const char *version = param(call, "Version");
	unsigned slashes = 0;

	snprintf(call->service, sizeof(call->service), "%s",
		 str_eq(version, "2011-06-15")	 ? "sts"
		 : str_eq(version, "2011-01-01") ? "autoscaling"
						 : "ec2");
	for (; scope && *scope && *scope != ','; scope++) {
		slashes += *scope == '/';
		if (slashes == 3) {
			snprintf(call->service, sizeof(call->service), "%.*s",
				 (int)strcspn(scope + 1, "/, "), scope + 1);
			return;
		}
	}
}

static int read_params(struct call *call)
{
	const struct request *req = call->req;
	const char *query = strchr(req->target, '?');

	if (req->is_too_big) {
		call_fail(call, "RequestEntityTooLarge", "The request is longer than %u bytes",
			  MAX_BODY_BYTES);
		call->status = 413;
		return -1;
	}
	if ((query && fields_parse(&call->params, query + 1, strlen(query + 1))) ||
	    (!call->is_rest && fields_parse(&call->params, req->body.s, req->body.len))) {
		call_fail(call, "MalformedQueryString", "The query string is malformed");
		return -1;
	}
	return 0;
}

static void count(struct call *call)
{
	struct sim *sim = call->sim;
	json_t *by_action = jget(sim->counters, "calls");

	call->number = ++sim->call_count;
	jset_i(by_action, call->name, ji(by_action, call->name) + 1);
}

/* What the client is told by a fault before anything happens; -1: that is the end of the call. */
static int fault_before(struct call *call)
{
	const char *kind = js(call->fault, "kind"), *code = js(call->fault, "code");
	const char *message = js(call->fault, "message");

	if (str_eq(kind, "lost-before")) {
		call->reply.fate = REPLY_DROP;
		call_fail(call, "(lost)", "the connection was closed before anything happened");
	} else if (str_eq(kind, "refused")) {
		call_fail(call, code, "%s", message);
	} else if (str_eq(kind, "http5xx")) {
		call_fail(call, *code ? code : "ServiceUnavailable", "%s",
			  *message ? message : "An internal error has occurred");
		call->status = 503;
	}
	if (call_failed(call) && ji(call->fault, "status"))
		call->status = (int)ji(call->fault, "status");
	return call_failed(call) ? -1 : 0;
}

static int check(struct call *call)
{
	const struct action *action;
	bool may_be_unsigned;

	rest_route(call);
	if (read_params(call))
		return -1;
	if (!call->is_rest) {
		find_service(call);
		snprintf(call->name, sizeof(call->name), "%s", param(call, "Action"));
	}
	action = call->action = action_find(call->service, call->name);
	may_be_unsigned = action && str_eq(call->name, "AssumeRoleWithWebIdentity");
	if (!may_be_unsigned && sigv4_verify(call))
		return -1;
	count(call);
	if (!action) {
		call_fail(call, call->is_rest ? "UnknownOperationException" : "InvalidAction",
			  "The action %s is not valid for this web service.",
			  *call->name ? call->name : "(none)");
		return -1;
	}
	call->fault = fault_take(call);
	if (call->fault && fault_before(call))
		return -1;
	if (throttle_check(call) || policy_check(call) || params_check(call))
		return -1;
	if (str_eq(call->service, "ec2") && param_true(call, "DryRun")) {
		call_fail(call, "DryRunOperation",
			  "Request would have succeeded, but DryRun flag is set.");
		return -1;
	}
	return 0;
}

/* The reply as the fault wants it; `kind` is "" without one. */
static void write_reply(struct call *call, const char *kind)
{
	struct reply *reply = &call->reply;
	/* EC2's own codes come as XML, those of a balancer in front of it do not. */
	bool is_html = str_eq(kind, "http5xx") && !str_starts(call->code, "I");

	reply->status = call_failed(call) ? call->status : 200;
	reply->type = is_html ? "text/html" : "text/xml;charset=UTF-8";
	if (is_html)
		str_add(&reply->body, "<html><body><h1>Service Unavailable</h1></body></html>");
	else if (call->is_rest)
		rest_reply(call);
	else if (call->action && !call_failed(call))
		xml_result(&reply->body, call);
	else
		xml_error(&reply->body, call);
	if (str_eq(kind, "damaged") && reply->body.len)
		reply->body.s[reply->body.len / 2] ^= 0x20;
	vec_push(&reply->headers,
		 ((struct field){ mem_strdup("x-amzn-RequestId"), mem_strdup(call->request_id) }));
	if (str_eq(kind, "lost-after"))
		reply->fate = REPLY_DROP;
	/* A proof may want its client to die at exactly this call. */
	if (reply->fate == REPLY_DROP && ji(call->fault, "kill_pid") > 1)
		kill((pid_t)ji(call->fault, "kill_pid"), SIGKILL);
}

static void call_end(struct call *call)
{
	const char *kind = js(call->fault, "kind");
	double takes_s = latency_of(call->sim, "api", call->number, "api_call");

	world_commit(call->sim);
	write_reply(call, kind);
	call->reply.delay_ms = sim_real_ms(call->sim, takes_s);
	if (str_eq(kind, "slow"))
		call->reply.delay_ms += ji(call->fault, "delay_ms");
	calls_log(call);
	call->done(call, call->done_arg);
}

void call_begin(struct call *call)
{
	call->request_id = request_id_new(call->sim);
	call->began_sim = call->sim->now;
	call->out = json_object();
	call->new_ids = json_array();
	if (!check(call))
		call->action->handler(call);
	if (!call->is_waiting)
		call_end(call);
}

void call_finish(struct call *call)
{
	call->is_waiting = false;
	call_end(call);
}

void call_free(struct call *call)
{
	fields_done(&call->params);
	free(call->request_id);
	free(call->code);
	free(call->message);
	free(call->detail);
	json_decref(call->out);
	json_decref(call->who.credential);
	json_decref(call->fault);
	json_decref(call->new_ids);
	reply_done(&call->reply);
	free(call);
}
