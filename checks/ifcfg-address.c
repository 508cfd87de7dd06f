/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/ifcfg.h"
#include "base/ipaddr.h"
#include "checks/leases.h"

#include <stdio.h>
#include <strings.h>

static const char *const addr_names[] = { "IPADDR", "IPADDR0", NULL };
static const char *const prefix_names[] = { "PREFIX", "PREFIX0", NULL };
static const char *const mask_names[] = { "NETMASK", "NETMASK0", NULL };
static const char *const gateway_names[] = { "GATEWAY", "GATEWAY0", NULL };

/* What a file with a static address says, and what is known of the truth. */
struct view {
	const struct machine *machine;
	const struct ifcfgs *set;
	const struct ifcfg *file;
	const char *addr_name, *prefix_name, *mask_name, *gateway_name; /* NULL: not set */
	struct ip addr, gateway;
	int prefix;			    /* -1: not told, or nonsense */
	bool is_addr_good, is_gateway_good; /* can be read */
	const struct cloud_interface *nic;  /* NULL: unknown */
	struct ip_net subnet;		    /* the interface's, when has_subnet */
	bool has_subnet;
	struct ip router;
	enum severity severity;
};

/* A prefix length as the scripts take it from the start of the text; -1: none that there is. */
static int prefix_of(const char *text)
{
	long n = strtol(text, NULL, 10);

	return n < 1 || n > 32 ? -1 : (int)n;
}

static void look(const struct machine *machine, const struct ifcfgs *set, const struct ifcfg *file,
		 struct view *v)
{
	char text[IP_TEXT_MAX] = "";
	const char *slash;

	*v = (struct view){ .machine = machine, .set = set, .file = file, .prefix = -1 };
	v->addr_name = ifcfg_first(file, addr_names);
	v->prefix_name = ifcfg_first(file, prefix_names);
	v->mask_name = ifcfg_first(file, mask_names);
	v->gateway_name = ifcfg_first(file, gateway_names);
	if (v->addr_name)
		snprintf(text, sizeof(text), "%s", ifcfg_get(file, v->addr_name));
	slash = strchr(text, '/'); /* SUSE writes 10.0.0.5/24 */
	if (slash) {
		v->prefix = prefix_of(slash + 1);
		text[slash - text] = '\0';
	}
	v->is_addr_good = !ip_parse(text, &v->addr) && !v->addr.is_v6;
	if (v->prefix_name)
		v->prefix = prefix_of(ifcfg_get(file, v->prefix_name));
	else if (v->mask_name)
		v->prefix = ip_netmask_parse(ifcfg_get(file, v->mask_name));
	if (v->prefix < 1)
		v->prefix = -1;
	v->is_gateway_good = v->gateway_name &&
			     !ip_parse(ifcfg_get(file, v->gateway_name), &v->gateway) &&
			     !v->gateway.is_v6;
	v->nic = ifcfg_cloud_interface(machine, set, file);
	if (v->nic && v->nic->subnet_cidr && !ip_net_parse(v->nic->subnet_cidr, &v->subnet) &&
	    !v->subnet.addr.is_v6) {
		struct ip first = ip_net_first(&v->subnet);

		v->has_subnet = true;
		v->router = ip_add(&first, 1);
	}
	v->severity = file == set->primary && !ifcfgs_other_is_up(set, file) ? SEVERITY_BLOCKS_LOGIN
									     : SEVERITY_DELAYS;
}

static bool is_own_address(const struct cloud_interface *nic, const struct ip *addr)
{
	struct ip own;

	for (size_t i = 0; i < nic->private_ip_count; i++)
		if (!ip_parse(nic->private_ips[i], &own) && ip_eq(&own, addr))
			return true;
	return false;
}

static void set_if_other(const struct view *v, const char *name, const char *value,
			 struct edits *edits)
{
	if (!str_eq(ifcfg_get(v->file, name), value))
		shellvars_edit_set(&v->file->vars, v->file->path, name, value, edits);
}

static void set_prefix(const struct view *v, int prefix, struct edits *edits)
{
	char text[IP_TEXT_MAX];

	if (v->prefix_name || !v->mask_name) {
		snprintf(text, sizeof(text), "%d", prefix);
		set_if_other(v, v->prefix_name ? v->prefix_name : "PREFIX", text, edits);
	}
	if (v->mask_name) {
		struct ip mask = { 0 };

		ip_mask_make((unsigned)prefix, false, mask.b);
		ip_text(&mask, text);
		set_if_other(v, v->mask_name, text, edits);
	}
}

/* The file becomes one that asks the network: DHCP always answers in a VPC. */
static void switch_to_dhcp(const struct view *v, struct edits *edits)
{
	static const char *const names[] = { "IPADDR",	  "IPADDR0",  "PREFIX",	 "PREFIX0",
					     "NETMASK",	  "NETMASK0", "GATEWAY", "GATEWAY0",
					     "BROADCAST", "NETWORK" };

	shellvars_edit_set(&v->file->vars, v->file->path, "BOOTPROTO", "dhcp", edits);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		shellvars_edit_drop(&v->file->vars, v->file->path, names[i], edits);
}

/* Address, mask and gateway as the cloud has them. */
static void set_right_address(const struct view *v, struct edits *edits)
{
	char text[IP_TEXT_MAX + 8];
	static const char *const old[] = { "BROADCAST", "NETWORK" };

	if (!v->has_subnet || !v->nic->private_ip_count) {
		switch_to_dhcp(v, edits);
		return;
	}
	snprintf(text, sizeof(text), "%s", v->nic->private_ips[0]);
	if (strchr(ifcfg_get(v->file, v->addr_name), '/'))
		snprintf(text, sizeof(text), "%s/%d", v->nic->private_ips[0],
			 ip_mask_prefix(v->subnet.mask, false));
	else
		set_prefix(v, ip_mask_prefix(v->subnet.mask, false), edits);
	set_if_other(v, v->addr_name, text, edits);
	for (size_t i = 0; i < ARRAY_LEN(old); i++)
		if (ifcfg_get(v->file, old[i])[0])
			shellvars_edit_drop(&v->file->vars, v->file->path, old[i], edits);
	if (v->gateway_name) {
		ip_text(&v->router, text);
		set_if_other(v, v->gateway_name, text, edits);
	}
}

static const char *quoted(const struct view *v, const char *name)
{
	const char *value = ifcfg_get(v->file, name);

	return machine_quote(v->machine, value, strlen(value));
}

static bool look_at_address(const struct view *v, struct findings *out)
{
	struct finding *finding;
	struct lease lease;
	uint32_t line = ifcfg_line(v->file, v->addr_name);
	char own[IP_TEXT_MAX];

	if (!v->is_addr_good) {
		finding = finding_add(out, v->severity, REPAIR_SURE, "111", v->file->path, line,
				      "%s %s is no IPv4 address; %s comes up without one",
				      v->addr_name, quoted(v, v->addr_name), v->file->device);
	} else if (v->nic && v->nic->private_ip_count) {
		if (is_own_address(v->nic, &v->addr))
			return false;
		finding =
			finding_add(out, v->severity, REPAIR_SURE, "111", v->file->path, line,
				    "%s %s is not an address of this instance's interface, which "
				    "has %s; EC2 delivers nothing to it",
				    v->addr_name, quoted(v, v->addr_name), v->nic->private_ips[0]);
		set_right_address(v, &finding->edits);
		return true;
	} else if (lease_find(v->machine, v->file->device, &lease) &&
		   !ip_in(&v->addr, &lease.subnet) && !machine_cloud(v->machine)) {
		ip_text(&lease.address, own);
		finding =
			finding_add(out, v->severity, REPAIR_SURE, "111", v->file->path, line,
				    "%s %s is of another subnet than the one in which this volume "
				    "last got an address (%s); nothing answers to it there",
				    v->addr_name, quoted(v, v->addr_name), own);
	} else
		return false;
	switch_to_dhcp(v, &finding->edits);
	return true;
}

static bool look_at_mask(const struct view *v, struct findings *out)
{
	int right = v->has_subnet ? ip_mask_prefix(v->subnet.mask, false) : -1;
	const char *name = v->prefix_name ? v->prefix_name : v->mask_name;
	struct ip_net net = { .addr = v->addr };
	bool reaches_router;
	struct finding *finding;

	if (!v->has_subnet || v->prefix == right || !name)
		return false;
	ip_mask_make(v->prefix < 0 ? 32 : (unsigned)v->prefix, false, net.mask);
	reaches_router = ip_in(&v->router, &net);
	finding = finding_add(
		out, reaches_router ? SEVERITY_DELAYS : v->severity, REPAIR_SURE, "111",
		v->file->path, ifcfg_line(v->file, name),
		reaches_router
			? "%s %s is not the mask of the subnet %s; parts of the VPC cannot be "
			  "reached"
			: "%s %s is not the mask of the subnet %s and leaves the gateway "
			  "outside; there is no way out of the subnet",
		name, quoted(v, name), v->nic->subnet_cidr);
	set_prefix(v, right, &finding->edits);
	return true;
}

static void look_at_gateway(const struct view *v, struct findings *out)
{
	struct ip_net net = { .addr = v->addr };
	char text[IP_TEXT_MAX];
	struct finding *finding;
	uint32_t line = v->gateway_name ? ifcfg_line(v->file, v->gateway_name) : 0;

	if (v->has_subnet && v->is_gateway_good && ip_eq(&v->gateway, &v->router))
		return;
	if (v->has_subnet)
		ip_text(&v->router, text);
	if (v->has_subnet && v->gateway_name) {
		bool is_inside = v->is_gateway_good && ip_in(&v->gateway, &v->subnet);

		finding = finding_add(
			out, v->severity, is_inside ? REPAIR_OFFERED : REPAIR_SURE, "111",
			v->file->path, line,
			is_inside
				? "%s %s is not the router of the subnet, which is %s; answers go "
				  "through that other host, if it forwards"
				: "%s %s lies outside the subnet, whose router is %s; there is no "
				  "default route",
			v->gateway_name, quoted(v, v->gateway_name), text);
		shellvars_edit_set(&v->file->vars, v->file->path, v->gateway_name, text,
				   &finding->edits);
		return;
	}
	if (v->gateway_name) {
		ip_mask_make((unsigned)v->prefix, false, net.mask);
		if (v->prefix < 0 || v->file->by != IFCFG_INITSCRIPTS || v->prefix > 30 ||
		    (v->is_gateway_good && ip_in(&v->gateway, &net)))
			return;
		struct ip first = ip_net_first(&net), router = ip_add(&first, 1);

		ip_text(&router, text);
		finding = finding_add(
			out, v->severity, REPAIR_OFFERED, "111", v->file->path, line,
			"%s %s lies outside the subnet of %s; initscripts set no default "
			"route then",
			v->gateway_name, quoted(v, v->gateway_name), quoted(v, v->addr_name));
		shellvars_edit_set(&v->file->vars, v->file->path, v->gateway_name, text,
				   &finding->edits);
		return;
	}
	/* No gateway of its own: the global one, or none. */
	if (!v->has_subnet || v->file != v->set->primary || v->severity != SEVERITY_BLOCKS_LOGIN ||
	    ifcfgs_network_get(v->set, "GATEWAY")[0] || v->set->network.has_code)
		return;
	finding = finding_add(out, v->severity, REPAIR_SURE, "111", v->file->path,
			      ifcfg_line(v->file, v->addr_name),
			      "%s has a static address and no GATEWAY; without a default route "
			      "nobody outside the subnet gets an answer",
			      v->file->device);
	shellvars_edit_set(&v->file->vars, v->file->path, "GATEWAY", text, &finding->edits);
}

/* A route file or policy routing may bring the default route that GATEWAY does not. */
static bool has_route_file(const struct view *v)
{
	static const char *const prefixes[] = { "route-", "rule-", "ifroute-" };

	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		cleanup(free) char *path =
			mem_printf("%s/%s%s", v->set->dir, prefixes[i], v->file->name);

		if (tree_exists(machine_tree(v->machine), path))
			return true;
	}
	return false;
}

/* Something else is configured on top of the interface: a VLAN, an alias, PPPoE. */
static bool is_carrier(const struct view *v)
{
	static const char *const names[] = { "PHYSDEV", "ETHERDEVICE", "ETH", NULL };
	cleanup(tree_names_done) struct tree_names entries = { 0 };
	cleanup(free) char *alias = mem_printf("ifcfg-%s:", v->file->device);
	cleanup(free) char *vlan = mem_printf("ifcfg-%s.", v->file->device);
	struct err ignored = ERR_INIT;

	vec_foreach (other, v->set) {
		const char *name = ifcfg_first(other, names);

		if (name && str_eq(ifcfg_get(other, name), v->file->device))
			return true;
	}
	if (!tree_list(machine_tree(v->machine), v->set->dir, &entries, &ignored))
		vec_foreach (entry, &entries)
			if (str_starts(*entry, alias) || str_starts(*entry, vlan))
				return true;
	return false;
}

static void look_at_no_address(const struct view *v, struct findings *out)
{
	const char *proto = ifcfg_get(v->file, "BOOTPROTO");
	bool is_known = !proto[0] || !strcasecmp(proto, "none") || !strcasecmp(proto, "static");
	struct finding *finding;

	if (v->severity != SEVERITY_BLOCKS_LOGIN || is_carrier(v))
		return;
	if (is_known)
		finding = finding_add(out, v->severity, REPAIR_SURE, "111", v->file->path,
				      ifcfg_line(v->file, "BOOTPROTO"),
				      "%s comes up without an address: neither BOOTPROTO=dhcp nor "
				      "IPADDR is set",
				      v->file->device);
	else
		finding = finding_add(out, v->severity, REPAIR_SURE, "111", v->file->path,
				      ifcfg_line(v->file, "BOOTPROTO"),
				      "BOOTPROTO %s is no method that anything knows; %s comes up "
				      "without an address",
				      quoted(v, "BOOTPROTO"), v->file->device);
	shellvars_edit_set(&v->file->vars, v->file->path, "BOOTPROTO", "dhcp", &finding->edits);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	cleanup(ifcfgs_done) struct ifcfgs set = { 0 };

	if (ifcfgs_read(machine, &set, err) < 0)
		return -1;
	vec_foreach (file, &set) {
		struct view v;

		if (!set.is_read || !file->is_nic || file->is_unsure || !file->device[0] ||
		    !ifcfg_is_meant_up(&set, file))
			continue;
		look(machine, &set, file, &v);
		if (file->address == IFCFG_NO_ADDRESS)
			look_at_no_address(&v, out);
		if (file->address != IFCFG_STATIC || !v.addr_name || look_at_address(&v, out) ||
		    file->by == IFCFG_WICKED || look_at_mask(&v, out) || has_route_file(&v))
			continue;
		look_at_gateway(&v, out);
	}
	return 0;
}

const struct check check_ifcfg_address = {
	.name = "ifcfg-address",
	.title = "an ifcfg file sets an address that the instance does not have, or none",
	.explain =
		"EC2 delivers packets only to the private addresses of the instance's interface. A "
		"static IPADDR from another instance or subnet, a NETMASK or GATEWAY that does not "
		"fit "
		"the subnet (its router is always the first address), or a file that sets no "
		"address "
		"at all leaves the instance unreachable. With the cloud's word the repair writes "
		"the "
		"interface's own address, mask and router; without it, or where nothing is set, it "
		"asks DHCP, which every VPC answers with the right address.",
	.source = "sysconfig.txt of initscripts (BOOTPROTO, IPADDR, PREFIX, GATEWAY); "
		  "nm-settings-ifcfg-rh(5); SUSE ifcfg(5); VPC user guide, \"Subnet CIDR "
		  "reservations\" (the first address is the router)",
	.rows = "111",
	.repair = REPAIR_SURE,
	.needs = NEEDS_CLOUD,
	.examine = examine,
};
