/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cloud/rest.h"

#include <stdarg.h>
#include <stdio.h>

static const struct route {
	const char *method, *path, *action; /* in a path: {Parameter} */
} routes[] = {
	{ "GET", "/snapshots/{SnapshotId}/blocks", "ListSnapshotBlocks" },
	{ "GET", "/snapshots/{SnapshotId}/blocks/{BlockIndex}", "GetSnapshotBlock" },
	{ "PUT", "/snapshots/{SnapshotId}/blocks/{BlockIndex}", "PutSnapshotBlock" },
	{ "POST", "/snapshots", "StartSnapshot" },
	{ "POST", "/snapshots/completion/{SnapshotId}", "CompleteSnapshot" },
};

static void add_param(struct call *call, const char *name, size_t name_len, const char *value,
		      size_t len)
{
	vec_push(&call->params,
		 ((struct field){ mem_strndup(name, name_len), mem_strndup(value, len) }));
}

/* Does the path lead there? Its parameters are added when it does. */
static bool follow(struct call *call, const struct route *route, const char *path)
{
	size_t before = call->params.count;
	const char *pattern = route->path;

	while (*pattern) {
		size_t word = strcspn(pattern + 1, "/") + 1, is = strcspn(path + 1, "/?") + 1;

		if (*path != '/')
			break;
		if (pattern[1] == '{')
			add_param(call, pattern + 2, word - 3, path + 1, is - 1);
		else if (word != is || strncmp(pattern, path, is))
			break;
		pattern += word;
		path += is;
	}
	if (!*pattern && (!*path || *path == '?'))
		return true;
	while (call->params.count > before) {
		free(call->params.items[--call->params.count].name);
		free(call->params.items[call->params.count].value);
	}
	return false;
}

/* The members of a JSON body, lists without their contents. */
static void add_body(struct call *call)
{
	json_t *body = json_loadb(call->req->body.s, call->req->body.len, 0, NULL), *value;
	const char *name;

	json_object_foreach (body, name, value) {
		cleanup(free) char *text =
			json_is_string(value) ? mem_strdup(json_string_value(value))
			: json_is_integer(value)
				? mem_printf("%lld", (long long)json_integer_value(value))
			: json_is_boolean(value)
				? mem_strdup(json_is_true(value) ? "true" : "false")
				: json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

		add_param(call, name, strlen(name), text, strlen(text));
	}
	json_decref(body);
}

/* Of JSON 1.1: the header's prefix is the service. */
static const struct {
	const char *prefix, *service;
} targets[] = { { "AmazonSSM.", "ssm" }, { "TrentService.", "kms" } };

static bool target_route(struct call *call)
{
	const char *target = header_get(&call->req->headers, "X-Amz-Target");

	for (size_t i = 0; target && i < ARRAY_LEN(targets); i++) {
		if (!str_starts(target, targets[i].prefix))
			continue;
		call->is_rest = true;
		snprintf(call->service, sizeof(call->service), "%s", targets[i].service);
		snprintf(call->name, sizeof(call->name), "%s", target + strlen(targets[i].prefix));
		add_body(call);
		return true;
	}
	return false;
}

bool rest_route(struct call *call)
{
	const struct request *req = call->req;

	if (target_route(call))
		return true;
	if (!str_starts(req->target, "/snapshots"))
		return false;
	call->is_rest = true;
	snprintf(call->service, sizeof(call->service), "ebs");
	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		if (!str_eq(routes[i].method, req->method) ||
		    !follow(call, &routes[i], req->target))
			continue;
		snprintf(call->name, sizeof(call->name), "%s", routes[i].action);
		if (str_eq(req->method, "POST"))
			add_body(call);
		return true;
	}
	return true;
}

void rest_fail(struct call *call, const char *code, const char *reason, const char *fmt, ...)
{
	cleanup(free) char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	call->reason = reason;
	call_fail(call, code, "%s", text);
}

void rest_header(struct call *call, const char *name, const char *value)
{
	vec_push(&call->reply.headers, ((struct field){ mem_strdup(name), mem_strdup(value) }));
}

void rest_bytes(struct call *call, struct str *bytes)
{
	str_done(&call->reply.body);
	call->reply.body = *bytes;
	*bytes = (struct str)STR_INIT;
	call->has_bytes = true;
}

void rest_reply(struct call *call)
{
	struct reply *reply = &call->reply;
	json_t *body = call_failed(call) ? json_object() : json_incref(call->out);

	reply->status = call_failed(call) ? call->status : call->status_ok ? call->status_ok : 200;
	if (call_failed(call)) {
		str_clear(&reply->body);
		if (str_eq(call->service, "ebs"))
			rest_header(call, "x-amzn-ErrorType", call->code);
		else
			jset_s(body, "__type", call->code);
		jset_s(body, str_eq(call->service, "ebs") ? "Message" : "message", call->message);
		if (call->reason)
			jset_s(body, "Reason", call->reason);
	}
	reply->type =
		str_eq(call->service, "ebs") ? "application/json" : "application/x-amz-json-1.1";
	if (call->has_bytes && !call_failed(call)) {
		reply->type = "application/octet-stream";
	} else {
		char *text = json_dumps(body, JSON_COMPACT);

		str_add(&reply->body, text);
		free(text);
	}
	json_decref(body);
}
