/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/boot_choice.h"

static bool has_serial(const struct boot_entry *entry)
{
	static const char *const words[] = { "console=ttyS", "console=ttyAMA", "console=hvc",
					     "console=uart", "earlycon" };
	cleanup(free) char *args = mem_printf(" %s", entry->args);

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		cleanup(free) char *word = mem_printf(" %s", words[i]);

		if (strstr(args, word))
			return true;
	}
	return false;
}

/* Only where the console is known to be blind: it was asked for, and there is nothing on it from the
 * kernel. Plenty of healthy systems do without. */
static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct boot_entry *entry = boot_default(boot_model(machine));
	const char *console = machine_console(machine);
	cleanup(free) char *last = NULL, *new = NULL;
	struct finding *finding;

	(void)err;
	if (!entry || !entry->args[0] || has_serial(entry) || !console ||
	    strstr(console, "Linux version") || strstr(console, "login:") ||
	    strstr(console, "systemd[1]"))
		return 0;
	last = boot_word(entry, "root=");
	finding =
		finding_add(out, SEVERITY_NOTE, REPAIR_OFFERED, "58", entry->file, entry->args_line,
			    "no console=ttyS0 on the kernel's command line: what the boot says is "
			    "not on the instance's console");
	new = last ? mem_printf("%s console=tty0 console=ttyS0,115200n8", last) : NULL;
	if (!new ||
	    !boot_edit_word(machine, boot_model(machine), entry, last, new, false, &finding->edits))
		finding->repair = REPAIR_NONE;
	return 0;
}

const struct check check_boot_console = {
	.name = "boot-console",
	.title = "the boot says nothing on the serial console",
	.explain =
		"An instance has one console, the serial port ttyS0. Without console=ttyS0 the "
		"kernel and systemd talk to a screen that nobody sees, and the console output of "
		"a broken boot is empty. It keeps nobody out; --fix boot-console adds the word "
		"to the entry that starts, so that the next failure can be read.",
	.source = "EC2 User Guide, \"EC2 Serial Console\"; the kernel's serial-console document",
	.rows = "58",
	.repair = REPAIR_OFFERED,
	.needs = NEEDS_CONSOLE,
	.examine = examine,
};
