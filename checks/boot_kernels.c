/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/boot_kernels.h"
#include "checks/boot_choice.h"
#include "fs/shellvars.h"

#define KERNELS_MAX 16u

void boot_kernels_done(struct boot_kernels *kernels)
{
	vec_foreach (k, kernels) {
		free(k->name);
		free(k->initrd);
		free(k->version);
	}
	vec_done(kernels);
}

bool boot_is_file(const struct machine *machine, const char *path)
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

		if (boot_is_file(machine, path))
			return TAKE(name);
	}
	return NULL;
}

static int newest_first(const void *a, const void *b)
{
	return version_compare(((const struct boot_kernel *)b)->version,
			       ((const struct boot_kernel *)a)->version);
}

/* Kernels with their initramfs and modules. Without an initramfs hardly any of them finds its root. */
void boot_kernels_find(const struct machine *machine, struct boot_kernels *ret)
{
	const struct tree_names *names = machine_list(machine, "/boot");

	for (size_t i = 0; names && i < names->count && ret->count < KERNELS_MAX; i++) {
		const char *name = names->items[i], *version = strchr(name, '-');
		cleanup(free) char *path = mem_printf("/boot/%s", name);
		char *initrd;

		if (!version || !(str_starts(name, "vmlinuz-") || str_starts(name, "Image-")) ||
		    version[1] < '0' || version[1] > '9' || strpbrk(name, " \t'\"$\\{};") ||
		    str_starts(version, "-0-rescue") || !boot_is_file(machine, path) ||
		    boot_modules_state(machine, version + 1) != BOOT_MODULES_THERE)
			continue;
		initrd = initrd_of(machine, version + 1);
		if (initrd)
			vec_push(ret, ((struct boot_kernel){ mem_strdup(name), initrd,
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

void boot_args_of_config(const struct machine *machine, const struct disk_fs *root,
			 struct str *args)
{
	str_addf(args, "root=UUID=%s ro", root->uuid);
	if (str_eq(root->type, "btrfs") && root->root_subvol && root->root_subvol[0])
		str_addf(args, " rootflags=subvol=%s", root->root_subvol);
	add_defaults(machine, args);
	if (!strstr(args->s, "console="))
		str_add(args, " console=tty0 console=ttyS0,115200n8");
}

/* Where GRUB sees /boot from the root of the file system that it is on. */
char *boot_dir_in_fs(const struct machine *machine, const struct disk_fs *fs)
{
	if (boot_is_separate(machine))
		return mem_strdup("");
	if (str_eq(fs->type, "btrfs") && fs->root_subvol && fs->root_subvol[0])
		return mem_printf("/%s/boot", fs->root_subvol);
	return mem_strdup("/boot");
}
