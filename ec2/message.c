/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ec2/message.h"
#include "base/secrets.h"

void message_of_form(const struct ec2_action *action, const struct endpoint *endpoint,
		     const char *form, const char *next_token, struct message *ret)
{
	*ret = (struct message){
		.method = "POST",
		.url = mem_strdup(endpoint->url),
		.path = mem_strdup(endpoint->path),
		.query = mem_strdup(""),
		.body = STR_INIT,
		.headers = { { "Host", endpoint->host },
			     { "Content-Type",
			       "application/x-www-form-urlencoded; charset=utf-8" } },
		.header_count = 2,
	};
	str_addf(&ret->body, "Action=%s&Version=%s%s", action->name, action->service->version,
		 form);
	if (next_token)
		form_add(&ret->body, "NextToken", next_token);
}

void message_of_rest(const struct ec2_action *action, const struct endpoint *endpoint,
		     const struct rest_request *rest, const char *next_token, struct message *ret)
{
	cleanup(str_done) struct str query = STR_INIT;

	str_add(&query, rest->query);
	if (next_token)
		form_add(&query, action->page_parameter, next_token);
	if (query.len && query.s[0] == '&')
		memmove(query.s, query.s + 1, query.len--);
	*ret = (struct message){
		.method = action->method,
		.path = mem_printf("%s%s", endpoint->path, rest->path),
		.url = mem_printf("%s%s%s%s", endpoint->url, rest->path, query.len ? "?" : "",
				  query.len ? query.s : ""),
		.query = mem_strdup(query.len ? query.s : ""),
		.body = STR_INIT,
		.headers = { { "Host", endpoint->host } },
		.header_count = 1 + rest->header_count,
	};
	memcpy(ret->headers + 1, rest->headers, rest->header_count * sizeof(*rest->headers));
	str_add_bytes(&ret->body, rest->body, rest->body_len);
}

void message_done(struct message *message)
{
	if (message->body.len)
		explicit_bzero(message->body.s, message->body.len);
	str_done(&message->body);
	free(message->path);
	secret_free(message->url);
	secret_free(message->query);
}

/* ---- the answer ---- */

static void find_request_id(struct answer *answer)
{
	static const char *const paths[] = { "requestId", "ResponseMetadata/RequestId" };
	const char *in_header = http_reply_header(answer->reply, "x-amzn-requestid");
	cleanup(free) char *id = NULL;

	for (size_t i = 0; answer->xml && i < ARRAY_LEN(paths) && !id; i++)
		id = xml_text(answer->xml, paths[i]);
	if (!id && in_header)
		id = mem_strdup(in_header);
	if (id)
		escape_into(answer->request_id, sizeof(answer->request_id), id, strlen(id));
}

/* What a row reads from the headers and the body itself needs no document, and where nothing is of interest
 * there may be none. */
static int open_json(struct answer *answer, struct err *err)
{
	const struct str *body = &answer->reply->body;

	if (answer->action->read || !answer->action->reply)
		return 0;
	answer->json = json_loadb(body->s, body->len, JSON_REJECT_DUPLICATES, NULL);
	return json_is_object(answer->json) ? 0 : err_set(err, ERR_MALFORMED, "it is no JSON");
}

static int open_xml(struct answer *answer, struct err *err)
{
	const struct str *body = &answer->reply->body;
	const char *root;

	if (xml_parse(body->s, body->len, &answer->xml, err) < 0)
		return -1;
	root = xml_root_name(answer->xml);
	answer->is_error = str_eq(root, "Response") || str_eq(root, "ErrorResponse");
	return 0;
}

int answer_open(const struct ec2_action *action, const struct http_reply *reply, struct answer *ret,
		struct err *err)
{
	int rc;

	*ret = (struct answer){ .action = action, .reply = reply };
	rc = action->method ? open_json(ret, err) : open_xml(ret, err);
	if (!rc)
		find_request_id(ret);
	return rc;
}

int answer_read(const struct answer *answer, void *ret, size_t *room, struct err *err)
{
	const struct ec2_action *action = answer->action;

	if (action->read)
		return action->read(answer->reply, ret, err);
	if (!action->reply)
		return 0;
	return answer->json ? xmlmap_read_json(action->reply, answer->json, ret, room, err)
			    : xmlmap_read(action->reply, answer->xml, ret, room, err);
}

char *answer_next_token(const struct answer *answer)
{
	const char *path = answer->action->next_token;
	const char *text;

	if (!path)
		return NULL;
	if (answer->xml)
		return xml_text(answer->xml, path);
	text = json_string_value(json_object_get(answer->json, path));
	return text && *text ? mem_strdup(text) : NULL;
}

void answer_done(struct answer *answer)
{
	xml_free(answer->xml);
	json_decref(answer->json);
	answer->xml = NULL;
	answer->json = NULL;
}
