/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EC2_ACTION_H
#define EC2_ACTION_H

/* An action of the API as data. Adding one: its rows here (ec2/actions_*.c, its
 * name in ec2/actions.h) and one typed function
 * (ec2/calls.c). */

#include "ec2/endpoint.h"
#include "ec2/param.h"
#include "ec2/xmlmap.h"

enum retry_class {
	RETRY_READ,	  /* changes nothing */
	RETRY_IDEMPOTENT, /* twice is the same as once */
	/* Neither, and without a client token: after a lost reply only a look at the world can tell
	 * (ERR_INDOUBT). It is sent again only where the server said it was not executed. */
	RETRY_NEVER,
};

/* Token buckets of the account, per region and action. Source: "Throttling for the EC2 API". */
enum limit {
	LIMIT_NONE,
	LIMIT_READ,
	LIMIT_CHANGE,
	LIMIT_START,
	LIMIT_SNAPSHOT,
	LIMIT_TAGS,
	LIMIT_CONSOLE,
	LIMIT_BLOCK_LISTS, /* EBS direct: quotas of the account, not buckets */
	LIMIT_BLOCKS,
	LIMIT_BLOCK_STARTS,
};

struct http_reply;

struct ec2_action {
	const char *name;
	const struct aws_service *service;
	const char *iam;	    /* the permission that it needs */
	const struct param *params; /* of the request struct */
	const struct xmlmap *reply; /* NULL: the reply says nothing of interest */
	size_t reply_size;
	enum retry_class retry;
	enum limit limit;
	const char *next_token; /* path in the reply; NULL: is not paged */
	const char *page_size;	/* MaxResults when neither ids nor filters narrow it */
	bool is_unsigned;
	bool is_reply_secret; /* what cannot be read of it is not quoted */
	/* REST (ec2/message.h) instead of the query protocol, where there is a method. */
	const char *method;
	const char *page_parameter; /* of the query: where next_token goes */
	/* Instead of the map: what is in headers and body. ERR_NETWORK: damaged on the way, to be asked
	 * for again; ERR_MALFORMED. */
	int (*read)(const struct http_reply *, void *ret, struct err *);
	bool is_reply_large; /* a row for each half megabyte of a volume */
};

#endif
