/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/boot_choice.h"
#include "checks/initramfs.h"
#include "checks/kernel_cmdline.h"

/* How deep: the frame of the default entry's initramfs always, which costs a few dozen reads. The whole
 * is unpacked when the frame looks odd, when another kernel's initramfs is more than twice as large, when
 * the console shows a boot that got lost in it, or when the configuration left drivers out. */

struct view {
	const struct machine *machine;
	const struct boot *boot;
	const struct boot_entry *entry;
	const struct boot_file *file;
	struct findings *out;
};

static uint64_t size_of(const struct machine *machine, const char *path)
{
	struct err ignored = ERR_INIT;
	struct tree_stat st;

	return tree_stat(machine_tree(machine), path, TREE_FOLLOW, &st, &ignored) < 0
		       ? 0
		       : st.size_bytes;
}

static bool has_larger_sibling(const struct view *v)
{
	uint64_t size = size_of(v->machine, v->file->path);

	vec_foreach (entry, &v->boot->entries)
		if (!entry->is_rescue && entry->initrds.count &&
		    !str_eq(entry->version, v->entry->version) &&
		    size_of(v->machine, entry->initrds.items[entry->initrds.count - 1].path) / 2 >
			    size)
			return true;
	return false;
}

static bool console_is_lost(const struct view *v)
{
	static const char *const signs[] = { "nitramfs unpacking failed",
					     "Dropping to a shell",
					     "dracut-initqueue",
					     "dracut:/#",
					     "(initramfs)",
					     "VFS: Unable to mount root",
					     "VFS: Cannot open root device",
					     "Gave up waiting for root",
					     "rdsosreport",
					     "No working init found",
					     "invalid magic at start" };
	const char *console = machine_console(v->machine);

	for (size_t i = 0; console && i < ARRAY_LEN(signs); i++)
		if (strstr(console, signs[i]))
			return true;
	return false;
}

/* omit_drivers of dracut, MODULES=list or dep of initramfs-tools. */
static bool drivers_were_left_out(const struct view *v)
{
	static const char *const dirs[] = { "/etc/dracut.conf.d", "/etc/initramfs-tools/conf.d" };
	static const char *const words[] = { "omit_drivers", "MODULES=list", "MODULES=dep" };
	struct err ignored = ERR_INIT;

	for (size_t i = 0; i < 4; i++) {
		const struct tree_names *names = i < 2 ? machine_list(v->machine, dirs[i]) : NULL;

		for (size_t k = 0; i < 2 ? names && k < names->count : k < 1; k++) {
			cleanup(free) char *path =
				i < 2 ? mem_printf("%s/%s", dirs[i], names->items[k])
				      : mem_strdup(i == 2 ? "/etc/dracut.conf"
							  : "/etc/initramfs-tools/initramfs.conf");
			const struct str *text = machine_file(v->machine, path, &ignored);

			for (size_t w = 0; text && w < ARRAY_LEN(words); w++)
				for (const char *p = text->s; (p = strstr(p, words[w])); p++)
					if (p == text->s || p[-1] == '\n')
						return true;
		}
	}
	return false;
}

/* The newest other entry whose initramfs is sound, and has the module when one is named. */
static const struct boot_entry *other_entry(const struct view *v, const char *module)
{
	const struct boot_entry *other = boot_other(v->machine, v->boot, v->entry);
	cleanup(initramfs_done) struct initramfs fs = { 0 };
	struct err ignored = ERR_INIT;

	if (!other || !other->initrds.count ||
	    initramfs_look(v->machine, other->initrds.items[other->initrds.count - 1].path,
			   INITRAMFS_WHOLE, &fs, &ignored) < 0 ||
	    fs.state != INITRAMFS_SOUND || (module && !initramfs_has_module(&fs, module)))
		return NULL;
	return other;
}

static void repair(const struct view *v, const char *module, struct finding *finding)
{
	const struct boot_entry *other = other_entry(v, module);

	if (!other || !boot_edit_default(v->machine, v->boot, other, &finding->edits))
		finding->repair = REPAIR_NONE;
}

static bool is_built_in(const struct view *v, const char *module, bool *ret_known)
{
	const char *top = boot_modules_dir(v->machine, v->entry->version);
	cleanup(free) char *path =
		mem_printf("%s/%s/modules.builtin", top ? top : "", v->entry->version);
	struct err ignored = ERR_INIT;
	const struct str *text = top ? machine_file(v->machine, path, &ignored) : NULL;
	cleanup(free) char *name = mem_printf("/%s.ko\n", module);
	cleanup(free) char *dashed = mem_strdup(name);

	for (char *p = dashed; *p; p++)
		*p = *p == '_' ? '-' : *p;
	*ret_known = text != NULL;
	return text && (strstr(text->s, name) || strstr(text->s, dashed));
}

static void judge_module(const struct view *v, const struct initramfs *fs, const char *module,
			 const char *what)
{
	bool is_known, is_built = is_built_in(v, module, &is_known);
	struct finding *finding;

	if (!is_known || is_built || initramfs_has_module(fs, module))
		return;
	finding = finding_add(v->out, SEVERITY_BLOCKS_BOOT, REPAIR_SURE, "44", v->file->path, 0,
			      "the initramfs of the default entry lacks %s, %s, and the kernel has "
			      "it not built in: the root is not found",
			      module, what);
	repair(v, module, finding);
}

static void judge_drivers(const struct view *v, const struct initramfs *fs)
{
	const struct cloud_facts *cloud = machine_cloud(v->machine);
	const struct disk_fs *root = boot_root_fs(v->machine);
	const char *hypervisor = cloud && cloud->hypervisor ? cloud->hypervisor : "";
	struct finding *finding;
	bool has_own = !fs->versions.count;

	/* Without any module the kernel is expected to have all; an image inside may have the rest. */
	if (!fs->is_listed || fs->has_squash || !fs->modules.count || !v->entry->version[0])
		return;
	vec_foreach (version, &fs->versions)
		has_own |= str_eq(*version, v->entry->version);
	if (!has_own) {
		finding = finding_add(
			v->out, SEVERITY_BLOCKS_BOOT, REPAIR_SURE, "44", v->file->path, 0,
			"the initramfs of the default entry has modules for %s only, "
			"not for its kernel %s: no driver loads",
			machine_quote(v->machine, fs->versions.items[0],
				      strlen(fs->versions.items[0])),
			machine_quote(v->machine, v->entry->version, strlen(v->entry->version)));
		repair(v, NULL, finding);
		return;
	}
	if (str_eq(hypervisor, "nitro"))
		judge_module(v, fs, "nvme", "the driver of EBS volumes on Nitro");
	if (str_eq(hypervisor, "xen"))
		judge_module(v, fs, "xen_blkfront", "the driver of EBS volumes on Xen");
	if (root && (str_eq(root->type, "ext4") || str_eq(root->type, "xfs") ||
		     str_eq(root->type, "btrfs")))
		judge_module(v, fs, root->type, "the root's file system");
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct boot *boot = boot_model(machine);
	struct view v = {
		.machine = machine, .boot = boot, .entry = boot_default(boot), .out = out
	};
	cleanup(initramfs_done) struct initramfs fs = { 0 };
	struct finding *finding;
	enum initramfs_depth depth;

	if (!v.entry || !v.entry->initrds.count || v.entry->tries_without_initrd)
		return 0;
	/* Several: the ones before the last are microcode. */
	v.file = &v.entry->initrds.items[v.entry->initrds.count - 1];
	if (!v.file->exists)
		return 0;
	depth = console_is_lost(&v) || has_larger_sibling(&v) || drivers_were_left_out(&v)
			? INITRAMFS_WHOLE
			: INITRAMFS_FRAME;
	if (initramfs_look(machine, v.file->path, depth, &fs, err) < 0)
		return -1;
	if (fs.state == INITRAMFS_SUSPICIOUS) {
		initramfs_done(&fs);
		if (initramfs_look(machine, v.file->path, INITRAMFS_WHOLE, &fs, err) < 0)
			return -1;
	}
	if (fs.state == INITRAMFS_DAMAGED) {
		finding = finding_add(out, SEVERITY_BLOCKS_BOOT, REPAIR_SURE, "43", v.file->path, 0,
				      "the initramfs of the default entry %s: the kernel finds no "
				      "root, or panics",
				      fs.why);
		repair(&v, NULL, finding);
	}
	if (fs.state == INITRAMFS_UNKNOWN && depth == INITRAMFS_WHOLE)
		return err_set(err, ERR_UNSUPPORTED, "%s %s", v.file->path, fs.why);
	if (fs.state == INITRAMFS_SOUND)
		judge_drivers(&v, &fs);
	return 0;
}

const struct check check_initramfs_broken = {
	.name = "initramfs-broken",
	.title = "the initramfs is damaged, or lacks a driver that the root needs",
	.explain =
		"An initramfs that was cut off (a full /boot while it was made), that a crash left "
		"full of zeros, or that was packed in a way the kernel does not know ends in a "
		"panic "
		"or in its own shell. So does one without the driver of the disks (nvme on Nitro, "
		"xen-blkfront on Xen) or of the root's file system, unless the kernel has it built "
		"in, and one with the modules of another kernel. An initramfs cannot be made anew "
		"from outside the system; the repair starts the newest other kernel whose "
		"initramfs "
		"is sound. The whole archive is unpacked only when something points at it: its "
		"frame, its size beside the others, the console, or a configuration that leaves "
		"drivers out.",
	.source = "Linux, early-userspace/buffer-format and lib/decompress.c; dracut.conf(5), "
		  "omit_drivers; initramfs.conf(5), MODULES; Amazon EBS and NVMe",
	.rows = "43,44",
	.repair = REPAIR_SURE,
	.needs = NEEDS_DISKS | NEEDS_CLOUD | NEEDS_CONSOLE,
	.examine = examine,
};
