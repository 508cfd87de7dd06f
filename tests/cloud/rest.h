/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLOUD_REST_H
#define CLOUD_REST_H

/* Services that answer in JSON. REST (EBS direct): the action is told by method and path, parameters stand
 * in path, query, headers and body, a reply may be bytes, errors have a Reason. JSON 1.1 (Systems Manager):
 * the action is told by the header X-Amz-Target, parameters are the body. */

#include "tests/cloud/call.h"

/* Is it one of theirs? Then service, name and params are filled; a path that leads nowhere leaves the
 * name empty. */
bool rest_route(struct call *call);
void rest_reply(struct call *call); /* status, headers and body */
void rest_fail(struct call *call, const char *code, const char *reason, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* A reply of bytes instead of JSON, with headers: takes the bytes over. */
void rest_bytes(struct call *call, struct str *bytes);
void rest_header(struct call *call, const char *name, const char *value);

#endif
