/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/ifcfg.h"
#include "checks/iptables_files.h"
#include "checks/leases.h"
#include "checks/sshd_conf.h"
#include "checks/units.h"

static void add_iface(struct ipt_host_facts *facts, const char *name, size_t len)
{
	char *copy = mem_strndup(name, len);

	vec_push(&facts->names, copy);
	vec_foreach (known, &facts->ifaces)
		if (str_eq(*known, copy))
			return;
	if (len && len < 16 && !str_starts(copy, "lo"))
		vec_push(&facts->ifaces, copy);
}

static bool is_enabled(const struct machine *machine, const char *unit)
{
	return machine_unit(machine, unit) == UNIT_ENABLED;
}

/* Names in ifcfg files. True: no other interface gets an address, for initscripts bring up what
 * has a file and nothing else (but for Amazon's helpers, which add secondary ones). */
static bool find_ifcfg_ifaces(const struct machine *machine, struct ipt_host_facts *facts)
{
	struct ifcfgs set = { 0 };
	struct err ignored = ERR_INIT;
	bool is_all;

	if (ifcfgs_read(machine, &set, &ignored) < 0)
		return false;
	is_all = set.is_read && set.has_initscripts && !set.has_nm && set.count > 0 &&
		 !str_eq(machine_os(machine)->id, "amzn");
	vec_foreach (file, &set) {
		is_all &= !file->is_unsure && file->device[0];
		if (set.is_read && file->device[0] && (file->is_nic || is_all))
			add_iface(facts, file->device, strlen(file->device));
	}
	ifcfgs_done(&set);
	return is_all;
}

/* The same of /etc/network/interfaces, unless it takes in others or another stack runs. */
static bool find_ifupdown_ifaces(const struct machine *machine, struct ipt_host_facts *facts)
{
	struct err ignored = ERR_INIT;
	const struct str *text = machine_file(machine, "/etc/network/interfaces", &ignored);
	bool is_all = !is_enabled(machine, "NetworkManager.service") &&
		      !is_enabled(machine, "systemd-networkd.service");

	if (!text || !is_enabled(machine, "networking.service"))
		return false;
	for (const char *at = text->s; *at; at += strcspn(at, "\n"), at += *at == '\n') {
		const char *word = at + strspn(at, " \t");

		is_all &= !str_starts(word, "source");
		if (!str_starts(word, "iface "))
			continue;
		word += 6 + strspn(word + 6, " \t");
		add_iface(facts, word, strcspn(word, " \t:.\n"));
	}
	return is_all;
}

/* Names that the network configuration gives to interfaces. */
static void find_ifaces(const struct machine *machine, struct ipt_host_facts *facts)
{
	const struct cloud_facts *cloud = machine_cloud(machine);
	bool is_all = find_ifcfg_ifaces(machine, facts);

	is_all |= find_ifupdown_ifaces(machine, facts);
	facts->host.ifaces = facts->ifaces.items;
	facts->host.iface_count = facts->ifaces.count;
	facts->host.has_all_ifaces = is_all || (cloud && cloud->interface_count > 0 &&
						cloud->interface_count == facts->ifaces.count);
}

static void find_addresses(const struct machine *machine, struct ipt_host_facts *facts)
{
	const struct cloud_facts *cloud = machine_cloud(machine);
	struct lease lease;
	struct ip_net net;
	struct ip ip;

	for (size_t i = 0; cloud && i < cloud->interface_count; i++)
		for (size_t j = 0; j < cloud->interfaces[i].private_ip_count; j++)
			if (!ip_parse(cloud->interfaces[i].private_ips[j], &ip) && !ip.is_v6)
				vec_push(&facts->addrs, ip);
	for (size_t i = 0; cloud && i < cloud->vpc_cidr_count; i++)
		if (!ip_net_parse(cloud->vpc_cidrs[i], &net))
			vec_push(&facts->vpc, net);
	/* Without the cloud's word: the subnet in which the volume last had an address. */
	vec_foreach (name, &facts->ifaces)
		if (!cloud && lease_find(machine, *name, &lease))
			vec_push(&facts->vpc, lease.subnet);
	facts->host.addrs = facts->addrs.items;
	facts->host.addr_count = facts->addrs.count;
	facts->host.vpc = facts->vpc.items;
	facts->host.vpc_count = facts->vpc.count;
}

int ipt_host_facts(const struct machine *machine, struct ipt_host_facts *ret, struct err *err)
{
	cleanup(sshd_listens_done) struct sshd_listens listens = { 0 };
	size_t v6_only = 0;

	*ret = (struct ipt_host_facts){ 0 };
	if (sshd_listen(machine, &listens, err) < 0)
		return -1;
	vec_foreach (listen, &listens) {
		bool is_known = false;

		if (listen->address &&
		    (str_eq(listen->address, "::1") || str_starts(listen->address, "127.")))
			continue;
		v6_only += listen->address && strchr(listen->address, ':') != NULL;
		vec_foreach (port, &ret->ports)
			is_known |= *port == listen->port;
		if (!is_known && listen->port > 0 && listen->port < 65536)
			vec_push(&ret->ports, (uint16_t)listen->port);
	}
	ret->is_v6_only = v6_only > 0 && v6_only == listens.count;
	ret->host.ports = ret->ports.items;
	ret->host.port_count = ret->ports.count;
	find_ifaces(machine, ret);
	find_addresses(machine, ret);
	return 0;
}

void ipt_host_facts_done(struct ipt_host_facts *facts)
{
	vec_foreach (name, &facts->names)
		free(*name);
	vec_done(&facts->names);
	vec_done(&facts->addrs);
	vec_done(&facts->vpc);
	vec_done(&facts->ifaces);
	vec_done(&facts->ports);
}

static unsigned worth(const struct ipt_reach *reach)
{
	return (unsigned)reach->outside * 9 + (unsigned)reach->inside * 3 + (unsigned)reach->other;
}

void ipt_reach_sshd(struct ipt_rules *rules, const struct ipt_host *host, struct ipt_reach *ret,
		    uint16_t *ret_port)
{
	*ret = (struct ipt_reach){ 0 };
	*ret_port = host->port_count ? host->ports[0] : 0;
	for (size_t i = 0; i < host->port_count; i++) {
		struct ipt_reach reach;

		ipt_reach(rules, host, host->ports[i], &reach);
		if (i > 0 && worth(&reach) <= worth(ret))
			continue;
		*ret = reach;
		*ret_port = host->ports[i];
	}
}
