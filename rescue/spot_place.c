/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/spot_restore.h"

void spot_place_done(struct spot_place *place)
{
	ec2_subnets_done(&place->subnets);
	ec2_security_groups_done(&place->groups);
	ec2_elastic_ips_done(&place->addresses);
	ec2_enis_done(&place->enis);
	ec2_instance_types_done(&place->types);
	ec2_instances_done(&place->others);
	ec2_instances_done(&place->siblings);
	ec2_spot_requests_done(&place->requests);
	ec2_instances_done(&place->unfinished);
}

/* "sg-1 sg-2" */
static void split(const char *list, char **ret_copy, struct words *ret)
{
	char *save = NULL;

	*ret_copy = mem_strdup(list ?: "");
	for (char *word = strtok_r(*ret_copy, " ", &save); word;
	     word = strtok_r(NULL, " ", &save)) {
		word[strcspn(word, ":")] = '\0'; /* of an interface: its place */
		if (ret->count < 100)
			vec_push(ret, word);
	}
}

struct question {
	struct ec2_filter filter;
	struct ec2_describe request;
	struct ec2_op op;
	bool is_asked, is_told;
};

static void prepare(struct question *q, const char *name, const char *const *values, size_t count)
{
	q->filter = (struct ec2_filter){ name, values, count };
	q->request = (struct ec2_describe){ .filters = &q->filter, .filter_count = 1 };
	q->is_asked = count > 0;
}

/* What cannot be looked up is asked of EC2 when it matters. */
static int take(struct spot *spot, struct question *q, const char *what, struct err *err)
{
	struct err why = ERR_INIT;
	cleanup(free) char *text = NULL;

	if (!q->is_asked)
		return 0;
	q->is_told = spot_wait(spot, &q->op, &why) == 0;
	if (q->is_told)
		return 0;
	if (why.code == ERR_INTERRUPTED || why.code == ERR_CREDENTIALS) {
		*err = why;
		return -1;
	}
	text = mem_printf("%s: %s", what, why.text);
	report_say(spot->report, NULL, "warning", "{s:s}", "text", text);
	return 0;
}

/* All side by side. */
int spot_place_find(struct spot_restore *r, struct err *err)
{
	static const char *const names[] = { "the subnets",
					     "the security groups",
					     "the Elastic IP address",
					     "the further interfaces",
					     "the instance type",
					     "the instance",
					     "its spot request",
					     "instances of its name" };
	struct spot *spot = r->spot;
	struct spot_place *p = &r->place;
	const char *set_id = r->set->id, *name = r->set->name, *type, *subnet;
	cleanup(free) char *groups_text = NULL, *enis_text = NULL;
	struct words groups = { 0 }, enis = { 0 };
	struct question q[9] = { 0 };
	int rc = 0;

	split(r->set->groups, &groups_text, &groups);
	split(r->set->interfaces, &enis_text, &enis);
	spot_first_place(r, &type, &subnet);
	prepare(&q[0], "vpc-id", (const char *const *)&r->set->vpc, r->set->vpc ? 1 : 0);
	prepare(&q[1], "group-id", groups.items, groups.count);
	prepare(&q[2], "public-ip", (const char *const *)&r->set->elastic_ip,
		r->set->elastic_ip ? 1 : 0);
	prepare(&q[3], "network-interface-id", enis.items, enis.count);
	prepare(&q[4], "instance-type", &type, type ? 1 : 0);
	prepare(&q[5], "instance-id", (const char *const *)&r->set->instance,
		r->set->instance ? 1 : 0);
	prepare(&q[6], "instance-id", (const char *const *)&r->set->instance,
		r->set->instance ? 1 : 0);
	prepare(&q[7], "tag:" SPOT_TAG, &name, 1);
	prepare(&q[8], "tag:" SPOT_RESTORING_TAG, &set_id, 1);
	if (q[0].is_asked)
		ec2_describe_subnets(spot->ec2, &q[0].request, &p->subnets, &q[0].op);
	if (q[1].is_asked)
		ec2_describe_security_groups(spot->ec2, &q[1].request, &p->groups, &q[1].op);
	if (q[2].is_asked)
		ec2_describe_addresses(spot->ec2, &q[2].request, &p->addresses, &q[2].op);
	if (q[3].is_asked)
		ec2_describe_enis(spot->ec2, &q[3].request, &p->enis, &q[3].op);
	if (q[4].is_asked)
		ec2_describe_instance_types(spot->ec2, &q[4].request, &p->types, &q[4].op);
	if (q[5].is_asked)
		ec2_describe_instances(spot->ec2, &q[5].request, &p->others, &q[5].op);
	if (q[6].is_asked)
		ec2_describe_spot_requests(spot->ec2, &q[6].request, &p->requests, &q[6].op);
	ec2_describe_instances(spot->ec2, &q[7].request, &p->siblings, &q[7].op);
	ec2_describe_instances(spot->ec2, &q[8].request, &p->unfinished, &q[8].op);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (rc == 0)
			rc = take(spot, &q[i], names[i], err);
	p->has_groups = q[1].is_told;
	p->has_addresses = q[2].is_told;
	p->has_enis = q[3].is_told;
	if (rc == 0) /* without this one an instance might be launched twice */
		rc = spot_wait(spot, &q[8].op, err);
	for (size_t i = 0; rc < 0 && i < ARRAY_LEN(q); i++)
		ec2_cancel(spot->ec2, &q[i].op);
	vec_done(&groups);
	vec_done(&enis);
	return rc;
}

const struct ec2_subnet *spot_subnet(const struct spot_restore *r, const char *id)
{
	vec_foreach (s, &r->place.subnets)
		if (id && s->id && str_eq(s->id, id))
			return s;
	return NULL;
}

void spot_facts(const struct spot_restore *r, const char *type, const char *subnet_id,
		struct cloud_facts *ret)
{
	const struct spot_set *set = r->set;
	const struct ec2_subnet *subnet = spot_subnet(r, subnet_id);
	struct cloud_interface *nic;

	*ret = (struct cloud_facts){ .is_known = true,
				     .has_new_cards = true,
				     .instance_type = type ? mem_strdup(type) : NULL,
				     .boot_mode =
					     set->boot_mode ? mem_strdup(set->boot_mode) : NULL };
	vec_foreach (t, &r->place.types)
		if (type && t->type && str_eq(t->type, type) && t->hypervisor)
			ret->hypervisor = mem_strdup(t->hypervisor);
	ret->interfaces = mem_array(1, sizeof(*ret->interfaces));
	ret->interface_count = 1;
	nic = &ret->interfaces[0];
	nic->subnet_cidr = subnet && subnet->cidr ? mem_strdup(subnet->cidr) : NULL;
	nic->private_ips = mem_array(1, sizeof(*nic->private_ips));
	if (set->private_ip && set->subnet && subnet_id && str_eq(set->subnet, subnet_id))
		nic->private_ips[nic->private_ip_count++] = mem_strdup(set->private_ip);
	ret->volumes = mem_array(set->volumes.count + 1, sizeof(*ret->volumes));
	vec_foreach (v, &set->volumes) {
		struct cloud_volume *to = &ret->volumes[ret->volume_count++];

		/* They will have other ids, under the same names. */
		to->device = mem_strdup(v->device);
		to->size_gib = v->gib > 0 ? (uint64_t)v->gib : 0;
	}
}
