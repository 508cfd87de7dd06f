/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For whom is translated, and which card is the way out. */
#include "checks/ifcfg.h"
#include "checks/nat_setup.h"
#include "checks/netplan.h"
#include "checks/networkd.h"
#include "checks/nic_names.h"

#include <stdlib.h>

static int find_ranges(struct nat_plan *plan, const struct wanted_nat *wanted, struct err *err)
{
	const struct cloud_facts *cloud;
	struct ip_net net;

	if (!str_eq(wanted->range, NAT_OF_VPC)) {
		if (nat_range_read(wanted->range, &net, err) < 0)
			return -1;
		vec_push(&plan->ranges, net);
		return 0;
	}
	cloud = machine_cloud(plan->machine);
	for (size_t i = 0; cloud && i < cloud->vpc_cidr_count; i++) {
		struct err ignored = ERR_INIT;

		if (!nat_range_read(cloud->vpc_cidrs[i], &net, &ignored))
			vec_push(&plan->ranges, net);
	}
	if (!plan->ranges.count)
		return err_set(err, ERR_COULD_NOT_TELL,
			       "the VPC's ranges are not known here; name the range of the hosts "
			       "behind, as in --setup-nat 10.0.0.0/16");
	return 0;
}

/* A name of a card that this instance may have. */
static void add_name(struct nat_plan *plan, const char *name)
{
	if (!name || !nic_name_is_card(name) || strlen(name) > 15 ||
	    nic_name_is_impossible(plan->machine, name))
		return;
	vec_foreach (known, &plan->names)
		if (str_eq(*known, name))
			return;
	vec_push(&plan->names, mem_strdup(name));
}

static const char *word_of(const struct netplan_value *value)
{
	return value->file && value->node ? value->node->value : NULL;
}

/* The name that the card with this number in the cloud has, by its MAC in some configuration. */
static const char *named_by_mac(const struct nat_plan *plan, uint32_t index)
{
	const struct cloud_interface *nic = nic_by_index(plan->machine, index);
	const struct netplan *netplan = netplan_model(plan->machine);

	vec_foreach (file, networkd_model(plan->machine))
		if (nic && file->device && file->mac && nic_by_mac(plan->machine, file->mac) == nic)
			return file->device;
	if (nic && netplan)
		vec_foreach (card, &netplan->cards)
			if (word_of(&card->match_mac) &&
			    nic_by_mac(plan->machine, word_of(&card->match_mac)) == nic)
				return word_of(&card->set_name);
	return NULL;
}

/* Names that the configuration knows. */
static void find_names(struct nat_plan *plan)
{
	const struct netplan *netplan = netplan_model(plan->machine);

	for (size_t i = 0; i < plan->facts.host.iface_count; i++)
		add_name(plan, plan->facts.host.ifaces[i]);
	vec_foreach (file, networkd_model(plan->machine))
		if (file->fit == NETWORKD_MAY)
			add_name(plan, file->device);
	if (netplan)
		vec_foreach (card, &netplan->cards)
			add_name(plan, card->set_name.file	  ? word_of(&card->set_name)
				       : card->match.file == NULL ? card->id
								  : word_of(&card->match_name));
	add_name(plan, nic_name_of_only(plan->machine));
}

/* The card with the public address, of which the one with number 0 is the usual one. */
static uint32_t outer_index(const struct machine *machine)
{
	const struct cloud_facts *cloud = machine_cloud(machine);
	const struct cloud_interface *first = nic_by_index(machine, 0);

	for (size_t i = 0; cloud && first && !first->has_public_ip && i < cloud->interface_count;
	     i++)
		if (cloud->interfaces[i].has_public_ip)
			return cloud->interfaces[i].device_index;
	return 0;
}

static const char *known_name(const struct nat_plan *plan, const char *name)
{
	vec_foreach (known, &plan->names)
		if (name && str_eq(*known, name))
			return *known;
	return NULL;
}

/* By /etc/sysconfig: GATEWAYDEV, or the file of the card with that number. */
static const char *by_ifcfg(const struct nat_plan *plan, uint32_t index)
{
	cleanup(ifcfgs_done) struct ifcfgs set = { 0 };
	struct err ignored = ERR_INIT;
	const char *name = NULL;

	if (ifcfgs_read(plan->machine, &set, &ignored) < 0)
		return NULL;
	if (!set.is_read)
		return NULL;
	vec_foreach (file, &set) {
		const struct cloud_interface *nic =
			ifcfg_cloud_interface(plan->machine, &set, file);

		if (nic && nic->device_index == index && !name)
			name = known_name(plan, file->device);
	}
	if (!name && !nic_count(plan->machine))
		name = known_name(plan, ifcfgs_network_get(&set, "GATEWAYDEV"));
	if (!name && !index && set.primary)
		name = known_name(plan, set.primary->device);
	return name;
}

/* The first card of an instance is in the lowest slot. NULL: not all are named after slots. */
static const char *in_lowest_slot(const struct nat_plan *plan)
{
	const char *lowest = NULL;
	unsigned long best = 0;

	vec_foreach (name, &plan->names) {
		unsigned long slot;
		char *end;

		if (!str_starts(*name, "ens"))
			return NULL;
		slot = strtoul(*name + 3, &end, 10);
		if (*end)
			return NULL;
		if (!lowest || slot < best) {
			lowest = *name;
			best = slot;
		}
	}
	return lowest;
}

/* Without a word about it, the first of two cards is the one to the outside where the kernel counts. */
static const char *by_custom(struct nat_plan *plan, uint32_t index)
{
	const struct cloud_facts *cloud = machine_cloud(plan->machine);

	if (!plan->names.count && !index && nic_naming(plan->machine) == NIC_NAMING_KERNEL)
		add_name(plan, "eth0");
	if (!plan->names.count && !index && nic_naming(plan->machine) == NIC_NAMING_SLOT && cloud &&
	    cloud->hypervisor && str_eq(cloud->hypervisor, "nitro") && cloud->instance_type &&
	    !strstr(cloud->instance_type, "metal"))
		add_name(plan, "ens5");
	if (plan->names.count == 1 && !index)
		return plan->names.items[0];
	vec_foreach (name, &plan->names) {
		const struct cloud_interface *nic = nic_for(plan->machine, *name, NULL);

		if (nic && nic->device_index == index)
			return *name;
	}
	if (index)
		return NULL;
	return known_name(plan, "eth0") ? known_name(plan, "eth0") : in_lowest_slot(plan);
}

static int find_out(struct nat_plan *plan, struct err *err)
{
	uint32_t index = outer_index(plan->machine);
	const char *name = known_name(plan, named_by_mac(plan, index));

	if (!name)
		name = by_ifcfg(plan, index);
	if (!name)
		name = by_custom(plan, index);
	if (!name)
		return err_set(err, ERR_COULD_NOT_TELL,
			       "what the network card to the outside is called here cannot be "
			       "told, so no rule can be made for it");
	for (size_t i = 0; i < plan->names.count; i++)
		if (plan->names.items[i] == name) {
			char *other = plan->names.items[0];

			plan->names.items[0] = plan->names.items[i];
			plan->names.items[i] = other;
			break;
		}
	/* Names that only some configuration has are no cards where the cloud knows of one alone. */
	while (nic_count(plan->machine) == 1 && plan->names.count > 1)
		free(plan->names.items[--plan->names.count]);
	plan->out = plan->names.items[0];
	return 0;
}

int nat_plan_make(const struct machine *machine, struct nat_plan *ret, struct err *err)
{
	*ret = (struct nat_plan){ .machine = machine };
	if (find_ranges(ret, machine_wanted_nat(machine), err) < 0 ||
	    ipt_host_facts(machine, &ret->facts, err) < 0)
		return -1;
	find_names(ret);
	/* A second card that nothing is configured for yet, which nat_set_interfaces will mend. */
	if (nic_count(machine) == 2 && nic_by_index(machine, 1) && ifcfg_names_are_eth(machine)) {
		add_name(ret, "eth0");
		add_name(ret, "eth1");
	}
	return find_out(ret, err);
}

void nat_plan_done(struct nat_plan *plan)
{
	vec_foreach (name, &plan->names)
		free(*name);
	vec_done(&plan->names);
	vec_done(&plan->ranges);
	ipt_host_facts_done(&plan->facts);
}

void nat_ranges_text(const struct nat_plan *plan, struct str *into)
{
	for (size_t i = 0; i < plan->ranges.count; i++) {
		char text[IP_TEXT_MAX];

		nat_range_text(&plan->ranges.items[i], text);
		str_addf(into, "%s%s", i ? " and " : "", text);
	}
}
