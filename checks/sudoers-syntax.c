/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sudoers.h"
#include "fs/lines.h"

/* Where the entry begins for a person: sudo's scanner takes nothing from some continued lines before it,
 * but a comment below one of them would be its continuation. */
static void whole_entry(const struct str *text, const struct sudoers_problem *problem,
			uint32_t *ret_first, uint32_t *ret_count)
{
	size_t at = lines_offset(text, problem->first);
	uint32_t line = problem->first;

	while (line > 1 && at >= 2 && text->s[at - 2] == '\\') {
		size_t end = at - 1; /* of the line before */

		for (at = end; at > 0 && text->s[at - 1] != '\n';)
			at--;
		if (memchr(text->s + at, '\0', end - at))
			break; /* which ends the line for sudo */
		line--;
	}
	*ret_first = line;
	*ret_count = problem->first + problem->count - line;
}

static void comment_with_reason(const struct machine *machine, struct finding *finding,
				const struct sudoers_problem *problem)
{
	struct err err = ERR_INIT;
	const struct str *text = machine_file(machine, problem->path, &err);
	uint32_t first, count;

	if (!text)
		return;
	whole_entry(text, problem, &first, &count);
	lines_edit_comment(&finding->edits, problem->path, text, first, count);
}

/* The entry as it was meant, in place of the broken one, which stays as a comment. */
static void replace(const struct machine *machine, const struct sudoers_problem *problem,
		    const struct sudoers_intent *intent, const struct person *admin,
		    struct edits *edits)
{
	struct err err = ERR_INIT;
	const struct str *text = machine_file(machine, problem->path, &err);
	cleanup(str_done) struct str old = STR_INIT, new = STR_INIT;
	bool no_password = intent->is_without_password || !admin->has_password;
	uint32_t first, count;

	if (!text)
		return;
	whole_entry(text, problem, &first, &count);
	lines_copy(text->s, text->len, first, count, &old);
	for (const char *p = old.s; *p; p += strcspn(p, "\n"), p += *p == '\n')
		str_addf(&new, LINES_MARK "%.*s\n", (int)strcspn(p, "\r\n"), p);
	str_addf(&new, "%s ALL=(ALL%s) %sALL\n", intent->name, intent->has_group ? ":ALL" : "",
		 no_password ? "NOPASSWD:" : "");
	lines_edit_replace(edits, problem->path, text, first, count, new.s);
}

static void report(const struct machine *machine, const struct sudo_people *people,
		   const struct sudoers_problem *problem, struct findings *out)
{
	bool goes_on = sudo_recovers(machine);
	bool locks_out = people->admin && !people->somebody_may && !people->root_logs_in;
	struct err err = ERR_INIT;
	const struct str *file = machine_file(machine, problem->path, &err);
	cleanup(str_done) struct str text = STR_INIT;
	cleanup(sudoers_intent_done) struct sudoers_intent intent = { 0 };
	struct finding *finding;

	if (file)
		lines_copy(file->s, file->len, problem->first, problem->count, &text);
	if (people->admin)
		sudoers_intent_read(machine, problem, people->admin, &intent);
	bool is_the_one = locks_out && intent.is_for_admin;
	finding = finding_add(
		out,
		is_the_one || (!goes_on && !people->root_logs_in) ? SEVERITY_BLOCKS_LOGIN
		: goes_on					  ? SEVERITY_NOTE
								  : SEVERITY_DELAYS,
		(is_the_one && intent.is_clear) || !goes_on ? REPAIR_SURE : REPAIR_OFFERED,
		str_eq(problem->path, sudoers_path(machine)) ? "103" : "104", problem->path,
		problem->line, "sudo cannot read %s (%s): %s",
		machine_quote(machine, text.s, strcspn(text.s, "\r\n")), problem->what,
		!goes_on     ? "this version then refuses to run, for everybody"
		: is_the_one ? "the rule is dropped, and nobody who can log in may become root"
			     : "the line is passed over, what it says does not count");
	if (is_the_one && (intent.is_clear || goes_on))
		replace(machine, problem, &intent, people->admin, &finding->edits);
	else
		comment_with_reason(machine, finding, problem);
	if (!finding->edits.count)
		finding->repair = REPAIR_NONE;
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct sudoers *sudoers = sudoers_model(machine);
	const struct sudoers_problem *last = NULL;
	struct sudo_people people;
	bool is_garbage = sudoers_is_garbage(sudoers); /* replaced as a whole: sudoers-missing */
	unsigned reported = 0;

	if (!sudoers->problems.count)
		return 0;
	if (sudo_people_load(machine, sudoers, &people, err) < 0)
		return -1;
	vec_foreach (problem, &sudoers->problems) {
		bool same = last && last->path == problem->path && last->first == problem->first;
		last = problem;
		if (same || (problem->is_missing_include && sudo_recovers(machine)) ||
		    (problem->path == sudoers->files.items[0]->path && is_garbage))
			continue;
		if (++reported > 100)
			return err_set(err, ERR_MALFORMED,
				       "%s: more than 100 lines that sudo cannot read",
				       problem->path);
		report(machine, &people, problem, out);
	}
	return 0;
}

const struct check check_sudoers_syntax = {
	.name = "sudoers-syntax",
	.title = "sudo cannot read a line of its rules",
	.explain =
		"Before version 1.9.3 one line with a syntax error in /etc/sudoers, or in a file "
		"that it includes, makes sudo refuse to run, so that nobody can become root. "
		"Newer ones drop the line and go on: harmless, unless it is the line that gives "
		"the right to those who can log in. The repair makes the broken line a comment; "
		"where the right itself was in it, and it is plain what it was to say, the "
		"line as it was meant stands below it.",
	.source =
		"sudoers(5); sudo's UPGRADE notes on 1.9.3, error_recovery; visudo(8) as the judge "
		"of syntax",
	.rows = "103,104",
	.repair = REPAIR_SURE,
	.examine = examine,
};
