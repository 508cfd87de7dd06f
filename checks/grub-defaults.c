/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "fs/lines.h"
#include "fs/shellvars.h"

#define PATH	  "/etc/default/grub"
#define LINES_MAX 2000u

/* "GRUB_TIMEOUT = 5" without the blanks, when what was meant is beyond doubt. NULL otherwise. */
static char *meant(const char *line, size_t name_len)
{
	const char *value = line + name_len + strspn(line + name_len, " \t");
	char quote;
	size_t len;

	if (*value != '=')
		return NULL;
	value++;
	value += strspn(value, " \t");
	quote = *value == '"' || *value == '\'' ? *value : '\0';
	len = quote ? strcspn(value + 1, quote == '"' ? "\"\n" : "'\n") + 1
		    : strcspn(value, " \t\r\n");
	if (quote && value[len] != quote)
		return NULL;
	len += quote != 0;
	/* Nothing more than a comment behind it. */
	if (!strchr("\r\n#", value[len + strspn(value + len, " \t")]))
		return NULL;
	return mem_printf("%.*s=%s", (int)name_len, line, value);
}

/* A name of GRUB's and a blank: bash takes it for a command. */
static void judge_line(const struct machine *machine, const struct str *text, uint32_t number,
		       struct findings *out)
{
	cleanup(str_done) struct str line = STR_INIT;
	cleanup(free) char *new = NULL;
	struct finding *finding;
	size_t len;

	lines_copy(text->s, text->len, number, 1, &line);
	len = strspn(line.s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
	if (!str_starts(line.s, "GRUB_") || (line.s[len] != ' ' && line.s[len] != '\t') ||
	    strchr("\r\n#", line.s[len + strspn(line.s + len, " \t")]))
		return;
	finding = finding_add(out, SEVERITY_NOTE, REPAIR_OFFERED, "52", PATH, number,
			      "%s is run as a command here, which there is not: the next "
			      "update-grub or kernel update fails and leaves the old menu",
			      machine_quote(machine, line.s, len));
	new = meant(line.s, len);
	if (new)
		lines_edit_replace(&finding->edits, PATH, text, number, 1, new);
	else
		lines_edit_comment(&finding->edits, PATH, text, number, 1);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	cleanup(shellvars_done) struct shellvars vars = { 0 };
	const struct str *text = machine_file(machine, PATH, err);
	uint32_t count;

	if (!text) {
		err_clear(err);
		return 0;
	}
	/* In a document for a command (<<) every line may be anything. */
	if (strstr(text->s, "<<"))
		return 0;
	shellvars_parse(text->s, text->len, &vars);
	count = lines_count(text->s, text->len);
	if (count > LINES_MAX)
		return err_set(err, ERR_MALFORMED, "%s has %u lines", PATH, count);
	vec_foreach (var, &vars)
		if (var->kind == SHELLVAR_OPEN) {
			finding_add(
				out, SEVERITY_NOTE, REPAIR_NONE, "52", PATH, var->line,
				"a quote is never closed: the next update-grub or kernel update "
				"fails and leaves the old menu");
			return 0;
		}
	for (uint32_t number = 1; number <= count; number++) {
		bool is_inside = false; /* of a value of several lines */

		vec_foreach (var, &vars)
			is_inside |= number > var->line && number < var->line + var->line_count;
		if (!is_inside)
			judge_line(machine, text, number, out);
	}
	return 0;
}

const struct check check_grub_defaults = {
	.name = "grub-defaults",
	.title = "/etc/default/grub cannot be read by update-grub",
	.explain =
		"GRUB reads /boot/grub/grub.cfg; /etc/default/grub is read when that is made anew. "
		"grub-mkconfig sources it as a shell script and ends at the first command that "
		"fails: a line such as `GRUB_TIMEOUT = 5` or a quote that is never closed makes "
		"every update of the menu fail, and a new kernel never gets into it. It keeps "
		"nobody out today, so it is a note; --fix grub-defaults takes the blanks out, or "
		"comments the line.",
	.source = "grub-mkconfig, `set -e` and `. /etc/default/grub`; bash(1)",
	.rows = "52",
	.repair = REPAIR_OFFERED,
	.examine = examine,
};
