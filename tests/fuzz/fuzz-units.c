/* SPDX-License-Identifier: GPL-2.0-or-later */
/* systemd's units and the settings around them: the reader of sections and its editor, then the checks. */
#include "fs/lines.h"
#include "fs/sections.h"
#include "fs/tree_cow.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/patient.h"

#define DIR "/etc/systemd/system"

static void apply(struct tree *tree, const char *path, const struct edits *edits,
		  enum sections_dialect dialect, struct sections *ret)
{
	cleanup(patch_done) struct patch patch = { 0 };
	cleanup(str_done) struct str text = STR_INIT;
	struct err err;

	if (patch_make(tree, edits, &patch, &err) < 0 || patch_apply(tree, &patch, &err) < 0 ||
	    tree_read(tree, path, TREE_FILE_MAX, &text, &err) < 0)
		fuzz_broken("an edit of sections: %s", err.text);
	sections_parse(&text, dialect, ret);
}

/* What was set is what is read then. */
static void set(struct tree *below, const char *path, const struct sections *sections,
		const char *section, const char *key)
{
	cleanup(tree_close) struct tree *tree = tree_open_cow(below);
	cleanup(edits_done) struct edits edits = { 0 };
	cleanup(sections_done) struct sections now = { 0 };
	const char *got;

	sections_edit_set(sections, path, section, key, "a b", &edits);
	apply(tree, path, &edits, sections->dialect, &now);
	got = sections_get(&now, section, key);
	if (!got || !str_eq(got, "a b"))
		fuzz_broken("%s of [%s] was set and is %s", key, section, got ? got : "nothing");
}

/* What was commented out is gone, and no more than that. */
static void comment(struct tree *below, const char *path, const struct sections *sections,
		    const struct section_item *item)
{
	cleanup(tree_close) struct tree *tree = tree_open_cow(below);
	cleanup(edits_done) struct edits edits = { 0 };
	cleanup(sections_done) struct sections now = { 0 };

	sections_edit_comment(sections, path, item, &edits);
	apply(tree, path, &edits, sections->dialect, &now);
	if (now.count + 1 != sections->count)
		fuzz_broken("one of %zu items was commented out, and %zu are left", sections->count,
			    now.count);
}

static void read_sections(struct tree *tree, const char *name, enum sections_dialect dialect)
{
	cleanup(free) char *path = mem_printf(DIR "/%s", name);
	cleanup(str_done) struct str text = STR_INIT;
	cleanup(sections_done) struct sections sections = { 0 };
	const struct section_item *last = NULL;
	struct err ignored;

	if (tree_read(tree, path, TREE_FILE_MAX, &text, &ignored) < 0)
		return;
	sections_parse(&text, dialect, &sections);
	vec_foreach (item, &sections) {
		if (!item->line || !item->line_count ||
		    item->line + item->line_count - 1 > lines_count(text.s, text.len))
			fuzz_broken("line %u+%u is not in the text", item->line, item->line_count);
		if (item->kind == SECTION_SET)
			last = item;
	}
	set(tree, path, &sections, "Service", "Type");
	if (last && *last->section && *last->key) {
		set(tree, path, &sections, last->section, last->key);
		comment(tree, path, &sections, last);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const checks_meant[] = { "default-target", "unit-",	    "systemd-",
						    "sysctl-memory",  "machine-id", "auditd-",
						    "boot-loop",      "mount-unit", "log-limits",
						    "clock",	      "ssm-agent",  "cloud-init",
						    "user-data",      NULL };
	cleanup(patient_done) struct patient patient;
	cleanup(tree_names_done) struct tree_names names = { 0 };
	struct err ignored;

	patient_read(data, size, &patient);
	if (!tree_list(patient.tree, DIR, &names, &ignored))
		for (size_t i = 0; i < names.count && i < 4; i++) {
			read_sections(patient.tree, names.items[i], SECTIONS_SYSTEMD);
			read_sections(patient.tree, names.items[i], SECTIONS_KEYFILE);
		}
	patient_law(&patient, checks_meant);
	return 0;
}
