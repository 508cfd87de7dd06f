/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sshd_people.h"

#include "fs/lines.h"

#include <strings.h>

/* The few ways in which a line of sshd_config is repaired. */

bool sshd_directive_is_ours(const struct sshd_directive *d)
{
	if (d->has_nul || !*d->text)
		return false;
	if (d->is_option) /* a variable; the unit's own command is not */
		return str_starts(d->path, "/etc/default/") ||
		       str_starts(d->path, "/etc/sysconfig/");
	return str_starts(d->path, "/etc/") && !str_starts(d->path, "/etc/crypto-policies/");
}

void sshd_edit_comment(struct edits *edits, const struct sshd_directive *d)
{
	if (!sshd_directive_is_ours(d))
		return;
	cleanup(free) char *commented = mem_printf(LINES_MARK "%s", d->text);
	edit_lines(edits, d->path, d->line, 1, d->text, commented);
}

static bool same_arguments(const struct sshd_directive *a, const struct sshd_directive *b)
{
	bool same = a->arg_count == b->arg_count;

	for (size_t i = 0; same && i < a->arg_count; i++)
		same = !strcasecmp(a->args[i], b->args[i]);
	return same;
}

void sshd_edit_comment_all(struct edits *edits, const struct sshd_conf *conf,
			   const struct machine *machine, const struct person *person,
			   const struct sshd_directive *first)
{
	const char *key = sshd_keyword_key(first->keyword);

	vec_foreach (d, &conf->directives)
		if (!d->fatal && sshd_directive_is(d, key) && same_arguments(d, first) &&
		    scope_applies(conf, machine, d->scope, person) != GATE_FAIL)
			sshd_edit_comment(edits, d);
}

void sshd_edit_add_word(struct edits *edits, const struct sshd_directive *d, const char *word)
{
	size_t indent = strspn(d->text, " \t\r"), name = strlen(d->name);

	if (!sshd_directive_is_ours(d) || d->is_option || strncmp(d->text + indent, d->name, name))
		return;
	size_t at = indent + name;
	at += strspn(d->text + at, " \t=");
	cleanup(free) char *changed = mem_printf("%.*s%s %s", (int)at, d->text, word, d->text + at);
	edit_lines(edits, d->path, d->line, 1, d->text, changed);
}

const char *sshd_rows(const struct sshd_conf *conf, const struct sshd_directive *d,
		      const char *alone, const char *in_drop_in)
{
	return d && !d->is_option && !str_eq(d->path, conf->path) ? in_drop_in : alone;
}

void sshd_finding_end(struct finding *finding)
{
	if (!finding->edits.count)
		finding->repair = REPAIR_NONE;
}
