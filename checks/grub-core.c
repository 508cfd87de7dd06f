/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/boot_choice.h"
#include "checks/boot_kernels.h"

/* The core of GRUB is outside of all file systems; only the console can tell that it does not fit the
 * modules that it loads. */
static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const char *console = machine_console(machine);
	const char *at = console ? strstr(console, "error: symbol `") : NULL;
	const char *end = at ? strstr(at, "' not found") : NULL;
	const char *dir =
		boot_is_file(machine, "/boot/grub/i386-pc/normal.mod")	  ? "/boot/grub/i386-pc"
		: boot_is_file(machine, "/boot/grub2/i386-pc/normal.mod") ? "/boot/grub2/i386-pc"
									  : NULL;

	(void)err;
	if (!dir || !end || memchr(at, '\n', (size_t)(end - at)))
		return 0;
	finding_add(out, SEVERITY_BLOCKS_BOOT, REPAIR_NONE, "54", dir, 0,
		    "GRUB's modules are not of the version of its core on the disk (%s): it was "
		    "updated on another disk than the one that boots; install it anew with "
		    "grub-install on this one",
		    machine_quote(machine, at, (size_t)(end - at) + 11));
	return 0;
}

const struct check check_grub_core = {
	.name = "grub-core",
	.title = "GRUB's core on the disk and its modules in /boot do not fit",
	.explain =
		"grub-install writes modules to /boot/grub and a core to the start of a disk. When "
		"the configured disk is one of another machine (/dev/xvda on Nitro), an update "
		"changes the modules and leaves the old core, which then stops with \"symbol ... "
		"not "
		"found\" and the prompt grub rescue>. The core is outside of every file system and "
		"has to be installed by the distribution's own grub-install: there is advice, and "
		"no "
		"repair.",
	.source = "Debian bugs of grub-pc, install_devices; GRUB manual, \"Installing GRUB using "
		  "grub-install\"",
	.rows = "54",
	.repair = REPAIR_NONE,
	.needs = NEEDS_CONSOLE,
	.examine = examine,
};
