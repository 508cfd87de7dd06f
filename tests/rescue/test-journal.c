/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The journal: torn lines, versions, locks; replaying it; the claim tag. */
#include "base/file.h"
#include "rescue/claim.h"
#include "rescue/journal.h"
#include "rescue/plan.h"
#include "tests/unit/unit.h"

static char dir[] = "/tmp/test-journal-XXXXXX";

static void write_text(const char *text)
{
	cleanup(free) char *path = mem_printf("%s/journal", dir);
	struct err err = ERR_INIT;

	assert_int_equal(file_replace(path, text, strlen(text), 0600, &err), 0);
}

static struct record a_record(void)
{
	struct record r = { .kind = RESCUE_REPAIR,
			    .delete_on_termination = EC2_TRUE,
			    .was_running = true };
	struct err err = ERR_INIT;

	strcpy(r.run, "r20261122-073015-4f2a91");
	strcpy(r.home_device, "/dev/xvda");
	assert_int_equal(instance_id_parse("i-0123456789abcdef0", &r.instance, &err), 0);
	assert_int_equal(instance_id_parse("i-0fedcba9876543210", &r.helper, &err), 0);
	assert_int_equal(volume_id_parse("vol-0123456789abcdef0", &r.volume, &err), 0);
	return r;
}

static void add(struct journal *journal, const char *format, const char *a, const char *b)
{
	struct err err = ERR_INIT;

	assert_int_equal(journal_add(journal,
				     json_pack(format, "event", "step", "name", a, "state", b),
				     &err),
			 0);
}

static void replays_what_was_written(void **state)
{
	cleanup(free) char *path = mem_printf("%s/journal", dir);
	struct record record = a_record(), got;
	struct journal *journal, *second;
	struct err err = ERR_INIT;
	json_t *records;

	(void)state;
	unlink(path);
	assert_int_equal(journal_create(dir, &journal, &err), 0);
	assert_int_equal(journal_add(journal, record_to_json(&record), &err), 0);
	add(journal, "{s:s, s:s, s:s}", "claim", "begun");
	add(journal, "{s:s, s:s, s:s}", "claim", "done");
	add(journal, "{s:s, s:s, s:s}", "stop", "found");
	add(journal, "{s:s, s:s, s:s}", "detach", "begun");
	assert_true(journal_is_locked(dir));
	assert_int_equal(journal_open(dir, &second, &records, &err), -1);
	assert_int_equal(err.code, ERR_BUSY);
	assert_int_equal(journal_create(dir, &second, &err), -1);
	assert_int_equal(err.code, ERR_BUSY);
	journal_close(journal);
	assert_false(journal_is_locked(dir));

	assert_int_equal(journal_read(dir, &records, &err), 0);
	assert_int_equal(record_replay(records, &got, &err), 0);
	json_decref(records);
	assert_string_equal(got.run, record.run);
	assert_string_equal(got.instance.s, record.instance.s);
	assert_string_equal(got.volume.s, record.volume.s);
	assert_string_equal(got.home_device, "/dev/xvda");
	assert_int_equal(got.delete_on_termination, EC2_TRUE);
	assert_true(got.was_running);
	assert_int_equal(got.steps[STEP_CLAIM].state, STEP_DONE);
	assert_int_equal(got.steps[STEP_STOP].state, STEP_FOUND);
	assert_int_equal(got.steps[STEP_DETACH].state, STEP_BEGUN);
	assert_int_equal(got.steps[STEP_ATTACH].state, STEP_NONE);
	assert_false(record_is_finished(&got));
}

/* What became of a swap, from the records that are left of it. */
static void swaps(void **state)
{
	struct record record = a_record(), got;
	struct claim claim, read;
	struct err err = ERR_INIT;
	char value[CLAIM_VALUE_MAX + 1];
	json_t *records = json_array();

	(void)state;
	record.via = VIA_SNAPSHOT;
	json_array_append_new(records, record_to_json(&record));
	assert_int_equal(record_replay(records, &got, &err), 0);
	assert_int_equal(got.via, VIA_SNAPSHOT);
	assert_false(got.was_committed);
	json_array_append_new(records, json_pack("{s:s, s:s}", "event", "note", "child",
						 "snap-0123456789abcdef0"));
	assert_int_equal(record_replay(records, &got, &err), 0);
	assert_true(got.was_committed);
	assert_int_equal(got.steps[STEP_DETACH].state, STEP_DONE);
	assert_int_equal(got.steps[STEP_RESTORE].state, STEP_DONE);
	assert_string_equal(got.restore_from.s, "snap-0123456789abcdef0");
	json_array_append_new(records, json_pack("{s:s, s:s}", "event", "note", "restored",
						 "vol-0fedcba9876543210"));
	assert_int_equal(record_replay(records, &got, &err), 0);
	assert_true(got.was_committed);
	assert_string_equal(got.restored.s, "vol-0fedcba9876543210");
	json_array_append_new(records, json_pack("{s:s, s:b}", "event", "note", "stays", true));
	assert_int_equal(record_replay(records, &got, &err), 0);
	assert_false(got.was_committed);
	assert_true(id_none(&got.restored));
	json_decref(records);

	record.kind = RESCUE_UNDO;
	assert_int_equal(volume_id_parse("vol-0fedcba9876543210", &record.restored, &err), 0);
	claim_of(&record, CLAIM_UNTOUCHED, &claim);
	claim_write(&claim, value);
	assert_int_equal(claim_parse(value, &read, &err), 0);
	assert_int_equal(read.via, VIA_SNAPSHOT);
	assert_string_equal(read.to.s, "vol-0fedcba9876543210");
}

/* What holds no whole record is nobody's: a run may begin there anew, and only then. */
static void begins_anew(size_t lines)
{
	struct err err = ERR_INIT;
	struct journal *journal;
	json_t *records;

	if (lines) {
		assert_int_equal(journal_create(dir, &journal, &err), -1);
		assert_int_equal(err.code, ERR_BUSY);
		return;
	}
	assert_int_equal(journal_create(dir, &journal, &err), 0);
	assert_true(journal_is_locked(dir));
	add(journal, "{s:s, s:s, s:s}", "claim", "begun");
	journal_close(journal);
	assert_int_equal(journal_read(dir, &records, &err), 0);
	assert_int_equal(json_array_size(records), 1);
	json_decref(records);
}

/* Cut the journal at every byte: whole lines are read, the torn one is ignored and cut off. */
static void survives_a_cut_anywhere(void **state)
{
	cleanup(free) char *path = mem_printf("%s/journal", dir);
	cleanup(str_done) struct str whole = STR_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(file_read(path, 1 << 20, &whole, &err), 0);
	for (size_t len = 0; len < whole.len; len++) {
		cleanup(free) char *cut = mem_strndup(whole.s, len);
		size_t lines = 0;
		struct journal *journal;
		struct record got;
		json_t *records;

		for (size_t i = 0; i < len; i++)
			lines += cut[i] == '\n';
		write_text(cut);
		err = ERR_INIT;
		if (!lines) {
			assert_int_equal(journal_open(dir, &journal, &records, &err), -1);
			assert_int_equal(err.code, ERR_NOTFOUND);
			err = ERR_INIT;
			begins_anew(lines);
			continue;
		}
		begins_anew(lines);
		assert_int_equal(journal_open(dir, &journal, &records, &err), 0);
		assert_int_equal(json_array_size(records), lines);
		assert_int_equal(record_replay(records, &got, &err), 0);
		json_decref(records);
		add(journal, "{s:s, s:s, s:s}", "seal", "begun");
		journal_close(journal);
		assert_int_equal(journal_read(dir, &records, &err), 0);
		assert_int_equal(json_array_size(records), lines + 1);
		json_decref(records);
	}
}

static void refuses_what_makes_no_sense(void **state)
{
	static const struct {
		const char *text;
		enum err_code want;
	} cases[] = {
		{ "", ERR_NOTFOUND },
		{ "{\"v\":1,\"event\":\"run\"", ERR_NOTFOUND },
		{ "no json\n", ERR_MALFORMED },
		{ "[1]\n", ERR_MALFORMED },
		{ "{\"event\":\"run\"}\n", ERR_MALFORMED },
		{ "{\"v\":2,\"event\":\"run\"}\n", ERR_UNSUPPORTED },
		{ "{\"v\":1,\"event\":\"step\",\"name\":\"stop\",\"state\":\"done\"}\n",
		  ERR_MALFORMED },
		{ "{\"v\":1,\"event\":\"run\",\"kind\":\"repair\"}\n", ERR_MALFORMED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = ERR_INIT;
		struct record got;
		json_t *records;

		write_text(cases[i].text);
		if (journal_read(dir, &records, &err) == 0) {
			assert_int_equal(record_replay(records, &got, &err), -1);
			json_decref(records);
		}
		if (err.code != cases[i].want)
			fail_msg("%s: %s", cases[i].text, err_name(err.code));
	}
}

static void a_step_of_a_newer_version_is_refused(void **state)
{
	struct record record = a_record(), got;
	json_t *records = json_array();
	struct err err = ERR_INIT;

	(void)state;
	json_array_append_new(records, record_to_json(&record));
	json_array_append_new(records, json_pack("{s:s, s:s, s:s}", "event", "step", "name",
						 "borrow-the-moon", "state", "begun"));
	assert_int_equal(record_replay(records, &got, &err), -1);
	assert_int_equal(err.code, ERR_UNSUPPORTED);
	json_decref(records);
}

static void a_claim_comes_back(void **state)
{
	struct record record = a_record(), home;
	char value[CLAIM_VALUE_MAX + 1];
	struct claim claim, got;
	struct err err = ERR_INIT;

	(void)state;
	claim_of(&record, CLAIM_COMMITTING, &claim);
	claim_write(&claim, value);
	assert_in_range(strlen(value), 1, CLAIM_VALUE_MAX);
	assert_int_equal(claim_parse(value, &got, &err), 0);
	assert_string_equal(got.run, claim.run);
	assert_string_equal(got.device, "/dev/xvda");
	assert_int_equal(got.delete_on_termination, EC2_TRUE);
	assert_true(got.was_running);
	assert_int_equal(got.surgery, CLAIM_COMMITTING);
	assert_int_equal(got.until, claim.until);
	assert_string_equal(got.by, claim.by);
	assert_int_equal(got.via, VIA_SELF);
	assert_true(id_none(&got.to));
	record_of_claim(&got, &home);
	assert_int_equal(home.kind, RESCUE_HOME);
	assert_string_equal(home.volume.s, record.volume.s);
}

static void no_claim_is_taken_from_nonsense(void **state)
{
	static const char *const nonsense[] = {
		"",
		"x",
		"r20261122-073015-4f2a91",
		"r20261122-073015-4f2a91 i-1 vol-1 /dev/xvda dot=1 ran=1 standby=0 kind=repair "
		"via=self to=- surgery=untouched until=2026-01-01T00:00:00Z by=a@b",
		"r20261122-073015-4f2a91 i-0123456789abcdef0 vol-0123456789abcdef0 xvda dot=1 "
		"ran=1 standby=0 kind=repair via=self to=- surgery=untouched "
		"until=2026-01-01T00:00:00Z by=a@b",
		"r20261122-073015-4f2a91 i-0123456789abcdef0 vol-0123456789abcdef0 /dev/xvda dot=1 "
		"ran=2 standby=0 kind=repair via=self to=- surgery=untouched "
		"until=2026-01-01T00:00:00Z by=a@b",
		"r20261122-073015-4f2a91 i-0123456789abcdef0 vol-0123456789abcdef0 /dev/xvda dot=1 "
		"ran=1 standby=0 kind=repair via=self to=- surgery=maybe "
		"until=2026-01-01T00:00:00Z by=a@b",
		"r20261122-073015-4f2a91 i-0123456789abcdef0 vol-0123456789abcdef0 /dev/xvda dot=1 "
		"ran=1 standby=0 kind=repair via=self to=- surgery=untouched until=tomorrow by=a@b",
		"r20261122-073015-4f2a91 i-0123456789abcdef0 vol-0123456789abcdef0 /dev/xvda dot=1 "
		"ran=1 standby=0 kind=repair via=self to=- surgery=untouched "
		"until=2026-01-01T00:00:00Z by=a@b "
		"and more",
		"r20261122-073015-4f2a91 i-0123456789abcdef0 vol-0123456789abcdef0 /dev/xvda dot=1 "
		"ran=1 standby=0 kind=repair via=post to=- surgery=untouched "
		"until=2026-01-01T00:00:00Z by=a@b",
		"r20261122-073015-4f2a91 i-0123456789abcdef0 vol-0123456789abcdef0 /dev/xvda dot=1 "
		"ran=1 standby=0 kind=undo via=snapshot to=vol-1 surgery=untouched "
		"until=2026-01-01T00:00:00Z by=a@b",
		"../../../etc/passwdxxxxx i-0123456789abcdef0 vol-0123456789abcdef0 /dev/xvda "
		"dot=1 "
		"ran=1 standby=0 kind=repair via=self to=- surgery=untouched "
		"until=2026-01-01T00:00:00Z by=a@b",
	};
	cleanup(free) char *long_one = mem_alloc(5000);
	struct claim claim;
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(nonsense); i++)
		if (claim_parse(nonsense[i], &claim, &err) == 0)
			fail_msg("taken for a claim: %s", nonsense[i]);
	memset(long_one, 'r', 4999);
	assert_int_equal(claim_parse(long_one, &claim, &err), -1);
	assert_int_equal(err.code, ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replays_what_was_written),
		cmocka_unit_test(swaps),
		cmocka_unit_test(survives_a_cut_anywhere),
		cmocka_unit_test(refuses_what_makes_no_sense),
		cmocka_unit_test(a_step_of_a_newer_version_is_refused),
		cmocka_unit_test(a_claim_comes_back),
		cmocka_unit_test(no_claim_is_taken_from_nonsense),
	};
	int failed;
	cleanup(free) char *path = NULL;

	if (!mkdtemp(dir))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	path = mem_printf("%s/journal", dir);
	unlink(path);
	rmdir(dir);
	return failed;
}
