/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/firewalld.h"
#include "checks/ifcfg.h"
#include "checks/units.h"
#include "fs/sections.h"

#define KEYFILES "/etc/NetworkManager/system-connections"

/* What the network's configuration says of an interface: the zones of the connections that may be
 * its own, and whether one of them (or none at all) leaves that to firewalld. */
struct said {
	const char *iface; /* NULL: any */
	struct tree_names *zones;
	bool has_unsaid, has_said;
	bool is_general; /* some connection is for any interface */
};

static void add(struct tree_names *names, const char *name)
{
	vec_foreach (known, names)
		if (str_eq(*known, name))
			return;
	vec_push(names, mem_strdup(name));
}

static void say(struct said *said, const char *zone)
{
	if (!zone || !*zone) {
		said->has_unsaid = true;
		return;
	}
	said->has_said = true;
	add(said->zones, zone);
}

static bool is_one(const struct said *said, const char *iface)
{
	return !said->iface || !iface || !*iface || str_eq(said->iface, iface);
}

/* Also collects the names of interfaces. */
static void read_keyfiles(const struct machine *machine, struct said *said,
			  struct tree_names *ifaces)
{
	const struct tree_names *names = machine_list(machine, KEYFILES);

	if (!names || machine_unit(machine, "NetworkManager.service") != UNIT_ENABLED)
		return;
	vec_foreach (name, names) {
		cleanup(free) char *path = mem_printf("%s/%s", KEYFILES, *name);
		cleanup(sections_done) struct sections keys = { 0 };
		struct err ignored = ERR_INIT;
		const struct str *text = machine_file(machine, path, &ignored);
		const char *type, *automatic, *iface;

		if (!text)
			continue;
		sections_parse(text, SECTIONS_KEYFILE, &keys);
		type = sections_get(&keys, "connection", "type");
		automatic = sections_get(&keys, "connection", "autoconnect");
		if (type && !str_eq(type, "ethernet") && !str_eq(type, "802-3-ethernet"))
			continue;
		if (automatic && (str_eq(automatic, "false") || str_eq(automatic, "no")))
			continue;
		iface = sections_get(&keys, "connection", "interface-name");
		said->is_general |= !iface || !*iface;
		if (ifaces && iface && *iface)
			add(ifaces, iface);
		if (is_one(said, iface))
			say(said, sections_get(&keys, "connection", "zone"));
	}
}

static void read_ifcfgs(const struct machine *machine, struct said *said)
{
	struct ifcfgs set = { 0 };
	struct err ignored = ERR_INIT;

	if (ifcfgs_read(machine, &set, &ignored) < 0)
		return;
	vec_foreach (file, &set) {
		if (!set.is_read || !file->is_nic || !is_one(said, file->device))
			continue;
		say(said, ifcfg_get(file, "ZONE"));
		said->has_unsaid |= file->is_unsure;
	}
	ifcfgs_done(&set);
}

/* Interfaces bound in the zones' own files. */
static bool add_bound(const struct firewalld *fw, const char *iface, struct tree_names *ret)
{
	bool found = false;

	vec_foreach (zone, &fw->zones) {
		if (zone->broken)
			continue;
		vec_foreach (element, &zone->xml) {
			const char *name = str_eq(element->name, "interface")
						   ? xml_get(element, "name")
						   : NULL;

			if (!name || (iface && !str_eq(name, iface)))
				continue;
			found = true;
			add(ret, zone->name);
		}
	}
	return found;
}

/* One interface; NULL: whichever there is. */
static void add_zones(const struct firewalld *fw, const char *iface, struct tree_names *ret)
{
	struct said said = { .iface = iface, .zones = ret };
	bool is_bound;

	read_keyfiles(fw->machine, &said, NULL);
	read_ifcfgs(fw->machine, &said);
	if (said.has_said && !said.has_unsaid && (iface || said.is_general))
		return;
	is_bound = add_bound(fw, iface, ret);
	/* NetworkManager hands over an interface without naming a zone: whether that undoes what the
	 * zone's file says depends on the version. */
	if (!is_bound || !iface ||
	    machine_unit(fw->machine, "NetworkManager.service") == UNIT_ENABLED)
		add(ret, fw->default_zone);
}

void firewalld_zone_names(const struct firewalld *fw, const struct ipt_host *host,
			  struct tree_names *ret)
{
	const struct cloud_facts *cloud = machine_cloud(fw->machine);

	cleanup(tree_names_done) struct tree_names ifaces = { 0 }, ignored = { 0 };
	struct said said = { .zones = &ignored };

	for (size_t i = 0; i < host->iface_count; i++)
		add(&ifaces, host->ifaces[i]);
	read_keyfiles(fw->machine, &said, &ifaces);
	vec_foreach (iface, &ifaces)
		add_zones(fw, *iface, ret);
	if (!ifaces.count || (cloud && cloud->interface_count > ifaces.count))
		add_zones(fw, NULL, ret);
}
