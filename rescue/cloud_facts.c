/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/inventory.h"

static const char *cidr_of(const struct inventory *inv, const char *subnet)
{
	vec_foreach (s, &inv->subnets)
		if (s->id && subnet && str_eq(s->id, subnet))
			return s->cidr;
	return NULL;
}

static char *copy(const char *text)
{
	return text ? mem_strdup(text) : NULL;
}

static void fill_interface(const struct inventory *inv, const struct ec2_interface *from,
			   struct cloud_interface *to)
{
	size_t room = from->addresses.count + 1;

	to->device_index = from->device_index > 0 ? (uint32_t)from->device_index : 0;
	to->mac = copy(from->mac);
	for (char *c = to->mac; c && *c; c++)
		if (*c >= 'A' && *c <= 'F')
			*c = (char)(*c - 'A' + 'a');
	to->subnet_cidr = copy(cidr_of(inv, from->subnet));
	to->has_public_ip = from->public_ip != NULL;
	to->source_check = from->source_dest_check == EC2_TRUE	  ? SOURCE_CHECK_ON
			   : from->source_dest_check == EC2_FALSE ? SOURCE_CHECK_OFF
								  : SOURCE_CHECK_UNKNOWN;
	to->private_ips = mem_array(room, sizeof(*to->private_ips));
	if (from->private_ip)
		to->private_ips[to->private_ip_count++] = mem_strdup(from->private_ip);
	vec_foreach (a, &from->addresses) {
		to->has_public_ip |= a->public_ip != NULL;
		if (a->private_ip && !(from->private_ip && str_eq(a->private_ip, from->private_ip)))
			to->private_ips[to->private_ip_count++] = mem_strdup(a->private_ip);
	}
}

static void fill_vpc(const struct inventory *inv, const struct ec2_instance *i,
		     struct cloud_facts *ret)
{
	vec_foreach (v, &inv->vpcs) {
		if (!v->id || !i->vpc || !str_eq(v->id, i->vpc))
			continue;
		ret->vpc_cidrs = mem_array(v->cidrs.count + 1, sizeof(*ret->vpc_cidrs));
		vec_foreach (cidr, &v->cidrs)
			ret->vpc_cidrs[ret->vpc_cidr_count++] = mem_strdup(*cidr);
		if (!ret->vpc_cidr_count && v->cidr)
			ret->vpc_cidrs[ret->vpc_cidr_count++] = mem_strdup(v->cidr);
		return;
	}
}

static int64_t size_of(const struct inventory *inv, const struct volume_id *id)
{
	vec_foreach (v, &inv->volumes)
		if (id_eq(&v->id, id))
			return v->size_gib;
	return 0;
}

/* A paravirtual instance has no firmware, whatever is said of it: the host starts its kernel. */
static const char *firmware_of(const struct ec2_instance *i)
{
	return i->virtualization && str_eq(i->virtualization, "hvm") ? i->boot_mode : NULL;
}

void cloud_facts_of(const struct inventory *inv, const struct patient *p, struct cloud_facts *ret)
{
	const struct ec2_instance *i = p->instance;
	struct ec2_devices devices = { 0 };

	*ret = (struct cloud_facts){ .is_known = true,
				     .instance = mem_strdup(i->id.s),
				     .instance_type = copy(i->type),
				     .hypervisor = copy(p->type ? p->type->hypervisor : NULL),
				     .boot_mode = copy(firmware_of(i)) };
	ret->interfaces = mem_array(i->interfaces.count + 1, sizeof(*ret->interfaces));
	vec_foreach (interface, &i->interfaces)
		fill_interface(inv, interface, &ret->interfaces[ret->interface_count++]);
	fill_vpc(inv, i, ret);
	devices_of(inv, p, &devices);
	ret->volumes = mem_array(devices.count + 1, sizeof(*ret->volumes));
	vec_foreach (d, &devices) {
		struct cloud_volume *v = &ret->volumes[ret->volume_count++];
		int64_t size = size_of(inv, &d->volume);

		v->device = copy(d->device_name);
		v->volume = mem_strdup(d->volume.s);
		v->size_gib = size > 0 ? (uint64_t)size : 0;
	}
	vec_done(&devices);
}
