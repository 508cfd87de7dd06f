/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The DHCP clients' own configuration, and cloud-init's network configuration. */
#include "checks/conf_dirs.h"
#include "checks/dhclient_statements.h"
#include "checks/ifupdown.h"
#include "checks/mtu_places_parts.h"
#include "checks/nic_names.h"
#include "checks/units.h"
#include "fs/yaml.h"

#include <ctype.h>

#define YAML_MAX (1u << 20)

static const char option_name[] = "interface-mtu";

static void take_statement(const struct mtu_reading *r, struct mtu_place *place,
			   const struct dhclient_statement *s)
{
	static const struct {
		const char *begin;
		enum mtu_says says;
	} words[] = { { "supersede interface-mtu ", MTU_SETS },
		      { "default interface-mtu ", MTU_WITHOUT_OFFER },
		      { "prepend interface-mtu ", MTU_SETS } };

	place->line = s->line;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_starts(s->text, words[i].begin)) {
			place->says = words[i].says;
			place->written = s->text + strlen(words[i].begin);
			mtu_add(r, place);
		}
	place->written = NULL;
	if (str_starts(s->text, "also request ") && dhclient_has_word(s->text, option_name))
		place->says = MTU_TAKES_DHCP;
	else if (str_starts(s->text, "request ") || str_eq(s->text, "request"))
		place->says =
			dhclient_has_word(s->text, option_name) ? MTU_TAKES_DHCP : MTU_REFUSES_DHCP;
	else
		return;
	mtu_add(r, place);
}

static void read_dhclient(const struct mtu_reading *r, const char *path, const char *card)
{
	cleanup(dhclient_statements_done) struct dhclient_statements statements = { 0 };
	struct err ignored = ERR_INIT;
	const struct str *text = machine_file(r->machine, path, &ignored);

	if (!text)
		return;
	dhclient_statements_read(text, &statements);
	vec_foreach (s, &statements) {
		struct mtu_place place = { .path = (char *)path,
					   .interface = s->interface ? s->interface : (char *)card,
					   .by = MTU_BY_DHCLIENT,
					   .stage = MTU_STACK,
					   .is_effective = dhclient_is_used(r->machine) };

		take_statement(r, &place, s);
	}
}

void mtu_read_dhclient(const struct mtu_reading *r)
{
	static const char *const dirs[] = { "/etc/dhcp", "/etc", "/etc/dhcp3" };
	static const char begin[] = "dhclient-", end[] = ".conf";

	for (size_t d = 0; d < ARRAY_LEN(dirs); d++) {
		const struct tree_names *names = machine_list(r->machine, dirs[d]);

		for (size_t i = 0; names && i < names->count; i++) {
			const char *name = names->items[i];
			cleanup(free) char *path = mem_printf("%s/%s", dirs[d], name);
			cleanup(free) char *card = NULL;

			if (str_eq(name, "dhclient.conf"))
				read_dhclient(r, path, "*");
			if (!str_starts(name, begin) || !str_ends(name, end) ||
			    strlen(name) <= strlen(begin) + strlen(end))
				continue;
			card = mem_strndup(name + strlen(begin),
					   strlen(name) - strlen(begin) - strlen(end));
			if (nic_name_is_card(card))
				read_dhclient(r, path, card);
		}
	}
}

/* ---- dhcpcd --------------------------------------------------------------------------------- */

static bool is_dhcpcd_used(const struct machine *machine)
{
	const struct ifupdown *model = ifupdown_model(machine);
	struct tree *tree = machine_tree(machine);
	bool is_there = tree_exists(tree, "/sbin/dhcpcd") || tree_exists(tree, "/usr/sbin/dhcpcd");

	if (!is_there)
		return false;
	if (machine_unit(machine, "dhcpcd.service") == UNIT_ENABLED)
		return true;
	/* ifup takes dhclient first. */
	for (size_t i = 0; model && i < model->stanzas.count; i++)
		if (str_eq(model->stanzas.items[i].method, "dhcp"))
			return !dhclient_is_used(machine);
	return false;
}

/* "option interface_mtu", "nooption a, interface_mtu", "static interface_mtu=1400", "option 26" */
static void take_dhcpcd(const struct mtu_reading *r, struct mtu_place *place, const char *line)
{
	static const char fixed[] = "static interface_mtu=";
	const char *rest = line + strcspn(line, " \t");
	cleanup(free) char *word = mem_strndup(line, (size_t)(rest - line));
	bool is_named = dhclient_has_word(rest, "interface_mtu") || dhclient_has_word(rest, "26");

	if (str_starts(line, fixed)) {
		place->says = MTU_SETS;
		place->written = (char *)line + strlen(fixed);
	} else if (is_named && (str_eq(word, "option") || str_eq(word, "request")))
		place->says = MTU_TAKES_DHCP;
	else if (is_named && (str_eq(word, "nooption") || str_eq(word, "blacklist")))
		place->says = MTU_REFUSES_DHCP;
	else
		return;
	mtu_add(r, place);
}

void mtu_read_dhcpcd(const struct mtu_reading *r)
{
	static const char path[] = "/etc/dhcpcd.conf";
	struct err ignored = ERR_INIT;
	const struct str *text = machine_file(r->machine, path, &ignored);
	cleanup(free) char *card = mem_strdup("*");
	uint32_t number = 0;

	for (const char *at = text ? text->s : ""; *at;
	     at += strcspn(at, "\n"), at += *at == '\n') {
		cleanup(free) char *line = mem_strndup(at, strcspn(at, "\n"));
		char *start = line + strspn(line, " \t");
		struct mtu_place place = { .path = (char *)path,
					   .line = ++number,
					   .interface = card,
					   .by = MTU_BY_DHCPCD,
					   .stage = MTU_STACK,
					   .is_effective = !str_eq(card, "-") &&
							   is_dhcpcd_used(r->machine) };

		start[strcspn(start, "#\r")] = '\0';
		for (size_t len = strlen(start); len && strchr(" \t", start[len - 1]);)
			start[--len] = '\0';
		if (str_starts(start, "interface ")) { /* what follows is of this one */
			const char *name = start + strlen("interface ");

			free(card);
			card = mem_strdup(nic_name_is_card(name) ? name : "-");
		} else if (str_starts(start, "ssid ") || str_starts(start, "profile ")) {
			free(card);
			card = mem_strdup("-"); /* of nothing here */
		} else
			take_dhcpcd(r, &place, start);
	}
}

/* ---- cloud-init ------------------------------------------------------------------------------ */

static void add_cloud(const struct mtu_reading *r, const char *path, const struct yaml_node *mtu,
		      const char *interface)
{
	if (yaml_text(mtu))
		mtu_add(r, &(struct mtu_place){ .path = (char *)path,
						.line = mtu->line,
						.interface = (char *)interface,
						.written = (char *)yaml_text(mtu),
						.by = MTU_BY_CLOUD_INIT,
						.stage = MTU_STACK });
}

/* Version 2 is netplan's form, version 1 a list of physical links. */
static void read_network(const struct mtu_reading *r, const char *path,
			 const struct yaml_node *network)
{
	const struct yaml_node *cards = yaml_get(network, "ethernets");
	const struct yaml_node *config = yaml_get(network, "config");

	for (const struct yaml_node *id = yaml_first_key(cards); id; id = yaml_next_key(id))
		if (id->value)
			add_cloud(r, path, yaml_get(id->next, "mtu"),
				  yaml_get(id->next, "match") ? "" : id->value);
	for (const struct yaml_node *item = config && config->kind == YAML_LIST ? config->first
										: NULL;
	     item; item = item->next) {
		const char *name = yaml_text(yaml_get(item, "name"));
		const char *type = yaml_text(yaml_get(item, "type"));

		if (type && str_eq(type, "physical"))
			add_cloud(r, path, yaml_get(item, "mtu"), name ? name : "");
	}
}

void mtu_read_cloud_init(const struct mtu_reading *r)
{
	static const char *const dirs[] = { "/etc/cloud/cloud.cfg.d" };
	cleanup(tree_names_done) struct tree_names files = { 0 };

	vec_push(&files, mem_strdup("/etc/cloud/cloud.cfg"));
	conf_dirs_list(r->machine, dirs, ARRAY_LEN(dirs), ".cfg", &files);
	vec_foreach (path, &files) {
		cleanup(yaml_doc_done) struct yaml_doc doc = { 0 };
		struct err ignored = ERR_INIT;
		const struct str *text = machine_file(r->machine, *path, &ignored);

		if (!text || text->len > YAML_MAX || !strstr(text->s, "mtu"))
			continue;
		yaml_read(text, &doc);
		read_network(r, *path, yaml_get(doc.root, "network"));
	}
}
