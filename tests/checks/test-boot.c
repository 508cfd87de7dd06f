/* SPDX-License-Identifier: GPL-2.0-or-later */
/* checks/boot: menus as grub-mkconfig, kernel-install and people write them; which entry starts. */
#include "checks/boot.h"
#include "tests/checks/scratch.h"
#include "tests/unit/unit.h"

#define DEBIAN_CFG                                                                                \
	"if [ -s $prefix/grubenv ]; then\n  set have_grubenv=true\n  load_env\nfi\n"              \
	"if [ \"${next_entry}\" ] ; then\n   set default=\"${next_entry}\"\n"                     \
	"   set next_entry=\nelse\n   set default=\"%s\"\nfi\n"                                   \
	"function load_video {\n  if [ x$feature_all_video_module = xy ]; then\n"                 \
	"    insmod all_video\n  fi\n}\n"                                                         \
	"menuentry 'Debian GNU/Linux' --class debian --class os $menuentry_id_option "            \
	"'gnulinux-simple-u' {\n\tload_video\n"                                                   \
	"\tif [ x$feature_platform_search_hint = xy ]; then\n"                                    \
	"\t  search --no-floppy --fs-uuid --set=root --hint-bios=hd0,gpt1  UUID-1\n\telse\n"      \
	"\t  search --no-floppy --fs-uuid --set=root UUID-2\n\tfi\n"                              \
	"\tlinux\t/boot/vmlinuz-6.1.0-2-amd64 root=UUID=u ro  console=ttyS0 # not this\n"         \
	"\tinitrd\t/boot/initrd.img-6.1.0-2-amd64\n}\n"                                           \
	"submenu 'Advanced options for Debian' $menuentry_id_option 'gnulinux-advanced-u' {\n"    \
	"\tmenuentry 'Debian, with Linux 6.1.0-2' --class x $menuentry_id_option 'adv-2' {\n"     \
	"\t\tlinux\t/boot/vmlinuz-6.1.0-2-amd64 root=UUID=u ro\n\t}\n"                            \
	"\tmenuentry 'Debian, with Linux 6.1.0-2 (recovery mode)' $menuentry_id_option 'rec' {\n" \
	"\t\tlinux\t/boot/vmlinuz-6.1.0-2-amd64 root=UUID=u ro single\n\t}\n"                     \
	"\tmenuentry 'Debian, with Linux 6.1.0-1' --class x $menuentry_id_option 'adv-1' {\n"     \
	"\t\tlinux\t/boot/vmlinuz-6.1.0-1-amd64 root=UUID=u ro\n"                                 \
	"\t\tinitrd\t/boot/initrd.img-6.1.0-1-amd64\n\t}\n}\n"                                    \
	"menuentry 'UEFI Firmware Settings' $menuentry_id_option 'uefi-firmware' "                \
	"{\n\tfwsetup\n}\n"

static struct machine *machine_of(const struct scratch *s)
{
	const struct machine_given given = { .tree = s->tree };

	return machine_new(&given);
}

static void debian_with(struct scratch *s, const char *def)
{
	cleanup(free) char *cfg = mem_printf(DEBIAN_CFG, def);

	scratch_text(s, "/boot/grub/grub.cfg", cfg);
	scratch_text(s, "/boot/vmlinuz-6.1.0-2-amd64", "k");
	scratch_text(s, "/boot/initrd.img-6.1.0-2-amd64", "i");
	scratch_text(s, "/boot/vmlinuz-6.1.0-1-amd64", "k");
	scratch_text(s, "/usr/lib/modules/6.1.0-2-amd64/modules.dep", "x:");
}

static void grub_menu(void **state)
{
	struct scratch s;

	(void)state;
	scratch_open(&s);
	debian_with(&s, "0");
	{
		cleanup(machine_free) struct machine *m = machine_of(&s);
		const struct boot *boot = boot_model(m);
		const struct boot_entry *first = boot_default(boot);

		assert_int_equal(boot->entries.count, 5);
		assert_ptr_equal(first, &boot->entries.items[0]);
		assert_string_equal(first->id, "gnulinux-simple-u");
		assert_string_equal(first->args, "root=UUID=u ro console=ttyS0");
		assert_string_equal(first->version, "6.1.0-2-amd64");
		assert_string_equal(first->search.what, "UUID-2");
		assert_true(boot_entry_is_complete(m, first));
		assert_string_equal(boot->entries.items[2].number, "1>1");
		assert_true(boot->entries.items[2].is_rescue);
		assert_false(boot->entries.items[3].is_rescue);
		assert_false(boot_entry_is_complete(m, &boot->entries.items[3]));
		assert_string_equal(boot->entries.items[4].number, "2");
		assert_false(boot->default_is_gone);
		assert_int_equal(boot->default_line, 9);
	}
	scratch_close(&s);
}

/* Every way of naming an entry, and names of none. */
static void defaults(void **state)
{
	static const struct {
		const char *text, *want;
		bool is_gone;
	} cases[] = {
		{ "0", "gnulinux-simple-u", false },
		{ "1>2", "adv-1", false },
		{ "gnulinux-advanced-u>adv-1", "adv-1", false },
		{ "Advanced options for Debian>Debian, with Linux 6.1.0-1", "adv-1", false },
		{ "adv-2", "adv-2", false },
		{ "7", "gnulinux-simple-u", true },
		{ "1>9", "gnulinux-simple-u", true },
		{ "gone", "gnulinux-simple-u", true },
		{ "${saved_entry}", "adv-1", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct scratch s;

		scratch_open(&s);
		debian_with(&s, cases[i].text);
		scratch_text(&s, "/boot/grub/grubenv",
			     "# GRUB Environment Block\nsaved_entry=adv-1\n####");
		{
			cleanup(machine_free) struct machine *m = machine_of(&s);
			const struct boot *boot = boot_model(m);

			assert_string_equal(boot_default(boot)->id, cases[i].want);
			assert_int_equal(boot->default_is_gone, cases[i].is_gone);
		}
		scratch_close(&s);
	}
}

static void loader_entries(void **state)
{
	struct scratch s;

	(void)state;
	scratch_open(&s);
	scratch_text(&s, "/boot/grub2/grub.cfg",
		     "set default=\"${saved_entry}\"\nsearch --no-floppy --fs-uuid --set=root U\n"
		     "insmod blscfg\nblscfg\n");
	scratch_text(&s, "/boot/grub2/grubenv",
		     "# GRUB Environment Block\nkernelopts=root=UUID=r ro quiet \nsaved_entry=\n");
	scratch_text(&s, "/boot/loader/entries/m-4.18.0-9.el8.conf",
		     "title RHEL 9\nlinux /vmlinuz-4.18.0-9.el8\ninitrd /initramfs-9.img "
		     "$tuned_initrd\noptions $kernelopts $tuned_params\n");
	scratch_text(&s, "/boot/loader/entries/m-4.18.0-80.el8.conf",
		     "title RHEL 80\nlinux /vmlinuz-4.18.0-80.el8\noptions $kernelopts\n");
	scratch_text(&s, "/boot/loader/entries/m-0-rescue.conf",
		     "title Rescue\nlinux /vmlinuz-0-rescue-m\noptions root=UUID=r\n");
	scratch_text(&s, "/boot/vmlinuz-4.18.0-9.el8", "k");
	{
		cleanup(machine_free) struct machine *m = machine_of(&s);
		const struct boot *boot = boot_model(m);

		assert_true(boot->uses_bls);
		assert_string_equal(boot->search.what, "U");
		assert_int_equal(boot->entries.count, 3);
		assert_string_equal(boot->entries.items[0].id, "m-4.18.0-80.el8");
		assert_string_equal(boot->entries.items[0].args, "root=UUID=r ro quiet ");
		assert_string_equal(boot->entries.items[1].kernel.path,
				    "/boot/vmlinuz-4.18.0-9.el8");
		assert_true(boot->entries.items[1].kernel.exists);
		assert_int_equal(boot->entries.items[1].initrds.count, 1);
		assert_true(boot->entries.items[2].is_rescue);
		assert_ptr_equal(boot_default(boot), &boot->entries.items[0]);
	}
	scratch_close(&s);
}

static void legacy_menu(void **state)
{
	struct scratch s;

	(void)state;
	scratch_open(&s);
	scratch_text(
		&s, "/boot/grub/menu.lst",
		"# generated\ndefault=1\ntimeout=0\ntitle Amazon Linux (4.14.2)\nroot (hd0,0)\n"
		"kernel /boot/vmlinuz-4.14.2 root=LABEL=/ console=ttyS0\n"
		"initrd /boot/initramfs-4.14.2.img\ntitle Old\nroot (hd0)\n"
		"kernel /boot/vmlinuz-4.14.1 root=LABEL=/\n");
	{
		cleanup(machine_free) struct machine *m = machine_of(&s);
		const struct boot *boot = boot_model(m);

		assert_int_equal(boot->loader, BOOT_LEGACY);
		assert_int_equal(boot->entries.count, 2);
		assert_string_equal(boot->entries.items[0].title, "Amazon Linux (4.14.2)");
		assert_string_equal(boot_default(boot)->title, "Old");
		assert_string_equal(boot_default(boot)->args, "root=LABEL=/");
		assert_false(boot_default(boot)->kernel.exists);
	}
	scratch_close(&s);
}

static void nothing_there(void **state)
{
	struct scratch s;

	(void)state;
	scratch_open(&s);
	scratch_text(&s, "/boot/grub/grub.cfg", "");
	{
		cleanup(machine_free) struct machine *m = machine_of(&s);

		assert_int_equal(boot_model(m)->loader, BOOT_NONE);
		assert_null(boot_default(boot_model(m)));
	}
	scratch_close(&s);
}

/* In rising order; every pair is compared both ways. */
static void versions(void **state)
{
	static const char *const rising[] = { "1.0~rc1", "1.0",	 "1.0a",   "1.0.1",  "1.1",
					      "2.9",	 "2.10", "2.10.a", "2.10.1", "10" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rising); i++)
		for (size_t k = 0; k < ARRAY_LEN(rising); k++) {
			int got = version_compare(rising[i], rising[k]);

			if ((got > 0) - (got < 0) != (i > k) - (i < k))
				fail_msg("%s and %s: %d", rising[i], rising[k], got);
		}
	assert_int_equal(version_compare("1..0", "1.0"), 0);
	assert_int_equal(version_compare("1.01", "1.1"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grub_menu),	  cmocka_unit_test(defaults),
		cmocka_unit_test(loader_entries), cmocka_unit_test(legacy_menu),
		cmocka_unit_test(nothing_there),  cmocka_unit_test(versions),
	};

	return cmocka_run_group_tests_name("boot", tests, NULL, NULL);
}
