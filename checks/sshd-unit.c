/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/elf.h"
#include "checks/sshd_service.h"
#include "checks/units.h"

#include <stdio.h>

static const char *const names[] = { "ssh.service", "sshd.service" };
static const char *const dirs[] = { "/usr/lib/systemd/system", "/lib/systemd/system" };

/* The package's own unit file, whatever /etc puts over it; NULL: there is none. */
static char *vendor_unit(const struct machine *machine, const char **name)
{
	for (size_t n = 0; n < ARRAY_LEN(names); n++) {
		for (size_t d = 0; d < ARRAY_LEN(dirs); d++) {
			cleanup(free) char *path = mem_printf("%s/%s", dirs[d], names[n]);
			struct err err = ERR_INIT;
			struct tree_stat st;
			if (tree_stat(machine_tree(machine), path, TREE_NOFOLLOW, &st, &err) < 0 ||
			    !S_ISREG(st.mode) || !st.size_bytes)
				continue;
			*name = names[n];
			return TAKE(path);
		}
	}
	return NULL;
}

static void check_mask(const struct machine *machine, const char *unit, struct findings *out)
{
	const char *path = machine_unit_path(machine, unit);

	if (machine_unit(machine, unit) != UNIT_MASKED || !path)
		return;
	struct finding *f = finding_add(out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "92", path, 0,
					"%s is masked: sshd is not started at boot", unit);
	if (str_starts(path, "/etc/"))
		edit_remove(&f->edits, path);
	else
		f->repair = REPAIR_NONE;
}

static bool is_wanted_link(const struct machine *machine, const char *path)
{
	struct err err = ERR_INIT;
	struct tree_stat st;

	return tree_stat(machine_tree(machine), path, TREE_NOFOLLOW, &st, &err) == 0;
}

static void check_wanted(const struct machine *machine, const char *unit, const char *unit_file,
			 struct findings *out)
{
	cleanup(free) char *link =
		mem_printf("/etc/systemd/system/multi-user.target.wants/%s", unit);
	enum unit_state state = machine_unit(machine, unit);

	if (state == UNIT_ENABLED || (state == UNIT_MASKED && is_wanted_link(machine, link)))
		return;
	struct finding *f = finding_add(out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "92", unit_file, 0,
					"%s is not enabled: nothing starts sshd at boot", unit);
	if (!is_wanted_link(machine, link))
		edit_symlink(&f->edits, link, unit_file);
	else
		f->repair = REPAIR_NONE;
}

/* Debian's unit does not start sshd while this file exists. */
static void check_not_to_be_run(const struct machine *machine, const char *unit,
				struct findings *out)
{
	static const char path[] = "/etc/ssh/sshd_not_to_be_run";
	cleanup(unit_values_done) struct unit_values conditions = { 0 };

	if (!tree_exists(machine_tree(machine), path))
		return;
	unit_values_read(machine, unit, "Unit", "ConditionPathExists", &conditions);
	vec_foreach (c, &conditions) {
		if (!str_eq(c->value[0] == '!' ? c->value + 1 : "", path))
			continue;
		struct finding *f =
			finding_add(out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "92", path, 0,
				    "%s is there: %s does not start while it is", path, unit);
		edit_remove(&f->edits, path);
		return;
	}
}

/* The unit was enabled, its file is lost, and the program is there to be started. From a script in
 * /etc/init.d systemd makes a unit of that name by itself. */
static void check_lost(const struct machine *machine, struct findings *out)
{
	static const char text[] = "# Written by ec2-rescue in the place of one that was missing.\n"
				   "[Unit]\n"
				   "Description=OpenSSH server\n"
				   "After=network.target\n"
				   "\n"
				   "[Service]\n"
				   "EnvironmentFile=-/etc/default/ssh\n"
				   "EnvironmentFile=-/etc/sysconfig/sshd\n"
				   "RuntimeDirectory=sshd\n"
				   "RuntimeDirectoryMode=0755\n"
				   "ExecStart=/usr/sbin/sshd -D $SSHD_OPTS $OPTIONS\n"
				   "ExecReload=/bin/kill -HUP $MAINPID\n"
				   "KillMode=process\n"
				   "Restart=on-failure\n"
				   "\n"
				   "[Install]\n"
				   "WantedBy=multi-user.target\n";
	static const struct tree_new as = { .mode = 0644 };

	for (size_t n = 0; n < ARRAY_LEN(names); n++) {
		cleanup(free) char *link =
			mem_printf("/etc/systemd/system/multi-user.target.wants/%s", names[n]);
		cleanup(free) char *path = mem_printf("/etc/systemd/system/%s", names[n]);
		cleanup(free) char *script = mem_printf(
			"/etc/init.d/%.*s", (int)(strlen(names[n]) - strlen(".service")), names[n]);
		struct finding *finding;

		if (!is_wanted_link(machine, link) || tree_exists(machine_tree(machine), link) ||
		    machine_unit_path(machine, names[n]) || is_wanted_link(machine, path) ||
		    tree_exists(machine_tree(machine), script) ||
		    elf_read(machine, "/usr/sbin/sshd")->kind != ELF_WHOLE)
			continue;
		finding = finding_add(out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "92", path, 0,
				      "%s is enabled, and its file is nowhere: nothing starts sshd "
				      "at boot",
				      names[n]);
		edit_create(&finding->edits, path, &as, text, strlen(text));
		return;
	}
}

/* System V: an S link in the run levels' folders. */
static void check_sysv(const struct machine *machine, struct findings *out)
{
	static const char *const scripts[] = { "sshd", "ssh" };
	static const char *const levels[] = { "2", "3", "4", "5" };
	struct tree *tree = machine_tree(machine);
	const char *base = tree_is_dir(tree, "/etc/rc.d/rc3.d") ? "/etc/rc.d" : "/etc";

	for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
		cleanup(free) char *unit = mem_printf("%s.service", scripts[i]);
		cleanup(free) char *script = mem_printf("/etc/init.d/%s", scripts[i]);
		cleanup(free) char *rc3 = mem_printf("%s/rc3.d", base);
		if (machine_unit(machine, unit) != UNIT_DISABLED || !tree_exists(tree, script) ||
		    !tree_is_dir(tree, rc3) || tree_is_dir(tree, "/usr/lib/systemd/system") ||
		    tree_is_dir(tree, "/lib/systemd/system"))
			continue;
		struct finding *f =
			finding_add(out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "92", script, 0,
				    "%s is off in its run levels: nothing starts sshd", scripts[i]);
		for (size_t k = 0; k < ARRAY_LEN(levels); k++) {
			cleanup(free) char *link =
				mem_printf("%s/rc%s.d/S55%s", base, levels[k], scripts[i]);
			cleanup(free) char *kill =
				mem_printf("%s/rc%s.d/K25%s", base, levels[k], scripts[i]);
			cleanup(free) char *target = mem_printf("../init.d/%s", scripts[i]);
			cleanup(free) char *dir = mem_printf("%s/rc%s.d", base, levels[k]);
			if (!tree_is_dir(tree, dir))
				continue;
			edit_symlink(&f->edits, link, target);
			if (is_wanted_link(machine, kill))
				edit_remove(&f->edits, kill);
		}
	}
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const char *unit = NULL;
	cleanup(free) char *unit_file = vendor_unit(machine, &unit);

	(void)err;
	if (!unit_file) {
		check_lost(machine, out);
		check_sysv(machine, out);
		return 0;
	}
	/* The socket alone is enough, but then it starts the service, which must not be masked. */
	check_mask(machine, unit, out);
	check_not_to_be_run(machine, unit, out);
	if (!sshd_service_socket(machine))
		check_wanted(machine, unit, unit_file, out);
	return 0;
}

const struct check check_sshd_unit = {
	.name = "sshd-unit",
	.title = "nothing starts sshd at boot",
	.explain = "sshd can be in perfect order and never run: its unit disabled, or masked by a "
		   "link to "
		   "/dev/null, with no socket that starts it instead, or lost; or, on Debian, the "
		   "file "
		   "/etc/ssh/sshd_not_to_be_run left behind. Port 22 then refuses every "
		   "connection. The repair "
		   "is what `systemctl enable` or `unmask` would do: one link made or one removed; "
		   "a lost "
		   "unit is written to /etc/systemd/system.",
	.source = "systemd.unit(5); systemctl(1) enable, mask; the ssh.service of Debian; "
		  "chkconfig(8)",
	.rows = "92",
	.repair = REPAIR_SURE,
	.examine = examine,
};
