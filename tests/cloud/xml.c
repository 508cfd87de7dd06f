/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cloud/call.h"

/* Replies are JSON in the reply's own shape: an object is an element with children, a list is an
 * element whose children are all called <item> (EC2) or <member> (the other query services). */

static void add_text(struct str *out, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '<')
			str_add(out, "&lt;");
		else if (c == '>')
			str_add(out, "&gt;");
		else if (c == '&')
			str_add(out, "&amp;");
		else if (c == '"')
			str_add(out, "&quot;");
		else if (c == '\r')
			str_add(out, "&#xD;");
		else if (c < 0x20 && c != '\t' && c != '\n')
			str_add(out, "?"); /* no XML 1.0 document can hold it */
		else
			str_add_char(out, s[i]);
	}
}

static void add_value(struct str *out, const char *name, const json_t *v, const char *item)
{
	const char *key;
	json_t *child;
	size_t i;

	if (json_is_null(v))
		return;
	str_addf(out, "<%s>", name);
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		json_object_foreach ((json_t *)v, key, child)
			add_value(out, key, child, item);
		break;
	case JSON_ARRAY:
		json_array_foreach (v, i, child)
			add_value(out, item, child, item);
		break;
	case JSON_STRING:
		add_text(out, json_string_value(v), json_string_length(v));
		break;
	case JSON_INTEGER:
		str_addf(out, "%lld", (long long)json_integer_value(v));
		break;
	case JSON_REAL:
		str_addf(out, "%g", json_real_value(v));
		break;
	default:
		str_add(out, json_is_true(v) ? "true" : "false");
	}
	str_addf(out, "</%s>", name);
}

static const char *namespace_of(const char *service)
{
	if (str_eq(service, "sts"))
		return "https://sts.amazonaws.com/doc/2011-06-15/";
	if (str_eq(service, "autoscaling"))
		return "http://autoscaling.amazonaws.com/doc/2011-01-01/";
	if (str_eq(service, "iam"))
		return "https://iam.amazonaws.com/doc/2010-05-08/";
	return "http://ec2.amazonaws.com/doc/2016-11-15/";
}

void xml_result(struct str *out, const struct call *call)
{
	const char *name = call->action->name, *key;
	bool is_ec2 = str_eq(call->service, "ec2");
	json_t *v;

	str_add(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
	str_addf(out, "<%sResponse xmlns=\"%s\">", name, namespace_of(call->service));
	if (is_ec2)
		str_addf(out, "<requestId>%s</requestId>", call->request_id);
	else
		str_addf(out, "<%sResult>", name);
	json_object_foreach (call->out, key, v)
		add_value(out, key, v, is_ec2 ? "item" : "member");
	if (!is_ec2)
		str_addf(
			out,
			"</%sResult><ResponseMetadata><RequestId>%s</RequestId></ResponseMetadata>",
			name, call->request_id);
	str_addf(out, "</%sResponse>", name);
}

void xml_error(struct str *out, const struct call *call)
{
	bool is_ec2 = str_eq(call->service, "ec2");

	str_add(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
	if (is_ec2)
		str_add(out, "<Response><Errors><Error>");
	else
		str_addf(out, "<ErrorResponse xmlns=\"%s\"><Error><Type>%s</Type>",
			 namespace_of(call->service), call->status < 500 ? "Sender" : "Receiver");
	str_add(out, "<Code>");
	add_text(out, call->code, strlen(call->code));
	str_add(out, "</Code><Message>");
	add_text(out, call->message, strlen(call->message));
	str_add(out, "</Message></Error>");
	if (is_ec2)
		str_addf(out, "</Errors><RequestID>%s</RequestID></Response>", call->request_id);
	else
		str_addf(out, "<RequestId>%s</RequestId></ErrorResponse>", call->request_id);
}
