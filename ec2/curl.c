/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ec2/http.h"
#include "ec2/libcurl.h"

#include <stdio.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define MAX_HEADERS	 64	/* that are kept */
#define MAX_HEADER_BYTES 262144 /* of all, kept or not */

struct curl_transport {
	struct transport base;
	struct loop *loop;
	CURLM *multi;
	char *ca_bundle;
	struct transfer *transfers;
};

struct transfer {
	struct curl_transport *transport;
	struct transfer *next;
	CURL *easy;
	struct curl_slist *headers;
	char *body; /* libcurl does not copy it */
	size_t body_len, max_reply_bytes, header_bytes;
	size_t too_long; /* the limit that the reply passed, 0: none */
	char problem[CURL_ERROR_SIZE];
	struct http_reply reply;
	http_done_func *done;
	void *arg;
};

static void deliver(void *arg);

/* The headers hold the session token. */
static void free_headers(struct curl_slist *headers)
{
	for (struct curl_slist *h = headers; h; h = h->next)
		explicit_bzero(h->data, strlen(h->data));
	curl.slist_free_all(headers);
}

static void transfer_free(struct transfer *transfer)
{
	struct transfer **at = &transfer->transport->transfers;

	while (*at != transfer)
		at = &(*at)->next;
	*at = transfer->next;
	loop_timer(transfer->transport->loop, -1, deliver, transfer);
	if (transfer->easy) {
		curl.multi_remove_handle(transfer->transport->multi, transfer->easy);
		curl.easy_cleanup(transfer->easy);
	}
	free_headers(transfer->headers);
	if (transfer->body)
		explicit_bzero(transfer->body, transfer->body_len);
	free(transfer->body);
	http_reply_done(&transfer->reply);
	free(transfer);
}

/* From the loop with nothing of libcurl on the stack, so that `done` may do anything. */
static void deliver(void *arg)
{
	struct transfer *transfer = arg;
	struct http_reply reply = transfer->reply;
	http_done_func *done = transfer->done;
	void *done_arg = transfer->arg;

	transfer->reply = (struct http_reply)HTTP_REPLY_INIT;
	transfer_free(transfer);
	done(done_arg, &reply);
	http_reply_done(&reply);
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
	struct transfer *transfer = arg;

	if (transfer->reply.body.len + size * count > transfer->max_reply_bytes) {
		transfer->too_long = transfer->max_reply_bytes;
		return 0;
	}
	str_add_bytes(&transfer->reply.body, data, size * count);
	return size * count;
}

/* A proxy's answer to CONNECT and "100 Continue" come first; only the last answer counts. */
static void forget_headers(struct http_reply *reply)
{
	vec_foreach (header, &reply->headers) {
		free(header->name);
		free(header->value);
	}
	reply->headers.count = 0;
}

static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
	struct transfer *transfer = arg;
	struct http_reply *reply = &transfer->reply;
	size_t len = size * count, name_len;
	cleanup(free) char *line = mem_strndup(data, len);
	char *value;

	transfer->header_bytes += len;
	if (transfer->header_bytes > MAX_HEADER_BYTES) {
		transfer->too_long = MAX_HEADER_BYTES;
		return 0;
	}
	if (str_starts(line, "HTTP/"))
		forget_headers(reply);
	line[strcspn(line, "\r\n")] = '\0';
	name_len = strcspn(line, ":");
	if (!line[name_len] || reply->headers.count >= MAX_HEADERS)
		return len;
	line[name_len] = '\0';
	value = line + name_len + 1;
	value += strspn(value, " \t");
	for (size_t n = strlen(value); n && strchr(" \t", value[n - 1]); n--)
		value[n - 1] = '\0';
	http_reply_add_header(reply, line, value);
	return len;
}

/* Close-on-exec, so that no child (the surgeon least of all) holds a connection to AWS. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	(void)arg;
	(void)purpose;
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* "Out of memory" is what it calls a header line that is too long for it. */
static bool is_unreadable(CURLcode code)
{
	return code == CURLE_WEIRD_SERVER_REPLY || code == CURLE_BAD_CONTENT_ENCODING ||
	       code == CURLE_OUT_OF_MEMORY;
}

/* libcurl's verdict in our words. "Unsupported" is the protocol of a URL before something was sent, and
 * afterwards that of an answer, which is none of HTTP. */
static void classify(struct transfer *transfer, CURLcode code)
{
	struct http_reply *reply = &transfer->reply;
	const char *why = transfer->problem[0] ? transfer->problem : curl.easy_strerror(code);
	curl_off_t sent_at_us = 0;
	long status = 0;

	curl.easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	curl.easy_getinfo(transfer->easy, CURLINFO_PRETRANSFER_TIME_T, &sent_at_us);
	reply->status = (int)status;
	reply->was_sent = sent_at_us > 0 || status;
	if (code == CURLE_OK)
		return;
	if (transfer->too_long || code == CURLE_FILESIZE_EXCEEDED)
		err_set(&reply->err, ERR_MALFORMED, "the reply is longer than %zu bytes",
			transfer->too_long ? transfer->too_long : transfer->max_reply_bytes);
	else if (code == CURLE_OPERATION_TIMEDOUT)
		err_set(&reply->err, ERR_TIMEOUT, "%s", why);
	else if (is_unreadable(code) || (reply->was_sent && code == CURLE_UNSUPPORTED_PROTOCOL))
		err_set(&reply->err, ERR_MALFORMED, "%s", why);
	else if (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT)
		err_set(&reply->err, ERR_USAGE, "%s", why);
	else
		err_set(&reply->err, ERR_NETWORK, "%s", why);
}

static void collect(struct curl_transport *transport)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl.multi_info_read(transport->multi, &left))) {
		struct transfer *transfer = NULL;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl.easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &transfer);
		classify(transfer, msg->data.result);
		loop_timer(transport->loop, loop_now_ms(transport->loop), deliver, transfer);
	}
}

static void on_timer(void *arg)
{
	struct curl_transport *transport = arg;
	int running;

	curl.multi_socket_action(transport->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	collect(transport);
}

static void on_socket(void *arg, int fd, uint32_t events)
{
	struct curl_transport *transport = arg;
	int what = (events & EPOLLIN ? CURL_CSELECT_IN : 0) |
		   (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
		   (events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
	int running;

	curl.multi_socket_action(transport->multi, fd, what, &running);
	collect(transport);
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct curl_transport *transport = arg;
	uint32_t events = what == CURL_POLL_IN	    ? EPOLLIN
			  : what == CURL_POLL_OUT   ? EPOLLOUT
			  : what == CURL_POLL_INOUT ? EPOLLIN | EPOLLOUT
						    : 0;

	(void)easy;
	(void)socket_arg;
	loop_watch(transport->loop, fd, events, on_socket, transport);
	return 0;
}

static int want_timer(CURLM *multi, long wait_ms, void *arg)
{
	struct curl_transport *transport = arg;

	(void)multi;
	loop_timer(transport->loop, wait_ms < 0 ? -1 : loop_now_ms(transport->loop) + wait_ms,
		   on_timer, transport);
	return 0;
}

static void set_headers(struct transfer *transfer, const struct http_request *request)
{
	for (size_t i = 0; i < request->header_count; i++) {
		const struct http_header *header = &request->headers[i];
		cleanup(secret_free) char *line = mem_printf("%s: %s", header->name, header->value);

		transfer->headers = curl.slist_append(transfer->headers, line);
	}
	/* Waiting for "100 Continue" costs a round trip and some servers never send it. */
	transfer->headers = curl.slist_append(transfer->headers, "Expect:");
	curl.easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->headers);
}

/* The endpoint's scheme and no other, whatever a proxy or a reply suggests. */
static void set_protocol(CURL *easy, const char *url)
{
	bool is_http = !strncasecmp(url, "http://", 7);

#if LIBCURL_VERSION_NUM >= 0x075500
	curl.easy_setopt(easy, CURLOPT_PROTOCOLS_STR, is_http ? "http" : "https");
#else
	curl.easy_setopt(easy, CURLOPT_PROTOCOLS, is_http ? CURLPROTO_HTTP : CURLPROTO_HTTPS);
#endif
	curl.easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
}

static void set_body(struct transfer *transfer, const struct http_request *request)
{
	bool is_get = str_eq(request->method, "GET");

	curl.easy_setopt(transfer->easy, CURLOPT_CUSTOMREQUEST, request->method);
	if (is_get) {
		curl.easy_setopt(transfer->easy, CURLOPT_HTTPGET, 1L);
		return;
	}
	transfer->body = mem_dup(request->body_len ? request->body : "", request->body_len);
	transfer->body_len = request->body_len;
	curl.easy_setopt(transfer->easy, CURLOPT_POSTFIELDS, transfer->body);
	curl.easy_setopt(transfer->easy, CURLOPT_POSTFIELDSIZE_LARGE,
			 (curl_off_t)request->body_len);
}

static void set_options(struct transfer *transfer, const struct http_request *request)
{
	CURL *easy = transfer->easy;

	curl.easy_setopt(easy, CURLOPT_PRIVATE, transfer);
	curl.easy_setopt(easy, CURLOPT_URL, request->url);
	set_protocol(easy, request->url);
	curl.easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L); /* the signature covers it */
	curl.easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl.easy_setopt(easy, CURLOPT_USERAGENT, "ec2-rescue/" VERSION);
	set_body(transfer, request);
	set_headers(transfer, request);
	curl.easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_timeout_ms);
	curl.easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->total_timeout_ms);
	curl.easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)request->max_reply_bytes);
	curl.easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl.easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	curl.easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl.easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
	curl.easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->problem);
	curl.easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	if (transfer->transport->ca_bundle)
		curl.easy_setopt(easy, CURLOPT_CAINFO, transfer->transport->ca_bundle);
	if (request->flags & HTTP_DIRECT)
		curl.easy_setopt(easy, CURLOPT_PROXY, "");
	if (request->flags & HTTP_ONCE)
		curl.easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
}

/* What somebody else's answer put into a header must not become two of them. */
static bool are_headers_clean(const struct http_request *request)
{
	for (size_t i = 0; i < request->header_count; i++)
		for (const char *p = request->headers[i].value; *p; p++)
			if ((*p < ' ' && *p != '\t') || *p == 0x7f)
				return false;
	return true;
}

static struct transfer *curl_send(struct transport *base, const struct http_request *request,
				  http_done_func *done, void *arg)
{
	struct curl_transport *transport = (struct curl_transport *)base;
	struct transfer *transfer = mem_alloc(sizeof(*transfer));

	*transfer = (struct transfer){ .transport = transport,
				       .next = transport->transfers,
				       .max_reply_bytes = request->max_reply_bytes,
				       .reply = HTTP_REPLY_INIT,
				       .done = done,
				       .arg = arg };
	transport->transfers = transfer;
	if (!are_headers_clean(request)) {
		err_set(&transfer->reply.err, ERR_MALFORMED,
			"a header of the request would hold a control character");
		loop_timer(transport->loop, loop_now_ms(transport->loop), deliver, transfer);
		return transfer;
	}
	transfer->easy = curl.easy_init();
	if (!transfer->easy) {
		err_set(&transfer->reply.err, ERR_NETWORK, "libcurl gave no handle");
		loop_timer(transport->loop, loop_now_ms(transport->loop), deliver, transfer);
		return transfer;
	}
	set_options(transfer, request);
	curl.multi_add_handle(transport->multi, transfer->easy);
	return transfer;
}

static void curl_cancel(struct transport *base, struct transfer *transfer)
{
	(void)base;
	transfer_free(transfer);
}

static void curl_close(struct transport *base)
{
	struct curl_transport *transport = (struct curl_transport *)base;

	while (transport->transfers)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it takes itself off the list first. */
		transfer_free(transport->transfers);
	curl.multi_cleanup(transport->multi); /* forgets the kept-alive sockets in the loop */
	loop_timer(transport->loop, -1, on_timer, transport);
	free(transport->ca_bundle);
	free(transport);
}

int curl_transport_open(struct loop *loop, const char *ca_bundle, struct transport **ret,
			struct err *err)
{
	static const struct transport_ops ops = { curl_send, curl_cancel, curl_close };
	struct curl_transport *transport;
	CURLM *multi;

	if (ca_bundle && access(ca_bundle, R_OK) < 0)
		return err_set(err, ERR_USAGE,
			       "the CA bundle %s (AWS_CA_BUNDLE or ca_bundle) cannot be read",
			       ca_bundle);
	if (libcurl_load(err) < 0)
		return -1;
	if (curl.global_init(CURL_GLOBAL_DEFAULT) || !(multi = curl.multi_init()))
		return err_set(err, ERR_NETWORK, "libcurl could not start");
	transport = mem_alloc(sizeof(*transport));
	*transport = (struct curl_transport){
		.base.ops = &ops,
		.loop = loop,
		.multi = multi,
		.ca_bundle = ca_bundle ? mem_strdup(ca_bundle) : NULL,
	};
	curl.multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, want_socket);
	curl.multi_setopt(multi, CURLMOPT_SOCKETDATA, transport);
	curl.multi_setopt(multi, CURLMOPT_TIMERFUNCTION, want_timer);
	curl.multi_setopt(multi, CURLMOPT_TIMERDATA, transport);
	*ret = &transport->base;
	return 0;
}
