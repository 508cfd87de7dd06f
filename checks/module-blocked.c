/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/boot_choice.h"
#include "checks/kernel_cmdline.h"
#include "fs/fstab.h"
#include "fs/lines.h"

#include <ctype.h>

/* modprobe.d(5): "blacklist X" makes udev and the kernel's own requests (both go by aliases) pass X
 * over; "install X COMMAND" runs the command instead. Neither has a say in what is built in. */

#define WORD_MAX 64u

enum hypervisor { ON_ANY, ON_NITRO, ON_XEN };

/* What an instance cannot do without, and where. */
static const struct driver {
	const char *module;
	enum hypervisor on;
	enum severity severity;
	const char *what;
} drivers[] = {
	{ "nvme", ON_NITRO, SEVERITY_BLOCKS_BOOT, "the driver of every EBS volume on Nitro" },
	{ "nvme_core", ON_NITRO, SEVERITY_BLOCKS_BOOT, "the driver of every EBS volume on Nitro" },
	{ "ena", ON_NITRO, SEVERITY_BLOCKS_LOGIN, "the network driver on Nitro" },
	{ "xen_blkfront", ON_XEN, SEVERITY_BLOCKS_BOOT, "the driver of every EBS volume on Xen" },
	{ "xen_netfront", ON_XEN, SEVERITY_BLOCKS_LOGIN, "the network driver on Xen" },
};

struct view {
	const struct machine *machine;
	const char *version; /* of the kernel that starts; "" when unknown */
	enum hypervisor on;
	struct findings *out;
};

/* A module's name with _ for -, as modprobe compares them. */
static void normal_name(const char *p, size_t len, char into[WORD_MAX])
{
	size_t n = 0;

	for (; n < len && n + 1 < WORD_MAX; n++)
		into[n] = p[n] == '-' ? '_' : p[n];
	into[n] = '\0';
}

static bool is_built_into(const struct view *v, const char *version, const char *module)
{
	const char *top = boot_modules_dir(v->machine, version);
	cleanup(free) char *path = mem_printf("%s/%s/modules.builtin", top ? top : "", version);
	struct err ignored = ERR_INIT;
	const struct str *text = top ? machine_file(v->machine, path, &ignored) : NULL;

	for (const char *p = text ? text->s : ""; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		size_t len = strcspn(p, "\n"), from = len;
		char name[WORD_MAX];

		while (from && p[from - 1] != '/')
			from--;
		normal_name(p + from, strcspn(p + from, ".\n"), name);
		if (str_eq(name, module))
			return true;
	}
	return false;
}

/* Is the module part of the kernel that starts, or of each that is there where that is not known? Then nothing
 * of this touches it. */
static bool is_built_in(const struct view *v, const char *module)
{
	static const char *const tops[] = { "/usr/lib/modules", "/lib/modules" };
	size_t kernels = 0;

	if (*v->version)
		return is_built_into(v, v->version, module);
	for (size_t i = 0; i < ARRAY_LEN(tops) && !kernels; i++) {
		const struct tree_names *names = machine_list(v->machine, tops[i]);

		for (; names && kernels < names->count; kernels++)
			if (!is_built_into(v, names->items[kernels], module))
				return false;
	}
	return kernels > 0;
}

/* Is a file system of this type mounted at boot by fstab, so that its failure is the boot's? */
static bool fstab_needs(const struct view *v, const char *type)
{
	struct err ignored = ERR_INIT;
	const struct str *text = machine_file(v->machine, "/etc/fstab", &ignored);
	cleanup(fstab_done) struct fstab fstab = { 0 };
	bool is_needed = false;

	if (text)
		fstab_parse(text, &fstab);
	vec_foreach (entry, &fstab) {
		cleanup(free) char *opts = mem_printf(",%s,", entry->field[FSTAB_OPTS]);

		is_needed |= !entry->rejected && str_eq(entry->field[FSTAB_TYPE], type) &&
			     !str_eq(entry->field[FSTAB_FILE], "/") && !strstr(opts, ",nofail,") &&
			     !strstr(opts, ",noauto,") && !strstr(opts, "x-systemd.automount");
	}
	return is_needed;
}

/* Why the module is needed; NULL: it is not, as far as is known. */
static const char *need_of(const struct view *v, const char *module, enum severity *severity,
			   bool *is_certain)
{
	const struct disk_fs *root = boot_root_fs(v->machine);

	*is_certain = true;
	for (size_t i = 0; i < ARRAY_LEN(drivers); i++) {
		const struct driver *d = &drivers[i];

		if (!str_eq(module, d->module) || (v->on != ON_ANY && d->on != v->on))
			continue;
		*severity = d->severity;
		/* Where the hypervisor is not known, the line may be meant for the other one; but nobody
		 * does without a disk. */
		*is_certain = v->on != ON_ANY || str_starts(module, "nvme");
		return d->what;
	}
	*severity = SEVERITY_BLOCKS_BOOT;
	if (root && str_eq(root->type, module))
		return "the root's file system";
	if ((str_eq(module, "vfat") || str_eq(module, "xfs") || str_eq(module, "ext4") ||
	     str_eq(module, "btrfs")) &&
	    fstab_needs(v, module))
		return "a file system that /etc/fstab mounts at boot";
	return NULL;
}

/* Does an install line lead to nothing? One that calls modprobe itself does its work. */
static bool is_refusal(const char *command, size_t len)
{
	static const char *const nothings[] = { "false", "true", ":", "exit", "echo", "logger" };
	cleanup(free) char *text = mem_strndup(command, len);
	const char *base = text;
	size_t word;

	if (strstr(text, "modprobe") || strstr(text, "insmod"))
		return false;
	word = strcspn(text, " \t;&|");
	for (size_t i = 0; i < word; i++)
		if (text[i] == '/')
			base = text + i + 1;
	for (size_t i = 0; i < ARRAY_LEN(nothings); i++)
		if (strlen(nothings[i]) == (size_t)(text + word - base) &&
		    !strncmp(base, nothings[i], strlen(nothings[i])))
			return true;
	return false;
}

static void judge_line(const struct view *v, const char *path, const struct str *text,
		       uint32_t number, const char *line, size_t len)
{
	const char *p = line + strspn(line, " \t"), *end = line + len;
	bool is_list = !strncmp(p, "blacklist", 9) && isspace((unsigned char)p[9]);
	bool is_install = !strncmp(p, "install", 7) && isspace((unsigned char)p[7]);
	char module[WORD_MAX];
	enum severity severity;
	struct finding *finding;
	const char *what;
	bool is_certain;
	size_t name_len;

	if (!is_list && !is_install)
		return;
	p += is_list ? 9 : 7;
	p += strspn(p, " \t");
	name_len = strcspn(p, " \t\r\n");
	normal_name(p, name_len, module);
	p += name_len;
	p += strspn(p, " \t");
	if (p > end || (is_install && !is_refusal(p, (size_t)(end - p))))
		return;
	/* A blacklist is not asked about what a module depends on: nvme still loads it. */
	if (is_list && str_eq(module, "nvme_core"))
		return;
	what = need_of(v, module, &severity, &is_certain);
	if (!what || is_built_in(v, module))
		return;
	finding =
		finding_add(v->out, severity, is_certain ? REPAIR_SURE : REPAIR_OFFERED,
			    is_list ? "45" : "67", path, number,
			    is_list ? "%s is blacklisted: %s is not loaded by itself"
				    : "loading %s is replaced by a command that loads nothing: %s "
				      "is never there",
			    machine_quote(v->machine, module, strlen(module)), what);
	if (str_starts(path, "/etc/"))
		lines_edit_comment(&finding->edits, path, text, number, 1);
	else
		finding->repair = REPAIR_NONE; /* the package's own file */
}

static void judge_file(const struct view *v, const char *path)
{
	struct err ignored = ERR_INIT;
	const struct str *text = machine_file(v->machine, path, &ignored);
	uint32_t number = 0;

	/* A continued line is not read here: a comment mark would not take all of it away. */
	for (const char *p = text ? text->s : ""; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		size_t len = strcspn(p, "\n");

		number++;
		if (!len || p[len - 1] != '\\')
			judge_line(v, path, text, number, p, len);
	}
}

/* A file of /etc hides that of the same name in the other directories. */
static void judge_files(const struct view *v)
{
	static const char *const dirs[] = { "/etc/modprobe.d", "/usr/local/lib/modprobe.d",
					    "/usr/lib/modprobe.d", "/lib/modprobe.d" };
	struct tree_stat usr, lib;
	struct err ignored = ERR_INIT;
	struct tree *tree = machine_tree(v->machine);
	bool is_merged = !tree_stat(tree, dirs[2], TREE_FOLLOW, &usr, &ignored) &&
			 !tree_stat(tree, dirs[3], TREE_FOLLOW, &lib, &ignored) &&
			 usr.ino == lib.ino;

	for (size_t i = 0; i < ARRAY_LEN(dirs) - is_merged; i++) {
		const struct tree_names *names = machine_list(v->machine, dirs[i]);

		for (size_t k = 0; names && k < names->count; k++) {
			const char *name = names->items[k];
			cleanup(free) char *path = mem_printf("%s/%s", dirs[i], name);
			bool is_hidden = false;

			for (size_t j = 0; j < i; j++)
				is_hidden |= machine_may_be_in(v->machine, dirs[j], name);
			if (str_ends(name, ".conf") && !is_hidden)
				judge_file(v, path);
		}
	}
	judge_file(v, "/etc/modprobe.conf");
}

/* modprobe.blacklist=a,b and its relatives: one module goes out of the list. */
static void judge_word(const struct view *v, const struct boot_entry *entry, const char *word)
{
	cleanup(free) char *found = boot_word(entry, word);
	cleanup(str_done) struct str rest = STR_INIT;
	enum severity worst = SEVERITY_NOTE;
	bool are_certain = true, is_any = false;

	for (const char *p = found ? found + strlen(word) : ""; *p;) {
		size_t len = strcspn(p, ",");
		char module[WORD_MAX];
		enum severity severity = SEVERITY_NOTE;
		bool is_certain = true;

		normal_name(p, len, module);
		if ((str_starts(word, "module_") || !str_eq(module, "nvme_core")) &&
		    need_of(v, module, &severity, &is_certain) && !is_built_in(v, module)) {
			is_any = true;
			are_certain &= is_certain;
			worst = severity > worst ? severity : worst;
		} else if (len) {
			str_addf(&rest, "%s%.*s", rest.len ? "," : word, (int)len, p);
		}
		p += len;
		p += *p == ',';
	}
	if (is_any)
		boot_find_word(v->machine, entry, v->out, worst,
			       are_certain ? REPAIR_SURE : REPAIR_OFFERED, "45", found,
			       rest.len ? rest.s : NULL,
			       "keeps out a driver that the disk or the network needs");
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	static const char *const words[] = { "modprobe.blacklist=", "rd.driver.blacklist=",
					     "module_blacklist=" };
	const struct boot_entry *entry = boot_default(boot_model(machine));
	const struct cloud_facts *cloud = machine_cloud(machine);
	const char *hypervisor = cloud && cloud->hypervisor ? cloud->hypervisor : "";
	struct view v = { .machine = machine,
			  .version = entry ? entry->version : "",
			  .on = str_eq(hypervisor, "nitro") ? ON_NITRO
				: str_eq(hypervisor, "xen") ? ON_XEN
							    : ON_ANY,
			  .out = out };

	(void)err;
	judge_files(&v);
	for (size_t i = 0; entry && entry->kernel.written && i < ARRAY_LEN(words); i++)
		judge_word(&v, entry, words[i]);
	return 0;
}

const struct check check_module_blocked = {
	.name = "module-blocked",
	.title = "a driver that the instance needs is kept from loading",
	.explain =
		"`blacklist ena` in /etc/modprobe.d keeps udev from loading the network driver; "
		"`install nvme /bin/false` keeps everybody from loading the disk's. The initramfs "
		"holds copies of these files from when it was made, so that the root may come up "
		"once more and no longer after the next update. The same stands on the kernel's "
		"command line as modprobe.blacklist= and module_blacklist=. The repair comments "
		"the "
		"line, or takes the driver out of the word's list. Drivers of the other hypervisor "
		"and those that are built into the kernel are left alone.",
	.source =
		"modprobe.d(5); modprobe(8); kmod, KMOD_PROBE_APPLY_BLACKLIST; dracut.cmdline(7); "
		"kernel-parameters, module_blacklist",
	.rows = "45,67",
	.repair = REPAIR_SURE,
	.needs = NEEDS_DISKS | NEEDS_CLOUD,
	.examine = examine,
};
