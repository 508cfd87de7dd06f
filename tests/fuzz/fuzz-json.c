/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON from outside: what crosses from examiner and surgeon, what a record holds, what credential services
 * answer. One document, read as each of them: what is taken is written as it was read. */
#include "checks/check.h"
#include "ec2/actions.h"
#include "ec2/errors.h"
#include "ec2/lookup.h"
#include "fs/record.h"
#include "fs/witness.h"
#include "rescue/boot.h"
#include "rescue/journal.h"
#include "rescue/surgery_wire.h"
#include "tests/fuzz/fuzz.h"

/* Whatever was believed must say the same when it is said again: *first and *second are its JSON after one
 * and after two readings. */
static void expect_same(const char *what, json_t *first, json_t *second)
{
	if (!first || !second || !json_equal(first, second))
		fuzz_broken("%s: is another one after a second reading", what);
	json_decref(first);
	json_decref(second);
}

#define TWICE(what, type, from_json, to_json, done)                                           \
	do {                                                                                  \
		type once = { 0 }, twice = { 0 };                                             \
		struct err err_ = ERR_INIT;                                                   \
		if (from_json(json, &once, &err_) < 0) {                                      \
			fuzz_printable(what, err_.text, false);                               \
			break;                                                                \
		}                                                                             \
		json_t *first_ = to_json(&once);                                              \
		if (!first_ || from_json(first_, &twice, &err_) < 0)                          \
			fuzz_broken("%s: what was written is not read: %s", what, err_.text); \
		expect_same(what, first_, to_json(&twice));                                   \
		done(&once);                                                                  \
		done(&twice);                                                                 \
	} while (0)

static void edit_free(struct edit *edit)
{
	struct edits one = { .items = mem_dup(edit, sizeof(*edit)), .count = 1, .room = 1 };

	edits_done(&one);
}

static json_t *order_to_json(const struct surgery_order *order)
{
	return surgery_job_to_json(&order->job);
}

static void nothing(void *value)
{
	(void)value;
}

static void read_wires(json_t *json)
{
	TWICE("an edit", struct edit, edit_from_json, edit_to_json, edit_free);
	TWICE("a finding", struct finding, finding_from_json, finding_to_json, finding_done);
	TWICE("a patch", struct patch, patch_from_json, patch_to_json, patch_done);
	TWICE("disks", struct disks, disks_from_json, disks_to_json, disks_done);
	TWICE("cloud facts", struct cloud_facts, cloud_facts_from_json, cloud_facts_to_json,
	      cloud_facts_done);
	TWICE("an order", struct surgery_order, surgery_order_from_json, order_to_json,
	      surgery_order_done);
	TWICE("a wish for a boot", struct boot_spec, boot_spec_from_json, boot_spec_to_json,
	      boot_spec_done);
	TWICE("what a boot showed", struct boot_result, boot_result_from_json, boot_result_to_json,
	      nothing);
	TWICE("a result", struct surgery_result, surgery_result_from_json, surgery_result_to_json,
	      nothing);
}

static void read_event(json_t *json)
{
	cleanup(free) char *text = NULL;
	struct err err = ERR_INIT;
	const char *key;
	json_t *value;

	if (!json_is_object(json) || surgery_event_judge(json, &err) < 0)
		return;
	json_object_foreach (json, key, value)
		if (json_is_string(value))
			fuzz_printable(key, json_string_value(value), str_eq(key, "text"));
	text = json_dumps(json, JSON_COMPACT);
	if (!text)
		fuzz_broken("an event that cannot be written");
}

static void read_credentials(json_t *json)
{
	static const struct creds_names names = { "AccessKeyId", "SecretAccessKey", "Token",
						  "Expiration" };
	struct creds creds = { 0 };
	struct err err = ERR_INIT;

	if (creds_from_json(json, &names, &creds, &err) < 0)
		fuzz_printable("an error", err.text, false);
	else if (!creds.key_id || !creds.secret)
		fuzz_broken("credentials without a key");
	creds_done(&creds);
	json_wipe(json);
}

/* The list of a snapshot's blocks, and any other reply's map, for its kinds of rows. */
static void read_replies(const json_t *json)
{
	for (size_t i = 0; all_actions[i]; i++) {
		const struct ec2_action *action = all_actions[i];
		cleanup(free) void *ret = mem_alloc(action->reply_size + 1);
		size_t room = 1 << 20;
		struct err err = ERR_INIT;

		if (!action->reply)
			continue;
		if (xmlmap_read_json(action->reply, json, ret, &room, &err) < 0)
			fuzz_printable("an error", err.text, false);
		json_decref(xmlmap_json(action->reply, ret));
		xmlmap_free(action->reply, ret, action->reply_size);
	}
}

static void read_error(const uint8_t *data, size_t size)
{
	struct http_reply reply = HTTP_REPLY_INIT;
	cleanup(aws_error_done) struct aws_error error = { 0 };

	reply.status = 403;
	str_add_bytes(&reply.body, data, size);
	aws_error_read(&reply, &error);
	fuzz_printable("an error's code", error.code, false);
	http_reply_done(&reply);
}

static void read_record(const uint8_t *data, size_t size)
{
	enum record_state state;
	struct sha256 witness;
	struct err err = ERR_INIT;

	fuzz_file("state", data, size);
	if (record_state(fuzz_dir(), &state, &err) < 0)
		fuzz_printable("an error", err.text, false);
	(void)!record_witness(fuzz_dir(), &witness, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *json = json_loadb((const char *)data, size, 0, NULL);
	struct witness_places places = { 0 };
	struct err ignored;

	read_error(data, size);
	read_record(data, size);
	if (!json)
		return 0;
	read_wires(json);
	if (!witness_places_from_json(json, &places, &ignored))
		json_decref(witness_places_to_json(&places));
	vec_done(&places);
	read_event(json);
	read_replies(json);
	read_credentials(json);
	json_decref(json);
	return 0;
}
