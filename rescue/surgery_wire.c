/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/surgery_wire.h"
#include "checks/check.h"

/* Paths and console text are bytes, JSON strings are UTF-8: they travel as base64. */
static json_t *bytes_or_null(const char *s)
{
	struct str text = { .s = (char *)s, .len = s ? strlen(s) : 0 };

	return s ? bytes_to_json(&text) : json_null();
}

static json_t *words_to_json(const struct words *words)
{
	json_t *list = json_array();

	if (words)
		vec_foreach (word, words)
			json_array_append_new(list, bytes_or_null(*word));
	return list;
}

json_t *surgery_job_to_json(const struct surgery_job *job)
{
	return json_pack(
		"{s:i, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
		"s:o, s:I, s:o, s:b, s:b, "
		"s:I, s:b, "
		"s:b, s:i, s:I}",
		"mode", (int)job->mode, "path", bytes_or_null(job->path), "is_served",
		job->is_served, "name", bytes_or_null(job->name), "record_dir",
		bytes_or_null(job->record_dir), "work_dir", bytes_or_null(job->work_dir), "fix",
		words_to_json(job->fix), "more", words_to_json(job->more), "cloud",
		job->cloud ? cloud_facts_to_json(job->cloud) : json_null(), "console",
		bytes_or_null(job->console), "key_line", bytes_or_null(job->key.line), "key_user",
		bytes_or_null(job->key.user), "key_file", bytes_or_null(job->key.file), "nat_range",
		bytes_or_null(job->nat.range), "client", bytes_or_null(job->client.address),
		"client_port", (json_int_t)job->client.port, "boot_console",
		bytes_or_null(job->boot.console_path), "may_commit_anyway",
		job->boot.may_commit_anyway, "may_use_kvm", job->boot.may_use_kvm, "boot_limit_s",
		(json_int_t)job->boot.limit_s, "is_unprivileged", job->is_unprivileged,
		"disks_are_complete", job->disks_are_complete, "direction", (int)job->direction,
		"deadline_s", (json_int_t)job->deadline_s);
}

/* NULL where the member is null. */
static int take_bytes(struct surgery_order *order, const json_t *value, const char **ret,
		      struct err *err)
{
	struct str bytes = STR_INIT;
	char *s;

	*ret = NULL;
	if (!value || json_is_null(value))
		return 0;
	if (bytes_from_json(value, "a string of the job", &bytes, err) < 0)
		return -1;
	s = str_take(&bytes);
	vec_push(&order->strings, s);
	*ret = s;
	return 0;
}

static int take_words(struct surgery_order *order, const json_t *list, struct words *ret,
		      struct err *err)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *word;

		if (take_bytes(order, json_array_get(list, i), &word, err) < 0)
			return -1;
		if (word)
			vec_push(ret, word);
	}
	return 0;
}

void surgery_order_done(struct surgery_order *order)
{
	vec_foreach (s, &order->strings)
		free(*s);
	vec_done(&order->strings);
	vec_done(&order->fix);
	vec_done(&order->more);
	cloud_facts_done(&order->cloud);
	*order = (struct surgery_order){ 0 };
}

static int take_order(const json_t *json, struct surgery_order *ret, struct err *err)
{
	struct surgery_job *job = &ret->job;
	const json_t *cloud = json_object_get(json, "cloud");

	job->mode = (enum surgery_mode)json_integer_value(json_object_get(json, "mode"));
	job->direction =
		(enum record_direction)json_integer_value(json_object_get(json, "direction"));
	job->deadline_s = (uint32_t)json_integer_value(json_object_get(json, "deadline_s"));
	job->client.port = (uint16_t)json_integer_value(json_object_get(json, "client_port"));
	job->boot.may_commit_anyway = json_is_true(json_object_get(json, "may_commit_anyway"));
	job->boot.may_use_kvm = json_is_true(json_object_get(json, "may_use_kvm"));
	job->boot.limit_s = (uint32_t)json_integer_value(json_object_get(json, "boot_limit_s"));
	job->is_served = json_is_true(json_object_get(json, "is_served"));
	job->is_unprivileged = json_is_true(json_object_get(json, "is_unprivileged"));
	job->disks_are_complete = json_is_true(json_object_get(json, "disks_are_complete"));
	if (take_bytes(ret, json_object_get(json, "path"), &job->path, err) < 0 ||
	    take_bytes(ret, json_object_get(json, "name"), &job->name, err) < 0 ||
	    take_bytes(ret, json_object_get(json, "record_dir"), &job->record_dir, err) < 0 ||
	    take_bytes(ret, json_object_get(json, "work_dir"), &job->work_dir, err) < 0 ||
	    take_bytes(ret, json_object_get(json, "console"), &job->console, err) < 0 ||
	    take_bytes(ret, json_object_get(json, "boot_console"), &job->boot.console_path, err) <
		    0 ||
	    take_bytes(ret, json_object_get(json, "key_line"), &job->key.line, err) < 0 ||
	    take_bytes(ret, json_object_get(json, "key_user"), &job->key.user, err) < 0 ||
	    take_bytes(ret, json_object_get(json, "key_file"), &job->key.file, err) < 0 ||
	    take_bytes(ret, json_object_get(json, "nat_range"), &job->nat.range, err) < 0 ||
	    take_bytes(ret, json_object_get(json, "client"), &job->client.address, err) < 0 ||
	    take_words(ret, json_object_get(json, "fix"), &ret->fix, err) < 0 ||
	    take_words(ret, json_object_get(json, "more"), &ret->more, err) < 0)
		return -1;
	if (json_is_object(cloud)) {
		if (cloud_facts_from_json(cloud, &ret->cloud, err) < 0)
			return -1;
		job->cloud = &ret->cloud;
	}
	job->fix = &ret->fix;
	job->more = &ret->more;
	if (!job->path || !job->work_dir || (job->key.line && !job->key.file) ||
	    job->mode > SURGERY_BOOT || job->direction > RECORD_TAKE_BACK ||
	    (job->mode == SURGERY_BOOT ? !job->boot.console_path
				       : job->mode != SURGERY_AUDIT && !job->record_dir))
		return err_set(err, ERR_MALFORMED, "the surgeon's job lacks a member");
	return 0;
}

/* The job points into the order, so it is made in its place. */
int surgery_order_from_json(const json_t *json, struct surgery_order *ret, struct err *err)
{
	*ret = (struct surgery_order){ 0 };
	if (!take_order(json, ret, err))
		return 0;
	surgery_order_done(ret);
	return -1;
}

json_t *surgery_result_to_json(const struct surgery_result *r)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:b, s:I, s:o}", "findings",
			 (json_int_t)r->findings, "repairs", (json_int_t)r->repairs, "faults",
			 (json_int_t)r->faults, "could_not_tell", (json_int_t)r->could_not_tell,
			 "changed_blocks", (json_int_t)r->changed_blocks, "changed_bytes",
			 (json_int_t)r->changed_bytes, "was_committed", r->was_committed,
			 "was_undone_exactly", r->was_undone_exactly, "ssh_port",
			 (json_int_t)r->ssh_port, "mtu", mtu_facts_to_json(&r->mtu));
}

static int take_number(const json_t *json, const char *key, uint64_t max, uint64_t *ret,
		       struct err *err)
{
	const json_t *value = json_object_get(json, key);

	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    (uint64_t)json_integer_value(value) > max)
		return err_set(err, ERR_MALFORMED, "the surgeon's \"%s\" is no number that can be",
			       key);
	*ret = (uint64_t)json_integer_value(value);
	return 0;
}

int surgery_result_from_json(const json_t *json, struct surgery_result *ret, struct err *err)
{
	uint64_t findings, repairs, faults, unknown, blocks, bytes, port;

	if (take_number(json, "findings", SURGERY_EVENTS_MAX, &findings, err) < 0 ||
	    take_number(json, "repairs", SURGERY_EVENTS_MAX, &repairs, err) < 0 ||
	    take_number(json, "faults", SURGERY_EVENTS_MAX, &faults, err) < 0 ||
	    take_number(json, "could_not_tell", SURGERY_EVENTS_MAX, &unknown, err) < 0 ||
	    take_number(json, "changed_blocks", INT64_MAX, &blocks, err) < 0 ||
	    take_number(json, "changed_bytes", INT64_MAX, &bytes, err) < 0 ||
	    take_number(json, "ssh_port", 65535, &port, err) < 0 ||
	    mtu_facts_from_json(json_object_get(json, "mtu"), &ret->mtu, err) < 0)
		return -1;
	ret->findings = findings;
	ret->repairs = repairs;
	ret->faults = faults;
	ret->could_not_tell = unknown;
	ret->changed_blocks = blocks;
	ret->changed_bytes = bytes;
	ret->ssh_port = (uint32_t)port;
	ret->was_committed = json_is_true(json_object_get(json, "was_committed"));
	ret->was_undone_exactly = json_is_true(json_object_get(json, "was_undone_exactly"));
	return 0;
}

/* The events that a surgeon may send, and their members that must be strings. */
static const struct {
	const char *kind, *strings[5];
} kinds[] = {
	{ "finding", { "check", "severity", "class", "message", "rows" } },
	{ "diff", { "path", "text" } },
	{ "could_not_tell", { "check", "message" } },
	{ "machine", { "pretty_name" } },
	{ "examined", { NULL } },
	{ "booted", { "text", "console" } },
	{ "console", { "text" } },
	{ "repaired", { NULL } },
	{ "waiting", { "name", "text" } },
	{ "fact", { "name", "text" } },
	{ "warning", { "text" } },
};

static bool is_severity(const char *name)
{
	for (int s = SEVERITY_NOTE; s <= SEVERITY_BLOCKS_BOOT; s++)
		if (str_eq(name, severity_name((enum severity)s)))
			return true;
	return false;
}

static bool has_control(const char *s)
{
	cleanup(str_done) struct str shown = STR_INIT;

	str_add_escaped(&shown, s, strlen(s));
	return !str_eq(shown.s, s);
}

/* For a terminal: line by line where lines are meant. */
static json_t *harmless(const char *s, bool has_lines)
{
	cleanup(str_done) struct str shown = STR_INIT;

	while (*s) {
		size_t len = has_lines ? strcspn(s, "\n") : strlen(s);

		str_add_escaped(&shown, s, len);
		s += len;
		if (*s == '\n') {
			str_add_char(&shown, '\n');
			s++;
		}
	}
	return json_stringn(shown.s, shown.len);
}

int surgery_event_judge(json_t *event, struct err *err)
{
	const char *kind = json_string_value(json_object_get(event, "event"));
	const char *key;
	json_t *value;
	size_t k = 0;

	while (k < ARRAY_LEN(kinds) && (!kind || !str_eq(kinds[k].kind, kind)))
		k++;
	if (k == ARRAY_LEN(kinds) || json_object_size(event) > 16)
		return err_set(err, ERR_MALFORMED, "the surgeon sent no event that it may send");
	for (size_t i = 0; i < ARRAY_LEN(kinds[k].strings) && kinds[k].strings[i]; i++)
		if (!json_is_string(json_object_get(event, kinds[k].strings[i])))
			return err_set(err, ERR_MALFORMED,
				       "the surgeon's event \"%s\" lacks its \"%s\"", kind,
				       kinds[k].strings[i]);
	/* Here, because what is made harmless below is another string. */
	if (str_eq(kind, "finding") &&
	    !is_severity(json_string_value(json_object_get(event, "severity"))))
		return err_set(err, ERR_MALFORMED, "the surgeon sent a finding of no severity");
	json_object_foreach (event, key, value) {
		if (json_is_object(value) || json_is_array(value) || has_control(key))
			return err_set(err, ERR_MALFORMED, "the surgeon's event \"%s\" is not flat",
				       kind);
		if (json_is_string(value) && has_control(json_string_value(value)))
			json_object_set_new(
				event, key,
				harmless(json_string_value(value), str_eq(key, "text")));
	}
	return 0;
}
