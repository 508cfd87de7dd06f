/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ec2/http.h"

#include <strings.h>

const char *http_reply_header(const struct http_reply *reply, const char *name)
{
	vec_foreach (header, &reply->headers)
		if (!strcasecmp(header->name, name))
			return header->value;
	return NULL;
}

void http_reply_add_header(struct http_reply *reply, const char *name, const char *value)
{
	struct http_reply_header *header = vec_add(&reply->headers);

	header->name = mem_strdup(name);
	header->value = mem_strdup(value);
}

bool http_is_token(const char *text)
{
	for (const char *p = text; *p; p++)
		if (*p <= ' ' || *p > '~')
			return false;
	return *text;
}

void http_reply_done(struct http_reply *reply)
{
	vec_foreach (header, &reply->headers) {
		free(header->name);
		free(header->value);
	}
	vec_done(&reply->headers);
	if (reply->body.len)
		explicit_bzero(reply->body.s, reply->body.len);
	str_done(&reply->body);
}
