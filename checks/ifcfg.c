/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/ifcfg.h"
#include "checks/units.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#define FILES_MAX 512

const char *ifcfg_get(const struct ifcfg *file, const char *name)
{
	const char *value;

	shellvars_get(&file->vars, name, &value);
	return value;
}

const char *ifcfgs_network_get(const struct ifcfgs *set, const char *name)
{
	const char *value;

	shellvars_get(&set->network, name, &value);
	return value;
}

const char *ifcfg_first(const struct ifcfg *file, const char *const *names)
{
	for (; *names; names++)
		if (ifcfg_get(file, *names)[0])
			return *names;
	return NULL;
}

uint32_t ifcfg_line(const struct ifcfg *file, const char *name)
{
	const struct shellvar *var = shellvars_find(&file->vars, name);

	return var ? var->line : 0;
}

bool ifcfg_is_no(const char *value)
{
	static const char *const words[] = { "no", "false", "f", "n", "0" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (!strcasecmp(value, words[i]))
			return true;
	return false;
}

static bool is_yes(const char *value)
{
	return !strcasecmp(value, "yes") || !strcasecmp(value, "true") || str_eq(value, "1");
}

bool ifcfg_is_vital(const char *name)
{
	static const char *const names[] = { "DEVICE", "BOOTPROTO", "IPADDR",  "IPADDR0",
					     "PREFIX", "NETMASK",   "GATEWAY", "GATEWAYDEV" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq(name, names[i]))
			return true;
	return false;
}

/* Names that the readers skip. Source: network-functions, __sed_discard_ignored_files;
 * NetworkManager, utils_should_ignore_file. */
static bool is_ignored(const char *name)
{
	static const char *const ends[] = { "~",       ".bak",	   ".old",     ".orig",
					    ".rpmnew", ".rpmorig", ".rpmsave", ".rej",
					    ".augnew", ".augtmp",  ".swp",     "-range" };

	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		if (str_ends(name, ends[i]))
			return true;
	return str_eq(name, "lo") || strchr(name, ':') || strchr(name, ';') ||
	       str_starts(name, "lo:");
}

static bool is_nic_name(const char *name)
{
	size_t n = strcspn(name, "0123456789");

	if (strchr(name, '.') || strchr(name, ':'))
		return false;
	return (n == 3 && !memcmp(name, "eth", 3)) ||
	       (name[0] == 'e' && name[1] == 'n' && name[2]) ||
	       (n == 2 && !memcmp(name, "em", 2)) ||
	       (name[0] == 'p' && isdigit((unsigned char)name[1]));
}

static bool is_part(const struct ifcfg *file)
{
	static const char *const names[] = { "MASTER",		 "SLAVE",
					     "BRIDGE",		 "TEAM_MASTER",
					     "OVS_BRIDGE",	 "BOND_MASTER",
					     "TEAM_MASTER_UUID", "MASTER_UUID",
					     "BRIDGE_UUID",	 NULL };

	return ifcfg_first(file, names) || str_eq(ifcfg_get(file, "DEVICETYPE"), "TeamPort") ||
	       str_starts(ifcfg_get(file, "TYPE"), "OVS");
}

/* initscripts: grep '^ONBOOT=["']\?[Nn][Oo]'; NetworkManager: a boolean that is true unless it
 * says no; SUSE: STARTMODE. */
static bool is_on_boot(const struct ifcfg *file)
{
	const char *value = ifcfg_get(file, "ONBOOT");

	if (file->by == IFCFG_WICKED) {
		value = ifcfg_get(file, "STARTMODE");
		return !str_eq(value, "off") && !str_eq(value, "manual");
	}
	if (file->by == IFCFG_NM)
		return !ifcfg_is_no(value);
	return strncasecmp(value, "no", 2) != 0;
}

static const char *const address_names[] = { "IPADDR", "IPADDR0", "IPADDR1", "IPADDR2", NULL };

static bool has_ipv6(const struct ifcfg *file)
{
	return ifcfg_get(file, "IPV6ADDR")[0] || is_yes(ifcfg_get(file, "DHCPV6C"));
}

static enum ifcfg_address address_of(const struct ifcfg *file)
{
	const char *proto = ifcfg_get(file, "BOOTPROTO");
	bool is_none = !proto[0] || !strcasecmp(proto, "none") || !strcasecmp(proto, "static");

	if (file->is_unsure)
		return IFCFG_UNSURE;
	if (str_eq(proto, "dhcp") || str_eq(proto, "bootp") || is_yes(ifcfg_get(file, "BOOTP")))
		return IFCFG_DHCP;
	if (!strcasecmp(proto, "dhcp") || !strcasecmp(proto, "bootp"))
		return IFCFG_UNSURE; /* NetworkManager takes DHCP, initscripts do not */
	if (file->by == IFCFG_WICKED && !is_none)
		return IFCFG_DHCP; /* dhcp4, dhcp+autoip and the like */
	if (ifcfg_first(file, address_names))
		return IFCFG_STATIC;
	if (has_ipv6(file))
		return IFCFG_UNSURE;
	/* NetworkManager without BOOTPROTO decides by what else is there. */
	if (file->by == IFCFG_NM && (!proto[0] || !is_none))
		return IFCFG_UNSURE;
	return IFCFG_NO_ADDRESS;
}

static enum ifcfg_by who_brings_up(const struct ifcfgs *set, const struct ifcfg *file)
{
	if (set->has_wicked)
		return IFCFG_WICKED;
	if (set->has_nm && !ifcfg_is_no(ifcfg_get(file, "NM_CONTROLLED")))
		return IFCFG_NM;
	return set->has_initscripts ? IFCFG_INITSCRIPTS : IFCFG_NOBODY;
}

static void look_at(const struct ifcfgs *set, struct ifcfg *file)
{
	const char *type = ifcfg_get(file, "TYPE");
	const char *mac = ifcfg_get(file, "HWADDR");

	/* A CR at the end is part of a value in bash and is skipped by NetworkManager. */
	file->is_unsure = file->vars.has_code || file->vars.has_crlf;
	file->by = who_brings_up(set, file);
	vec_foreach (var, &file->vars)
		file->is_unsure |= var->kind == SHELLVAR_STRAY && file->by == IFCFG_INITSCRIPTS &&
				   ifcfg_is_vital(var->name);
	file->device = ifcfg_get(file, "DEVICE");
	if (!file->device[0] && (!mac[0] || file->is_unsure))
		file->device = file->name;
	file->is_part = is_part(file);
	file->is_nic = !file->is_part && (!type[0] || !strncasecmp(type, "Ethernet", 8)) &&
		       !is_yes(ifcfg_get(file, "VLAN")) && !ifcfg_get(file, "VLAN_ID")[0] &&
		       !ifcfg_get(file, "PHYSDEV")[0] && !ifcfg_get(file, "ETHERDEVICE")[0] &&
		       (is_nic_name(file->device[0] ? file->device : file->name) ||
			(mac[0] && !file->device[0]));
	file->is_on_boot = is_on_boot(file);
	file->address = address_of(file);
	file->is_cloud_inits = strstr(file->vars.text.s, "Created by cloud-init") != NULL;
}

static int read_files(const struct machine *machine, struct ifcfgs *set, struct err *err)
{
	cleanup(tree_names_done) struct tree_names names = { 0 };
	struct err why = ERR_INIT;

	if (tree_list(machine_tree(machine), set->dir, &names, &why) < 0) {
		if (why.code == ERR_NOTFOUND)
			return 0;
		*err = why;
		return -1;
	}
	vec_foreach (name, &names) {
		struct ifcfg *file;
		const struct str *text;
		cleanup(free) char *path = NULL;

		if (!str_starts(*name, "ifcfg-") || is_ignored(*name + 6) ||
		    set->count == FILES_MAX)
			continue;
		path = mem_printf("%s/%s", set->dir, *name);
		err_clear(&why);
		text = machine_file(machine, path, &why);
		if (!text && (why.code == ERR_NOTFOUND || why.code == ERR_MALFORMED))
			continue; /* a dangling link, a directory: the readers skip them too */
		if (!text) {
			*err = why;
			return -1;
		}
		file = vec_add(set);
		file->path = TAKE(path);
		file->name = mem_strdup(*name + 6);
		shellvars_parse(text->s, text->len, &file->vars);
	}
	return 0;
}

static unsigned major_version(const struct machine *machine)
{
	return (unsigned)strtoul(machine_os(machine)->version_id, NULL, 10);
}

static bool is_red_hat(const struct machine *machine)
{
	return machine_os_is_like(machine, "rhel") || machine_os_is_like(machine, "fedora") ||
	       machine_os_is_like(machine, "centos") || str_eq(machine_os(machine)->id, "amzn");
}

/* Does the last `plugins=` of NetworkManager's configuration name ifcfg-rh? -1: none is set. */
static int plugin_is_named(const struct machine *machine)
{
	static const char *const dirs[] = { "/usr/lib/NetworkManager/conf.d",
					    "/etc/NetworkManager/conf.d" };
	struct err ignored = ERR_INIT;
	int is_named = -1;

	for (size_t i = 0; i <= ARRAY_LEN(dirs); i++) {
		cleanup(tree_names_done) struct tree_names names = { 0 };

		if (i < ARRAY_LEN(dirs) &&
		    tree_list(machine_tree(machine), dirs[i], &names, &ignored) < 0)
			continue;
		for (size_t j = 0; j < (i < ARRAY_LEN(dirs) ? names.count : 1); j++) {
			cleanup(free) char *path =
				i < ARRAY_LEN(dirs)
					? mem_printf("%s/%s", dirs[i], names.items[j])
					: mem_strdup("/etc/NetworkManager/NetworkManager.conf");
			const struct str *text = machine_file(machine, path, &ignored);
			const char *at = text ? text->s : "";

			for (; *at; at += strcspn(at, "\n"), at += *at == '\n') {
				cleanup(free) char *line = mem_strndup(at, strcspn(at, "\n"));

				if (str_starts(line, "plugins"))
					is_named = strstr(line, "ifcfg-rh") != NULL;
			}
		}
	}
	return is_named;
}

static bool nm_reads_ifcfg(const struct machine *machine)
{
	static const char *const dirs[] = { "/usr/lib64/NetworkManager",
					    "/usr/lib/NetworkManager" };
	bool has_plugins = false;
	struct err ignored = ERR_INIT;
	int is_named = plugin_is_named(machine);

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		cleanup(tree_names_done) struct tree_names names = { 0 };

		if (tree_list(machine_tree(machine), dirs[i], &names, &ignored) < 0)
			continue;
		for (size_t j = 0; j <= names.count; j++) {
			cleanup(free) char *path =
				mem_printf("%s/%s/libnm-settings-plugin-ifcfg-rh.so", dirs[i],
					   j < names.count ? names.items[j] : ".");

			if (tree_exists(machine_tree(machine), path))
				return is_named != 0;
			if (j < names.count && isdigit((unsigned char)names.items[j][0]))
				has_plugins = true; /* the versioned plugin folder, without it */
		}
	}
	if (is_named >= 0 || has_plugins)
		return is_named > 0 && !has_plugins;
	return is_red_hat(machine) && major_version(machine) >= 6 && major_version(machine) <= 9;
}

static bool has_networkd_files(const struct machine *machine)
{
	cleanup(tree_names_done) struct tree_names names = { 0 };
	struct err ignored = ERR_INIT;

	if (tree_list(machine_tree(machine), "/etc/systemd/network", &names, &ignored) < 0)
		return false;
	vec_foreach (name, &names)
		if (str_ends(*name, ".network"))
			return true;
	return false;
}

static bool is_enabled(const struct machine *machine, const char *unit)
{
	return machine_unit(machine, unit) == UNIT_ENABLED;
}

static void find_readers(const struct machine *machine, struct ifcfgs *set)
{
	enum unit_state network = machine_unit(machine, "network.service");
	enum unit_state nm = machine_unit(machine, "NetworkManager.service");
	bool can_nm = nm != UNIT_MISSING && nm_reads_ifcfg(machine);
	bool has_other = (is_enabled(machine, "systemd-networkd.service") &&
			  (has_networkd_files(machine) || network != UNIT_ENABLED)) ||
			 is_enabled(machine, "networking.service") ||
			 (nm == UNIT_ENABLED && !can_nm);

	if (tree_is_dir(machine_tree(machine), "/etc/sysconfig/network")) {
		set->dir = "/etc/sysconfig/network";
		set->network_path = NULL;
		set->has_wicked = !has_other && nm != UNIT_ENABLED &&
				  (is_enabled(machine, "wicked.service") ||
				   is_enabled(machine, "network.service"));
		set->is_read = set->has_wicked;
		return;
	}
	set->has_initscripts = network == UNIT_ENABLED;
	set->has_nm = nm == UNIT_ENABLED && can_nm;
	set->is_read = !has_other && (set->has_initscripts || set->has_nm);
	if (set->is_read || has_other || !is_red_hat(machine) ||
	    !tree_is_dir(machine_tree(machine), set->dir))
		return;
	/* Nothing reads them at boot. Either that is the fault, or the volume shows no services at
	 * all, and then the distribution says what will. */
	set->is_disabled = network != UNIT_MISSING || can_nm;
	set->has_initscripts = network != UNIT_MISSING;
	set->has_nm = !set->has_initscripts && can_nm;
	if (!set->is_disabled && major_version(machine) < 2023) {
		set->has_nm = major_version(machine) >= 8 && major_version(machine) <= 9;
		set->has_initscripts =
			major_version(machine) < 8 || str_eq(machine_os(machine)->id, "amzn");
	}
	set->is_read = set->has_initscripts || set->has_nm;
}

bool ifcfg_names_are_eth(const struct machine *machine)
{
	static const char *const files[] = { "/boot/grub2/grub.cfg", "/boot/grub/grub.cfg",
					     "/boot/grub/grub.conf", "/boot/grub/menu.lst",
					     "/etc/default/grub",    "/etc/kernel/cmdline" };
	struct err ignored = ERR_INIT;

	if (str_eq(machine_os(machine)->id, "amzn") ||
	    (is_red_hat(machine) && major_version(machine) > 0 && major_version(machine) < 7))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		const struct str *text = machine_file(machine, files[i], &ignored);

		if (text && strstr(text->s, "net.ifnames=0"))
			return true;
	}
	return false;
}

static const struct cloud_interface *interface_by_index(const struct cloud_facts *cloud,
							uint32_t index)
{
	for (size_t i = 0; i < cloud->interface_count; i++)
		if (cloud->interfaces[i].device_index == index)
			return &cloud->interfaces[i];
	return NULL;
}

const struct cloud_interface *ifcfg_cloud_interface(const struct machine *machine,
						    const struct ifcfgs *set,
						    const struct ifcfg *file)
{
	const struct cloud_facts *cloud = machine_cloud(machine);
	const char *mac = ifcfg_get(file, "HWADDR");

	if (!cloud)
		return NULL;
	for (size_t i = 0; mac[0] && i < cloud->interface_count; i++)
		if (cloud->interfaces[i].mac && !strcasecmp(cloud->interfaces[i].mac, mac))
			return &cloud->interfaces[i];
	if (str_starts(file->device, "eth") && isdigit((unsigned char)file->device[3]) &&
	    !file->device[4])
		return interface_by_index(cloud, (uint32_t)(file->device[3] - '0'));
	if (file == set->primary)
		return interface_by_index(cloud, 0);
	return NULL;
}

static void find_primary(const struct machine *machine, struct ifcfgs *set)
{
	static const char *const names[] = { "eth0", "ens5", "ens3", "enX0", "eno1" };
	const struct cloud_facts *cloud = machine_cloud(machine);
	const struct cloud_interface *first = cloud ? interface_by_index(cloud, 0) : NULL;
	size_t nics = 0;

	vec_foreach (file, set) {
		if (!file->is_nic)
			continue;
		if (!nics++)
			set->primary = file;
		if (first && first->mac && !strcasecmp(first->mac, ifcfg_get(file, "HWADDR"))) {
			set->primary = file;
			set->is_primary_certain = true;
			return;
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(names) && nics; i++)
		vec_foreach (file, set)
			if (file->is_nic && str_eq(file->device, names[i])) {
				set->primary = file;
				set->is_primary_certain =
					nics == 1 || (i == 0 && ifcfg_names_are_eth(machine));
				return;
			}
	set->is_primary_certain = nics == 1;
}

bool ifcfgs_other_is_up(const struct ifcfgs *set, const struct ifcfg *except)
{
	vec_foreach (file, set)
		if (file != except && file->is_on_boot && file->by != IFCFG_NOBODY &&
		    !file->is_part && file->address != IFCFG_NO_ADDRESS)
			return true;
	return false;
}

bool ifcfg_is_meant_up(const struct ifcfgs *set, const struct ifcfg *file)
{
	if (file->is_on_boot && file->by != IFCFG_NOBODY)
		return true;
	return file == set->primary && !ifcfgs_other_is_up(set, file);
}

int ifcfgs_read(const struct machine *machine, struct ifcfgs *ret, struct err *err)
{
	struct ifcfgs set = { .dir = "/etc/sysconfig/network-scripts",
			      .network_path = "/etc/sysconfig/network",
			      .network.text = STR_INIT };
	const struct str *text = NULL;
	struct err why = ERR_INIT;

	find_readers(machine, &set);
	if (set.network_path)
		text = machine_file(machine, set.network_path, &why);
	if (why.code != ERR_NONE && why.code != ERR_NOTFOUND) {
		*err = why;
		return -1;
	}
	set.has_network_file = text != NULL;
	if (text)
		shellvars_parse(text->s, text->len, &set.network);
	if (read_files(machine, &set, err) < 0) {
		ifcfgs_done(&set);
		return -1;
	}
	vec_foreach (file, &set)
		look_at(&set, file);
	*ret = set;
	find_primary(machine, ret);
	return 0;
}

void ifcfgs_done(struct ifcfgs *set)
{
	vec_foreach (file, set) {
		free(file->path);
		free(file->name);
		shellvars_done(&file->vars);
	}
	vec_done(set);
	shellvars_done(&set->network);
}
