/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EC2_FETCH_H
#define EC2_FETCH_H

/* A plain HTTP request with a few attempts: metadata services and the like, nothing signed. */

#include "ec2/engine.h"

struct fetch_spec {
	const char *method, *url;
	struct http_header headers[4]; /* name NULL: unused */
	const char *body;
	uint32_t timeout_ms, attempts; /* of each attempt; no answer and 5xx are tried again */
	unsigned flags;		       /* enum http_flag */
};
struct fetch;
/* The spec is copied. `done` runs from the loop. */
struct fetch *fetch_start(struct ec2 *ec2, const struct fetch_spec *spec, http_done_func *done,
			  void *arg);
void fetch_cancel(struct fetch *fetch); /* NULL is fine */

#endif
