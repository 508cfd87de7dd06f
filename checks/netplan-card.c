/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/ifupdown.h"
#include "checks/net_stack.h"
#include "checks/netplan.h"
#include "checks/nic_names.h"
#include "fs/lines.h"

#include <fnmatch.h>
#include <strings.h>

struct view {
	const struct machine *machine;
	const struct netplan *model;
	struct findings *out;
};
enum fit { FIT_OTHER, FIT_NEVER_NAME, FIT_NEVER_MAC, FIT_MAY };

static const char *quoted(const struct view *v, const char *text)
{
	return machine_quote(v->machine, text, strlen(text));
}

static const char *text_of(const struct netplan_value *value)
{
	return yaml_text(value->node);
}

static bool is_for_cards(const char *pattern)
{
	return nic_name_is_card(pattern) ||
	       (strpbrk(pattern, "*?[") &&
		(!fnmatch(pattern, "eth0", 0) || !fnmatch(pattern, "ens5", 0) ||
		 !fnmatch(pattern, "enX0", 0)));
}

static enum fit fit_of(const struct view *v, const struct netplan_card *card)
{
	const char *name = card->match.file ? text_of(&card->match_name) : card->id;
	const char *mac = text_of(&card->match_mac);

	if (card->is_part)
		return FIT_MAY;
	if (mac && !nic_mac_is_ours(v->machine, mac))
		return FIT_NEVER_MAC;
	if (!name)
		return FIT_MAY;
	if (!is_for_cards(name))
		return card->match.file ? FIT_OTHER : FIT_MAY;
	return nic_pattern_is_impossible(v->machine, name) &&
			       !nic_name_may_be_alternative(v->machine, name)
		       ? FIT_NEVER_NAME
		       : FIT_MAY;
}

static void respell(const struct netplan_value *value, const char *new, struct edits *edits)
{
	const struct yaml_node *node = value->node;
	const struct nic_respell item = { node->line, node->value, new };

	nic_respell(value->file->path, value->file->text, &item, 1, edits);
}

/* A line below the card's key, before the first one that is there. False: it is written in {}. */
static bool insert_below(const struct netplan_card *card, const char *key, const char *value,
			 struct edits *edits)
{
	const struct yaml_node *map = card->at.node, *first = yaml_first_key(map);
	cleanup(free) char *line = NULL;

	if (!first || map->is_flow || first->line == card->at.key->line)
		return false;
	line = mem_printf("%*s%s:%s%s\n", (int)first->column, "", key, *value == '\n' ? "" : " ",
			  value);
	lines_edit_insert(edits, card->at.file->path, card->at.file->text, first->line, line);
	return true;
}

static void set_dhcp(const struct netplan_card *card, struct edits *edits)
{
	if (card->dhcp4.file && text_of(&card->dhcp4))
		respell(&card->dhcp4, "true", edits);
	else
		insert_below(card, "dhcp4", "true", edits);
}

/* ---- cards that this instance does not have --------------------------------------------------- */

/* The only one of the instance's MAC addresses that no card's match has; NULL: none, or several. */
static const struct cloud_interface *unmatched(const struct view *v)
{
	const struct cloud_facts *cloud = machine_cloud(v->machine);
	const struct cloud_interface *only = NULL;

	for (size_t i = 0; cloud && i < cloud->interface_count; i++) {
		bool is_matched = !cloud->interfaces[i].mac;

		vec_foreach (card, &v->model->cards)
			is_matched |=
				text_of(&card->match_mac) && cloud->interfaces[i].mac &&
				!strcasecmp(text_of(&card->match_mac), cloud->interfaces[i].mac);
		if (is_matched)
			continue;
		if (only)
			return NULL;
		only = &cloud->interfaces[i];
	}
	return only;
}

static void report_mac(const struct view *v, const struct netplan_card *card, bool is_alone)
{
	const struct cloud_interface *nic = unmatched(v);
	struct finding *finding;

	finding = finding_add(v->out,
			      is_alone || (nic && !nic->device_index) ? SEVERITY_BLOCKS_LOGIN
								      : SEVERITY_DELAYS,
			      nic ? REPAIR_SURE : REPAIR_NONE, "114,115",
			      card->match_mac.file->path, card->match_mac.node->line,
			      "%s is matched by the MAC address %s, which no network card of this "
			      "instance has%s%s; nothing is configured for it",
			      quoted(v, card->id), quoted(v, text_of(&card->match_mac)),
			      nic ? "; its own is " : "", nic ? nic->mac : "");
	if (nic)
		respell(&card->match_mac, nic->mac, &finding->edits);
	if (!finding->edits.count)
		finding->repair = REPAIR_NONE;
}

static void report_name(const struct view *v, const struct netplan_card *card)
{
	const struct netplan_value *value = card->match_name.file ? &card->match_name : &card->at;
	const struct yaml_node *node = card->match_name.file ? card->match_name.node : card->at.key;
	const char *pattern = nic_pattern_of_only(v->machine);
	const struct yaml_node *first = yaml_first_key(card->at.node);
	struct finding *finding;

	finding = finding_add(
		v->out, SEVERITY_BLOCKS_LOGIN,
		nic_count(v->machine) <= 1 ? REPAIR_SURE : REPAIR_OFFERED, "112,114",
		value->file->path, node->line,
		"no network card of this instance can be called %s, and nothing else is "
		"configured for one",
		quoted(v, node->value));
	if (card->match_name.file)
		respell(value, pattern, &finding->edits);
	else if (nic_name_of_only(v->machine) && !v->model->has_others) {
		const struct nic_respell item = { node->line, card->id, pattern };

		nic_respell(value->file->path, value->file->text, &item, 1, &finding->edits);
	} else if (first && !card->at.node->is_flow) {
		cleanup(free) char *below =
			mem_printf("\n%*sname: \"%s\"", (int)first->column + 2, "", pattern);

		insert_below(card, "match", below, &finding->edits);
	}
	if (!finding->edits.count)
		finding->repair = REPAIR_NONE;
}

/* True: the instance's card is configured nowhere. */
static bool look_at_match(const struct view *v)
{
	const struct netplan_card *wrong = NULL;
	bool has_card = v->model->has_others;

	vec_foreach (card, &v->model->cards)
		has_card |= fit_of(v, card) == FIT_MAY;
	vec_foreach (card, &v->model->cards) {
		enum fit fit = fit_of(v, card);

		if (fit == FIT_NEVER_MAC && (!has_card || nic_count(v->machine) > 1) &&
		    (!has_card || unmatched(v)))
			report_mac(v, card, !has_card);
		if (fit == FIT_NEVER_NAME && !wrong)
			wrong = card;
	}
	if (wrong && !has_card)
		report_name(v, wrong);
	return !has_card;
}

/* ---- addresses of the card -------------------------------------------------------------------- */

/* The key with its value as a comment. False: it does not stand on lines of its own. */
static bool comment_out(const struct netplan_value *map, const char *name, struct edits *edits)
{
	const struct yaml_node *key = yaml_key(map->node, name), *next;
	const struct str *text = map->file->text;
	size_t at;

	if (!key || map->node->is_flow)
		return false;
	at = lines_offset(text, key->line);
	next = yaml_next_key(key);
	if (strspn(text->s + at, " ") < key->column || (next && next->line <= key->next->end_line))
		return false;
	lines_edit_comment(edits, map->file->path, text, key->line,
			   key->next->end_line - key->line + 1);
	return true;
}

/* The default route of the card's own, which would be taken before the one that DHCP brings. */
static bool drop_default(const struct netplan_card *card, const struct netplan_file *file,
			 struct edits *edits)
{
	const struct yaml_node *routes = yaml_get(card->at.node, "routes");

	if (card->at.file != file)
		return false;
	if (card->gateway4.file)
		return comment_out(&card->at, "gateway4", edits);
	return routes && routes->first && !routes->first->next &&
	       comment_out(&card->at, "routes", edits);
}

static void look_at_static(const struct view *v, const struct netplan_card *card)
{
	const struct netplan_value *via =
		card->gateway4.file ? &card->gateway4 : &card->default_via;
	const struct netplan_value *first = &card->addresses.items[0];
	cleanup(nic_claim_done) struct nic_claim claim = {
		.path = first->file->path,
		.text = first->file->text,
		.device = card->id,
		.mac = text_of(&card->match_mac),
		.gateway_name = card->gateway4.file ? "gateway4" : "via",
		.lacks_route = nic_count(v->machine) == 1 && v->model->cards.count == 1 &&
			       !v->model->has_others && !card->gateway4.file && !card->has_routes,
	};
	struct nic_verdict verdict;

	vec_foreach (address, &card->addresses) {
		if (address->file != first->file)
			return;
		if (text_of(address) && !strchr(text_of(address), ':'))
			vec_push(&claim.addresses,
				 ((struct nic_word){ text_of(address), address->node->line }));
	}
	if (via->file == first->file && text_of(via))
		claim.gateway = (struct nic_word){ text_of(via), via->node->line };
	if (!nic_claim_judge(v->machine, &claim, SEVERITY_BLOCKS_LOGIN, v->out, &verdict))
		return;
	if (verdict.need == NIC_NEEDS_DHCP) {
		set_dhcp(card, &verdict.finding->edits);
		if (claim.gateway.text && !drop_default(card, first->file, &verdict.finding->edits))
			verdict.finding->repair = REPAIR_OFFERED;
	}
	if (verdict.need == NIC_NEEDS_GATEWAY) {
		cleanup(free) char *routes =
			mem_printf("[{to: 0.0.0.0/0, via: %s}]", verdict.router);

		insert_below(card, "routes", routes, &verdict.finding->edits);
	}
	if (!verdict.finding->edits.count)
		verdict.finding->repair = REPAIR_NONE;
}

static void look_at_no_address(const struct view *v, const struct netplan_card *card)
{
	const char *dhcp6 = text_of(&card->dhcp6);
	bool has_dhcp6 = false;
	struct finding *finding;

	if (dhcp6)
		netplan_boolean(dhcp6, &has_dhcp6);
	if (v->model->cards.count != 1 || v->model->has_others || has_dhcp6 ||
	    nic_count(v->machine) > 1)
		return;
	finding = finding_add(
		v->out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "111,112", card->at.file->path,
		card->dhcp4.file ? card->dhcp4.node->line : card->at.key->line,
		"neither dhcp4 nor addresses give %s an IPv4 address, and nothing else "
		"does",
		quoted(v, card->id));
	set_dhcp(card, &finding->edits);
	if (!finding->edits.count)
		finding->repair = REPAIR_NONE;
}

static void look_at_activation(const struct view *v, const struct netplan_card *card)
{
	const char *mode = text_of(&card->activation);
	const struct netplan_file *file = card->activation.file;
	struct finding *finding;

	if (!mode || (!str_eq(mode, "manual") && !str_eq(mode, "off")) ||
	    v->model->cards.count != 1 || v->model->has_others)
		return;
	finding =
		finding_add(v->out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "112", file->path,
			    card->activation.key->line,
			    "activation-mode: %s keeps %s down at boot, and no other interface is "
			    "configured",
			    mode, quoted(v, card->id));
	if (card->at.node->is_flow)
		finding->repair = REPAIR_NONE;
	else
		lines_edit_comment(&finding->edits, file->path, file->text,
				   card->activation.key->line, 1);
}

/* ---- files that are not read ------------------------------------------------------------------ */

/* netplan reads *.yaml alone. */
static void look_for_yml(const struct machine *machine, struct findings *out)
{
	static const struct tree_new new = { .mode = 0600 };
	const struct tree_names *names = machine_list(machine, "/etc/netplan");

	if (net_has_file(machine, "/etc/netplan", ".yaml") || net_has_nm(machine) ||
	    net_has_other(machine) || ifupdown_has_card(machine) ||
	    net_has_networkd_files(machine) ||
	    (!tree_exists(machine_tree(machine), "/usr/sbin/netplan") &&
	     !tree_exists(machine_tree(machine), "/usr/lib/systemd/system-generators/netplan") &&
	     !tree_exists(machine_tree(machine), "/lib/systemd/system-generators/netplan")))
		return;
	for (size_t i = 0; names && i < names->count; i++) {
		cleanup(free) char *path = mem_printf("/etc/netplan/%s", names->items[i]);
		cleanup(free) char *right = mem_printf("%.*s.yaml", (int)strcspn(path, "."), path);
		cleanup(yaml_doc_done) struct yaml_doc doc = { 0 };
		struct err ignored = ERR_INIT;
		const struct str *text = machine_file(machine, path, &ignored);
		struct finding *finding;

		if (!text || text->len > 1 << 20 || names->items[i][0] == '.')
			continue;
		yaml_read(text, &doc);
		if (doc.is_bad || !netplan_brings_a_card(doc.root))
			continue;
		finding = finding_add(
			out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "112,115", path, 0,
			"netplan reads only files that end in .yaml; this one, and with "
			"it the only configuration of the network, it passes over");
		edit_create(&finding->edits, right, &new, text->s, text->len);
		return;
	}
}

/* The router that DHCP names is not taken, and the card has none of its own. */
static void look_at_no_route(const struct view *v, const struct netplan_card *card)
{
	const char *text = text_of(&card->use_routes);
	bool uses = true;
	struct finding *finding;

	if (!text || !netplan_boolean(text, &uses) || uses || card->has_routes ||
	    card->gateway4.file || v->model->cards.count != 1 || v->model->has_others ||
	    nic_count(v->machine) > 1)
		return;
	finding = finding_add(v->out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "111",
			      card->use_routes.file->path, card->use_routes.node->line,
			      "use-routes leaves the router that DHCP names out, and %s has no "
			      "routes of its own: there is no default route",
			      quoted(v, card->id));
	respell(&card->use_routes, "true", &finding->edits);
	if (!finding->edits.count)
		finding->repair = REPAIR_NONE;
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	struct view v = { machine, netplan_model(machine), out };

	(void)err;
	look_for_yml(machine, out);
	if (!v.model || net_has_other(machine) || ifupdown_has_card(machine))
		return 0;
	vec_foreach (file, &v.model->files)
		if ((*file)->doc.is_bad)
			return 0;
	if (look_at_match(&v))
		return 0;
	vec_foreach (card, &v.model->cards) {
		if (card->is_part || fit_of(&v, card) != FIT_MAY)
			continue;
		look_at_activation(&v, card);
		if (!card->has_dhcp4 && card->addresses.count)
			look_at_static(&v, card);
		else if (!card->has_dhcp4)
			look_at_no_address(&v, card);
		else
			look_at_no_route(&v, card);
	}
	return 0;
}

const struct check check_netplan_card = {
	.name = "netplan-card",
	.title = "netplan's files do not configure the instance's network card",
	.explain =
		"netplan takes a card by its name, or by the MAC address in match. On another "
		"instance (a copied volume, an image, a changed type) both may be of a card that "
		"is gone, a static address may be another instance's, and nothing is configured: "
		"no network. cloud-init's own file is written anew only for a new instance. The "
		"repair writes the card's MAC address or name, the instance's address and router, "
		"or asks DHCP.",
	.source = "netplan(5), match, set-name, activation-mode; cloud-init, \"Network "
		  "configuration\"; systemd.net-naming-scheme(7)",
	.rows = "111,112,114,115",
	.repair = REPAIR_SURE,
	.needs = NEEDS_CLOUD | NEEDS_CONSOLE,
	.examine = examine,
};
