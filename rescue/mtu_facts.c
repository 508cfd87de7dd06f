/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/mtu_facts.h"
#include "checks/nic_names.h"

static const char *const end_names[] = { "unknown", "bytes", "dhcp" };

const char *mtu_end_name(enum mtu_end_kind kind)
{
	return end_names[kind];
}

/* ---- from a machine ---------------------------------------------------------------------------- */

static void take_text(char *ret, size_t size, const char *text)
{
	escape_into(ret, size, text, strlen(text));
}

static void take_place(const struct mtu_place *p, struct mtu_facts *facts)
{
	struct mtu_fact *fact;

	if (facts->place_count == MTU_FACTS_MAX) {
		facts->was_cut = true;
		return;
	}
	fact = &facts->places[facts->place_count++];
	*fact = (struct mtu_fact){ .line = p->line,
				   .value = p->value,
				   .says = p->says,
				   .by = p->by,
				   .is_effective = p->is_effective,
				   .is_conditional = p->is_conditional };
	take_text(fact->path, sizeof(fact->path), p->path);
	take_text(fact->interface, sizeof(fact->interface), p->interface);
}

static void take_card(const char *name, const struct mtu_end *end, struct mtu_facts *facts)
{
	struct mtu_card *card = &facts->cards[facts->card_count++];

	*card = (struct mtu_card){ .kind = end->kind,
				   .value = end->kind == MTU_END_BYTES ? end->value : 0 };
	take_text(card->name, sizeof(card->name), name);
	if (end->place) {
		card->line = end->place->line;
		take_text(card->path, sizeof(card->path), end->place->path);
	}
}

json_t *mtu_facts_of(const struct machine *machine)
{
	const struct mtu_places *places = mtu_places(machine);
	cleanup(tree_names_done) struct tree_names names = { 0 };
	cleanup(free) struct mtu_facts *facts = mem_alloc(sizeof(*facts));
	struct mtu_end end = mtu_end_of_unnamed(machine);

	for (int is_rest = 0; is_rest < 2; is_rest++)
		vec_foreach (p, places)
			if (p->is_effective == !is_rest)
				take_place(p, facts);
	mtu_cards(machine, &names);
	if (!nic_name_of_only(machine))
		take_card("", &end, facts);
	vec_foreach (name, &names) {
		end = mtu_end(machine, *name);
		take_card(*name, &end, facts);
	}
	return mtu_facts_to_json(facts);
}

/* ---- the wire ------------------------------------------------------------------------------------ */

json_t *mtu_facts_to_json(const struct mtu_facts *facts)
{
	json_t *places = json_array(), *cards = json_array();

	for (size_t i = 0; i < facts->place_count; i++) {
		const struct mtu_fact *p = &facts->places[i];

		json_array_append_new(places,
				      json_pack("{s:s, s:I, s:s, s:I, s:s, s:s, s:b, s:b}", "path",
						p->path, "line", (json_int_t)p->line, "interface",
						p->interface, "value", (json_int_t)p->value, "says",
						mtu_says_name(p->says), "by", mtu_by_name(p->by),
						"effective", p->is_effective, "conditional",
						p->is_conditional));
	}
	for (size_t i = 0; i < facts->card_count; i++) {
		const struct mtu_card *c = &facts->cards[i];

		json_array_append_new(cards, json_pack("{s:s, s:s, s:I, s:s, s:I}", "name", c->name,
						       "end", mtu_end_name(c->kind), "value",
						       (json_int_t)c->value, "path", c->path,
						       "line", (json_int_t)c->line));
	}
	return json_pack("{s:o, s:o, s:b}", "places", places, "cards", cards, "was_cut",
			 facts->was_cut);
}

static int refuse(struct err *err, const char *what)
{
	return err_set(err, ERR_MALFORMED, "an MTU of the volume has no %s that can be", what);
}

/* Text that is escaped already. */
static int get_text(const json_t *json, const char *key, char *ret, size_t size, struct err *err)
{
	const json_t *value = json_object_get(json, key);
	const char *text = json_string_value(value);
	cleanup(str_done) struct str shown = STR_INIT;

	if (!text || json_string_length(value) >= size || strlen(text) != json_string_length(value))
		return refuse(err, key);
	str_add_escaped(&shown, text, strlen(text));
	if (!str_eq(shown.s, text))
		return refuse(err, key);
	memcpy(ret, text, strlen(text) + 1);
	return 0;
}

static int get_number(const json_t *json, const char *key, uint32_t *ret, struct err *err)
{
	const json_t *value = json_object_get(json, key);

	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    json_integer_value(value) > UINT32_MAX)
		return refuse(err, key);
	*ret = (uint32_t)json_integer_value(value);
	return 0;
}

static int get_bool(const json_t *json, const char *key, bool *ret, struct err *err)
{
	const json_t *value = json_object_get(json, key);

	if (!json_is_boolean(value))
		return refuse(err, key);
	*ret = json_is_true(value);
	return 0;
}

static int get_place(const json_t *json, struct mtu_fact *ret, struct err *err)
{
	const char *says = json_string_value(json_object_get(json, "says"));
	const char *by = json_string_value(json_object_get(json, "by"));

	if (get_text(json, "path", ret->path, sizeof(ret->path), err) < 0 ||
	    get_text(json, "interface", ret->interface, sizeof(ret->interface), err) < 0 ||
	    get_number(json, "line", &ret->line, err) < 0 ||
	    get_number(json, "value", &ret->value, err) < 0 ||
	    get_bool(json, "effective", &ret->is_effective, err) < 0 ||
	    get_bool(json, "conditional", &ret->is_conditional, err) < 0)
		return -1;
	if (!says || !mtu_says_find(says, &ret->says))
		return refuse(err, "says");
	ret->by = by ? mtu_by_find(by) : MTU_BY_COUNT;
	return ret->by == MTU_BY_COUNT ? refuse(err, "by") : 0;
}

static int get_card(const json_t *json, struct mtu_card *ret, struct err *err)
{
	const char *kind = json_string_value(json_object_get(json, "end"));
	size_t k = 0;

	while (k < ARRAY_LEN(end_names) && (!kind || !str_eq(end_names[k], kind)))
		k++;
	if (k == ARRAY_LEN(end_names))
		return refuse(err, "end");
	ret->kind = (enum mtu_end_kind)k;
	if (get_text(json, "name", ret->name, sizeof(ret->name), err) < 0 ||
	    get_number(json, "value", &ret->value, err) < 0 ||
	    get_text(json, "path", ret->path, sizeof(ret->path), err) < 0 ||
	    get_number(json, "line", &ret->line, err) < 0)
		return -1;
	return (ret->kind == MTU_END_BYTES) == (ret->value > 0) ? 0 : refuse(err, "value");
}

static int get_all(const json_t *json, struct mtu_facts *ret, struct err *err)
{
	const json_t *places = json_object_get(json, "places");
	const json_t *cards = json_object_get(json, "cards");

	if (!json_is_array(places) || json_array_size(places) > MTU_FACTS_MAX)
		return refuse(err, "places");
	if (!json_is_array(cards) || json_array_size(cards) > ARRAY_LEN(ret->cards))
		return refuse(err, "cards");
	for (; ret->place_count < json_array_size(places); ret->place_count++)
		if (get_place(json_array_get(places, ret->place_count),
			      &ret->places[ret->place_count], err) < 0)
			return -1;
	for (; ret->card_count < json_array_size(cards); ret->card_count++)
		if (get_card(json_array_get(cards, ret->card_count), &ret->cards[ret->card_count],
			     err) < 0)
			return -1;
	return get_bool(json, "was_cut", &ret->was_cut, err);
}

int mtu_facts_from_json(const json_t *json, struct mtu_facts *ret, struct err *err)
{
	cleanup(free) struct mtu_facts *facts = mem_alloc(sizeof(*facts));

	if (get_all(json, facts, err) < 0)
		return -1;
	*ret = *facts;
	return 0;
}
