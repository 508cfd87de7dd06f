/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/ifupdown.h"
#include "checks/near_word.h"
#include "checks/net_stack.h"
#include "checks/nic_address.h"
#include "checks/nic_names.h"
#include "checks/unit_faults.h"
#include "fs/lines.h"

#include <stdio.h>

#define DROP_IN_DIR "/etc/network/interfaces.d"

struct view {
	const struct machine *machine;
	const struct ifupdown *model;
	struct findings *out;
	bool is_alone; /* nothing else configures cards */
};

static const char *quoted(const struct view *v, const char *text)
{
	return machine_quote(v->machine, text, strlen(text));
}

static bool is_method(const struct ifupdown_stanza *stanza, const char *method)
{
	return str_eq(stanza->method, method);
}

/* Brings, or with another repair will bring, an address to a card. */
static bool is_card(const struct ifupdown_stanza *stanza)
{
	return nic_name_is_card(stanza->name) && !str_eq(stanza->family, "inet6") &&
	       !is_method(stanza, "manual");
}

/* A bridge, a bond, a VLAN, a name by hand: an interface that carries the address instead. */
static bool has_carrier(const struct view *v)
{
	vec_foreach (stanza, &v->model->stanzas)
		if (!nic_name_is_card(stanza->name) && !str_eq(stanza->name, "lo") &&
		    ifupdown_is_auto(v->model, stanza->name))
			return true;
	return v->model->has_mapping || v->model->has_rename;
}

static void respell(const struct view *v, const char *path, uint32_t line, const char *old,
		    const char *new, struct edits *edits)
{
	const struct nic_respell item = { line, old, new };

	nic_respell(path, ifupdown_text(v->model, path), &item, 1, edits);
}

/* "ato eth0" below a stanza is read as an option of it. */
static const struct ifupdown_option *find_swallowed(const struct view *v, const char *name,
						    const char *keyword, const char **ret_path)
{
	vec_foreach (stanza, &v->model->stanzas)
		vec_foreach (option, &stanza->options) {
			const char *meant = near_word(option->name, ifupdown_keywords);
			size_t len = strcspn(option->value, " \t");

			if (!meant || !str_eq(meant, keyword) || !str_is(option->value, len, name))
				continue;
			*ret_path = stanza->path;
			return option;
		}
	return NULL;
}

/* Says of the card what the keyword says: corrects a line that means to, or adds this one. */
static void add_or_respell(const struct view *v, const char *name, const char *keyword,
			   const char *path, uint32_t at, const char *line, struct edits *edits)
{
	const char *where;
	const struct ifupdown_option *swallowed = find_swallowed(v, name, keyword, &where);

	if (swallowed)
		respell(v, where, swallowed->line, swallowed->name, keyword, edits);
	else
		lines_edit_insert(edits, path, ifupdown_text(v->model, path), at, line);
}

/* No card's stanza is brought up at boot. */
static bool look_at_auto(const struct view *v)
{
	const struct ifupdown_stanza *only = NULL;
	cleanup(free) char *line = NULL;
	struct finding *finding;

	vec_foreach (stanza, &v->model->stanzas) {
		if (!is_card(stanza) || nic_name_is_impossible(v->machine, stanza->name))
			continue;
		if (ifupdown_is_auto(v->model, stanza->name))
			return false;
		if (!only || str_eq(stanza->name, "eth0"))
			only = stanza;
	}
	vec_foreach (item, &v->model->autos)
		if (nic_name_is_card(item->name) && ifupdown_find(v->model, item->name))
			return false;
	if (!only || !only->name[0])
		return false;
	finding = finding_add(
		v->out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "112", only->path, only->line,
		"neither auto nor allow-hotplug names %s; ifup -a leaves it down, and "
		"no other card is brought up",
		quoted(v, only->name));
	line = mem_printf("auto %s\n", only->name);
	add_or_respell(v, only->name, "auto", only->path, only->line, line, &finding->edits);
	return true;
}

/* "auto eth0", and nothing says how. */
static bool look_at_orphan(const struct view *v)
{
	const struct ifupdown_auto *lonely = NULL;
	cleanup(free) char *line = NULL;
	struct finding *finding;

	vec_foreach (stanza, &v->model->stanzas)
		if (nic_name_is_card(stanza->name) || stanza->name[0] == '/')
			return false;
	vec_foreach (error, &v->model->errors)
		if (error->fault == IFUPDOWN_MISPLACED)
			return false; /* interfaces-syntax mends that */
	vec_foreach (item, &v->model->autos)
		if (nic_name_is_card(item->name) &&
		    !nic_name_is_impossible(v->machine, item->name) &&
		    (!lonely || str_eq(item->name, "eth0")))
			lonely = item;
	if (!lonely)
		return false;
	finding = finding_add(
		v->out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "112", lonely->path, lonely->line,
		"%s is to be brought up, but no iface line says how; ifup knows no such "
		"interface",
		quoted(v, lonely->name));
	line = mem_printf("iface %s inet dhcp\n", lonely->name);
	add_or_respell(v, lonely->name, "iface", lonely->path, lonely->line + lonely->count, line,
		       &finding->edits);
	return true;
}

static void rename_card(const struct view *v, const char *old, const char *new, struct edits *edits)
{
	uint32_t last = 0;

	vec_foreach (item, &v->model->autos) {
		if (str_eq(item->name, old) && item->line != last)
			respell(v, item->path, item->line, old, new, edits);
		last = item->line;
	}
	vec_foreach (stanza, &v->model->stanzas) {
		if (!str_eq(stanza->name, old))
			continue;
		respell(v, stanza->path, stanza->line, old, new, edits);
		vec_foreach (option, &stanza->options)
			respell(v, stanza->path, option->line, old, new, edits);
	}
}

/* All cards that are configured are ones that the instance cannot have. */
static bool look_at_name(const struct view *v)
{
	const struct ifupdown_stanza *wrong = NULL;
	const char *name = nic_name_of_only(v->machine);
	const struct cloud_facts *cloud = machine_cloud(v->machine);
	struct finding *finding;
	bool is_sure = name != NULL;

	vec_foreach (stanza, &v->model->stanzas) {
		if (stanza->name[0] == '/' || (nic_name_is_card(stanza->name) &&
					       !nic_name_is_impossible(v->machine, stanza->name)))
			return false;
		if (nic_name_is_card(stanza->name) && !is_method(stanza, "manual") &&
		    (!wrong || ifupdown_is_auto(v->model, stanza->name)))
			wrong = wrong ? wrong : stanza;
	}
	if (!wrong)
		return false;
	if (!name && nic_count(v->machine) == 1 && cloud->hypervisor &&
	    str_eq(cloud->hypervisor, "nitro") && nic_naming(v->machine) == NIC_NAMING_SLOT)
		name = "ens5"; /* the usual one; not on each instance type */
	finding =
		finding_add(v->out, SEVERITY_BLOCKS_LOGIN,
			    !name     ? REPAIR_NONE
			    : is_sure ? REPAIR_SURE
				      : REPAIR_OFFERED,
			    "112,114", wrong->path, wrong->line,
			    "no network card of this instance can be called %s%s%s; nothing "
			    "brings up the one that it has",
			    quoted(v, wrong->name), name ? ", its name is " : "", name ? name : "");
	if (name)
		rename_card(v, wrong->name, name, &finding->edits);
	if (!finding->edits.count)
		finding->repair = REPAIR_NONE;
	return true;
}

/* The stanza asks DHCP: the method is changed, its address and router are commented out. */
static void switch_to_dhcp(const struct view *v, const struct ifupdown_stanza *stanza,
			   struct edits *edits)
{
	static const char *const names[] = { "address",	  "netmask", "gateway",
					     "broadcast", "network", "pointopoint" };
	const struct str *text = ifupdown_text(v->model, stanza->path);

	respell(v, stanza->path, stanza->line, stanza->method, "dhcp", edits);
	vec_foreach (option, &stanza->options)
		for (size_t i = 0; i < ARRAY_LEN(names); i++)
			if (str_eq(option->name, names[i]))
				lines_edit_comment(edits, stanza->path, text, option->line,
						   option->count);
}

/* Anything that may: a gateway, DHCP, a script. */
static bool sets_route(const struct view *v)
{
	static const char *const names[] = { "gateway", "up", "post-up", "pre-up" };

	vec_foreach (stanza, &v->model->stanzas) {
		if (is_method(stanza, "dhcp") || stanza->inherits)
			return true;
		for (size_t i = 0; i < ARRAY_LEN(names); i++)
			if (ifupdown_option(stanza, names[i]))
				return true;
	}
	return false;
}

static void look_at_static(const struct view *v, const struct ifupdown_stanza *stanza)
{
	const struct ifupdown_option *address = ifupdown_option(stanza, "address");
	const struct ifupdown_option *mask = ifupdown_option(stanza, "netmask");
	const struct ifupdown_option *gateway = ifupdown_option(stanza, "gateway");
	cleanup(nic_claim_done) struct nic_claim claim = {
		.path = stanza->path,
		.text = ifupdown_text(v->model, stanza->path),
		.device = stanza->name,
		.gateway_name = "gateway",
		.is_onlink = true,
	};
	enum severity severity = v->is_alone ? SEVERITY_BLOCKS_LOGIN : SEVERITY_DELAYS;
	struct nic_verdict verdict;
	struct finding *finding;

	if (!address && !stanza->inherits) {
		finding = finding_add(
			v->out, severity, REPAIR_SURE, "111", stanza->path, stanza->line,
			"%s is static and has no address; ifup refuses to bring it up",
			quoted(v, stanza->name));
		switch_to_dhcp(v, stanza, &finding->edits);
		return;
	}
	if (!address)
		return;
	/* Several stanzas or lines of one card add addresses to it. */
	vec_foreach (other, &v->model->stanzas)
		vec_foreach (option, &other->options)
			if (str_eq(other->name, stanza->name) && str_eq(option->name, "address") &&
			    !strchr(option->value, ':') && other == stanza)
				vec_push(&claim.addresses,
					 ((struct nic_word){ option->value, option->line }));
			else if (str_eq(other->name, stanza->name) &&
				 (is_method(other, "dhcp") || str_eq(option->name, "address")) &&
				 !str_eq(other->family, "inet6"))
				return;
	if (mask)
		claim.prefix = (struct nic_word){ mask->value, mask->line };
	if (gateway)
		claim.gateway = (struct nic_word){ gateway->value, gateway->line };
	claim.lacks_route = v->is_alone && nic_count(v->machine) == 1 && !sets_route(v);
	if (!nic_claim_judge(v->machine, &claim, severity, v->out, &verdict))
		return;
	if (verdict.need == NIC_NEEDS_DHCP)
		switch_to_dhcp(v, stanza, &verdict.finding->edits);
	if (verdict.need == NIC_NEEDS_GATEWAY) {
		cleanup(free) char *line = mem_printf("\tgateway %s\n", verdict.router);

		lines_edit_insert(&verdict.finding->edits, claim.path, claim.text,
				  address->line + address->count, line);
	}
}

/* The only card comes up with "manual", and nothing gives it an address. */
static void look_at_manual(const struct view *v)
{
	const struct ifupdown_stanza *manual = NULL;
	bool has_v6 = false;
	struct finding *finding;

	vec_foreach (stanza, &v->model->stanzas) {
		bool is_v6 = str_eq(stanza->family, "inet6");

		if (!nic_name_is_card(stanza->name))
			continue;
		has_v6 |= is_v6 && !is_method(stanza, "manual");
		if (!is_v6 && (!is_method(stanza, "manual") || stanza->options.count || manual))
			return;
		if (!is_v6 && ifupdown_is_auto(v->model, stanza->name))
			manual = stanza;
	}
	if (!manual || nic_name_is_impossible(v->machine, manual->name) ||
	    nic_count(v->machine) != 1)
		return;
	finding = finding_add(v->out, SEVERITY_BLOCKS_LOGIN, has_v6 ? REPAIR_OFFERED : REPAIR_SURE,
			      "111,112", manual->path, manual->line,
			      "%s comes up with the method manual, and nothing gives it an address",
			      quoted(v, manual->name));
	respell(v, manual->path, manual->line, "manual", "dhcp", &finding->edits);
}

/* A file below interfaces.d configures a card, and nothing reads it. */
static bool look_at_unread(const struct view *v)
{
	const struct tree_names *names = machine_list(v->machine, DROP_IN_DIR);
	const struct str *main = v->model->files.items[0]->text;

	for (size_t i = 0; names && i < names->count; i++) {
		cleanup(free) char *path = mem_printf("%s/%s", DROP_IN_DIR, names->items[i]);
		struct err ignored = ERR_INIT;
		const struct str *text = machine_file(v->machine, path, &ignored);
		const char *at = text ? strstr(text->s, "iface e") : NULL;
		struct finding *finding;

		if (!at || (at != text->s && at[-1] != '\n') || strchr("~#", names->items[i][0]) ||
		    str_ends(path, "~") || strstr(path, ".dpkg-") || str_ends(path, ".bak"))
			continue;
		finding = finding_add(v->out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "112", path, 0,
				      "this file configures the network card, but %s does not read "
				      "it; ifup knows of no card",
				      IFUPDOWN_PATH);
		lines_edit_insert(&finding->edits, IFUPDOWN_PATH, main,
				  lines_count(main->s, main->len) + 1,
				  "source " DROP_IN_DIR "/*\n");
		return true;
	}
	return false;
}

/* What a plain command needs and is not there: its program, or what it reads. NULL: nothing, or the
 * command is more than plain. The caller frees. */
static char *lost_of_command(const struct view *v, const char *command)
{
	const char *input = strchr(command, '<');
	cleanup(free) char *program = mem_strndup(command, strcspn(command, " \t<"));
	cleanup(free) char *file = NULL;

	if (strpbrk(command, "|&;`$(){}[]*?\"'\\>") || str_starts(command, "-"))
		return NULL;
	if (unit_path_is_gone(v->machine, program))
		return TAKE(program);
	if (input) {
		input += 1 + strspn(input + 1, " \t");
		file = mem_strndup(input, strcspn(input, " \t"));
	}
	return file && unit_path_is_gone(v->machine, file) ? TAKE(file) : NULL;
}

/* ifup leaves a card down when a command of pre-up fails. */
static void look_at_commands(const struct view *v, const struct ifupdown_stanza *stanza)
{
	vec_foreach (option, &stanza->options) {
		cleanup(free) char *lost =
			str_eq(option->name, "pre-up") ? lost_of_command(v, option->value) : NULL;
		struct finding *finding;

		if (!lost)
			continue;
		finding = finding_add(v->out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "112",
				      stanza->path, option->line,
				      "pre-up needs %s, which is not there; the command fails, and "
				      "%s is not brought up",
				      quoted(v, lost), quoted(v, stanza->name));
		lines_edit_comment(&finding->edits, stanza->path,
				   ifupdown_text(v->model, stanza->path), option->line,
				   option->count);
	}
}

static bool has_any_card(const struct ifupdown *model)
{
	if (ifupdown_describes_card(model))
		return true;
	vec_foreach (item, &model->autos)
		if (!str_eq(item->name, "lo"))
			return true;
	return false;
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	struct view v = { machine, ifupdown_model(machine), out, false };

	(void)err;
	if (!v.model)
		return 0;
	v.is_alone = !net_has_nm(machine) && !net_has_other(machine) &&
		     !(net_has_networkd(machine) &&
		       (net_has_networkd_files(machine) || net_has_netplan(machine)));
	if (v.is_alone && !has_carrier(&v)) {
		if (!has_any_card(v.model))
			look_at_unread(&v);
		else if (!look_at_name(&v) && !look_at_auto(&v) && !look_at_orphan(&v))
			look_at_manual(&v);
	}
	vec_foreach (stanza, &v.model->stanzas)
		if (v.is_alone && nic_name_is_card(stanza->name) &&
		    ifupdown_is_auto(v.model, stanza->name))
			look_at_commands(&v, stanza);
	vec_foreach (stanza, &v.model->stanzas)
		if (nic_name_is_card(stanza->name) && str_eq(stanza->family, "inet") &&
		    is_method(stanza, "static") && !nic_name_is_impossible(machine, stanza->name))
			look_at_static(&v, stanza);
	return 0;
}

const struct check check_interfaces_card = {
	.name = "interfaces-card",
	.title = "/etc/network/interfaces does not bring up the instance's network card",
	.explain =
		"ifup -a brings up what auto or allow-hotplug names and an iface line describes. A "
		"card that is named by one of them alone, that has a name which this instance's "
		"kernel does not give, or that is manual or static without an address stays "
		"silent; so does one with a static address that is not the instance's, or whose "
		"pre-up command lacks its program or its input. The repair "
		"adds the one line that is missing, corrects the name, or writes the address, mask "
		"and router that the instance has.",
	.source = "interfaces(5); ifup(8); systemd.net-naming-scheme(7)",
	.rows = "111,112,114",
	.repair = REPAIR_SURE,
	.needs = NEEDS_DISKS | NEEDS_CLOUD | NEEDS_CONSOLE,
	.examine = examine,
};
