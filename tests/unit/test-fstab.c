/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fs/fstab.c and fs/spec.c: lines with only the meant bytes changed, names of devices. */
#include "unit.h"

#include "fs/fstab.h"
#include "fs/spec.h"

static struct str text_of(const char *s)
{
	struct str text = STR_INIT;

	str_add(&text, s);
	return text;
}

static void fields_escapes_and_comments(void **state)
{
	cleanup(str_done) struct str text =
		text_of("# c\n\n  UUID=1  /a\\040b ext4 ro,x=\"1,2\" 0 2 # why\n"
			"/dev/sda1 /b\n");
	cleanup(fstab_done) struct fstab fstab;

	(void)state;
	fstab_parse(&text, &fstab);
	assert_int_equal(fstab.count, 2);
	assert_int_equal(fstab.line_count, 4);
	assert_int_equal(fstab.items[0].line, 3);
	assert_string_equal(fstab.items[0].field[FSTAB_FILE], "/a b");
	assert_int_equal(fstab.items[0].passno, 2);
	assert_null(fstab.items[0].rejected);
	assert_non_null(fstab.items[1].rejected);
	assert_string_equal(fstab.items[1].field[FSTAB_OPTS], "");
}

static void crlf_nul_and_no_newline(void **state)
{
	cleanup(str_done) struct str text =
		text_of("/dev/sda1 / ext4 defaults\r\n\r\n/dev/sdb /x xfs");
	cleanup(str_done) struct str zeros = STR_INIT;
	cleanup(fstab_done) struct fstab fstab, nothing;

	(void)state;
	fstab_parse(&text, &fstab);
	assert_int_equal(fstab.count, 2);
	assert_int_equal(fstab.crlf_count, 2);
	assert_false(fstab.ends_in_newline);
	assert_string_equal(fstab.items[0].field[FSTAB_OPTS], "defaults");
	str_add_bytes(&zeros, "\0\0\0\0", 4);
	fstab_parse(&zeros, &nothing);
	assert_int_equal(nothing.count, 0);
	assert_true(nothing.has_nul);
}

static bool drop_named(const struct fstab_option *option, void *arg)
{
	return fstab_option_is(option, arg);
}

/* What the line helpers make of the only line. */
static void assert_lines(const char *line, const char *without_b, const char *with_z)
{
	cleanup(str_done) struct str text = text_of(line), dropped = STR_INIT, added = STR_INIT;
	cleanup(fstab_done) struct fstab fstab;

	fstab_parse(&text, &fstab);
	assert_int_equal(fstab.count, 1);
	fstab_line_drop_options(&fstab.items[0], drop_named, (void *)(uintptr_t) "b", &dropped);
	assert_string_equal(dropped.s, without_b);
	fstab_line_add_options(&fstab.items[0], "z", &added);
	assert_string_equal(added.s, with_z);
}

static void options_leave_other_bytes(void **state)
{
	(void)state;
	assert_lines("d\t /m  ext4   a,b,c\t0  2 # x\n", "d\t /m  ext4   a,c\t0  2 # x\n",
		     "d\t /m  ext4   a,b,c,z\t0  2 # x\n");
	assert_lines("d /m t b,a 0 0\r\n", "d /m t a 0 0\r\n", "d /m t b,a,z 0 0\r\n");
	assert_lines("d /m t b", "d /m t defaults", "d /m t b,z");
	assert_lines("d /m t a,,b=1,,c\n", "d /m t a,,c\n", "d /m t a,,b=1,,c,z\n");
	assert_lines("d /m t a,b,\n", "d /m t a\n", "d /m t a,b,z\n");
	assert_lines("d /m t\n", "d /m t defaults\n", "d /m t z\n");
	assert_lines("d /m\n", "d /m auto defaults\n", "d /m auto z\n");
}

static void setting_and_commenting_out(void **state)
{
	cleanup(str_done) struct str text = text_of("  d /m ext4 a 0 2\r\n"), out = STR_INIT;
	cleanup(fstab_done) struct fstab fstab;

	(void)state;
	fstab_parse(&text, &fstab);
	fstab_line_set(&fstab.items[0], FSTAB_FILE, "/with blank\\", &out);
	assert_string_equal(out.s, "  d /with\\040blank\\134 ext4 a 0 2\r\n");
	str_clear(&out);
	fstab_line_comment_out(&fstab.items[0], "why", &out);
	assert_string_equal(out.s, "# ec2-rescue: why\r\n#   d /m ext4 a 0 2\r\n");
}

static void yes_and_no_options(void **state)
{
	struct fstab_option option;

	(void)state;
	assert_true(fstab_option_yes_no("auto,noauto", "noauto", "auto"));
	assert_false(fstab_option_yes_no("noauto,auto", "noauto", "auto"));
	assert_true(fstab_option_find("a,b=1,b=2", "b", &option));
	assert_memory_equal(option.value, "2", option.value_len);
	assert_false(fstab_option_find("bb,xb", "b", NULL));
}

static void assert_spec(const char *text, enum spec_kind kind, const char *value,
			uint32_t partition)
{
	cleanup(spec_done) struct spec spec;

	spec_parse(text, &spec);
	assert_int_equal(spec.kind, kind);
	assert_string_equal(spec.value, value);
	assert_int_equal(spec.partition, partition);
}

static void specs_of_every_kind(void **state)
{
	(void)state;
	assert_spec("UUID=ab-1", SPEC_UUID, "ab-1", 0);
	assert_spec("UUID=\"ab-1\"", SPEC_UUID, "ab-1", 0);
	assert_spec("UUID=\"ab-1", SPEC_UUID, "\"ab-1", 0);
	assert_spec("LABEL=my data", SPEC_LABEL, "my data", 0);
	assert_spec("/dev/disk/by-label/my\\x20data", SPEC_LABEL, "my data", 0);
	assert_spec("/dev/disk/by-partuuid/ff-02", SPEC_PARTUUID, "ff-02", 0);
	assert_spec("/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0123456789abcdef0-part2",
		    SPEC_EBS, "vol-0123456789abcdef0", 2);
	assert_spec("/dev/disk/by-id/wwn-0x5000", SPEC_DEVICE, "disk/by-id/wwn-0x5000", 0);
	assert_spec("/dev/xvdf", SPEC_KERNEL, "xvdf", 0);
	assert_spec("/dev/sda15", SPEC_KERNEL, "sda15", 15);
	assert_spec("/dev/nvme10n1p3", SPEC_KERNEL, "nvme10n1p3", 3);
	assert_spec("/dev/nvme1n1", SPEC_KERNEL, "nvme1n1", 0);
	assert_spec("/dev/vdata", SPEC_DEVICE, "vdata", 0);
	assert_spec("/dev/vg0/data", SPEC_DEVICE, "vg0/data", 0);
	assert_spec("/swapfile", SPEC_PATH, "/swapfile", 0);
	assert_spec("//srv/share", SPEC_OTHER, "//srv/share", 0);
	assert_spec("proc", SPEC_OTHER, "proc", 0);
	assert_spec("UUIDX=1", SPEC_OTHER, "UUIDX=1", 0);
	assert_spec("", SPEC_OTHER, "", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_escapes_and_comments),
		cmocka_unit_test(crlf_nul_and_no_newline),
		cmocka_unit_test(options_leave_other_bytes),
		cmocka_unit_test(setting_and_commenting_out),
		cmocka_unit_test(yes_and_no_options),
		cmocka_unit_test(specs_of_every_kind),
	};

	return cmocka_run_group_tests_name("fstab", tests, NULL, NULL);
}
