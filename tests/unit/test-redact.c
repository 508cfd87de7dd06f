/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "base/encode.h"
#include "base/err.h"
#include "base/secrets.h"
#include "base/str.h"

#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

static void check(const char *text, const char *want)
{
	cleanup(free) char *got = mem_strdup(text);

	secrets_redact(got);
	assert_string_equal(got, want);
}

static void every_form_is_found(void **state)
{
	(void)state;
	check("key " SECRET ", say", "key [secret], say");
	check(SECRET SECRET, "[secret][secret]");
	check("x=wJalrXUtnFEMI%2FK7MDENG%2BbPxRfiCYEXAMPLEKEY&", "x=[secret]&");
	check("x=wJalrXUtnFEMI%252FK7MDENG%252BbPxRfiCYEXAMPLEKEY&", "x=[secret]&");
	for (size_t lead = 0; lead < 6; lead++) {
		cleanup(str_done) struct str plain = STR_INIT, text = STR_INIT;

		str_add_bytes(&plain, "user::", lead);
		str_add(&plain, SECRET "more");
		str_add_base64(&text, plain.s, plain.len);
		secrets_redact(text.s);
		assert_non_null(strstr(text.s, "[secret]"));
		assert_true(strlen(text.s) < 8 + 8 + 12);
	}
	check("774a616c725855746e46454d492f4b374d44454e472b62507852666943594558414d504c454b4559",
	      "[secret]");
	check("774A616C725855746E46454D492F4B374D44454E472B62507852666943594558414D504C454B4559",
	      "[secret]");
}

static void pieces_are_found_wherever_it_was_cut(void **state)
{
	static const char secret[] = SECRET;

	(void)state;
	for (size_t from = 0; from < sizeof(secret) - 1; from++)
		for (size_t len = 1; from + len < sizeof(secret); len++) {
			cleanup(free) char *text = mem_printf("<%.*s>", (int)len, secret + from);
			cleanup(free) char *was = mem_strdup(text);

			secrets_redact(text);
			assert_string_equal(text, len < SECRET_PIECE ? was : "<[secret]>");
		}
}

static void nothing_else_is_touched(void **state)
{
	(void)state;
	check("", "");
	check("wJalrXU", "wJalrXU");
	check("DescribeVolumes: HTTP 503 at https://ec2.us-east-1.amazonaws.com/?a=b@c:d",
	      "DescribeVolumes: HTTP 503 at https://ec2.us-east-1.amazonaws.com/?a=b@c:d");
	secrets_know(NULL);
	secrets_know("");
	secrets_know("instanc"); /* too short to be told from a word */
	check("the instance", "the instance");
	secrets_know_url(NULL);
	secrets_know_url("http://example.com:80/path");
	check("http://example.com:80/path", "http://example.com:80/path");
}

static void passwords_in_urls_are_hidden(void **state)
{
	(void)state;
	check("'http://joe:pw@proxy:3128' is bad", "'http://joe:**@proxy:3128' is bad");
	check("a://b:c@d e://f:g@@h", "a://b:*@d e://f:**@h");
	check("://", "://");
	check("x://:@", "x://:@");
	secrets_know_url("http://joe:long%20pass%2Fword@proxy");
	check("cannot log in with long pass/word", "cannot log in with [secret]");
	check("raw long%20pass%2Fword", "raw [secret]");
	secrets_know_url("joe:without-a-scheme@proxy:3128");
	check("without-a-scheme", "[secret]");
	secrets_know_url("http://only-a-token-here@proxy");
	check("only-a-token-here", "[secret]");
	secrets_know_url("http://joe:with/a/slash@proxy");
	check("'with/a/slash'", "'[secret]'");
}

static void no_error_holds_one(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	err_set(&err, ERR_CLOUD, "no %s", SECRET);
	assert_string_equal(err.text, "no [secret]");
	err_in(&err, "with %s", SECRET);
	assert_string_equal(err.text, "with [secret]: no [secret]");
	err_errno(&err, 2, "%s", SECRET);
	assert_string_equal(err.text, "[secret]: No such file or directory");
	/* Also where the text is cut in the middle of one. */
	for (int pad = 1024 - 60; pad < 1024; pad++) {
		err_set(&err, ERR_CLOUD, "%*s%s", pad, "", SECRET);
		assert_null(strstr(err.text, "wJalrXUtnFEM"));
	}
}

static int know(void **state)
{
	(void)state;
	secrets_know(SECRET);
	secrets_know(SECRET);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_is_found),
		cmocka_unit_test(pieces_are_found_wherever_it_was_cut),
		cmocka_unit_test(nothing_else_is_touched),
		cmocka_unit_test(passwords_in_urls_are_hidden),
		cmocka_unit_test(no_error_holds_one),
	};

	return cmocka_run_group_tests(tests, know, NULL);
}
