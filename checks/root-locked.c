/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/units.h"

static const char says[] = "Cannot open access to console, the root account is locked";

/* Is root's password one that nobody can type? */
static bool is_locked(const struct machine *machine)
{
	struct err ignored = ERR_INIT;
	const struct str *text = machine_file(machine, "/etc/shadow", &ignored);
	const char *root = text ? text->s : "";

	if (!str_starts(root, "root:")) {
		root = strstr(root, "\nroot:");
		if (!root)
			return false;
		root++;
	}
	root += strlen("root:");
	return *root == '!' || *root == '*';
}

static bool is_forced(const struct machine *machine, const char *name)
{
	const struct unit *unit = unit_load(machine, name);

	if (!unit)
		return true; /* nothing to change */
	vec_foreach (file, &unit->files)
		if (strstr(file->sections.text.s, "SYSTEMD_SULOGIN_FORCE"))
			return true;
	return false;
}

/* A locked root is how cloud images are; it only matters when a boot has ended there. */
static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	static const char *const names[] = { "emergency.service", "rescue.service" };
	static const char text[] = "[Service]\nEnvironment=SYSTEMD_SULOGIN_FORCE=1\n";
	static const struct tree_new new = { .mode = 0644 };
	const char *console = machine_console(machine);
	struct finding *finding = NULL;

	(void)err;
	if (!console || !strstr(console, says) || !is_locked(machine))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		cleanup(free) char *path =
			mem_printf("/etc/systemd/system/%s.d/ec2-rescue.conf", names[i]);

		if (is_forced(machine, names[i]))
			continue;
		if (!finding)
			finding = finding_add(out, SEVERITY_NOTE, REPAIR_OFFERED, "70",
					      "/etc/shadow", 0,
					      "the last boot ended in emergency or rescue mode, "
					      "and root's password is "
					      "locked: the console let nobody in");
		edit_create(&finding->edits, path, &new, text, strlen(text));
	}
	return 0;
}

const struct check check_root_locked = {
	.name = "root-locked",
	.title = "emergency mode lets nobody in, because root is locked",
	.explain = "In emergency and rescue mode systemd asks for root's password. On cloud images "
		   "it is "
		   "locked, so that the console says \"Cannot open access to console\" and the "
		   "machine "
		   "stays where it is. What led there is another finding's business. When asked "
		   "for, two "
		   "drop-ins give a root shell on the serial console without a password; take them "
		   "away "
		   "afterwards, for whoever may use the EC2 serial console is root then.",
	.source = "sulogin(8); systemd's docs/ENVIRONMENT.md, SYSTEMD_SULOGIN_FORCE; "
		  "systemd-sulogin-shell",
	.rows = "70",
	.repair = REPAIR_OFFERED,
	.needs = NEEDS_CONSOLE,
	.examine = examine,
};
