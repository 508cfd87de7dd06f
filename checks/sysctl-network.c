/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/boot.h"
#include "checks/check.h"
#include "checks/nic_names.h"
#include "checks/sysctl.h"
#include "fs/lines.h"

#include <ctype.h>

/* What a value does to the network. */
struct verdict {
	const char *why; /* NULL: fine */
	enum severity severity;
	enum repair_class repair;
};

static struct verdict of_arp_ignore(const struct machine *machine, int64_t value)
{
	(void)machine;
	/* 1 and 2 are in wide use and harmless; 8 answers nobody, the router neither. */
	if (value != 8)
		return (struct verdict){ 0 };
	return (struct verdict){ "the router's ARP requests stay unanswered, and nothing arrives",
				 SEVERITY_BLOCKS_LOGIN, REPAIR_SURE };
}

static struct verdict of_ttl(const struct machine *machine, int64_t value)
{
	(void)machine;
	if (value >= 32 || value < 1)
		return (struct verdict){ 0 }; /* the kernel refuses 0 */
	return (struct verdict){ "answers die on their way, after so many routers",
				 SEVERITY_BLOCKS_LOGIN, value < 8 ? REPAIR_SURE : REPAIR_OFFERED };
}

static struct verdict of_neighbours(const struct machine *machine, int64_t value)
{
	(void)machine;
	if (value >= 64)
		return (struct verdict){ 0 };
	return (struct verdict){
		"the neighbour table holds no more entries; packets are dropped when "
		"it overflows",
		value < 4 ? SEVERITY_BLOCKS_LOGIN : SEVERITY_DELAYS,
		value < 4 ? REPAIR_SURE : REPAIR_OFFERED
	};
}

/* The switch is gone since Linux 4.12. */
static bool has_tw_recycle(const struct machine *machine)
{
	const struct tree_names *names = machine_list(machine, "/lib/modules");

	for (size_t i = 0; names && i < names->count; i++)
		if (isdigit((unsigned char)*names->items[i]) &&
		    version_compare(names->items[i], "4.12") < 0)
			return true;
	return false;
}

static struct verdict of_tw_recycle(const struct machine *machine, int64_t value)
{
	if (value != 1 || !has_tw_recycle(machine))
		return (struct verdict){ 0 };
	return (struct verdict){
		"connections of clients behind one NAT address are dropped without a "
		"word",
		SEVERITY_DELAYS, REPAIR_SURE
	};
}

static struct verdict of_rp_filter(const struct machine *machine, int64_t value)
{
	if (value != 1 || nic_count(machine) < 2)
		return (struct verdict){ 0 };
	return (struct verdict){
		"with more than one network interface, packets that come in on the one "
		"and would be answered by the other are dropped",
		SEVERITY_DELAYS, REPAIR_OFFERED
	};
}

/* Only where every address of the instance is an IPv6 one. */
static struct verdict of_disable_ipv6(const struct machine *machine, int64_t value)
{
	const struct cloud_interface *nic = nic_by_index(machine, 0);
	bool is_v6_only = nic && nic->private_ip_count;

	for (size_t i = 0; is_v6_only && i < nic->private_ip_count; i++)
		is_v6_only = strchr(nic->private_ips[i], ':') != NULL;
	if (value != 1 || !is_v6_only)
		return (struct verdict){ 0 };
	return (struct verdict){ "the instance has nothing but IPv6 addresses",
				 SEVERITY_BLOCKS_LOGIN, REPAIR_SURE };
}

static struct verdict of_echo(const struct machine *machine, int64_t value)
{
	(void)machine;
	if (value != 1)
		return (struct verdict){ 0 };
	return (struct verdict){ "the instance answers no ping, which is no sign of its being down",
				 SEVERITY_NOTE, REPAIR_NONE };
}

static const struct {
	const char *key;
	const char *rows;
	struct verdict (*judge)(const struct machine *, int64_t value);
} parameters[] = {
	{ "net.ipv4.conf.all.arp_ignore", "121", of_arp_ignore },
	{ "net.ipv4.conf.default.arp_ignore", "121", of_arp_ignore },
	{ "net.ipv4.conf.eth0.arp_ignore", "121", of_arp_ignore },
	{ "net.ipv4.conf.ens5.arp_ignore", "121", of_arp_ignore },
	{ "net.ipv4.ip_default_ttl", "121", of_ttl },
	{ "net.ipv4.neigh.default.gc_thresh3", "121", of_neighbours },
	{ "net.ipv4.tcp_tw_recycle", "121", of_tw_recycle },
	{ "net.ipv4.conf.all.rp_filter", "121,132", of_rp_filter },
	{ "net.ipv6.conf.all.disable_ipv6", "121", of_disable_ipv6 },
	{ "net.ipv4.icmp_echo_ignore_all", "121", of_echo },
};

/* All lines that give the key such a value: else an earlier one would count next. */
static void comment_all(const struct machine *machine, size_t number,
			const struct sysctl_item *found, struct finding *finding)
{
	vec_foreach (item, sysctl_model(machine)) {
		struct err ignored = ERR_INIT;
		const struct str *text;
		int64_t value;

		if (!str_eq(item->key, found->key) || !sysctl_number(item, &value) ||
		    !parameters[number].judge(machine, value).why ||
		    !str_starts(item->path, "/etc/"))
			continue;
		text = machine_file(machine, item->path, &ignored);
		if (text)
			lines_edit_comment(&finding->edits, item->path, text, item->line, 1);
	}
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	(void)err;
	for (size_t i = 0; i < ARRAY_LEN(parameters); i++) {
		const struct sysctl_item *item = sysctl_find(machine, parameters[i].key);
		struct finding *finding;
		struct verdict verdict;
		int64_t value;

		if (!item || !sysctl_number(item, &value) || !str_starts(item->path, "/etc/"))
			continue; /* what a distribution ships is not at fault */
		verdict = parameters[i].judge(machine, value);
		if (!verdict.why)
			continue;
		finding = finding_add(out, verdict.severity, verdict.repair, parameters[i].rows,
				      item->path, item->line, "%s = %s: %s", parameters[i].key,
				      machine_quote(machine, item->value, strlen(item->value)),
				      verdict.why);
		if (verdict.repair != REPAIR_NONE)
			comment_all(machine, i, item, finding);
		if (!finding->edits.count)
			finding->repair = REPAIR_NONE;
	}
	return 0;
}

const struct check check_sysctl_network = {
	.name = "sysctl-network",
	.title = "a kernel parameter keeps packets or answers away",
	.explain =
		"Some parameters below net. take the instance off the network as a whole: "
		"arp_ignore=8 answers no ARP request, a tiny ip_default_ttl lets answers die on "
		"their way, a tiny gc_thresh3 leaves no room for the router's address, and "
		"disable_ipv6 removes the only addresses of an instance without IPv4. Others lose "
		"some clients: tcp_tw_recycle before Linux 4.12 those behind NAT, a strict "
		"rp_filter those that come in by a second interface. The repair puts a # before "
		"the lines, so that the kernel's own value holds.",
	.source = "Documentation/networking/ip-sysctl of Linux; arp(7); tcp(7), tcp_tw_recycle",
	.rows = "121,132",
	.repair = REPAIR_SURE,
	.needs = NEEDS_CLOUD,
	.examine = examine,
};
