/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/boot_choice.h"
#include "checks/boot_past.h"
#include "checks/kernel_cmdline.h"
#include "fs/spec.h"

struct view {
	const struct machine *machine;
	const struct boot *boot;
	const struct boot_entry *entry;
	const struct disk_fs *root;
	struct findings *out;
};

static char *word_of(const char *args, const char *name)
{
	const char *at = cmdline_word(args, name);

	return at ? mem_strndup(at, strcspn(at, " \t")) : NULL;
}

/* What root= should say: of the same kind where the file system has that, else its UUID. A kernel
 * without initramfs knows partitions only. NULL: nothing it would understand. */
static char *right_root(const struct view *v, enum spec_kind kind)
{
	bool is_bare = !v->entry->initrds.count || v->entry->tries_without_initrd;
	const char *tag;

	if (is_bare && kind != SPEC_PARTLABEL)
		kind = SPEC_PARTUUID;
	tag = spec_tag_name(kind) ? spec_tag_of(v->root, kind) : NULL;
	if (!tag && !is_bare)
		tag = spec_tag_of(v->root, kind = SPEC_UUID);
	if (!tag || !*tag || strpbrk(tag, " \t\"'\\$"))
		return NULL;
	return mem_printf("root=%s=%s", spec_tag_name(kind), tag);
}

static void fix_word(const struct view *v, struct finding *finding, const char *old,
		     const char *new)
{
	if (!new || !boot_edit_word(v->machine, v->boot, v->entry, old, new, true, &finding->edits))
		finding->repair = REPAIR_NONE;
}

/* root=UUID= and the like. */
static void judge_tag(const struct view *v, const char *word, const struct spec *spec)
{
	const struct disks *disks = machine_disks(v->machine);
	cleanup(spec_matches_done) struct spec_matches found = { 0 };
	cleanup(free) char *new = right_root(v, spec->kind);
	const char *quoted = machine_quote(v->machine, word, strlen(word));
	struct finding *finding;

	/* A partition's tag is unknown where the partition table was not read; the kernel counts from
	 * one with PARTNROFF. */
	if (spec_is(v->root, spec) || strstr(word, "/PARTNROFF") ||
	    ((spec->kind == SPEC_PARTUUID || spec->kind == SPEC_PARTLABEL) &&
	     !spec_tag_of(v->root, spec->kind)))
		return;
	spec_find(disks, spec, &found);
	if (found.count)
		finding = finding_add(v->out, SEVERITY_NOTE, REPAIR_OFFERED, "50", v->entry->file,
				      v->entry->args_line,
				      "%s names a file system on another disk, not the one that "
				      "this configuration is on",
				      quoted);
	else
		finding = finding_add(v->out, SEVERITY_BLOCKS_BOOT,
				      disks->is_complete ? REPAIR_SURE : REPAIR_OFFERED, "50",
				      v->entry->file, v->entry->args_line,
				      "%s is on no disk: the kernel or the initramfs waits for it "
				      "and gives up",
				      quoted);
	fix_word(v, finding, word, new);
}

/* Who says that the kernel's name for a disk is not there: the console, the hypervisor, the last boot
 * that was logged. NULL: nobody. */
static const char *witness_against(const struct view *v, const struct spec *spec)
{
	const struct cloud_facts *cloud = machine_cloud(v->machine);
	const char *console = machine_console(v->machine), *past;
	const char *hypervisor = cloud && cloud->is_known ? cloud->hypervisor : NULL;
	cleanup(free) char *alert = mem_printf("/dev/%s does not exist", spec->value);
	bool is_nvme = str_starts(spec->value, "nvme");
	cleanup(spec_done) struct spec before = { 0 };
	cleanup(free) char *word = NULL;

	if (console && strstr(console, alert))
		return "the console says that there is no such device";
	if (hypervisor && str_eq(hypervisor, "nitro"))
		return is_nvme ? NULL : "on Nitro disks are named nvme0n1, nvme1n1, ...";
	if (hypervisor && str_eq(hypervisor, "xen"))
		return is_nvme ? "on Xen the root is no NVMe disk" : NULL;
	past = boot_past_cmdline(v->machine);
	word = past ? word_of(past, "root=") : NULL;
	if (!word)
		return NULL;
	spec_parse(word + strlen("root="), &before);
	return spec_tag_name(before.kind) && spec_is(v->root, &before)
		       ? "the last boot in the logs had the root by its tag"
		       : NULL;
}

/* EC2's rules for udev make links with the names of old; whether the initramfs has them is not
 * known. */
static bool has_name_links(const struct machine *machine)
{
	static const char *const dirs[] = { "/usr/lib/udev/rules.d", "/lib/udev/rules.d",
					    "/etc/udev/rules.d" };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		const struct tree_names *names = machine_list(machine, dirs[i]);

		if (names)
			vec_foreach (name, names)
				if (strstr(*name, "ec2") && strstr(*name, "nvme"))
					return true;
	}
	return false;
}

static bool is_disk_name(const char *name)
{
	static const char *const kinds[] = { "xvd", "sd", "hd", "vd", "nvme" };

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (str_starts(name, kinds[i]))
			return true;
	return false;
}

static void judge_kernel_name(const struct view *v, const char *word, const struct spec *spec)
{
	const char *witness = is_disk_name(spec->value) ? witness_against(v, spec) : NULL;
	const char *quoted = machine_quote(v->machine, word, strlen(word));
	cleanup(free) char *new = right_root(v, SPEC_UUID);
	struct finding *finding;

	if (witness)
		finding = finding_add(v->out, SEVERITY_BLOCKS_BOOT,
				      has_name_links(v->machine) ? REPAIR_OFFERED : REPAIR_SURE,
				      "57", v->entry->file, v->entry->args_line,
				      "%s names the root as it was called on another machine: %s",
				      quoted, witness);
	else if (is_disk_name(spec->value) &&
		 (!machine_cloud(v->machine) || !machine_cloud(v->machine)->hypervisor))
		finding = finding_add(v->out, SEVERITY_NOTE, REPAIR_OFFERED, "57", v->entry->file,
				      v->entry->args_line,
				      "%s depends on the instance type: disks have other names on "
				      "Nitro than on Xen",
				      quoted);
	else
		return;
	fix_word(v, finding, word, new);
}

/* rootfstype= is the only type that is tried. */
static void judge_type(const struct view *v)
{
	cleanup(free) char *word = word_of(v->entry->args, "rootfstype=");
	const char *type = v->root->type;
	cleanup(free) char *list = NULL, *name = mem_printf(",%s,", type), *new = NULL;
	struct finding *finding;

	if (!word)
		return;
	list = mem_printf(",%s,", word + strlen("rootfstype="));
	if (strstr(list, name) || strstr(list, "auto") || strstr(list, ",$") ||
	    (str_starts(type, "ext") && strstr(list, ",ext")))
		return;
	new = mem_printf("rootfstype=%s", type);
	finding = finding_add(v->out, SEVERITY_BLOCKS_BOOT, REPAIR_SURE, "57", v->entry->file,
			      v->entry->args_line,
			      "%s: the root is %s, and no other type than the named one is tried",
			      machine_quote(v->machine, word, strlen(word)),
			      machine_quote(v->machine, type, strlen(type)));
	fix_word(v, finding, word, new);
}

/* No root= at all: dracut and initramfs-tools refuse, a bare kernel panics. */
static void judge_none(const struct view *v)
{
	const char *args = v->entry->args;
	cleanup(free) char *first = mem_strndup(args, strcspn(args, " \t"));
	cleanup(free) char *root = right_root(v, SPEC_UUID);
	cleanup(free) char *new = mem_printf("%s %s", root ? root : "", first);
	struct finding *finding;

	/* Another entry of the same loader says root=: so they are meant to. */
	bool others_do = false;

	vec_foreach (entry, &v->boot->entries)
		others_do |= cmdline_word(entry->args, "root=") != NULL;
	if (!first[0] || strchr(args, '$') || !others_do)
		return;
	finding = finding_add(v->out, SEVERITY_BLOCKS_BOOT, REPAIR_SURE, "57", v->entry->file,
			      v->entry->args_line,
			      "the default entry passes no root=, as other entries do: no root is "
			      "mounted");
	if (!root ||
	    !boot_edit_word(v->machine, v->boot, v->entry, first, new, false, &finding->edits))
		finding->repair = REPAIR_NONE;
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	struct view v = { machine, boot_model(machine), NULL, boot_root_fs(machine), out };
	cleanup(free) char *word = NULL;
	cleanup(spec_done) struct spec spec = { 0 };

	(void)err;
	v.entry = boot_default(v.boot);
	if (!v.entry || !v.entry->kernel.written || !v.root)
		return 0;
	word = word_of(v.entry->args, "root=");
	if (!word) {
		judge_none(&v);
		return 0;
	}
	spec_parse(word + strlen("root="), &spec);
	if (strchr(word, '$'))
		return 0;
	if (spec_tag_name(spec.kind))
		judge_tag(&v, word, &spec);
	else if (spec.kind == SPEC_KERNEL)
		judge_kernel_name(&v, word, &spec);
	judge_type(&v);
	return 0;
}

const struct check check_boot_root = {
	.name = "boot-root",
	.title = "the kernel's command line names a root that is not there",
	.explain =
		"root= of the entry that starts names a UUID, LABEL or PARTUUID that no disk has, "
		"or "
		"a disk by a name from another kind of machine (/dev/xvda1 on Nitro, where it is "
		"nvme0n1p1); or rootfstype= names another type than the root has. The initramfs "
		"waits for the device and drops to a shell, or the kernel panics. The repair "
		"changes that word, wherever the same one stands in the loader's menu, to the tag "
		"that the root really has: of the same kind, or UUID=; PARTUUID= where the kernel "
		"starts without an initramfs.",
	.source = "The kernel's command-line parameters (root=, rootfstype=); dracut.cmdline(7); "
		  "initramfs-tools(7); Amazon EBS and NVMe; initramfs-tools, /scripts/local "
		  "(\"does not exist\")",
	.rows = "50,57",
	.repair = REPAIR_SURE,
	.needs = NEEDS_DISKS | NEEDS_CLOUD | NEEDS_CONSOLE,
	.examine = examine,
};
