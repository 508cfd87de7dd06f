/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/nat.h"
#include "checks/units.h"

/* Would the rules, once loaded, leave sshd reachable? */
static bool is_safe(const struct machine *machine, struct nat_file *file)
{
	cleanup(ipt_host_facts_done) struct ipt_host_facts facts = { 0 };
	struct err ignored = ERR_INIT;
	struct ipt_reach reach;
	uint16_t port;

	if (file->rules.problems.count || file->rules.is_odd ||
	    ipt_host_facts(machine, &facts, &ignored) < 0)
		return false;
	ipt_reach_sshd(&file->rules, &facts.host, &reach, &port);
	return reach.outside != IPT_BLOCKED || reach.inside != IPT_BLOCKED;
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	cleanup(nat_done) struct nat nat = { 0 };
	struct finding *finding;

	if (nat_read(machine, &nat, err) < 0)
		return -1;
	if (!nat.is_forwarding || nat.has_other || nat_translating(&nat) ||
	    machine_unit(machine, "nftables.service") == UNIT_ENABLED)
		return 0;
	vec_foreach (file, &nat.files) {
		const char *path = file->unit ? machine_unit_path(machine, file->unit) : NULL;
		cleanup(free) char *link = NULL;

		if (file->is_loaded || !path ||
		    machine_unit(machine, file->unit) != UNIT_DISABLED ||
		    !nat_rule(&file->rules, NULL))
			continue;
		link = mem_printf("/etc/systemd/system/multi-user.target.wants/%s", file->unit);
		finding = finding_add(
			out, SEVERITY_DELAYS, REPAIR_OFFERED, "135", file->file.path,
			nat_rule(&file->rules, NULL)->line,
			"the kernel forwards and these saved rules translate addresses "
			"for other hosts, but %s, which would load them, is not started "
			"at boot: the hosts have no way out",
			file->unit);
		if (is_safe(machine, file))
			edit_symlink(&finding->edits, link, path);
		else
			finding->repair = REPAIR_NONE;
	}
	return 0;
}

const struct check check_nat_service = {
	.name = "nat-service",
	.title = "a NAT instance's saved rules are not loaded at boot",
	.explain =
		"Rules that translate addresses are saved where iptables.service or "
		"netfilter-persistent.service reads them, sysctl switches forwarding on, and "
		"nothing "
		"that is started at boot loads them: after a restart the translation is gone. The "
		"repair starts the service at boot, unless the rules would lock sshd out; it is "
		"offered, as the rules may have been replaced by something else.",
	.source = "systemctl(1), enable; iptables-services; netfilter-persistent(8)",
	.rows = "135",
	.repair = REPAIR_OFFERED,
	.needs = NEEDS_CLOUD,
	.examine = examine,
};
