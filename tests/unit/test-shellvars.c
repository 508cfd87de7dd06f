/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fs/shellvars: values as bash sees them (bash itself is the witness), and what must stay unknown.
 */
#include "base/file.h"
#include "base/proc.h"
#include "fs/shellvars.h"
#include "tests/unit/unit.h"
#include "fs/lines.h"

static const char *value_of(const struct shellvars *vars, const char *name)
{
	const char *value;
	switch (shellvars_get(vars, name, &value)) {
	case SHELLVAR_IS:
		return value;
	case SHELLVAR_UNSET:
		return "(unset)";
	default:
		return "(unknown)";
	}
}

static void values(void **state)
{
	static const struct {
		const char *text, *name, *want;
	} cases[] = {
		{ "A=1\n", "A", "1" },
		{ "A=1", "A", "1" },
		{ "A=1\nA=2\n", "A", "2" },
		{ "# A=1\n", "A", "(unset)" },
		{ "  A=1  # why\n", "A", "1" },
		{ "A=1#2\n", "A", "1#2" },
		{ "export A=\"x y\"\n", "A", "x y" },
		{ "A='it''s'\n", "A", "its" },
		{ "A=\"a\\\"b\"\n", "A", "a\"b" },
		{ "A=a\\\nb\n", "A", "ab" },
		{ "A=1 B=2\n", "B", "2" },
		{ "A=1; B=2\n", "A", "1" },
		{ "A=$B\n", "A", "(unknown)" },
		{ "A='$B'\n", "A", "$B" },
		{ "A=1\n. /etc/other\n", "A", "(unknown)" },
		{ "A=1\nif true; then A=2; fi\n", "A", "(unknown)" },
		{ "A=1 cmd\n", "A", "(unknown)" },
		{ "A=(1 2)\n", "A", "(unknown)" },
		{ "A=1\nB='open\n", "A", "(unknown)" },
		{ "DEVICE = eth0\nA=1\n", "DEVICE", "(unset)" },
		{ "DEVICE = eth0\nA=1\n", "A", "1" },
		{ "A=yes\r\nB=1\r\n", "A", "yes\r" },
		{ "A=\n", "A", "" },
		{ "A==eno2\n", "A", "=eno2" },
		{ "export A\nA=3\n", "A", "3" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup(shellvars_done) struct shellvars vars = { 0 };
		shellvars_parse(cases[i].text, strlen(cases[i].text), &vars);
		if (!str_eq(value_of(&vars, cases[i].name), cases[i].want))
			fail_msg("%s: %s is %s, not %s", cases[i].text, cases[i].name,
				 value_of(&vars, cases[i].name), cases[i].want);
	}
}

/* Applies line edits that do not overlap, last line first. */
static void apply(struct str *text, const struct edits *edits)
{
	for (size_t i = edits->count; i > 0; i--) {
		const struct edit *edit = &edits->items[i - 1];
		struct str out = STR_INIT;
		cleanup(str_done) struct str old = STR_INIT;
		uint32_t lines = lines_count(text->s, text->len);

		lines_copy(text->s, text->len, edit->line, edit->count, &old);
		assert_string_equal(old.s, edit->old.s);
		lines_copy(text->s, text->len, 1, edit->line - 1, &out);
		str_add(&out, edit->new.s);
		lines_copy(text->s, text->len, edit->line + edit->count, lines, &out);
		str_done(text);
		*text = out;
	}
}

static void edits(void **state)
{
	static const struct {
		const char *text, *name, *value, *want; /* value NULL: drop */
	} cases[] = {
		{ "A=1\nB=2\n", "A", "9", "A=9\nB=2\n" },
		{ "A=\"1\" # why\n", "A", "9", "A=\"9\" # why\n" },
		{ "A='1'; B=2\n", "A", "9", "A='9'; B=2\n" },
		{ "A=1\nA=2\n", "A", "9", "A=1\nA=9\n" },
		{ "B=2", "A", "9", "B=2\nA=9\n" },
		{ "", "A", "x y", "A=\"x y\"\n" },
		{ "A=1\r\nB=2\r\n", "A", "9", "A=9\r\nB=2\r\n" },
		{ "A=1\nB=2\nA=3\n", "A", NULL, "B=2\n" },
		{ "A=1 B=2\n", "A", NULL, "A= B=2\n" },
		{ "  A=a\\\nb\nC=1\n", "A", "9", "  A=9\nC=1\n" },
		{ "A='x\ny'\nC=1\n", "A", NULL, "C=1\n" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup(shellvars_done) struct shellvars vars = { 0 };
		cleanup(str_done) struct str text = STR_INIT;
		cleanup(edits_done) struct edits made = { 0 };
		str_add(&text, cases[i].text);
		shellvars_parse(text.s, text.len, &vars);
		if (cases[i].value)
			shellvars_edit_set(&vars, "/f", cases[i].name, cases[i].value, &made);
		else
			shellvars_edit_drop(&vars, "/f", cases[i].name, &made);
		apply(&text, &made);
		assert_string_equal(text.s, cases[i].want);
	}
}

enum { FILES = 400 };

/* What we say of A, B and C in the form of the script below; false: not certain of all. */
static bool describe(const struct str *text, struct str *into)
{
	cleanup(shellvars_done) struct shellvars vars = { 0 };
	shellvars_parse(text->s, text->len, &vars);
	for (const char *v = "ABC"; *v; v++) {
		char name[2] = { *v, 0 };
		const char *value;
		switch (shellvars_get(&vars, name, &value)) {
		case SHELLVAR_IS:
			str_addf(into, "%s=[%s]\n", name, value);
			break;
		case SHELLVAR_UNSET:
			str_addf(into, "%s(unset)\n", name);
			break;
		case SHELLVAR_UNKNOWN:
			return false;
		}
	}
	return true;
}

/* Random small files; where we are certain, bash must agree. */
static void bash_agrees(void **state)
{
	static const char *const parts[] = {
		"A=y",	 "A=1 # x\n", "B='a b'\n", "C=c\\\n",	 "\n",	 "\n", "A=\"q r\" ",
		"A=x\n", "B=",	      "C=1",	   "\n",	 "\n",	 "A=", "B=",
		"C=",	 "yes",	      "\"",	   "'",		 "\\",	 " ",  "\n",
		"\n",	 "x",	      "# c",	   ";",		 "$A",	 "\t", "export ",
		"no",	 "\r\n",      "=",	   "(",		 "\\\n", "if", "&",
		")",	 "A='v w'\n", "B=\"q\"\n", "WORD = 1\n",
	};
	char dir[] = "/tmp/shellvars.XXXXXX";
	uint32_t seed = 20241122;
	static struct str texts[FILES];
	struct err err = ERR_INIT;
	cleanup(proc_result_done) struct proc_result result = PROC_RESULT_INIT;
	int certain = 0, wrong = 0;

	(void)state;
	if (!proc_have("bash"))
		skip();
	assert_non_null(mkdtemp(dir));
	for (int i = 0; i < FILES; i++) {
		texts[i] = (struct str)STR_INIT;
		for (int n = 0; n < 6; n++) {
			seed = seed * 1664525u + 1013904223u;
			str_add(&texts[i], parts[(seed >> 16) % ARRAY_LEN(parts)]);
		}
		cleanup(free) char *path = mem_printf("%s/f%d", dir, i);
		assert_int_equal(file_replace(path, texts[i].s, texts[i].len, 0600, &err), 0);
	}
	cleanup(free) char *script = mem_printf(
		"PATH=/nonexistent; cd %s; for ((i = 0; i < %d; i++)); do (trap : EXIT; unset A B "
		"C; . ./f$i "
		">/dev/null; "
		"for v in A B C; do if [ -v $v ]; then printf '%%s=[%%s]\\n' $v \"${!v}\"; else "
		"printf '%%s(unset)\\n' $v; fi; done) 2>/dev/null || :; printf '\\001'; done",
		dir, FILES);
	const char *argv[] = { "bash", "--norc", "-s", NULL };
	struct proc_run run = { .argv = argv,
				.input = script,
				.input_len = strlen(script),
				.deadline_s = 60,
				.max_output_bytes = 1 << 20 };
	assert_int_equal(proc_run(&run, &result, &err), 0);

	const char *at = result.out.s;
	for (int i = 0; i < FILES; i++) {
		const char *end = strchr(at, '\001');
		cleanup(str_done) struct str want = STR_INIT;
		assert_non_null(end);
		if (describe(&texts[i], &want)) {
			certain++;
			if (want.len != (size_t)(end - at) || memcmp(want.s, at, want.len)) {
				wrong++;
				print_error("%s\n--- we: %s--- bash: %.*s\n", texts[i].s, want.s,
					    (int)(end - at), at);
			}
		}
		at = end + 1;
		str_done(&texts[i]);
		cleanup(free) char *path = mem_printf("%s/f%d", dir, i);
		unlink(path);
	}
	rmdir(dir);
	assert_int_equal(wrong, 0);
	assert_in_range(certain, 60, FILES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),
		cmocka_unit_test(edits),
		cmocka_unit_test(bash_agrees),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
