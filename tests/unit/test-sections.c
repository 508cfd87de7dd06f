/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fs/sections: values as systemd and GLib see them, and edits that touch no other byte. */
#include "fs/sections.h"
#include "fs/lines.h"
#include "tests/unit/unit.h"

static struct str text_of(const char *s)
{
	struct str text = STR_INIT;

	str_add(&text, s);
	return text;
}

static void values(void **state)
{
	static const struct {
		const char *text, *section, *key, *want;
		enum sections_dialect dialect;
	} cases[] = {
		{ "[Unit]\nA=1\n", "Unit", "A", "1", SECTIONS_SYSTEMD },
		{ "[Unit]\nA=1\nA=2\n", "Unit", "A", "2", SECTIONS_SYSTEMD },
		{ "[Unit]\nA = 1 \n", "Unit", "A", "1", SECTIONS_SYSTEMD },
		{ "[Unit]\n  A=1\n", "Unit", "A", "1", SECTIONS_SYSTEMD },
		{ "[Unit]\nA=a\\\nb\n", "Unit", "A", "a b", SECTIONS_SYSTEMD },
		{ "[Unit]\nA=a \\\n# why\n  b\nB=2\n", "Unit", "A", "a  b", SECTIONS_SYSTEMD },
		{ "[Unit]\nA=a \\\n# why\n  b\nB=2\n", "Unit", "B", "2", SECTIONS_SYSTEMD },
		{ "[k]\na=b\\\nc=d\n", "k", "a", "b\\", SECTIONS_KEYFILE },
		{ "[k]\na=b\\\nc=d\n", "k", "c", "d", SECTIONS_KEYFILE },
		{ "[Unit]\n;A=1\n#A=2\n", "Unit", "A", NULL, SECTIONS_SYSTEMD },
		{ "A=1\n[Unit]\n", "Unit", "A", NULL, SECTIONS_SYSTEMD },
		{ "A=1\n[Unit]\n", "", "A", "1", SECTIONS_SYSTEMD },
		{ "[Unit]\nA=\n", "Unit", "A", "", SECTIONS_SYSTEMD },
		{ "[A]\nX=1\n[B]\nX=2\n[A]\nX=3\n", "A", "X", "3", SECTIONS_SYSTEMD },
		{ "[Unit]\r\nA=1\r\n", "Unit", "A", "1", SECTIONS_SYSTEMD },
		{ "[Unit]\nA=1", "Unit", "A", "1", SECTIONS_SYSTEMD },
		{ "[Unit]\na=1\n", "Unit", "A", NULL, SECTIONS_SYSTEMD },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup(str_done) struct str text = text_of(cases[i].text);
		cleanup(sections_done) struct sections s;
		const char *got;

		sections_parse(&text, cases[i].dialect, &s);
		got = sections_get(&s, cases[i].section, cases[i].key);
		if (!got != !cases[i].want || (got && !str_eq(got, cases[i].want)))
			fail_msg("%s: %s is %s", cases[i].text, cases[i].key, got ? got : "(none)");
	}
}

static void junk_is_named(void **state)
{
	cleanup(str_done) struct str text = text_of("[Unit]\nA=1\nnonsense\n[open\n");
	cleanup(sections_done) struct sections s;

	(void)state;
	sections_parse(&text, SECTIONS_KEYFILE, &s);
	assert_non_null(sections_junk(&s));
	assert_int_equal(sections_junk(&s)->line, 3);
	assert_int_equal(s.count, 4);
}

/* The text after the edits, which are all of lines. */
static void applied(const struct str *text, const struct edits *edits, struct str *ret)
{
	const struct edit *edit = edits->items;
	cleanup(str_done) struct str old = STR_INIT;

	assert_int_equal(edits->count, 1);
	assert_int_equal(edit->kind, EDIT_LINES);
	lines_copy(text->s, text->len, edit->line, edit->count, &old);
	assert_string_equal(old.s, edit->old.s);
	lines_copy(text->s, text->len, 1, edit->line - 1, ret);
	str_add_bytes(ret, edit->new.s, edit->new.len);
	lines_copy(text->s, text->len, edit->line + edit->count,
		   lines_count(text->s, text->len) + 1, ret);
}

/* Law: after a set the key has the value, every other one is as before, and so is every line but
 * those of the key. */
static void sets_change_one_key(void **state)
{
	static const char *const texts[] = {
		"",
		"[A]\n",
		"[A]\nX=1\n",
		"[A]\nX=1\\\n2\n# c\n\n[B]\nY=2",
		"# only\n[B]\nX=3\n",
		"[A]\nY=1\n\n[A]\nX=5\n",
		"[A]",
		"[A]\nX=1\n[C]\nnonsense\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		cleanup(str_done) struct str text = text_of(texts[i]);
		cleanup(str_done) struct str after = STR_INIT;
		cleanup(sections_done) struct sections s, now;
		cleanup(edits_done) struct edits edits = { 0 };

		sections_parse(&text, SECTIONS_SYSTEMD, &s);
		sections_edit_set(&s, "/f", "A", "X", "new", &edits);
		applied(&text, &edits, &after);
		sections_parse(&after, SECTIONS_SYSTEMD, &now);
		assert_string_equal(sections_get(&now, "A", "X"), "new");
		vec_foreach (item, &s)
			if (item->kind == SECTION_SET &&
			    !(str_eq(item->section, "A") && str_eq(item->key, "X")))
				assert_string_equal(sections_get(&now, item->section, item->key),
						    sections_get(&s, item->section, item->key));
	}
}

static void comments_keep_the_bytes(void **state)
{
	cleanup(str_done) struct str text = text_of("[A]\nX=1 \\\n  2\nY=3\n");
	cleanup(str_done) struct str after = STR_INIT;
	cleanup(sections_done) struct sections s;
	cleanup(edits_done) struct edits edits = { 0 };

	(void)state;
	sections_parse(&text, SECTIONS_SYSTEMD, &s);
	sections_edit_comment(&s, "/f", sections_find(&s, "A", "X"), &edits);
	applied(&text, &edits, &after);
	assert_string_equal(after.s, "[A]\n#ec2-rescue# X=1 \\\n#ec2-rescue#   2\nY=3\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),
		cmocka_unit_test(junk_is_named),
		cmocka_unit_test(sets_change_one_key),
		cmocka_unit_test(comments_keep_the_bytes),
	};

	return cmocka_run_group_tests_name("sections", tests, NULL, NULL);
}
