/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/ifcfg.h"
#include "checks/ifupdown.h"
#include "checks/net_stack.h"
#include "checks/networkd.h"
#include "checks/nic_address.h"
#include "checks/nic_names.h"
#include "checks/units.h"
#include "fs/lines.h"
#include "fs/sections.h"

#include <stdlib.h>

static const char dir[] = "/etc/NetworkManager/system-connections";

/* A keyfile of NetworkManager for an Ethernet card. */
struct profile {
	char *path;
	const struct str *text;
	struct sections file;
	struct tree_stat st;
	bool is_ignored; /* by its mode, its owner or a line that is none */
	bool is_part;	 /* of a bridge or bond */
	bool is_auto;
	const struct section_item *wrong; /* interface-name or mac-address of no card here */
};
struct view {
	const struct machine *machine;
	struct findings *out;
	VEC(struct profile) profiles;
	bool has_no_default; /* a card without a profile gets none made up */
};

static const char *get(const struct profile *p, const char *section, const char *key)
{
	const char *value = sections_get(&p->file, section, key);

	if (!value && str_eq(section, "ethernet"))
		value = sections_get(&p->file, "802-3-ethernet", key);
	return value ? value : "";
}

static const struct section_item *find_wrong(const struct machine *machine, const struct profile *p)
{
	const char *name = get(p, "connection", "interface-name");
	const char *mac = get(p, "ethernet", "mac-address");
	const struct section_item *item = sections_find(&p->file, "ethernet", "mac-address");

	if (*mac && strlen(mac) == 17 && !nic_mac_is_ours(machine, mac))
		return item ? item : sections_find(&p->file, "802-3-ethernet", "mac-address");
	if (*name && nic_name_is_card(name) && nic_name_is_impossible(machine, name))
		return sections_find(&p->file, "connection", "interface-name");
	return NULL;
}

static void read_profile(struct view *v, const char *path)
{
	struct err ignored = ERR_INIT;
	struct profile p = { .text = machine_file(v->machine, path, &ignored) };
	const char *type, *automatic;

	if (!p.text || tree_stat(machine_tree(v->machine), path, TREE_FOLLOW, &p.st, &ignored) < 0)
		return;
	sections_parse(p.text, SECTIONS_KEYFILE, &p.file);
	type = get(&p, "connection", "type");
	if (!str_eq(type, "ethernet") && !str_eq(type, "802-3-ethernet")) {
		sections_done(&p.file);
		return;
	}
	automatic = get(&p, "connection", "autoconnect");
	p.path = mem_strdup(path);
	p.is_ignored = p.st.uid || p.st.mode & 077 || sections_junk(&p.file);
	p.is_part = *get(&p, "connection", "master") || *get(&p, "connection", "controller");
	p.is_auto =
		!str_eq(automatic, "false") && !str_eq(automatic, "0") && !str_eq(automatic, "no");
	p.wrong = find_wrong(v->machine, &p);
	vec_push(&v->profiles, p);
}

static bool has_no_default(const struct machine *machine)
{
	static const char *const dirs[] = { "/usr/lib/NetworkManager/conf.d",
					    "/etc/NetworkManager/conf.d", "/etc/NetworkManager" };
	bool found = false;

	for (size_t d = 0; d < ARRAY_LEN(dirs); d++) {
		const struct tree_names *names = machine_list(machine, dirs[d]);

		for (size_t i = 0; names && i < names->count; i++) {
			cleanup(free) char *path = mem_printf("%s/%s", dirs[d], names->items[i]);
			cleanup(sections_done) struct sections file = { 0 };
			struct err ignored = ERR_INIT;
			const struct str *text = str_ends(path, ".conf")
							 ? machine_file(machine, path, &ignored)
							 : NULL;

			if (!text)
				continue;
			sections_parse(text, SECTIONS_KEYFILE, &file);
			if (sections_get(&file, "main", "no-auto-default"))
				found = str_eq(sections_get(&file, "main", "no-auto-default"), "*");
		}
	}
	return found;
}

/* ---- what keeps the card down ------------------------------------------------------------------ */

static void report_off(const struct view *v, const struct profile *p)
{
	const struct section_item *item = sections_find(&p->file, "connection", "autoconnect");
	struct finding *finding =
		finding_add(v->out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "112", p->path, item->line,
			    "autoconnect=%s: NetworkManager does not activate the only profile for "
			    "the network card at boot, and makes up none beside it",
			    machine_quote(v->machine, item->value, strlen(item->value)));

	sections_edit_set(&p->file, p->path, "connection", "autoconnect", "true", &finding->edits);
}

static void report_wrong(const struct view *v, const struct profile *p)
{
	bool is_mac = str_eq(p->wrong->key, "mac-address");
	const struct cloud_interface *nic = nic_by_index(v->machine, 0);
	const char *right = is_mac ? (nic ? nic->mac : NULL) : nic_name_of_only(v->machine);
	bool is_sure = nic_count(v->machine) == 1;
	struct finding *finding = finding_add(
		v->out, SEVERITY_BLOCKS_LOGIN, is_sure ? REPAIR_SURE : REPAIR_OFFERED, "112,114",
		p->path, p->wrong->line,
		"%s=%s is no network card of this instance; no other profile is for one, and "
		"no-auto-default keeps NetworkManager from making one up",
		p->wrong->key, machine_quote(v->machine, p->wrong->value, strlen(p->wrong->value)));

	/* Without a name the profile is for any card. */
	if (right)
		nic_respell(p->path, p->text,
			    &(struct nic_respell){ p->wrong->line, p->wrong->value, right }, 1,
			    &finding->edits);
	else
		sections_edit_comment(&p->file, p->path, p->wrong, &finding->edits);
	if (!finding->edits.count)
		finding->repair = REPAIR_NONE;
}

static void report_ignored(const struct view *v, const struct profile *p)
{
	const struct section_item *junk = sections_junk(&p->file);
	struct finding *finding = finding_add(
		v->out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "112", p->path, junk ? junk->line : 0,
		junk ? "the line is neither a group nor a setting; NetworkManager reads nothing of "
		       "the only profile for the network card"
		     : "NetworkManager reads a profile only when it is root's and nobody else may "
		       "read it; this is the only one for the network card");

	vec_foreach (item, &p->file)
		if (item->kind == SECTION_JUNK)
			sections_edit_comment(&p->file, p->path, item, &finding->edits);
	if (p->st.uid || p->st.mode & 077)
		edit_mode(&finding->edits, p->path, &p->st, p->st.mode & 07700, 0, 0);
}

/* True: no profile brings the card up, and that is reported. */
static bool look_at_all(const struct view *v)
{
	const struct profile *off = NULL, *wrong = NULL, *ignored = NULL;

	vec_foreach (p, &v->profiles) {
		if (p->is_part || (p->is_auto && !p->wrong && !p->is_ignored))
			return false;
		if (!p->is_auto && !p->wrong && !p->is_ignored && !off)
			off = p;
		if (p->is_auto && p->wrong && !p->is_ignored && !wrong)
			wrong = p;
		if (p->is_auto && p->is_ignored && !p->wrong && !ignored)
			ignored = p;
	}
	if (off && nic_count(v->machine) <= 1)
		report_off(v, off);
	else if (ignored && v->has_no_default)
		report_ignored(v, ignored);
	else if (wrong && v->has_no_default)
		report_wrong(v, wrong);
	return off || wrong || ignored;
}

/* ---- addresses --------------------------------------------------------------------------------- */

/* "address1=10.0.0.5/24,10.0.0.1"; older files write semicolons behind addresses. */
static void look_at_address(const struct view *v, const struct profile *p)
{
	static const char *const keys[] = { "address1", "address", "addresses", "addresses1" };
	const struct section_item *gateway = sections_find(&p->file, "ipv4", "gateway"),
				  *item = NULL;
	cleanup(free) char *address = NULL, *router = NULL;
	cleanup(nic_claim_done) struct nic_claim claim = {
		.path = p->path,
		.text = p->text,
		.device = get(p, "connection", "interface-name"),
		.mac = get(p, "ethernet", "mac-address"),
		.gateway_name = "gateway",
	};
	struct nic_verdict verdict;

	for (size_t i = 0; i < ARRAY_LEN(keys) && !item; i++)
		item = sections_find(&p->file, "ipv4", keys[i]);
	if (!item || !str_eq(get(p, "ipv4", "method"), "manual") ||
	    sections_find(&p->file, "ipv4", "address2"))
		return;
	address = mem_strndup(item->value, strcspn(item->value, ",; "));
	if (item->value[strlen(address)] == ',')
		router = mem_strdup(item->value + strlen(address) + 1);
	if (router)
		router[strcspn(router, ",; ")] = '\0';
	vec_push(&claim.addresses, ((struct nic_word){ address, item->line }));
	if (gateway)
		claim.gateway = (struct nic_word){ gateway->value, gateway->line };
	else if (router && *router)
		claim.gateway = (struct nic_word){ router, item->line };
	claim.lacks_route = nic_count(v->machine) == 1 && v->profiles.count == 1 &&
			    !claim.gateway.text && !sections_find(&p->file, "ipv4", "route1") &&
			    !sections_find(&p->file, "ipv4", "routes1");
	if (!nic_claim_judge(v->machine, &claim, SEVERITY_BLOCKS_LOGIN, v->out, &verdict))
		return;
	if (verdict.need == NIC_NEEDS_DHCP) {
		sections_edit_set(&p->file, p->path, "ipv4", "method", "auto",
				  &verdict.finding->edits);
		sections_edit_comment(&p->file, p->path, item, &verdict.finding->edits);
	}
	if (verdict.need == NIC_NEEDS_GATEWAY)
		sections_edit_set(&p->file, p->path, "ipv4", "gateway", verdict.router,
				  &verdict.finding->edits);
}

/* No IPv4 at all on the only card, whose address is an IPv4 one. */
static void look_at_method(const struct view *v, const struct profile *p)
{
	const struct section_item *method = sections_find(&p->file, "ipv4", "method");
	const struct cloud_interface *nic = nic_by_index(v->machine, 0);
	struct finding *finding;

	if (!method || v->profiles.count != 1 || nic_count(v->machine) != 1 || !nic ||
	    !nic->private_ip_count || strchr(nic->private_ips[0], ':') ||
	    (!str_eq(method->value, "disabled") && !str_eq(method->value, "link-local")))
		return;
	finding = finding_add(v->out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "111,112", p->path,
			      method->line,
			      "method=%s in [ipv4] gives the only network card no address that EC2 "
			      "knows",
			      method->value);
	sections_edit_set(&p->file, p->path, "ipv4", "method", "auto", &finding->edits);
}

/* Something else brings a card up, or NetworkManager reads ifcfg files too. */
static bool has_other(const struct machine *machine, struct err *err)
{
	cleanup(ifcfgs_done) struct ifcfgs set = { 0 };

	if (ifcfgs_read(machine, &set, err) < 0 || (set.is_read && set.primary))
		return true;
	return net_has_other(machine) || ifupdown_has_card(machine) || net_has_netplan(machine) ||
	       (net_has_networkd(machine) && net_has_networkd_files(machine));
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct tree_names *names = machine_list(machine, dir);
	struct view v = { .machine = machine, .out = out };
	struct err why = ERR_INIT;

	if (!net_has_nm(machine) || !names || !names->count || has_other(machine, &why)) {
		if (why.code != ERR_NONE)
			*err = why;
		return why.code != ERR_NONE ? -1 : 0;
	}
	v.has_no_default = has_no_default(machine);
	for (size_t i = 0; i < names->count && i < 512; i++) {
		cleanup(free) char *path = mem_printf("%s/%s", dir, names->items[i]);

		if (names->items[i][0] != '.' && !str_ends(path, "~") && !str_ends(path, ".bak"))
			read_profile(&v, path);
	}
	if (!look_at_all(&v))
		vec_foreach (p, &v.profiles)
			if (p->is_auto && !p->is_part && !p->is_ignored && !p->wrong) {
				look_at_address(&v, p);
				look_at_method(&v, p);
			}
	vec_foreach (p, &v.profiles) {
		sections_done(&p->file);
		free(p->path);
	}
	vec_done(&v.profiles);
	return 0;
}

const struct check check_nm_profile = {
	.name = "nm-profile",
	.title = "NetworkManager's profiles do not bring up the instance's network card",
	.explain =
		"NetworkManager activates at boot the profiles that fit a card and have "
		"autoconnect on. A profile that is off, that sets another instance's address or "
		"none, or, where no-auto-default forbids a made-up one, a profile for a card that "
		"is gone or with a mode that others can read, leaves the card down. The repair "
		"changes that one setting, writes the instance's address and router, or gives the "
		"file the mode 0600.",
	.source = "nm-settings-keyfile(5); NetworkManager.conf(5), no-auto-default; "
		  "nm-settings(5), connection.autoconnect",
	.rows = "111,112,114",
	.repair = REPAIR_SURE,
	.needs = NEEDS_CLOUD | NEEDS_CONSOLE,
	.examine = examine,
};
