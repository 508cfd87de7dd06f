/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Replies bent in every way: each of the case folders' answers, cut and overwritten at random
 * places, read by every action's map. Nothing may crash or leak (the sanitizers watch), and what is
 * refused is refused with a printable sentence. The same for the files, JSON answers and error
 * documents. */
#include "base/file.h"
#include "ec2/actions.h"
#include "ec2/errors.h"
#include "ec2/ini.h"

#include <glob.h>
#include <stdio.h>

#define ROUNDS 60

static uint32_t chance_state = 1;
static uint32_t chance(uint32_t below)
{
	chance_state = chance_state * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)(chance_state >> 4) * below >> 28);
}

static const char *const splinters[] = {
	"<",
	"</item>",
	"<item>",
	"&amp;",
	"&#x0;",
	"&#xD800;",
	"]]>",
	"<![CDATA[",
	"<!--",
	"\xff",
	"\xed\xa0\x80",
	"0",
	"-",
	"99999999999999999999",
	"true",
	"<!DOCTYPE a [",
	"\"",
	"{",
	"[",
	"\n",
	" xmlns=\"",
	"<a/><a/>",
};

/* One to four changes: a cut, a byte, a splinter, a piece moved. */
static void bend(struct str *text)
{
	for (uint32_t n = chance(4) + 1; n && text->len; n--) {
		uint32_t at = chance((uint32_t)text->len);
		cleanup(free) char *copy = NULL;
		const char *splinter = splinters[chance(ARRAY_LEN(splinters))];
		size_t len = strlen(splinter);

		switch (chance(5)) {
		case 0:
			text->len = at;
			text->s[at] = '\0';
			break;
		case 1:
			text->s[at] = (char)chance(256);
			break;
		case 2:
			for (size_t i = 0; i < len && at + i < text->len; i++)
				text->s[at + i] = splinter[i];
			break;
		case 3:
			len = chance((uint32_t)text->len - at + 1);
			memmove(text->s + chance((uint32_t)(text->len - len) + 1), text->s + at,
				len);
			break;
		default:
			copy = mem_dup(text->s + at, text->len - at);
			str_add_bytes(text, copy, text->len - at);
		}
		if (text->len > 100000) {
			text->len = 100000;
			text->s[text->len] = '\0';
		}
	}
}

/* A tab is the one control character that escaping lets by. */
static bool is_printable(const char *text)
{
	for (const char *p = text; *p; p++)
		if (((unsigned char)*p < ' ' && *p != '\t') || *p == 0x7f)
			return false;
	return *text;
}

static int check_err(const struct err *err)
{
	return err->code == ERR_MALFORMED && is_printable(err->text) ? 0 : -1;
}

static int read_all(const struct str *text)
{
	cleanup(xml_free) struct xml *xml = NULL;
	struct err err = ERR_INIT;

	if (xml_parse(text->s, text->len, &xml, &err) < 0)
		return check_err(&err);
	for (size_t i = 0; all_actions[i]; i++) {
		const struct ec2_action *action = all_actions[i];
		cleanup(free) void *ret = mem_alloc(action->reply_size);
		size_t room = 1 << 20;
		json_t *json;

		if (!action->reply)
			continue;
		err_clear(&err);
		if (xmlmap_read(action->reply, xml, ret, &room, &err) < 0 && check_err(&err) < 0)
			return -1;
		json = xmlmap_json(action->reply, ret);
		if (!json)
			return -1;
		json_decref(json);
		xmlmap_free(action->reply, ret, action->reply_size);
	}
	return 0;
}

static int read_error(const struct str *text, int status)
{
	struct http_reply reply = HTTP_REPLY_INIT;
	cleanup(aws_error_done) struct aws_error error = { 0 };
	struct err err = ERR_INIT;

	reply.status = status;
	str_add_bytes(&reply.body, text->s, text->len);
	http_reply_add_header(&reply, "x-amzn-errortype", text->s);
	aws_error_read(&reply, &error);
	aws_error_say(&error, &action_attach_volume, &err);
	http_reply_done(&reply);
	return err.code && is_printable(err.text) ? 0 : -1;
}

static int read_ini(const struct str *text)
{
	struct ini ini = { 0 };

	ini_parse(text->s, text->len, &ini);
	vec_foreach (section, &ini.sections)
		vec_foreach (pair, &section->pairs)
			free(ini_nested(pair->value, "endpoint_url"));
	ini_done(&ini);
	return 0;
}

static int run(const char *pattern, const char *name, int number)
{
	int failed = 0;
	glob_t found;

	if (glob(pattern, 0, NULL, &found)) {
		printf("not ok %d - %s: nothing there\n", number, name);
		return 1;
	}
	for (size_t i = 0; i < found.gl_pathc; i++) {
		for (int round = 0; round < ROUNDS; round++) {
			cleanup(str_done) struct str text = STR_INIT;
			struct err err = ERR_INIT;
			const char *body;

			if (file_read(found.gl_pathv[i], 1 << 20, &text, &err) < 0)
				break;
			/* from the body on: the status line is the replay's own */
			body = str_starts(text.s, "HTTP ") ? strstr(text.s, "\n\n") : NULL;
			if (body) {
				size_t skip = (size_t)(body + 2 - text.s);

				memmove(text.s, text.s + skip, text.len - skip + 1);
				text.len -= skip;
			}
			bend(&text);
			if (read_all(&text) < 0 || read_error(&text, 400 + (int)chance(200)) < 0 ||
			    read_ini(&text) < 0) {
				fprintf(stderr, "%s, round %d\n", found.gl_pathv[i], round);
				failed = 1;
			}
		}
	}
	globfree(&found);
	printf("%sok %d - %s\n", failed ? "not " : "", number, name);
	return failed;
}

/* A reply whose items are many small ones ends as an error, not as all the memory. */
static int run_flood(int number)
{
	cleanup(str_done) struct str text = STR_INIT;
	cleanup(xml_free) struct xml *xml = NULL;
	struct err err = ERR_INIT;
	int rc;

	str_add(&text, "<r>");
	for (int i = 0; i < 1100000; i++)
		str_add(&text, "<a/>");
	str_add(&text, "</r>");
	rc = xml_parse(text.s, text.len, &xml, &err);
	printf("%sok %d - too many elements\n", rc < 0 && check_err(&err) == 0 ? "" : "not ",
	       number);
	return rc < 0 ? 0 : 1;
}

int main(void)
{
	const char *src = getenv("SRC");
	int failed = 0;

	if (src && chdir(src) < 0)
		return 1;
	printf("1..4\n");
	failed |= run("tests/ec2/cases/*/*.reply", "bent replies", 1);
	failed |= run("tests/ec2/creds/*/*.reply", "bent answers with credentials", 2);
	failed |= run("tests/ec2/creds/*/c[or]*", "bent configuration files", 3);
	failed |= run_flood(4);
	return failed;
}
