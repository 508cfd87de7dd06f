/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sshd_service.h"
#include "checks/unit_faults.h"

#define BROKEN_MAX 50u /* the next examination finds more */

/* The package's command for a unit that /etc has a whole copy of: what the copy should say. */
static const char *packaged_command(const struct machine *machine, const struct unit *unit,
				    struct sections *ret)
{
	static const char *const dirs[] = { "/usr/lib/systemd/system", "/lib/systemd/system" };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		cleanup(free) char *path = mem_printf("%s/%s", dirs[i], unit->name);
		struct err ignored = ERR_INIT;
		const struct str *text = machine_file(machine, path, &ignored);

		if (!text)
			continue;
		sections_parse(text, SECTIONS_SYSTEMD, ret);
		return sections_get(ret, "Service", "ExecStart");
	}
	return NULL;
}

static void repair(const struct machine *machine, const struct unit *unit, const char *needs_it,
		   const struct unit_fault *fault, struct finding *finding)
{
	cleanup(sections_done) struct sections packaged = { 0 };
	const char *command;

	/* Not needed itself: whoever requires it shall do without. */
	if (needs_it) {
		if (!unit_edit_disable(machine, unit->name, &finding->edits))
			finding->repair = REPAIR_NONE;
		return;
	}
	unit_fault_repair(machine, unit, fault, &finding->edits);
	if (finding->edits.count)
		return;
	command = packaged_command(machine, unit, &packaged);
	if (command && fault->file == unit->files.items &&
	    unit_find(unit, "Service", "ExecStart", NULL) == fault->item &&
	    !str_eq(command, fault->item->value))
		sections_edit_set(&fault->file->sections, fault->file->path, "Service", "ExecStart",
				  command, &finding->edits);
	else
		finding->repair = REPAIR_NONE;
}

/* needs_it: the vital unit that requires this one; NULL: it is vital itself. */
static void look_at(const struct machine *machine, const struct unit *unit, const char *needs_it,
		    struct findings *out)
{
	cleanup(unit_faults_done) struct unit_faults faults;
	const char *victim = needs_it ? needs_it : unit->name;
	bool is_early = str_ends(victim, ".target") || str_eq(victim, "systemd-udevd.service");

	unit_faults_find(machine, unit, &faults);
	vec_foreach (fault, &faults) {
		cleanup(str_done) struct str says = STR_INIT;
		struct finding *finding;

		/* A condition that fails is no failure for who requires the unit. */
		if (needs_it && fault->kind == UNIT_CONDITION &&
		    !str_starts(fault->item->key, "Assert"))
			continue;
		unit_fault_says(machine, fault, &says);
		finding = finding_add(out, is_early ? SEVERITY_BLOCKS_BOOT : SEVERITY_BLOCKS_LOGIN,
				      REPAIR_SURE, "62,63", fault->file->path, fault->item->line,
				      needs_it ? "%s %s; %s requires it and does not start either"
					       : "%s %s; it does not start",
				      unit->name, says.s, victim);
		repair(machine, unit, needs_it, fault, finding);
		if (needs_it)
			return; /* one repair takes the unit out altogether */
	}
}

/* SERVICE.requires/ names a unit that is not there. */
static void look_at_links(const struct machine *machine, const char *name, struct findings *out)
{
	cleanup(free) char *dir = mem_printf("/etc/systemd/system/%s.requires", name);
	const struct tree_names *links = machine_list(machine, dir);

	if (!links)
		return;
	vec_foreach (link, links) {
		cleanup(free) char *path = mem_printf("%s/%s", dir, *link);
		struct finding *finding;

		if (!str_ends(*link, ".service") || strchr(*link, '@') ||
		    machine_unit(machine, *link) == UNIT_DISABLED ||
		    machine_unit(machine, *link) == UNIT_ENABLED ||
		    machine_unit_path(machine, *link) || tree_exists(machine_tree(machine), path))
			if (machine_unit(machine, *link) != UNIT_MASKED)
				continue;
		finding = finding_add(
			out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "62,63", path, 0,
			"%s requires %s, which is masked or not there; it does not start", name,
			*link);
		edit_remove(&finding->edits, path);
	}
}

/* What sshd's socket starts is not part of the boot, but of every login. */
static void look_at_socket(const struct machine *machine, struct findings *out)
{
	const char *socket = sshd_service_socket(machine), *name = sshd_service_unit(machine);
	const struct unit *unit = name ? unit_load(machine, name) : NULL;

	if (socket && unit && !unit->is_masked && !boot_unit_find(units_at_boot(machine), name))
		look_at(machine, unit, NULL, out);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	size_t before = out->count;

	(void)err;
	vec_foreach (unit, units_at_boot(machine)) {
		const char *needs_it = NULL;

		if (out->count - before >= BROKEN_MAX)
			return 0;
		if (!unit->unit)
			continue;
		if (unit_is_vital(machine, unit->name))
			look_at_links(machine, unit->name, out);
		else {
			needs_it = unit_is_required_by(machine, unit->name);
			if (!needs_it)
				continue;
		}
		look_at(machine, unit->unit, needs_it, out);
	}
	look_at_socket(machine, out);
	return 0;
}

const struct check check_unit_broken = {
	.name = "unit-broken",
	.title = "a unit that the login needs cannot start as it was changed",
	.explain =
		"A drop-in or a copy of a unit in /etc can keep sshd, the network, the logins or a "
		"target of the boot from starting: an ExecStart that was reset and not set again, "
		"or "
		"set twice, a program, file, directory or user that does not exist, a condition "
		"that "
		"does not hold, a requirement on a unit that is gone or cannot start itself. What "
		"is "
		"only wanted may fail, what is required may not. The repair comments out the "
		"setting, "
		"so that the package's own counts again, puts the package's command in place of a "
		"wrong one, or drops the requirement. Only settings made on this machine are "
		"judged.",
	.source = "systemd.service(5); systemd.exec(5), \"PROCESS EXIT CODES\"; systemd.unit(5), "
		  "Requires, conditions; systemd-analyze verify of systemd 252",
	.rows = "62,63",
	.repair = REPAIR_SURE,
	.needs = NEEDS_DISKS,
	.examine = examine,
};
