/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ifcfg files and their neighbours: the shell's view of assignments, its editor, then the checks. */
#include "fs/lines.h"
#include "fs/shellvars.h"
#include "fs/tree_cow.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/patient.h"

#define PATH "/etc/sysconfig/network-scripts/ifcfg-eth0"

static void apply(struct tree *tree, const struct edits *edits, struct shellvars *ret)
{
	cleanup(patch_done) struct patch patch = { 0 };
	cleanup(str_done) struct str text = STR_INIT;
	struct err err;

	if (patch_make(tree, edits, &patch, &err) < 0 || patch_apply(tree, &patch, &err) < 0 ||
	    tree_read(tree, PATH, TREE_FILE_MAX, &text, &err) < 0)
		fuzz_broken("an edit of a shell file: %s", err.text);
	shellvars_parse(text.s, text.len, ret);
}

/* Dropped where it has neighbours: at least one assignment more is empty. */
static bool is_empty(const struct shellvars *vars, const char *name)
{
	vec_foreach (var, vars)
		if (var->kind == SHELLVAR_SET && str_eq(var->name, name) && !var->is_alone &&
		    var->value && !var->value[0])
			return true;
	return false;
}

/* What was set is what is read then, and what was dropped is gone; all else stays. */
static void edit(struct tree *below, const struct shellvars *vars, const char *name,
		 const char *value)
{
	cleanup(tree_close) struct tree *tree = tree_open_cow(below);
	cleanup(edits_done) struct edits edits = { 0 };
	cleanup(shellvars_done) struct shellvars now = { 0 };
	const char *got = "";

	if (value)
		shellvars_edit_set(vars, PATH, name, value, &edits);
	else
		shellvars_edit_drop(vars, PATH, name, &edits);
	if (!edits.count)
		return;
	apply(tree, &edits, &now);
	/* Lines that end in CR LF keep doing so. */
	if (value &&
	    (shellvars_get(&now, name, &got) != SHELLVAR_IS || !str_starts(got, value) ||
	     !str_eq(got + strlen(value), got[strlen(value)] && vars->has_crlf ? "\r" : "")))
		fuzz_broken("%s was set to %s and is \"%s\"", name, value, got);
	if (!value && shellvars_find(&now, name) && !is_empty(&now, name))
		fuzz_broken("%s was dropped and is there", name);
	vec_foreach (var, vars) {
		const char *old, *new;

		if (var->kind == SHELLVAR_SET && !str_eq(var->name, name) &&
		    (shellvars_get(vars, var->name, &old) != shellvars_get(&now, var->name, &new) ||
		     !str_eq(old, new)))
			fuzz_broken("%s was changed and with it %s", name, var->name);
	}
}

static void parse(struct tree *tree, const struct str *text)
{
	cleanup(shellvars_done) struct shellvars vars = { 0 };

	shellvars_parse(text->s, text->len, &vars);
	vec_foreach (var, &vars) {
		if (var->value_at + var->value_len > text->len || !var->line || !var->line_count ||
		    var->line + var->line_count - 1 > lines_count(text->s, text->len))
			fuzz_broken("line %u+%u is not in the text", var->line, var->line_count);
		if (var->kind == SHELLVAR_SET && !vars.has_code) {
			edit(tree, &vars, var->name, "a b");
			edit(tree, &vars, var->name, NULL);
			break;
		}
	}
	if (!vars.has_code)
		edit(tree, &vars, "ONBOOT", "yes");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const checks_meant[] = { "ifcfg-", "gatewaydev", "network-", "udev-",
						    NULL };
	cleanup(patient_done) struct patient patient;
	cleanup(str_done) struct str text = STR_INIT;
	struct err ignored;

	patient_read(data, size, &patient);
	if (!tree_read(patient.tree, PATH, TREE_FILE_MAX, &text, &ignored))
		parse(patient.tree, &text);
	patient_law(&patient, checks_meant);
	return 0;
}
