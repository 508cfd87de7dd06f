/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/blocks.h"
#include "checks/boot.h"

#include <inttypes.h>

#define LEAST_BYTES (4u << 20) /* no initramfs fits any more, hardly a kernel */

/* Kernels that the boot does not need: not the one that starts, not the newest. */
static void list_old(const struct machine *machine, struct str *into)
{
	const struct boot *boot = boot_model(machine);
	const struct boot_entry *starts = boot_default(boot);
	const char *newest = starts ? starts->version : "";

	if (!starts)
		return;
	vec_foreach (entry, &boot->entries)
		if (version_compare(entry->version, newest) > 0)
			newest = entry->version;
	vec_foreach (entry, &boot->entries) {
		const char *quoted = machine_quote(machine, entry->version, strlen(entry->version));

		if (!entry->version[0] || str_eq(entry->version, newest) ||
		    str_eq(entry->version, starts->version) || entry->is_rescue ||
		    strstr(into->s, quoted))
			continue;
		str_addf(into, "%s%s", into->len ? ", " : "", quoted);
	}
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct disks *disks = machine_disks(machine);

	(void)err;
	if (!disks)
		return 0;
	vec_foreach (fs, disks) {
		cleanup(str_done) struct str old = STR_INIT;
		const char *target;

		if (!fs->disk || fs->is_root || !fs->state.is_counted || !fs->state.size_bytes ||
		    fs->state.bytes_free >= LEAST_BYTES)
			continue;
		target = blocks_target(machine, fs);
		if (!target || !str_eq(target, "/boot"))
			continue;
		list_old(machine, &old);
		finding_add(
			out, SEVERITY_NOTE, REPAIR_NONE, "27", "/boot", 0,
			"%s: /boot is full (%" PRIu64
			" bytes free of %s), so the next kernel or initramfs will be cut short; "
			"remove old kernels with the package manager%s%s",
			blocks_where_fs(machine, fs), fs->state.bytes_free,
			blocks_size(machine, fs->state.size_bytes),
			old.len ? ": neither started nor newest are " : "", old.s);
	}
	return 0;
}

const struct check check_boot_full = {
	.name = "boot-full",
	.title = "/boot is full",
	.explain =
		"A small /boot fills up with kernels. What is there still boots: whether an image "
		"was "
		"cut short is told by the checks of the boot chain. The next update fails, or "
		"leaves "
		"an initramfs that ends early. Kernels belong to packages, so they are named and "
		"not removed here: apt autoremove, dnf remove --oldinstallonly, zypper "
		"purge-kernels.",
	.source = "update-initramfs(8); dnf(8), installonly_limit; GRUB manual, \"default\"",
	.rows = "27",
	.repair = REPAIR_NONE,
	.needs = NEEDS_DISKS,
	.examine = examine,
};
