/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What goes on between calls: credentials shared and refreshed, pacing, quota, cancelling. */
#include "tests/ec2/fixture.h"

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
	};

	clearenv();
	setenv("PATH", "/usr/bin:/bin", 1);
	setenv("AWS_CONFIG_FILE", "/nonexistent", 1);
	setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent", 1);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
