/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/packages.h"

#define NAMED_MAX 5u

/* Half of the files may be there, or none of the set-up done. dpkg(1): states that `dpkg --configure -a`
 * and `apt --fix-broken install` are for. Waiting triggers run with the next change and harm nobody. */
static bool is_half(const struct package *package)
{
	return package->state &&
	       (str_eq(package->state, "half-installed") || str_eq(package->state, "unpacked") ||
		str_eq(package->state, "half-configured") ||
		(str_eq(package->flag, "reinstreq") && !str_eq(package->state, "not-installed") &&
		 !str_eq(package->state, "config-files")));
}

/* Without which there is no boot or no login. */
static bool is_vital(const char *name)
{
	static const char *const names[] = { "libc6",	       "systemd",	 "systemd-sysv",
					     "udev",	       "openssh-server", "initramfs-tools",
					     "dracut",	       "base-files",	 "dash",
					     "bash",	       "login",		 "passwd",
					     "libpam-modules", "libpam-runtime", "libpam0g",
					     "libssl3",	       "libssl3t64",	 "libssl1.1",
					     "sudo",	       "mount",		 "util-linux",
					     "netplan.io",     "ifupdown",	 "cloud-init" };
	static const char *const starts[] = { "linux-image-", "linux-modules-", "grub-" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq(name, names[i]))
			return true;
	for (size_t i = 0; i < ARRAY_LEN(starts); i++)
		if (str_starts(name, starts[i]))
			return true;
	return false;
}

struct halves {
	struct str names;
	size_t count;
	uint32_t line;
};

static void add_half(struct halves *halves, const struct machine *machine,
		     const struct package *package)
{
	if (!halves->count)
		halves->line = package->line;
	if (halves->count++ < NAMED_MAX)
		str_addf(&halves->names, "%s%s (%s)", halves->names.len ? ", " : "",
			 machine_quote(machine, package->name, strlen(package->name)),
			 package->state);
}

static void report(struct halves *halves, enum severity severity, const char *what,
		   struct findings *out)
{
	if (halves->count > NAMED_MAX)
		str_addf(&halves->names, " and %zu more", halves->count - NAMED_MAX);
	if (halves->count)
		finding_add(out, severity, REPAIR_NONE, "139", "/var/lib/dpkg/status", halves->line,
			    "dpkg was cut off with %s%s; `dpkg --configure -a` on the running "
			    "system, or in "
			    "a chroot, goes on",
			    halves->names.s, what);
	str_done(&halves->names);
}

static void look_at_dpkg(const struct machine *machine, struct findings *out)
{
	struct halves vital = { .names = STR_INIT }, other = { .names = STR_INIT };
	const struct packages *packages = packages_read(machine);

	vec_foreach (package, packages)
		if (is_half(package))
			add_half(is_vital(package->name) ? &vital : &other, machine, package);
	report(&vital, SEVERITY_DELAYS, ", on which the boot or the login stand", out);
	report(&other, SEVERITY_NOTE, "", out);
}

/* yum leaves the list of what a transaction has to do, until it is done. */
static void look_at_yum(const struct machine *machine, struct findings *out)
{
	const struct tree_names *names = machine_list(machine, "/var/lib/yum");

	for (size_t i = 0; names && i < names->count; i++) {
		cleanup(free) char *path = mem_printf("/var/lib/yum/%s", names->items[i]);
		struct err ignored = ERR_INIT;
		struct tree_stat st;

		if (!str_starts(names->items[i], "transaction-all.") ||
		    str_ends(names->items[i], ".disabled") ||
		    tree_stat(machine_tree(machine), path, TREE_NOFOLLOW, &st, &ignored) < 0 ||
		    !st.size_bytes)
			continue;
		finding_add(
			out, SEVERITY_NOTE, REPAIR_NONE, "139", path, 0,
			"a transaction of yum was cut off; packages may be there twice or by half, "
			"and yum-complete-transaction on the running system goes on");
		return;
	}
}

/* An empty database is one that was cut off while it was made: rpm then knows of no package. */
static void look_at_rpm(const struct machine *machine, struct findings *out)
{
	static const char *const paths[] = { "/var/lib/rpm/rpmdb.sqlite", "/var/lib/rpm/Packages",
					     "/var/lib/rpm/Packages.db",
					     "/usr/lib/sysimage/rpm/rpmdb.sqlite",
					     "/usr/lib/sysimage/rpm/Packages.db" };
	struct err ignored = ERR_INIT;
	struct tree_stat st;

	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		if (!tree_stat(machine_tree(machine), paths[i], TREE_FOLLOW, &st, &ignored) &&
		    S_ISREG(st.mode) && !st.size_bytes)
			finding_add(out, SEVERITY_NOTE, REPAIR_NONE, "139", paths[i], 0,
				    "%s is empty: rpm knows of no package, and nothing can be "
				    "installed "
				    "until its database is restored",
				    paths[i]);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	(void)err;
	look_at_dpkg(machine, out);
	look_at_yum(machine, out);
	look_at_rpm(machine, out);
	return 0;
}

const struct check check_package_state = {
	.name = "package-state",
	.title = "a package change was cut off half-way",
	.explain =
		"An upgrade that was killed, or stopped with the instance, leaves packages "
		"unpacked and "
		"not set up: no initramfs for the new kernel, sshd without its new library. What "
		"is "
		"missing is found by the checks of those things; this one says why, and what to do "
		"afterwards. Nothing is repaired, for only the packages' own scripts know how.",
	.source = "dpkg(1) PACKAGE STATES; yum-complete-transaction(8)",
	.rows = "139",
	.repair = REPAIR_NONE,
	.examine = examine,
};
