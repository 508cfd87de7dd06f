/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is said of a unit's fault, and the edits that take it away. */
#include "checks/unit_faults.h"
#include "fs/lines.h"

void unit_fault_says(const struct machine *machine, const struct unit_fault *fault,
		     struct str *into)
{
	const char *what = machine_quote(machine, fault->what, strlen(fault->what));

	switch (fault->kind) {
	case UNIT_NO_COMMAND:
		str_add(into, "has no ExecStart any more, because an empty one resets it");
		return;
	case UNIT_TWO_COMMANDS:
		str_add(into, "has a second ExecStart without an empty one before it, which only "
			      "Type=oneshot may");
		return;
	case UNIT_NO_PROGRAM:
		str_addf(into, "runs %s, which is not there", what);
		return;
	case UNIT_NOT_EXECUTABLE:
		str_addf(into, "runs %s, which is not executable", what);
		return;
	case UNIT_NO_FILE:
		str_addf(into, "needs the file %s, which is not there", what);
		return;
	case UNIT_NO_DIRECTORY:
		str_addf(into, "needs the directory %s, which is not there", what);
		return;
	case UNIT_NO_USER:
		str_addf(into, "runs as %s %s, who does not exist",
			 str_eq(fault->item->key, "User") ? "user" : "group", what);
		return;
	case UNIT_CONDITION:
		str_addf(into, "is only started when %s=%s holds, and it does not",
			 fault->item->key, what);
		return;
	case UNIT_NO_UNIT:
		str_addf(into, "requires %s, which is masked or not there", what);
		return;
	case UNIT_NEVER_FORKS:
		str_addf(into,
			 "is of Type=forking, but %s stays in the foreground: the start times out "
			 "and is killed",
			 what);
	}
}

/* Comments out the command and, where it is the one that takes the place of the package's, the reset
 * before it: they belong together. */
static void comment_command(const struct unit_fault *fault, struct edits *edits)
{
	vec_foreach (item, &fault->file->sections)
		if (item == fault->item ||
		    (item->kind == SECTION_SET && str_eq(item->section, "Service") &&
		     str_eq(item->key, "ExecStart") && str_eq(fault->item->key, "ExecStart") &&
		     !*item->value))
			sections_edit_comment(&fault->file->sections, fault->file->path, item,
					      edits);
}

void unit_fault_repair(const struct machine *machine, const struct unit *unit,
		       const struct unit_fault *fault, struct edits *edits)
{
	const struct str *text = &fault->file->sections.text;
	struct err ignored = ERR_INIT;
	struct tree_stat st;

	switch (fault->kind) {
	case UNIT_TWO_COMMANDS:
		/* What was meant: this one instead of the package's. */
		if (fault->file != unit->files.items)
			lines_edit_insert(edits, fault->file->path, text, fault->item->line,
					  "ExecStart=\n");
		else
			sections_edit_comment(&fault->file->sections, fault->file->path,
					      fault->item, edits);
		return;
	case UNIT_NO_UNIT:
		unit_edit_drop_word(fault->file, fault->item, fault->what, edits);
		return;
	case UNIT_NOT_EXECUTABLE:
		if (!tree_stat(machine_tree(machine), fault->what, TREE_NOFOLLOW, &st, &ignored) &&
		    S_ISREG(st.mode))
			edit_mode(edits, fault->what, &st,
				  (st.mode & 07777) | 0500 | ((st.mode & 0444) >> 2), st.uid,
				  st.gid);
		return;
	case UNIT_NO_COMMAND:
	case UNIT_NO_PROGRAM:
		/* In the unit's only file there is nothing to fall back on. */
		if (fault->file != unit->files.items || !str_eq(fault->item->key, "ExecStart"))
			comment_command(fault, edits);
		return;
	default:
		sections_edit_comment(&fault->file->sections, fault->file->path, fault->item,
				      edits);
	}
}
