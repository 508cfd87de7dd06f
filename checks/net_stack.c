/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/net_stack.h"
#include "checks/units.h"

static bool is_enabled(const struct machine *machine, const char *unit)
{
	return machine_unit(machine, unit) == UNIT_ENABLED;
}

static bool has_any(const struct machine *machine, const char *const *paths, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (tree_exists(machine_tree(machine), paths[i]))
			return true;
	return false;
}

bool net_has_file(const struct machine *machine, const char *dir, const char *end)
{
	const struct tree_names *names = machine_list(machine, dir);

	for (size_t i = 0; names && i < names->count; i++)
		if (str_ends(names->items[i], end))
			return true;
	return false;
}

bool net_has_netplan_program(const struct machine *machine)
{
	static const char *const programs[] = {
		"/usr/lib/systemd/system-generators/netplan",
		"/lib/systemd/system-generators/netplan",
		"/etc/systemd/system-generators/netplan",
		"/usr/sbin/netplan",
		"/usr/libexec/netplan/generate",
	};

	return has_any(machine, programs, ARRAY_LEN(programs));
}

bool net_has_netplan(const struct machine *machine)
{
	bool is_mine =
		net_has_netplan_program(machine) || is_enabled(machine, "systemd-networkd.service");

	return is_mine && (net_has_file(machine, "/etc/netplan", ".yaml") ||
			   net_has_file(machine, "/lib/netplan", ".yaml"));
}

bool net_has_networkd(const struct machine *machine)
{
	enum unit_state state = machine_unit(machine, "systemd-networkd.service");

	return state == UNIT_ENABLED || (state == UNIT_DISABLED && net_has_netplan(machine) &&
					 !is_enabled(machine, "NetworkManager.service"));
}

bool net_has_nm(const struct machine *machine)
{
	return is_enabled(machine, "NetworkManager.service");
}

bool net_has_ifupdown(const struct machine *machine)
{
	static const char *const others[] = {
		"/usr/share/ifupdown2",	    "/etc/network/ifupdown2", "/usr/share/ifupdown-ng",
		"/usr/libexec/ifupdown-ng", "/etc/alpine-release",
	};
	const struct tree_names *names = machine_list(machine, "/etc/rcS.d");
	bool is_started = is_enabled(machine, "networking.service");

	for (size_t i = 0; names && i < names->count; i++)
		is_started |= str_ends(names->items[i], "networking") &&
			      machine_unit(machine, "networking.service") == UNIT_MISSING;
	return is_started && !has_any(machine, others, ARRAY_LEN(others)) &&
	       tree_exists(machine_tree(machine), "/etc/network/interfaces");
}

bool net_has_other(const struct machine *machine)
{
	static const char *const units[] = { "network.service", "wicked.service", "dhcpcd.service",
					     "connman.service", "netctl.service" };

	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (is_enabled(machine, units[i]))
			return true;
	return false;
}

bool net_has_networkd_files(const struct machine *machine)
{
	return net_has_file(machine, "/etc/systemd/network", ".network");
}

bool net_has_nm_files(const struct machine *machine)
{
	return net_has_file(machine, "/etc/NetworkManager/system-connections", "");
}
