/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/netplan.h"
#include "checks/net_stack.h"
#include "checks/nic_names.h"

#include <stdlib.h>

#define FILES_MAX 128u
#define CARDS_MAX 512u
#define TEXT_MAX  (1u << 20)

struct found_file {
	const char *name;
	char *path;
};
VEC_TYPE(found_files, struct found_file);

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct found_file *)a)->name, ((const struct found_file *)b)->name);
}

/* Files of both directories by name; the one in /etc hides its namesake. /run is gone. */
static void find_files(const struct machine *machine, struct found_files *ret)
{
	static const char *const dirs[] = { "/etc/netplan", "/lib/netplan" };

	for (size_t d = 0; d < ARRAY_LEN(dirs); d++) {
		const struct tree_names *names = machine_list(machine, dirs[d]);

		for (size_t i = 0; names && i < names->count && ret->count < FILES_MAX; i++) {
			bool is_hidden =
				!str_ends(names->items[i], ".yaml") || names->items[i][0] == '.';

			vec_foreach (other, ret)
				is_hidden |= str_eq(other->name, names->items[i]);
			if (!is_hidden)
				vec_push(ret, ((struct found_file){ names->items[i],
								    mem_printf("%s/%s", dirs[d],
									       names->items[i]) }));
		}
	}
	if (ret->count)
		qsort(ret->items, ret->count, sizeof(ret->items[0]), by_name);
}

static struct netplan_card *card_of(struct netplan *model, const char *id)
{
	struct netplan_card *card;

	vec_foreach (known, &model->cards)
		if (str_eq(known->id, id))
			return known;
	if (model->cards.count == CARDS_MAX)
		return NULL;
	card = vec_add(&model->cards);
	*card = (struct netplan_card){ .id = mem_strdup(id) };
	return card;
}

static void take(const struct netplan_file *file, const struct yaml_node *map, const char *key,
		 struct netplan_value *ret)
{
	const struct yaml_node *found = yaml_key(map, key);

	if (found)
		*ret = (struct netplan_value){ file, found, found->next };
}

static void merge_routes(const struct netplan_file *file, const struct yaml_node *routes,
			 struct netplan_card *card)
{
	for (const struct yaml_node *r = routes ? routes->first : NULL; r; r = r->next) {
		const char *to = yaml_text(yaml_get(r, "to"));

		card->has_routes = true;
		if (to && (str_eq(to, "default") || str_eq(to, "0.0.0.0/0")) &&
		    !yaml_get(r, "table"))
			take(file, r, "via", &card->default_via);
	}
}

static void merge_card(const struct netplan_file *file, const struct yaml_node *id,
		       struct netplan_card *card)
{
	const struct yaml_node *map = id->next, *match = yaml_get(map, "match");
	const struct yaml_node *addresses = yaml_get(map, "addresses");
	const char *text;

	card->at = (struct netplan_value){ file, id, map };
	take(file, map, "match", &card->match);
	take(file, match, "name", &card->match_name);
	take(file, match, "macaddress", &card->match_mac);
	card->has_driver |= yaml_get(match, "driver") != NULL;
	take(file, map, "set-name", &card->set_name);
	take(file, map, "dhcp4", &card->dhcp4);
	take(file, map, "dhcp6", &card->dhcp6);
	take(file, map, "gateway4", &card->gateway4);
	take(file, map, "renderer", &card->renderer);
	take(file, map, "mtu", &card->mtu);
	take(file, map, "ipv6-mtu", &card->ipv6_mtu);
	take(file, map, "activation-mode", &card->activation);
	take(file, yaml_get(map, "dhcp4-overrides"), "use-routes", &card->use_routes);
	take(file, yaml_get(map, "dhcp4-overrides"), "use-mtu", &card->use_mtu);
	for (const struct yaml_node *a = addresses ? addresses->first : NULL; a; a = a->next)
		vec_push(&card->addresses,
			 ((struct netplan_value){ file, yaml_key(map, "addresses"),
						  a->kind == YAML_MAP ? a->first : a }));
	merge_routes(file, yaml_get(map, "routes"), card);
	text = yaml_text(card->dhcp4.node);
	card->has_dhcp4 = false;
	if (text)
		netplan_boolean(text, &card->has_dhcp4);
}

/* Bridges and bonds name their cards in "interfaces", VLANs in "link". */
static void mark_parts(struct netplan *model, const struct yaml_node *network)
{
	for (const struct yaml_node *kind = yaml_first_key(network); kind;
	     kind = yaml_next_key(kind)) {
		if (!kind->value || str_eq(kind->value, "ethernets") ||
		    kind->next->kind != YAML_MAP)
			continue;
		for (const struct yaml_node *id = yaml_first_key(kind->next); id;
		     id = yaml_next_key(id)) {
			const struct yaml_node *list = yaml_get(id->next, "interfaces");
			const char *link = yaml_text(yaml_get(id->next, "link"));

			model->has_others = true;
			vec_foreach (card, &model->cards) {
				card->is_part |= link && str_eq(link, card->id);
				for (const struct yaml_node *i = list ? list->first : NULL; i;
				     i = i->next)
					card->is_part |= i->value && str_eq(i->value, card->id);
			}
		}
	}
}

static void merge(struct netplan *model, const struct netplan_file *file)
{
	const struct yaml_node *network = yaml_get(file->doc.root, "network");
	const struct yaml_node *cards = yaml_get(network, "ethernets");

	take(file, network, "renderer", &model->renderer);
	for (const struct yaml_node *id = yaml_first_key(cards); id; id = yaml_next_key(id)) {
		struct netplan_card *card = id->value ? card_of(model, id->value) : NULL;

		if (card)
			merge_card(file, id, card);
	}
}

static void free_model(void *value)
{
	struct netplan *model = value;

	vec_foreach (file, &model->files) {
		yaml_doc_done(&(*file)->doc);
		vec_done(&(*file)->errors);
		free((*file)->path);
		free(*file);
	}
	vec_foreach (card, &model->cards) {
		vec_done(&card->addresses);
		free(card->id);
	}
	vec_done(&model->files);
	vec_done(&model->cards);
	free(model);
}

/* set-name is right as soon as any of the files has a match for the card. */
static void drop_settled(struct netplan *model)
{
	model->is_refused = false;
	vec_foreach (file, &model->files) {
		struct netplan_errors *errors = &(*file)->errors;
		size_t kept = 0;

		vec_foreach (error, errors) {
			bool is_settled = false;

			vec_foreach (card, &model->cards)
				is_settled |= error->fault == NETPLAN_NO_MATCH &&
					      card->match.file && card->set_name.key == error->key;
			if (!is_settled)
				errors->items[kept++] = *error;
		}
		errors->count = kept;
		model->is_refused |= (*file)->doc.is_bad || kept;
	}
}

static void read_all(const struct machine *machine, struct netplan *model)
{
	struct found_files found = { 0 };

	find_files(machine, &found);
	vec_foreach (item, &found) {
		struct err ignored = ERR_INIT;
		const struct str *text = machine_file(machine, item->path, &ignored);
		struct netplan_file *file;

		if (!text || text->len > TEXT_MAX) {
			free(item->path);
			continue;
		}
		file = mem_alloc(sizeof(*file));
		*file = (struct netplan_file){ .path = item->path, .text = text };
		yaml_read(text, &file->doc);
		netplan_validate(file->doc.root, &file->errors);
		vec_push(&model->files, file);
	}
	vec_done(&found);
	vec_foreach (file, &model->files)
		merge(model, *file);
	vec_foreach (file, &model->files)
		mark_parts(model, yaml_get((*file)->doc.root, "network"));
	drop_settled(model);
}

const struct netplan *netplan_model(const struct machine *machine)
{
	static const char key;
	struct netplan *model = machine_kept(machine, &key);

	if (!model) {
		model = mem_alloc(sizeof(*model));
		*model = (struct netplan){ 0 };
		if (net_has_netplan(machine))
			read_all(machine, model);
		machine_keep(machine, &key, model, free_model);
	}
	return model->files.count ? model : NULL;
}
