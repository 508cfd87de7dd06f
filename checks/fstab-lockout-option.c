/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/fstab_util.h"

/* The flags as they are in the end: user, users, owner and group imply some, and a later option
 * takes an earlier one back. Source: mount(8), "user", "owner". */
struct flags {
	bool ro, nosuid, noexec;
};

static struct flags flags_of(const char *opts)
{
	static const struct {
		const char *name;
		char ro, nosuid, noexec; /* '+' sets, '-' clears */
	} effects[] = {
		{ "ro", '+', 0, 0 },	 { "rw", '-', 0, 0 },	   { "nosuid", 0, '+', 0 },
		{ "suid", 0, '-', 0 },	 { "noexec", 0, 0, '+' },  { "exec", 0, 0, '-' },
		{ "user", 0, '+', '+' }, { "users", 0, '+', '+' }, { "owner", 0, '+', 0 },
		{ "group", 0, '+', 0 },
	};
	struct flags flags = { 0 };
	struct fstab_option option;

	while (fstab_option_next(&opts, &option))
		for (size_t i = 0; i < ARRAY_LEN(effects); i++) {
			if (!fstab_option_is(&option, effects[i].name))
				continue;
			flags.ro = effects[i].ro ? effects[i].ro == '+' : flags.ro;
			flags.nosuid = effects[i].nosuid ? effects[i].nosuid == '+' : flags.nosuid;
			flags.noexec = effects[i].noexec ? effects[i].noexec == '+' : flags.noexec;
		}
	return flags;
}

static bool is_nosuid_word(const struct fstab_option *option, void *arg)
{
	(void)arg;
	return fstab_option_is(option, "nosuid") || fstab_option_is(option, "user") ||
	       fstab_option_is(option, "users") || fstab_option_is(option, "owner") ||
	       fstab_option_is(option, "group");
}

static bool is_noexec_word(const struct fstab_option *option, void *arg)
{
	(void)arg;
	return fstab_option_is(option, "noexec") || fstab_option_is(option, "user") ||
	       fstab_option_is(option, "users");
}

static bool is_either_word(const struct fstab_option *option, void *arg)
{
	return is_nosuid_word(option, arg) || is_noexec_word(option, arg);
}

static bool is_ro_word(const struct fstab_option *option, void *arg)
{
	(void)arg;
	return fstab_option_is(option, "ro");
}

static void drop(const struct fstab_view *view, struct finding *finding,
		 const struct fstab_entry *entry, fstab_drop which)
{
	cleanup(str_done) struct str line = STR_INIT;

	fstab_line_drop_options(entry, which, NULL, &line);
	fstab_edit_line(view, finding, entry, &line);
}

/* A machine that is meant to be read-only has its writable places elsewhere, no cloud-init, and no
 * seed that an earlier shutdown wrote. */
static bool is_meant_read_only(const struct fstab_view *view)
{
	struct tree *tree = machine_tree(view->machine);

	vec_foreach (entry, &view->fstab) {
		cleanup(free) char *target = fstab_target(entry);

		if (path_is_below(target, "/var") || str_eq(target, "/etc"))
			return true;
	}
	return tree_exists(tree, "/etc/overlayroot.conf") ||
	       tree_exists(tree, "/etc/sysconfig/readonly-root") ||
	       (!tree_exists(tree, "/etc/cloud/cloud.cfg") &&
		!tree_exists(tree, "/var/lib/systemd/random-seed"));
}

static void judge_ro(const struct fstab_view *view, const struct fstab_entry *entry,
		     struct findings *findings)
{
	bool is_meant = is_meant_read_only(view);
	struct finding *finding =
		finding_add(findings, is_meant ? SEVERITY_NOTE : SEVERITY_DELAYS,
			    is_meant ? REPAIR_OFFERED : REPAIR_SURE, "15", FSTAB_PATH, entry->line,
			    "the root is mounted read-only%s",
			    is_meant ? ", which may be meant"
				     : ", and /var with it: services fail or wait for minutes, and "
				       "nothing can be mended by hand");

	drop(view, finding, entry, is_ro_word);
}

static void judge_system(const struct fstab_view *view, const struct fstab_entry *entry,
			 const char *target, struct findings *findings)
{
	struct flags flags = flags_of(entry->field[FSTAB_OPTS]);
	struct finding *finding;

	if (flags.noexec) {
		finding = finding_add(findings, SEVERITY_BLOCKS_BOOT, REPAIR_SURE, "15", FSTAB_PATH,
				      entry->line, "%s is mounted noexec%s: no program in it runs",
				      fstab_quote(view, target), flags.nosuid ? " and nosuid" : "");
		drop(view, finding, entry, flags.nosuid ? is_either_word : is_noexec_word);
	} else if (flags.nosuid) {
		finding = finding_add(findings, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "15",
				      FSTAB_PATH, entry->line,
				      "%s is mounted nosuid: sudo and su stop working, so nobody "
				      "can become root",
				      fstab_quote(view, target));
		drop(view, finding, entry, is_nosuid_word);
	} else if (flags.ro && str_eq(target, "/")) {
		judge_ro(view, entry, findings);
	}
}

static void judge(const struct fstab_view *view, const struct fstab_entry *entry,
		  struct findings *findings)
{
	cleanup(free) char *target = fstab_target(entry);
	struct finding *finding;

	if (fstab_is_swap(entry) || (!str_eq(target, "/") && fstab_pull(entry) == PULL_NOTHING))
		return;
	if (str_eq(target, "/") || str_eq(target, "/usr") || str_eq(target, "/usr/bin") ||
	    str_eq(target, "/bin")) {
		judge_system(view, entry, target, findings);
	} else if ((str_eq(target, "/home") || str_eq(target, "/tmp")) &&
		   flags_of(entry->field[FSTAB_OPTS]).noexec) {
		finding = finding_add(findings, SEVERITY_NOTE, REPAIR_OFFERED, "15", FSTAB_PATH,
				      entry->line,
				      "%s is mounted noexec, as hardening guides ask: scripts and "
				      "some installers in it do not run",
				      fstab_quote(view, target));
		drop(view, finding, entry, is_noexec_word);
	}
}

static int examine(const struct machine *machine, struct findings *findings, struct err *err)
{
	(void)err;
	fstab_each(machine, judge, findings);
	return 0;
}

const struct check check_fstab_lockout_option = {
	.name = "fstab-lockout-option",
	.title = "a mount option in fstab locks people out",
	.explain = "nosuid on / or /usr takes sudo away, noexec on them lets nothing run; user and "
		   "users "
		   "imply both, owner and group imply nosuid. A root that stays read-only keeps "
		   "services "
		   "waiting for minutes; it is a note where /var is mounted apart or nothing shows "
		   "that "
		   "the root was ever writable. The repair leaves out the option. noexec on "
		   "/home "
		   "and /tmp is common hardening and only noted.",
	.source = "mount(8), nosuid, noexec, user, owner; sudo(8): \"effective uid is not 0\"",
	.rows = "15",
	.repair = REPAIR_SURE,
	.needs = NEEDS_DISKS,
	.examine = examine,
};
