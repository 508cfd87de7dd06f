/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/fstab_util.h"
#include "checks/kernel_cmdline.h"
#include "checks/mount_options.h"

#include <ctype.h>

/* The oldest kernel that is installed, major << 16 | minor; 0: none is seen. */
static uint32_t oldest_kernel(const struct machine *machine)
{
	static const char *const dirs[] = { "/lib/modules", "/usr/lib/modules" };
	uint32_t oldest = 0;

	for (size_t i = 0; i < ARRAY_LEN(dirs) && !oldest; i++) {
		cleanup(tree_names_done) struct tree_names names = { 0 };
		struct err ignored = ERR_INIT;

		if (tree_list(machine_tree(machine), dirs[i], &names, &ignored) < 0)
			continue;
		vec_foreach (name, &names) {
			char *end;
			unsigned long major = strtoul(*name, &end, 10);
			unsigned long minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;
			uint32_t version = (uint32_t)((major & 0xff) << 16 | (minor & 0xffff));

			if (isdigit((unsigned char)**name) && (!oldest || version < oldest))
				oldest = version;
		}
	}
	return oldest;
}

struct judging {
	const struct fstab_view *view;
	const char *fs_type;
	bool is_root;
	uint32_t kernel;
	/* What was found. */
	struct str named;  /* the options, for the message */
	bool is_uncertain; /* depends on the kernel that runs, or on a default in the superblock */
	bool has_nobootwait;
};

static bool any_cmdline_has(const struct machine *machine, const struct fstab_option *option)
{
	cleanup(free) char *text = mem_printf("data=%.*s", (int)option->value_len, option->value);
	cleanup(cmdlines_done) struct cmdlines cmdlines;

	cmdlines_find(machine, &cmdlines);
	vec_foreach (cmdline, &cmdlines) {
		const char *flags = cmdline_word(cmdline->args, "rootflags=");
		const char *at = flags ? strstr(flags, text) : NULL;

		if (at && at < flags + strcspn(flags, " \t"))
			return true;
	}
	return false;
}

/* The journal mode of a mounted ext4 cannot be changed, and the root is mounted when its line is
 * read. A default in the superblock can make it the same mode; that is not known here. */
static bool is_data_of_root(struct judging *judging, const struct fstab_option *option)
{
	const char *console = machine_console(judging->view->machine);

	if (!judging->is_root || !str_starts(judging->fs_type, "ext") ||
	    !fstab_option_is(option, "data") || !option->value ||
	    (option->value_len == 7 && !strncmp(option->value, "ordered", 7)) ||
	    any_cmdline_has(judging->view->machine, option))
		return false;
	if (!console || !strstr(console, "change data mode on remount"))
		judging->is_uncertain = true;
	return true;
}

/* upstart's mountall took this; nothing else does. */
static bool is_mountall_word(const struct judging *judging, const struct fstab_option *option)
{
	return (fstab_option_is(option, "nobootwait") || fstab_option_is(option, "bootwait") ||
		fstab_option_is(option, "optional") || fstab_option_is(option, "showthrough")) &&
	       tree_exists(machine_tree(judging->view->machine), "/sbin/mountall");
}

static bool is_bad(const struct fstab_option *option, void *arg)
{
	struct judging *judging = arg;
	uint32_t version = 0;
	enum option_verdict verdict = mount_option_judge(judging->fs_type, option, &version);

	if (verdict == OPTION_TAKEN)
		return is_data_of_root(judging, option);
	if (verdict == OPTION_UNJUDGED || is_mountall_word(judging, option))
		return false;
	if (verdict == OPTION_REMOVED) {
		if (!judging->kernel)
			judging->kernel = oldest_kernel(judging->view->machine);
		if (judging->kernel && judging->kernel < version)
			return false;
		judging->is_uncertain |= !judging->kernel;
	}
	judging->has_nobootwait |= fstab_option_is(option, "nobootwait");
	return true;
}

/* As is_bad, and keeps the name for the message. */
static bool note_bad(const struct fstab_option *option, void *arg)
{
	struct judging *judging = arg;
	size_t len = option->name_len + (option->value ? 1 + option->value_len : 0);

	if (!is_bad(option, arg))
		return false;
	str_addf(&judging->named, "%s%s", judging->named.len ? ", " : "",
		 machine_quote(judging->view->machine, option->name, len));
	return true;
}

static void make_line(const struct fstab_entry *entry, struct judging *judging, struct str *into)
{
	fstab_line_drop_options(entry, note_bad, judging, into);
	if (judging->has_nobootwait && !judging->is_root && !fstab_has(entry, "nofail")) {
		cleanup(fstab_done) struct fstab fstab;
		cleanup(str_done) struct str line = STR_INIT;

		/* It meant what nofail means. */
		fstab_parse(into, &fstab);
		fstab_line_add_options(&fstab.items[0], "nofail", &line);
		str_clear(into);
		str_add_bytes(into, line.s, line.len);
	}
}

static void judge(const struct fstab_view *view, const struct fstab_entry *entry,
		  struct findings *findings)
{
	cleanup(fstab_device_done) struct fstab_device device = { 0 };
	cleanup(str_done) struct str line = STR_INIT;
	struct judging judging = { .view = view,
				   .is_root = fstab_is_root(entry),
				   .named = STR_INIT };
	struct finding *finding;

	fstab_device(view, entry, &device);
	if (device.presence != DEVICE_PRESENT)
		device.fs = NULL;
	if (judging.is_root && view->root)
		device.fs = view->root;
	judging.fs_type = device.fs && device.fs->type ? device.fs->type : entry->field[FSTAB_TYPE];
	if (device.presence == DEVICE_MISSING || fstab_is_bind(entry) ||
	    (judging.is_root && !fstab_is_first_root(view, entry)))
		return;
	make_line(entry, &judging, &line);
	if (judging.named.len) {
		finding = finding_add(
			findings, judging.is_uncertain ? SEVERITY_NOTE : fstab_severity(entry),
			judging.is_uncertain ? REPAIR_OFFERED : fstab_class(entry), "9", FSTAB_PATH,
			entry->line, "%s %s for %s does not take %s%s, so %s",
			judging.is_uncertain ? "perhaps" : "the file system",
			machine_quote(view->machine, judging.fs_type, strlen(judging.fs_type)),
			fstab_quote(view, entry->field[FSTAB_FILE]), judging.named.s,
			judging.is_uncertain ? " (it depends on the kernel or on how the file "
					       "system was made)"
					     : "",
			fstab_consequence(entry));
		fstab_edit_line(view, finding, entry, &line);
	}
	str_done(&judging.named);
}

static int examine(const struct machine *machine, struct findings *findings, struct err *err)
{
	(void)err;
	fstab_each(machine, judge, findings);
	return 0;
}

const struct check check_fstab_bad_option = {
	.name = "fstab-bad-option",
	.title = "fstab has a mount option that the file system does not take",
	.explain =
		"The kernel refuses a mount with an option that the file system does not know: a "
		"slip "
		"such as noatme, errors= on XFS, nobarrier on XFS since Linux 4.19. For a data "
		"volume "
		"that stops the boot in emergency mode, for the root it means that the root stays "
		"read-only and services wait for minutes. The repair leaves out exactly the "
		"options "
		"that are refused (nobootwait of old Ubuntu becomes nofail). data= for the root is "
		"a "
		"note, because the journal mode cannot be changed by a remount unless the "
		"superblock "
		"or rootflags= already has it.",
	.source = "mount(8); ext4(5), xfs(5), btrfs(5); kernel Documentation/admin-guide/xfs.rst, "
		  "\"Removed Mount Options\"; fsconfig(2) of Linux 6.18 as a witness",
	.rows = "9",
	.repair = REPAIR_SURE,
	.needs = NEEDS_DISKS | NEEDS_CONSOLE,
	.examine = examine,
};
