/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/boot_choice.h"
#include "fs/lines.h"
#include "fs/shellvars.h"

#define KERNELS_MAX 16u

/* What can be started, the newest first. */
struct kernel {
	char *name, *initrd, *version; /* names in /boot */
};
struct kernels {
	struct kernel *items;
	size_t count, room;
};

static void kernels_done(struct kernels *kernels)
{
	vec_foreach (k, kernels) {
		free(k->name);
		free(k->initrd);
		free(k->version);
	}
	vec_done(kernels);
}
DEFINE_CLEANUP_DONE(struct kernels, kernels_done)

static bool is_full(const struct machine *machine, const char *path)
{
	struct err ignored = ERR_INIT;
	struct tree_stat st;

	return !tree_stat(machine_tree(machine), path, TREE_FOLLOW, &st, &ignored) &&
	       S_ISREG(st.mode) && st.size_bytes;
}

static char *initrd_of(const struct machine *machine, const char *version)
{
	static const char *const forms[] = { "initrd.img-%s", "initramfs-%s.img", "initrd-%s",
					     "initrd-%s.img" };

	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		const char *at = strstr(forms[i], "%s");
		cleanup(free) char *name =
			mem_printf("%.*s%s%s", (int)(at - forms[i]), forms[i], version, at + 2);
		cleanup(free) char *path = mem_printf("/boot/%s", name);

		if (is_full(machine, path))
			return TAKE(name);
	}
	return NULL;
}

static int newest_first(const void *a, const void *b)
{
	return version_compare(((const struct kernel *)b)->version,
			       ((const struct kernel *)a)->version);
}

/* Kernels with their initramfs and modules. Without an initramfs hardly any of them finds its root. */
static void find_kernels(const struct machine *machine, struct kernels *ret)
{
	const struct tree_names *names = machine_list(machine, "/boot");

	for (size_t i = 0; names && i < names->count && ret->count < KERNELS_MAX; i++) {
		const char *name = names->items[i], *version = strchr(name, '-');
		cleanup(free) char *path = mem_printf("/boot/%s", name);
		char *initrd;

		if (!version || !(str_starts(name, "vmlinuz-") || str_starts(name, "Image-")) ||
		    version[1] < '0' || version[1] > '9' || strpbrk(name, " \t'\"$\\{};") ||
		    str_starts(version, "-0-rescue") || !is_full(machine, path) ||
		    boot_modules_state(machine, version + 1) != BOOT_MODULES_THERE)
			continue;
		initrd = initrd_of(machine, version + 1);
		if (initrd)
			vec_push(ret, ((struct kernel){ mem_strdup(name), initrd,
							mem_strdup(version + 1) }));
	}
	if (ret->count)
		qsort(ret->items, ret->count, sizeof(*ret->items), newest_first);
}

/* ---- the command line ------------------------------------------------------------------------ */

/* GRUB_CMDLINE_LINUX and _DEFAULT, as grub-mkconfig would take them: /etc/default/grub, then the files
 * of /etc/default/grub.d. */
static void add_defaults(const struct machine *machine, struct str *args)
{
	static const char *const names[] = { "GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT" };
	const struct tree_names *more = machine_list(machine, "/etc/default/grub.d");
	char *values[2] = { NULL, NULL };

	for (size_t i = 0; i < 1 + (more ? more->count : 0); i++) {
		cleanup(free) char *path =
			i ? mem_printf("/etc/default/grub.d/%s", more->items[i - 1])
			  : mem_strdup("/etc/default/grub");
		cleanup(shellvars_done) struct shellvars vars = { 0 };
		struct err ignored = ERR_INIT;
		const struct str *text =
			i && !str_ends(path, ".cfg") ? NULL : machine_file(machine, path, &ignored);
		const char *value;

		if (!text)
			continue;
		shellvars_parse(text->s, text->len, &vars);
		for (size_t k = 0; k < ARRAY_LEN(names); k++) {
			if (shellvars_get(&vars, names[k], &value) != SHELLVAR_IS ||
			    strpbrk(value, "\n\\'\"$`{};"))
				continue;
			free(values[k]);
			values[k] = mem_strdup(value);
		}
	}
	for (size_t k = 0; k < ARRAY_LEN(values); k++) {
		if (values[k] && values[k][0])
			str_addf(args, " %s", values[k]);
		free(values[k]);
	}
}

static void add_args(const struct machine *machine, const struct disk_fs *root, struct str *args)
{
	str_addf(args, "root=UUID=%s ro", root->uuid);
	if (str_eq(root->type, "btrfs") && root->root_subvol && root->root_subvol[0])
		str_addf(args, " rootflags=subvol=%s", root->root_subvol);
	add_defaults(machine, args);
	if (!strstr(args->s, "console="))
		str_add(args, " console=tty0 console=ttyS0,115200n8");
}

/* ---- the files ------------------------------------------------------------------------------- */

static const char *grub_module(const char *type)
{
	if (str_eq(type, "xfs") || str_eq(type, "btrfs"))
		return type;
	return str_starts(type, "ext") ? "ext2" : NULL;
}

/* Where GRUB sees /boot from the root of the file system that it is on. */
static char *boot_in_fs(const struct machine *machine, const struct disk_fs *fs)
{
	if (boot_is_separate(machine))
		return mem_strdup("");
	if (str_eq(fs->type, "btrfs") && fs->root_subvol && fs->root_subvol[0])
		return mem_printf("/%s/boot", fs->root_subvol);
	return mem_strdup("/boot");
}

static void write_grub2(const struct machine *machine, const struct kernels *kernels,
			const struct disk_fs *boot_fs, const char *args, struct str *text)
{
	cleanup(free) char *dir = boot_in_fs(machine, boot_fs);

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

static void write_legacy(const struct machine *machine, const struct kernels *kernels,
			 const struct disk_fs *boot_fs, const char *args, struct str *text)
{
	cleanup(free) char *dir = boot_in_fs(machine, boot_fs);
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

			if (is_full(machine, normal))
				return dirs[i];
		}
	return NULL;
}

static bool has_legacy(const struct machine *machine)
{
	static const char *const witnesses[] = { "stage2", "stage1", "splash.xpm.gz" };

	for (size_t i = 0; i < ARRAY_LEN(witnesses); i++) {
		cleanup(free) char *path = mem_printf("/boot/grub/%s", witnesses[i]);

		if (is_full(machine, path))
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

	if (!is_full(machine, bios) && !is_full(machine, efi))
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
	cleanup(kernels_done) struct kernels kernels = { 0 };
	cleanup(str_done) struct str text = STR_INIT, args = STR_INIT;
	cleanup(free) char *dir = mem_strndup(path, (size_t)(strrchr(path, '/') - path));

	find_kernels(machine, &kernels);
	if (!root || !boot_fs || !kernels.count || !boot_fs->type || !grub_module(boot_fs->type)) {
		finding->repair = REPAIR_NONE;
		return;
	}
	add_args(machine, root, &args);
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

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct boot *boot = boot_model(machine);
	const char *dir = grub2_dir(machine), *wrong;
	bool is_legacy = !dir && has_legacy(machine);
	cleanup(free) char *path = is_legacy ? mem_strdup("/boot/grub/menu.lst")
				   : dir     ? mem_printf("%s/grub.cfg", dir)
					     : NULL;
	struct finding *finding;

	(void)err;
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
		"without entries, or GRUB legacy and PV-GRUB find no menu.lst: the loader "
		"shows "
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
