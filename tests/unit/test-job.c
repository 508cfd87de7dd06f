/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs beside the event loop (base/proc.h, proc_start). */
#include "base/proc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct outcome {
	bool is_done;
	int status;
	bool was_cut;
	char out[64], errout[64];
	struct err err;
};

static void on_done(void *arg, struct proc_result *result, const struct err *err)
{
	struct outcome *got = arg;

	got->is_done = true;
	if (err) {
		got->err = *err;
		return;
	}
	got->status = result->status;
	got->was_cut = result->was_cut;
	snprintf(got->out, sizeof(got->out), "%s", result->out.s);
	snprintf(got->errout, sizeof(got->errout), "%s", result->errout.s);
}

static struct outcome run(const char *script, uint32_t deadline_s, size_t max)
{
	const char *argv[] = { "sh", "-c", script, NULL };
	struct proc_run what = { .argv = argv, .deadline_s = deadline_s, .max_output_bytes = max };
	struct outcome got = { 0 };
	struct proc_job *job;
	struct loop *loop;
	struct err err = ERR_INIT;

	assert_int_equal(loop_open(&loop, &err), 0);
	assert_int_equal(proc_start(loop, &what, on_done, &got, &job, &err), 0);
	while (!got.is_done)
		assert_int_equal(loop_step(loop, 1000, &err), 0);
	loop_close(loop);
	return got;
}

static void test_result(void **state)
{
	struct outcome got = run("echo out; echo err >&2; exit 3", 10, 0);

	(void)state;
	assert_int_equal(got.status, 3);
	assert_string_equal(got.out, "out\n");
	assert_string_equal(got.errout, "err\n");
	got = run("kill -TERM $$", 10, 0);
	assert_int_equal(got.status, 128 + 15);
	got = run("exec >&- 2>&-; sleep 0.1; exit 7", 10, 0); /* silent long before it ends */
	assert_int_equal(got.status, 7);
}

static void test_limits(void **state)
{
	struct outcome got = run("printf 0123456789; printf 0123456789", 10, 15);

	(void)state;
	assert_true(got.was_cut);
	assert_string_equal(got.out, "012345678901234");
	got = run("sleep 60", 1, 0);
	assert_int_equal(got.err.code, ERR_TIMEOUT);
}

static void test_cannot_start(void **state)
{
	const char *argv[] = { "/nonexistent/program", NULL };
	struct proc_run what = { .argv = argv, .deadline_s = 1 };
	struct proc_job *job;
	struct loop *loop;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(loop_open(&loop, &err), 0);
	assert_int_equal(proc_start(loop, &what, on_done, NULL, &job, &err), -1);
	assert_int_equal(err.code, ERR_TOOL);
	loop_close(loop);
}

static void test_cancel(void **state)
{
	const char *argv[] = { "sleep", "60", NULL };
	struct proc_run what = { .argv = argv, .deadline_s = 70 };
	struct outcome got = { 0 };
	struct proc_job *job;
	struct loop *loop;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(loop_open(&loop, &err), 0);
	assert_int_equal(proc_start(loop, &what, on_done, &got, &job, &err), 0);
	proc_cancel(job);
	proc_cancel(NULL);
	assert_int_equal(loop_step(loop, 10, &err), 0);
	assert_false(got.is_done);
	loop_close(loop);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_result),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_cannot_start),
		cmocka_unit_test(test_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
