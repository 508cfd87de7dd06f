/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/networkd.h"
#include "checks/nic_names.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <strings.h>

#define FILES_MAX 512u

static const char *const dirs[] = { "/etc/systemd/network", "/usr/local/lib/systemd/network",
				    "/usr/lib/systemd/network", "/lib/systemd/network" };

const struct section_item *networkd_find(const struct networkd_file *file, const char *section,
					 const char *key, const struct networkd_part **ret_part)
{
	const struct section_item *found = NULL;

	vec_foreach (part, &file->parts) {
		const struct section_item *item = sections_find(&part->sections, section, key);

		if (item && ret_part)
			*ret_part = part;
		if (item)
			found = item;
	}
	return found;
}

/* What cards are called, to tell "e*" and "en*" from "br*" and "veth*". */
static const char *const samples[] = { "eth0",	  "eth1",     "eth2", "ens3", "ens4",	"ens5",
				       "ens6",	  "ens7",     "enX0", "enX1", "enp0s3", "enp0s5",
				       "enp39s0", "enP1p0s4", "eno1", "em1" };

static bool is_card_pattern(const char *pattern)
{
	if (!strpbrk(pattern, "*?["))
		return nic_name_is_card(pattern);
	for (size_t i = 0; i < ARRAY_LEN(samples); i++)
		if (!fnmatch(pattern, samples[i], 0))
			return true;
	return false;
}

/* "10-eth0.network" tells what the file is for when the name in it says another card. */
static bool is_named_otherwise(const struct networkd_file *file, const char *name)
{
	const char *at = strpbrk(file->name, "-_");
	cleanup(free) char *word = NULL;

	if (!at)
		return false;
	word = mem_strndup(at + 1, strcspn(at + 1, "-_."));
	return nic_name_is_card(word) && !str_eq(word, name);
}

/* Name= with its patterns. */
static enum networkd_fit fit_of_names(const struct machine *machine, struct networkd_file *file,
				      const char *value)
{
	enum networkd_fit fit = NETWORKD_OTHER;
	size_t words = 0;

	if (*value == '!')
		return NETWORKD_MAY;
	file->is_sure = true;
	for (const char *at = value + strspn(value, " \t"); *at; at += strspn(at, " \t")) {
		size_t len = strcspn(at, " \t");
		cleanup(free) char *word = mem_strndup(at, len);
		bool is_other_name = nic_name_may_be_alternative(machine, word);

		at += len;
		words++;
		if (!is_card_pattern(word))
			continue;
		if (!nic_pattern_is_impossible(machine, word) ||
		    (is_other_name && !is_named_otherwise(file, word)))
			return NETWORKD_MAY;
		fit = NETWORKD_NEVER;
	}
	return words ? fit : NETWORKD_MAY;
}

static enum networkd_fit fit_of_macs(const struct machine *machine, const char *value)
{
	enum networkd_fit fit = NETWORKD_MAY;

	for (const char *at = value + strspn(value, " \t"); *at; at += strspn(at, " \t")) {
		size_t len = strcspn(at, " \t");
		cleanup(free) char *word = mem_strndup(at, len);

		for (char *c = word; *c; c++)
			if (*c == '-' || *c == '.')
				return NETWORKD_MAY; /* other notations */
		at += len;
		if (nic_mac_is_ours(machine, word))
			return NETWORKD_MAY;
		fit = NETWORKD_NEVER;
	}
	return fit;
}

/* Types and kinds that no card of EC2 is. */
static bool is_for_others(const struct networkd_file *file)
{
	static const struct {
		const char *key, *card;
	} keys[] = {
		{ "Type", "ether" }, { "Kind", "" }, { "WLANInterfaceType", "" }, { "SSID", "" }
	};

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const struct section_item *item = networkd_find(file, "Match", keys[i].key, NULL);

		if (item && *item->value && *item->value != '!' &&
		    (!keys[i].card[0] || !strstr(item->value, keys[i].card)))
			return true;
	}
	return false;
}

/* Names that are given in several lines add up; an empty one takes them back. */
static char *join(const struct networkd_file *file, const char *key)
{
	cleanup(str_done) struct str all = STR_INIT;

	vec_foreach (part, &file->parts)
		vec_foreach (item, &part->sections) {
			if (item->kind != SECTION_SET || !str_eq(item->section, "Match") ||
			    !str_eq(item->key, key))
				continue;
			if (!*item->value)
				str_clear(&all);
			str_addf(&all, "%s%s", all.len ? " " : "", item->value);
		}
	return str_take(&all);
}

static bool has_match(const struct networkd_file *file)
{
	vec_foreach (part, &file->parts)
		vec_foreach (item, &part->sections)
			if (item->kind == SECTION_SET && str_eq(item->section, "Match") &&
			    isupper((unsigned char)item->key[0]))
				return true;
	return false;
}

static void judge_match(const struct machine *machine, struct networkd_file *file)
{
	cleanup(free) char *names = join(file, "Name"), *macs = join(file, "MACAddress");
	enum networkd_fit by_mac = fit_of_macs(machine, macs);

	if (!has_match(file)) {
		file->fit = NETWORKD_EMPTY;
		return;
	}
	file->fit = NETWORKD_OTHER;
	if (is_for_others(file))
		return;
	file->fit = fit_of_names(machine, file, names);
	if (file->fit == NETWORKD_MAY && by_mac == NETWORKD_NEVER) {
		file->fit = NETWORKD_NEVER;
		file->is_sure = true;
		file->wrong = networkd_find(file, "Match", "MACAddress", &file->wrong_part);
	} else if (file->fit == NETWORKD_NEVER)
		file->wrong = networkd_find(file, "Match", "Name", &file->wrong_part);
	for (size_t i = 0; i < file->parts.count; i++) {
		const struct sections *sections = &file->parts.items[i].sections;
		const char *name = sections_get(sections, "Match", "Name");
		const char *mac = sections_get(sections, "Match", "MACAddress");

		if (name && nic_name_is_card(name) && !strpbrk(name, "*?[! \t"))
			file->device = name;
		if (mac && !strpbrk(mac, " \t"))
			file->mac = mac;
	}
}

static void judge_network(struct networkd_file *file)
{
	static const char *const above[] = { "Bridge", "Bond",	 "VRF",	 "VLAN",   "MACVLAN",
					     "IPVLAN", "Tunnel", "Xfrm", "IPVTAP", "MACVTAP" };
	const struct section_item *dhcp = networkd_find(file, "Network", "DHCP", NULL);
	const struct section_item *unmanaged = networkd_find(file, "Link", "Unmanaged", NULL);

	file->has_dhcp4 =
		dhcp && (sections_boolean(dhcp->value) > 0 || str_eq(dhcp->value, "ipv4") ||
			 str_eq(dhcp->value, "v4") || str_eq(dhcp->value, "both"));
	file->has_address = networkd_find(file, "Network", "Address", NULL) ||
			    networkd_find(file, "Address", "Address", NULL);
	file->is_unmanaged = unmanaged && sections_boolean(unmanaged->value) > 0;
	for (size_t i = 0; i < ARRAY_LEN(above); i++)
		file->is_carrier |= networkd_find(file, "Network", above[i], NULL) != NULL;
}

static void add_part(const struct machine *machine, struct networkd_file *file, const char *path)
{
	struct err ignored = ERR_INIT;
	const struct str *text = machine_file(machine, path, &ignored);
	struct networkd_part *part;

	if (!text)
		return;
	part = vec_add(&file->parts);
	part->path = mem_strdup(path);
	sections_parse(text, SECTIONS_SYSTEMD, &part->sections);
}

/* Drop-ins of all directories by name; the first directory that has a name wins. */
static void add_drop_ins(const struct machine *machine, struct networkd_file *file)
{
	struct drop_in {
		const char *name;
		char *path;
	};
	VEC(struct drop_in) found = { 0 };

	for (size_t d = 0; d < ARRAY_LEN(dirs); d++) {
		cleanup(free) char *dir = mem_printf("%s/%s.d", dirs[d], file->name);
		cleanup(free) char *base = mem_printf("%s.d", file->name);
		const struct tree_names *names = machine_may_be_in(machine, dirs[d], base)
							 ? machine_list(machine, dir)
							 : NULL;

		for (size_t i = 0; names && i < names->count && found.count < FILES_MAX; i++) {
			bool is_hidden = !str_ends(names->items[i], ".conf");
			size_t at = 0;

			vec_foreach (other, &found)
				is_hidden |= str_eq(other->name, names->items[i]);
			if (is_hidden)
				continue;
			while (at < found.count &&
			       strcmp(found.items[at].name, names->items[i]) < 0)
				at++;
			vec_push(&found, ((struct drop_in){ NULL, NULL }));
			memmove(&found.items[at + 1], &found.items[at],
				(found.count - 1 - at) * sizeof(found.items[0]));
			found.items[at] =
				(struct drop_in){ names->items[i],
						  mem_printf("%s/%s", dir, names->items[i]) };
		}
	}
	vec_foreach (drop_in, &found) {
		add_part(machine, file, drop_in->path);
		free(drop_in->path);
	}
	vec_done(&found);
}

static bool is_masked(const struct machine *machine, const char *path)
{
	cleanup(str_done) struct str target = STR_INIT;
	struct err ignored = ERR_INIT;
	struct tree_stat st;

	if (!tree_readlink(machine_tree(machine), path, &target, &ignored))
		return str_eq(target.s, "/dev/null");
	return !tree_stat(machine_tree(machine), path, TREE_FOLLOW, &st, &ignored) &&
	       !st.size_bytes;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct networkd_file *)a)->name,
		      ((const struct networkd_file *)b)->name);
}

static void read_dir(const struct machine *machine, const char *dir, struct networkd *model,
		     struct tree_names *seen)
{
	const struct tree_names *names = machine_list(machine, dir);

	for (size_t i = 0; names && i < names->count && seen->count < FILES_MAX; i++) {
		cleanup(free) char *path = mem_printf("%s/%s", dir, names->items[i]);
		bool is_hidden = !str_ends(names->items[i], ".network");
		struct networkd_file *file;

		vec_foreach (other, seen)
			is_hidden |= str_eq(*other, names->items[i]);
		if (is_hidden)
			continue;
		vec_push(seen, mem_strdup(names->items[i]));
		if (is_masked(machine, path))
			continue;
		file = vec_add(model);
		*file = (struct networkd_file){ .name = mem_strdup(names->items[i]) };
		add_part(machine, file, path);
		add_drop_ins(machine, file);
	}
}

static void free_model(void *value)
{
	struct networkd *model = value;

	vec_foreach (file, model) {
		vec_foreach (part, &file->parts) {
			free(part->path);
			sections_done(&part->sections);
		}
		vec_done(&file->parts);
		free(file->name);
	}
	vec_done(model);
	free(model);
}

const struct networkd *networkd_model(const struct machine *machine)
{
	static const char key;
	struct networkd *model = machine_kept(machine, &key);
	cleanup(tree_names_done) struct tree_names seen = { 0 };

	if (model)
		return model;
	model = mem_alloc(sizeof(*model));
	*model = (struct networkd){ 0 };
	for (size_t d = 0; d < ARRAY_LEN(dirs); d++)
		read_dir(machine, dirs[d], model, &seen);
	if (model->count)
		qsort(model->items, model->count, sizeof(model->items[0]), by_name);
	vec_foreach (file, model) {
		judge_match(machine, file);
		judge_network(file);
	}
	machine_keep(machine, &key, model, free_model);
	return model;
}
