/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/ifcfg.h"
#include "fs/lines.h"

/* One file that the readers source, and how much hangs on it. */
struct sourced {
	const struct machine *machine;
	const char *path;
	const struct shellvars *vars;
	enum severity severity;
	bool is_bash; /* sourced by bash; false: NetworkManager reads it line by line */
};

static void look_at_crlf(const struct sourced *s, struct findings *out)
{
	cleanup(str_done) struct str clean = STR_INIT;
	struct finding *finding = finding_add(
		out, s->severity, REPAIR_SURE, "111,112", s->path, 1,
		"the lines end in CR LF; bash takes the CR for a part of every value, so that no "
		"device, method or address in the file means what it says");

	lines_drop_crs(&s->vars->text, &clean);
	edit_replace(&finding->edits, s->path, &s->vars->text, &clean);
}

/* A quote that is never closed: bash reads nothing from there on. Closing it at the end of its line
 * is the repair, if the file then reads as plain assignments. */
static void look_at_open_quote(const struct sourced *s, const struct shellvar *var,
			       struct findings *out)
{
	cleanup(str_done) struct str old = STR_INIT, new = STR_INIT, whole = STR_INIT;
	cleanup(shellvars_done) struct shellvars after = { 0 };
	const struct str *text = &s->vars->text;
	uint32_t lines = lines_count(text->s, text->len);
	char quote = text->s[var->value_at];
	struct finding *finding;
	bool is_better;

	lines_copy(text->s, text->len, var->line, 1, &old);
	str_add_bytes(&new, old.s, old.len - (old.len && old.s[old.len - 1] == '\n'));
	str_add_char(&new, quote);
	if (old.len && old.s[old.len - 1] == '\n')
		str_add_char(&new, '\n');
	lines_copy(text->s, text->len, 1, var->line - 1, &whole);
	str_add_bytes(&whole, new.s, new.len);
	lines_copy(text->s, text->len, var->line + 1, lines, &whole);
	shellvars_parse(whole.s, whole.len, &after);
	is_better = strchr("'\"", quote) && !after.has_code;
	finding = finding_add(out, s->severity, is_better ? REPAIR_SURE : REPAIR_NONE, "111,112",
			      s->path, var->line,
			      "the quote in %s is never closed; bash reads neither this line nor "
			      "any line after it",
			      machine_quote(s->machine, old.s, strcspn(old.s, "\n")));
	if (is_better)
		edit_line_bytes(&finding->edits, s->path, var->line, 1, &old, &new);
}

static bool is_plain_assignment(const struct str *line)
{
	cleanup(shellvars_done) struct shellvars vars = { 0 };

	shellvars_parse(line->s, line->len, &vars);
	return vars.count == 1 && vars.items[0].kind == SHELLVAR_SET && vars.items[0].is_alone;
}

/* "BOOTPROTO = dhcp": bash looks for a program called BOOTPROTO. "DNS1= 10.0.0.2" and "DNS1=10.0.0.2 10.0.0.3":
 * the second word is taken for a program, and the assignment is for that program alone. Which of two values was
 * meant nobody can tell. */
static void look_at_stray(const struct sourced *s, const struct shellvar *var, struct findings *out)
{
	cleanup(str_done) struct str line = STR_INIT, new = STR_INIT;
	const struct str *text = &s->vars->text;
	size_t name = strlen(var->name), at, end;
	struct finding *finding;
	bool is_repaired;

	lines_copy(text->s, text->len, var->line, 1, &line);
	at = strspn(line.s, " \t");
	if (!ifcfg_is_vital(var->name) || strncmp(line.s + at, var->name, name) ||
	    shellvars_find(s->vars, var->name))
		return;
	end = at + name + strspn(line.s + at + name, " \t");
	if (line.s[end] != '=')
		return;
	str_add_bytes(&new, line.s, at + name);
	str_add_char(&new, '=');
	end += 1 + strspn(line.s + end + 1, " \t");
	str_add_bytes(&new, line.s + end, line.len - end);
	is_repaired = is_plain_assignment(&new);
	finding = finding_add(out, s->severity, is_repaired ? REPAIR_SURE : REPAIR_NONE, "111,112",
			      s->path, var->line,
			      "%s %s; bash takes it for a command, and %s stays unset",
			      machine_quote(s->machine, line.s, strcspn(line.s, "\n")),
			      str_eq(new.s, line.s) ? "has more than one word behind the = sign"
						    : "has blanks around the = sign",
			      var->name);
	if (is_repaired)
		edit_line_bytes(&finding->edits, s->path, var->line, 1, &line, &new);
}

static int look_at(const struct sourced *s, struct findings *out, struct err *err)
{
	if (s->vars->has_crlf && s->is_bash) {
		look_at_crlf(s, out);
		return 0;
	}
	vec_foreach (var, s->vars) {
		if (var->kind == SHELLVAR_OPEN && s->is_bash)
			look_at_open_quote(s, var, out);
		else if (var->kind == SHELLVAR_STRAY && s->is_bash)
			look_at_stray(s, var, out);
		else if (var->kind == SHELLVAR_CODE && s->severity == SEVERITY_BLOCKS_LOGIN)
			return err_set(err, ERR_COULD_NOT_TELL,
				       "%s holds shell code in line %u; what its settings are "
				       "cannot be told without running it",
				       s->path, var->line);
	}
	return 0;
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	cleanup(ifcfgs_done) struct ifcfgs set = { 0 };
	int status = 0;

	if (ifcfgs_read(machine, &set, err) < 0)
		return -1;
	if (!set.is_read || set.has_wicked)
		return 0;
	if (set.has_network_file) {
		const struct sourced s = {
			.machine = machine,
			.path = set.network_path,
			.vars = &set.network,
			.is_bash = set.has_initscripts,
			.severity = shellvars_find(&set.network, "GATEWAYDEV") ||
						    shellvars_find(&set.network, "GATEWAY")
					    ? SEVERITY_BLOCKS_LOGIN
					    : SEVERITY_NOTE,
		};

		if (s.severity == SEVERITY_BLOCKS_LOGIN || !set.network.has_crlf)
			status = look_at(&s, out, err);
	}
	vec_foreach (file, &set) {
		bool is_primary = file == set.primary && !ifcfgs_other_is_up(&set, file);
		const struct sourced s = {
			.machine = machine,
			.path = file->path,
			.vars = &file->vars,
			.is_bash = file->by == IFCFG_INITSCRIPTS,
			.severity = is_primary ? SEVERITY_BLOCKS_LOGIN : SEVERITY_DELAYS,
		};

		if (ifcfg_is_meant_up(&set, file) && look_at(&s, out, err) < 0)
			status = -1;
	}
	return status;
}

const struct check check_ifcfg_syntax = {
	.name = "ifcfg-syntax",
	.title = "an ifcfg file does not read as it looks",
	.explain = "ifcfg files and /etc/sysconfig/network are sourced by bash. Line ends of "
		   "Windows (CR "
		   "LF) become part of every value, so that BOOTPROTO is not dhcp and DEVICE names "
		   "nothing; "
		   "blanks around the = sign turn a setting into an unknown command; and an open "
		   "quote "
		   "swallows the rest of the file. The repair changes only those bytes. A file "
		   "with real "
		   "shell code in it is reported as one that cannot be told.",
	.source = "bash(1), \"QUOTING\" and \"Simple Commands\"; sysconfig.txt of initscripts",
	.rows = "111,112",
	.repair = REPAIR_SURE,
	.needs = NEEDS_CLOUD,
	.examine = examine,
};
