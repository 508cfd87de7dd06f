/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EC2_ERRORS_H
#define EC2_ERRORS_H

/* AWS error codes to our few: one table. */

#include "ec2/action.h"
#include "ec2/http.h"

/* What may be done about it, beyond what the code says. */
enum error_class {
	ERROR_REFUSED,	 /* a decision: the request had no effect and would have none again */
	ERROR_THROTTLED, /* not executed; later it would be */
	ERROR_AGAIN,	 /* not executed, and a moment later it may be */
	ERROR_TRANSIENT, /* the server failed: whether it was executed is not known */
	ERROR_CLOCK,	 /* refused signature: perhaps our clock is wrong */
	ERROR_EXPIRED,	 /* the credentials (or our clock) are old */
	ERROR_DRY_RUN,	 /* DryRunOperation: permitted */
};
struct error_row {
	const char *code; /* of AWS; fnmatch(3) pattern */
	enum err_code to;
	enum error_class class;
};
struct aws_error {
	char code[64], request_id[64]; /* escaped, "" when there is none */
	char *message;		       /* as sent; NULL when there is none */
	int http_status;
	/* Set by the caller: the endpoint has answered in the form of AWS before, so that an answer
	 * in another form is about the action, not about the endpoint. */
	bool is_from_aws;
};
/* Never NULL: what no row knows is ERR_CLOUD, by HTTP status refused or transient. */
const struct error_row *error_find(const struct aws_error *error);
void aws_error_read(const struct http_reply *reply, struct aws_error *ret);
void aws_error_done(struct aws_error *error);
DEFINE_CLEANUP_DONE(struct aws_error, aws_error_done)
/* The whole sentence for a person; returns -1 like err_set. */
int aws_error_say(const struct aws_error *error, const struct ec2_action *action, struct err *err);

#endif
