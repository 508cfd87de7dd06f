/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/ifupdown.h"
#include "checks/net_stack.h"
#include "checks/netplan.h"
#include "checks/networkd.h"
#include "checks/nic_address.h"
#include "checks/nic_names.h"
#include "checks/units.h"
#include "fs/lines.h"

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
	return ifupdown_describes_card(model);
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

/* networkd is there and no file tells it of a card. The files that systemd brings say that the tree is
 * no excerpt. */
static void look_at_no_networkd_files(const struct machine *machine, struct findings *out)
{
	static const char own[] = "/etc/systemd/network/50-ec2-rescue.network";
	static const char netplans[] = "/etc/netplan/50-ec2-rescue.yaml";
	const char *pattern = nic_pattern_of_only(machine);
	bool is_netplan = net_has_netplan_program(machine);
	const struct tree_new as = { .mode = is_netplan ? 0600 : 0644 };
	const char *path = is_netplan ? netplans : own;
	cleanup(free) char *text = NULL;
	enum unit_state state = machine_unit(machine, "systemd-networkd.service");
	struct finding *finding;

	/* Without its files netplan's generator does not start networkd. */
	if ((state != UNIT_ENABLED && !(state == UNIT_DISABLED && is_netplan)) ||
	    net_has_file(machine, "/run/systemd/network", "") ||
	    !net_has_file(machine, "/usr/lib/systemd/network", ".link"))
		return;
	vec_foreach (file, networkd_model(machine))
		if (file->fit != NETWORKD_OTHER)
			return;
	text = is_netplan ? mem_printf("# Written by ec2-rescue: no file was here.\n"
				       "network:\n  version: 2\n  ethernets:\n    cards:\n"
				       "      match:\n        name: \"%s\"\n      dhcp4: true\n",
				       pattern)
			  : mem_printf("# Written by ec2-rescue: no file was here.\n"
				       "[Match]\nName=%s\n\n[Network]\nDHCP=yes\n",
				       pattern);
	finding = finding_add(out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "116", path, 0,
			      "no file%s is for a network card; nothing brings the network up",
			      is_netplan ? " of netplan's or networkd's" : " of networkd's");
	edit_create(&finding->edits, path, &as, text, strlen(text));
}

/* ifupdown is there, and interfaces(5) names lo at most. */
static void look_at_no_interfaces(const struct machine *machine, struct findings *out)
{
	static const char path[] = "/etc/network/interfaces";
	static const struct tree_new as = { .mode = 0644 };
	const char *name = nic_name_of_only(machine);
	cleanup(free) char *text = NULL;
	struct err why = ERR_INIT;
	const struct str *old = machine_file(machine, path, &why);
	const struct ifupdown *model = ifupdown_model(machine);
	struct finding *finding;

	if (machine_unit(machine, "networking.service") != UNIT_ENABLED ||
	    !machine_may_be_in(machine, "/etc/network", "if-up.d") ||
	    (!old && why.code != ERR_NOTFOUND) || (model && ifupdown_describes_card(model)))
		return;
	if (!name && nic_naming(machine) == NIC_NAMING_KERNEL)
		name = "eth0";
	finding = finding_add(out, SEVERITY_BLOCKS_LOGIN, name ? REPAIR_SURE : REPAIR_NONE, "116",
			      path, 0,
			      "%s, so no network card is brought up, and no other service does it",
			      old ? "no stanza is for a network card" : "the file is missing");
	if (!name)
		return;
	text = mem_printf("%sauto %s\niface %s inet dhcp\n",
			  old ? "\n" : "auto lo\niface lo inet loopback\n\n", name, name);
	if (old)
		lines_edit_insert(&finding->edits, path, old, lines_count(old->s, old->len) + 1,
				  text);
	else
		edit_create(&finding->edits, path, &as, text, strlen(text));
}

/* Nobody has a file for any card. cloud-init may have yet to write one. */
static void look_at_no_files(const struct machine *machine, struct findings *out)
{
	if (net_has_nm(machine) || net_has_other(machine) || net_has_netplan(machine) ||
	    ifupdown_has_card(machine) || tree_exists(machine_tree(machine), "/usr/bin/cloud-init"))
		return;
	if (machine_unit(machine, "networking.service") == UNIT_ENABLED &&
	    machine_unit(machine, "systemd-networkd.service") != UNIT_ENABLED)
		look_at_no_interfaces(machine, out);
	else
		look_at_no_networkd_files(machine, out);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	(void)err;
	look_at_none(machine, out);
	look_at_renderer(machine, out);
	if (!out->count)
		look_at_no_files(machine, out);
	return 0;
}

const struct check check_network_stack = {
	.name = "network-stack",
	.title = "nothing brings the network up: no service is started, or none has a file for a "
		 "card",
	.explain =
		"systemd-networkd, NetworkManager, ifupdown's networking.service or wicked bring "
		"the network up, whichever of them the system uses. When the one that the files "
		"are "
		"for is masked or not enabled, and no other is, or netplan writes for a service "
		"that is not there, the card stays without an address; nor does it get one where "
		"no "
		"file of the service names a card. The repair is what systemctl unmask and enable "
		"would do, names netplan's usual renderer, or writes the file, which asks DHCP.",
	.source = "systemctl(1), enable, mask; netplan(5), renderer; networking.service of Debian",
	.rows = "116",
	.repair = REPAIR_SURE,
	.needs = NEEDS_CLOUD | NEEDS_CONSOLE,
	.examine = examine,
};
