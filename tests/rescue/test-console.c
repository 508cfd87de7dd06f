/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The console: cut at the last boot, unwrap, match. */
#include "checks/check.h"
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
		/* systemd shortens a line, and a sequence in it with it. */
		{ "Linux version 1\ndevice \033[0;1;\xe2\x80\xa6-41\033[0m.",
		  "Linux version 1\ndevice \xe2\x80\xa6-41." },
		/* Firmware and GRUB's menu write no line ends. */
		{ "\033[2J\033[01;01HBdsDxe: loading Boot0001\033[02;01HBdsDxe: starting\r\n",
		  "BdsDxe: loading Boot0001\nBdsDxe: starting\n" },
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
	struct console_rule r = { rule, "", CONSOLE_FAILS, NULL };
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
	/* The first words once in vain, then as they are meant. */
	assert_true(matches("nvme…timeout", "nvme nvme0: 2/0/0\nnvme nvme0: I/O 3 timeout"));
	assert_true(matches("nvme…timeout", "nvme nvme nvme timeout"));
}

static void every_rule_is_complete(void **state)
{
	(void)state;
	assert_true(console_rule_count > 100);
	for (size_t i = 0; i < console_rule_count; i++) {
		const struct console_rule *rule = &console_rules[i];
		cleanup(free) char *names = mem_strdup(rule->checks ? rule->checks : "");
		char *save = NULL;

		assert_true(strlen(rule->text) > 4 && !str_starts(rule->text, "…"));
		assert_true(strlen(rule->cause) > 10);
		for (char *name = strtok_r(names, " ", &save); name;
		     name = strtok_r(NULL, " ", &save)) {
			if (!check_find(name))
				fail_msg("%s: there is no check %s", rule->text, name);
			assert_true(console_rule_names(rule, name));
		}
		assert_false(console_rule_names(rule, "fstab"));
		for (size_t k = 0; k < i; k++)
			if (str_eq(console_rules[k].text, rule->text))
				fail_msg("%s is there twice", rule->text);
	}
}

/* What a rule is for, in the words of the programs; and what must not be taken for it. */
static const struct {
	const char *line, *cause;
} spoken[] = {
	{ "[FAILED] Failed to start ssh.service - OpenBSD Secure Shell server.",
	  "sshd does not start: sshd_config or host keys" },
	{ "[FAILED] Failed to start OpenSSH server daemon.",
	  "sshd does not start: sshd_config or host keys" },
	{ "[DEPEND] Dependency failed for data.mount - /data.", "a mount of fstab failed" },
	{ "[DEPEND] Dependency failed for /data.", "a mount of fstab failed" },
	{ "[FAILED] Failed to start NetworkManager.service - Network Manager.",
	  "NetworkManager does not start" },
	{ "mount: /data: can't find UUID=6d1f3c1e.", "fstab names a device that does not exist" },
	{ "error: file `/boot/vmlinuz-6.1.0-18-amd64' not found.",
	  "the GRUB configuration names a file that is gone" },
	{ "[    1.5] VFS: Cannot open root device \"xvda1\" or unknown-block(0,0): error -6",
	  "the root device is wrong, or the initramfs or its driver is missing" },
	{ "[    1.5] ext4: Unknown parameter 'nofale'",
	  "fstab names an option that the file system does not have" },
	{ "/usr/sbin/sshd: /lib64/libc.so.6: version `GLIBC_2.38' not found (required by sshd)",
	  "the C library is older than the programs" },
	{ "[   31.0] nvme nvme0: I/O 12 QID 1 timeout, aborting",
	  "a volume did not answer in time" },
	{ "[    2.5] blk_update_request: I/O error, dev nvme1n1, sector 0 op 0x0:(READ)",
	  "a volume fails" },
	/* A machine without a floppy drive, on every boot of it. */
	{ "[    4.1] blk_update_request: I/O error, dev fd0, sector 0", NULL },
	{ "[  OK  ] Started OpenSSH server daemon.", NULL },
	{ "[  OK  ] Reached target Local File Systems.", NULL },
	{ "         Starting File System Check on /dev/disk/by-uuid/6d1f...", NULL },
	{ "GRUB loading.", NULL },
};

static void knows_the_words_of_programs(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(spoken); i++) {
		const char *cause = NULL;
		size_t len;

		for (size_t k = 0; k < console_rule_count && !cause; k++)
			if (console_match(&console_rules[k], spoken[i].line, &len))
				cause = console_rules[k].cause;
		if (!spoken[i].cause ? cause != NULL : !cause || !str_eq(cause, spoken[i].cause))
			fail_msg("%s: %s", spoken[i].line, cause ? cause : "nothing");
	}
}

static void take(void *arg, json_t *event)
{
	struct str *all = arg;

	str_addf(all, "%s\n", json_string_value(json_object_get(event, "text")));
	json_decref(event);
}

static void tells_what_no_check_explains(void **state)
{
	static const char raw[] =
		"Linux version 1\n[ TIME ] Timed out waiting for device /dev/sdf.\n"
		"[FAILED] Failed to start ssh.service - OpenBSD Secure Shell server.\n";
	struct examination e = EXAMINATION_INIT;
	cleanup(str_done) struct str all = STR_INIT;

	(void)state;
	finding_add(&e.findings, SEVERITY_BLOCKS_BOOT, REPAIR_NONE, "1", "/etc/fstab", 1, "x")
		->check = check_find("fstab-missing-device");
	console_tell_unexplained(raw, &e, take, &all);
	assert_non_null(strstr(all.s, "OpenBSD Secure Shell server"));
	assert_non_null(strstr(all.s, "sshd-host-keys"));
	assert_null(strstr(all.s, "/dev/sdf"));
	examination_done(&e);
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
		cmocka_unit_test(knows_the_words_of_programs),
		cmocka_unit_test(tells_what_no_check_explains),
		cmocka_unit_test(finds_the_device_by_the_volume_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
