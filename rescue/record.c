/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/record.h"

#include "rescue/plan.h"

#include <stdio.h>

static const char *const kind_names[] = { "repair", "undo", "home", "audit", "net" };
static const char *const via_names[] = { "self", "snapshot", "replace", "helper" };
static const char *const state_names[] = { "none", "found", "begun", "done" };

const char *rescue_kind_name(enum rescue_kind kind)
{
	return kind_names[kind];
}

const char *rescue_via_name(enum rescue_via via)
{
	return via_names[via];
}

int rescue_via_parse(const char *name, enum rescue_via *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(via_names); i++)
		if (str_eq(name, via_names[i])) {
			*ret = (enum rescue_via)i;
			return 0;
		}
	return -1;
}

const char *step_state_name(enum step_state state)
{
	return state_names[state];
}

static json_t *tristate(enum ec2_bool value)
{
	return value == EC2_BOOL_ABSENT ? json_null() : json_boolean(value == EC2_TRUE);
}

static json_t *launch_to_json(const struct launch *l)
{
	return json_pack("{s:b, s:b, s:b, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "ours", l->is_ours,
			 "kept", l->is_kept, "public", l->is_public, "image", l->image, "type",
			 l->type, "subnet", l->subnet, "vpc", l->vpc, "from", l->from, "keys",
			 l->keys, "group", l->group);
}

json_t *record_to_json(const struct record *r)
{
	json_t *json = json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:b, s:s, s:s, s:s, s:s, "
		"s:s, s:I, s:b, s:b, s:b, s:b}",
		"event", "run", "run", r->run, "kind", rescue_kind_name(r->kind), "via",
		rescue_via_name(r->via), "instance", r->instance.s, "volume", r->volume.s, "helper",
		r->helper.s, "home_device", r->home_device, "delete_on_termination",
		tristate(r->delete_on_termination), "was_running", r->was_running, "region",
		r->region, "endpoint", r->endpoint, "undo_of", r->undo_of, "restore_from",
		r->restore_from.s, "restored", r->restored.s, "boot_s", (json_int_t)r->boot_s,
		"boot_may_fail", r->boot_may_fail, "boot_no_kvm", r->boot_no_kvm, "uses_standby",
		r->uses_standby, "swaps", via_swaps(r->via) && r->was_committed);

	if (r->via == VIA_HELPER)
		json_object_set_new(json, "launch", launch_to_json(&r->launch));
	return json;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static int copy_text(const json_t *object, const char *key, char *into, size_t size,
		     struct err *err)
{
	const char *text = text_of(object, key);

	if (strlen(text) >= size)
		return err_set(err, ERR_MALFORMED, "journal: %s is too long", key);
	memcpy(into, text, strlen(text) + 1);
	return 0;
}

static uint32_t small_number(const json_t *object, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(object, key));

	return n < 0 ? 0 : n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

void record_swap(struct record *r)
{
	r->was_committed = true;
	for (size_t at = STEP_DETACH; at <= STEP_REPLACE; at++) {
		if ((at == STEP_REPLACE) != (r->via == VIA_REPLACE))
			continue;
		r->steps[at].state = STEP_DONE;
		r->steps[at].is_returned = false;
	}
}

void record_stay(struct record *r)
{
	r->was_committed = false;
	r->restore_from = (struct snapshot_id){ "" };
	r->restored = (struct volume_id){ "" };
	if (r->via != VIA_REPLACE)
		return;
	/* A task that failed may have left the instance without any root, and that needs a stop. */
	r->steps[STEP_DETACH].state = r->steps[STEP_STOP].state = STEP_DONE;
	r->steps[STEP_DETACH].is_returned = r->steps[STEP_STOP].is_returned = false;
}

static int read_launch(const json_t *json, struct launch *l, struct err *err)
{
	l->is_ours = json_is_true(json_object_get(json, "ours"));
	l->is_kept = json_is_true(json_object_get(json, "kept"));
	l->is_public = json_is_true(json_object_get(json, "public"));
	if (copy_text(json, "image", l->image, sizeof(l->image), err) < 0 ||
	    copy_text(json, "type", l->type, sizeof(l->type), err) < 0 ||
	    copy_text(json, "subnet", l->subnet, sizeof(l->subnet), err) < 0 ||
	    copy_text(json, "vpc", l->vpc, sizeof(l->vpc), err) < 0 ||
	    copy_text(json, "from", l->from, sizeof(l->from), err) < 0 ||
	    copy_text(json, "keys", l->keys, sizeof(l->keys), err) < 0 ||
	    copy_text(json, "group", l->group, sizeof(l->group), err) < 0)
		return -1;
	return l->keys[0] && !run_id_is_valid(l->keys)
		       ? err_set(err, ERR_MALFORMED, "journal: \"%s\" is no run", l->keys)
		       : 0;
}

static int read_run(const json_t *record, struct record *r, struct err *err)
{
	const char *kind = text_of(record, "kind"), *helper = text_of(record, "helper");
	const char *restore = text_of(record, "restore_from"), *via = text_of(record, "via");
	const char *restored = text_of(record, "restored");
	const char *instance = text_of(record, "instance");
	const json_t *dot = json_object_get(record, "delete_on_termination");
	size_t k = 0;

	while (k < ARRAY_LEN(kind_names) && !str_eq(kind, kind_names[k]))
		k++;
	if (k == ARRAY_LEN(kind_names))
		return err_set(err, ERR_MALFORMED, "journal: \"%s\" is no kind of run", kind);
	r->kind = (enum rescue_kind)k;
	if (via[0] && rescue_via_parse(via, &r->via) < 0)
		return err_set(
			err, ERR_UNSUPPORTED,
			"journal: this version knows no way \"%s\"; use the one that wrote it",
			via);
	if (!run_id_is_valid(text_of(record, "run")))
		return err_set(err, ERR_MALFORMED, "journal: no run id");
	r->delete_on_termination = json_is_true(dot)	? EC2_TRUE
				   : json_is_false(dot) ? EC2_FALSE
							: EC2_BOOL_ABSENT;
	r->was_running = json_is_true(json_object_get(record, "was_running"));
	r->uses_standby = json_is_true(json_object_get(record, "uses_standby"));
	if (via_swaps(r->via) && json_is_true(json_object_get(record, "swaps")))
		record_swap(r); /* another machine's run, decided */
	r->boot_s = small_number(record, "boot_s");
	r->boot_may_fail = json_is_true(json_object_get(record, "boot_may_fail"));
	r->boot_no_kvm = json_is_true(json_object_get(record, "boot_no_kvm"));
	if (read_launch(json_object_get(record, "launch"), &r->launch, err) < 0)
		return -1;
	if (((r->kind != RESCUE_AUDIT || instance[0]) &&
	     instance_id_parse(instance, &r->instance, err) < 0) ||
	    (r->kind != RESCUE_NET &&
	     volume_id_parse(text_of(record, "volume"), &r->volume, err) < 0) ||
	    (helper[0] && instance_id_parse(helper, &r->helper, err) < 0) ||
	    (restore[0] && snapshot_id_parse(restore, &r->restore_from, err) < 0) ||
	    (restored[0] && volume_id_parse(restored, &r->restored, err) < 0) ||
	    copy_text(record, "run", r->run, sizeof(r->run), err) < 0 ||
	    copy_text(record, "home_device", r->home_device, sizeof(r->home_device), err) < 0 ||
	    copy_text(record, "region", r->region, sizeof(r->region), err) < 0 ||
	    copy_text(record, "endpoint", r->endpoint, sizeof(r->endpoint), err) < 0 ||
	    copy_text(record, "undo_of", r->undo_of, sizeof(r->undo_of), err) < 0)
		return err_in(err, "journal");
	return 0;
}

static int read_step(const json_t *record, struct record *r, struct err *err)
{
	const char *name = text_of(record, "name"), *state = text_of(record, "state");
	size_t i = plan_index(name);

	if (i == PLAN_NONE)
		return err_set(
			err, ERR_UNSUPPORTED,
			"journal: this version has no step \"%s\"; use the one that wrote it",
			name);
	if (str_eq(state, "returned")) {
		r->steps[i].is_returned = true;
		return 0;
	}
	for (size_t s = STEP_FOUND; s < ARRAY_LEN(state_names); s++) {
		if (!str_eq(state, state_names[s]))
			continue;
		r->steps[i].state = (enum step_state)s;
		r->was_marked |= i == STEP_MARK && s >= STEP_BEGUN;
		if (s == STEP_BEGUN)
			r->steps[i].begun_at = json_number_value(json_object_get(record, "t"));
		return 0;
	}
	return err_set(err, ERR_MALFORMED, "journal: \"%s\" is no state of a step", state);
}

static int read_note(const json_t *record, struct record *r, struct err *err)
{
	const char *snapshot = text_of(record, "snapshot"), *restored = text_of(record, "restored");

	const char *child = text_of(record, "child"), *helper = text_of(record, "helper");
	const json_t *launch = json_object_get(record, "launch");
	char group[ID_SIZE];

	if ((snapshot[0] && snapshot_id_parse(snapshot, &r->snapshot, err) < 0) ||
	    (restored[0] && volume_id_parse(restored, &r->restored, err) < 0) ||
	    (child[0] && snapshot_id_parse(child, &r->restore_from, err) < 0) ||
	    (helper[0] && instance_id_parse(helper, &r->helper, err) < 0) ||
	    (launch && read_launch(launch, &r->launch, err) < 0) ||
	    copy_text(record, "group", group, sizeof(group), err) < 0)
		return err_in(err, "journal");
	if (group[0])
		memcpy(r->launch.group, group, sizeof(group));
	if (json_object_get(record, "launches"))
		r->launch.tries = small_number(record, "launches");
	if (child[0])
		record_swap(r);
	if (json_is_true(json_object_get(record, "stays")))
		record_stay(r);
	if (restored[0] &&
	    !via_swaps(r->via)) { /* what was written is on the volume that it replaces */
		r->was_committed = false;
		r->steps[STEP_REPAIR].state = STEP_NONE;
	}
	if (json_object_get(record, "away_device"))
		return copy_text(record, "away_device", r->away_device, sizeof(r->away_device),
				 err);
	if (json_object_get(record, "no_tags"))
		r->has_no_tags = true;
	if (json_is_true(json_object_get(record, "stray_tags")))
		r->has_stray_tags = true;
	if (json_object_get(record, "committed")) {
		r->was_committed = json_is_true(json_object_get(record, "committed"));
		if (r->was_committed && via_swaps(r->via))
			record_swap(r);
	}
	if (json_object_get(record, "untouched")) /* the commit never began to write */
		r->steps[STEP_REPAIR].state = r->steps[STEP_EXAMINE].state = STEP_NONE;
	if (json_object_get(record, "repairs")) {
		r->was_examined = true;
		r->repairs = small_number(record, "repairs");
		r->faults = small_number(record, "faults");
		r->could_not_tell = small_number(record, "could_not_tell");
		r->ssh_port = small_number(record, "ssh_port");
	}
	return 0;
}

static int read_record(const json_t *record, struct record *r, struct err *err)
{
	const char *event = text_of(record, "event");

	if (str_eq(event, "run"))
		return err_set(err, ERR_MALFORMED, "journal: a second \"run\" record");
	if (str_eq(event, "step"))
		return read_step(record, r, err);
	if (str_eq(event, "note"))
		return read_note(record, r, err);
	if (str_eq(event, "turn")) {
		const char *code = text_of(record, "code");

		r->has_turned = true;
		r->turn = ERR_INIT;
		if (!str_eq(code, err_name(ERR_NONE)))
			err_set(&r->turn, err_from_name(code), "%s", text_of(record, "text"));
	}
	if (str_eq(event, "end")) {
		r->ended_at = json_number_value(json_object_get(record, "t"));
		return copy_text(record, "result", r->result, sizeof(r->result), err);
	}
	return 0;
}

int record_replay(const json_t *records, struct record *ret, struct err *err)
{
	const json_t *first = json_array_get(records, 0);
	struct record r = { .kind = RESCUE_REPAIR };

	if (!str_eq(text_of(first, "event"), "run"))
		return err_set(err, ERR_MALFORMED, "journal: does not begin with a \"run\" record");
	if (read_run(first, &r, err) < 0)
		return -1;
	r.begun_at = json_number_value(json_object_get(first, "t"));
	for (size_t i = 1; i < json_array_size(records); i++)
		if (read_record(json_array_get(records, i), &r, err) < 0)
			return -1;
	*ret = r;
	return 0;
}

bool record_is_finished(const struct record *r)
{
	return r->result[0] && !str_eq(r->result, "away");
}
