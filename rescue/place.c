/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/runner.h"

/* Where a volume is, by what the server shows of it. */

const struct volume_id *rescue_root(const struct rescue *r)
{
	/* Where there is one from the beginning (an undo), it takes the place only after the decision. */
	bool is_swapped = !via_swaps(r->record.via) || r->record.was_committed;

	return id_none(&r->record.restored) || !is_swapped ? &r->record.volume
							   : &r->record.restored;
}

/* A server that shows no attachments with a volume may show them with the instance. */
static bool find_in_mapping(const struct ec2_instance *i, const struct ec2_volume *v,
			    struct ec2_attachment *ret)
{
	if (!i || v->status == VOLUME_AVAILABLE)
		return false;
	vec_foreach (d, &i->devices) {
		if (d->status == ATTACHMENT_DETACHED || !id_eq(&d->volume, &v->id))
			continue;
		*ret = (struct ec2_attachment){ .volume = v->id,
						.instance = i->id,
						.device = d->device_name,
						.status = d->status,
						.delete_on_termination = d->delete_on_termination };
		return true;
	}
	return false;
}

bool rescue_attachment(const struct rescue *r, const struct ec2_volume *v, enum rescue_place place,
		       struct ec2_attachment *ret)
{
	const struct instance_id *id =
		place == PLACE_HOME ? &r->record.instance : &r->record.helper;
	bool is_elsewhere = false;

	vec_foreach (a, &v->attachments) {
		if (a->status == ATTACHMENT_DETACHED || id_none(&a->instance))
			continue;
		if (id_eq(&a->instance, &r->record.instance) == (place == PLACE_HOME)) {
			*ret = *a;
			return true;
		}
		is_elsewhere = true;
	}
	return !is_elsewhere && !id_none(id) &&
	       find_in_mapping(ec2_seen_instance(r->runner->watch, id), v, ret);
}
