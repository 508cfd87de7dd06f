/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The observation of many things at once, and looking things up on servers of every kind. */
#include "tests/ec2/fixture.h"

static void on_look(void *arg)
{
	++*(int *)arg;
}

#define INSTANCE_REPLY(id)                                                                    \
	"<R><reservationSet><item><instancesSet><item><instanceId>" id "</instanceId></item>" \
	"</instancesSet></item></reservationSet></R>"
#define VOLUME_REPLY(id) "<R><volumeSet><item><volumeId>" id "</volumeId></item></volumeSet></R>"

#define REFUSED(code, message)                                                         \
	"<Response><Errors><Error><Code>" code "</Code><Message>" message "</Message>" \
	"</Error></Errors></Response>"

static void look_until(struct ec2_watch *watch, int *looks, int count)
{
	struct err err = ERR_INIT;

	for (int i = 0; i < 10000 && *looks < count; i++)
		assert_int_equal(loop_step(fx.loop, 100, &err), 0);
	assert_int_equal(*looks, count);
	(void)watch;
}

/* 450 instances are three requests, each with at most 200 values; one volume is one. */
static void test_watch_pages(void **state)
{
	struct ec2_watch *watch;
	struct volume_id volume = { "vol-01234567" };
	struct err err = ERR_INIT;
	int looks = 0;

	(void)state;
	use_static_keys();
	assert_int_equal(ec2_watch_open(fx.ec2, fx.loop, on_look, &looks, &watch, &err), 0);
	for (unsigned i = 0; i < 450; i++) {
		struct instance_id id;

		snprintf(id.s, sizeof(id.s), "i-%08x", i);
		ec2_watch_instance(watch, &id);
		ec2_watch_instance(watch, &id); /* counted, not doubled */
	}
	ec2_watch_volume(watch, &volume);
	ec2_watch_want(watch, loop_now_ms(fx.loop) + 50);
	ec2_watch_want(watch, 0);
	ec2_watch_want(watch, loop_now_ms(fx.loop) + 20);
	for (int i = 0; i < 4; i++) /* which kind is asked first is not settled */
		replay_add(fx.replay, 200, NULL,
			   "<R><reservationSet><item><instancesSet><item><instanceId>i-00000000"
			   "</instanceId></item></instancesSet></item></reservationSet><volumeSet>"
			   "<item><volumeId>vol-01234567</volumeId></item></volumeSet></R>");
	look_until(watch, &looks, 1);
	assert_int_equal(fx.replay->requests.count, 4);
	assert_int_equal(ec2_counters(fx.ec2).describes, 4);
	for (size_t i = 0, values = 0; i < 4; i++) {
		for (const char *p = fx.replay->requests.items[i];
		     (p = strstr(p, "Filter.1.Value")); p++)
			values++;
		if (i == 3)
			assert_int_equal(values, 451);
	}
	assert_null(ec2_watch_err(watch));
	ec2_watch_close(watch);
}

/* A failed look keeps what was seen, says so, and looking goes on by itself. */
static void test_watch_recovers(void **state)
{
	struct instance_id id = { "i-01234567" };
	struct ec2_watch *watch;
	struct err err = ERR_INIT;
	int64_t seen_at;
	int looks = 0;

	(void)state;
	use_static_keys();
	assert_int_equal(ec2_watch_open(fx.ec2, fx.loop, on_look, &looks, &watch, &err), 0);
	ec2_watch_set_min_gap(watch, 1);
	ec2_watch_instance(watch, &id);
	replay_add(fx.replay, 200, NULL, INSTANCE_REPLY("i-01234567"));
	ec2_watch_want(watch, 0);
	look_until(watch, &looks, 1);
	seen_at = ec2_looked_at_ms(watch);
	assert_true(seen_at >= 0);
	replay_add(fx.replay, 403, NULL,
		   "<Response><Errors><Error><Code>UnauthorizedOperation</Code></Error></Errors>"
		   "</Response>");
	ec2_watch_want(watch, 0);
	look_until(watch, &looks, 2);
	assert_int_equal(ec2_watch_err(watch)->code, ERR_DENIED);
	assert_non_null(ec2_seen_instance(watch, &id));
	assert_int_equal(ec2_looked_at_ms(watch), seen_at);
	answer_empty(1); /* nobody asks, it looks again after a pause */
	look_until(watch, &looks, 3);
	assert_null(ec2_watch_err(watch));
	assert_null(ec2_seen_instance(watch, &id));
	assert_true(ec2_looked_at_ms(watch) > seen_at);
	ec2_watch_close(watch);
}

/* Ids that EC2 does not know are struck out of DescribeInstanceStatus, and the rest is seen. */
static void test_watch_strikes_unknown(void **state)
{
	struct instance_id known = { "i-00000001" }, unknown = { "i-00000002" },
			   gone = { "i-00000003" };
	struct ec2_watch *watch;
	struct err err = ERR_INIT;
	int looks = 0;

	(void)state;
	use_static_keys();
	assert_int_equal(ec2_watch_open(fx.ec2, fx.loop, on_look, &looks, &watch, &err), 0);
	ec2_watch_status(watch, &unknown);
	ec2_watch_status(watch, &known);
	ec2_watch_status(watch, &gone);
	replay_add(fx.replay, 400, NULL,
		   "<Response><Errors><Error><Code>InvalidInstanceID.NotFound</Code><Message>The "
		   "instance IDs 'i-00000002, i-00000003' do not exist</Message></Error></Errors>"
		   "</Response>");
	replay_add(fx.replay, 200, NULL,
		   "<R><instanceStatusSet><item><instanceId>i-00000001</instanceId><instanceStatus>"
		   "<status>ok</status></instanceStatus></item></instanceStatusSet></R>");
	ec2_watch_want(watch, 0);
	look_until(watch, &looks, 2); /* nobody waits for the status checks */
	assert_null(ec2_watch_err(watch));
	assert_int_equal(ec2_seen_status(watch, &known)->instance_status, SUMMARY_OK);
	assert_null(ec2_seen_status(watch, &gone));
	ec2_unwatch_status(watch, &known);
	ec2_watch_close(watch);
}

/* A snapshot that cannot be seen holds nobody up, and is not asked for again. */
static void test_watch_does_without(void **state)
{
	struct snapshot_id snapshot = { "snap-01234567" };
	struct ec2_watch *watch;
	struct err err = ERR_INIT;
	int looks = 0;

	(void)state;
	use_static_keys();
	assert_int_equal(ec2_watch_open(fx.ec2, fx.loop, on_look, &looks, &watch, &err), 0);
	ec2_watch_set_min_gap(watch, 1);
	ec2_watch_snapshot(watch, &snapshot);
	for (int i = 0; i < 3; i++)
		replay_add(fx.replay, 400, NULL, REFUSED("InvalidAction", "what?"));
	ec2_watch_want(watch, 0);
	look_until(watch, &looks, 2); /* nobody waits for the snapshot */
	assert_int_equal(ec2_watch_missing(watch, EC2_SNAPSHOTS)->code, ERR_UNSUPPORTED);
	assert_null(ec2_watch_err(watch));
	assert_true(ec2_looked_at_ms(watch) >= 0);
	assert_null(ec2_seen_snapshot(watch, &snapshot));
	ec2_watch_want(watch, 0);
	look_until(watch, &looks, 3);
	assert_int_equal(fx.replay->requests.count, 3);
	ec2_watch_close(watch);
}

/* ---- looking up ---- */

/* How often the newest request holds the word. */
static bool newest_says(const char *word)
{
	return strstr(fx.replay->requests.items[fx.replay->requests.count - 1], word) != NULL;
}

static enum err_code find_volumes(const char *const *ids, size_t count, size_t *ret_found)
{
	union ec2_list list;
	struct ec2_op op = { 0 };
	struct err err = ERR_INIT;
	int rc;

	ec2_find(fx.ec2, EC2_VOLUMES, ids, count, &list, &op);
	rc = ec2_wait(fx.ec2, &op, &err);
	*ret_found = rc ? 0 : list.any.count;
	ec2_list_done(EC2_VOLUMES, &list);
	return err.code;
}

/* Another server's filters: refused, then the ids, too; what worked is kept to. */
static void test_find_in_all(void **state)
{
	static const char *const ids[] = { "vol-01234567" };
	size_t found;

	(void)state;
	use_static_keys();
	replay_add(fx.replay, 400, NULL, REFUSED("InvalidParameterValue", "no such filter"));
	replay_add(fx.replay, 400, NULL, REFUSED("UnknownParameter", "VolumeId"));
	replay_add(fx.replay, 200, NULL, VOLUME_REPLY("vol-01234567"));
	assert_int_equal(find_volumes(ids, 1, &found), ERR_NONE);
	assert_int_equal(found, 1);
	assert_false(newest_says("vol-01234567"));
	replay_add(fx.replay, 200, NULL, VOLUME_REPLY("vol-01234567"));
	assert_int_equal(find_volumes(ids, 1, &found), ERR_NONE);
	assert_int_equal(fx.replay->requests.count, 4);
}

/* A filter that finds nothing is not believed before it has found something; then it is. */
static void test_find_by_id(void **state)
{
	static const char *const ids[] = { "vol-01234567", "vol-00000002", "vol-00000003" };
	size_t found;

	(void)state;
	use_static_keys();
	answer_empty(1);
	replay_add(fx.replay, 400, NULL, REFUSED("InvalidVolume.NotFound", "one of them"));
	replay_add(fx.replay, 200, NULL, VOLUME_REPLY("vol-01234567"));
	for (int i = 0; i < 2; i++)
		replay_add(fx.replay, 400, NULL, REFUSED("InvalidVolume.NotFound", "it"));
	assert_int_equal(find_volumes(ids, ARRAY_LEN(ids), &found), ERR_NONE);
	assert_int_equal(found, 1);
	assert_int_equal(fx.replay->requests.count, 5);
	replay_add(fx.replay, 400, NULL, REFUSED("InvalidVolume.NotFound", "vol-01234567"));
	assert_int_equal(find_volumes(ids, 1, &found), ERR_NONE);
	assert_int_equal(found, 0);
	assert_true(newest_says("VolumeId.1"));
}

/* What is about us is not about the way of asking. */
static void test_find_fails(void **state)
{
	static const char *const ids[] = { "vol-01234567" };
	size_t found;

	(void)state;
	use_static_keys();
	replay_add(fx.replay, 403, NULL, REFUSED("UnauthorizedOperation", "no"));
	assert_int_equal(find_volumes(ids, 1, &found), ERR_DENIED);
	assert_int_equal(fx.replay->requests.count, 1);
	replay_add(fx.replay, 200, NULL, VOLUME_REPLY("vol-01234567"));
	assert_int_equal(find_volumes(ids, 1, &found), ERR_NONE);
	answer_empty(1); /* filters work here: gone is gone */
	assert_int_equal(find_volumes(ids, 1, &found), ERR_NONE);
	assert_int_equal(found, 0);
	assert_int_equal(fx.replay->requests.count, 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		TEST(test_watch_pages),
		TEST(test_watch_recovers),
		TEST(test_watch_strikes_unknown),
		TEST(test_watch_does_without),
		TEST(test_find_in_all),
		TEST(test_find_by_id),
		TEST(test_find_fails),
	};

	clearenv();
	setenv("PATH", "/usr/bin:/bin", 1);
	setenv("AWS_CONFIG_FILE", "/nonexistent", 1);
	setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent", 1);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
