/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/inventory.h"

/* Which volume is the root? EC2 names the root device, and the mapping of the instance holds it.
 * Another server may leave out the one or the other; the volumes then show where they are attached,
 * and an instance that has only one can have no other root. */

static bool is_known(const struct ec2_devices *devices, const struct volume_id *volume)
{
	vec_foreach (d, devices)
		if (id_eq(&d->volume, volume))
			return true;
	return false;
}

void devices_of(const struct inventory *inv, const struct patient *p, struct ec2_devices *ret)
{
	vec_foreach (d, &p->instance->devices)
		if (!id_none(&d->volume) && d->status != ATTACHMENT_DETACHED)
			vec_push(ret, *d);
	vec_foreach (v, &inv->volumes) {
		vec_foreach (a, &v->attachments) {
			if (!id_eq(&a->instance, &p->id) || a->status == ATTACHMENT_DETACHED ||
			    is_known(ret, &v->id))
				continue;
			vec_push(ret, ((struct ec2_device){ .device_name = a->device,
							    .volume = v->id,
							    .status = a->status,
							    .delete_on_termination =
								    a->delete_on_termination }));
		}
	}
}

static const struct ec2_device *by_name(const struct ec2_devices *devices, const char *name)
{
	vec_foreach (d, devices)
		if (d->device_name && str_eq(d->device_name, name))
			return d;
	return NULL;
}

static const struct ec2_device *choose(const struct ec2_devices *devices, const char *name)
{
	const struct ec2_device *sda1, *xvda;

	if (name)
		return by_name(devices, name);
	if (devices->count == 1 && devices->items[0].device_name)
		return &devices->items[0];
	sda1 = by_name(devices, "/dev/sda1");
	xvda = by_name(devices, "/dev/xvda");
	return sda1 && xvda ? NULL : sda1 ? sda1 : xvda;
}

void patient_find_root(const struct inventory *inv, struct patient *p)
{
	struct ec2_devices devices = { 0 };
	const struct ec2_device *root;

	devices_of(inv, p, &devices);
	root = choose(&devices, p->instance->root_device_name);
	if (root) {
		p->guessed_root = *root;
		p->root_device = &p->guessed_root;
	}
	p->is_root_guessed = root && !p->instance->root_device_name;
	p->volume_count = devices.count;
	vec_done(&devices);
	vec_foreach (v, &inv->volumes)
		if (p->root_device && id_eq(&v->id, &p->root_device->volume))
			p->root = v;
}
