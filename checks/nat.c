/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/nat.h"
#include "checks/units.h"

static bool is_enabled(const struct machine *machine, const char *unit)
{
	return machine_unit(machine, unit) == UNIT_ENABLED;
}

/* Interfaces of containers, virtual machines and tunnels. */
static bool is_virtual(const char *name)
{
	static const char *const prefixes[] = { "docker", "br", "virbr", "veth", "tun",
						"tap",	  "wg", "lxc",	 "lxd",	 "cni",
						"ppp",	  "lo", "vnet" };

	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (str_starts(name, prefixes[i]))
			return true;
	return false;
}

/* For the hosts of a network, out of a real interface. */
static bool is_translation(const struct ipt_rule *rule)
{
	if (rule->target != IPT_NAT)
		return false;
	vec_foreach (cond, &rule->conds)
		if (((cond->kind == IPT_OUT || cond->kind == IPT_IN) &&
		     (cond->is_not || is_virtual(cond->name))) ||
		    cond->kind == IPT_NEVER)
			return false;
	return true;
}

const struct ipt_rule *nat_rule(const struct ipt_rules *rules, const struct ipt_rule *after)
{
	const struct ipt_table *table = ipt_table_find(rules, "nat");
	const struct ipt_chain *chain =
		table && table->is_loaded ? ipt_chain_find(table, "POSTROUTING") : NULL;
	bool is_behind = !after;

	if (!chain)
		return NULL;
	vec_foreach (rule, &chain->rules) {
		if (is_behind && is_translation(*rule))
			return *rule;
		is_behind |= *rule == after;
	}
	return NULL;
}

const struct nat_file *nat_translating(const struct nat *nat)
{
	vec_foreach (file, &nat->files)
		if (file->is_loaded && nat_rule(&file->rules, NULL))
			return file;
	return NULL;
}

static void add_file(struct nat *nat, const struct ipt_file *file, const char *unit, bool is_loaded)
{
	struct nat_file *to = vec_add(&nat->files);

	to->file = *file;
	to->unit = unit;
	to->is_loaded = is_loaded;
	ipt_file_read(nat->machine, file, file->text, &to->rules);
}

/* Saved rules that nothing loads. */
static void add_idle(struct nat *nat)
{
	static const struct {
		const char *unit, *path;
	} known[] = { { "iptables.service", "/etc/sysconfig/iptables" },
		      { "netfilter-persistent.service", "/etc/iptables/rules.v4" } };

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		struct err ignored = ERR_INIT;
		struct ipt_file file = { .path = (char *)(uintptr_t)known[i].path };
		bool is_known = false;

		vec_foreach (loaded, &nat->loaded)
			is_known |= str_eq(loaded->path, known[i].path);
		file.text = is_known ? NULL : machine_file(nat->machine, known[i].path, &ignored);
		if (file.text)
			add_file(nat, &file, known[i].unit, false);
	}
}

static bool has_text(const struct machine *machine, const char *dir, const char *const *words)
{
	const struct tree_names *names = machine_list(machine, dir);

	if (!names)
		return true;
	vec_foreach (name, names) {
		cleanup(free) char *path = mem_printf("%s/%s", dir, *name);
		struct err ignored = ERR_INIT;
		const struct str *text = machine_file(machine, path, &ignored);

		for (size_t i = 0; text && words[i]; i++)
			if (strstr(text->s, words[i]))
				return true;
	}
	return false;
}

/* Programs that set the switch themselves after sysctl has run, or translate on their own. */
static bool has_other(const struct machine *machine)
{
	static const char *const units[] = {
		"docker.service",    "docker.socket",  "containerd.service", "libvirtd.service",
		"kubelet.service",   "k3s.service",    "lxd.service",	     "lxc-net.service",
		"firewalld.service", "ufw.service",    "strongswan.service", "fck-nat.service",
		"tuned.service",     "openvpn.service"
	};
	static const char *const words[] = { "IPForward", "IPMasquerade", "IPv4Forwarding", NULL };
	static const char *const scripts[] = { "ip_forward", NULL };
	static const char *const rc[] = { "/etc/rc.local", "/etc/rc.d/rc.local" };

	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (is_enabled(machine, units[i]))
			return true;
	for (size_t i = 0; i < ARRAY_LEN(rc); i++) {
		struct err ignored = ERR_INIT;
		const struct str *text = machine_file(machine, rc[i], &ignored);

		if (text && strstr(text->s, "ip_forward"))
			return true;
	}
	return (is_enabled(machine, "systemd-networkd.service") &&
		has_text(machine, "/etc/systemd/network", words)) ||
	       has_text(machine, "/etc/systemd/system", scripts);
}

static void read_forward(struct nat *nat)
{
	static const char *const keys[] = { "net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding",
					    NULL };
	const struct sysctls *all = sysctl_model(nat->machine);
	int64_t number;

	nat->forward = sysctl_last(nat->machine, keys);
	if (sysctl_number(nat->forward, &number)) {
		nat->is_forwarding = number == 1;
		nat->is_denied = number == 0;
	}
	vec_foreach (item, all)
		nat->was_allowed |= !item->is_glob &&
				    (str_eq(item->key, "net/ipv4/ip_forward") ||
				     str_eq(item->key, "net/ipv4/conf/all/forwarding")) &&
				    sysctl_number(item, &number) && number == 1;
}

static void read_cloud(struct nat *nat)
{
	const struct cloud_facts *cloud = machine_cloud(nat->machine);
	size_t on = 0;

	for (size_t i = 0; cloud && i < cloud->interface_count; i++) {
		nat->is_open_in_cloud |= cloud->interfaces[i].source_check == SOURCE_CHECK_OFF;
		on += cloud->interfaces[i].source_check == SOURCE_CHECK_ON;
	}
	nat->is_shut_in_cloud = cloud && on > 0 && on == cloud->interface_count;
}

int nat_read(const struct machine *machine, struct nat *ret, struct err *err)
{
	*ret = (struct nat){ .machine = machine };
	if (ipt_files_find(machine, &ret->loaded, err) < 0)
		return -1;
	vec_foreach (file, &ret->loaded)
		if (!file->is_v6)
			add_file(ret, file, NULL, true);
	add_idle(ret);
	read_forward(ret);
	read_cloud(ret);
	ret->has_other = has_other(machine);
	return 0;
}

void nat_done(struct nat *nat)
{
	vec_foreach (file, &nat->files)
		ipt_rules_done(&file->rules);
	vec_done(&nat->files);
	ipt_files_done(&nat->loaded);
}
