/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files of the network stacks themselves. */
#include "checks/ifcfg.h"
#include "checks/ifupdown.h"
#include "checks/mtu_places_parts.h"
#include "checks/net_stack.h"
#include "checks/netplan.h"
#include "checks/networkd.h"
#include "checks/nic_names.h"

void mtu_read_ifcfg(const struct mtu_reading *r)
{
	cleanup(ifcfgs_done) struct ifcfgs set = { 0 };
	struct err ignored = ERR_INIT;

	if (ifcfgs_read(r->machine, &set, &ignored) < 0)
		return; /* the check of these files says so */
	vec_foreach (file, &set) {
		struct mtu_place place = { .path = file->path,
					   .line = ifcfg_line(file, "MTU"),
					   .interface = (char *)file->device,
					   .written = (char *)ifcfg_get(file, "MTU"),
					   .by = MTU_BY_IFCFG,
					   .stage = MTU_STACK,
					   .is_effective = set.is_read };

		if (!file->is_nic)
			continue;
		mtu_add(r, &place);
		place.line = ifcfg_line(file, "IPV6_MTU");
		place.written = (char *)ifcfg_get(file, "IPV6_MTU");
		place.says = MTU_SETS_V6;
		place.is_effective = set.is_read && file->by == IFCFG_INITSCRIPTS;
		mtu_add(r, &place);
	}
}

/* up, pre-up, post-up: a command of the shell. Those at going down do not count. */
static void read_commands(const struct mtu_reading *r, const struct ifupdown_stanza *stanza)
{
	for (size_t i = 0; i < stanza->options.count; i++) {
		const struct ifupdown_option *option = &stanza->options.items[i];
		bool is_before = str_eq(option->name, "pre-up");
		const struct mtu_place like = { .path = (char *)stanza->path,
						.line = option->line,
						.interface = stanza->name,
						.by = MTU_BY_IFUPDOWN,
						.stage = is_before ? MTU_EARLY : MTU_HOOK,
						.is_effective = true };

		if (is_before || str_eq(option->name, "up") || str_eq(option->name, "post-up"))
			mtu_add_commands(r, &like, option->value, strlen(option->value));
	}
}

void mtu_read_ifupdown(const struct mtu_reading *r)
{
	const struct ifupdown *model = ifupdown_model(r->machine);

	for (size_t i = 0; model && i < model->stanzas.count; i++) {
		const struct ifupdown_stanza *stanza = &model->stanzas.items[i];
		const struct ifupdown_option *mtu = ifupdown_option(stanza, "mtu");
		bool is_static = str_eq(stanza->method, "static");

		if (!nic_name_is_card(stanza->name))
			continue;
		if (mtu)
			mtu_add(r, &(struct mtu_place){
					   .path = (char *)stanza->path,
					   .line = mtu->line,
					   .interface = stanza->name,
					   .written = mtu->value,
					   .says = str_eq(stanza->family, "inet6") && is_static
							   ? MTU_SETS_V6
							   : MTU_SETS,
					   .by = MTU_BY_IFUPDOWN,
					   .stage = MTU_STACK,
					   /* The method dhcp passes it over. */
					   .is_effective =
						   is_static || str_eq(stanza->method, "manual"),
					   .fails_loudly = true });
		read_commands(r, stanza);
	}
}

static const char *text_of(const struct netplan_value *value)
{
	return value->file ? yaml_text(value->node) : NULL;
}

static void add_netplan(const struct mtu_reading *r, const struct netplan_card *card,
			const struct netplan_value *value, enum mtu_says says)
{
	const char *names = card->match.file ? text_of(&card->match_name) : card->id;
	const char *set_name = text_of(&card->set_name);
	cleanup(free) char *interface =
		set_name ? mem_strdup(set_name)
			 : mtu_interface_of(r->machine, names, text_of(&card->match_mac),
					    card->has_driver);

	mtu_add(r, &(struct mtu_place){ .path = value->file->path,
					.line = value->node->line,
					.interface = interface ? interface : card->id,
					.written = (char *)text_of(value),
					.says = says,
					.by = MTU_BY_NETPLAN,
					.stage = MTU_STACK,
					.is_effective = true });
}

void mtu_read_netplan(const struct mtu_reading *r)
{
	const struct netplan *model = netplan_model(r->machine);

	for (size_t i = 0; model && i < model->cards.count; i++) {
		const struct netplan_card *card = &model->cards.items[i];
		bool is_taken;

		if (text_of(&card->mtu))
			add_netplan(r, card, &card->mtu, MTU_SETS);
		if (text_of(&card->ipv6_mtu))
			add_netplan(r, card, &card->ipv6_mtu, MTU_SETS_V6);
		if (text_of(&card->use_mtu) && netplan_boolean(text_of(&card->use_mtu), &is_taken))
			add_netplan(r, card, &card->use_mtu,
				    is_taken ? MTU_TAKES_DHCP : MTU_REFUSES_DHCP);
	}
}

static void add_networkd(const struct mtu_reading *r, const struct networkd_file *file,
			 const char *section, const char *key, enum mtu_says says)
{
	const struct networkd_part *part = NULL;
	const struct section_item *item = networkd_find(file, section, key, &part);
	const struct section_item *names = networkd_find(file, "Match", "Name", NULL);
	const struct section_item *driver = networkd_find(file, "Match", "Driver", NULL);
	bool is_choice = says == MTU_TAKES_DHCP, is_no_driver;
	cleanup(free) char *interface = NULL;

	if (!item || (is_choice && sections_boolean(item->value) < 0))
		return;
	is_no_driver = driver && *driver->value != '!' && !mtu_is_driver(driver->value);
	interface = mtu_interface_of(r->machine, names ? names->value : NULL, file->mac,
				     driver && !is_no_driver);
	mtu_add(r, &(struct mtu_place){
			   .path = part->path,
			   .line = item->line,
			   .interface = interface ? interface : names ? names->value : str_empty,
			   .written = item->value,
			   .says = is_choice && !sections_boolean(item->value) ? MTU_REFUSES_DHCP
									       : says,
			   .by = MTU_BY_NETWORKD,
			   .stage = MTU_STACK,
			   .is_effective = net_has_networkd(r->machine) && interface &&
					   file->fit == NETWORKD_MAY && !is_no_driver &&
					   !file->is_unmanaged });
}

void mtu_read_networkd(const struct mtu_reading *r)
{
	const struct networkd *model = networkd_model(r->machine);

	vec_foreach (file, model) {
		if (file->fit == NETWORKD_OTHER)
			continue; /* of no network card */
		add_networkd(r, file, "Link", "MTUBytes", MTU_SETS);
		add_networkd(r, file, "Network", "IPv6MTUBytes", MTU_SETS_V6);
		/* [DHCP] is the section's name from before systemd 243; both are read. */
		add_networkd(r, file, "DHCP", "UseMTU", MTU_TAKES_DHCP);
		add_networkd(r, file, "DHCPv4", "UseMTU", MTU_TAKES_DHCP);
	}
}
