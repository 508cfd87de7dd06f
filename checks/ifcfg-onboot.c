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
static void look_for_missing(const struct machine *machine, const struct ifcfgs *set,
			     struct findings *out)
{
	static const char text[] = "DEVICE=eth0\nBOOTPROTO=dhcp\nONBOOT=yes\nTYPE=Ethernet\n";
	static const struct tree_new new = { .mode = 0644 };
	cleanup(free) char *path = mem_printf("%s/ifcfg-eth0", set->dir);
	struct lease lease;
	bool is_eth0 = ifcfg_names_are_eth(machine) || lease_find(machine, "eth0", &lease);
	struct finding *finding;

	if (!set->has_initscripts || set->has_nm || tree_exists(machine_tree(machine), path))
		return;
	if (has_any_file(machine, set))
		return;
	finding = finding_add(out, SEVERITY_BLOCKS_LOGIN, is_eth0 ? REPAIR_SURE : REPAIR_OFFERED,
			      "112", path, 0,
			      "there is no ifcfg file for any network interface; network.service "
			      "brings up none");
	edit_create(&finding->edits, path, &new, text, strlen(text));
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	cleanup(ifcfgs_done) struct ifcfgs set = { 0 };

	if (ifcfgs_read(machine, &set, err) < 0)
		return -1;
	if (!set.is_read)
		return 0;
	if (set.primary)
		look_at_primary(&set, out);
	else
		look_for_missing(machine, &set, out);
	return 0;
}

const struct check check_ifcfg_onboot = {
	.name = "ifcfg-onboot",
	.title = "the network interface is not brought up at boot",
	.explain = "ONBOOT=no (STARTMODE=off on SUSE) keeps an interface down until somebody logs "
		   "in and "
		   "brings it up, which nobody can. NM_CONTROLLED=no does the same where only "
		   "NetworkManager runs. An ifcfg file without DEVICE and HWADDR is skipped by "
		   "network.service, and without any file nothing is brought up. The repair "
		   "changes that "
		   "one setting, or writes an ifcfg-eth0 that asks DHCP.",
	.source = "sysconfig.txt of initscripts (ONBOOT, NM_CONTROLLED, DEVICE); "
		  "nm-settings-ifcfg-rh(5); SUSE ifcfg(5), STARTMODE",
	.rows = "112",
	.repair = REPAIR_SURE,
	.examine = examine,
};
