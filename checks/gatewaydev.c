/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/ifcfg.h"

#include <ctype.h>
#include <stdlib.h>

/* Interfaces that come up at boot with an address, or will when the other checks' repairs are done.
 */
static bool is_up(const struct ifcfgs *set, const struct ifcfg *file)
{
	bool is_only = file == set->primary && !ifcfgs_other_is_up(set, file);

	return ifcfg_is_meant_up(set, file) && !file->is_part && file->device[0] &&
	       (file->address != IFCFG_NO_ADDRESS || is_only);
}

/* Would this interface bring a default route if GATEWAYDEV did not speak? */
static bool may_bring_default(const struct ifcfgs *set, const struct ifcfg *file)
{
	static const char *const names[] = { "GATEWAY", "GATEWAY0", NULL };

	if (ifcfg_is_no(ifcfg_get(file, "DEFROUTE")))
		return false;
	return file->address != IFCFG_STATIC || ifcfg_first(file, names) ||
	       ifcfgs_network_get(set, "GATEWAY")[0];
}

static bool is_public(const struct machine *machine, const struct ifcfgs *set,
		      const struct ifcfg *file)
{
	const struct cloud_interface *nic = ifcfg_cloud_interface(machine, set, file);

	return nic && nic->has_public_ip;
}

/* Who should have the default route: the interface with a public address, else the primary one. */
static const struct ifcfg *rightful(const struct machine *machine, const struct ifcfgs *set)
{
	const struct ifcfg *best = NULL;

	vec_foreach (file, set) {
		if (!is_up(set, file) || !file->is_nic)
			continue;
		if (!best || (is_public(machine, set, file) && !is_public(machine, set, best)) ||
		    (file == set->primary && !is_public(machine, set, best)))
			best = file;
	}
	return best;
}

/* Routes by source address (rule-eth1, route-eth1; Amazon's ec2-net-utils) make each interface
 * answer for itself; then the default route decides less. */
static bool has_policy_routing(const struct machine *machine, const struct ifcfgs *set)
{
	cleanup(tree_names_done) struct tree_names names = { 0 };
	struct err ignored = ERR_INIT;

	if (tree_list(machine_tree(machine), set->dir, &names, &ignored) < 0)
		return false;
	vec_foreach (name, &names)
		if (str_starts(*name, "rule-") || str_starts(*name, "route-") ||
		    str_eq(*name, "ec2net-functions"))
			return true;
	vec_foreach (file, set)
		if (ifcfg_get(file, "EC2SYNC")[0] || ifcfg_get(file, "METRIC")[0])
			return true;
	return false;
}

static const struct ifcfg *find_device(const struct ifcfgs *set, const char *device)
{
	vec_foreach (file, set)
		if (str_eq(file->device, device) || str_eq(file->name, device))
			return file;
	return NULL;
}

static void set_gatewaydev(const struct ifcfgs *set, const struct ifcfg *file,
			   struct finding *finding)
{
	shellvars_edit_set(&set->network, set->network_path, "GATEWAYDEV", file->device,
			   &finding->edits);
}

/* GATEWAYDEV is set: the interface that it names must be one that comes up. */
static void look_at_value(const struct machine *machine, const struct ifcfgs *set,
			  const char *value, struct findings *out)
{
	const struct ifcfg *named = find_device(set, value), *right = rightful(machine, set);
	const char *quoted = machine_quote(machine, value, strlen(value));
	uint32_t line = shellvars_find(&set->network, "GATEWAYDEV")->line;
	struct finding *finding;

	if (!right || (named && (named->is_unsure || str_eq(named->device, right->device))))
		return;
	if (named && is_up(set, named)) {
		if (is_public(machine, set, named) || !is_public(machine, set, right))
			return;
		finding = finding_add(
			out, SEVERITY_BLOCKS_LOGIN,
			has_policy_routing(machine, set) ? REPAIR_OFFERED : REPAIR_SURE, "113",
			set->network_path, line,
			"GATEWAYDEV=%s sends all answers out of an interface without a public "
			"address; the one of %s is reached, but its answers get lost",
			quoted, right->device);
	} else
		finding = finding_add(out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "113",
				      set->network_path, line,
				      named ? "GATEWAYDEV=%s names an interface that does not come "
					      "up at boot with "
					      "an address; no other one may have the default "
					      "route, so there is none"
					    : "GATEWAYDEV=%s names an interface that nothing "
					      "configures; no other "
					      "one may have the default route, so there is none",
				      quoted);
	set_gatewaydev(set, right, finding);
}

/* GATEWAYDEV is not set: with two interfaces the one that comes up last takes the default route. */
static void look_at_none(const struct machine *machine, const struct ifcfgs *set,
			 struct findings *out)
{
	const struct cloud_facts *cloud = machine_cloud(machine);
	const struct ifcfg *right = rightful(machine, set);
	size_t bringers = 0, eths = 0;
	struct finding *finding;

	vec_foreach (file, set) {
		if (file->is_unsure)
			return;
		if (find_device(set, file->device) != file)
			continue; /* one more file for the same interface */
		bringers += is_up(set, file) && file->is_nic && may_bring_default(set, file);
		eths += is_up(set, file) && str_starts(file->device, "eth") &&
			isdigit((unsigned char)file->device[3]) && may_bring_default(set, file);
	}
	if (bringers < 2 || !right || right->by != IFCFG_INITSCRIPTS ||
	    has_policy_routing(machine, set) || (cloud && cloud->interface_count < 2) ||
	    (!cloud && eths < 2))
		return;
	finding = finding_add(out, cloud ? SEVERITY_BLOCKS_LOGIN : SEVERITY_NOTE,
			      cloud ? REPAIR_SURE : REPAIR_OFFERED, "113", set->network_path, 0,
			      "%zu interfaces bring a default route and GATEWAYDEV names none; the "
			      "last one that comes up takes it, and answers of %s leave through it",
			      bringers, right->device);
	if (set->has_network_file)
		set_gatewaydev(set, right, finding);
	else
		finding->repair = REPAIR_NONE;
}

/* DEFROUTE=no on the only interface that could have the default route. */
static void look_at_defroute(const struct machine *machine, const struct ifcfgs *set,
			     struct findings *out)
{
	const struct ifcfg *only = NULL;
	struct finding *finding;

	vec_foreach (file, set) {
		if (file->is_unsure || (is_up(set, file) && may_bring_default(set, file)))
			return;
		if (is_up(set, file) && file->is_nic && ifcfg_is_no(ifcfg_get(file, "DEFROUTE")) &&
		    (!only || file == set->primary))
			only = file;
	}
	if (!only || has_policy_routing(machine, set) ||
	    (only->by == IFCFG_NM && str_eq(ifcfgs_network_get(set, "GATEWAYDEV"), only->device)))
		return;
	finding = finding_add(out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "113", only->path,
			      ifcfg_line(only, "DEFROUTE"),
			      "DEFROUTE=no on %s, and no other interface brings a default route; "
			      "nobody outside the subnet gets an answer",
			      only->device);
	shellvars_edit_set(&only->vars, only->path, "DEFROUTE", "yes", &finding->edits);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	cleanup(ifcfgs_done) struct ifcfgs set = { 0 };
	const char *value;

	if (ifcfgs_read(machine, &set, err) < 0)
		return -1;
	if (!set.is_read || !set.network_path || set.network.has_code || set.network.has_crlf)
		return 0;
	look_at_defroute(machine, &set, out);
	value = ifcfgs_network_get(&set, "GATEWAYDEV");
	if (value[0])
		look_at_value(machine, &set, value, out);
	else
		look_at_none(machine, &set, out);
	return 0;
}

const struct check check_gatewaydev = {
	.name = "gatewaydev",
	.title = "the default route belongs to the wrong interface, or to none",
	.explain =
		"GATEWAYDEV in /etc/sysconfig/network names the only interface that may carry the "
		"default route. When it names one that is gone, no default route exists. When it "
		"is "
		"missing on a machine with two interfaces (a NAT instance), the one that comes up "
		"last "
		"takes the route, and answers from the public address leave through the private "
		"network. The repair sets it to the interface with the public address, or to the "
		"primary one; DEFROUTE=no on the only interface becomes yes.",
	.source = "sysconfig.txt of initscripts (GATEWAYDEV, DEFROUTE); ifup-eth; dhclient-script; "
		  "nm-settings-ifcfg-rh(5)",
	.rows = "113",
	.repair = REPAIR_SURE,
	.needs = NEEDS_CLOUD,
	.examine = examine,
};
