/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/boot_choice.h"
#include "checks/units.h"

#include <stdlib.h>

/* Words that are a trap by themselves. Source: systemd(1), proc-cmdline; initramfs-tools(7), break;
 * dracut.cmdline(7), rd.break. */
static const struct trap {
	const char *word, *why;
} traps[] = {
	{ "single", "asks for single user mode: no network, no sshd" },
	{ "s", "asks for single user mode: no network, no sshd" },
	{ "S", "asks for single user mode: no network, no sshd" },
	{ "-s", "asks for single user mode: no network, no sshd" },
	{ "1", "asks for run level 1: no network, no sshd" },
	{ "rescue", "asks for the rescue shell: no network, no sshd" },
	{ "emergency", "asks for the emergency shell: no network, no sshd" },
	{ "-b", "asks for the emergency shell: no network, no sshd" },
	{ "rd.rescue", "stops the boot in a shell of the initramfs" },
	{ "rd.emergency", "stops the boot in a shell of the initramfs" },
	{ "rd.break", "stops the boot in a shell of the initramfs" },
	{ "rdbreak", "stops the boot in a shell of the initramfs" },
	{ "break", "stops the boot in a shell of the initramfs" },
	{ "nomodule", "forbids all kernel modules, and with them the drivers" },
};

struct view {
	const struct machine *machine;
	const struct boot_entry *entry;
	struct findings *out;
};

static void drop(const struct view *v, enum repair_class repair, const char *word, const char *why)
{
	boot_find_word(v->machine, v->entry, v->out, SEVERITY_BLOCKS_BOOT, repair, "57", word, NULL,
		       why);
}

static void judge_words(const struct view *v)
{
	for (size_t i = 0; i < ARRAY_LEN(traps); i++) {
		cleanup(free) char *word = boot_word(v->entry, traps[i].word);

		if (word)
			drop(v, REPAIR_SURE, word, traps[i].why);
	}
	for (size_t i = 0; i < 2; i++) {
		cleanup(free) char *word = boot_word(v->entry, i ? "break=" : "rd.break=");

		if (word)
			drop(v, REPAIR_SURE, word, "stops the boot in a shell of the initramfs");
	}
}

static bool is_shell(const char *path)
{
	static const char *const shells[] = {
		"sh", "bash", "dash", "ash", "ksh", "zsh", "busybox"
	};
	const char *base = strrchr(path, '/');

	base = base ? base + 1 : path;
	for (size_t i = 0; i < ARRAY_LEN(shells); i++)
		if (str_eq(base, shells[i]))
			return true;
	return false;
}

static void judge_init(const struct view *v)
{
	cleanup(free) char *word = boot_word(v->entry, "init=");
	cleanup(free) char *rdinit = boot_word(v->entry, "rdinit=");
	struct tree *tree = machine_tree(v->machine);
	const char *path = word ? word + strlen("init=") : "";
	struct tree_stat st;
	struct err err = ERR_INIT;

	if (rdinit && is_shell(rdinit + strlen("rdinit=")))
		drop(v, REPAIR_SURE, rdinit, "starts a shell in the initramfs and nothing else");
	if (!*path)
		return;
	if (is_shell(path)) {
		drop(v, REPAIR_SURE, word, "starts a shell in the place of init: no service runs");
		return;
	}
	/* The initramfs of initramfs-tools goes on with /sbin/init when this one is not there. */
	if (*path != '/' || tree_stat(tree, path, TREE_FOLLOW, &st, &err) == 0 ||
	    err.code != ERR_NOTFOUND ||
	    (!tree_exists(tree, "/sbin/init") && !tree_exists(tree, "/usr/lib/systemd/systemd")))
		return;
	drop(v, REPAIR_SURE, word,
	     "names an init that is not there: the kernel panics, or the initramfs gives up");
}

static bool is_no_system(const char *unit)
{
	static const char *const units[] = { "rescue",	 "emergency", "poweroff", "halt", "reboot",
					     "shutdown", "kexec",     "exit",	  "sleep" };

	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		size_t len = strlen(units[i]);

		if (!strncmp(unit, units[i], len) &&
		    (!unit[len] || str_eq(unit + len, ".target") || str_eq(unit + len, ".service")))
			return true;
	}
	return false;
}

static void judge_unit(const struct view *v)
{
	cleanup(free) char *word = boot_word(v->entry, "systemd.unit=");
	cleanup(free) char *rd = boot_word(v->entry, "rd.systemd.unit=");
	const char *unit = word ? word + strlen("systemd.unit=") : "";

	if (rd && is_no_system(rd + strlen("rd.systemd.unit=")))
		drop(v, REPAIR_SURE, rd, "stops the boot in the initramfs");
	if (is_no_system(unit))
		drop(v, REPAIR_SURE, word, "is what the boot leads to: no network, no sshd");
	else if (*unit && str_ends(unit, ".target") && !machine_unit_path(v->machine, unit) &&
		 machine_unit_path(v->machine, "multi-user.target"))
		drop(v, REPAIR_SURE, word,
		     "names a target that is not there: systemd ends in the rescue shell");
}

/* systemd.mask= of the login itself. */
static void judge_mask(const struct view *v)
{
	static const char *const units[] = { "ssh.service", "sshd.service" };

	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		cleanup(free) char *full = mem_printf("systemd.mask=%s", units[i]);
		cleanup(free) char *word = boot_word(v->entry, full);

		if (word && machine_unit_path(v->machine, units[i]))
			boot_find_word(v->machine, v->entry, v->out, SEVERITY_BLOCKS_LOGIN,
				       REPAIR_SURE, "57", word, NULL,
				       "forbids the service that lets you in");
	}
}

/* mem=64M: a limit left from a test, too small for any distribution. */
static void judge_memory(const struct view *v)
{
	cleanup(free) char *word = boot_word(v->entry, "mem=");
	char *end = NULL;
	unsigned long long value = word ? strtoull(word + strlen("mem="), &end, 0) : 0;
	const char *units = "kKmMgGtTpP", *unit = end && *end ? strchr(units, *end) : NULL;

	for (long shift = unit ? (unit - units) / 2 + 1 : 0; shift > 0 && value < 1ull << 40;
	     shift--)
		value <<= 10;
	/* nopentium is the other thing that mem= may say. */
	if (!value || (end && *end && !unit) || (unit && end[1]) || value >= 160ull << 20)
		return;
	drop(v, REPAIR_SURE, word, "leaves the kernel less memory than any distribution needs");
}

/* The recovery entry of the menu is what starts. */
static bool judge_entry(const struct view *v, const struct boot *boot)
{
	const struct boot_entry *best = NULL;
	struct finding *finding;

	if (!v->entry->is_rescue || !(strcasestr(v->entry->title, "recovery") ||
				      strcasestr(v->entry->title, "rescue mode") ||
				      strcasestr(v->entry->title, "single user")))
		return false;
	vec_foreach (entry, &boot->entries)
		if (!entry->is_rescue && entry->args[0] &&
		    boot_entry_is_complete(v->machine, entry) &&
		    (!best || version_compare(entry->version, best->version) > 0))
			best = entry;
	finding = finding_add(v->out, SEVERITY_BLOCKS_BOOT, REPAIR_SURE, "57",
			      boot->default_path ? boot->default_path : boot->path,
			      boot->default_line, "the default entry is %s: no network, no sshd",
			      machine_quote(v->machine, v->entry->title, strlen(v->entry->title)));
	if (!best || !boot_edit_default(v->machine, boot, best, &finding->edits))
		finding->repair = REPAIR_NONE;
	return true;
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct boot *boot = boot_model(machine);
	struct view v = { machine, boot_default(boot), out };

	(void)err;
	if (!v.entry || !v.entry->kernel.written || judge_entry(&v, boot))
		return 0;
	judge_words(&v);
	judge_init(&v);
	judge_unit(&v);
	judge_mask(&v);
	judge_memory(&v);
	return 0;
}

const struct check check_boot_single_user = {
	.name = "boot-single-user",
	.title = "the kernel's command line asks for less than a whole system",
	.explain =
		"Words left on the command line from an earlier rescue end every boot before "
		"network and sshd: single, emergency, systemd.unit=rescue.target, init=/bin/bash, "
		"rd.break, a mem= limit; or the menu's recovery entry became the default. Nobody "
		"sits at the console of an instance. The repair takes the word out of the entry "
		"that starts and leaves the others (recovery entries mean it), or makes the "
		"normal entry the default again.",
	.source =
		"systemd(1), \"Kernel Command Line\"; kernel-command-line(7); bootparam(7), init=; "
		"dracut.cmdline(7), rd.break; initramfs-tools(7), break",
	.rows = "57",
	.repair = REPAIR_SURE,
	.examine = examine,
};
