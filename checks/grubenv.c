/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/boot_choice.h"
#include "checks/boot_kernels.h"

#define NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"

/* A whole block with the variables that can still be read, as many as have room, and one more when `set`
 * is given, which has. */
static void make_block(const struct str *old, const char *set, struct str *into)
{
	size_t room = GRUBENV_LEN - (set ? strlen(set) + 1 : 0);

	str_add(into, GRUBENV_SIGNATURE);
	for (const char *p = old ? old->s : ""; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		size_t len = strcspn(p, "\r\n"), name = strspn(p, NAME_CHARS);

		if (name && p[name] == '=' && p[len] && into->len + len < room &&
		    !(set && !strncmp(p, set, strcspn(set, "=") + 1)))
			str_addf(into, "%.*s\n", (int)len, p);
	}
	if (set)
		str_addf(into, "%s\n", set);
	while (into->len < GRUBENV_LEN)
		str_add_char(into, '#');
}

static void put_block(const struct boot *boot, const struct str *old, const char *set,
		      struct finding *finding)
{
	static const struct tree_new new = { .mode = 0644 };
	cleanup(str_done) struct str block = STR_INIT;
	size_t dir = boot->path ? (size_t)(strrchr(boot->path, '/') - boot->path) : 0;
	cleanup(free) char *path = boot->env_path
					   ? mem_strdup(boot->env_path)
					   : mem_printf("%.*s/grubenv", (int)dir, boot->path);

	make_block(old, set, &block);
	if (old)
		edit_replace(&finding->edits, path, old, &block);
	else
		edit_create(&finding->edits, path, &new, block.s, block.len);
}

/* The default entry says $kernelopts, and neither grubenv nor grub.cfg has a value for it. */
static bool judge_kernelopts(const struct machine *machine, const struct boot *boot,
			     const struct str *env, struct findings *out)
{
	const struct boot_entry *entry = boot_default(boot);
	const struct disk_fs *root = boot_root_fs(machine);
	cleanup(str_done) struct str set = STR_INIT;
	struct finding *finding;

	if (!entry || !boot->path || !boot->uses_bls || !strstr(entry->args, "$kernelopts") ||
	    strstr(entry->args, "root="))
		return false;
	finding = finding_add(out, SEVERITY_BLOCKS_BOOT, REPAIR_SURE, "51", entry->file,
			      entry->args_line,
			      "the default entry takes its arguments from $kernelopts, which "
			      "neither grubenv nor grub.cfg has: the kernel gets no root=");
	str_add(&set, "kernelopts=");
	if (root)
		boot_args_of_config(machine, root, &set);
	if (!root || set.len + strlen(GRUBENV_SIGNATURE) + 1 > GRUBENV_LEN)
		finding->repair = REPAIR_NONE;
	else
		put_block(boot, env, set.s, finding);
	return true;
}

static void judge_block(const struct machine *machine, const struct boot *boot,
			const struct str *env, struct findings *out)
{
	struct finding *finding;

	if (!env || !env->len || (boot->env_is_valid && env->len == GRUBENV_LEN))
		return; /* grub.cfg asks `-s` before it reads: an empty one is as none */
	finding = finding_add(
		out, SEVERITY_NOTE, REPAIR_OFFERED, "51", boot->env_path, 0,
		boot->env_is_valid
			? "%s has %zu bytes, not 1024: the boot loader cannot save what it should "
			  "start next"
			: "%s (%zu bytes) does not begin as an environment block: the boot loader "
			  "shows an error and starts its first entry",
		machine_quote(machine, boot->env_path, strlen(boot->env_path)), env->len);
	put_block(boot, env, NULL, finding);
}

/* grub.cfg has nothing but blscfg, and there is nothing for it to read. */
static void judge_entries(const struct machine *machine, const struct boot *boot,
			  struct findings *out)
{
	static const struct tree_new new = { .mode = 0644 };
	const struct disk_fs *root = boot_root_fs(machine), *boot_fs = boot_boot_fs(machine);
	cleanup(boot_kernels_done) struct boot_kernels kernels = { 0 };
	cleanup(str_done) struct str args = STR_INIT;
	struct finding *finding;

	if (!boot->uses_bls || boot->entries.count || boot->has_submenu_code || !boot->path ||
	    !machine_list(machine, "/boot/loader/entries"))
		return;
	boot_kernels_find(machine, &kernels);
	if (!kernels.count)
		return; /* a tree without its /boot */
	finding =
		finding_add(out, SEVERITY_BLOCKS_BOOT, REPAIR_SURE, "51", "/boot/loader/entries", 0,
			    "%s leaves the menu to the entries below /boot/loader/entries, and "
			    "there are none: the boot loader has nothing to start",
			    boot->path);
	if (!root || !boot_fs) {
		finding->repair = REPAIR_NONE;
		return;
	}
	boot_args_of_config(machine, root, &args);
	vec_foreach (k, &kernels) {
		cleanup(free) char *dir = boot_dir_in_fs(machine, boot_fs);
		cleanup(free) char *path =
			mem_printf("/boot/loader/entries/ec2-rescue-%s.conf", k->version);
		cleanup(free) char *text =
			mem_printf("title Linux %s\nversion %s\nlinux %s/%s\ninitrd %s/%s\n"
				   "options %s\n",
				   k->version, k->version, dir, k->name, dir, k->initrd, args.s);

		edit_create(&finding->edits, path, &new, text, strlen(text));
	}
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct boot *boot = boot_model(machine);
	struct err ignored = ERR_INIT;
	const struct str *env =
		boot->env_path ? machine_file(machine, boot->env_path, &ignored) : NULL;

	(void)err;
	if (boot->loader != BOOT_GRUB2)
		return 0;
	judge_entries(machine, boot, out);
	if (!judge_kernelopts(machine, boot, env, out))
		judge_block(machine, boot, env, out);
	return 0;
}

const struct check check_grubenv = {
	.name = "grubenv",
	.title = "the boot loader's environment block or its entries are lost",
	.explain =
		"On RHEL and its relatives grub.cfg holds no entries: they are files below "
		"/boot/loader/entries, and on RHEL 8 their arguments stand in grubenv as "
		"kernelopts. "
		"Without entries nothing starts; without kernelopts the kernel gets no root=. The "
		"repair writes entries of the kernels that are whole, or kernelopts of the root's "
		"UUID and /etc/default/grub. A block that is damaged otherwise (it has to be 1024 "
		"bytes and begin with its signature) keeps nobody out; --fix grubenv makes it "
		"anew with what can still be read. Entries of another machine-id are started as "
		"well as any: that is no fault.",
	.source = "GRUB manual, \"Environment block\", \"load_env\", \"blscfg\"; "
		  "grub-core/lib/envblk.c; "
		  "the Boot Loader Specification",
	.rows = "51",
	.repair = REPAIR_SURE,
	.needs = NEEDS_DISKS,
	.examine = examine,
};
