/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/library.h"
#include "base/loop.h"
#include "base/proc.h"
#include "base/str.h"

#include <sys/epoll.h>

static void errors_prefix_and_name(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(err_set(&err, ERR_BUSY, "volume %s", "v"), -1);
	assert_int_equal(err_in(&err, "attach"), -1);
	assert_string_equal(err.text, "attach: volume v");
	assert_int_equal(err.code, ERR_BUSY);
	assert_string_equal(err_name(ERR_BUSY), "ERR_BUSY");
	assert_int_equal(err_from_name("ERR_AWAY"), ERR_AWAY);
	assert_int_equal(err_from_name("nonsense"), ERR_INTERNAL);
	for (int i = 0; i < 2000; i++)
		err_in(&err, "again");
	assert_true(strlen(err.text) < sizeof(err.text));
	/* What is quoted is no danger for a terminal, and a cut makes no half character. */
	err_set(&err, ERR_MALFORMED, "\"%s\" is no name", "a\x1b[2Jb\r\xff");
	assert_string_equal(err.text, "\"a\\x1b[2Jb\\x0d\\xff\" is no name");
	err_set(&err, ERR_MALFORMED, "\x7f%s", "\xe2\x82\xac\xe2\x82\xac");
	for (int i = 0; i < 1000; i++)
		err_in(&err, "\x01\xc3\xa9");
	for (const char *p = err.text; *p; p++)
		assert_true((unsigned char)*p >= ' ' && *p != 0x7f);
	err_set(&err, ERR_MALFORMED, "again: %s", err.text);
	assert_null(strstr(err.text, "\\\\"));
}

static void hostile_text_is_escaped(void **state)
{
	cleanup(str_done) struct str got = STR_INIT;
	static const char in[] = "a\x1b[31mb\n\xff\xc3\xa9\xe2\x80\xae\x7f\0z";

	(void)state;
	str_add_escaped(&got, in, sizeof(in) - 1);
	assert_string_equal(got.s, "a\\x1b[31mb\\n\\xff\xc3\xa9\\xe2\\x80\\xae\\x7f\\x00z");
	str_clear(&got);
	str_add_escaped_lines(&got, "a\nb\r\xd8\x9c\xc2\xad\n", 9);
	assert_string_equal(got.s, "a\nb\\x0d\\xd8\\x9c\\xc2\\xad\n");
}

/* The value stays what it was; only how it is written changes. */
static void json_is_harmless_on_a_terminal(void **state)
{
	cleanup(str_done) struct str got = STR_INIT;

	(void)state;
	str_add_json_shown(&got,
			   "{\"a\":\"\\u001b\x7f\xc2\x9b\xe2\x80\xae\xf3\xa0\x81\x81\xc3\xa9\"}\n");
	assert_string_equal(got.s,
			    "{\"a\":\"\\u001b\\u007f\\u009b\\u202e\\udb40\\udc41\xc3\xa9\"}\n");
}

/* libm is part of every C library, and nothing here is linked with it. */
static void libraries_are_loaded_when_needed(void **state)
{
	static const char *const names[] = { "cbrt" }, *const missing[] = { "cbrt", "no_such" };
	static struct {
		double (*cbrt)(double);
		void (*no_such)(void);
	} functions;
	struct library library = { .soname = "libm.so.6",
				   .package = "libc6",
				   .names = names,
				   .count = 1,
				   .functions = &functions };
	struct library old = library, none = library;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(library_load(&library, &err), 0);
	assert_true(library.is_loaded);
	assert_true(functions.cbrt(27) > 2.9);
	assert_int_equal(library_load(&library, &err), 0);
	old.names = missing;
	old.count = 2;
	assert_int_equal(library_load(&old, &err), -1);
	assert_int_equal(err.code, ERR_TOOL);
	assert_non_null(strstr(err.text, "no_such"));
	none.soname = "libnothing.so.1";
	none.package = "libnothing";
	assert_int_equal(library_load(&none, &err), -1);
	assert_int_equal(err.code, ERR_TOOL);
	assert_non_null(strstr(err.text, "libnothing.so.1"));
	assert_non_null(strstr(err.text, "install libnothing"));
}

static void base64_goes_both_ways(void **state)
{
	static const char *const bad[] = { "A", "AA=A", "====", "A===", "AAA*", "AA A", "AAAA=" };

	(void)state;
	for (size_t len = 0; len < 5000; len += len < 20 ? 1 : 997) {
		cleanup(str_done) struct str text = STR_INIT, back = STR_INIT;
		cleanup(free) char *bytes = mem_alloc(len);

		random_bytes(bytes, len);
		str_add_base64(&text, bytes, len);
		assert_int_equal(text.len, (len + 2) / 3 * 4);
		assert_int_equal(str_add_from_base64(&back, text.s, text.len), 0);
		assert_int_equal(back.len, len);
		assert_memory_equal(back.s, bytes, len);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		cleanup(str_done) struct str back = STR_INIT;

		assert_int_equal(str_add_from_base64(&back, bad[i], strlen(bad[i])), -1);
		assert_int_equal(back.len, 0);
	}
}

static void sha256_is_sha256(void **state)
{
	cleanup(str_done) struct str hex = STR_INIT;
	struct sha256 sum = sha256_of("abc", 3), back = { 0 };

	(void)state;
	str_add_hex(&hex, sum.b, sizeof(sum.b)); /* FIPS 180-2, appendix B.1 */
	assert_string_equal(hex.s,
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_int_equal(hex_decode(hex.s, back.b, sizeof(back.b)), 0);
	assert_true(sha256_eq(&sum, &back));
	assert_int_equal(hex_decode("zz", back.b, 1), -1);
}

static void programs_run_within_limits(void **state)
{
	cleanup(proc_result_done) struct proc_result got = PROC_RESULT_INIT,
						     late = PROC_RESULT_INIT,
						     none = PROC_RESULT_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(
		proc_run(&(struct proc_run){ .argv = (const char *[]){ "sh", "-c",
								       "cat; echo e >&2; exit 3",
								       NULL },
					     .input = "in",
					     .input_len = 2,
					     .deadline_s = 10 },
			 &got, &err),
		0);
	assert_int_equal(got.status, 3);
	assert_string_equal(got.out.s, "in");
	assert_string_equal(got.errout.s, "e\n");
	assert_int_equal(
		proc_run(&(struct proc_run){ .argv = (const char *[]){ "sleep", "60", NULL },
					     .deadline_s = 1 },
			 &late, &err),
		-1);
	assert_int_equal(err.code, ERR_TIMEOUT);
	assert_int_equal(
		proc_run(&(struct proc_run){ .argv = (const char *[]){ "no-such-program", NULL },
					     .deadline_s = 1 },
			 &none, &err),
		-1);
	assert_int_equal(err.code, ERR_TOOL);
	assert_true(proc_have("sh"));
	assert_false(proc_have("no-such-program"));
}

static void files_are_replaced_whole(void **state)
{
	char dir[] = "/tmp/base-XXXXXX";
	cleanup(free) char *deep = NULL, *path = NULL, *command = NULL;
	cleanup(str_done) struct str got = STR_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_non_null(mkdtemp(dir));
	deep = mem_printf("%s/a/b/c", dir);
	path = mem_printf("%s/file", deep);
	command = mem_printf("rm -rf '%s'", dir);
	assert_int_equal(dir_make(deep, &err), 0);
	assert_int_equal(file_replace(path, "one", 3, 0600, &err), 0);
	assert_int_equal(file_replace(path, "second", 6, 0600, &err), 0);
	assert_int_equal(file_read(path, 5, &got, &err), -1);
	assert_int_equal(err.code, ERR_MALFORMED);
	str_clear(&got);
	assert_int_equal(file_read(path, 6, &got, &err), 0);
	assert_string_equal(got.s, "second");
	assert_int_equal(system(command), 0);
}

static int order[4];
static int order_count;

static void note_timer(void *arg)
{
	order[order_count++] = *(int *)arg;
}

static void note_readable(void *arg, int fd, uint32_t events)
{
	char c;

	assert_true(events & EPOLLIN);
	assert_int_equal(read(fd, &c, 1), 1);
	order[order_count++] = *(int *)arg;
}

static void the_loop_runs_what_is_due(void **state)
{
	static int one = 1, two = 2, three = 3;
	struct loop *loop = NULL;
	struct err err = ERR_INIT;
	int64_t now; /* one for all, so that a slow machine does not change the order */
	int ends[2];

	(void)state;
	assert_int_equal(loop_open(&loop, &err), 0);
	assert_int_equal(pipe(ends), 0);
	now = loop_now_ms(loop);
	loop_timer(loop, now + 30, note_timer, &two);
	loop_timer(loop, now + 10, note_timer, &one);
	loop_timer(loop, now + 10, note_timer, &three);
	loop_timer(loop, -1, note_timer, &three);
	while (order_count < 2)
		assert_int_equal(loop_step(loop, 1000, &err), 0);
	loop_watch(loop, ends[0], EPOLLIN, note_readable, &three);
	assert_int_equal(write(ends[1], "x", 1), 1);
	assert_int_equal(loop_step(loop, 1000, &err), 0);
	loop_watch(loop, ends[0], 0, NULL, NULL);
	assert_int_equal(write(ends[1], "x", 1), 1);
	assert_int_equal(loop_step(loop, 10, &err), 0);
	assert_int_equal(order_count, 3);
	assert_int_equal(order[0], 1);
	assert_int_equal(order[1], 2);
	assert_int_equal(order[2], 3);
	close(ends[0]);
	close(ends[1]);
	loop_close(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_prefix_and_name),
		cmocka_unit_test(hostile_text_is_escaped),
		cmocka_unit_test(json_is_harmless_on_a_terminal),
		cmocka_unit_test(libraries_are_loaded_when_needed),
		cmocka_unit_test(base64_goes_both_ways),
		cmocka_unit_test(sha256_is_sha256),
		cmocka_unit_test(programs_run_within_limits),
		cmocka_unit_test(files_are_replaced_whole),
		cmocka_unit_test(the_loop_runs_what_is_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
