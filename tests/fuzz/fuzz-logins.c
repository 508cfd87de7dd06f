/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Those who log in and what they may: the grammar of sudoers, then the checks of sudo, PAM and accounts. */
#include "checks/sudoers.h"
#include "fs/lines.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/patient.h"

static void expect_in(uint32_t line, uint32_t count, const struct str *text, const char *what)
{
	if (!line || !count || line + count - 1 > lines_count(text->s, text->len) + 1)
		fuzz_broken("%s in line %u+%u, which is not there", what, line, count);
}

/* What is read stands in the text; what sudo complains of has words that can be printed. */
static void parse(const struct str *text, uint32_t version)
{
	cleanup(sudoers_done) struct sudoers sudoers;

	sudoers_parse(text, version, &sudoers);
	vec_foreach (rule, &sudoers.rules)
		expect_in(rule->line, rule->line_count, text, "a rule");
	vec_foreach (item, &sudoers.defaults)
		expect_in(item->line, item->line_count, text, "a default");
	vec_foreach (problem, &sudoers.problems) {
		expect_in(problem->first, problem->count, text, "a problem");
		fuzz_printable("a problem", problem->what, false);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const checks_meant[] = { "sudo",	"pam-",		"nsswitch",
						    "account-", "nologin",	"login-",
						    "shell-",	"tcp-wrappers", "root-locked",
						    NULL };
	static const uint32_t versions[] = { 10802, SUDO_RECOVERS, 10915 };
	cleanup(patient_done) struct patient patient;
	cleanup(str_done) struct str text = STR_INIT;
	struct err ignored;

	patient_read(data, size, &patient);
	if (!tree_read(patient.tree, "/etc/sudoers", TREE_FILE_MAX, &text, &ignored))
		for (size_t i = 0; i < ARRAY_LEN(versions); i++)
			parse(&text, versions[i]);
	patient_law(&patient, checks_meant);
	return 0;
}
