/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rehearsals with checks made up here: this program's table takes the place of checks/table.c. The
 * checks read /etc/motd, and each looks for a line of its own. */
#include "surgery.h"

#include "rescue/rehearsal.h"

static const struct str *motd(const struct machine *m, struct err *err)
{
	return machine_file(m, "/etc/motd", err);
}

/* Number of the line that is exactly this; 0: none. */
static uint32_t line_of(const struct machine *m, const char *wanted, struct err *err)
{
	const struct str *text = motd(m, err);
	uint32_t number = 1;

	for (const char *p = text ? text->s : ""; *p; number++) {
		size_t len = strcspn(p, "\n");

		if (strlen(wanted) == len && !strncmp(p, wanted, len))
			return number;
		p += len + (p[len] == '\n');
	}
	return 0;
}

static void replace(const struct machine *m, struct findings *out, enum repair_class class,
		    const char *line, const char *by)
{
	struct err err = ERR_INIT;
	uint32_t number = line_of(m, line, &err);
	cleanup(free) char *old = mem_printf("%s\n", line);
	cleanup(free) char *new = mem_printf("%s\n", by);

	if (number)
		edit_lines(&finding_add(out, SEVERITY_BLOCKS_BOOT, class, "1", "/etc/motd", number,
					"%s is bad", line)
				    ->edits,
			   "/etc/motd", number, 1, old, new);
}

static int simple(const struct machine *m, struct findings *out, struct err *err)
{
	(void)err;
	replace(m, out, REPAIR_SURE, "bad", "good");
	return 0;
}

static int useless(const struct machine *m, struct findings *out, struct err *err)
{
	uint32_t number = line_of(m, "useless", err);

	if (number)
		edit_lines(&finding_add(out, SEVERITY_BLOCKS_BOOT, REPAIR_SURE, "2", "/etc/motd",
					number, "useless is bad")
				    ->edits,
			   "/etc/motd", number, 0, "", "# tried\n");
	return 0;
}

/* Uncovers the next one. */
static int chain(const struct machine *m, struct findings *out, struct err *err)
{
	(void)err;
	replace(m, out, REPAIR_SURE, "chain1", "chain2");
	replace(m, out, REPAIR_SURE, "chain2", "chain3");
	return 0;
}

/* Wants the line that `simple` changes, too. */
static int rival(const struct machine *m, struct findings *out, struct err *err)
{
	uint32_t number = line_of(m, "bad", err), rest = line_of(m, "good", err);

	if (!line_of(m, "rival", err) || (!number && !rest))
		return 0;
	edit_lines(&finding_add(out, SEVERITY_DELAYS, REPAIR_SURE, "3", "/etc/motd",
				number ? number : rest, "no place for a rival")
			    ->edits,
		   "/etc/motd", number ? number : rest, 1, number ? "bad\n" : "good\n", "better\n");
	return 0;
}

static int offer(const struct machine *m, struct findings *out, struct err *err)
{
	(void)err;
	replace(m, out, REPAIR_OFFERED, "policy", "other");
	return 0;
}

static int stale(const struct machine *m, struct findings *out, struct err *err)
{
	if (line_of(m, "stale", err))
		edit_lines(
			&finding_add(out, SEVERITY_NOTE, REPAIR_SURE, "4", "/etc/motd", 1, "stale")
				 ->edits,
			"/etc/motd", 1, 1, "not what is there\n", "x\n");
	return 0;
}

static int set_id(const struct machine *m, struct findings *out, struct err *err)
{
	const struct tree_new new = { .mode = 04755 };

	if (line_of(m, "set-id", err))
		edit_create(
			&finding_add(out, SEVERITY_NOTE, REPAIR_SURE, "5", "/etc/motd", 1, "set-id")
				 ->edits,
			"/etc/back-door", &new, "#!", 2);
	return 0;
}

/* A repair after which the check can no longer tell. */
static int blind(const struct machine *m, struct findings *out, struct err *err)
{
	replace(m, out, REPAIR_SURE, "blind", "blinded");
	return line_of(m, "blinded", err) ? err_set(err, ERR_MALFORMED, "cannot see") : 0;
}

#define MADE_UP(func)                                                        \
	static const struct check check_##func = { .name = #func,            \
						   .repair = REPAIR_OFFERED, \
						   .examine = func };
MADE_UP(simple)
MADE_UP(useless)
MADE_UP(chain)
MADE_UP(rival)
MADE_UP(offer)
MADE_UP(stale)
MADE_UP(set_id)
MADE_UP(blind)

const struct check *const checks[] = { &check_simple, &check_useless, &check_chain,  &check_rival,
				       &check_offer,  &check_stale,   &check_set_id, &check_blind };
const size_t check_count = ARRAY_LEN(checks);

const struct check *check_find(const char *name)
{
	for (size_t i = 0; i < check_count; i++)
		if (str_eq(checks[i]->name, name))
			return checks[i];
	return NULL;
}

void check_run(const struct check *check, const struct machine *machine, struct findings *findings,
	       struct could_not_tells *unknown)
{
	size_t before = findings->count;
	struct err err = ERR_INIT;

	if (check->examine(machine, findings, &err) < 0)
		vec_push(unknown, ((struct could_not_tell){ check, err }));
	for (size_t i = before; i < findings->count; i++)
		findings->items[i].check = check;
}

/* ---- */

struct story {
	struct rehearsal r;
	struct str events; /* "kind:message or text\n" */
	struct str after;  /* /etc/motd with the patch applied */
	struct err err;
};

static void note(void *arg, json_t *event)
{
	struct story *story = arg;
	const char *text = json_string_value(json_object_get(event, "text"));
	const char *message = json_string_value(json_object_get(event, "message"));

	if (!str_eq(json_string_value(json_object_get(event, "event")), "machine"))
		str_addf(&story->events, "%s:%s\n",
			 json_string_value(json_object_get(event, "event")), text ? text : message);
	assert_null(json_object_get(event, "edits"));
	json_decref(event);
}

static void story_done(struct story *story)
{
	rehearsal_done(&story->r);
	str_done(&story->events);
	str_done(&story->after);
}
DEFINE_CLEANUP_DONE(struct story, story_done)

static struct story tell(struct patient *p, const char *text, const char *fix)
{
	struct story story = { .events = STR_INIT, .after = STR_INIT };
	struct words names = { 0 };
	struct rehearsal_request request = { .examiner = { .tree = p->tree, .deadline_s = 20 },
					     .fix = &names,
					     .what = REHEARSE_REPAIRS,
					     .event = note,
					     .arg = &story };
	struct str now = STR_INIT;
	struct err err = ERR_INIT;

	if (fix)
		vec_push(&names, fix);
	patient_put(p, "etc/motd", text);
	if (!rehearse(&request, &story.r, &story.err)) {
		assert_int_equal(tree_read(p->tree, "/etc/motd", 1000, &now, &err), 0);
		assert_string_equal(now.s, text); /* only rehearsed */
		assert_int_equal(patch_apply(p->tree, &story.r.patch, &err), 0);
		assert_int_equal(tree_read(p->tree, "/etc/motd", 1000, &story.after, &err), 0);
		if (story.r.repairs)
			assert_int_equal(rehearsal_prove(&request, &story.r, &err), 0);
	}
	str_done(&now);
	vec_done(&names);
	return story;
}

static void several_faults_in_one_pass(void **state)
{
	cleanup(story_done) struct story s = tell(*state, "bad\nx\nchain1\n", NULL);

	assert_string_equal(s.after.s, "good\nx\nchain3\n");
	assert_string_equal(s.events.s, "finding:bad is bad\nfinding:chain1 is bad\n"
					"finding:chain2 is bad\n");
	assert_int_equal(s.r.findings, 3);
	assert_int_equal(s.r.repairs, 3);
	assert_int_equal(s.r.faults, 0);
	assert_int_equal(s.r.patch.count, 1);
}

static void a_repair_without_effect_is_left_out(void **state)
{
	cleanup(story_done) struct story s = tell(*state, "useless\nbad\n", NULL);

	assert_string_equal(s.after.s, "useless\ngood\n");
	assert_non_null(
		strstr(s.events.s, "warning:useless: /etc/motd: the repair would not make"));
	assert_int_equal(s.r.repairs, 1);
	assert_int_equal(s.r.faults, 1);
}

static void conflicts_wait_for_the_next_round(void **state)
{
	cleanup(story_done) struct story s = tell(*state, "bad\nrival\n", NULL);

	assert_string_equal(s.after.s, "better\nrival\n");
	assert_int_equal(s.r.repairs, 2);
	assert_int_equal(s.r.faults, 0);
	assert_null(strstr(s.events.s, "warning"));
}

static void offers_wait_for_consent(void **state)
{
	cleanup(story_done) struct story without = tell(*state, "policy\n", NULL);
	cleanup(story_done) struct story with = tell(*state, "policy\n", "offer");

	assert_string_equal(without.after.s, "policy\n");
	assert_int_equal(without.r.repairs, 0);
	assert_int_equal(without.r.faults, 1);
	assert_string_equal(with.after.s, "other\n");
	assert_int_equal(with.r.faults, 0);
}

static void what_cannot_be_made_is_left_out(void **state)
{
	cleanup(story_done) struct story s = tell(*state, "stale\nbad\n", NULL);

	assert_string_equal(s.after.s, "stale\ngood\n");
	assert_non_null(strstr(s.events.s, "warning:stale: /etc/motd: the repair cannot be made"));
	assert_int_equal(s.r.repairs, 1);
}

static void blindness_is_no_proof(void **state)
{
	cleanup(story_done) struct story s = tell(*state, "blind\nbad\n", NULL);

	assert_string_equal(s.after.s, "blind\ngood\n");
	assert_int_equal(s.r.could_not_tell, 0);
	assert_int_equal(s.r.faults, 1);
}

static void set_id_programs_are_refused(void **state)
{
	cleanup(story_done) struct story s = tell(*state, "set-id\n", NULL);

	assert_int_equal(s.err.code, ERR_MALFORMED);
	assert_non_null(strstr(s.err.text, "set-id"));
}

static void a_healthy_machine_is_left_alone(void **state)
{
	cleanup(story_done) struct story s = tell(*state, "hello\n", NULL);

	assert_int_equal(s.r.findings, 0);
	assert_int_equal(s.r.patch.count, 0);
	assert_string_equal(s.events.s, "");
}

#define TEST(func) cmocka_unit_test_setup_teardown(func, patient_setup, patient_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(several_faults_in_one_pass),	 TEST(a_repair_without_effect_is_left_out),
		TEST(conflicts_wait_for_the_next_round), TEST(offers_wait_for_consent),
		TEST(what_cannot_be_made_is_left_out),	 TEST(blindness_is_no_proof),
		TEST(set_id_programs_are_refused),	 TEST(a_healthy_machine_is_left_alone),
	};

	return cmocka_run_group_tests_name("rehearsal", tests, NULL, NULL);
}
