/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/boot.h"
#include "checks/check.h"
#include "checks/elf.h"
#include "checks/packages.h"

/* Does the boot ask for another init than the usual one? */
static bool has_own_init(const struct machine *machine)
{
	const struct boot_entry *entry = boot_default(boot_model(machine));

	return entry && (strstr(entry->args, " init=") || str_starts(entry->args, "init=") ||
			 strstr(entry->args, "rdinit="));
}

/* A whole system, not a piece of one: its shell is a program. */
static bool is_whole_system(const struct machine *machine)
{
	static const char *const shells[] = { "/bin/sh", "/usr/bin/sh", "/bin/bash",
					      "/usr/bin/bash" };

	for (size_t i = 0; i < ARRAY_LEN(shells); i++)
		if (elf_read(machine, shells[i])->kind == ELF_WHOLE)
			return true;
	return false;
}

static const char *find_systemd(const struct machine *machine)
{
	static const char *const paths[] = { "/usr/lib/systemd/systemd", "/lib/systemd/systemd" };

	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		if (elf_read(machine, paths[i])->kind == ELF_WHOLE)
			return paths[i];
	return NULL;
}

static bool should_be_there(const struct machine *machine)
{
	static const char *const packages[] = { "systemd-sysv", "sysvinit-core", "upstart",
						"sysvinit" };
	static const char *const witnesses[] = { "/etc/inittab", "/usr/lib/systemd/system",
						 "/lib/systemd/system", "/etc/init/rc.conf" };

	for (size_t i = 0; i < ARRAY_LEN(packages); i++)
		if (package_lists(machine, packages[i], "/sbin/init"))
			return true;
	for (size_t i = 0; i < ARRAY_LEN(witnesses); i++)
		if (tree_exists(machine_tree(machine), witnesses[i]))
			return true;
	return false;
}

static const char *problem_of(const struct elf *init)
{
	switch (init->kind) {
	case ELF_ABSENT:
		return "is not there or leads nowhere";
	case ELF_EMPTY:
		return "is empty";
	case ELF_DAMAGED:
		return "is cut off or damaged";
	default: /* a script may be an init */
		return NULL;
	}
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct elf *init = elf_read(machine, "/sbin/init");
	const char *problem = problem_of(init), *systemd;
	struct finding *finding;
	/* /sbin may be what is missing: that is another finding, and this one goes with it. */
	bool has_dir = tree_is_dir(machine_tree(machine), "/sbin");

	(void)err;
	if (!problem || !has_dir || !is_whole_system(machine) || has_own_init(machine))
		return 0;
	systemd = find_systemd(machine);
	if (!systemd && !should_be_there(machine))
		return 0;
	finding = finding_add(
		out, SEVERITY_BLOCKS_BOOT, systemd ? REPAIR_SURE : REPAIR_NONE, "60", "/sbin/init",
		0,
		systemd ? "/sbin/init %s, so the kernel has nothing to start; %s is "
			  "there and whole"
			: "/sbin/init %s, so the kernel has nothing to start; its package "
			  "has to be installed again%s",
		problem, systemd ?: "");
	if (systemd)
		edit_symlink(&finding->edits, "/sbin/init", systemd);
	return 0;
}

const struct check check_init_program = {
	.name = "init-program",
	.title = "/sbin/init is missing or damaged",
	.explain =
		"The first program of the system is /sbin/init, a link to systemd nearly "
		"everywhere. Removed together with a package (systemd-sysv), or cut off by a full "
		"disk, it leaves the kernel with \"No working init found\" or the initramfs with a "
		"shell that nobody reaches. Where systemd itself is whole the link to it is made "
		"again; else the package has to be installed again. A kernel command line with its "
		"own init= is left alone.",
	.source = "bootup(7); kernel's init/main.c, kernel_init(); initramfs-tools, validate_init; "
		  "systemd(1)",
	.rows = "60",
	.repair = REPAIR_SURE,
	.examine = examine,
};
