/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cloud/call.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <strings.h>
#include <sys/epoll.h>
#include <time.h>

/* One request. A reply that has to wait (a slow one, a copy that runs) suspends its connection, so
 * that all others go on. */
struct held {
	struct sim *sim;
	struct MHD_Connection *mhd;
	struct request req;
	struct call *call;
	struct reply reply;
	bool has_headers, is_started, is_ready, is_suspended;
};

void fields_done(struct fields *fields)
{
	vec_foreach (f, fields) {
		free(f->name);
		free(f->value);
	}
	vec_done(fields);
}

void reply_done(struct reply *reply)
{
	fields_done(&reply->headers);
	str_done(&reply->body);
}

static void held_free(struct held *held)
{
	if (held->call)
		call_free(held->call);
	reply_done(&held->reply);
	free(held->req.method);
	free(held->req.target);
	fields_done(&held->req.headers);
	str_done(&held->req.body);
	free(held);
}

/* MHD hands the target over undecoded only here; what is returned is the request's context. */
static void *on_target(void *arg, const char *target, struct MHD_Connection *mhd)
{
	struct held *held = mem_alloc(sizeof(*held));

	held->sim = arg;
	held->mhd = mhd;
	held->req.target = mem_strdup(target);
	held->req.body = (struct str)STR_INIT;
	held->reply.body = (struct str)STR_INIT;
	return held;
}

static enum MHD_Result on_header(void *arg, enum MHD_ValueKind kind, const char *name,
				 const char *value)
{
	struct fields *headers = arg;

	(void)kind;
	vec_push(headers, ((struct field){ mem_strdup(name), mem_strdup(value ? value : "") }));
	return MHD_YES;
}

static void suspend(struct held *held)
{
	held->is_suspended = true;
	vec_push(&held->sim->held, held);
	MHD_suspend_connection(held->mhd);
}

static void resume(void *arg)
{
	struct held *held = arg;

	held->is_ready = true;
	if (!held->is_suspended)
		return;
	held->is_suspended = false;
	for (size_t i = 0; i < held->sim->held.count; i++)
		if (held->sim->held.items[i] == held)
			held->sim->held.items[i--] = held->sim->held.items[--held->sim->held.count];
	MHD_resume_connection(held->mhd);
}

static void ready(struct held *held)
{
	if (held->reply.delay_ms > 0 && !held->sim->stopping)
		loop_timer(held->sim->loop, loop_now_ms(held->sim->loop) + held->reply.delay_ms,
			   resume, held);
	else
		resume(held);
}

static void on_call_done(struct call *call, void *arg)
{
	struct held *held = arg;

	held->reply = call->reply;
	call->reply = (struct reply){ .body = STR_INIT };
	ready(held);
}

static void start(struct held *held)
{
	struct sim *sim = held->sim;

	held->is_started = true;
	world_advance(sim);
	if (str_starts(held->req.target, "/_sim/")) {
		control_handle(sim, &held->req, &held->reply);
		ready(held);
	} else if (str_eq(held->req.target, "/checkip")) {
		/* Stands in for the service that tells one's own address. */
		held->reply.status = 200;
		held->reply.type = "text/plain";
		str_addf(&held->reply.body, "%s\n",
			 json_string_value(setting(sim, "checkip")) ?: "127.0.0.1");
		ready(held);
	} else if (str_starts(held->req.target, "/latest")) {
		imds_handle(sim, &held->req, &held->reply);
		ready(held);
	} else {
		held->call = mem_alloc(sizeof(*held->call));
		held->call->sim = sim;
		held->call->req = &held->req;
		held->call->done = on_call_done;
		held->call->done_arg = held;
		held->call->reply.body = (struct str)STR_INIT;
		call_begin(held->call);
	}
	world_commit(sim);
}

static void add_date(struct sim *sim, struct MHD_Response *response)
{
	time_t now = (time_t)(real_now() + json_number_value(setting(sim, "clock_offset_s")));
	struct tm tm;
	char text[64];

	strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm));
	MHD_add_response_header(response, MHD_HTTP_HEADER_DATE, text);
}

static enum MHD_Result send_reply(struct held *held)
{
	struct reply *reply = &held->reply;
	struct MHD_Response *response;
	enum MHD_Result result;

	if (reply->fate == REPLY_DROP)
		return MHD_NO; /* closes the connection without a byte */
	response = MHD_create_response_from_buffer(reply->body.len, reply->body.s,
						   MHD_RESPMEM_MUST_COPY);
	if (reply->type)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->type);
	add_date(held->sim, response);
	vec_foreach (h, &reply->headers)
		MHD_add_response_header(response, h->name, h->value);
	result = MHD_queue_response(held->mhd, (unsigned)reply->status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *mhd, const char *url,
				  const char *method, const char *version, const char *data,
				  size_t *data_len, void **context)
{
	struct held *held = *context;

	(void)arg, (void)url, (void)version;
	if (!held)
		return MHD_NO;
	if (!held->has_headers) {
		held->has_headers = true;
		held->req.method = mem_strdup(method);
		MHD_get_connection_values(mhd, MHD_HEADER_KIND, on_header, &held->req.headers);
		return MHD_YES;
	}
	if (*data_len) {
		if (held->req.body.len + *data_len > MAX_BODY_BYTES)
			held->req.is_too_big = true;
		else
			str_add_bytes(&held->req.body, data, *data_len);
		*data_len = 0;
		return MHD_YES;
	}
	if (!held->is_started)
		start(held);
	if (held->is_ready)
		return send_reply(held);
	suspend(held);
	return MHD_YES;
}

static void on_completed(void *arg, struct MHD_Connection *mhd, void **context,
			 enum MHD_RequestTerminationCode code)
{
	struct held *held = *context;

	(void)arg, (void)mhd, (void)code;
	if (!held)
		return;
	loop_timer(held->sim->loop, -1, resume, held);
	/* A waiting call belongs to its job until that ends; MHD does not end suspended requests.
	 */
	held_free(held);
	*context = NULL;
}

static void on_ready_fd(void *arg, int fd, uint32_t events)
{
	(void)fd, (void)events;
	http_run(arg);
}

int http_open(struct sim *sim, unsigned port, struct err *err)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_port = htons((uint16_t)port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const union MHD_DaemonInfo *info;

	sim->http = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_SUPPRESS_DATE_NO_CLOCK, 0, NULL,
		NULL, on_request, sim, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&addr,
		MHD_OPTION_URI_LOG_CALLBACK, on_target, sim, MHD_OPTION_NOTIFY_COMPLETED,
		on_completed, sim, MHD_OPTION_CONNECTION_LIMIT, 4096u,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)65536, MHD_OPTION_END);
	if (!sim->http)
		return err_set(err, ERR_NETWORK, "cannot listen on 127.0.0.1:%u: %s", port,
			       strerror(errno));
	info = MHD_get_daemon_info(sim->http, MHD_DAEMON_INFO_BIND_PORT);
	sim->port = info->port;
	info = MHD_get_daemon_info(sim->http, MHD_DAEMON_INFO_EPOLL_FD);
	loop_watch(sim->loop, info->epoll_fd, EPOLLIN, on_ready_fd, sim);
	return 0;
}

void http_run(struct sim *sim)
{
	MHD_run(sim->http);
}

int http_wait_ms(struct sim *sim)
{
	MHD_UNSIGNED_LONG_LONG ms;

	if (MHD_get_timeout(sim->http, &ms) != MHD_YES)
		return 60000;
	return ms > 60000 ? 60000 : (int)ms;
}

/* MHD cannot stop while a connection is suspended: those get no reply. */
void http_close(struct sim *sim)
{
	if (!sim->http)
		return;
	sim->stopping = true;
	while (sim->held.count) {
		struct held *held = sim->held.items[0];

		held->reply.fate = REPLY_DROP;
		resume(held);
	}
	MHD_run(sim->http);
	MHD_run(sim->http);
	loop_watch(sim->loop, MHD_get_daemon_info(sim->http, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, 0,
		   NULL, NULL);
	MHD_stop_daemon(sim->http);
	vec_done(&sim->held);
}
