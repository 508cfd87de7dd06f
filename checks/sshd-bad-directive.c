/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sshd_people.h"
#include "checks/near_word.h"

/* The keyword that a typo was meant to be; NULL: none is near. */
static const char *meant(const char *name)
{
	const struct sshd_keyword *best = NULL;
	size_t best_distance = 3;

	for (const struct sshd_keyword *k = NULL; (k = sshd_keyword_next(k));) {
		size_t d = word_distance(name, strlen(name), k->name);
		if (d < best_distance) {
			best = k;
			best_distance = d;
		}
	}
	return best ? best->name : NULL;
}

/* A byte order mark that some editors put in front: without it the line may be fine. */
static bool strip_mark(const struct sshd_conf *conf, const struct machine *machine,
		       const struct sshd_directive *d, struct finding *f)
{
	static const char mark[] = "\xef\xbb\xbf";

	if (!str_starts(d->text, mark) || !sshd_directive_is_ours(d) || d->is_option)
		return false;
	const char *rest = d->text + strlen(mark);
	cleanup(free) char *line = mem_strdup(rest);
	line[strcspn(line, "\n")] = '\0';
	cleanup(free) char *problem = sshd_line_problem(conf, machine, line);
	if (problem)
		return false;
	edit_lines(&f->edits, d->path, d->line, 1, d->text, rest);
	return true;
}

/* Without its Match line a block would count for everybody: the whole block becomes comments. */
static void comment_block(const struct sshd_conf *conf, const struct sshd_directive *match,
			  struct edits *edits)
{
	size_t index = (size_t)(match - conf->directives.items);

	sshd_edit_comment(edits, match);
	for (size_t s = 1; s < conf->scopes.count; s++) {
		if (conf->scopes.items[s].directive != index)
			continue;
		vec_foreach (d, &conf->directives)
			if (d->scope == s && d != match && str_eq(d->path, match->path) &&
			    !sshd_directive_is(d, "match"))
				sshd_edit_comment(edits, d);
	}
}

/* Is the line commented anyway, with the bad Match line above it? */
static bool is_in_bad_block(const struct sshd_conf *conf, const struct sshd_directive *d)
{
	const struct sshd_scope *scope = &conf->scopes.items[d->scope];

	return d->scope && !sshd_directive_is(d, "match") &&
	       conf->directives.items[scope->directive].fatal &&
	       str_eq(conf->directives.items[scope->directive].path, d->path);
}

static void report(const struct sshd_conf *conf, const struct machine *machine,
		   const struct sshd_directive *d, struct findings *out)
{
	const char *near = d->keyword || d->included ? NULL : meant(d->name);
	struct finding *f = finding_add(
		out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, sshd_rows(conf, d, "79", "79,80"), d->path,
		d->line, "sshd does not start: %s%s%s%s", d->fatal, near ? " (was " : "",
		near ? near : "", near ? " meant?)" : "");

	if (d->included)
		edit_remove(&f->edits, d->included);
	else if (sshd_directive_is(d, "match"))
		comment_block(conf, d, &f->edits);
	else if (!strip_mark(conf, machine, d, f))
		sshd_edit_comment(&f->edits, d);
	sshd_finding_end(f);
}

/* Both commands that need a user to run as; sshd looks at the global section when it starts. */
static void report_command(const struct sshd_conf *conf, const char *key, const char *user_key,
			   struct findings *out)
{
	const struct sshd_directive *command = sshd_conf_global(conf, key);

	if (!command || sshd_conf_global(conf, user_key) ||
	    !strcasecmp(sshd_directive_arg(command), "none"))
		return;
	struct finding *f = finding_add(
		out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE,
		sshd_rows(conf, command, "79,85", "79,80,85"), command->path, command->line,
		"sshd does not start: %s is set without %sUser", command->name, command->name);
	sshd_edit_comment(&f->edits, command);
	sshd_finding_end(f);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct sshd_conf *conf = NULL;

	if (sshd_model(machine, &conf, NULL, err) < 0)
		return -1;
	if (!conf || sshd_conf_is_garbage(conf))
		return 0; /* the file is restored as a whole */
	vec_foreach (d, &conf->directives)
		if (d->fatal && !d->is_scope_problem && !is_in_bad_block(conf, d))
			report(conf, machine, d, out);
	report_command(conf, "authorizedkeyscommand", "authorizedkeyscommanduser", out);
	report_command(conf, "authorizedprincipalscommand", "authorizedprincipalscommanduser", out);
	return 0;
}

const struct check check_sshd_bad_directive = {
	.name = "sshd-bad-directive",
	.title = "sshd_config holds a line that sshd refuses",
	.explain =
		"sshd reads its whole configuration before it opens a port; one unknown keyword, "
		"one "
		"impossible value, one algorithm that this version does not know, and it does not "
		"start. The lines are judged by the tables of the sshd that is on the volume (its "
		"version and the keywords in its binary), so what an upgrade removed is seen too. "
		"The "
		"repair makes the line a comment in the file it is in; a whole Match block where "
		"the "
		"Match line itself is bad, for its lines must not suddenly count for everybody.",
	.source = "sshd_config(5) and the behaviour of `sshd -t`, with which it agrees over "
		  "real-world "
		  "files",
	.rows = "79,80,85",
	.repair = REPAIR_SURE,
	.examine = examine,
};
