/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a hostile surgeon may send, and how the process with credentials takes it. This program is
 * its own surgeon: surgery_start runs /proc/self/exe. */
#include "../unit/unit.h"

#include "base/hash.h"
#include "base/str.h"
#include "rescue/surgery.h"

#include <dirent.h>
#include <signal.h>
#include <time.h>

#define CHANNEL 3

#define MTU_NONE "{\"places\":[],\"cards\":[],\"was_cut\":false}"
#define MTU_ONE(path, value)                                                                     \
	"{\"places\":[{\"path\":\"" path "\",\"line\":3,\"interface\":\"eth0\",\"value\":" value \
	",\"says\":\"sets\",\"by\":\"ifcfg\",\"effective\":true,\"conditional\":false}],"        \
	"\"cards\":[{\"name\":\"eth0\",\"end\":\"bytes\",\"value\":1400,\"path\":\"/a\","        \
	"\"line\":3}],\"was_cut\":true}"
#define RESULT RESULT_WITH(MTU_NONE)
#define RESULT_WITH(mtu)                                                                         \
	"{\"findings\":1,\"repairs\":1,\"faults\":0,\"could_not_tell\":0,\"changed_blocks\":0,"  \
	"\"changed_bytes\":0,\"was_committed\":false,\"was_undone_exactly\":false,\"ssh_port\":" \
	"2222,\"mtu\":" mtu "}"
#define ENDED	"{\"state\":\"ended\",\"result\":" RESULT ",\"error\":null}\n"
#define READY	"{\"state\":\"ready\",\"result\":" RESULT ",\"error\":null}\n"
#define WARNING "{\"event\":\"warning\",\"text\":\"x\"}\n"

/* ---- the surgeon ---- */

static void say(const char *text)
{
	(void)!write(CHANNEL, text, strlen(text));
}

static void repeat(const char *text, unsigned count)
{
	while (count--)
		say(text);
}

static void hear_line(struct str *into)
{
	char c;

	while (read(CHANNEL, &c, 1) == 1 && c != '\n')
		str_add_char(into, c);
}

/* Nothing of the parent but the channel and PATH. */
static void tell_surroundings(void)
{
	cleanup(str_done) struct str text = STR_INIT;
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;

	for (char **e = environ; *e; e++)
		if (!str_starts(*e,
				"__LLVM_PROFILE")) /* `make coverage` counts in the child, too */
			str_addf(&text, "%.*s ", (int)strcspn(*e, "="), *e);
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(dir))
			str_addf(&text, "%s ", entry->d_name);
	if (dir)
		closedir(dir);
	str_addf(&text, "%d", getpgrp() == getpid());
	dprintf(CHANNEL, "{\"event\":\"warning\",\"text\":\"%s\"}\n", text.s);
	say(ENDED);
}

static void obey(void)
{
	cleanup(str_done) struct str order = STR_INIT;

	say(READY);
	hear_line(&order);
	dprintf(CHANNEL, "{\"event\":\"warning\",\"text\":\"%s\"}\n",
		strstr(order.s, "commit") ? "commit" : "decline");
	say(ENDED);
}

static void misbehave(const char *how)
{
	if (str_eq(how, "garbage"))
		say("\x01\x02 no json\n");
	else if (str_eq(how, "array"))
		say("[1]\n");
	else if (str_eq(how, "unknown-event"))
		say("{\"event\":\"verdict\",\"result\":\"rescued\"}\n");
	else if (str_eq(how, "no-text"))
		say("{\"event\":\"warning\",\"text\":1}\n");
	else if (str_eq(how, "nested"))
		say("{\"event\":\"warning\",\"text\":\"x\",\"more\":{\"a\":1}}\n");
	else if (str_eq(how, "deep"))
		for (int i = 0; i < 100000; i++)
			say(i == 99999 ? "\n" : i ? "[" : "{\"event\":");
	else if (str_eq(how, "severity"))
		say("{\"event\":\"finding\",\"check\":\"c\",\"severity\":\"fatal\",\"class\":"
		    "\"sure\",\"message\":\"m\",\"rows\":\"1\"}\n");
	else if (str_eq(how, "severity-escape"))
		say("{\"event\":\"finding\",\"check\":\"c\",\"severity\":\"\\u001b[2J\",\"class\":"
		    "\"sure\",\"message\":\"m\",\"rows\":\"1\"}\n");
	else if (str_eq(how, "duplicate"))
		say("{\"event\":\"warning\",\"event\":\"fact\",\"text\":\"x\"}\n");
	else if (str_eq(how, "numbers"))
		say("{\"state\":\"ended\",\"result\":{\"findings\":-1}}\n");
	else if (str_eq(how, "mtu-lacking"))
		say("{\"state\":\"ended\",\"result\":" RESULT_WITH("null") ",\"error\":null}\n");
	else if (str_eq(how, "mtu-escape"))
		say("{\"state\":\"ended\",\"result\":" RESULT_WITH(
			MTU_ONE("/\\u001b[2J", "1400")) ",\"error\":null}\n");
	else if (str_eq(how, "mtu-number"))
		say("{\"state\":\"ended\",\"result\":" RESULT_WITH(
			MTU_ONE("/a", "-1")) ",\"error\":null}\n");
	else if (str_eq(how, "mtu"))
		say("{\"state\":\"ended\",\"result\":" RESULT_WITH(
			MTU_ONE("/a", "1400")) ",\"error\":null}\n");
	else if (str_eq(how, "ready-twice"))
		say(READY READY);
	else if (str_eq(how, "after-end"))
		say(ENDED WARNING);
	else if (str_eq(how, "endless-line"))
		repeat("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 80000);
	else if (str_eq(how, "flood"))
		repeat(WARNING, 30000);
	else if (str_eq(how, "escape"))
		say("{\"event\":\"diff\",\"path\":\"/"
		    "a\\u001b[2J\",\"text\":\"+x\\u0007\\n-y\\n\"}\n" ENDED);
	else if (str_eq(how, "obey"))
		obey();
	else if (str_eq(how, "surroundings"))
		tell_surroundings();
	else if (str_eq(how, "hangs"))
		pause();
	else if (str_eq(how, "dies"))
		raise(SIGSEGV);
	else if (str_eq(how, "last-words"))
		dprintf(2, "out of \x1b[2Jluck\n");
	else if (str_eq(how, "fails"))
		say("{\"state\":\"ended\",\"result\":" RESULT
		    ",\"error\":{\"code\":\"ERR_DAMAGED\","
		    "\"text\":\"zeros\"}}\n");
}

static int be_surgeon(void)
{
	cleanup(str_done) struct str line = STR_INIT;
	cleanup(str_done) struct str how = STR_INIT;
	const char *path;
	json_t *job;

	signal(SIGPIPE, SIG_IGN);
	hear_line(&line);
	job = json_loads(line.s, 0, NULL);
	path = json_string_value(json_object_get(job, "path"));
	if (path)
		str_add_from_base64(&how, path, strlen(path));
	json_decref(job);
	misbehave(how.s);
	return 0;
}

/* ---- the parent ---- */

struct story {
	struct surgery *surgery;
	struct str events; /* "event:text\n" */
	struct mtu_facts mtu;
	unsigned count;
	bool shall_free; /* in the first event */
	enum { LEAVE, COMMIT, DECLINE } answer;
};

static void on_event(void *arg, json_t *event)
{
	struct story *story = arg;
	const char *path = json_string_value(json_object_get(event, "path"));

	story->count++;
	str_addf(&story->events, "%s:%s%s\n", json_string_value(json_object_get(event, "event")),
		 path ? path : "", json_string_value(json_object_get(event, "text")));
	if (story->shall_free) {
		surgery_free(story->surgery);
		story->surgery = NULL;
	}
}

static void on_change(void *arg)
{
	struct story *story = arg;

	if (surgery_result(story->surgery)->state != SURGERY_READY)
		return;
	if (story->answer == COMMIT)
		surgery_commit(story->surgery);
	if (story->answer == DECLINE)
		surgery_decline(story->surgery);
}

static struct err tell(const char *how, struct story *story)
{
	const struct surgery_watch watch = { on_event, on_change, story };
	const struct surgery_job job = { .mode = SURGERY_REPAIR,
					 .path = how,
					 .record_dir = "/nowhere",
					 .work_dir = "/nowhere",
					 .deadline_s = str_eq(how, "hangs") ? 1 : 20 };
	struct err err = ERR_INIT;
	struct loop *loop;
	int64_t end;

	story->events = (struct str)STR_INIT;
	assert_int_equal(loop_open(&loop, &err), 0);
	assert_int_equal(surgery_start(loop, &job, &watch, &story->surgery, &err), 0);
	end = loop_now_ms(loop) + 30000;
	while (story->surgery && surgery_result(story->surgery)->state != SURGERY_ENDED &&
	       loop_now_ms(loop) < end)
		assert_int_equal(loop_step(loop, 10, &err), 0);
	if (story->surgery) {
		assert_int_equal(surgery_result(story->surgery)->state, SURGERY_ENDED);
		err = surgery_result(story->surgery)->err;
		story->mtu = surgery_result(story->surgery)->mtu;
	}
	surgery_free(story->surgery);
	loop_close(loop);
	return err;
}

static void hostile_messages_are_malformed(void **state)
{
	static const char *const ways[] = { "garbage",	    "array",	       "unknown-event",
					    "no-text",	    "nested",	       "deep",
					    "severity",	    "severity-escape", "duplicate",
					    "numbers",	    "ready-twice",     "after-end",
					    "endless-line", "flood",	       "mtu-lacking",
					    "mtu-escape",   "mtu-number" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		struct story story = { 0 };
		struct err err = tell(ways[i], &story);

		if (err.code != ERR_MALFORMED)
			print_error("%s: %s\n", ways[i], err.text);
		assert_int_equal(err.code, ERR_MALFORMED);
		assert_true(story.count <= 20000);
		str_done(&story.events);
	}
}

static void ends_are_explained(void **state)
{
	static const struct {
		const char *how;
		enum err_code code;
		const char *text;
	} ends[] = {
		{ "hangs", ERR_TIMEOUT, "longer than 1 s" },
		{ "dies", ERR_INTERNAL, "nothing was written" },
		{ "last-words", ERR_INTERNAL, "out of \\x1b[2Jluck" },
		{ "fails", ERR_DAMAGED, "zeros" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		struct story story = { 0 };
		struct err err = tell(ends[i].how, &story);

		assert_int_equal(err.code, ends[i].code);
		if (!strstr(err.text, ends[i].text))
			print_error("%s\n", err.text);
		assert_non_null(strstr(err.text, ends[i].text));
		str_done(&story.events);
	}
}

static void terminal_codes_are_escaped(void **state)
{
	struct story story = { 0 };

	(void)state;
	assert_int_equal(tell("escape", &story).code, ERR_NONE);
	assert_string_equal(story.events.s, "diff:/a\\x1b[2J+x\\x07\n-y\n\n");
	str_done(&story.events);
}

static void orders_arrive(void **state)
{
	struct story story = { .answer = COMMIT };

	(void)state;
	assert_int_equal(tell("obey", &story).code, ERR_NONE);
	assert_string_equal(story.events.s, "warning:commit\n");
	str_done(&story.events);
	story = (struct story){ .answer = DECLINE };
	assert_int_equal(tell("obey", &story).code, ERR_NONE);
	assert_string_equal(story.events.s, "warning:decline\n");
	str_done(&story.events);
}

static void mtus_arrive(void **state)
{
	struct story story = { 0 };

	(void)state;
	assert_int_equal(tell("mtu", &story).code, ERR_NONE);
	assert_int_equal(story.mtu.place_count, 1);
	assert_string_equal(story.mtu.places[0].path, "/a");
	assert_string_equal(story.mtu.places[0].interface, "eth0");
	assert_int_equal(story.mtu.places[0].line, 3);
	assert_int_equal(story.mtu.places[0].value, 1400);
	assert_int_equal(story.mtu.places[0].by, MTU_BY_IFCFG);
	assert_true(story.mtu.places[0].is_effective);
	assert_int_equal(story.mtu.card_count, 1);
	assert_int_equal(story.mtu.cards[0].kind, MTU_END_BYTES);
	assert_true(story.mtu.was_cut);
	str_done(&story.events);
}

static void the_child_has_nothing_of_ours(void **state)
{
	struct story story = { 0 };
	int leak = open("/dev/null", O_RDONLY);

	(void)state;
	setenv("AWS_SECRET_ACCESS_KEY", "hush", 1);
	assert_int_equal(tell("surroundings", &story).code, ERR_NONE);
	close(leak);
	assert_string_equal(story.events.s, "warning:PATH LANG 0 1 2 3 1\n");
	str_done(&story.events);
}

static void a_callback_may_free(void **state)
{
	struct story story = { .shall_free = true };

	(void)state;
	tell("flood", &story);
	assert_int_equal(story.count, 1);
	str_done(&story.events);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostile_messages_are_malformed),
		cmocka_unit_test(ends_are_explained),
		cmocka_unit_test(terminal_codes_are_escaped),
		cmocka_unit_test(orders_arrive),
		cmocka_unit_test(mtus_arrive),
		cmocka_unit_test(the_child_has_nothing_of_ours),
		cmocka_unit_test(a_callback_may_free),
	};

	if (argc == 2 && str_eq(argv[1], "surgeon"))
		return be_surgeon();
	unsetenv("EC2_RESCUE_DEBUG");
	return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
