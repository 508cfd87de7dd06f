/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rescue/mtu_facts: what a volume says of MTUs arrives as it was meant, with its limits, and nothing
 * that is not of that form is taken. */
#include "rescue/mtu_facts.h"
#include "../unit/unit.h"
#include "tests/checks/scratch.h"

static int facts_of(struct scratch *s, struct mtu_facts *ret)
{
	const struct machine_given given = { .tree = s->tree };
	cleanup(machine_free) struct machine *m = machine_new(&given);
	json_t *json = mtu_facts_of(m), *again;
	struct err err = ERR_INIT;
	int rc = mtu_facts_from_json(json, ret, &err);

	if (rc < 0)
		print_error("%s\n", err.text);
	again = mtu_facts_to_json(ret);
	assert_true(json_equal(json, again));
	json_decref(json);
	json_decref(again);
	return rc;
}

static void a_system(void **state)
{
	struct mtu_facts facts;
	struct scratch s;

	(void)state;
	scratch_open(&s);
	scratch_text(&s, "/etc/os-release", "ID=amzn\nVERSION_ID=2023\n");
	scratch_enable(&s, "systemd-networkd.service");
	scratch_text(&s, "/etc/cloud/cloud.cfg", "network: {ethernets: {ens5: {mtu: 1300}}}\n");
	scratch_text(&s, "/etc/systemd/network/10-e.network",
		     "[Match]\nName=ens5\n[Link]\nMTUBytes=1400\n");
	assert_int_equal(facts_of(&s, &facts), 0);
	assert_int_equal(facts.place_count, 2);
	assert_string_equal(facts.places[0].path, "/etc/systemd/network/10-e.network");
	assert_int_equal(facts.places[0].line, 4);
	assert_true(facts.places[0].is_effective);
	assert_string_equal(facts.places[1].path, "/etc/cloud/cloud.cfg");
	assert_false(facts.places[1].is_effective);
	assert_int_equal(facts.card_count, 2);
	assert_string_equal(facts.cards[0].name, "");
	assert_int_equal(facts.cards[0].kind, MTU_END_UNKNOWN); /* ens5, or another one? */
	assert_string_equal(facts.cards[1].name, "ens5");
	assert_int_equal(facts.cards[1].kind, MTU_END_BYTES);
	assert_int_equal(facts.cards[1].value, 1400);
	assert_string_equal(facts.cards[1].path, "/etc/systemd/network/10-e.network");
	assert_false(facts.was_cut);
	scratch_close(&s);
}

static void a_hostile_system(void **state)
{
	cleanup(str_done) struct str rules = STR_INIT, longest = STR_INIT;
	cleanup(free) char *path = NULL;
	struct mtu_facts facts;
	struct scratch s;

	(void)state;
	scratch_open(&s);
	for (int i = 0; i < 300; i++)
		str_addf(&rules,
			 "SUBSYSTEM==\"net\", KERNEL==\"eth%d|\x1b[2J\xff%d\", ATTR{mtu}=\"%d\"\n",
			 i, i, 1000 + i);
	for (int i = 0; i < 120; i++)
		str_add(&longest, "\x1b");
	path = mem_printf("/etc/udev/rules.d/a%s.rules", longest.s);
	scratch_text(&s, path, rules.s);
	assert_int_equal(facts_of(&s, &facts), 0);
	assert_int_equal(facts.place_count, MTU_FACTS_MAX);
	assert_true(facts.was_cut);
	assert_true(facts.card_count <= MTU_CARDS_MAX + 1);
	assert_null(strchr(facts.places[0].path, '\x1b'));
	assert_true(strlen(facts.places[0].path) < MTU_TEXT_MAX);
	scratch_close(&s);
}

/* Each member lacking, of another kind, or with a value that cannot be. */
static void nothing_else_is_taken(void **state)
{
	static const char good[] =
		"{\"places\":[{\"path\":\"/a\",\"line\":1,\"interface\":\"\",\"value\":0,\"says\":"
		"\"takes-dhcp\",\"by\":\"dhclient\",\"effective\":true,\"conditional\":false}],"
		"\"cards\":"
		"[{\"name\":\"eth0\",\"end\":\"dhcp\",\"value\":0,\"path\":\"\",\"line\":0}],\"was_"
		"cut\":false}";
	static const char *const lists[] = { "", "places", "cards" };
	static const char *const bad[] = { "null", "-1", "4294967296", "\"\\u001b\"",
					   "1.5",  "[]", "{}",	       "\"a\\u0000b\"" };
	struct mtu_facts facts;
	unsigned refused = 0;

	(void)state;
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		json_t *json = json_loads(good, 0, NULL);
		json_t *object =
			*lists[l] ? json_array_get(json_object_get(json, lists[l]), 0) : json;
		json_t *keys = json_copy(object);
		struct err err = ERR_INIT;
		const char *key;
		json_t *value;

		assert_int_equal(mtu_facts_from_json(json, &facts, &err), 0);
		json_object_foreach (keys, key, value) {
			for (size_t b = 0; b < ARRAY_LEN(bad); b++) {
				/* An empty list is one. */
				if (str_eq(bad[b], "[]") && json_is_array(value))
					continue;
				json_object_set_new(
					object, key,
					json_loads(bad[b], JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL));
				if (mtu_facts_from_json(json, &facts, &err) == 0)
					print_error("%s: %s is taken\n", key, bad[b]);
				else
					refused++;
				assert_int_equal(err.code, ERR_MALFORMED);
				err_clear(&err);
				json_object_set(object, key, value);
			}
		}
		json_decref(keys);
		json_decref(json);
	}
	assert_int_equal(refused, (8 + 5 + 3) * 8 - 2);
}

static void limits(void **state)
{
	json_t *json = json_pack("{s:[], s:[], s:b}", "places", "cards", "was_cut", 0);
	struct mtu_facts facts;
	struct err err = ERR_INIT;

	(void)state;
	for (unsigned i = 0; i <= MTU_CARDS_MAX + 1; i++) {
		assert_int_equal(mtu_facts_from_json(json, &facts, &err), 0);
		json_array_append_new(json_object_get(json, "cards"),
				      json_pack("{s:s, s:s, s:i, s:s, s:i}", "name", "", "end",
						"bytes", "value", 1, "path", "", "line", 0));
	}
	assert_int_equal(mtu_facts_from_json(json, &facts, &err), -1);
	assert_int_equal(mtu_facts_from_json(NULL, &facts, &err), -1);
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_system),
		cmocka_unit_test(a_hostile_system),
		cmocka_unit_test(nothing_else_is_taken),
		cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests_name("mtu facts", tests, NULL, NULL);
}
