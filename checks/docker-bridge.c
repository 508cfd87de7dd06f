/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "base/ipaddr.h"
#include "checks/nic_address.h"
#include "checks/nic_names.h"
#include "checks/units.h"

#include <jansson.h>
#include <stdio.h>

#define PATH "/etc/docker/daemon.json"

struct view {
	const struct machine *machine;
	const struct str *text;
	struct findings *out;
};

static bool overlap(const struct ip_net *a, const struct ip_net *b)
{
	struct ip first_a = ip_net_first(a), first_b = ip_net_first(b);

	return a->addr.is_v6 == b->addr.is_v6 && (ip_in(&first_a, b) || ip_in(&first_b, a));
}

/* Line of a text that is there as a JSON string; 0: it is written in another way. */
static uint32_t line_of(const struct str *text, const char *value)
{
	cleanup(free) char *quoted = mem_printf("\"%s\"", value);
	const char *at = strstr(text->s, quoted);
	uint32_t line = 1;

	if (!at)
		return 0;
	for (const char *p = text->s; p < at; p++)
		line += *p == '\n';
	return line;
}

static bool is_free(const struct cloud_facts *cloud, const char *text)
{
	struct ip_net net, vpc;

	if (ip_net_parse(text, &net) < 0)
		return false;
	for (size_t i = 0; i < cloud->vpc_cidr_count; i++)
		if (!ip_net_parse(cloud->vpc_cidrs[i], &vpc) && overlap(&net, &vpc))
			return false;
	return true;
}

/* A network of Docker's that takes the place of one the instance needs. */
static void judge(const struct view *v, const char *value, const char *what, bool is_now)
{
	static const char *const others[] = { "172.17.0.1/16", "192.168.240.1/20",
					      "172.29.0.1/16" };
	const struct cloud_facts *cloud = machine_cloud(v->machine);
	const struct cloud_interface *nic = nic_by_index(v->machine, 0);
	struct ip_net net, subnet, vpc;
	const char *over = NULL, *other = NULL;
	bool hides_subnet = false;
	struct finding *finding;

	if (ip_net_parse(value, &net) < 0 || net.addr.is_v6)
		return;
	if (nic && nic->subnet_cidr && !ip_net_parse(nic->subnet_cidr, &subnet) &&
	    overlap(&net, &subnet)) {
		struct ip first = ip_net_first(&subnet), router = ip_add(&first, 1);

		over = nic->subnet_cidr;
		hides_subnet =
			is_now && ip_in(&router, &net) &&
			ip_mask_prefix(net.mask, false) >= ip_mask_prefix(subnet.mask, false);
	}
	for (size_t i = 0; !over && i < cloud->vpc_cidr_count; i++)
		if (!ip_net_parse(cloud->vpc_cidrs[i], &vpc) && overlap(&net, &vpc))
			over = cloud->vpc_cidrs[i];
	if (!over)
		return;
	for (size_t i = 0; i < ARRAY_LEN(others) && !other; i++)
		other = is_free(cloud, others[i]) ? others[i] : NULL;
	finding = finding_add(
		v->out, hides_subnet ? SEVERITY_BLOCKS_LOGIN : SEVERITY_DELAYS,
		other && str_eq(what, "bip") ? (hides_subnet ? REPAIR_SURE : REPAIR_OFFERED)
					     : REPAIR_NONE,
		"119", PATH, line_of(v->text, value), "%s %s lies over %s; %s", what,
		machine_quote(v->machine, value, strlen(value)), over,
		hides_subnet ? "once Docker has started, packets for the router go to "
			       "its bridge and nobody gets an answer"
			     : "hosts of the VPC in that range get no answer");
	if (finding->repair != REPAIR_NONE)
		nic_respell(PATH, v->text, &(struct nic_respell){ finding->line, value, other }, 1,
			    &finding->edits);
	if (!finding->edits.count)
		finding->repair = REPAIR_NONE;
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	struct err why = ERR_INIT;
	struct view v = { machine, machine_file(machine, PATH, &why), out };
	const json_t *pools, *pool;
	json_t *root;
	size_t i;

	(void)err;
	if (!v.text || !machine_cloud(machine) ||
	    (machine_unit(machine, "docker.service") != UNIT_ENABLED &&
	     machine_unit(machine, "docker.socket") != UNIT_ENABLED))
		return 0;
	root = json_loadb(v.text->s, v.text->len, 0, NULL);
	if (!root)
		return 0; /* dockerd refuses it and does not start */
	if (json_string_value(json_object_get(root, "bip")))
		judge(&v, json_string_value(json_object_get(root, "bip")), "bip",
		      machine_unit(machine, "docker.service") == UNIT_ENABLED);
	pools = json_object_get(root, "default-address-pools");
	json_array_foreach (pools, i, pool) {
		const char *base = json_string_value(json_object_get(pool, "base"));

		if (base)
			judge(&v, base, "default-address-pools", false);
	}
	json_decref(root);
	return 0;
}

const struct check check_docker_bridge = {
	.name = "docker-bridge",
	.title = "Docker's bridge has addresses of the VPC",
	.explain =
		"Docker gives its bridge a network and a route to it. When bip in daemon.json lies "
		"over the instance's subnet, the router's address is looked for on the bridge as "
		"soon as Docker has started, and the instance that booted well goes silent; over "
		"another part of the VPC only the hosts there get no answer. The repair gives the "
		"bridge a network outside the VPC. Pools for further networks are reported alone: "
		"they count when a network is made.",
	.source = "dockerd(8), --bip, --default-address-pool; ip-route(8)",
	.rows = "119",
	.repair = REPAIR_SURE,
	.needs = NEEDS_CLOUD,
	.examine = examine,
};
