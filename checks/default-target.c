/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/sshd_service.h"
#include "checks/units.h"
#include "fs/lines.h"

static const char in_etc[] = "/etc/systemd/system/default.target";
static const char multi_user_in_etc[] = "/etc/systemd/system/multi-user.target";

/* The name that default.target leads to: by the link's text, as the manager takes it, so that a
 * target which is not there has a name too. The caller frees; NULL: no link. */
static char *linked_name(const struct machine *machine, const char *path, struct str *ret_text)
{
	struct err ignored = ERR_INIT;
	const char *base;

	if (tree_readlink(machine_tree(machine), path, ret_text, &ignored) < 0)
		return NULL;
	base = strrchr(ret_text->s, '/');
	return mem_strdup(base ? base + 1 : ret_text->s);
}

/* multi-user.target as systemd brings it. */
static void write_multi_user(struct finding *finding)
{
	static const char text[] = "# Written by ec2-rescue in the place of one that was missing.\n"
				   "[Unit]\n"
				   "Description=Multi-User System\n"
				   "Documentation=man:systemd.special(7)\n"
				   "Requires=basic.target\n"
				   "Conflicts=rescue.service rescue.target\n"
				   "After=basic.target rescue.service rescue.target\n"
				   "AllowIsolate=yes\n";
	static const struct tree_new as = { .mode = 0644 };

	edit_create(&finding->edits, multi_user_in_etc, &as, text, strlen(text));
}

/* multi-user.target by the directory that the link had, or where it is. */
static void repair(const struct machine *machine, const char *old, struct finding *finding)
{
	static const char name[] = "multi-user.target";
	const char *base = strrchr(old, '/'), *path = machine_unit_path(machine, name);
	cleanup(free) char *near = mem_printf("%.*s/%s", base ? (int)(base - old) : 0, old, name);

	if (base && base > old && str_ends(near, "/systemd/system/multi-user.target") &&
	    tree_exists(machine_tree(machine), near))
		edit_symlink(&finding->edits, in_etc, near);
	else if (path && machine_unit(machine, name) != UNIT_MASKED)
		edit_symlink(&finding->edits, in_etc, path);
	else
		finding->repair = REPAIR_NONE;
}

/* Does the target start sshd, when something else would? multi-user.target does that. */
static bool leaves_sshd_out(const struct machine *machine)
{
	const struct boot_units *units = units_at_boot(machine);
	const char *ssh = sshd_service_unit(machine), *socket = sshd_service_socket(machine);

	if (!ssh || boot_unit_find(units, "multi-user.target") ||
	    !machine_unit_path(machine, "multi-user.target") ||
	    machine_unit(machine, "multi-user.target") == UNIT_MASKED)
		return false;
	return !boot_unit_find(units, ssh) && !(socket && boot_unit_find(units, socket)) &&
	       (socket || machine_unit(machine, ssh) == UNIT_ENABLED);
}

/* Every systemd brings the target: it is missing only where all its neighbours are there. */
static bool is_lost(const struct machine *machine, const char *target)
{
	static const char *const neighbours[] = { "basic.target", "sysinit.target",
						  "multi-user.target", "graphical.target",
						  "rescue.target" };

	for (size_t i = 0; i < ARRAY_LEN(neighbours); i++) {
		const char *path = machine_unit_path(machine, neighbours[i]);

		if (!str_eq(neighbours[i], target) && (!path || str_starts(path, "/etc/")))
			return false;
	}
	return !machine_unit_path(machine, target);
}

/* Whatever the boot goes to needs it. */
static bool look_at_multi_user(const struct machine *machine, struct findings *out)
{
	struct finding *finding;

	if (!is_lost(machine, "multi-user.target"))
		return false;
	finding = finding_add(out, SEVERITY_BLOCKS_BOOT, REPAIR_SURE, "61", multi_user_in_etc, 0,
			      "multi-user.target is nowhere, and the boot cannot go there; systemd "
			      "starts no service");
	write_multi_user(finding);
	return true;
}

static void look_at_systemd(const struct machine *machine, struct findings *out)
{
	const char *path = machine_unit_path(machine, "default.target");
	const struct unit *unit = unit_load(machine, "default.target");
	cleanup(str_done) struct str text = STR_INIT;
	cleanup(free) char *name = NULL;
	const char *bad;
	struct finding *finding;

	if (!path) {
		if (!is_lost(machine, "default.target"))
			return;
		finding = finding_add(out, SEVERITY_BLOCKS_BOOT, REPAIR_SURE, "61", in_etc, 0,
				      "there is no default.target; systemd falls back to rescue "
				      "mode, which starts no service");
		repair(machine, "", finding);
		return;
	}
	name = linked_name(machine, path, &text);
	bad = name ? name : unit ? unit->name : "default.target";
	if (!units_dead_end(bad) && unit && !unit->is_masked)
		bad = unit->name;
	if (units_dead_end(bad))
		finding = finding_add(out, SEVERITY_BLOCKS_BOOT, REPAIR_SURE, "61", path, 0,
				      "the boot goes to %s, which %s", bad, units_dead_end(bad));
	else if (name ? str_eq(text.s, "/dev/null") : unit && unit->is_masked)
		finding = finding_add(out, SEVERITY_BLOCKS_BOOT, REPAIR_SURE, "61", path, 0,
				      "default.target is masked; systemd falls back to rescue "
				      "mode, which starts no service");
	else if (name && !machine_unit_path(machine, name) &&
		 !tree_exists(machine_tree(machine), path))
		finding = finding_add(out, SEVERITY_BLOCKS_BOOT, REPAIR_SURE, "61", path, 0,
				      "default.target leads to %s, which is not there; systemd "
				      "falls back to rescue mode, which starts no service",
				      machine_quote(machine, text.s, text.len));
	else if (leaves_sshd_out(machine))
		finding = finding_add(out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "61", path, 0,
				      "the boot ends at %s, which does not pull in "
				      "multi-user.target; sshd is not started",
				      machine_quote(machine, name ? name : unit->name,
						    strlen(name ? name : unit->name)));
	else
		return;
	repair(machine, text.s, finding);
}

/* System V and upstart: id:3:initdefault: */
static void look_at_inittab(const struct machine *machine, struct findings *out)
{
	static const char path[] = "/etc/inittab";
	bool is_debian = machine_os_is_like(machine, "debian");
	struct err ignored = ERR_INIT;
	const struct str *text = machine_file(machine, path, &ignored);
	uint32_t count = text ? lines_count(text->s, text->len) : 0;

	for (uint32_t n = 1; n <= count; n++) {
		cleanup(str_done) struct str line = STR_INIT, new = STR_INIT;
		struct finding *finding;
		const char *level;

		lines_copy(text->s, text->len, n, 1, &line);
		level = strchr(line.s, ':');
		if (line.s[0] == '#' || !level || !level[1] ||
		    !str_starts(level + 2, ":initdefault:"))
			continue;
		level++;
		if (!strchr("016sS", *level))
			return;
		finding =
			finding_add(out, SEVERITY_BLOCKS_BOOT, REPAIR_SURE, "61", path, n,
				    "the default run level is %c: %s", *level,
				    *level == '0'   ? "the instance halts itself"
				    : *level == '6' ? "the instance boots again and again"
						    : "single user mode, which starts no service");
		str_add_bytes(&new, line.s, (size_t)(level - line.s));
		str_add_char(&new, is_debian ? '2' : '3');
		/* All of it: a crash leaves NULs even in text. */
		str_add_bytes(&new, level + 1, line.len - new.len);
		edit_line_bytes(&finding->edits, path, n, 1, &line, &new);
		return;
	}
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	(void)err;
	if (!look_at_multi_user(machine, out))
		look_at_systemd(machine, out);
	/* Where systemd is, nobody reads inittab; its own unit files are the witness. */
	if (!machine_unit_path(machine, "multi-user.target") &&
	    !machine_unit_path(machine, "default.target") && !machine_has_systemd(machine))
		look_at_inittab(machine, out);
	return 0;
}

const struct check check_default_target = {
	.name = "default-target",
	.title = "the boot goes to a target that starts no login, or to none",
	.explain =
		"default.target says how far a boot goes. Set to rescue or emergency it ends at a "
		"password prompt of root, whose account is locked on cloud images; set to "
		"poweroff or reboot it never ends; leading nowhere, systemd takes rescue mode. "
		"So do run levels 0, 1 and 6 in /etc/inittab. graphical.target is no fault: it "
		"brings multi-user.target along, and no display manager is needed. The repair is "
		"what `systemctl set-default multi-user.target` does.",
	.source =
		"systemd(1), \"default.target\"; systemd.special(7); bootup(7); seen with systemd "
		"252: \"You are in rescue mode\", \"Cannot open access to console\"; inittab(5)",
	.rows = "61",
	.repair = REPAIR_SURE,
	.examine = examine,
};
