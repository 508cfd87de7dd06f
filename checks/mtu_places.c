/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/mtu_places.h"
#include "checks/mtu_places_parts.h"
#include "checks/nic_names.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdlib.h>

#define WORD_MAX 120u /* longest interface pattern and value that are kept */

static const char *const by_names[MTU_BY_COUNT] = {
	"udev",	    "link-file", "ifcfg", "ifupdown", "netplan", "networkd",  "network-manager",
	"dhclient", "dhcpcd",	 "hook",  "script",   "unit",	 "cloud-init"
};
static const char *const says_names[] = { "sets", "sets-ipv6", "takes-dhcp", "refuses-dhcp",
					  "without-offer" };

const char *mtu_by_name(enum mtu_by by)
{
	return by_names[by];
}

enum mtu_by mtu_by_find(const char *name)
{
	enum mtu_by by = 0;

	while (by < MTU_BY_COUNT && !str_eq(by_names[by], name))
		by++;
	return by;
}

const char *mtu_says_name(enum mtu_says says)
{
	return says_names[says];
}

bool mtu_says_find(const char *name, enum mtu_says *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(says_names); i++)
		if (str_eq(says_names[i], name)) {
			*ret = (enum mtu_says)i;
			return true;
		}
	return false;
}

/* False: no number, or one that no reader takes. */
static bool read_value(const char *written, bool has_suffix, uint32_t *ret)
{
	static const char suffixes[] = "KMG";
	size_t digits = strspn(written, "0123456789");
	unsigned long long value = strtoull(written, NULL, 10);
	const char *suffix = written[digits] ? strchr(suffixes, written[digits]) : NULL;

	if (!digits || digits > 10 || (written[digits] && (!suffix || written[digits + 1])) ||
	    (suffix && !has_suffix))
		return false;
	if (suffix)
		value <<= 10 * (suffix - suffixes + 1);
	if (value > UINT32_MAX)
		return false;
	*ret = (uint32_t)value;
	return true;
}

void mtu_add(const struct mtu_reading *r, const struct mtu_place *like)
{
	bool is_number = like->says == MTU_SETS || like->says == MTU_SETS_V6 ||
			 like->says == MTU_WITHOUT_OFFER;
	struct mtu_place place = *like;

	if (r->places->count == MTU_PLACES_MAX ||
	    (is_number &&
	     (!read_value(like->written, like->by == MTU_BY_LINK || like->by == MTU_BY_NETWORKD,
			  &place.value) ||
	      !place.value)))
		return;
	place.path = mem_strdup(like->path);
	place.interface = mem_strndup(like->interface, WORD_MAX);
	place.written = mem_strndup(like->written ? like->written : "", WORD_MAX);
	vec_push(r->places, place);
}

static void free_places(void *value)
{
	struct mtu_places *places = value;

	vec_foreach (p, places) {
		free(p->path);
		free(p->interface);
		free(p->written);
	}
	vec_done(places);
	free(places);
}

const struct mtu_places *mtu_places(const struct machine *machine)
{
	static const char key;
	struct mtu_places *places = machine_kept(machine, &key);
	struct mtu_reading r = { machine, NULL };

	if (places)
		return places;
	places = mem_alloc(sizeof(*places));
	r.places = places;
	mtu_read_ifupdown(&r);
	mtu_read_netplan(&r);
	mtu_read_networkd(&r);
	mtu_read_nm(&r);
	mtu_read_scripts(&r);
	mtu_read_ifcfg(&r);
	mtu_read_links(&r);
	mtu_read_udev(&r);
	mtu_read_units(&r);
	mtu_read_dhclient(&r);
	mtu_read_dhcpcd(&r);
	mtu_read_cloud_init(&r);
	machine_keep(machine, &key, places, free_places);
	return places;
}

const struct mtu_place *mtu_place_at(const struct machine *machine, const char *path, uint32_t line,
				     const char *written)
{
	const struct mtu_places *places = mtu_places(machine);

	vec_foreach (p, places)
		if (p->line == line && str_eq(p->path, path) && str_eq(p->written, written))
			return p;
	return NULL;
}

/* ---- which card ---------------------------------------------------------------------------- */

/* The only card has that name for sure, whatever the caller calls it. */
static bool is_the_only(const struct machine *machine, const char *name)
{
	const char *only = nic_name_of_only(machine);

	return only ? str_eq(only, name)
		    : nic_count(machine) == 1 && !nic_name_is_impossible(machine, name);
}

static enum mtu_fit fit_of_word(const struct machine *machine, const char *word, const char *card)
{
	if (strpbrk(word, "*?["))
		return fnmatch(word, card, 0) ? MTU_FITS_NOT : MTU_FITS;
	if (str_eq(word, card))
		return MTU_FITS;
	/* ens5 beside eth0: the same card's other name, or another card. A card has one name of a kind. */
	if (nic_name_is_card(word) && !str_starts(card, "enX") && strncmp(word, card, 3) != 0 &&
	    nic_name_may_be_alternative(machine, word))
		return is_the_only(machine, card) ? MTU_FITS : MTU_FITS_PERHAPS;
	return MTU_FITS_NOT;
}

enum mtu_fit mtu_fit(const struct machine *machine, const char *interface, const char *card)
{
	enum mtu_fit fit = MTU_FITS_NOT;

	if (!*interface)
		return nic_count(machine) == 1 ? MTU_FITS : MTU_FITS_PERHAPS;
	for (const char *at = interface; *at; at += strspn(at, "| \t")) {
		size_t len = strcspn(at, "| \t");
		cleanup(free) char *word = mem_strndup(at, len);
		enum mtu_fit now = fit_of_word(machine, word, card);

		fit = now > fit ? now : fit;
		at += len;
	}
	return fit;
}

bool mtu_is_driver(const char *words)
{
	return strstr(words, "ena") || strstr(words, "vif") || strstr(words, "ixgbevf") ||
	       strstr(words, "xen_netfront") || strchr(words, '*');
}

static bool takes_in_a_card(const struct machine *machine, const char *word)
{
	static const char *const samples[] = { "eth0", "ens5", "enX0", "enp0s5", "enP1p0s4" };

	if (!strpbrk(word, "*?["))
		return nic_name_is_card(word) && (!nic_name_is_impossible(machine, word) ||
						  nic_name_may_be_alternative(machine, word));
	for (size_t i = 0; i < ARRAY_LEN(samples); i++)
		if (!fnmatch(word, samples[i], 0))
			return true;
	return false;
}

/* The MAC addresses of `words` as an interface; NULL: none of them is ours. */
static char *interface_of_macs(const struct machine *machine, const char *words)
{
	for (const char *at = words; *at; at += strspn(at, " \t")) {
		size_t len = strcspn(at, " \t");
		cleanup(free) char *word = mem_strndup(at, len);

		at += len;
		if (strpbrk(word, "-.") || nic_mac_is_ours(machine, word))
			return mem_strdup(nic_count(machine) == 1 ? "*" : "");
	}
	return NULL;
}

char *mtu_interface_of(const struct machine *machine, const char *names, const char *mac,
		       bool has_driver)
{
	cleanup(str_done) struct str cards = STR_INIT;

	if (!names || *names == '!') {
		if (mac)
			return interface_of_macs(machine, mac);
		return mem_strdup(has_driver ? "*" : "");
	}
	for (const char *at = names + strspn(names, "| \t"); *at; at += strspn(at, "| \t")) {
		size_t len = strcspn(at, "| \t");
		cleanup(free) char *word = mem_strndup(at, len);

		at += len;
		if (takes_in_a_card(machine, word))
			str_addf(&cards, "%s%s", cards.len ? "|" : "", word);
	}
	if (!cards.len)
		return NULL;
	if (mac) {
		cleanup(free) char *by_mac = interface_of_macs(machine, mac);

		if (!by_mac)
			return NULL;
	}
	return str_take(&cards);
}
