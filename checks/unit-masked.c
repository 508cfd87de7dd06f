/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/fstab_util.h"
#include "checks/kernel_cmdline.h"
#include "checks/sshd_service.h"
#include "checks/units.h"

/* A package's own file for the unit: what is masked without one was never there. */
static bool is_installed(const struct machine *machine, const char *unit)
{
	static const char *const dirs[] = { "/usr/lib/systemd/system", "/lib/systemd/system" };
	struct err ignored = ERR_INIT;
	struct tree_stat st;

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		cleanup(free) char *path = mem_printf("%s/%s", dirs[i], unit);

		if (machine_may_be_in(machine, dirs[i], unit) &&
		    !tree_stat(machine_tree(machine), path, TREE_FOLLOW, &st, &ignored) &&
		    S_ISREG(st.mode) && st.size_bytes)
			return true;
	}
	return false;
}

/* Masked by somebody in /etc: a distributor's own mask in /usr/lib is as it should be. */
static const char *mask_of(const struct machine *machine, const char *unit)
{
	const char *path = machine_unit_path(machine, unit);

	return path && machine_unit(machine, unit) == UNIT_MASKED && str_starts(path, "/etc/") &&
			       is_installed(machine, unit)
		       ? path
		       : NULL;
}

static bool root_is_read_only(const struct machine *machine)
{
	return cmdline_root_mode(machine) == CMDLINE_ROOT_RO;
}

static bool home_is_mounted(const struct machine *machine)
{
	cleanup(fstab_view_done) struct fstab_view view = { 0 };
	struct err ignored = ERR_INIT;

	if (fstab_view_open(machine, &view, &ignored) < 0)
		return false;
	vec_foreach (entry, &view.fstab) {
		cleanup(free) char *target = fstab_target(entry);

		if ((str_eq(target, "/home") || str_eq(target, "/root")) &&
		    fstab_pull(entry) >= PULL_WANTED)
			return true;
	}
	return false;
}

static bool sshd_has_socket(const struct machine *machine)
{
	return sshd_service_socket(machine);
}

/* NetworkManager is reached over the bus and does not start without it. */
static bool network_needs_bus(const struct machine *machine)
{
	return machine_unit(machine, "NetworkManager.service") == UNIT_ENABLED;
}

static bool graphical_is_default(const struct machine *machine)
{
	const struct unit *unit = unit_load(machine, "default.target");

	return unit && str_eq(unit->name, "graphical.target");
}

/* The severity holds when `holds` does (or is NULL); else it is what stands in `or_else`. */
static const struct critical {
	const char *unit, *why;
	enum severity severity, or_else;
	bool (*holds)(const struct machine *);
} criticals[] = {
	{ "sysinit.target", "no service can start", SEVERITY_BLOCKS_BOOT, 0, NULL },
	{ "basic.target", "no service can start", SEVERITY_BLOCKS_BOOT, 0, NULL },
	{ "multi-user.target", "systemd falls back to rescue mode, which starts no service",
	  SEVERITY_BLOCKS_BOOT, 0, NULL },
	{ "graphical.target",
	  "it is the default target; systemd falls back to rescue mode, which starts no service",
	  SEVERITY_BLOCKS_BOOT, SEVERITY_NOTE, graphical_is_default },
	{ "systemd-udevd.service", "no device is ever ready: mounts and network cards wait in vain",
	  SEVERITY_BLOCKS_BOOT, 0, NULL },
	{ "systemd-udev-trigger.service",
	  "no device is ever ready: mounts and network cards wait in vain", SEVERITY_BLOCKS_BOOT, 0,
	  NULL },
	{ "systemd-user-sessions.service",
	  "/run/nologin stays after the boot, and pam_nologin turns everybody but root away",
	  SEVERITY_BLOCKS_LOGIN, 0, NULL },
	{ "sockets.target", "no service is started by its socket", SEVERITY_BLOCKS_LOGIN,
	  SEVERITY_DELAYS, sshd_has_socket },
	{ "local-fs.target", "the file systems of fstab are not mounted", SEVERITY_BLOCKS_LOGIN,
	  SEVERITY_DELAYS, home_is_mounted },
	{ "dbus.service", "what needs the bus does not start (logind, NetworkManager)",
	  SEVERITY_BLOCKS_LOGIN, SEVERITY_DELAYS, network_needs_bus },
	{ "dbus.socket", "what needs the bus does not start (logind, NetworkManager)",
	  SEVERITY_BLOCKS_LOGIN, SEVERITY_DELAYS, network_needs_bus },
	{ "dbus-broker.service", "what needs the bus does not start (logind, NetworkManager)",
	  SEVERITY_BLOCKS_LOGIN, SEVERITY_DELAYS, network_needs_bus },
	{ "systemd-remount-fs.service",
	  "the kernel mounts the root read-only, and nobody makes it writable", SEVERITY_DELAYS,
	  SEVERITY_NOTE, root_is_read_only },
	{ "systemd-journald.service", "nothing is logged, and services start without their output",
	  SEVERITY_DELAYS, 0, NULL },
	{ "systemd-logind.service", "logins get no session and no /run/user directory",
	  SEVERITY_DELAYS, 0, NULL },
	{ "systemd-tmpfiles-setup.service",
	  "directories below /run and /tmp that services need are not made", SEVERITY_DELAYS, 0,
	  NULL },
	{ "serial-getty@ttyS0.service", "the EC2 serial console shows no login", SEVERITY_NOTE, 0,
	  NULL },
};

static void look_at(const struct machine *machine, const struct critical *c, struct findings *out)
{
	const char *file = c->unit, *path;
	enum severity severity = c->severity;
	bool is_sure = severity >= SEVERITY_BLOCKS_LOGIN || c->holds;
	struct finding *finding;

	path = mask_of(machine, file);
	if (!path && strchr(c->unit, '@')) { /* only the template has a file */
		path = machine_unit_path(machine, file);
		if (!path || machine_unit(machine, file) != UNIT_MASKED ||
		    !str_starts(path, "/etc/") || !is_installed(machine, "serial-getty@.service"))
			return;
	}
	if (!path)
		return;
	if (c->holds && !c->holds(machine)) {
		is_sure = false;
		severity = c->or_else;
		if (severity == SEVERITY_NOTE)
			return;
	}
	finding = finding_add(out, severity, is_sure ? REPAIR_SURE : REPAIR_OFFERED, "62", path, 0,
			      "%s is masked: %s", c->unit, c->why);
	edit_remove(&finding->edits, path);
}

/* The services that bring the network up. One that is not in use is often masked, and well so. */
static void look_at_network(const struct machine *machine, struct findings *out)
{
	static const char *const stacks[] = { "systemd-networkd.service", "NetworkManager.service",
					      "networking.service",	  "network.service",
					      "wicked.service",		  "wickedd.service",
					      "dhcpcd.service",		  "connman.service" };
	const char *masked = NULL;
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_LEN(stacks); i++) {
		enum unit_state state = machine_unit(machine, stacks[i]);

		if (state == UNIT_ENABLED)
			return;
		if (mask_of(machine, stacks[i])) {
			masked = stacks[i];
			count++;
		}
	}
	if (count != 1)
		return; /* none, or which one is meant cannot be told */
	const char *path = mask_of(machine, masked);
	struct finding *finding =
		finding_add(out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "62,116", path, 0,
			    "%s is masked, and nothing else brings the network up", masked);
	edit_remove(&finding->edits, path);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	(void)err;
	for (size_t i = 0; i < ARRAY_LEN(criticals); i++)
		look_at(machine, &criticals[i], out);
	look_at_network(machine, out);
	return 0;
}

const struct check check_unit_masked = {
	.name = "unit-masked",
	.title = "a unit that the boot or the login needs is masked",
	.explain =
		"A unit that is a link to /dev/null cannot be started by anybody, not even as a "
		"dependency. Without sysinit.target or basic.target nothing starts, without udevd "
		"no "
		"device is ready, without systemd-user-sessions the file /run/nologin that every "
		"boot makes is never taken away, so that only root may log in; without the one "
		"service that brings the network up nobody reaches the instance. Some masks only "
		"cost something; to undo those is offered. sshd's own is sshd-unit's business. The "
		"repair removes the link, as `systemctl unmask` does.",
	.source = "systemctl(1), mask; systemd.special(7); bootup(7); systemd-user-sessions(8), "
		  "pam_nologin(8), tmpfiles.d/systemd-nologin.conf; systemd-udevd(8)",
	.rows = "62,116",
	.repair = REPAIR_SURE,
	.needs = NEEDS_DISKS,
	.examine = examine,
};
