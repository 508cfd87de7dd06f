/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/tree_cow.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/patient.h"
#include "tests/fuzz/tree_mem.h"

#include <stdio.h>

#define ROUNDS_MAX 5 /* as in a rehearsal */

static bool is_asked_for(const char *name, const char *const *prefixes)
{
	for (; *prefixes; prefixes++)
		if (str_starts(name, *prefixes))
			return true;
	return false;
}

static void in_form(const struct finding *f)
{
	fuzz_printable("a message", f->message, false);
	if ((f->repair == REPAIR_NONE) != !f->edits.count)
		fuzz_broken("%s: repair %s with %zu edits: %s", f->check->name,
			    repair_class_name(f->repair), f->edits.count, f->message);
	if (f->path && f->path[0] != '/')
		fuzz_broken("%s: a relative path", f->check->name);
}

/* What the examiner hands in is JSON; a finding with a path that is no UTF-8 loses its repair there. */
static bool through_json(struct finding *f)
{
	json_t *json = finding_to_json(f), *again;
	struct finding back;
	struct err err;

	if (!json) {
		edits_done(&f->edits);
		f->repair = REPAIR_NONE;
		return false;
	}
	if (finding_from_json(json, &back, &err) < 0)
		fuzz_broken("%s: not through JSON: %s: %s", f->check->name, f->message, err.text);
	again = finding_to_json(&back);
	if (!json_equal(json, again))
		fuzz_broken("%s: changed by JSON: %s", f->check->name, f->message);
	json_decref(json);
	json_decref(again);
	finding_done(f);
	*f = back;
	return true;
}

static void examine(const struct patient *patient, struct tree *tree, const char *const *prefixes,
		    struct findings *ret)
{
	const struct machine_given given = { .tree = tree,
					     .disks = patient->has_disks ? &patient->disks : NULL,
					     .cloud = &patient->cloud,
					     .console = patient->console,
					     .nat = { "10.0.0.0/16" },
					     .client = { "203.0.113.7", 443 } };
	cleanup(machine_free) struct machine *machine = machine_new(&given);
	struct could_not_tells unknown = { 0 };

	for (size_t i = 0; i < check_count; i++)
		if (is_asked_for(checks[i]->name, prefixes))
			check_run(checks[i], machine, ret, &unknown);
	vec_foreach (u, &unknown)
		fuzz_printable(u->check->name, u->err.text, false);
	vec_done(&unknown);
	vec_foreach (f, ret)
		in_form(f);
}

/* False: nothing to repair. */
static bool repair(struct tree *tree, struct findings *findings, struct patch *ret)
{
	cleanup(edits_done) struct edits edits = { 0 };
	cleanup(str_done) struct str diff = STR_INIT;
	struct err err;

	vec_foreach (f, findings) {
		through_json(f);
		/* What is repaired below the files has proofs of its own, on file systems. */
		if (!finding_is_of_blocks(f))
			edits_add_all(&edits, &f->edits);
	}
	if (!edits.count)
		return false;
	if (patch_make(tree, &edits, ret, &err) < 0) {
		vec_foreach (f, findings)
			if (f->edits.count)
				fprintf(stderr, "%s %s:%u: %s\n", f->check->name,
					f->edits.items[0].path, f->edits.items[0].line, f->message);
		fuzz_broken("the edits make no patch: %s", err.text);
	}
	patch_diff(ret, &diff);
	fuzz_printable("a diff", diff.s, true);
	if (patch_apply(tree, ret, &err) < 0)
		fuzz_broken("the patch does not apply: %s", err.text);
	return true;
}

static void undo(struct tree *tree, struct patch *patches, size_t count)
{
	struct tree_names changed = { 0 };
	struct err err;

	while (count--) {
		if (patch_revert(tree, &patches[count], &changed, &err) < 0)
			fuzz_broken("the patch is not undone: %s", err.text);
		patch_done(&patches[count]);
	}
	if (changed.count)
		fuzz_broken("undoing left %s", changed.items[0]);
	tree_names_done(&changed);
}

/* What was done about it so often, for the one who reads of it. */
static void __attribute__((noreturn))
found_again(const struct finding *f, const struct patch *patches, size_t count)
{
	cleanup(str_done) struct str diff = STR_INIT;

	for (size_t i = 0; i < count; i++)
		patch_diff(&patches[i], &diff);
	fprintf(stderr, "%s", diff.s);
	fuzz_broken("%s: repaired, but found again: %s", f->check->name, f->message);
}

void patient_law(const struct patient *patient, const char *const *prefixes)
{
	cleanup(findings_done) struct findings findings = { 0 };
	cleanup(str_done) struct str before = STR_INIT, after = STR_INIT;
	cleanup(tree_close) struct tree *tree = tree_open_cow(patient->tree);
	struct patch patches[ROUNDS_MAX] = { 0 };
	size_t count = 0;

	examine(patient, tree, prefixes, &findings);
	while (count < ROUNDS_MAX && repair(tree, &findings, &patches[count])) {
		count++;
		findings_done(&findings);
		examine(patient, tree, prefixes, &findings);
	}
	vec_foreach (f, &findings)
		if (through_json(f) && f->edits.count && !finding_is_of_blocks(f))
			found_again(f, patches, count);
	undo(tree, patches, count);
	if (!count)
		return;
	tree_snapshot(patient->tree, "/", &before);
	tree_snapshot(tree, "/", &after);
	if (before.len != after.len || memcmp(before.s, after.s, before.len))
		fuzz_broken("undone, but not as before");
}
