/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EC2_SIGV4_H
#define EC2_SIGV4_H

/* AWS Signature Version 4, pure: time and credentials are arguments, nothing is read or sent.
 * Source: "Create a signed AWS API request", IAM User Guide. libcurl's own signer cannot be used:
 * it missigns requests of the EBS direct APIs and does not let the time be given. */

#include "base/err.h"
#include "base/str.h"
#include "ec2/http.h"

#include <stdint.h>

struct sigv4_request {
	const char *method;
	const char *path;  /* as sent, already percent-encoded; "" is "/" */
	const char *query; /* as sent, already percent-encoded, without '?'; NULL or "": none */
	/* All that is to be signed besides x-amz-date and the token: host at least. Any order. */
	const struct http_header *headers;
	size_t header_count;
	const void *body;
	size_t body_len;
	const char
		*body_hash; /* instead of the body's SHA-256: "UNSIGNED-PAYLOAD"; NULL: hash it */
};

struct sigv4_identity {
	const char *key_id, *secret, *token; /* token NULL: permanent key */
	const char *region, *service;
	int64_t time_s;
};

struct sigv4 {
	/* The headers to add: X-Amz-Date, Authorization and, with a token, X-Amz-Security-Token. */
	char amz_date[17];
	struct str authorization;
	struct str canonical, to_sign; /* intermediates, for tests */
	char signature[65];
};
#define SIGV4_INIT                                                                    \
	{                                                                             \
		.authorization = STR_INIT, .canonical = STR_INIT, .to_sign = STR_INIT \
	}

/* `ret` is initialised with SIGV4_INIT and released with sigv4_done. */
void sigv4_sign(const struct sigv4_request *request, const struct sigv4_identity *as,
		struct sigv4 *ret);
void sigv4_done(struct sigv4 *sig); /* wipes */
DEFINE_CLEANUP_DONE(struct sigv4, sigv4_done)

#endif
