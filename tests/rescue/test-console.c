/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The console: cut at the last boot, unwrap, match. */
#include "rescue/console.h"
#include "rescue/device.h"
#include "tests/unit/unit.h"

#include <fcntl.h>

static void cuts_at_the_last_boot(void **state)
{
	static const struct {
		const char *raw, *want;
	} cases[] = {
		{ "", "" },
		{ "no boot at all\n", "no boot at all\n" },
		{ "old\nLinux version 1\na\n[ 0.0] Linux version 2\nb\n",
		  "[ 0.0] Linux version 2\nb\n" },
		{ "Linux version 1\na\r\n\033[0;32mGreen\033[0m\r\n",
		  "Linux version 1\na\nGreen\n" },
		/* A boot that never reached a kernel. */
		{ "SeaBIOS (version 1)\nLinux version 1\na\nSeaBIOS (version 1)\ngrub rescue>",
		  "SeaBIOS (version 1)\ngrub rescue>" },
		/* What GRUB says before the kernel belongs to the boot. */
		{ "Linux version 1\na\nSeaBIOS (version 1)\nerror: no such device: x.\nLinux "
		  "version 2\n",
		  "SeaBIOS (version 1)\nerror: no such device: x.\nLinux version 2\n" },
		/* A sequence that is cut off at the end, a lone escape. */
		{ "Linux version 1\nx\033", "Linux version 1\nx" },
		{ "Linux version 1\nx\033[", "Linux version 1\nx" },
		{ "Linux version 1\nx\033]0;title", "Linux version 1\nx" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup(str_done) struct str out = STR_INIT;

		console_last_boot(cases[i].raw, &out);
		assert_string_equal(out.s, cases[i].want);
	}
	console_last_boot(NULL, &(struct str)STR_INIT);
}

static void joins_what_grub_wrapped(void **state)
{
	cleanup(str_done) struct str raw = STR_INIT, out = STR_INIT;

	(void)state;
	str_add(&raw, "error: no such device: ");
	while (raw.len < 80)
		str_add_char(&raw, 'a');
	str_add(&raw, "\r\nbbb.\r\n");
	console_last_boot(raw.s, &out);
	assert_int_equal(out.len, 80 + strlen("bbb.\n"));
	assert_non_null(strstr(out.s, "abbb."));
}

static bool matches(const char *rule, const char *text)
{
	struct console_rule r = { rule, "" };
	size_t len;

	return console_match(&r, text, &len);
}

static void matches_fragments_in_order(void **state)
{
	(void)state;
	assert_true(matches("Failed to mount", "a\n[FAILED] Failed to mount /data.\n"));
	assert_true(matches("XFS…Corruption", "XFS (xvda1): Corruption detected"));
	assert_false(matches("XFS…Corruption", "XFS (xvda1)\nCorruption detected"));
	assert_false(matches("XFS…Corruption", "Corruption of XFS"));
	assert_false(matches("x", ""));
}

static void every_rule_is_complete(void **state)
{
	(void)state;
	assert_true(console_rule_count > 40);
	for (size_t i = 0; i < console_rule_count; i++) {
		assert_true(strlen(console_rules[i].text) > 4);
		assert_true(strlen(console_rules[i].cause) > 10);
	}
}

static void touch(const char *dir, const char *name)
{
	cleanup(free) char *path = mem_printf("%s/%s", dir, name);

	close(open(path, O_CREAT | O_WRONLY, 0600));
}

static void finds_the_device_by_the_volume_id(void **state)
{
	char dir[] = "/tmp/test-device-XXXXXX";
	cleanup(free) char *command = NULL, *found = NULL, *missing = NULL, *want = NULL;
	struct volume_id short_id, long_id;
	struct err err = ERR_INIT;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(volume_id_parse("vol-01234567", &short_id, &err), 0);
	assert_int_equal(volume_id_parse("vol-0123456789abcdef0", &long_id, &err), 0);
	touch(dir, "nvme-Amazon_Elastic_Block_Store_vol0123456789abcdef0-part1");
	assert_null(device_find(dir, &long_id));
	touch(dir, "nvme-Amazon_Elastic_Block_Store_vol0123456789abcdef0_1");
	touch(dir, "nvme-Amazon_Elastic_Block_Store_vol0123456789abcdef0");
	want = mem_printf("%s/nvme-Amazon_Elastic_Block_Store_vol0123456789abcdef0", dir);
	found = device_find(dir, &long_id);
	assert_string_equal(found, want);
	/* The short id is the beginning of the long one, and another volume. */
	missing = device_find(dir, &short_id);
	assert_null(missing);
	assert_null(device_find("/does/not/exist", &long_id));
	command = mem_printf("rm -r %s", dir);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cuts_at_the_last_boot),
		cmocka_unit_test(joins_what_grub_wrapped),
		cmocka_unit_test(matches_fragments_in_order),
		cmocka_unit_test(every_rule_is_complete),
		cmocka_unit_test(finds_the_device_by_the_volume_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
