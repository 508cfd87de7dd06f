/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/systemd_conf.h"
#include "checks/unit_limits.h"

/* DefaultLimitNOFILE=, DefaultTasksMax=: each later assignment takes the place of the earlier ones, so
 * the last one counts; the repair takes away all that are as bad, for else the next would count. */
static void look_at_limit(const struct machine *machine, const struct systemd_conf *confs,
			  const char *name, struct findings *out)
{
	const struct limit_kind *kind = limit_kind_find(name + strlen("Default"));
	const struct systemd_conf_part *in = NULL;
	const struct section_item *last = systemd_conf_find(confs, "Manager", name, &in);
	enum limit_verdict verdict;
	struct finding *finding;

	verdict = last ? limit_judge(kind, last->value) : LIMIT_FINE;
	if (verdict == LIMIT_FINE)
		return;
	finding = finding_add(
		out,
		verdict == LIMIT_LOW ? SEVERITY_DELAYS
		: kind->is_for_users ? SEVERITY_BLOCKS_LOGIN
				     : SEVERITY_BLOCKS_BOOT,
		verdict == LIMIT_LOW ? REPAIR_OFFERED : REPAIR_SURE, "66", in->path, last->line,
		verdict == LIMIT_LOW
			? "%s=%s is very little for every service of the system; where it is "
			  "reached, %s"
			: "%s=%s is the limit of every service of the system: %s",
		name, machine_quote(machine, last->value, strlen(last->value)), kind->effect);
	vec_foreach (conf, confs)
		vec_foreach (item, &conf->sections)
			if (item->kind == SECTION_SET && str_eq(item->section, "Manager") &&
			    str_eq(item->key, name) && limit_judge(kind, item->value) >= verdict)
				sections_edit_comment(&conf->sections, conf->path, item,
						      &finding->edits);
}

/* Time-outs of a second or two: a service or a disk that takes longer has failed. */
static void look_at_timeout(const struct machine *machine, const struct systemd_conf *confs,
			    const char *name, struct findings *out)
{
	const struct systemd_conf_part *in = NULL;
	const struct section_item *last = systemd_conf_find(confs, "Manager", name, &in);
	uint64_t seconds;

	/* 0 means none, as infinity does. */
	if (!last || !time_span_parse(last->value, &seconds) ||
	    (!seconds && strspn(last->value, "0 s") == strlen(last->value)) || seconds >= 10)
		return;
	bool is_fatal = seconds < 2;
	struct finding *finding =
		finding_add(out, is_fatal ? SEVERITY_BLOCKS_BOOT : SEVERITY_DELAYS,
			    is_fatal ? REPAIR_SURE : REPAIR_OFFERED, "62", in->path, last->line,
			    "%s=%s gives up on services and disks that take longer to start; a "
			    "file system that "
			    "does leaves the boot in emergency mode",
			    name, machine_quote(machine, last->value, strlen(last->value)));
	vec_foreach (conf, confs)
		vec_foreach (item, &conf->sections)
			if (item->kind == SECTION_SET && str_eq(item->section, "Manager") &&
			    str_eq(item->key, name) && time_span_parse(item->value, &seconds) &&
			    seconds < (is_fatal ? 2 : 10))
				sections_edit_comment(&conf->sections, conf->path, item,
						      &finding->edits);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	static const char *const limits[] = { "DefaultLimitNOFILE", "DefaultLimitNPROC",
					      "DefaultLimitAS",	    "DefaultLimitDATA",
					      "DefaultLimitSTACK",  "DefaultLimitFSIZE",
					      "DefaultLimitCPU",    "DefaultTasksMax" };
	static const char *const timeouts[] = { "DefaultTimeoutStartSec",
						"DefaultDeviceTimeoutSec" };
	cleanup(systemd_conf_done) struct systemd_conf confs = { 0 };

	(void)err;
	systemd_conf_read(machine, "system", &confs);
	for (size_t i = 0; i < ARRAY_LEN(limits); i++)
		look_at_limit(machine, &confs, limits[i], out);
	for (size_t i = 0; i < ARRAY_LEN(timeouts); i++)
		look_at_timeout(machine, &confs, timeouts[i], out);
	return 0;
}

const struct check check_systemd_limits = {
	.name = "systemd-limits",
	.title = "system.conf limits every service so much that nothing starts",
	.explain =
		"DefaultLimit…= and DefaultTasksMax= in system.conf hold for every service that "
		"says "
		"nothing else, also for those that mount, load modules and log. A value meant for "
		"one program (8 descriptors, 16 MiB of address space) ends the boot in emergency "
		"mode; a default time-out of a second does so as soon as a disk takes longer. What "
		"no login survives is commented out, so that the built-in default counts again; "
		"what is only very little is offered.",
	.source = "systemd-system.conf(5); systemd.exec(5), LimitNOFILE and the like; seen with "
		  "systemd 252: emergency mode with DefaultLimitNOFILE=8, DefaultLimitAS=16M",
	.rows = "62,66",
	.repair = REPAIR_SURE,
	.examine = examine,
};
