/* SPDX-License-Identifier: GPL-2.0-or-later */
/* checks/journals: which files are read, in which order, and that it ends where it is enough, or after a few. */
#include "checks/journals.h"
#include "tests/checks/scratch.h"
#include "tests/unit/unit.h"

#define OLD_ID "0123456789abcdef0123456789abcdef"
#define ID     "9876543210abcdef0123456789abcdef"
#define DIR    "/var/log/journal/"

struct seen {
	char order[64];
	char last; /* is enough */
};

static bool see(void *arg, const struct str *bytes)
{
	struct seen *seen = arg;

	strncat(seen->order, bytes->s, 1);
	return *bytes->s == seen->last;
}

static void is_order(const struct scratch *s, char last, const char *order)
{
	const struct machine_given given = { .tree = s->tree };
	cleanup(machine_free) struct machine *m = machine_new(&given);
	struct seen seen = { .last = last };

	journals_each(m, see, &seen);
	assert_string_equal(seen.order, order);
}

static void newest_first(void **state)
{
	struct scratch s;

	(void)state;
	scratch_open(&s);
	is_order(&s, 0, "");
	scratch_text(&s, "/etc/machine-id", ID "\n");
	scratch_text(&s, DIR OLD_ID "/system.journal", "b");
	scratch_text(&s, DIR ID "/system.journal", "a");
	scratch_text(&s, DIR OLD_ID "/system@ffff-0000000000000009-0005f00000000001.journal", "e");
	scratch_text(&s, DIR ID "/system@aaaa-0000000000000001-0005f00000000002.journal", "d");
	scratch_text(&s, DIR ID "/system@bbbb-0000000000000001-0005f00000000003.journal", "c");
	scratch_text(&s, DIR ID "/system@0005f00000000003-0123456789abcdef.journal~", "x");
	scratch_text(&s, DIR ID "/user-1000.journal", "x");
	scratch_text(&s, DIR "/a-file", "x");
	is_order(&s, 0, "abcde");
	is_order(&s, 'c', "abc");
	scratch_close(&s);
}

static void a_few_at_most(void **state)
{
	struct scratch s;

	(void)state;
	scratch_open(&s);
	for (int i = 0; i < 26; i++) {
		const char text[] = { (char)('a' + i), '\0' };
		cleanup(free) char *path = mem_printf(
			DIR ID "/system@aaaa-00000000000000%02x-0005f000000000%02x.journal", i, i);

		scratch_text(&s, path, text);
	}
	is_order(&s, 0, "zyxwvuts");
	scratch_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(newest_first),
		cmocka_unit_test(a_few_at_most),
	};

	return cmocka_run_group_tests_name("journals", tests, NULL, NULL);
}
