/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/ifupdown.h"
#include "checks/net_stack.h"
#include "checks/networkd.h"
#include "checks/nic_address.h"
#include "checks/nic_names.h"
#include "fs/lines.h"

struct view {
	const struct machine *machine;
	const struct networkd *model;
	struct findings *out;
};

static const char *quoted(const struct view *v, const char *text)
{
	return machine_quote(v->machine, text, strlen(text));
}

/* The value of one assignment, its key and blanks kept. */
static void set_value(const struct networkd_part *part, const struct section_item *item,
		      const char *value, struct edits *edits)
{
	cleanup(str_done) struct str old = STR_INIT, new = STR_INIT;
	const struct str *text = &part->sections.text;
	const char *equals;

	lines_copy(text->s, text->len, item->line, item->line_count, &old);
	equals = strchr(old.s, '=');
	if (!equals)
		return;
	equals += 1 + strspn(equals + 1, " \t");
	str_add_bytes(&new, old.s, (size_t)(equals - old.s));
	str_addf(&new, "%s%s", value, old.len && old.s[old.len - 1] == '\n' ? "\n" : "");
	edit_lines(edits, part->path, item->line, item->line_count, old.s, new.s);
}

/* A vendor's file is not changed: a package would put it back. */
static bool is_own(const struct networkd_part *part)
{
	return str_starts(part->path, "/etc/");
}

static void report_never(const struct view *v, const struct networkd_file *file)
{
	const struct networkd_part *part = file->wrong_part;
	bool is_mac = str_eq(file->wrong->key, "MACAddress");
	const struct cloud_interface *nic = nic_by_index(v->machine, 0);
	const char *right = is_mac ? (nic ? nic->mac : NULL) : nic_pattern_of_only(v->machine);
	bool is_sure = nic_count(v->machine) <= 1;
	struct finding *finding;

	finding = finding_add(v->out, SEVERITY_BLOCKS_LOGIN,
			      !right || !is_own(part) ? REPAIR_NONE
			      : is_sure		      ? REPAIR_SURE
						      : REPAIR_OFFERED,
			      "112,114", part->path, file->wrong->line,
			      "[Match] %s=%s is no network card of this instance, and no other "
			      ".network file is for one; networkd leaves it without an address",
			      file->wrong->key, quoted(v, file->wrong->value));
	if (finding->repair != REPAIR_NONE)
		set_value(part, file->wrong, right, &finding->edits);
	if (!finding->edits.count)
		finding->repair = REPAIR_NONE;
}

/* [Match] is missing, misspelled or empty: systemd 243 and later ignore the file. */
static void report_empty(const struct view *v, const struct networkd_file *file)
{
	const struct networkd_part *part = &file->parts.items[0];
	struct finding *finding = finding_add(
		v->out, SEVERITY_BLOCKS_LOGIN,
		nic_count(v->machine) > 1 ? REPAIR_OFFERED : REPAIR_SURE, "112", part->path, 0,
		"no setting in [Match] says which interface %s is for; networkd "
		"ignores the file, and no other one is for a network card",
		file->name);

	if (sections_has(&part->sections, "Match"))
		sections_edit_set(&part->sections, part->path, "Match", "Name",
				  nic_pattern_of_only(v->machine), &finding->edits);
	else {
		cleanup(free) char *lines =
			mem_printf("[Match]\nName=%s\n\n", nic_pattern_of_only(v->machine));

		lines_edit_insert(&finding->edits, part->path, &part->sections.text, 1, lines);
	}
}

static bool look_at_match(const struct view *v)
{
	const struct networkd_file *never = NULL, *empty = NULL;

	vec_foreach (file, v->model) {
		if (file->fit == NETWORKD_MAY)
			return false;
		if (file->fit == NETWORKD_NEVER && !never)
			never = file;
		if (file->fit == NETWORKD_EMPTY && !empty && file->parts.count &&
		    (file->has_dhcp4 || file->has_address) && is_own(&file->parts.items[0]))
			empty = file;
	}
	if (never)
		report_never(v, never);
	else if (empty)
		report_empty(v, empty);
	return never || empty;
}

/* networkd has no privileges: what it may not read is as good as not there. */
static void look_at_modes(const struct view *v)
{
	const struct machine_user *user = machine_user(v->machine, "systemd-network");

	vec_foreach (file, v->model)
		vec_foreach (part, &file->parts) {
			struct err ignored = ERR_INIT;
			struct finding *finding;
			struct tree_stat st;

			if (file->fit != NETWORKD_MAY || !is_own(part) || !user ||
			    tree_stat(machine_tree(v->machine), part->path, TREE_FOLLOW, &st,
				      &ignored) < 0 ||
			    st.mode & 0004 || (st.gid == user->gid && st.mode & 0040) ||
			    (st.uid == user->uid && st.mode & 0400))
				continue;
			finding = finding_add(
				v->out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "112", part->path, 0,
				"mode %04o keeps the user systemd-network from reading "
				"the file; networkd goes on without it",
				st.mode & 07777);
			edit_mode(&finding->edits, part->path, &st, (st.mode & 07777) | 0044,
				  st.uid, st.gid);
		}
}

/* The file that a card takes gives it no address at all. */
static bool look_at_no_address(const struct view *v, const struct networkd_file *file)
{
	const struct networkd_part *part = &file->parts.items[0];
	const struct section_item *dhcp = networkd_find(file, "Network", "DHCP", &part);
	struct finding *finding;

	if (file->has_dhcp4 || file->has_address || file->is_carrier || file->is_unmanaged ||
	    !is_own(part) || nic_count(v->machine) > 1 ||
	    networkd_find(file, "Network", "IPv6AcceptRA", NULL) ||
	    (dhcp && str_eq(dhcp->value, "ipv6")))
		return false;
	finding =
		finding_add(v->out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "111,112", part->path,
			    dhcp ? dhcp->line : 0,
			    dhcp ? "DHCP=%s gives the network card no IPv4 address, and nothing "
				   "else does"
				 : "neither DHCP= nor Address= gives the network card an address%s",
			    dhcp ? quoted(v, dhcp->value) : "");
	if (dhcp)
		set_value(part, dhcp, "yes", &finding->edits);
	else
		sections_edit_set(&part->sections, part->path, "Network", "DHCP", "yes",
				  &finding->edits);
	return true;
}

static bool gives_address(const struct networkd_file *file)
{
	return file->has_dhcp4 || file->has_address;
}

/* The card's file says that something else manages it, and nothing does. */
static bool look_at_unmanaged(const struct view *v, const struct networkd_file *file)
{
	const struct networkd_part *part = NULL;
	const struct section_item *item = networkd_find(file, "Link", "Unmanaged", &part);
	const struct networkd_file *next = NULL;
	struct finding *finding;
	bool is_sure;

	if (!file->is_unmanaged || !item || !is_own(part))
		return false;
	vec_foreach (other, v->model)
		if (other > file && !next && other->fit == NETWORKD_MAY && !other->is_unmanaged &&
		    gives_address(other))
			next = other;
	is_sure = (gives_address(file) || next) && nic_count(v->machine) <= 1;
	finding = finding_add(v->out, SEVERITY_BLOCKS_LOGIN, is_sure ? REPAIR_SURE : REPAIR_OFFERED,
			      "112", part->path, item->line,
			      "Unmanaged=%s keeps networkd from the network card, and nothing else "
			      "brings it up%s%s",
			      quoted(v, item->value),
			      next && !gives_address(file) ? "; without it the card takes " : "",
			      next && !gives_address(file) ? next->name : "");
	if (next && !gives_address(file) && file->parts.count == 1) {
		edit_remove(&finding->edits, part->path);
		return true;
	}
	set_value(part, item, "no", &finding->edits);
	if (!gives_address(file))
		sections_edit_set(&part->sections, part->path, "Network", "DHCP", "yes",
				  &finding->edits);
	return true;
}

static bool is_address(const struct section_item *item)
{
	return item->kind == SECTION_SET && str_eq(item->key, "Address") &&
	       (str_eq(item->section, "Network") || str_eq(item->section, "Address")) &&
	       !strchr(item->value, ':');
}

static void add_addresses(const struct networkd_part *part, struct nic_claim *claim)
{
	vec_foreach (item, &part->sections)
		if (is_address(item))
			vec_push(&claim->addresses, ((struct nic_word){ item->value, item->line }));
}

/* The gateway of [Network], or of the only [Route] that is for everything. */
static const struct section_item *default_gateway(const struct networkd_part *part)
{
	const struct section_item *of_route = NULL, *of_network;
	bool has_destination = false;

	of_network = sections_find(&part->sections, "Network", "Gateway");
	vec_foreach (item, &part->sections) {
		if (item->kind != SECTION_SET || !str_eq(item->section, "Route"))
			continue;
		if (str_eq(item->key, "Destination"))
			has_destination = true;
		if (str_eq(item->key, "Gateway"))
			of_route = item;
	}
	return of_network ? of_network : has_destination ? NULL : of_route;
}

/* A default route of the file's own would be taken before the one that DHCP brings. */
static void switch_to_dhcp(const struct networkd_part *part, const struct section_item *gateway,
			   struct edits *edits)
{
	sections_edit_set(&part->sections, part->path, "Network", "DHCP", "yes", edits);
	vec_foreach (item, &part->sections)
		if (item == gateway || is_address(item))
			sections_edit_comment(&part->sections, part->path, item, edits);
}

static void look_at_address(const struct view *v, const struct networkd_file *file)
{
	const struct networkd_part *part = &file->parts.items[0];
	const struct section_item *gateway = default_gateway(part);
	cleanup(nic_claim_done) struct nic_claim claim = {
		.path = part->path,
		.text = &part->sections.text,
		.device = file->device,
		.mac = file->mac,
		.gateway_name = "Gateway",
	};
	struct nic_verdict verdict;

	if (file->has_dhcp4 || file->is_carrier || file->parts.count != 1 || !is_own(part))
		return;
	add_addresses(part, &claim);
	if (gateway)
		claim.gateway = (struct nic_word){ gateway->value, gateway->line };
	claim.lacks_route = nic_count(v->machine) == 1 && v->model->count == 1 && !gateway &&
			    !sections_has(&part->sections, "Route");
	if (!nic_claim_judge(v->machine, &claim, SEVERITY_BLOCKS_LOGIN, v->out, &verdict))
		return;
	if (verdict.need == NIC_NEEDS_DHCP)
		switch_to_dhcp(part, gateway, &verdict.finding->edits);
	if (verdict.need == NIC_NEEDS_GATEWAY)
		sections_edit_set(&part->sections, part->path, "Network", "Gateway", verdict.router,
				  &verdict.finding->edits);
}

/* A .link file gives a name that .network files know to a card that is gone. */
static bool look_at_link(const struct view *v, const char *path)
{
	static const char *const keys[] = { "MACAddress", "PermanentMACAddress" };
	cleanup(sections_done) struct sections link = { 0 };
	const struct cloud_interface *nic = nic_by_index(v->machine, 0);
	struct err ignored = ERR_INIT;
	const struct str *text = machine_file(v->machine, path, &ignored);
	const char *name;
	bool is_wrong = false;

	if (!text || !nic || !nic->mac || nic_count(v->machine) != 1)
		return false;
	sections_parse(text, SECTIONS_SYSTEMD, &link);
	name = sections_get(&link, "Link", "Name");
	for (size_t i = 0; i < ARRAY_LEN(keys) && name; i++) {
		const struct section_item *mac = sections_find(&link, "Match", keys[i]);
		const struct networkd_part part = { mem_strdup(path), link };
		bool is_known = false;

		vec_foreach (file, v->model)
			for (size_t p = 0; p < file->parts.count; p++) {
				const char *of = sections_get(&file->parts.items[p].sections,
							      "Match", "Name");

				is_known |= of && str_eq(of, name);
			}
		if (mac && is_known && strlen(mac->value) == 17 &&
		    !nic_mac_is_ours(v->machine, mac->value)) {
			struct finding *finding = finding_add(
				v->out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "114", path, mac->line,
				"the name %s is given to the card %s, which this instance does not "
				"have (its own is %s); the .network file for that name finds no "
				"card",
				quoted(v, name), quoted(v, mac->value), nic->mac);

			set_value(&part, mac, nic->mac, &finding->edits);
			is_wrong = true;
		}
		free(part.path);
	}
	return is_wrong;
}

static bool has_route(const struct networkd_file *file)
{
	vec_foreach (part, &file->parts)
		if (default_gateway(part))
			return true;
	return false;
}

/* The router that DHCP names is not taken, and the file names none. */
static void look_at_no_route(const struct view *v, const struct networkd_file *file)
{
	static const char *const places[][2] = { { "DHCPv4", "UseRoutes" },
						 { "DHCPv4", "UseGateway" },
						 { "DHCP", "UseRoutes" } };
	const struct section_item *gateway = networkd_find(file, "DHCPv4", "UseGateway", NULL);

	vec_foreach (other, v->model)
		if (other != file && other->fit == NETWORKD_MAY && gives_address(other))
			return; /* another card may have the route */
	if (!file->has_dhcp4 || file->has_address || has_route(file) || nic_count(v->machine) > 1 ||
	    (gateway && sections_boolean(gateway->value) == 1))
		return;
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		const struct networkd_part *part = NULL;
		const struct section_item *item =
			networkd_find(file, places[i][0], places[i][1], &part);
		struct finding *finding;

		if (!item || sections_boolean(item->value) || !is_own(part))
			continue;
		finding = finding_add(v->out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "111", part->path,
				      item->line,
				      "%s=%s leaves the router that DHCP names out, and the file "
				      "names none: there is no default route",
				      item->key, quoted(v, item->value));
		set_value(part, item, "yes", &finding->edits);
		return;
	}
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct tree_names *names = machine_list(machine, "/etc/systemd/network");
	struct view v = { machine, NULL, out };
	bool is_wrong = false;

	(void)err;
	if (!net_has_networkd(machine) || net_has_netplan(machine) || net_has_nm(machine) ||
	    net_has_other(machine) || ifupdown_has_card(machine))
		return 0;
	v.model = networkd_model(machine);
	for (size_t i = 0; names && i < names->count; i++) {
		cleanup(free) char *path = mem_printf("/etc/systemd/network/%s", names->items[i]);

		if (str_ends(path, ".link"))
			is_wrong |= look_at_link(&v, path);
	}
	if (is_wrong || look_at_match(&v))
		return 0;
	look_at_modes(&v);
	vec_foreach (file, v.model) {
		if (file->fit != NETWORKD_MAY || !file->parts.count)
			continue;
		if (!look_at_unmanaged(&v, file) && !look_at_no_address(&v, file)) {
			look_at_address(&v, file);
			look_at_no_route(&v, file);
		}
		break; /* the first one is the card's */
	}
	return 0;
}

const struct check check_networkd_card = {
	.name = "networkd-card",
	.title = "no .network file gives the instance's network card its address",
	.explain =
		"networkd takes for each interface the first .network file whose [Match] fits. A "
		"file for a name or a MAC address that this instance does not have (the volume of "
		"another instance or type, net.ifnames=0), one without any [Match], one that the "
		"user systemd-network may not read, one that leaves the card to somebody else "
		"(Unmanaged), or one that sets a foreign static address or "
		"none leaves the card silent; one that takes no router from DHCP (UseRoutes) and "
		"names none, without a way out of its subnet. The repair writes the right name, "
		"MAC or address; "
		"where the name is not known it writes a pattern that takes in every network card.",
	.source = "systemd.network(5); systemd.link(5), AlternativeNamesPolicy; "
		  "systemd.net-naming-scheme(7)",
	.rows = "111,112,114",
	.repair = REPAIR_SURE,
	.needs = NEEDS_CLOUD | NEEDS_CONSOLE,
	.examine = examine,
};
