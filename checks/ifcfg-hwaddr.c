/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/ifcfg.h"

#include <ctype.h>
#include <strings.h>

enum mac_state { MAC_OURS, MAC_FOREIGN, MAC_MALFORMED, MAC_UNKNOWN };

/* "0a:1b:…", also with placeholders such as xx: six pairs. */
static bool is_mac_shaped(const char *mac)
{
	for (size_t i = 0; i < 17; i++)
		if (i % 3 == 2 ? mac[i] != ':' : !isalnum((unsigned char)mac[i]))
			return false;
	return !mac[17];
}

/* The console says so itself, or the table that cloud-init prints shows another address. */
static bool console_denies(const struct machine *machine, const struct ifcfg *file, const char *mac)
{
	const char *console = machine_console(machine);
	cleanup(free) char *refusal =
		mem_printf("Device %s has different MAC address than expected", file->device);
	cleanup(free) char *cell = mem_printf(" %s ", file->device);

	if (!console || !file->device[0])
		return false;
	if (strstr(console, refusal))
		return true;
	for (const char *at = console; (at = strstr(at, "ci-info: |")); at++) {
		cleanup(free) char *line = mem_strndup(at, strcspn(at, "\n"));
		const char *shown = strstr(line, cell);
		char *colon = shown ? strchr(shown, ':') : NULL;

		if (!colon || colon - shown < 2 || strlen(colon) < 15)
			continue;
		colon[15] = '\0';
		if (is_mac_shaped(colon - 2))
			return strcasecmp(colon - 2, mac) != 0;
	}
	return false;
}

static enum mac_state judge(const struct machine *machine, const struct ifcfg *file,
			    const char *mac)
{
	const struct cloud_facts *cloud = machine_cloud(machine);
	size_t known = 0;

	if (!is_mac_shaped(mac))
		return MAC_MALFORMED;
	for (size_t i = 0; cloud && i < cloud->interface_count; i++) {
		known += cloud->interfaces[i].mac != NULL;
		if (cloud->interfaces[i].mac && !strcasecmp(cloud->interfaces[i].mac, mac))
			return MAC_OURS;
	}
	if (cloud && cloud->has_new_cards)
		return MAC_FOREIGN;
	if (known && known == cloud->interface_count)
		return MAC_FOREIGN;
	return console_denies(machine, file, mac) ? MAC_FOREIGN : MAC_UNKNOWN;
}

static const char *who(const struct ifcfg *file)
{
	return file->by == IFCFG_NM ? "NetworkManager" : "network.service";
}

static void look_at_hwaddr(const struct machine *machine, const struct ifcfgs *set,
			   const struct ifcfg *file, struct findings *out)
{
	const char *mac = ifcfg_get(file, "HWADDR");
	enum mac_state state = judge(machine, file, mac);
	bool is_pinned_only = !ifcfg_get(file, "DEVICE")[0];
	enum severity severity = file == set->primary && !ifcfgs_other_is_up(set, file)
					 ? SEVERITY_BLOCKS_LOGIN
					 : SEVERITY_DELAYS;
	const char *quoted = machine_quote(machine, mac, strlen(mac));
	struct finding *finding;

	if (state == MAC_OURS || (state == MAC_UNKNOWN && file->is_cloud_inits))
		return;
	if (state == MAC_UNKNOWN)
		finding = finding_add(out, SEVERITY_NOTE, REPAIR_OFFERED, "109", file->path,
				      ifcfg_line(file, "HWADDR"),
				      "HWADDR %s ties ifcfg-%s to one network card; on an instance "
				      "made from a copy "
				      "of this volume %s would not bring the interface up",
				      quoted, file->name, who(file));
	else
		finding = finding_add(
			out, severity, REPAIR_SURE, "109", file->path, ifcfg_line(file, "HWADDR"),
			state == MAC_MALFORMED
				? "HWADDR %s is no MAC address; no network card has it, so %s does "
				  "not bring %s up"
				: "HWADDR %s is the MAC address of another instance's network "
				  "card; "
				  "%s does not bring %s up because of it",
			quoted, who(file), file->device[0] ? file->device : file->name);
	if (is_pinned_only)
		shellvars_edit_set(&file->vars, file->path, "DEVICE", file->name, &finding->edits);
	shellvars_edit_drop(&file->vars, file->path, "HWADDR", &finding->edits);
}

/* MACADDR gives the card another address. EC2 delivers only to the one it knows. */
static void look_at_macaddr(const struct machine *machine, const struct ifcfgs *set,
			    const struct ifcfg *file, struct findings *out)
{
	const char *mac = ifcfg_get(file, "MACADDR");
	struct finding *finding;

	if (!is_mac_shaped(mac) || !machine_cloud(machine) ||
	    judge(machine, file, mac) != MAC_FOREIGN)
		return;
	finding = finding_add(
		out, file == set->primary ? SEVERITY_BLOCKS_LOGIN : SEVERITY_DELAYS, REPAIR_SURE,
		"109", file->path, ifcfg_line(file, "MACADDR"),
		"MACADDR %s makes %s send under a MAC address that EC2 did not give it; "
		"EC2 drops such frames",
		machine_quote(machine, mac, strlen(mac)), file->device);
	shellvars_edit_drop(&file->vars, file->path, "MACADDR", &finding->edits);
}

/* NetworkManager loads one connection of a UUID; a copied ifcfg file brings its UUID along. */
static void look_at_uuid(const struct ifcfgs *set, const struct ifcfg *file, struct findings *out)
{
	const char *uuid = ifcfg_get(file, "UUID");

	for (const struct ifcfg *other = set->items; uuid[0] && other < file; other++) {
		const struct ifcfg *drop = file == set->primary ? other : file;
		struct finding *finding;

		if (other->by != IFCFG_NM || other->is_unsure ||
		    strcasecmp(ifcfg_get(other, "UUID"), uuid) ||
		    str_eq(other->device, file->device))
			continue;
		finding = finding_add(out, SEVERITY_DELAYS, REPAIR_OFFERED, "109", drop->path,
				      ifcfg_line(drop, "UUID"),
				      "UUID is the same in ifcfg-%s and ifcfg-%s; NetworkManager "
				      "keeps only one of them",
				      other->name, file->name);
		shellvars_edit_drop(&drop->vars, drop->path, "UUID", &finding->edits);
		return;
	}
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	cleanup(ifcfgs_done) struct ifcfgs set = { 0 };

	if (ifcfgs_read(machine, &set, err) < 0)
		return -1;
	if (!set.is_read || set.has_wicked)
		return 0;
	vec_foreach (file, &set) {
		if (file->is_unsure || !ifcfg_is_meant_up(&set, file))
			continue;
		if (ifcfg_get(file, "HWADDR")[0] && file->is_nic)
			look_at_hwaddr(machine, &set, file, out);
		if (ifcfg_get(file, "MACADDR")[0] && file->is_nic)
			look_at_macaddr(machine, &set, file, out);
		if (file->by == IFCFG_NM)
			look_at_uuid(&set, file, out);
	}
	return 0;
}

const struct check check_ifcfg_hwaddr = {
	.name = "ifcfg-hwaddr",
	.title = "an ifcfg file is tied to the network card of another instance",
	.explain = "HWADDR in an ifcfg file makes the system bring the interface up only on the "
		   "network "
		   "card with that MAC address (\"Device eth0 has different MAC address than "
		   "expected, "
		   "ignoring\"). A volume that moved, an AMI or a replaced network interface has "
		   "another "
		   "card, so nothing comes up. The repair drops the HWADDR line; the interface is "
		   "then "
		   "found by its name. Without the cloud's word on the real MAC address the line "
		   "is only "
		   "mentioned. MACADDR, which changes the card's address, is judged the same way, "
		   "and a "
		   "UUID that two ifcfg files share is reported.",
	.source = "sysconfig.txt of initscripts (HWADDR, MACADDR); ifup-eth; "
		  "nm-settings-ifcfg-rh(5); "
		  "EC2 troubleshooting guide, \"Device eth0 has different MAC address than "
		  "expected\"",
	.rows = "109",
	.repair = REPAIR_SURE,
	.needs = NEEDS_CLOUD | NEEDS_CONSOLE,
	.examine = examine,
};
