/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sshd_people.h"

/* The first Match line of the file the directive is in. */
static const struct sshd_directive *first_match(const struct sshd_conf *conf,
						const struct sshd_directive *of)
{
	vec_foreach (d, &conf->directives)
		if (sshd_directive_is(d, "match") && str_eq(d->path, of->path))
			return d;
	return NULL;
}

static void move_up(const struct sshd_conf *conf, const struct sshd_directive *d,
		    struct edits *edits)
{
	const struct sshd_directive *match = first_match(conf, d);
	bool file_is_global = match && (!match->scope || conf->scopes.items[match->scope].is_all);
	const char *key = sshd_keyword_key(d->keyword);

	/* Moved, it would count for nothing (or be a second Subsystem) where the global section
	 * has a value already. */
	if (file_is_global && match->line < d->line && !sshd_conf_global(conf, key) &&
	    sshd_directive_is_ours(d)) {
		const char *text = d->text + strspn(d->text, " \t\r");
		cleanup(free) char *line =
			mem_printf("%s%s", text, str_ends(text, "\n") ? "" : "\n");
		edit_lines(edits, d->path, match->line, 0, "", line);
	}
	sshd_edit_comment(edits, d);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct sshd_conf *conf = NULL;

	if (sshd_model(machine, &conf, NULL, err) < 0)
		return -1;
	if (!conf)
		return 0;
	vec_foreach (d, &conf->directives) {
		if (!d->is_scope_problem)
			continue;
		const struct sshd_directive *match =
			&conf->directives.items[conf->scopes.items[d->scope].directive];
		struct finding *f = finding_add(
			out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, sshd_rows(conf, d, "82", "80,82"),
			d->path, d->line,
			"sshd does not start: %s, and the block that begins at %s:%u reaches here",
			d->fatal, match->path, match->line);
		move_up(conf, d, &f->edits);
		sshd_finding_end(f);
	}
	return 0;
}

const struct check check_sshd_match_scope = {
	.name = "sshd-match-scope",
	.title = "a Match block swallows a line that is only allowed outside",
	.explain =
		"A Match block has no end mark: it reaches to the next Match or to the end of its "
		"file. "
		"A line appended below it belongs to the block, and one that may only stand in the "
		"global section (Port, UsePAM, Subsystem, Ciphers, ...) keeps sshd from starting. "
		"The "
		"repair moves the line above the first Match of its file, or makes it a comment "
		"where "
		"the global section has a value for it already.",
	.source = "sshd_config(5) Match; `sshd -t`: Directive is not allowed within a Match block",
	.rows = "80,82",
	.repair = REPAIR_SURE,
	.examine = examine,
};
