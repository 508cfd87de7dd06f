/* SPDX-License-Identifier: GPL-2.0-or-later */
/* checks/units: which file counts, in which order drop-ins are read, what a boot starts and in which
 * order. The small system is that of systemd.unit(5), with every way of enabling, masking and
 * overriding in it once. */
#include "checks/units.h"
#include "tests/checks/scratch.h"
#include "tests/unit/unit.h"

#define ETC "/etc/systemd/system/"
#define USR "/usr/lib/systemd/system/"

static void link_to(struct scratch *s, const char *path, const char *target)
{
	cleanup(free) char *full = mem_printf("%s%s", s->dir, path);

	scratch_text(s, path, "");
	assert_int_equal(unlink(full), 0);
	assert_int_equal(symlink(target, full), 0);
}

static void make_system(struct scratch *s)
{
	scratch_text(s, USR "multi-user.target",
		     "[Unit]\nRequires=basic.target\nAfter=basic.target\n");
	scratch_text(s, USR "basic.target",
		     "[Unit]\nRequires=sysinit.target\nAfter=sysinit.target\n");
	scratch_text(s, USR "sysinit.target", "[Unit]\nDescription=x\n");
	scratch_text(
		s, USR "early.service",
		"[Unit]\nDefaultDependencies=no\nBefore=sysinit.target\n[Service]\nType=oneshot\n");
	link_to(s, USR "sysinit.target.wants/early.service", "../early.service");
	link_to(s, ETC "default.target", USR "multi-user.target");
	scratch_text(s, USR "ssh.service",
		     "[Unit]\nAfter=network.target\n[Service]\nType=notify\nExecStart=/usr/sbin/"
		     "sshd -D\n"
		     "[Install]\nAlias=sshd.service\n");
	link_to(s, ETC "sshd.service", USR "ssh.service");
	link_to(s, ETC "multi-user.target.wants/ssh.service", USR "ssh.service");
	scratch_text(s, USR "ssh.service.d/50-vendor.conf",
		     "[Service]\nExecStart=\nTimeoutStartSec=9\n");
	scratch_text(s, ETC "ssh.service.d/50-vendor.conf", "[Service]\nTimeoutStartSec=7\n");
	scratch_text(s, ETC "ssh.service.d/10-a.conf", "[Unit]\nAfter=\nAfter=slow.service\n");
	scratch_text(s, ETC "service.d/99-all.conf", "[Service]\nRestart=always\n");
	scratch_text(s, USR "slow.service", "[Service]\nType=oneshot\nExecStart=/bin/sleep inf\n");
	link_to(s, ETC "multi-user.target.wants/slow.service", USR "slow.service");
	link_to(s, ETC "masked.service", "/dev/null");
	scratch_text(s, USR "masked.service", "[Service]\n");
	link_to(s, ETC "multi-user.target.wants/masked.service", USR "masked.service");
	scratch_text(s, USR "getty@.service", "[Service]\nExecStart=/sbin/agetty\n");
	link_to(s, ETC "multi-user.target.wants/getty@tty1.service", USR "getty@.service");
	scratch_text(s, ETC "getty@.service.d/x.conf", "[Service]\nRestart=no\n");
	scratch_text(s, USR "idle.service", "[Service]\n");
}

static void files_that_count(const struct machine *m)
{
	const struct unit *ssh = unit_load(m, "ssh.service");
	const struct unit_file *file;

	assert_non_null(ssh);
	assert_string_equal(unit_load(m, "sshd.service")->name, "ssh.service");
	/* /etc's drop-in hides the one of the same name in /usr; 10 comes before 50. */
	assert_int_equal(ssh->files.count, 4);
	assert_string_equal(unit_get(ssh, "Service", "TimeoutStartSec"), "7");
	assert_string_equal(unit_get(ssh, "Service", "ExecStart"), "/usr/sbin/sshd -D");
	assert_string_equal(unit_get(ssh, "Service", "Restart"), "always");
	assert_string_equal(unit_find(ssh, "Service", "Restart", &file)->value, "always");
	assert_string_equal(file->path, ETC "service.d/99-all.conf");
	/* An empty assignment takes back what was listed. */
	assert_false(unit_has_word(ssh, "Unit", "After", "network.target"));
	assert_true(unit_has_word(ssh, "Unit", "After", "slow.service"));
	assert_true(unit_load(m, "masked.service")->is_masked);
	assert_null(unit_load(m, "nothing.service"));
	assert_string_equal(unit_get(unit_load(m, "getty@tty1.service"), "Service", "Restart"),
			    "no"); /* x comes after the type's 99-all */
}

static void what_boots(const struct machine *m)
{
	const struct boot_units *units = units_at_boot(m);
	const struct boot_unit *early = boot_unit_find(units, "early.service");

	assert_string_equal(units_default_target(m), "multi-user.target");
	assert_non_null(boot_unit_find(units, "ssh.service"));
	assert_non_null(boot_unit_find(units, "getty@tty1.service"));
	assert_null(boot_unit_find(units, "masked.service"));
	assert_null(boot_unit_find(units, "idle.service"));
	assert_non_null(early);
	assert_false(early->is_required);
	assert_string_equal(units->items[early->by].name, "sysinit.target");
	assert_true(boot_unit_find(units, "sysinit.target")->is_required);
	assert_int_equal(machine_unit(m, "ssh.service"), UNIT_ENABLED);
	assert_int_equal(machine_unit(m, "idle.service"), UNIT_DISABLED);
	assert_int_equal(machine_unit(m, "masked.service"), UNIT_MASKED);
}

static void order(const struct machine *m)
{
	assert_true(unit_is_ordered(m, "slow.service", "ssh.service"));
	assert_true(unit_is_ordered(m, "slow.service", "sshd.service"));
	assert_false(unit_is_ordered(m, "ssh.service", "slow.service"));
	assert_true(unit_is_ordered(m, "early.service", "ssh.service")); /* through sysinit */
	assert_true(unit_is_ordered(m, "ssh.service", "multi-user.target"));
	assert_false(unit_is_ordered(m, "idle.service", "ssh.service"));
}

static void a_small_system(void **state)
{
	struct scratch s;

	(void)state;
	scratch_open(&s);
	make_system(&s);
	{
		const struct machine_given given = { .tree = s.tree };
		cleanup(machine_free) struct machine *m = machine_new(&given);

		files_that_count(m);
		what_boots(m);
		order(m);
	}
	scratch_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_small_system) };

	return cmocka_run_group_tests_name("units", tests, NULL, NULL);
}
