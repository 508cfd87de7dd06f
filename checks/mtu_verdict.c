/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which MTU a card ends with: what udev set, then what the network stack makes of its files and of the
 * DHCP offer, then hooks and later scripts. Where one of them may or may not be about the card, or may or
 * may not be reached, and it would make a difference, the answer is that it is not known. */
#include "checks/ifcfg.h"
#include "checks/ifupdown.h"
#include "checks/mtu_places_parts.h"
#include "checks/net_stack.h"
#include "checks/netplan.h"
#include "checks/networkd.h"
#include "checks/nic_names.h"

static const struct mtu_end dhcp = { .kind = MTU_END_DHCP };

static bool is_same(const struct mtu_end *a, const struct mtu_end *b)
{
	return a->kind == b->kind && (a->kind != MTU_END_BYTES || a->value == b->value);
}

/* What a stack does; it may know nothing of the card. */
struct answer {
	enum mtu_fit fit; /* MTU_FITS_NOT: it leaves the card alone */
	struct mtu_end end;
};

/* A second word on the same card: what both say, or not known. */
static void join(struct answer *all, const struct answer *next)
{
	if (next->fit == MTU_FITS_NOT)
		return;
	if (all->fit == MTU_FITS_NOT || is_same(&all->end, &next->end)) {
		if (all->fit < next->fit)
			*all = *next;
	} else
		all->end = mtu_unknown;
	all->fit = all->fit > next->fit ? all->fit : next->fit;
}

/* ---- stacks ------------------------------------------------------------------------------------ */

/* 0 bytes stand for what the card had before. */
static struct mtu_end or_before(struct mtu_end end, const struct mtu_end *before)
{
	return end.kind == MTU_END_BYTES && !end.value ? *before : end;
}

static struct answer answer_of_ifupdown(const struct machine *machine, const char *card,
					const struct mtu_end *before)
{
	const struct ifupdown *model = ifupdown_model(machine);
	struct answer answer = { MTU_FITS_NOT, mtu_unknown };

	for (size_t i = 0; model && i < model->stanzas.count; i++) {
		const struct ifupdown_stanza *stanza = &model->stanzas.items[i];
		const struct ifupdown_option *mtu = ifupdown_option(stanza, "mtu");
		const struct mtu_place *place =
			mtu ? mtu_place_at(machine, stanza->path, mtu->line, mtu->value) : NULL;

		/* inet6 sets the card's only to raise it. */
		if (!str_eq(stanza->family, "inet") || !str_eq(stanza->name, card))
			continue;
		answer.fit = MTU_FITS;
		answer.end = str_eq(stanza->method, "dhcp")
				     ? or_before(mtu_client_end(machine, card), before)
			     : place && place->is_effective ? mtu_bytes(place->value, place)
							    : *before;
	}
	return answer;
}

static struct mtu_end end_of_ifcfg(const struct machine *machine, const struct ifcfg *file,
				   const char *card, const struct mtu_end *before)
{
	uint32_t line = ifcfg_line(file, "MTU");
	const struct mtu_place *place =
		line ? mtu_place_at(machine, file->path, line, ifcfg_get(file, "MTU")) : NULL;
	const struct shellvar *var = shellvars_find(&file->vars, "MTU");
	struct mtu_end client;

	if (file->is_unsure || (var && !var->value) || file->by == IFCFG_NOBODY)
		return mtu_unknown;
	if (file->by != IFCFG_INITSCRIPTS || file->address != IFCFG_DHCP) {
		if (place)
			return mtu_bytes(place->value, place);
		return file->address != IFCFG_DHCP ? *before
		       : file->by == IFCFG_NM	   ? dhcp
						   : mtu_unknown;
	}
	client = mtu_client_end(machine, card);
	/* ifup sets MTU=, then dhclient-script what the lease has. Which of them some versions leave out
	 * is not known. */
	if (place && client.kind == MTU_END_BYTES && !client.value)
		return mtu_bytes(place->value, place);
	return place && !(client.kind == MTU_END_BYTES && client.value == place->value)
		       ? mtu_unknown
		       : or_before(client, before);
}

static struct answer answer_of_ifcfg(const struct machine *machine, const char *card,
				     const struct mtu_end *before)
{
	cleanup(ifcfgs_done) struct ifcfgs set = { 0 };
	struct answer answer = { MTU_FITS_NOT, mtu_unknown };
	struct err ignored = ERR_INIT;

	if (ifcfgs_read(machine, &set, &ignored) < 0 || !set.is_read)
		return answer;
	vec_foreach (file, &set) {
		const struct answer next = {
			file->is_nic && ifcfg_is_meant_up(&set, file)
				? mtu_fit(machine, file->device, card)
				: MTU_FITS_NOT,
			end_of_ifcfg(machine, file, card, before),
		};

		join(&answer, &next);
	}
	return answer;
}

static struct mtu_end end_of_netplan(const struct machine *machine, const struct netplan *model,
				     const struct netplan_card *card, const struct mtu_end *before)
{
	const struct netplan_value *by = card->renderer.file ? &card->renderer : &model->renderer;
	const char *renderer = by->file ? yaml_text(by->node) : NULL;
	const struct netplan_value *value = card->mtu.file ? &card->mtu : &card->use_mtu;
	const struct mtu_place *place =
		value->file ? mtu_place_at(machine, value->file->path, value->node->line,
					   yaml_text(value->node) ?: "")
			    : NULL;

	if (place && place->says == MTU_SETS)
		return mtu_bytes(place->value, place);
	if (!card->has_dhcp4)
		return *before;
	/* Overrides of DHCP's MTU are for networkd alone. */
	if (place && place->says == MTU_REFUSES_DHCP &&
	    !(renderer && str_eq(renderer, "NetworkManager"))) {
		struct mtu_end end = *before;

		end.place = end.place ? end.place : place;
		return end;
	}
	return (struct mtu_end){ MTU_END_DHCP, 0, place };
}

static const char *text_of(const struct netplan_value *value)
{
	return value->file ? yaml_text(value->node) : NULL;
}

static struct answer answer_of_netplan(const struct machine *machine, const char *card,
				       const struct mtu_end *before)
{
	const struct netplan *model = net_has_netplan(machine) ? netplan_model(machine) : NULL;
	struct answer answer = { MTU_FITS_NOT, mtu_unknown };

	if (!model || model->is_refused)
		return answer;
	for (size_t i = 0; i < model->cards.count; i++) {
		const struct netplan_card *c = &model->cards.items[i];
		const char *names = c->match.file ? text_of(&c->match_name) : c->id;
		cleanup(free) char *interface =
			mtu_interface_of(machine, names, text_of(&c->match_mac), c->has_driver);
		const char *set_name = text_of(&c->set_name);
		const struct answer next = {
			set_name    ? mtu_fit(machine, set_name, card)
			: interface ? mtu_fit(machine, interface, card)
				    : MTU_FITS_NOT,
			end_of_netplan(machine, model, c, before),
		};

		join(&answer, &next);
	}
	return answer;
}

/* Conditions on the system, which are not worked out here. */
static bool has_conditions(const struct networkd_file *file)
{
	static const char *const keys[] = { "Host",	  "Virtualization", "KernelCommandLine",
					    "Path",	  "KernelVersion",  "Architecture",
					    "Credential", "Firmware",	    "Property" };

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (networkd_find(file, "Match", keys[i], NULL))
			return true;
	return false;
}

static struct mtu_end end_of_networkd(const struct machine *machine,
				      const struct networkd_file *file,
				      const struct mtu_end *before)
{
	const struct networkd_part *part = NULL;
	const struct section_item *mtu = networkd_find(file, "Link", "MTUBytes", &part);
	const struct section_item *use = networkd_find(file, "DHCPv4", "UseMTU", NULL);
	const struct section_item *old = networkd_find(file, "DHCP", "UseMTU", NULL);
	const struct mtu_place *place =
		mtu ? mtu_place_at(machine, part->path, mtu->line, mtu->value) : NULL;

	if (place)
		return mtu_bytes(place->value, place);
	use = use ? use : old;
	return file->has_dhcp4 && use && sections_boolean(use->value) > 0 ? dhcp : *before;
}

static enum mtu_fit fit_of_networkd(const struct machine *machine, const struct networkd_file *file,
				    const char *card)
{
	const struct section_item *names = networkd_find(file, "Match", "Name", NULL);
	const struct section_item *driver = networkd_find(file, "Match", "Driver", NULL);
	const struct section_item *type = networkd_find(file, "Match", "Type", NULL);
	bool is_any = driver || (type && !file->mac);
	cleanup(free) char *interface = NULL;
	enum mtu_fit fit;

	if (file->fit != NETWORKD_MAY ||
	    (driver && *driver->value != '!' && !mtu_is_driver(driver->value)))
		return MTU_FITS_NOT;
	interface = mtu_interface_of(machine, names ? names->value : NULL, file->mac, is_any);
	fit = interface ? mtu_fit(machine, interface, card) : MTU_FITS_NOT;
	return fit == MTU_FITS && has_conditions(file) ? MTU_FITS_PERHAPS : fit;
}

/* The first file that matches counts; netplan's are called 10-netplan-NAME.network. */
static struct answer answer_of_networkd(const struct machine *machine, const char *card,
					const struct mtu_end *before, const struct answer *netplan)
{
	const struct networkd *model = net_has_networkd(machine) ? networkd_model(machine) : NULL;
	struct answer answer = { MTU_FITS_NOT, mtu_unknown };
	bool has_netplan = netplan->fit != MTU_FITS_NOT;

	for (size_t i = 0; model && i < model->count && answer.fit != MTU_FITS; i++) {
		const struct networkd_file *file = &model->items[i];
		struct answer next = { fit_of_networkd(machine, file, card), mtu_unknown };

		if (has_netplan && strcmp(file->name, "10-netplan-") > 0) {
			join(&answer, netplan);
			has_netplan = false;
			if (answer.fit == MTU_FITS)
				break;
		}
		if (next.fit == MTU_FITS_NOT)
			continue;
		next.end = end_of_networkd(machine, file, before);
		if (file->is_unmanaged && next.fit == MTU_FITS)
			break; /* left to others */
		join(&answer, &next);
	}
	if (has_netplan && answer.fit != MTU_FITS)
		join(&answer, netplan);
	return answer;
}

/* Keyfiles: what one of them says, else the configuration's default, else DHCP's. Those without an MTU
 * are not looked at, so that a number of one that is not sure to be the one in use is not known. */
static struct answer answer_of_nm(const struct machine *machine, const char *card,
				  const struct mtu_end *before)
{
	const struct mtu_places *places = mtu_places(machine);
	struct answer answer = { MTU_FITS_NOT, mtu_unknown }, rest = { MTU_FITS, dhcp };

	vec_foreach (p, places) {
		const bool is_default =
			strstr(p->path, ".conf") && !strstr(p->path, "/system-connections/");
		struct answer next = { mtu_fit(machine, p->interface, card),
				       mtu_bytes(p->value, p) };

		if (p->by != MTU_BY_NM || !p->is_effective || next.fit == MTU_FITS_NOT)
			continue;
		if (p->says == MTU_REFUSES_DHCP)
			next.end = *before;
		if (!is_default)
			join(&answer, &next);
		else
			rest.end = next.fit == MTU_FITS ? next.end : mtu_unknown;
	}
	if (answer.fit != MTU_FITS)
		join(&answer, &rest);
	return answer;
}

/* Keyfiles that give a static address take no offer. */
static bool nm_has_static(const struct machine *machine)
{
	static const char dir[] = "/etc/NetworkManager/system-connections";
	const struct tree_names *names = machine_list(machine, dir);

	for (size_t i = 0; names && i < names->count; i++) {
		cleanup(free) char *path = mem_printf("%s/%s", dir, names->items[i]);
		cleanup(sections_done) struct sections file = { 0 };
		struct err ignored = ERR_INIT;
		const struct str *text = machine_file(machine, path, &ignored);
		const char *method;

		if (!text)
			continue;
		sections_parse(text, SECTIONS_KEYFILE, &file);
		method = sections_get(&file, "ipv4", "method");
		if (method && !str_eq(method, "auto"))
			return true;
	}
	return false;
}

static struct answer answer_of_stacks(const struct machine *machine, const char *card,
				      const struct mtu_end *before)
{
	struct answer all = answer_of_ifupdown(machine, card, before);
	struct answer ifcfg = answer_of_ifcfg(machine, card, before);
	struct answer netplan = answer_of_netplan(machine, card, before);
	struct answer networkd = answer_of_networkd(machine, card, before, &netplan);

	join(&all, &ifcfg);
	join(&all, net_has_networkd(machine) ? &networkd : &netplan);
	/* NetworkManager takes what is left, and has a profile of its own making for it. */
	if (all.fit != MTU_FITS && net_has_nm(machine)) {
		struct answer nm = answer_of_nm(machine, card, before);

		if (nm.end.kind == MTU_END_DHCP && nm_has_static(machine))
			nm.end = mtu_unknown;
		join(&all, &nm);
	}
	if (all.fit == MTU_FITS_PERHAPS && !is_same(&all.end, before))
		all.end = mtu_unknown; /* or nobody touches the card */
	return all;
}

/* ---- all ----------------------------------------------------------------------------------------- */

static void apply(const struct machine *machine, const char *card, enum mtu_stage stage,
		  enum mtu_by by, struct mtu_end *end)
{
	const struct mtu_places *places = mtu_places(machine);

	vec_foreach (p, places) {
		enum mtu_fit fit = mtu_fit(machine, p->interface, card);
		const struct mtu_end next = mtu_bytes(p->value, p);

		if (p->stage != stage || p->says != MTU_SETS || !p->is_effective ||
		    (by != MTU_BY_COUNT && p->by != by) ||
		    (by == MTU_BY_COUNT && p->by == MTU_BY_LINK) || fit == MTU_FITS_NOT)
			continue;
		if (fit == MTU_FITS && !p->is_conditional)
			*end = next;
		else if (!is_same(end, &next))
			*end = mtu_unknown;
		if (by == MTU_BY_LINK && fit == MTU_FITS)
			return; /* the first file counts alone */
	}
}

struct mtu_end mtu_end(const struct machine *machine, const char *card)
{
	struct mtu_end end = mtu_bytes(MTU_KERNEL, NULL);
	struct answer stacks;

	apply(machine, card, MTU_EARLY, MTU_BY_LINK, &end);
	apply(machine, card, MTU_EARLY, MTU_BY_COUNT, &end);
	stacks = answer_of_stacks(machine, card, &end);
	if (stacks.fit == MTU_FITS_NOT) {
		if (net_has_other(machine) || !machine_is_whole(machine))
			stacks.end = mtu_unknown; /* a program that is not known here may have it */
		else
			stacks.end = end;
	}
	end = stacks.end;
	apply(machine, card, MTU_HOOK, MTU_BY_COUNT, &end);
	apply(machine, card, MTU_LATE, MTU_BY_COUNT, &end);
	return end;
}
