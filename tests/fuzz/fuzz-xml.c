/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A reply of the API: through the field map of every action, and as an error document. */
#include "ec2/actions.h"
#include "ec2/errors.h"
#include "tests/fuzz/fuzz.h"

static void read_reply(const struct ec2_action *action, const struct xml *xml)
{
	cleanup(free) void *value = mem_alloc(action->reply_size);
	size_t room = 1u << 20;
	struct err err = ERR_INIT;
	json_t *json;

	if (xmlmap_read(action->reply, xml, value, &room, &err) < 0)
		fuzz_printable(action->name, err.text, false);
	if (room > 1u << 20)
		fuzz_broken("a result took more than there was room for");
	json = xmlmap_json(action->reply, value);
	json_decref(json);
	if (action->next_token)
		free(xml_text(xml, action->next_token));
	xmlmap_free(action->reply, value, action->reply_size);
}

static void read_error(const uint8_t *data, size_t size)
{
	struct http_reply reply = HTTP_REPLY_INIT;
	cleanup(aws_error_done) struct aws_error error = { 0 };
	struct err err = ERR_INIT;

	reply.status = 400;
	str_add_bytes(&reply.body, data, size);
	aws_error_read(&reply, &error);
	if (aws_error_say(&error, all_actions[0], &err) != -1 || !err.code)
		fuzz_broken("an error that is none");
	fuzz_printable("an error", err.text, false);
	http_reply_done(&reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup(xml_free) struct xml *xml = NULL;
	struct err err = ERR_INIT;

	if (xml_parse((const char *)data, size, &xml, &err) < 0)
		fuzz_printable("an error", err.text, false);
	else
		for (size_t i = 0; all_actions[i]; i++)
			if (all_actions[i]->reply)
				read_reply(all_actions[i], xml);
	read_error(data, size);
	return 0;
}
