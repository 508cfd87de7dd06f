/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/fstab_util.h"
#include "checks/unit_edit.h"

/* The unit as the line of fstab that says the same, so that devices are judged in one place. */
static void as_entry(const char *what, const char *where, const char *type, const char *options,
		     struct str *text, struct fstab *ret)
{
	const char *const fields[] = { what, where, type, options };

	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		for (const char *p = fields[i]; *p; p++)
			if (strchr(" \t\n\\#", *p))
				str_addf(text, "\\%03o", (unsigned char)*p);
			else
				str_add_char(text, *p);
		str_add_char(text, ' ');
	}
	str_add(text, "0 0\n");
	fstab_parse(text, ret);
}

/* Home directories behind an automount: who logs in waits for the device, then finds nothing. */
static bool is_home(const struct machine *machine, const char *where)
{
	vec_foreach (user, machine_users(machine))
		if (user->has_login_shell && path_is_below(user->home, where))
			return true;
	return str_eq(where, "/home") || str_eq(where, "/root");
}

struct mount {
	const struct machine *machine;
	const struct fstab_view *view;
	const char *name;	 /* of the unit that the boot starts */
	const struct unit *unit; /* that says what to mount */
	const char *where;	 /* NULL: swap */
	bool is_automount;
};

static void say(const struct mount *m, const struct section_item *what,
		const struct unit_file *file, bool is_sure, struct findings *out)
{
	const struct machine *machine = m->machine;
	const char *victim = unit_is_required_by(machine, m->name), *why;
	enum severity severity = SEVERITY_DELAYS;
	struct finding *finding;

	why = "the boot waits 90 seconds for it";
	if (m->is_automount && m->where) {
		severity = is_home(machine, m->where) ? SEVERITY_BLOCKS_LOGIN : SEVERITY_NOTE;
		why = "whoever enters the directory waits 90 seconds and finds nothing";
	} else if (victim && str_eq(victim, "local-fs.target")) {
		severity = SEVERITY_BLOCKS_BOOT;
		why = "local-fs.target requires the mount, and the boot ends in emergency mode";
	} else if (victim) {
		severity =
			str_ends(victim, ".target") ? SEVERITY_BLOCKS_BOOT : SEVERITY_BLOCKS_LOGIN;
		why = "a unit that the login needs requires it and does not start";
	}
	finding = finding_add(out, is_sure ? severity : SEVERITY_NOTE,
			      is_sure && !m->is_automount ? REPAIR_SURE : REPAIR_OFFERED, "16",
			      file->path, what->line, "%s of %s is on no disk%s: %s",
			      machine_quote(machine, what->value, strlen(what->value)), m->name,
			      is_sure ? "" : " that was examined; if it is not attached", why);
	if (!unit_edit_disable(machine, m->name, &finding->edits))
		finding->repair = REPAIR_NONE;
}

static void look_at(const struct mount *m, struct findings *out)
{
	const char *section = m->where ? "Mount" : "Swap";
	const struct unit_file *file;
	const struct section_item *what = unit_find(m->unit, section, "What", &file);
	const char *type = unit_get(m->unit, section, "Type");
	const char *options = unit_get(m->unit, section, "Options");
	cleanup(str_done) struct str text = STR_INIT;
	cleanup(fstab_done) struct fstab fstab = { 0 };
	cleanup(fstab_device_done) struct fstab_device device = { 0 };

	if (!what || !*what->value || strchr(what->value, '%'))
		return;
	as_entry(what->value, m->where ? m->where : "none",
		 !m->where	 ? "swap"
		 : type && *type ? type
				 : "auto",
		 options && *options ? options : "defaults", &text, &fstab);
	if (fstab.count != 1)
		return;
	fstab_device(m->view, fstab.items, &device);
	if (device.presence == DEVICE_MISSING || device.presence == DEVICE_UNSEEN)
		say(m, what, file, device.presence == DEVICE_MISSING, out);
}

static void look_at_boot_unit(const struct machine *machine, const struct fstab_view *view,
			      const struct boot_unit *at_boot, struct findings *out)
{
	struct mount m = {
		.machine = machine, .view = view, .name = at_boot->name, .unit = at_boot->unit
	};
	cleanup(free) char *mount = NULL;

	if (str_ends(at_boot->name, ".automount")) {
		m.is_automount = true;
		mount = mem_printf("%.*s.mount", (int)(strlen(m.name) - strlen(".automount")),
				   m.name);
		/* The mount itself may be started too; then it is judged as that. */
		m.unit = boot_unit_find(units_at_boot(machine), mount) ? NULL
								       : unit_load(machine, mount);
	} else if (!str_ends(at_boot->name, ".mount") && !str_ends(at_boot->name, ".swap"))
		return;
	if (!m.unit || m.unit->is_masked)
		return;
	if (!str_ends(at_boot->name, ".swap")) {
		m.where = unit_get(m.unit, "Mount", "Where");
		if (!m.where)
			return;
	}
	look_at(&m, out);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	cleanup(fstab_view_done) struct fstab_view view = { 0 };

	if (fstab_view_open(machine, &view, err) < 0)
		return -1;
	vec_foreach (unit, units_at_boot(machine))
		if (unit->unit)
			look_at_boot_unit(machine, &view, unit, out);
	return 0;
}

const struct check check_mount_unit = {
	.name = "mount-unit",
	.title = "a mount, automount or swap unit names a device that does not exist",
	.explain =
		"Mounts need not stand in fstab: a .mount or .swap unit that is enabled waits for "
		"its "
		"device in the same way, 90 seconds, and when local-fs.target requires it, the "
		"boot "
		"ends in emergency mode. An automount waits when somebody enters the directory; "
		"for "
		"home directories that is every login. The repair disables the unit, as `systemctl "
		"disable` does; its file stays for when the volume is back. When not all disks of "
		"the "
		"machine were examined it is only offered.",
	.source = "systemd.mount(5), systemd.swap(5), systemd.automount(5); systemd.unit(5), "
		  "RequiredBy; systemd.special(7), local-fs.target",
	.rows = "16",
	.repair = REPAIR_SURE,
	.needs = NEEDS_DISKS | NEEDS_CLOUD | NEEDS_CONSOLE,
	.examine = examine,
};
