/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/systemd_conf.h"
#include "checks/units.h"

#include <ctype.h>
#include <stdlib.h>

#define GIB (UINT64_C(1) << 30)

/* More than any journal is good for: journald's own bound is 4 GiB. */
#define JOURNAL_MAX (64 * GIB)
/* A single log of that size was never rotated. */
#define LOG_MAX (2 * GIB)

static uint64_t size_of(const char *value)
{
	static const char suffixes[] = "KMGTPE";
	char *end;
	unsigned long long number = strtoull(value, &end, 10);
	const char *suffix = *end ? strchr(suffixes, toupper((unsigned char)*end)) : NULL;

	if (end == value || (*end && !suffix))
		return 0;
	for (; suffix && suffix >= suffixes; suffix--) {
		if (number > UINT64_MAX / 1024)
			return UINT64_MAX;
		number *= 1024;
	}
	return number;
}

static void look_at_journald(const struct machine *machine, struct findings *out)
{
	cleanup(systemd_conf_done) struct systemd_conf conf = { 0 };
	const struct systemd_conf_part *part = NULL;
	const struct section_item *item;
	struct finding *finding;

	systemd_conf_read(machine, "journald", &conf);
	item = systemd_conf_find(&conf, "Journal", "SystemMaxUse", &part);
	if (!item || size_of(item->value) < JOURNAL_MAX)
		return;
	finding = finding_add(out, SEVERITY_NOTE, REPAIR_OFFERED, "137", part->path, item->line,
			      "SystemMaxUse=%s lets the journal fill the disk",
			      machine_quote(machine, item->value, strlen(item->value)));
	sections_edit_comment(&part->sections, part->path, item, &finding->edits);
}

/* logrotate by a timer that somebody masked, and not by cron. */
static void look_at_logrotate(const struct machine *machine, struct findings *out)
{
	const char *path = machine_unit_path(machine, "logrotate.timer");
	struct finding *finding;

	if (machine_unit(machine, "logrotate.timer") != UNIT_MASKED || !str_starts(path, "/etc/") ||
	    tree_exists(machine_tree(machine), "/etc/cron.daily/logrotate") ||
	    !tree_exists(machine_tree(machine), "/etc/logrotate.conf"))
		return;
	finding = finding_add(
		out, SEVERITY_NOTE, REPAIR_OFFERED, "137", path, 0,
		"logrotate.timer is masked, and cron does not run logrotate: logs grow until "
		"the disk is full");
	edit_remove(&finding->edits, path);
}

static void look_at_sizes(const struct machine *machine, const char *dir, unsigned depth,
			  struct findings *out)
{
	const struct tree_names *names = machine_list(machine, dir);

	if (!names)
		return;
	vec_foreach (name, names) {
		cleanup(free) char *path = mem_printf("%s/%s", dir, *name);
		struct err ignored = ERR_INIT;
		struct tree_stat st;

		if (tree_stat(machine_tree(machine), path, TREE_NOFOLLOW, &st, &ignored) < 0)
			continue;
		if (S_ISDIR(st.mode) && depth)
			look_at_sizes(machine, path, depth - 1, out);
		/* These are sparse: a place for every user number. */
		else if (S_ISREG(st.mode) && st.size_bytes >= LOG_MAX &&
			 !str_eq(*name, "lastlog") && !str_eq(*name, "faillog") &&
			 !str_eq(*name, "tallylog"))
			finding_add(
				out, SEVERITY_NOTE, REPAIR_NONE, "137", path, 0,
				"this log has %llu MiB and is not rotated; when the disk is full, "
				"services and logins fail",
				(unsigned long long)(st.size_bytes >> 20));
	}
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	(void)err;
	look_at_journald(machine, out);
	look_at_logrotate(machine, out);
	look_at_sizes(machine, "/var/log", 1, out);
	return 0;
}

const struct check check_log_limits = {
	.name = "log-limits",
	.title = "logs may grow until the disk is full",
	.explain = "journald keeps to a tenth of the file system and 4 GiB by itself; a "
		   "SystemMaxUse of more "
		   "than any disk has, a logrotate that nothing runs, or a log of gigabytes that "
		   "was never "
		   "rotated, fill the disk in the end. Offered is to take the setting or the mask "
		   "away; "
		   "files are only named, never deleted.",
	.source = "journald.conf(5), SystemMaxUse; logrotate(8), its timer",
	.rows = "137",
	.repair = REPAIR_OFFERED,
	.examine = examine,
};
