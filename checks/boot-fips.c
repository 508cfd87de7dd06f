/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/boot_choice.h"

/* The digest of the kernel that dracut's fips module checks: "/boot/.vmlinuz-VERSION.hmac". */
static void judge_digest(const struct machine *machine, const struct boot_entry *entry,
			 const char *word, struct findings *out)
{
	const char *path = entry->kernel.path, *slash;
	cleanup(free) char *digest = NULL, *why = NULL;
	struct tree_stat st;
	struct err missing = ERR_INIT;

	if (!entry->kernel.exists)
		return;
	slash = strrchr(path, '/');
	digest = mem_printf("%.*s.%s.hmac", (int)(slash - path + 1), path, slash + 1);
	if ((!tree_stat(machine_tree(machine), digest, TREE_FOLLOW, &st, &missing) &&
	     st.size_bytes) ||
	    (missing.code && missing.code != ERR_NOTFOUND))
		return;
	why = mem_printf("makes dracut check the kernel by %s, which is %s: the boot stops there",
			 machine_quote(machine, digest, strlen(digest)),
			 missing.code ? "not there" : "empty");
	boot_find_word(machine, entry, out, SEVERITY_BLOCKS_BOOT, REPAIR_OFFERED, "73", word, NULL,
		       why);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct boot_entry *entry = boot_default(boot_model(machine));
	cleanup(free) char *word = entry ? boot_word(entry, "fips=1") : NULL;
	cleanup(free) char *boot = entry ? boot_word(entry, "boot=") : NULL;
	const struct disk_fs *fs;
	cleanup(free) char *new = NULL;

	(void)err;
	/* Other initramfs programs do not look at the word. */
	if (!word || !entry->initrds.count ||
	    !strstr(entry->initrds.items[0].written, "initramfs-"))
		return 0;
	judge_digest(machine, entry, word, out);
	if (boot || !boot_is_separate(machine))
		return 0;
	fs = boot_boot_fs(machine);
	new = fs ? mem_printf("fips=1 boot=UUID=%s", fs->uuid) : NULL;
	boot_find_word(
		machine, entry, out, SEVERITY_BLOCKS_BOOT, new ? REPAIR_SURE : REPAIR_NONE, "73",
		word, new,
		"comes without boot=, but /boot is a file system of its own: dracut does not "
		"find the kernel's digest there, and the boot stops");
	return 0;
}

const struct check check_boot_fips = {
	.name = "boot-fips",
	.title = "FIPS mode is on, and the kernel's digest cannot be checked",
	.explain =
		"With fips=1 dracut compares the kernel with /boot/.vmlinuz-VERSION.hmac before it "
		"goes on, and halts the boot when it does not find that file. Where /boot is a "
		"file "
		"system of its own, boot= has to say which: the repair adds it. A digest that is "
		"missing cannot be made up; taking out fips=1 is offered, for whether the machine "
		"may run without FIPS is not for a program to say.",
	.source = "RHEL Security hardening, \"Switching to FIPS mode\"; dracut, modules.d/01fips",
	.rows = "73",
	.repair = REPAIR_SURE,
	.needs = NEEDS_DISKS,
	.examine = examine,
};
