/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/ifupdown.h"
#include "checks/net_stack.h"
#include "checks/netplan.h"
#include "checks/networkd.h"
#include "checks/nic_address.h"
#include "checks/units.h"

/* A service that would configure the network from files that are there. */
struct stack {
	const char *unit;
	bool (*has_files)(const struct machine *);
};

static bool has_networkd(const struct machine *machine)
{
	vec_foreach (file, networkd_model(machine))
		if (file->fit == NETWORKD_MAY && (file->has_dhcp4 || file->has_address))
			return true;
	return false;
}

static bool names_card(const struct machine *machine, const char *path)
{
	struct err ignored = ERR_INIT;
	const struct str *text = machine_file(machine, path, &ignored);
	const char *at = text ? strstr(text->s, "iface e") : NULL;

	return at && (at == text->s || at[-1] == '\n');
}

static bool has_interfaces(const struct machine *machine)
{
	const struct tree_names *names = machine_list(machine, "/etc/network/interfaces.d");

	if (names_card(machine, "/etc/network/interfaces"))
		return true;
	for (size_t i = 0; names && i < names->count; i++) {
		cleanup(free) char *path =
			mem_printf("/etc/network/interfaces.d/%s", names->items[i]);

		if (names_card(machine, path))
			return true;
	}
	return false;
}

static bool has_wicked(const struct machine *machine)
{
	const struct tree_names *names = machine_list(machine, "/etc/sysconfig/network");

	for (size_t i = 0; names && i < names->count; i++)
		if (str_starts(names->items[i], "ifcfg-e"))
			return true;
	return false;
}

static const struct stack stacks[] = {
	{ "systemd-networkd.service", has_networkd },
	{ "NetworkManager.service", net_has_nm_files },
	{ "networking.service", has_interfaces },
	{ "wicked.service", has_wicked },
};

/* The package's own file, whatever /etc puts over it. The caller frees. */
static char *vendor_unit(const struct machine *machine, const char *unit)
{
	static const char *const dirs[] = { "/usr/lib/systemd/system", "/lib/systemd/system" };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		cleanup(free) char *path = mem_printf("%s/%s", dirs[i], unit);
		struct err ignored = ERR_INIT;
		struct tree_stat st;

		if (!tree_stat(machine_tree(machine), path, TREE_NOFOLLOW, &st, &ignored) &&
		    S_ISREG(st.mode) && st.size_bytes)
			return TAKE(path);
	}
	return NULL;
}

/* What `systemctl unmask` and `enable` would do. */
static void enable(const struct machine *machine, const char *unit, struct finding *finding)
{
	cleanup(free) char *vendor = vendor_unit(machine, unit);
	cleanup(free) char *link =
		mem_printf("/etc/systemd/system/multi-user.target.wants/%s", unit);
	const char *path = machine_unit_path(machine, unit);
	struct err ignored = ERR_INIT;
	struct tree_stat st;

	if (!vendor) {
		finding->repair = REPAIR_NONE;
		return;
	}
	if (machine_unit(machine, unit) == UNIT_MASKED && path && str_starts(path, "/etc/"))
		edit_remove(&finding->edits, path);
	if (tree_stat(machine_tree(machine), link, TREE_NOFOLLOW, &st, &ignored) < 0)
		edit_symlink(&finding->edits, link, vendor);
	if (!finding->edits.count)
		finding->repair = REPAIR_NONE;
}

static bool is_off(const struct machine *machine, const char *unit)
{
	enum unit_state state = machine_unit(machine, unit);

	return state == UNIT_DISABLED || state == UNIT_MASKED;
}

/* ifupdown is started by default, and brings up what its files name: often lo alone. cloud-init
 * may have yet to write the rest. */
static bool brings_up_a_card(const struct machine *machine, const char *unit)
{
	const struct ifupdown *model = ifupdown_model(machine);

	if (!str_eq(unit, "networking.service") || !model || model->errors.count ||
	    tree_exists(machine_tree(machine), "/usr/bin/cloud-init"))
		return true;
	vec_foreach (stanza, &model->stanzas)
		if (!str_eq(stanza->name, "lo"))
			return true;
	return false;
}

/* Nothing is started that would configure the network, and files for a service wait for it. */
static void look_at_none(const struct machine *machine, struct findings *out)
{
	const struct stack *only = NULL;
	size_t count = 0;
	struct finding *finding;

	for (size_t i = 0; i < ARRAY_LEN(stacks); i++) {
		if (machine_unit(machine, stacks[i].unit) == UNIT_ENABLED) {
			if (brings_up_a_card(machine, stacks[i].unit))
				return;
			continue;
		}
		if (!is_off(machine, stacks[i].unit) || !stacks[i].has_files(machine))
			continue;
		only = only ? only : &stacks[i];
		count++;
	}
	if (!only || net_has_other(machine) || net_has_netplan(machine))
		return;
	finding = finding_add(out, SEVERITY_BLOCKS_LOGIN, count == 1 ? REPAIR_SURE : REPAIR_OFFERED,
			      "116", machine_unit_path(machine, only->unit), 0,
			      "%s is %s, and no other service brings the network up; its files for "
			      "the network card wait for it",
			      only->unit,
			      machine_unit(machine, only->unit) == UNIT_MASKED ? "masked"
									       : "not enabled");
	enable(machine, only->unit, finding);
}

/* netplan writes for a service that does not run. */
static void look_at_renderer(const struct machine *machine, struct findings *out)
{
	const struct netplan *model = netplan_model(machine);
	const char *name = model && model->renderer.file ? yaml_text(model->renderer.node) : NULL;
	bool is_nm = name && str_eq(name, "NetworkManager");
	const char *unit = is_nm ? "NetworkManager.service" : "systemd-networkd.service";
	enum unit_state state = machine_unit(machine, unit);
	struct finding *finding;

	if (!model || !model->cards.count || net_has_other(machine) ||
	    machine_unit(machine, "networking.service") == UNIT_ENABLED ||
	    (!is_nm && state != UNIT_MASKED) || (is_nm && state == UNIT_ENABLED) ||
	    (!is_nm && net_has_nm(machine)))
		return;
	if (state == UNIT_MISSING &&
	    machine_unit(machine, "systemd-networkd.service") == UNIT_MISSING)
		return; /* the volume shows no units at all */
	finding =
		finding_add(out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "116",
			    model->renderer.file ? model->renderer.file->path
						 : machine_unit_path(machine, unit),
			    model->renderer.file ? model->renderer.node->line : 0,
			    "netplan writes its configuration for %s, which is %s; nothing brings "
			    "the network up",
			    unit,
			    state == UNIT_MISSING  ? "not installed"
			    : state == UNIT_MASKED ? "masked"
						   : "not enabled");
	if (state != UNIT_MISSING)
		enable(machine, unit, finding);
	else if (machine_unit(machine, "systemd-networkd.service") != UNIT_MASKED)
		nic_respell(model->renderer.file->path, model->renderer.file->text,
			    &(struct nic_respell){ model->renderer.node->line, "NetworkManager",
						   "networkd" },
			    1, &finding->edits);
	if (!finding->edits.count)
		finding->repair = REPAIR_NONE;
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	(void)err;
	look_at_none(machine, out);
	look_at_renderer(machine, out);
	return 0;
}

const struct check check_network_stack = {
	.name = "network-stack",
	.title = "the service that would configure the network is not started",
	.explain =
		"systemd-networkd, NetworkManager, ifupdown's networking.service or wicked bring "
		"the network up, whichever of them the system uses. When the one that the files "
		"are "
		"for is masked or not enabled, and no other is, or netplan writes for a service "
		"that is not there, the card stays without an address. The repair is what "
		"systemctl "
		"unmask and enable would do, or names netplan's usual renderer.",
	.source = "systemctl(1), enable, mask; netplan(5), renderer; networking.service of Debian",
	.rows = "116",
	.repair = REPAIR_SURE,
	.needs = NEEDS_CLOUD | NEEDS_CONSOLE,
	.examine = examine,
};
