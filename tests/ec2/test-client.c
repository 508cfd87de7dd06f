/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What goes on between calls: credentials shared and refreshed, pacing, quota, cancelling, and the
 * observation of many things at once. */
#include "tests/ec2/replay.h"
#include "ec2/engine.h"
#include "ec2/watch.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define START_S 1795330800 /* 2026-11-22T07:00:00Z */

static struct fixture {
	struct loop *loop;
	struct replay *replay;
	struct ec2 *ec2;
	int64_t now_s;
	int ended;
} fx;

static int64_t fake_now(void *arg)
{
	(void)arg;
	return fx.now_s;
}

static double no_jitter(void *arg)
{
	(void)arg;
	return 0;
}

static int set_up(void **state)
{
	struct ec2_settings settings = { .region = "us-east-1",
					 .now_s = fake_now,
					 .random = no_jitter };
	struct err err = ERR_INIT;

	(void)state;
	fx.now_s = START_S;
	fx.ended = 0;
	if (loop_open(&fx.loop, &err) < 0)
		return -1;
	fx.replay = replay_new(fx.loop);
	settings.transport = &fx.replay->base;
	return ec2_open(fx.loop, &settings, &fx.ec2, &err);
}

static int tear_down(void **state)
{
	(void)state;
	ec2_close(fx.ec2);
	replay_free(fx.replay);
	loop_close(fx.loop);
	unsetenv("AWS_ACCESS_KEY_ID");
	unsetenv("AWS_SECRET_ACCESS_KEY");
	unsetenv("AWS_SESSION_TOKEN");
	return 0;
}

static void use_static_keys(void)
{
	setenv("AWS_ACCESS_KEY_ID", "AKIDSTATIC", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "static-secret", 1);
}

#define EMPTY "<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>"
static void answer_empty(int times)
{
	while (times--)
		replay_add(fx.replay, 200, NULL, EMPTY);
}

#define IMDS_JSON(key_id, expires)                                                        \
	"{\"Code\":\"Success\",\"AccessKeyId\":\"" key_id "\",\"SecretAccessKey\":\"s\"," \
	"\"Token\":\"t\",\"Expiration\":\"" expires "\"}"
#define answer_imds(key_id, expires)                                          \
	do {                                                                  \
		replay_add(fx.replay, 200, NULL, "role");                     \
		replay_add(fx.replay, 200, NULL, IMDS_JSON(key_id, expires)); \
	} while (0)

struct request {
	struct ec2_op op;
	struct ec2_instances list;
};

static void count_end(struct ec2_op *op)
{
	(void)op;
	fx.ended++;
}

static void start(struct request *request)
{
	struct ec2_describe all = { 0 };

	request->op.done = count_end;
	ec2_describe_instances(fx.ec2, &all, &request->list, &request->op);
}

static void step_until(int ended)
{
	struct err err = ERR_INIT;

	for (int i = 0; i < 10000 && fx.ended < ended; i++)
		assert_int_equal(loop_step(fx.loop, 100, &err), 0);
	assert_int_equal(fx.ended, ended);
}

static void run_one(void)
{
	struct request request = { 0 };
	int before = fx.ended;

	start(&request);
	step_until(before + 1);
	if (request.op.err.code)
		fail_msg("%s", request.op.err.text);
	ec2_instances_done(&request.list);
}

static bool was_sent_with(size_t i, const char *key_id)
{
	return strstr(fx.replay->requests.items[i], key_id);
}

/* ---- credentials ---- */

static void test_one_lookup_serves_all(void **state)
{
	struct request requests[20] = { 0 };

	(void)state;
	replay_add(fx.replay, 200, NULL, "TOKEN");
	answer_imds("ASIAONE", "2026-11-22T13:00:00Z");
	answer_empty(20);
	for (size_t i = 0; i < ARRAY_LEN(requests); i++)
		start(&requests[i]);
	step_until(20);
	assert_int_equal(fx.replay->requests.count, 3 + 20);
	for (size_t i = 3; i < 23; i++)
		assert_true(was_sent_with(i, "ASIAONE"));
	for (size_t i = 0; i < ARRAY_LEN(requests); i++)
		ec2_instances_done(&requests[i].list);
}

static void test_refreshed_before_the_end(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	replay_add(fx.replay, 200, NULL, "TOKEN");
	answer_imds("ASIAONE", "2026-11-22T08:00:00Z");
	answer_empty(1);
	run_one();
	/* 20 minutes left: as they are */
	fx.now_s = START_S + 40 * 60;
	answer_empty(1);
	run_one();
	assert_int_equal(fx.replay->requests.count, 5);
	/* 12 minutes left: fetched beside the call, which does not wait */
	fx.now_s = START_S + 48 * 60;
	fx.replay->delay_ms = 5;
	replay_add(fx.replay, 200, NULL, "role");
	answer_empty(1);
	replay_add(fx.replay, 200, NULL, IMDS_JSON("ASIATWO", "2026-11-22T14:00:00Z"));
	run_one();
	assert_true(was_sent_with(6, "ASIAONE"));
	while (fx.replay->next < fx.replay->answers.count)
		assert_int_equal(loop_step(fx.loop, 100, &err), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(loop_step(fx.loop, 10, &err), 0);
	answer_empty(1);
	run_one();
	assert_true(was_sent_with(8, "ASIATWO"));
}

static void test_waits_near_the_end(void **state)
{
	(void)state;
	replay_add(fx.replay, 200, NULL, "TOKEN");
	answer_imds("ASIAONE", "2026-11-22T08:00:00Z");
	answer_empty(1);
	run_one();
	fx.now_s = START_S + 3600; /* over */
	answer_imds("ASIATWO", "2026-11-22T14:00:00Z");
	answer_empty(1);
	run_one();
	assert_true(was_sent_with(6, "ASIATWO"));
}

static void test_expired_in_the_eyes_of_aws(void **state)
{
	(void)state;
	replay_add(fx.replay, 200, NULL, "TOKEN");
	answer_imds("ASIAONE", "2026-11-22T13:00:00Z");
	replay_add(
		fx.replay, 400, NULL,
		"<Response><Errors><Error><Code>ExpiredToken</Code></Error></Errors></Response>");
	answer_imds("ASIATWO", "2026-11-22T13:00:00Z");
	answer_empty(1);
	run_one();
	assert_true(was_sent_with(6, "ASIATWO"));
}

static void test_nobody_has_any(void **state)
{
	struct request requests[3] = { 0 };

	(void)state;
	replay_add_failure(fx.replay, REPLAY_NOT_SENT);
	for (size_t i = 0; i < ARRAY_LEN(requests); i++)
		start(&requests[i]);
	step_until(3);
	for (size_t i = 0; i < ARRAY_LEN(requests); i++)
		assert_int_equal(requests[i].op.err.code, ERR_CREDENTIALS);
}

static void close_all(struct ec2_op *op)
{
	(void)op;
	fx.ended++;
	ec2_close(fx.ec2);
	fx.ec2 = NULL;
}

/* The first of several waiting calls closes the client when it is told. */
static void test_close_from_inside(void **state)
{
	struct request requests[3] = { 0 };

	(void)state;
	replay_add_failure(fx.replay, REPLAY_NOT_SENT);
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		start(&requests[i]);
		requests[i].op.done = close_all;
	}
	step_until(1);
	assert_null(fx.ec2);
	assert_int_equal(requests[0].op.is_done + requests[1].op.is_done + requests[2].op.is_done,
			 1);
}

/* ---- calls ---- */

static void test_cancel(void **state)
{
	struct request requests[3] = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	use_static_keys();
	fx.replay->delay_ms = 20;
	answer_empty(3);
	start(&requests[0]);
	ec2_cancel(fx.ec2, &requests[0].op); /* not sent yet */
	start(&requests[1]);
	start(&requests[2]);
	while (fx.replay->next < 2)
		assert_int_equal(loop_step(fx.loop, 100, &err), 0);
	ec2_cancel(fx.ec2, &requests[1].op); /* the answer is on its way */
	ec2_cancel(fx.ec2, &requests[1].op); /* idle: nothing */
	step_until(1);
	assert_false(requests[0].op.is_done);
	assert_false(requests[1].op.is_done);
	assert_true(requests[2].op.is_done);
	ec2_instances_done(&requests[2].list);
}

static void test_too_many_values(void **state)
{
	static const char *values[201];
	struct ec2_filter filter = { "instance-id", values, 201 };
	struct ec2_describe request = { .filters = &filter, .filter_count = 1 };
	struct ec2_instances list;
	struct ec2_op op = { .done = count_end };

	(void)state;
	ec2_describe_instances(fx.ec2, &request, &list, &op);
	assert_false(op.is_done);
	step_until(1);
	assert_int_equal(op.err.code, ERR_USAGE);
	assert_int_equal(fx.replay->requests.count, 0);
}

static void test_retry_quota(void **state)
{
	struct request request = { 0 };

	(void)state;
	use_static_keys();
	fx.ec2->pace.quota = 5;
	replay_add(fx.replay, 500, NULL, "");
	replay_add(fx.replay, 500, NULL, "");
	start(&request);
	step_until(1);
	assert_int_equal(request.op.err.code, ERR_NETWORK);
	assert_int_equal(fx.replay->requests.count, 2); /* of 3 that are allowed otherwise */
}

static void test_backoff(void **state)
{
	static const int64_t most[] = { 1000, 2000, 4000, 8000, 16000, 20000, 20000 };

	(void)state;
	for (uint32_t n = 1; n <= ARRAY_LEN(most); n++) {
		assert_int_equal(pace_backoff_ms(n, 0), 0);
		assert_in_range(pace_backoff_ms(n, 0.999999), most[n - 1] - 1, most[n - 1]);
	}
}

/* A hundred starts: the account's bucket is 5 and 2 a second, of which 9 tenths are ours. */
static void test_pace(void **state)
{
	static const struct ec2_action action = { .name = "StartInstances", .limit = LIMIT_START };
	struct pace pace;
	int64_t wait = 0;
	int at_once = 0;

	(void)state;
	pace_init(&pace);
	for (int i = 0; i < 100; i++) {
		wait = pace_take(&pace, &action, 1000);
		at_once += !wait;
	}
	assert_int_equal(at_once, 4);
	assert_in_range(wait, 1000 * (100 - 4.5) / 1.8 - 2, 1000 * (100 - 4.5) / 1.8 + 2);
	/* a minute later all is there again */
	assert_int_equal(pace_take(&pace, &action, 1000 + 60000), 0);
	/* throttled: slower, for everybody who comes now */
	pace_throttled(&pace, &action, 61000);
	assert_int_equal(pace.buckets.items[0].tokens, 0);
	assert_true(pace.buckets.items[0].rate < 1.8 * 0.71);
	assert_true(pace_take(&pace, &action, 61000) > 700);
	pace_take(&pace, &action, 61000 + 60000);
	assert_true(pace.buckets.items[0].rate > 1.79);
	pace_done(&pace);
}

/* A debug log may be pasted into a bug report. */
static void test_log_has_no_secrets(void **state)
{
	char log[] = "/tmp/ec2-log.XXXXXX";
	cleanup(str_done) struct str text = STR_INIT;
	struct err err = ERR_INIT;
	int fd = mkstemp(log), saved = dup(2);

	(void)state;
	setenv("EC2_RESCUE_DEBUG", "all", 1);
	setenv("AWS_ACCESS_KEY_ID", "AKIDSTATIC", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "very-secret", 1);
	setenv("AWS_SESSION_TOKEN", "very-token", 1);
	dup2(fd, 2);
	answer_empty(1);
	run_one();
	fflush(stderr);
	dup2(saved, 2);
	close(saved);
	close(fd);
	unsetenv("EC2_RESCUE_DEBUG");
	assert_int_equal(file_read(log, 65536, &text, &err), 0);
	unlink(log);
	assert_non_null(strstr(text.s, "DescribeInstances"));
	assert_null(strstr(text.s, "very-"));
}

/* ---- observation ---- */

static void on_look(void *arg)
{
	++*(int *)arg;
}

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
	answer_empty(4);
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
	replay_add(
		fx.replay, 200, NULL,
		"<R><reservationSet><item><instancesSet><item><instanceId>i-01234567</instanceId>"
		"</item></instancesSet></item></reservationSet></R>");
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
	look_until(watch, &looks, 1);
	assert_null(ec2_watch_err(watch));
	assert_int_equal(ec2_seen_status(watch, &known)->instance_status, SUMMARY_OK);
	assert_null(ec2_seen_status(watch, &gone));
	ec2_unwatch_status(watch, &known);
	ec2_watch_close(watch);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
		TEST(test_one_lookup_serves_all),
		TEST(test_refreshed_before_the_end),
		TEST(test_waits_near_the_end),
		TEST(test_expired_in_the_eyes_of_aws),
		TEST(test_nobody_has_any),
		TEST(test_close_from_inside),
		TEST(test_cancel),
		TEST(test_too_many_values),
		TEST(test_retry_quota),
		TEST(test_backoff),
		TEST(test_pace),
		TEST(test_log_has_no_secrets),
		TEST(test_watch_pages),
		TEST(test_watch_recovers),
		TEST(test_watch_strikes_unknown),
	};

	clearenv();
	setenv("PATH", "/usr/bin:/bin", 1);
	setenv("AWS_CONFIG_FILE", "/nonexistent", 1);
	setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent", 1);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
