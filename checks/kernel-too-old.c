/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/boot.h"
#include "checks/check.h"
#include "checks/elf.h"

#include <ctype.h>

static const struct elf *find_libc(const struct machine *machine)
{
	static const char *const paths[] = { "/lib64/libc.so.6", "/lib/x86_64-linux-gnu/libc.so.6",
					     "/lib/aarch64-linux-gnu/libc.so.6",
					     "/usr/lib64/libc.so.6" };

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		const struct elf *elf = elf_read(machine, paths[i]);

		if (elf->kind == ELF_WHOLE && elf->has_abi)
			return elf;
	}
	return NULL;
}

/* Is the kernel of this version older than the note asks for? */
static bool is_older(const char *version, const uint32_t abi[3])
{
	unsigned long have[3] = { 0 };
	const char *p = version;
	size_t count = 0;
	char *end;

	for (; count < 3 && isdigit((unsigned char)*p); p = *end == '.' ? end + 1 : "")
		have[count++] = strtoul(p, &end, 10);
	if (count < 2)
		return false;
	for (size_t i = 0; i < 3; i++)
		if (have[i] != abi[i])
			return have[i] < abi[i];
	return false;
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct boot *boot = boot_model(machine);
	const struct boot_entry *entry = boot_default(boot), *newer = NULL;
	const struct elf *libc = find_libc(machine);

	(void)err;
	if (!libc || !entry || !is_older(entry->version, libc->abi))
		return 0;
	vec_foreach (other, &boot->entries)
		if (other->version[0] && !is_older(other->version, libc->abi) &&
		    !other->is_rescue && boot_entry_is_complete(machine, other) && !newer)
			newer = other;
	finding_add(out, SEVERITY_BLOCKS_BOOT, REPAIR_NONE, "68", entry->file, entry->line,
		    "the kernel %s is older than the C library allows (%u.%u.%u): every program "
		    "ends with "
		    "\"FATAL: kernel too old\"; %s%s",
		    machine_quote(machine, entry->version, strlen(entry->version)), libc->abi[0],
		    libc->abi[1], libc->abi[2],
		    newer ? "make this one the default: " : "a newer kernel has to be installed",
		    newer ? machine_quote(machine, newer->version, strlen(newer->version)) : "");
	return 0;
}

const struct check check_kernel_too_old = {
	.name = "kernel-too-old",
	.title = "the kernel that starts is too old for the C library",
	.explain =
		"The C library carries a note with the oldest kernel that it works with (3.2.0 for "
		"years). After an upgrade of the distribution whose new kernel did not become the "
		"default, as with PV-GRUB's menu.lst that nobody updates, init itself ends with "
		"\"FATAL: kernel too old\" and the kernel panics. Which kernel starts is the boot "
		"menu's business: this one names a newer one that is whole, if there is one.",
	.source = "glibc, NT_GNU_ABI_TAG and --enable-kernel; elf(5)",
	.rows = "68",
	.repair = REPAIR_NONE,
	.examine = examine,
};
