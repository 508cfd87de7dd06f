/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/fstab_util.h"
#include "checks/kernel_cmdline.h"

/* Does the file system that is not the root carry the tag? Then mount(8) finds a device, and the
 * kernel does not care which. */
static bool is_elsewhere(const struct fstab_view *view, const struct spec *spec)
{
	vec_foreach (fs, view->disks)
		if (spec_is(fs, spec))
			return true;
	return false;
}

static void judge_root_line(const struct fstab_view *view, const struct fstab_entry *entry,
			    struct findings *findings)
{
	cleanup(spec_done) struct spec spec = { 0 };
	cleanup(free) char *right = NULL;
	struct finding *finding;
	bool stays_ro;

	spec_parse(entry->field[FSTAB_SPEC], &spec);
	if (!spec_tag_name(spec.kind) || spec_is(view->root, &spec))
		return;
	right = fstab_spec_for(view, view->root, spec.kind);
	if (!right)
		return;
	stays_ro = spec.is_tag && !is_elsewhere(view, &spec);
	finding = finding_add(findings, stays_ro ? SEVERITY_DELAYS : SEVERITY_NOTE,
			      stays_ro ? REPAIR_SURE : REPAIR_OFFERED, "6", FSTAB_PATH, entry->line,
			      "the line for / names %s, but the root is %s%s",
			      fstab_quote(view, entry->field[FSTAB_SPEC]), fstab_quote(view, right),
			      stays_ro ? ": it cannot be made writable, and services fail or wait "
					 "for minutes"
				       : "");
	fstab_edit_set(view, finding, entry, FSTAB_SPEC, right);
}

/* There are entries, but none for the root. Common, and harmless where the boot loader says "rw".
 */
static void judge_missing(const struct fstab_view *view, struct findings *findings)
{
	enum cmdline_root mode = cmdline_root_mode(view->machine);
	const struct fstab_entry *first = &view->fstab.items[0];
	cleanup(str_done) struct str line = STR_INIT;
	bool stays_ro = mode == CMDLINE_ROOT_RO;
	struct finding *finding;

	str_add(&line, FSTAB_MARK "there was no line for the root\n");
	if (mode == CMDLINE_ROOT_RW || !fstab_add_line(view, view->root, "/", "defaults", &line))
		return;
	finding = finding_add(
		findings, stays_ro ? SEVERITY_DELAYS : SEVERITY_NOTE,
		stays_ro ? REPAIR_SURE : REPAIR_OFFERED, "6", FSTAB_PATH, 0, "no line for /%s",
		stays_ro ? ", and the boot loader mounts it read-only: it stays so, and "
			   "services fail or wait for minutes"
			 : "; unless the boot loader passes \"rw\", it stays read-only");
	edit_lines(&finding->edits, FSTAB_PATH, first->line, 0, "", line.s);
}

static int examine(const struct machine *machine, struct findings *findings, struct err *err)
{
	cleanup(fstab_view_done) struct fstab_view view = { 0 };
	struct err ignored = ERR_INIT;

	/* What cannot be read is fstab-empty's to report. */
	(void)err;
	if (fstab_view_open(machine, &view, &ignored) < 0)
		return 0;
	if (!view.root || !view.fstab.count)
		return 0;
	/* The first line for / counts, for both readers; a malformed one is another check's. */
	vec_foreach (entry, &view.fstab) {
		if (!fstab_is_root(entry))
			continue;
		if (!entry->rejected && !str_eq(entry->field[FSTAB_TYPE], "overlay"))
			judge_root_line(&view, entry, findings);
		return 0;
	}
	judge_missing(&view, findings);
	return 0;
}

const struct check check_fstab_root = {
	.name = "fstab-root",
	.title = "the root's line in fstab is missing or names another file system",
	.explain =
		"At boot the root is remounted writable with the options of its line in "
		"/etc/fstab. "
		"When UUID= or LABEL= in that line is on no disk, mount(8) refuses and the root "
		"stays read-only: the machine answers after three to six minutes, if at all. The "
		"repair puts in the UUID (or LABEL) that the root really has; a missing line is "
		"added when the boot loader mounts the root read-only. The root is never given "
		"nofail.",
	.source = "systemd-remount-fs.service(8); mount(8), remount; seen: \"mount: /: can't find "
		  "UUID=...\", while a wrong /dev path or type does no harm",
	.rows = "6",
	.repair = REPAIR_SURE,
	.needs = NEEDS_DISKS,
	.examine = examine,
};
