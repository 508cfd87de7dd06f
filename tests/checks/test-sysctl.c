/* SPDX-License-Identifier: GPL-2.0-or-later */
/* checks/sysctl: which file counts, which assignment is the last one; and over the corpus that what
 * we read is what sysctl(8) reads. CORPUS names the folder. */
#include "checks/sysctl.h"
#include "base/proc.h"
#include "tests/checks/scratch.h"
#include "tests/unit/unit.h"

static void link_to(struct scratch *s, const char *path, const char *target)
{
	cleanup(free) char *full = mem_printf("%s%s", s->dir, path);

	scratch_text(s, path, "");
	assert_int_equal(unlink(full), 0);
	assert_int_equal(symlink(target, full), 0);
}

static void is(const struct machine *m, const char *key, const char *value, const char *path,
	       uint32_t line)
{
	const struct sysctl_item *item = sysctl_find(m, key);

	if (!value) {
		assert_null(item);
		return;
	}
	assert_non_null(item);
	assert_string_equal(item->value, value);
	assert_string_equal(item->path, path);
	assert_int_equal(item->line, line);
}

static void make_system(struct scratch *s)
{
	scratch_text(s, "/usr/lib/systemd/systemd-sysctl", "x");
	scratch_text(s, "/usr/lib/sysctl.d/50-default.conf",
		     "# a comment\n; another\nnet.ipv4.ip_forward = 0\r\n"
		     "net.ipv4.conf.*.rp_filter=2\n-net.ipv4.conf.all.rp_filter\n"
		     "vm.swappiness=60\nkernel/sysrq = 16\nkernel.domainname=a=b c\n");
	scratch_text(s, "/usr/lib/sysctl.d/60-hidden.conf", "vm.swappiness=1\n");
	scratch_text(s, "/etc/sysctl.d/60-hidden.conf", "net.ipv4.ip_forward=1\nno assignment\n");
	scratch_text(s, "/usr/lib/sysctl.d/70-masked.conf", "vm.swappiness=2\n");
	link_to(s, "/etc/sysctl.d/70-masked.conf", "/dev/null");
	scratch_text(s, "/etc/sysctl.d/80-names.conf",
		     "-net/ipv4/conf/eth0.7/rp_filter = 0\nnet.ipv4.conf.eth1/8.rp_filter = 1\n"
		     "net.ipv4.conf.eth9.rp_filter=\n");
	scratch_text(s, "/etc/sysctl.d/README", "vm.swappiness=3\n");
	scratch_text(s, "/etc/sysctl.conf", "vm.swappiness=0x10 # ten\nkernel.panic=010\n");
}

static void with_systemd(void **state)
{
	static const char *const forward[] = { "net.ipv4.conf.all.forwarding",
					       "net.ipv4.ip_forward", NULL };
	struct scratch s;
	int64_t number;

	(void)state;
	for (int has_link = 0; has_link < 2; has_link++) {
		scratch_open(&s);
		make_system(&s);
		if (has_link)
			link_to(&s, "/etc/sysctl.d/99-sysctl.conf", "../sysctl.conf");
		{
			const struct machine_given given = { .tree = s.tree };
			cleanup(machine_free) struct machine *m = machine_new(&given);

			is(m, "net.ipv4.ip_forward", "1", "/etc/sysctl.d/60-hidden.conf", 1);
			assert_ptr_equal(sysctl_last(m, forward), sysctl_find(m, forward[1]));
			is(m, "kernel.sysrq", "16", "/usr/lib/sysctl.d/50-default.conf", 7);
			is(m, "kernel.domainname", "a=b c", "/usr/lib/sysctl.d/50-default.conf", 8);
			is(m, "net/ipv4/conf/eth0/rp_filter", "2",
			   "/usr/lib/sysctl.d/50-default.conf", 4);
			is(m, "net/ipv4/conf/all/rp_filter", NULL, NULL, 0);
			is(m, "net.ipv4.conf.eth0/7.rp_filter", "0", "/etc/sysctl.d/80-names.conf",
			   1);
			is(m, "net/ipv4/conf/eth1.8/rp_filter", "1", "/etc/sysctl.d/80-names.conf",
			   2);
			is(m, "vm.swappiness", has_link ? "0x10 # ten" : "60",
			   has_link ? "/etc/sysctl.conf" : "/usr/lib/sysctl.d/50-default.conf",
			   has_link ? 1 : 6);
			assert_true(sysctl_number(sysctl_find(m, "vm.swappiness"), &number));
			assert_int_equal(number, has_link ? 16 : 60);
			assert_int_equal(sysctl_number(sysctl_find(m, "kernel.panic"), &number),
					 has_link);
			assert_false(sysctl_number(sysctl_find(m, "kernel.domainname"), &number));
			assert_false(sysctl_number(sysctl_find(m, "net.ipv4.conf.eth9.rp_filter"),
						   &number));
		}
		scratch_close(&s);
	}
}

/* initscripts and System V read /etc/sysctl.conf after all others. */
static void without_systemd(void **state)
{
	struct scratch s;

	(void)state;
	scratch_open(&s);
	scratch_text(&s, "/etc/sysctl.d/99-z.conf", "vm.swappiness=60\n");
	scratch_text(&s, "/etc/sysctl.conf", "vm.swappiness = 10\n");
	{
		const struct machine_given given = { .tree = s.tree };
		cleanup(machine_free) struct machine *m = machine_new(&given);

		is(m, "vm.swappiness", "10", "/etc/sysctl.conf", 1);
	}
	scratch_close(&s);
}

/* What sysctl(8) would write of a file: only keys that this kernel has are shown, in its order. */
static void compare(const char *name, const struct str *text, const char *shown)
{
	cleanup(sysctls_done) struct sysctls items = { 0 };
	cleanup(str_done) struct str want = STR_INIT;

	sysctl_parse(text, name, &items);
	vec_foreach (item, &items) {
		cleanup(free) char *proc = mem_printf("/proc/sys/%s", item->key);
		struct stat st;

		if (item->is_glob || !item->value || stat(proc, &st) < 0 || !S_ISREG(st.st_mode))
			continue;
		for (char *p = item->key; *p; p++)
			*p = *p == '/' ? '.' : *p == '.' ? '/' : *p;
		str_addf(&want, "%s = %s\n", item->key, item->value);
	}
	if (!str_eq(want.s, shown))
		print_error("%s: sysctl reads\n%s\nand we\n%s\n", name, shown, want.s);
	assert_string_equal(want.s, shown);
}

static void corpus(void **state)
{
	const char *dir = getenv("CORPUS") ? getenv("CORPUS") : "../shared/corpus";
	cleanup(free) char *folder = mem_printf("%s/sysctl", dir);
	struct dirent **names = NULL;
	int count = scandir(folder, &names, NULL, alphasort);

	(void)state;
	if (count < 0 || access("/usr/sbin/sysctl", X_OK) < 0) {
		print_message("no corpus or no sysctl here\n");
		skip();
	}
	for (int i = 0; i < count; i++) {
		cleanup(free) char *path = mem_printf("%s/%s", folder, names[i]->d_name);
		cleanup(str_done) struct str text = STR_INIT;
		cleanup(proc_result_done) struct proc_result result = PROC_RESULT_INIT;
		const char *argv[] = { "/usr/sbin/sysctl", "--dry-run", "-p", path, NULL };
		const struct proc_run run = { .argv = argv, .deadline_s = 20 };
		struct err err = ERR_INIT;

		/* Patterns are not the same to both readers. */
		if (names[i]->d_name[0] != '.' && !file_read(path, TREE_FILE_MAX, &text, &err) &&
		    !strpbrk(text.s, "*?[")) {
			assert_int_equal(proc_run(&run, &result, &err), 0);
			compare(names[i]->d_name, &text, result.out.s);
		}
		free(names[i]);
	}
	free(names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_systemd),
		cmocka_unit_test(without_systemd),
		cmocka_unit_test(corpus),
	};

	return cmocka_run_group_tests_name("sysctl", tests, NULL, NULL);
}
