/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/ifcfg.h"
#include "checks/leases.h"

/* The primary interface's file is there, but it is not brought up at boot. */
static void look_at_primary(const struct ifcfgs *set, struct findings *out)
{
	const struct ifcfg *file = set->primary;
	const char *name = file->by == IFCFG_WICKED ? "STARTMODE" : "ONBOOT";
	bool is_alone = !ifcfgs_other_is_up(set, file);
	enum severity severity = is_alone ? SEVERITY_BLOCKS_LOGIN : SEVERITY_DELAYS;
	struct finding *finding;

	if (file->is_unsure || (!is_alone && !set->is_primary_certain))
		return;
	if (!file->is_on_boot) {
		finding = finding_add(out, severity, REPAIR_SURE, "112", file->path,
				      ifcfg_line(file, name), "%s=%s keeps %s down at boot%s", name,
				      ifcfg_get(file, name),
				      file->device[0] ? file->device : file->name,
				      is_alone ? "; no other interface is brought up" : "");
		shellvars_edit_set(&file->vars, file->path, name,
				   file->by == IFCFG_WICKED ? "auto" : "yes", &finding->edits);
	}
	if (file->by == IFCFG_NOBODY) {
		finding = finding_add(out, severity, REPAIR_SURE, "112", file->path,
				      ifcfg_line(file, "NM_CONTROLLED"),
				      "NM_CONTROLLED=%s hides %s from NetworkManager, and "
				      "network.service, which would bring it up instead, is not "
				      "enabled",
				      ifcfg_get(file, "NM_CONTROLLED"),
				      file->device[0] ? file->device : file->name);
		shellvars_edit_set(&file->vars, file->path, "NM_CONTROLLED", "yes",
				   &finding->edits);
	}
	if (file->by == IFCFG_INITSCRIPTS && !ifcfg_get(file, "DEVICE")[0] &&
	    !ifcfg_get(file, "HWADDR")[0]) {
		finding = finding_add(out, severity, REPAIR_SURE, "112", file->path, 0,
				      "neither DEVICE nor HWADDR says which interface ifcfg-%s is "
				      "for; network.service skips it",
				      file->name);
		shellvars_edit_set(&file->vars, file->path, "DEVICE", file->name, &finding->edits);
	}
}

/* Files that bring up something, or belong to something that somebody built: an alias, a port of a
 * team, a VLAN. Only ifcfg-lo and saved copies are none. */
static bool has_any_file(const struct machine *machine, const struct ifcfgs *set)
{
	cleanup(tree_names_done) struct tree_names names = { 0 };
	struct err ignored = ERR_INIT;

	if (tree_list(machine_tree(machine), set->dir, &names, &ignored) < 0)
		return false;
	vec_foreach (name, &names)
		if (str_starts(*name, "ifcfg-") && strchr(*name, ':'))
			return true;
	return set->count > 0;
}

/* Nothing but initscripts, and no file for any interface. */
static int look_for_missing(const struct machine *machine, const struct ifcfgs *set,
			    struct findings *out, struct err *err)
{
	static const char text[] = "DEVICE=eth0\nBOOTPROTO=dhcp\nONBOOT=yes\nTYPE=Ethernet\n";
	static const struct tree_new new = { .mode = 0644 };
	cleanup(free) char *path = mem_printf("%s/ifcfg-eth0", set->dir);
	struct err ignored = ERR_INIT;
	struct tree_stat st;
	struct lease lease;
	bool is_eth0 = ifcfg_names_are_eth(machine) || lease_find(machine, "eth0", &lease);
	struct finding *finding;

	if (!set->has_initscripts || set->has_nm || tree_exists(machine_tree(machine), path))
		return 0;
	if (has_any_file(machine, set))
		return 0;
	if (!tree_stat(machine_tree(machine), path, TREE_NOFOLLOW, &st, &ignored))
		return err_set(err, ERR_COULD_NOT_TELL,
			       "%s is a link to something that is not on this volume", path);
	finding = finding_add(out, SEVERITY_BLOCKS_LOGIN, is_eth0 ? REPAIR_SURE : REPAIR_OFFERED,
			      "112", path, 0,
			      "there is no ifcfg file for any network interface; network.service "
			      "brings up none");
	edit_create(&finding->edits, path, &new, text, strlen(text));
	return 0;
}

/* The only file is for an interface that the kernel will not name so: its names are eth0, eth1, the
 * machine has one card, or last had its address on eth0. */
static void look_at_name(const struct machine *machine, const struct ifcfgs *set,
			 struct findings *out)
{
	const struct cloud_facts *cloud = machine_cloud(machine);
	const struct ifcfg *file = set->primary;
	struct lease lease;
	struct finding *finding;

	if (!set->has_initscripts || set->has_nm || set->count != 1 || file->is_unsure ||
	    !file->device[0] || str_eq(file->device, "eth0") || ifcfg_get(file, "HWADDR")[0] ||
	    !ifcfg_names_are_eth(machine) ||
	    (cloud ? cloud->interface_count != 1
		   : !lease_find(machine, "eth0", &lease) ||
			     lease_find(machine, file->device, &lease)))
		return;
	finding =
		finding_add(out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "112,114", file->path,
			    ifcfg_line(file, "DEVICE"),
			    "ifcfg-%s is for the interface %s, but this instance's only one is "
			    "called eth0; nothing brings it up",
			    file->name, machine_quote(machine, file->device, strlen(file->device)));
	shellvars_edit_set(&file->vars, file->path, "DEVICE", "eth0", &finding->edits);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	cleanup(ifcfgs_done) struct ifcfgs set = { 0 };

	if (ifcfgs_read(machine, &set, err) < 0)
		return -1;
	if (!set.is_read)
		return 0;
	if (!set.primary)
		return look_for_missing(machine, &set, out, err);
	look_at_primary(&set, out);
	look_at_name(machine, &set, out);
	return 0;
}

const struct check check_ifcfg_onboot = {
	.name = "ifcfg-onboot",
	.title = "the network interface is not brought up at boot",
	.explain = "ONBOOT=no (STARTMODE=off on SUSE) keeps an interface down until somebody logs "
		   "in and "
		   "brings it up, which nobody can. NM_CONTROLLED=no does the same where only "
		   "NetworkManager runs. An ifcfg file without DEVICE and HWADDR is skipped by "
		   "network.service, without any file nothing is brought up, and one for a name "
		   "that the "
		   "kernel does not give helps nobody. The repair "
		   "changes that "
		   "one setting, or writes an ifcfg-eth0 that asks DHCP.",
	.source = "sysconfig.txt of initscripts (ONBOOT, NM_CONTROLLED, DEVICE); "
		  "nm-settings-ifcfg-rh(5); SUSE ifcfg(5), STARTMODE",
	.rows = "112,114",
	.repair = REPAIR_SURE,
	.needs = NEEDS_CLOUD,
	.examine = examine,
};
