/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/ifcfg.h"
#include "checks/iptables_files.h"
#include "checks/leases.h"
#include "checks/sshd_conf.h"

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

/* Names that the network configuration gives to Ethernet interfaces. */
static void find_ifaces(const struct machine *machine, struct ipt_host_facts *facts)
{
	struct ifcfgs set = { 0 };
	struct err ignored = ERR_INIT;
	const struct str *text = machine_file(machine, "/etc/network/interfaces", &ignored);
	const struct cloud_facts *cloud = machine_cloud(machine);

	if (!ifcfgs_read(machine, &set, &ignored)) {
		vec_foreach (file, &set)
			if (set.is_read && file->is_nic && file->device[0])
				add_iface(facts, file->device, strlen(file->device));
		ifcfgs_done(&set);
	}
	if (text && machine_unit(machine, "networking.service") == UNIT_ENABLED)
		for (const char *at = text->s; *at; at += strcspn(at, "\n"), at += *at == '\n') {
			const char *word = at + strspn(at, " \t");

			if (!str_starts(word, "iface "))
				continue;
			word += 6 + strspn(word + 6, " \t");
			add_iface(facts, word, strcspn(word, " \t:.\n"));
		}
	facts->host.ifaces = facts->ifaces.items;
	facts->host.iface_count = facts->ifaces.count;
	facts->host.has_all_ifaces = cloud && cloud->interface_count > 0 &&
				     cloud->interface_count == facts->ifaces.count;
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
