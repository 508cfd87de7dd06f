/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/boot_choice.h"
#include "checks/boot_past.h"
#include "checks/kernel_cmdline.h"

#include <ctype.h>

#define TAIL_LEN (1u << 20)

/* Panics that are somebody else's fault: no root, no init. Their own checks speak. */
static const char *const not_its_own[] = { "Unable to mount root", "No working init",
					   "Requested init",	   "Attempted to kill init",
					   "no killable",	   "Cannot open root device" };

/* "Linux version 6.1.0-18-cloud-amd64 (...": the version of the boot that the text is of. */
static char *version_in(const char *text)
{
	static const char mark[] = "Linux version ";
	const char *at = NULL;

	for (const char *p = text; (p = strstr(p, mark)); p += strlen(mark))
		at = p + strlen(mark);
	return at ? mem_strndup(at, strcspn(at, " \t\r\n")) : NULL;
}

/* The entry that the last boot in the logs was: it came far enough to be logged. */
static const struct boot_entry *entry_that_worked(const struct machine *machine,
						  const struct boot *boot, const char *panicked)
{
	const char *past = boot_past_cmdline(machine);
	const char *image = past ? cmdline_word(past, "BOOT_IMAGE=") : NULL;
	cleanup(free) char *word = image ? mem_strndup(image, strcspn(image, " \t")) : NULL;

	vec_foreach (entry, &boot->entries)
		if (word && entry->version[0] && !entry->is_rescue &&
		    !str_eq(entry->version, panicked) && str_ends(word, entry->version) &&
		    boot_entry_is_complete(machine, entry))
			return entry;
	return NULL;
}

static void judge_panic(const struct machine *machine, struct findings *out)
{
	const struct boot *boot = boot_model(machine);
	const struct boot_entry *entry = boot_default(boot), *other;
	const char *console = machine_console(machine);
	const char *panic = console ? strstr(console, "Kernel panic - not syncing") : NULL;
	cleanup(free) char *version = panic ? version_in(console) : NULL;
	struct finding *finding;
	bool has_worked;

	for (size_t i = 0; panic && i < ARRAY_LEN(not_its_own); i++)
		if (strstr(console, not_its_own[i]))
			return;
	if (!panic || !entry || !entry->version[0] || (version && !str_eq(version, entry->version)))
		return;
	other = entry_that_worked(machine, boot, entry->version);
	has_worked = other && version;
	if (!other)
		other = boot_other(machine, boot, entry);
	finding = finding_add(out, SEVERITY_BLOCKS_BOOT, has_worked ? REPAIR_SURE : REPAIR_OFFERED,
			      "47", entry->kernel.path, 0, "the default kernel %s panics (%s)%s",
			      machine_quote(machine, entry->version, strlen(entry->version)),
			      machine_quote(machine, panic, strcspn(panic, "\r\n")),
			      has_worked ? "; the last boot in the logs was of another one" : "");
	/* A console that does not name its kernel says the same of the next one, too. */
	if (!other || !version || !boot_edit_default(machine, boot, other, &finding->edits))
		finding->repair = REPAIR_NONE;
}

/* What the kernel complained of in its last boot, that no setting on the volume mends. */
static void judge_text(const char *path, const char *text, struct findings *out)
{
	static const struct {
		const char *sign, *what;
		unsigned times;
	} signs[] = { { "soft lockup", "processors that hung", 1 },
		      { "kernel BUG at", "an error of the kernel itself", 1 },
		      { "Oops: ", "an error of the kernel itself", 1 },
		      { "blocked for more than", "processes that waited minutes for a device", 3 },
		      { "Out of memory: Kill",
			"one process after another killed for want of memory", 3 } };
	const char *last = text;

	for (const char *p = text; (p = strstr(p, "Linux version ")); p++)
		last = p;
	for (size_t i = 0; i < ARRAY_LEN(signs); i++) {
		unsigned times = 0;

		for (const char *p = last; (p = strstr(p, signs[i].sign)); p++)
			times++;
		if (times >= signs[i].times) {
			finding_add(out, SEVERITY_NOTE, REPAIR_NONE, "69", path, 0,
				    "the last boot shows %s (%u times \"%s\"); a larger instance "
				    "type or another kernel may help",
				    signs[i].what, times, signs[i].sign);
			return;
		}
	}
}

static void judge_logs(const struct machine *machine, struct findings *out)
{
	static const char *const logs[] = { "/var/log/kern.log", "/var/log/messages" };
	const char *console = machine_console(machine);

	if (console)
		judge_text(NULL, console, out);
	for (size_t i = 0; i < ARRAY_LEN(logs) && !out->count; i++) {
		cleanup(str_done) struct str text = STR_INIT;
		struct err ignored = ERR_INIT;
		struct tree_stat st;
		uint64_t at;

		if (tree_stat(machine_tree(machine), logs[i], TREE_FOLLOW, &st, &ignored) < 0)
			continue;
		at = st.size_bytes > TAIL_LEN ? st.size_bytes - TAIL_LEN : 0;
		if (!tree_read_at(machine_tree(machine), logs[i], at, TAIL_LEN, &text, &ignored) &&
		    text.len)
			judge_text(logs[i], text.s, out);
	}
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	size_t before = out->count;

	(void)err;
	judge_panic(machine, out);
	if (out->count == before) {
		cleanup(findings_done) struct findings notes = { 0 };

		judge_logs(machine, &notes);
		vec_foreach (note, &notes)
			finding_add(out, note->severity, note->repair, note->rows, note->path, 0,
				    "%s", note->message);
	}
	return 0;
}

const struct check check_kernel_panic = {
	.name = "kernel-panic",
	.title = "the default kernel panics, or complained of what no setting mends",
	.explain =
		"After an update the new kernel may panic where the old one ran. When the console "
		"shows the panic and the version, and the last boot in the logs was of another "
		"kernel that is still whole, that one becomes the default: sure. Without such a "
		"witness it is offered. Panics for want of a root or an init are the business of "
		"other checks. Lockups, oopses and a row of processes killed for memory, on the "
		"console or in kern.log since the last boot, are notes: advice only.",
	.source =
		"EC2 User Guide, \"Troubleshoot system log errors\"; GRUB manual, \"default\"; the "
		"kernel's bug-hunting document",
	.rows = "47,69",
	.repair = REPAIR_SURE,
	.needs = NEEDS_CONSOLE,
	.examine = examine,
};
