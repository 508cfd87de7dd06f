/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/fstab_util.h"
#include "checks/units.h"
#include "fs/lines.h"

#include <stdlib.h>
#include <strings.h>

#define MIB (UINT64_C(1) << 20)

static const char path[] = "/etc/audit/auditd.conf";

/* "name = value" lines; the last one counts. False: none. */
static bool setting(const struct str *text, const char *name, char ret[64], uint32_t *ret_line)
{
	uint32_t line = 0;
	bool found = false;

	for (const char *p = text->s; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		const char *s = p + strspn(p, " \t");
		size_t len = strlen(name), n;

		line++;
		if (strncasecmp(s, name, len))
			continue;
		s += len;
		s += strspn(s, " \t");
		if (*s++ != '=')
			continue;
		s += strspn(s, " \t");
		n = strcspn(s, " \t\r\n");
		if (n >= 64)
			continue;
		memcpy(ret, s, n);
		ret[n] = '\0';
		*ret_line = line;
		found = true;
	}
	return found;
}

/* Free space of where the log is, in bytes; false: it is not on the root, or cannot be told. */
static bool space_of_log(const struct machine *machine, struct tree_space *ret)
{
	cleanup(fstab_view_done) struct fstab_view view = { 0 };
	struct err ignored = ERR_INIT;

	if (fstab_view_open(machine, &view, &ignored) < 0 ||
	    tree_space(machine_tree(machine), ret, &ignored) < 0)
		return false;
	vec_foreach (entry, &view.fstab) {
		cleanup(free) char *target = fstab_target(entry);

		if (!str_eq(target, "/") && path_is_below("/var/log/audit", target))
			return false;
	}
	return true;
}

/* "75" (MiB) or "5%" as bytes; 0 when it is neither. */
static uint64_t threshold(const char *value, const struct tree_space *space)
{
	char *end;
	unsigned long long number = strtoull(value, &end, 10);

	if (end == value || number > UINT64_MAX / MIB)
		return 0;
	return *end == '%' ? space->bytes / 100 * number : number * MIB;
}

static void look_at(const struct machine *machine, const struct str *text, const char *action,
		    const char *limit, struct findings *out)
{
	char value[64], bound[64];
	uint32_t line, ignored;
	struct tree_space space;
	uint64_t bytes = 4 * MIB;
	bool is_reached;
	struct finding *finding;
	cleanup(free) char *new = NULL;

	if (!setting(text, action, value, &line) ||
	    (strcasecmp(value, "halt") && strcasecmp(value, "single")))
		return;
	is_reached = space_of_log(machine, &space);
	if (limit)
		bytes = setting(text, limit, bound, &ignored) && is_reached
				? threshold(bound, &space)
				: 0;
	is_reached = is_reached && space.bytes_free < bytes;
	finding = finding_add(
		out, is_reached ? SEVERITY_BLOCKS_BOOT : SEVERITY_NOTE,
		is_reached ? REPAIR_SURE : REPAIR_OFFERED, "74", path, line,
		is_reached
			? "%s = %s, and the disk is as full as that: auditd %s as soon as it starts"
			: "%s = %s: when that comes, auditd %s, and nobody gets in",
		action, machine_quote(machine, value, strlen(value)),
		strcasecmp(value, "halt") ? "takes the machine to single user mode"
					  : "halts the machine");
	new = mem_printf("%s = SYSLOG\n", action);
	lines_edit_replace(&finding->edits, path, text, line, 1, new);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	static const struct {
		const char *action, *limit;
	} actions[] = { { "space_left_action", "space_left" },
			{ "admin_space_left_action", "admin_space_left" },
			{ "disk_full_action", NULL },
			{ "disk_error_action", NULL } };
	struct err why = ERR_INIT;
	const struct str *text = machine_file(machine, path, &why);

	if (!text) {
		if (why.code == ERR_NOTFOUND)
			return 0;
		*err = why;
		return -1;
	}
	if (machine_unit(machine, "auditd.service") != UNIT_ENABLED)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(actions); i++)
		look_at(machine, text, actions[i].action, actions[i].limit, out);
	return 0;
}

const struct check check_auditd_halt = {
	.name = "auditd-halt",
	.title = "auditd halts the machine when its disk is full",
	.explain = "Hardening guides let auditd halt the machine, or take it to single user mode, "
		   "when it "
		   "can no longer log. Once the disk is that full, every boot ends there. When the "
		   "free "
		   "space is below the bound, the repair lets auditd tell syslog instead; else the "
		   "setting "
		   "is somebody's policy, noted and only changed when asked for.",
	.source = "auditd.conf(5), space_left_action, admin_space_left_action, disk_full_action, "
		  "disk_error_action",
	.rows = "74",
	.repair = REPAIR_SURE,
	.needs = NEEDS_DISKS | NEEDS_CLOUD,
	.examine = examine,
};
