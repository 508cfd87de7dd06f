/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/boot_choice.h"

/* Where another copy of the file may be: kept aside by a person or a tool, or (the kernel) where the
 * package has it, from where kernel-install copies it to /boot. NULL: nowhere. */
static char *copy_of(const struct machine *machine, const struct boot_entry *entry,
		     const struct boot_file *file)
{
	static const char *const ends[] = { ".bak", ".old",    ".orig",	    ".save",	"~",
					    ".bk",  ".backup", ".disabled", ".old-dkms" };
	const char *top = boot_modules_dir(machine, entry->version);
	struct tree_stat st;
	struct err ignored = ERR_INIT;

	for (size_t i = 0; i < ARRAY_LEN(ends) && entry->version[0]; i++) {
		cleanup(free) char *path = mem_printf("%s%s", file->path, ends[i]);

		if (!tree_stat(machine_tree(machine), path, TREE_FOLLOW, &st, &ignored) &&
		    S_ISREG(st.mode) && st.size_bytes && strstr(file->path, entry->version))
			return TAKE(path);
	}
	if (file == &entry->kernel && top && !boot_is_separate(machine)) {
		cleanup(free) char *path = mem_printf("%s/%s/vmlinuz", top, entry->version);

		if (!tree_stat(machine_tree(machine), path, TREE_FOLLOW, &st, &ignored) &&
		    S_ISREG(st.mode) && st.size_bytes)
			return TAKE(path);
	}
	return NULL;
}

/* A link in the place of the file. GRUB follows links, also upwards, within one file system. */
static void link_copy(const struct machine *machine, const struct boot_file *file, const char *copy,
		      struct edits *edits)
{
	size_t dir_len = (size_t)(strrchr(file->path, '/') - file->path) + 1;
	cleanup(str_done) struct str target = STR_INIT;
	struct tree_stat st;
	struct err ignored = ERR_INIT;

	if (!strncmp(copy, file->path, dir_len)) {
		str_add(&target, copy + dir_len);
	} else {
		for (const char *p = file->path + 1; (p = strchr(p, '/')); p++)
			str_add(&target, "../");
		str_add(&target, copy + 1);
	}
	if (!tree_stat(machine_tree(machine), file->path, TREE_NOFOLLOW, &st, &ignored))
		edit_remove(edits, file->path); /* empty, or a link to nowhere */
	edit_symlink(edits, file->path, target.s);
}

/* The way out: another entry that is whole, else another copy of the file. */
static void repair(const struct machine *machine, const struct boot *boot,
		   const struct boot_entry *entry, const struct boot_file *file,
		   struct finding *finding)
{
	const struct boot_entry *other = boot_other(machine, boot, entry);
	cleanup(free) char *copy = file ? copy_of(machine, entry, file) : NULL;

	if (other && boot_edit_default(machine, boot, other, &finding->edits))
		return;
	if (copy)
		link_copy(machine, file, copy, &finding->edits);
	if (!finding->edits.count)
		finding->repair = REPAIR_NONE;
}

static void judge_file(const struct machine *machine, const struct boot *boot,
		       const struct boot_entry *entry, const struct boot_file *file, uint32_t line,
		       struct findings *out)
{
	bool is_kernel = file == &entry->kernel;
	struct finding *finding;
	struct tree_stat st;
	struct err err = ERR_INIT;
	bool is_there = !tree_stat(machine_tree(machine), file->path, TREE_FOLLOW, &st, &err);
	const char *fault =
		is_kernel && file->exists ? boot_kernel_fault(machine, file->path) : NULL;

	if ((file->exists && !fault) || (!is_there && err.code != ERR_NOTFOUND) ||
	    !boot_is_seen(machine, file->path))
		return;
	finding = finding_add(
		out, SEVERITY_BLOCKS_BOOT, REPAIR_SURE, is_kernel ? "46" : "42", entry->file, line,
		"the default entry loads %s, which is %s: the boot loader stops there and waits "
		"for a key",
		machine_quote(machine, file->path, strlen(file->path)),
		fault		   ? fault
		: !is_there	   ? "not there"
		: S_ISREG(st.mode) ? "empty"
				   : "no file");
	repair(machine, boot, entry, file, finding);
}

static void judge_modules(const struct machine *machine, const struct boot *boot,
			  const struct boot_entry *entry, struct findings *out)
{
	enum boot_modules state = boot_modules_state(machine, entry->version);
	cleanup(free) char *dir = mem_printf("/lib/modules/%s", entry->version);
	struct finding *finding;

	if (state != BOOT_MODULES_MISSING && state != BOOT_MODULES_NO_INDEX)
		return;
	/* A kernel that loads no initramfs may have all it needs built in. */
	finding = finding_add(
		out, SEVERITY_BLOCKS_LOGIN, entry->initrds.count ? REPAIR_SURE : REPAIR_OFFERED,
		"48", dir, 0,
		state == BOOT_MODULES_MISSING
			? "the default kernel's modules are not there: no driver of the network "
			  "can be loaded, unless the initramfs has it"
			: "modules.dep.bin and modules.dep are missing or empty: modprobe finds no "
			  "module of the default kernel, such as the network's driver");
	repair(machine, boot, entry, NULL, finding);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct boot *boot = boot_model(machine);
	const struct boot_entry *entry = boot_default(boot);

	(void)err;
	if (!entry || !entry->kernel.written || !boot->path)
		return 0;
	judge_file(machine, boot, entry, &entry->kernel, entry->kernel_line, out);
	if (!entry->kernel.exists || boot_kernel_fault(machine, entry->kernel.path))
		return 0; /* one repair for the entry is enough */
	vec_foreach (file, &entry->initrds) {
		if (file->exists || entry->tries_without_initrd)
			continue;
		judge_file(machine, boot, entry, file, entry->initrd_line, out);
		return 0;
	}
	judge_modules(machine, boot, entry, out);
	return 0;
}

const struct check check_boot_incomplete = {
	.name = "boot-incomplete",
	.title = "the default boot entry's kernel, initramfs or modules are missing",
	.explain = "GRUB stops when the kernel or the initramfs of the entry that it starts is not "
		   "there: it shows the error and waits for a key that nobody can press on an "
		   "instance. Without its /lib/modules/VERSION, or without the index that modprobe "
		   "reads there, a kernel starts and finds no driver. The repair makes the newest "
		   "entry the default that has its kernel, initramfs and modules; where there is "
		   "none, it links a copy of the file that was kept aside, or the kernel of "
		   "/lib/modules, into place. Nothing can be said of a tree without its /boot.",
	.source = "GRUB manual, \"linux\", \"initrd\", \"default\"; modprobe(8); depmod(8); seen: "
		  "\"error: file `/boot/initrd.img-...' not found\", and no way on",
	.rows = "42,46,48",
	.repair = REPAIR_SURE,
	.examine = examine,
};
