/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines of an authorized_keys file: keys, their options, and the damage that can be mended. */
#include "checks/sshd_people.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/tree_mem.h"

#define PATH "/root/.ssh/authorized_keys"

static void read_keys(const void *data, size_t len, struct key_lines *keys,
		      struct key_damages *damages)
{
	cleanup(tree_close) struct tree *tree = tree_open_mem();
	const struct machine_given given = { .tree = tree };
	cleanup(machine_free) struct machine *machine = NULL;

	tree_mem_add(tree, PATH, S_IFREG | 0600, data, len);
	machine = machine_new(&given);
	key_lines_read(machine, PATH, keys, damages);
}

/* A line that is said to be mended is a key. */
static void expect_key(const struct key_damage *damage)
{
	struct key_lines keys = { 0 };
	struct key_damages damages = { 0 };

	if (!str_ends(damage->repaired, "\n"))
		fuzz_broken("a mended line without its end");
	read_keys(damage->repaired, strlen(damage->repaired), &keys, &damages);
	if (keys.count != 1 || damages.count)
		fuzz_broken("a mended line is %zu keys: %s", keys.count, damage->repaired);
	key_lines_done(&keys);
	key_damages_done(&damages);
}

static void take_options(const struct key_line *key)
{
	static const char *const names[] = { "command", "from", "expiry-time", "no-pty",
					     "cert-authority" };

	for (size_t i = 0; key->options && i < ARRAY_LEN(names); i++) {
		cleanup(free) char *value = key_option(key->options, names[i]);
		cleanup(free) char *rest = key_options_without(key->options, names[i]);
		cleanup(free) char *again = key_option(rest, names[i]);

		if (again)
			fuzz_broken("%s is still in %s", names[i], rest);
		if (!value && (!rest || !str_eq(rest, key->options)) &&
		    !str_ends(key->options, ","))
			fuzz_broken("without %s, \"%s\" is \"%s\"", names[i], key->options,
				    rest ? rest : "");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct key_lines keys = { 0 };
	struct key_damages damages = { 0 };

	read_keys(data, size, &keys, &damages);
	vec_foreach (key, &keys) {
		take_options(key);
		(void)key_rsa_bits(key);
	}
	vec_foreach (damage, &damages)
		if (damage->repaired)
			expect_key(damage);
	key_lines_done(&keys);
	key_damages_done(&damages);
	return 0;
}
