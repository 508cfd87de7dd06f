/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/boot_choice.h"
#include "checks/boot_kernels.h"

/* ---- the files ------------------------------------------------------------------------------- */

static const char *grub_module(const char *type)
{
	if (str_eq(type, "xfs") || str_eq(type, "btrfs"))
		return type;
	return str_starts(type, "ext") ? "ext2" : NULL;
}

static void write_grub2(const struct machine *machine, const struct boot_kernels *kernels,
			const struct disk_fs *boot_fs, const char *args, struct str *text)
{
	cleanup(free) char *dir = boot_dir_in_fs(machine, boot_fs);

	str_addf(text,
		 "# Written by ec2-rescue in the place of one that was missing; update-grub or\n"
		 "# grub2-mkconfig makes the distribution's own.\n"
		 "set default=0\nset timeout=1\n"
		 "insmod part_gpt\ninsmod part_msdos\ninsmod %s\n"
		 "search --no-floppy --fs-uuid --set=root %s\n",
		 grub_module(boot_fs->type), boot_fs->uuid);
	vec_foreach (k, kernels)
		str_addf(text,
			 "menuentry 'Linux %s' --id linux-%s {\n\tinsmod gzio\n"
			 "\tlinux %s/%s %s\n\tinitrd %s/%s\n}\n",
			 k->version, k->version, dir, k->name, args, dir, k->initrd);
}

/* The entries of /boot/loader/entries are all there: grub.cfg has only to read them. */
static void write_bls(const struct disk_fs *boot_fs, const char *args, struct str *text)
{
	str_addf(text,
		 "# Written by ec2-rescue in the place of one that was missing; grub2-mkconfig\n"
		 "# makes the distribution's own.\n"
		 "if [ -s $prefix/grubenv ]; then\n  load_env\nfi\n"
		 "set default=\"${saved_entry}\"\nset timeout=1\n"
		 "insmod part_gpt\ninsmod part_msdos\ninsmod %s\n"
		 "search --no-floppy --fs-uuid --set=root %s\n"
		 "if [ -z \"${kernelopts}\" ]; then\n  set kernelopts=\"%s\"\nfi\n"
		 "insmod blscfg\nblscfg\n",
		 grub_module(boot_fs->type), boot_fs->uuid, args);
}

static void write_legacy(const struct machine *machine, const struct boot_kernels *kernels,
			 const struct disk_fs *boot_fs, const char *args, struct str *text)
{
	cleanup(free) char *dir = boot_dir_in_fs(machine, boot_fs);
	cleanup(str_done) struct str part = STR_INIT;

	if (boot_fs->partition)
		str_addf(&part, ",%u", boot_fs->partition - 1);
	str_add(text, "# Written by ec2-rescue in the place of one that was missing\n"
		      "default=0\ntimeout=1\n");
	vec_foreach (k, kernels)
		str_addf(text, "title Linux %s\nroot (hd0%s)\nkernel %s/%s %s\ninitrd %s/%s\n",
			 k->version, part.s ? part.s : "", dir, k->name, args, dir, k->initrd);
}

/* ---- which loader ---------------------------------------------------------------------------- */

/* GRUB 2 installed itself here: its modules for a platform are below. */
static const char *grub2_dir(const struct machine *machine)
{
	static const char *const dirs[] = { "/boot/grub2", "/boot/grub" };
	static const char *const platforms[] = { "i386-pc", "x86_64-efi", "arm64-efi", "i386-xen",
						 "x86_64-xen" };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		for (size_t k = 0; k < ARRAY_LEN(platforms); k++) {
			cleanup(free) char *normal =
				mem_printf("%s/%s/normal.mod", dirs[i], platforms[k]);

			if (boot_is_file(machine, normal))
				return dirs[i];
		}
	return NULL;
}

/* Where the modules of GRUB's packages are copied from by grub-install. */
static const char packaged[] = "/usr/lib/grub/i386-pc";

/* A BIOS finds a program on the root's disk, and the package says whose it is: GRUB 2's directory, which
 * is lost with all that was in it. NULL: none is. */
static const char *lost_grub2_dir(const struct machine *machine)
{
	static const char *const not_grub[] = { "/boot/grub/menu.lst", "/boot/grub/grub.conf",
						"/boot/extlinux", "/boot/syslinux" };
	const char *dir = machine_os_is_like(machine, "debian") ? "/boot/grub" : "/boot/grub2";
	cleanup(free) char *normal = mem_printf("%s/normal.mod", packaged);
	cleanup(free) char *modules = mem_printf("%s/i386-pc", dir);
	const struct disks *disks = machine_disks(machine);
	const struct disk_fs *root = boot_root_fs(machine);

	if (!root || !disks || !boot_is_file(machine, normal) ||
	    tree_exists(machine_tree(machine), modules))
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(not_grub); i++)
		if (tree_exists(machine_tree(machine), not_grub[i]))
			return NULL;
	vec_foreach (table, &disks->tables)
		if (str_eq(table->disk, root->disk) && table->kind && !table->lacks_boot_code)
			return dir;
	return NULL;
}

static bool has_legacy(const struct machine *machine)
{
	static const char *const witnesses[] = { "stage2", "stage1", "splash.xpm.gz" };

	for (size_t i = 0; i < ARRAY_LEN(witnesses); i++) {
		cleanup(free) char *path = mem_printf("/boot/grub/%s", witnesses[i]);

		if (boot_is_file(machine, path))
			return true;
	}
	/* Amazon Linux 1: PV-GRUB is outside and leaves nothing but its menu. */
	return str_eq(machine_os(machine)->id, "amzn") &&
	       str_starts(machine_os(machine)->version_id, "201") &&
	       tree_is_dir(machine_tree(machine), "/boot/grub");
}

/* On UEFI RHEL 7 and 8 the whole menu is on the ESP. */
static bool is_on_esp(const struct machine *machine)
{
	const struct tree_names *names = machine_list(machine, "/boot/efi/EFI");
	struct err ignored = ERR_INIT;

	for (size_t i = 0; names && i < names->count; i++) {
		cleanup(free) char *path = mem_printf("/boot/efi/EFI/%s/grub.cfg", names->items[i]);
		const struct str *text = machine_file(machine, path, &ignored);

		if (text && (strstr(text->s, "menuentry ") || strstr(text->s, "blscfg")))
			return true;
	}
	return false;
}

static bool has_blscfg(const struct machine *machine, const char *dir)
{
	const struct boot *boot = boot_model(machine);
	cleanup(free) char *bios = mem_printf("%s/i386-pc/blscfg.mod", dir);
	cleanup(free) char *efi = mem_printf("%s/x86_64-efi/blscfg.mod", dir);

	if (!boot_is_file(machine, bios) && !boot_is_file(machine, efi))
		return false;
	vec_foreach (entry, &boot->entries)
		if (str_starts(entry->file, "/boot/loader/") && !entry->is_rescue &&
		    boot_entry_is_complete(machine, entry))
			return true;
	return false;
}

static void put(const struct machine *machine, const char *path, const struct str *text,
		struct finding *finding)
{
	static const struct tree_new new = { .mode = 0600 };
	struct err err = ERR_INIT;
	const struct str *old = machine_file(machine, path, &err);
	struct tree_stat st;

	if (old)
		edit_replace(&finding->edits, path, old, text);
	else if (tree_stat(machine_tree(machine), path, TREE_NOFOLLOW, &st, &err) < 0)
		edit_create(&finding->edits, path, &new, text->s, text->len);
	else
		finding->repair = REPAIR_NONE; /* a link to nowhere */
}

static void repair(const struct machine *machine, const char *path, bool is_legacy,
		   struct finding *finding)
{
	const struct disk_fs *root = boot_root_fs(machine), *boot_fs = boot_boot_fs(machine);
	cleanup(boot_kernels_done) struct boot_kernels kernels = { 0 };
	cleanup(str_done) struct str text = STR_INIT, args = STR_INIT;
	cleanup(free) char *dir = mem_strndup(path, (size_t)(strrchr(path, '/') - path));

	boot_kernels_find(machine, &kernels);
	if (!root || !boot_fs || !kernels.count || !boot_fs->type || !grub_module(boot_fs->type)) {
		finding->repair = REPAIR_NONE;
		return;
	}
	boot_args_of_config(machine, root, &args);
	if (is_legacy)
		write_legacy(machine, &kernels, boot_fs, args.s, &text);
	else if (has_blscfg(machine, dir))
		write_bls(boot_fs, args.s, &text);
	else
		write_grub2(machine, &kernels, boot_fs, args.s, &text);
	put(machine, path, &text, finding);
}

/* Nothing in it starts anything: a file of zeros, as a crash leaves it, or a head without entries. */
static bool starts_nothing(const struct str *text)
{
	static const char *const starters[] = { "menuentry",   "linux",	  "linux16", "linuxefi",
						"blscfg",      "source",  ".",	     "configfile",
						"chainloader", "normal",  "title",   "kernel",
						"multiboot",   "submenu", "boot" };

	for (const char *p = text->s, *end = p + text->len; p < end;) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));
		size_t skip = strspn(p, " \t"), len = strcspn(p + skip, " \t\r\n;");

		for (size_t i = 0; i < ARRAY_LEN(starters); i++)
			if (strlen(starters[i]) == len && !strncmp(p + skip, starters[i], len))
				return false;
		p = stop ? stop + 1 : end;
	}
	return true;
}

/* "missing", "empty", ...; NULL: it is as good as can be told from here. */
static const char *what_is_wrong(const struct machine *machine, const char *path)
{
	struct err err = ERR_INIT;
	const struct str *text = machine_file(machine, path, &err);

	if (!text)
		return err.code == ERR_NOTFOUND ? "missing" : NULL;
	if (!text->len)
		return "empty";
	if (text->s[strspn(text->s, " \t\r\n")] == '\0' && strlen(text->s) < text->len)
		return "full of zeros";
	return starts_nothing(text) ? "without any entry" : NULL;
}

/* The modules are where the package has them; a relative link leads there also in a subvolume. */
static void report_lost(const struct machine *machine, const char *dir, struct findings *out)
{
	cleanup(free) char *path = mem_printf("%s/grub.cfg", dir);
	cleanup(free) char *modules = mem_printf("%s/i386-pc", dir);
	cleanup(free) char *target = mem_printf("../..%s", packaged);
	struct finding *finding = finding_add(
		out, SEVERITY_BLOCKS_BOOT, REPAIR_SURE, "49", path, 0,
		"%s is lost, GRUB's modules and its menu with it: the boot loader ends at the "
		"prompt \"grub rescue>\"",
		dir);

	if (boot_root_fs(machine) != boot_boot_fs(machine)) {
		finding->repair = REPAIR_NONE;
		return;
	}
	repair(machine, path, false, finding);
	if (finding->repair == REPAIR_SURE)
		edit_symlink(&finding->edits, modules, target);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct boot *boot = boot_model(machine);
	const char *dir = grub2_dir(machine), *wrong;
	const char *lost = dir || boot->path ? NULL : lost_grub2_dir(machine);
	bool is_legacy = !dir && has_legacy(machine);
	cleanup(free) char *path = is_legacy ? mem_strdup("/boot/grub/menu.lst")
				   : dir     ? mem_printf("%s/grub.cfg", dir)
					     : NULL;
	struct finding *finding;

	(void)err;
	if (lost && !is_on_esp(machine)) {
		report_lost(machine, lost, out);
		return 0;
	}
	/* Another menu than this one is what the loader reads. */
	if (!path || (boot->path && !str_eq(boot->path, path)) || is_on_esp(machine))
		return 0;
	wrong = what_is_wrong(machine, path);
	if (!wrong)
		return 0;
	finding = finding_add(out, SEVERITY_BLOCKS_BOOT, REPAIR_SURE, is_legacy ? "53" : "49", path,
			      0,
			      "%s is %s: the boot loader ends at its prompt, and the console stays "
			      "empty",
			      path, wrong);
	repair(machine, path, is_legacy, finding);
	return 0;
}

const struct check check_grub_missing = {
	.name = "grub-missing",
	.title = "the boot loader's menu is missing or empty",
	.explain =
		"GRUB is installed (its modules are in /boot/grub/i386-pc or the like), but "
		"grub.cfg "
		"is missing, empty, full of zeros or "
		"without entries, or GRUB legacy and PV-GRUB find no menu.lst; or all of "
		"/boot/grub is lost, and the "
		"package still has the modules: the loader shows "
		"a prompt and waits. The repair writes a small menu of what is on the volume: "
		"every "
		"kernel that has its initramfs and modules, the newest first, with the root's real "
		"UUID and the arguments of /etc/default/grub; or, where all entries of "
		"/boot/loader/entries are there, the lines that read them. The distribution's own "
		"program makes the full one again later.",
	.source = "GRUB manual, \"Simple configuration\", \"blscfg\"; GRUB legacy manual; "
		  "grub-install; "
		  "seen: after a lost grub.cfg the console stays empty",
	.rows = "49,53",
	.repair = REPAIR_SURE,
	.needs = NEEDS_DISKS,
	.examine = examine,
};
