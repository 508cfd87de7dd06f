/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/nat.h"
#include "fs/lines.h"

/* The digit behind "=" becomes 1; the line stays as it is otherwise. */
static bool set_to_one(const struct machine *machine, const struct sysctl_item *item,
		       struct edits *edits)
{
	struct err ignored = ERR_INIT;
	const struct str *text = machine_file(machine, item->path, &ignored);
	cleanup(str_done) struct str line = STR_INIT;
	char *value;

	/* What a package brought is not ours to change. */
	if (!text || !str_starts(item->path, "/etc/"))
		return false;
	lines_copy(text->s, text->len, item->line, 1, &line);
	value = strchr(line.s, '=');
	if (!value)
		return false;
	value += 1 + strspn(value + 1, " \t");
	if (*value != '0' || (value[1] && !strchr(" \t\r\n", value[1])))
		return false;
	*value = '1';
	lines_edit_replace(edits, item->path, text, item->line, 1, line.s);
	return true;
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	cleanup(nat_done) struct nat nat = { 0 };
	const struct nat_file *file;
	struct finding *finding;

	if (nat_read(machine, &nat, err) < 0)
		return -1;
	file = nat_translating(&nat);
	if (!file)
		return 0;
	if (nat.is_denied && !nat.has_other) {
		finding = finding_add(
			out, SEVERITY_DELAYS, nat.was_allowed ? REPAIR_SURE : REPAIR_OFFERED, "127",
			nat.forward->path, nat.forward->line,
			"%s translates addresses for other hosts, but this line, which is the last "
			"word, "
			"keeps the kernel from forwarding%s: hosts behind this one have no way out",
			file->file.path, nat.was_allowed ? " although another file allows it" : "");
		if (!set_to_one(machine, nat.forward, &finding->edits))
			finding->repair = REPAIR_NONE;
	}
	if (nat.is_shut_in_cloud && (nat.is_forwarding || (nat.is_denied && nat.was_allowed)))
		finding_add(
			out, SEVERITY_DELAYS, REPAIR_NONE, "133", NULL, 0,
			"this instance forwards and translates for other hosts, but the "
			"source/destination check is on for each of its network interfaces: the "
			"network drops what it forwards");
	return 0;
}

const struct check check_nat_forwarding = {
	.name = "nat-forwarding",
	.title = "a NAT instance does not forward, or the network drops what it forwards",
	.explain =
		"Saved rules that are loaded at boot translate addresses for other hosts, and "
		"sysctl's last word on net.ipv4.ip_forward is 0, perhaps in a file that comes "
		"after the one that says 1; or the source/destination check of the instance's "
		"network interfaces is on. Programs that switch forwarding on themselves (Docker, "
		"firewalld, networkd, ufw, ...) are minded. The repair sets the last word to 1; "
		"the "
		"check in the cloud is switched off with `aws ec2 "
		"modify-network-interface-attribute "
		"--no-source-dest-check`.",
	.source = "sysctl.d(5); kernel: networking/ip-sysctl; VPC user guide, NAT instances",
	.rows = "127,133",
	.repair = REPAIR_SURE,
	.needs = NEEDS_CLOUD,
	.examine = examine,
};
