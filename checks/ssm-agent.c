/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/units.h"

static void look_at(const struct machine *machine, const char *unit, struct findings *out)
{
	const char *path = machine_unit_path(machine, unit);
	enum unit_state state = machine_unit(machine, unit);
	struct finding *finding;

	if (!path || state == UNIT_ENABLED || state == UNIT_MISSING)
		return;
	finding = finding_add(
		out, SEVERITY_NOTE, REPAIR_OFFERED, "136", path, 0,
		"%s is installed and %s: Session Manager and Run Command, a way in when "
		"ssh is none, do not reach the instance",
		unit, state == UNIT_MASKED ? "masked" : "not enabled");
	if (state != UNIT_MASKED) {
		cleanup(free) char *link =
			mem_printf("/etc/systemd/system/multi-user.target.wants/%s", unit);

		edit_symlink(&finding->edits, link, path);
	} else if (str_starts(path, "/etc/"))
		edit_remove(&finding->edits, path);
	else
		finding->repair = REPAIR_NONE;
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	(void)err;
	look_at(machine, "amazon-ssm-agent.service", out);
	look_at(machine, "snap.amazon-ssm-agent.amazon-ssm-agent.service", out);
	return 0;
}

const struct check check_ssm_agent = {
	.name = "ssm-agent",
	.title = "the SSM agent is installed and does not start",
	.explain = "The agent of AWS Systems Manager gives a shell without ssh. Installed but "
		   "masked or "
		   "not enabled it is no help in the next emergency. Whether it is wanted is the "
		   "owner's business: the repair, what `systemctl enable` or `unmask` does, is "
		   "offered. A system without the agent is no fault.",
	.source = "AWS Systems Manager user guide, \"Working with SSM Agent on EC2 instances for "
		  "Linux\"; systemctl(1)",
	.rows = "136",
	.repair = REPAIR_OFFERED,
	.examine = examine,
};
