/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EC2_HTTP_H
#define EC2_HTTP_H

/* HTTP as a vtable: libcurl on the event loop (ec2/curl.c), or a transcript in tests. */

#include "base/err.h"
#include "base/loop.h"
#include "base/str.h"

#include <stdint.h>

struct http_header {
	const char *name, *value;
};

enum http_flag {
	HTTP_DIRECT = 1 << 0, /* never through a proxy: link-local addresses */
	/* Never send again silently: libcurl repeats a request whose kept-alive connection died
	 * before the reply, which would execute CreateSnapshot twice. */
	HTTP_ONCE = 1 << 1,
};

struct http_request {
	const char *method, *url;
	const struct http_header *headers; /* Host included, when it is signed */
	size_t header_count;
	const void *body;
	size_t body_len;
	uint32_t connect_timeout_ms, total_timeout_ms;
	size_t max_reply_bytes;
	unsigned flags; /* enum http_flag */
};

struct http_reply_header {
	char *name, *value;
};

/* Everything is copied or owned; bodies may be secrets and are wiped. */
struct http_reply {
	/* ERR_NONE: an answer came, whole. ERR_NETWORK, ERR_TIMEOUT; ERR_MALFORMED: longer than
	 * max_reply_bytes or not HTTP. */
	struct err err;
	bool was_sent; /* the server may have seen the request */
	int status;
	VEC(struct http_reply_header) headers;
	struct str body;
};
#define HTTP_REPLY_INIT          \
	{                        \
		.body = STR_INIT \
	}
/* Case-insensitive; NULL when there is none. Borrowed. */
const char *http_reply_header(const struct http_reply *reply, const char *name);
void http_reply_add_header(struct http_reply *reply, const char *name, const char *value);
/* Printable ASCII without a blank, and not empty: a key or a token that may stand in a header. */
bool http_is_token(const char *text);
void http_reply_done(struct http_reply *reply);
DEFINE_CLEANUP_DONE(struct http_reply, http_reply_done)

struct transport;
struct transfer;
/* Runs from the loop, never from inside send; `reply` is borrowed for the call. May start and
 * cancel transfers and close the transport. */
typedef void http_done_func(void *arg, struct http_reply *reply);

struct transport_ops {
	/* The request is borrowed for the call alone. Never fails: a failure is a reply. */
	struct transfer *(*send)(struct transport *transport, const struct http_request *request,
				 http_done_func *done, void *arg);
	void (*cancel)(struct transport *transport, struct transfer *transfer);
	void (*close)(struct transport *transport); /* cancels everything and frees */
};
struct transport {
	const struct transport_ops *ops;
};
static inline void transport_close(struct transport *transport)
{
	if (transport)
		transport->ops->close(transport);
}

/* ca_bundle: file with the accepted certificate authorities; NULL: the system's. */
int curl_transport_open(struct loop *loop, const char *ca_bundle, struct transport **ret,
			struct err *err) __attribute__((warn_unused_result));

/* Without a library; http:// and numeric addresses only (ec2/plain_http.c). */
struct transport *plain_transport_open(struct loop *loop);

#endif
