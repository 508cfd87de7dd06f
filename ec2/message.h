/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EC2_MESSAGE_H
#define EC2_MESSAGE_H

/* A call on the wire: what is sent and what an answer says. EC2, STS and Auto Scaling speak the query
 * protocol (a form goes out, XML comes back); the EBS direct APIs are REST with JSON. Which of the two
 * an action speaks is in its row. */

#include "ec2/action.h"
#include "ec2/http.h"

#define REST_HEADERS 5

/* Path (below the endpoint's) and query are percent-encoded: "snapshots/snap-…/blocks", "maxResults=100". */
struct rest_request {
	const char *path, *query; /* query "": none */
	struct http_header headers[REST_HEADERS];
	size_t header_count;
	const void *body; /* NULL: none */
	size_t body_len;
};

struct message {
	const char *method;
	char *url, *path, *query; /* query "": none */
	struct str body;
	struct http_header headers[1 + REST_HEADERS]; /* borrow from endpoint and request */
	size_t header_count;
};

/* form: "&name=value..." (ec2/param.h); next_token: of the page before, NULL: none. */
void message_of_form(const struct ec2_action *action, const struct endpoint *endpoint,
		     const char *form, const char *next_token, struct message *ret);
void message_of_rest(const struct ec2_action *action, const struct endpoint *endpoint,
		     const struct rest_request *rest, const char *next_token, struct message *ret);
void message_done(struct message *message); /* wipes */
DEFINE_CLEANUP_DONE(struct message, message_done)

struct answer {
	const struct ec2_action *action;
	const struct http_reply *reply;
	struct xml *xml;
	json_t *json;
	bool is_error; /* in form, but in spite of its status it says that the call failed */
	char request_id[64];
};
/* A reply of status 2xx, borrowed as long as the answer lives. ERR_MALFORMED. */
int answer_open(const struct ec2_action *action, const struct http_reply *reply, struct answer *ret,
		struct err *err) __attribute__((warn_unused_result));
/* Fills the struct of the action's reply, which may hold earlier pages; see xmlmap_read. */
int answer_read(const struct answer *answer, void *ret, size_t *room, struct err *err)
	__attribute__((warn_unused_result));
/* Of the next page, a secret; NULL: this was the last one. */
char *answer_next_token(const struct answer *answer);
void answer_done(struct answer *answer);
DEFINE_CLEANUP_DONE(struct answer, answer_done)

#endif
