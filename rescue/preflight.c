/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/inventory.h"

/* DryRun of every later call. EC2 answers a permission before the state of things, so that an error
 * about a state means: permitted. */

static struct ec2_op *dry(struct patient *p, size_t at, const char *permission)
{
	p->dry[at].permission = permission;
	p->dry[at].is_asked = true;
	return &p->dry[at].op;
}

static const struct ec2_device *root_device(const struct ec2_instance *i)
{
	vec_foreach (d, &i->devices)
		if (d->device_name && i->root_device_name &&
		    str_eq(d->device_name, i->root_device_name))
			return d;
	return NULL;
}

static void ask_tags(struct ec2 *ec2, struct patient *p, const struct volume_id *volume)
{
	const char *resources[] = { p->id.s, volume->s };
	struct ec2_tag_pair tag = { CLAIM_TAG, "dry-run" };
	struct ec2_change_tags change = { .resources = resources,
					  .resource_count = ARRAY_LEN(resources),
					  .tags = &tag,
					  .tag_count = 1,
					  .dry_run = EC2_DRY_RUN };

	ec2_create_tags(ec2, &change, dry(p, 0, "ec2:CreateTags"));
	tag.value = NULL;
	ec2_delete_tags(ec2, &change, dry(p, 1, "ec2:DeleteTags"));
}

static void ask_volume(struct ec2 *ec2, const struct inventory *inv, struct patient *p,
		       const struct ec2_device *root)
{
	struct ec2_attach detach = { .volume = root->volume,
				     .instance = p->id,
				     .dry_run = EC2_DRY_RUN };
	struct ec2_attach attach = { .volume = root->volume,
				     .instance = id_none(&inv->helper) ? p->id : inv->helper,
				     .device = "/dev/sdf",
				     .dry_run = EC2_DRY_RUN };
	struct ec2_modify_device modify = {
		.instance = p->id,
		.device = root->device_name,
		.delete_on_termination = root->delete_on_termination != EC2_FALSE,
		.dry_run = EC2_DRY_RUN,
	};
	struct ec2_tag_pair tag = { CLAIM_RUN_TAG, "dry-run" };
	struct ec2_create_snapshot snapshot = {
		.volume = root->volume,
		.description = "ec2-rescue",
		.tags = &tag,
		.tag_count = 1,
		.dry_run = EC2_DRY_RUN,
	};

	ec2_detach_volume(ec2, &detach, &p->dry_attachment[0], dry(p, 2, "ec2:DetachVolume"));
	ec2_attach_volume(ec2, &attach, &p->dry_attachment[1], dry(p, 3, "ec2:AttachVolume"));
	ec2_modify_device(ec2, &modify, dry(p, 4, "ec2:ModifyInstanceAttribute"));
	if (!inv->takes_no_snapshot)
		ec2_create_snapshot(ec2, &snapshot, &p->dry_snapshot,
				    dry(p, 5, "ec2:CreateSnapshot"));
}

void preflight_start(struct ec2 *ec2, const struct inventory *inv, struct patient *p)
{
	const struct ec2_device *root = root_device(p->instance);
	struct ec2_power power = { .instance = p->id, .dry_run = EC2_DRY_RUN };

	if (!root)
		return; /* refused anyway */
	ask_tags(ec2, p, &root->volume);
	ask_volume(ec2, inv, p, root);
	if (p->instance->state == INSTANCE_STOPPED)
		return; /* it will not be started either */
	ec2_stop_instance(ec2, &power, &p->dry_power[0], dry(p, 6, "ec2:StopInstances"));
	ec2_start_instance(ec2, &power, &p->dry_power[1], dry(p, 7, "ec2:StartInstances"));
}

void preflight_missing(const struct patient *p, struct str *out)
{
	for (size_t i = 0; i < DRY_RUNS; i++) {
		const struct dry_run *d = &p->dry[i];

		/* OperationNotPermitted is a protection, which the hazards name. */
		if (d->is_asked && d->op.err.code == ERR_DENIED &&
		    !str_eq(d->op.aws_code, "OperationNotPermitted"))
			str_addf(out, "%s%s", out->len ? ", " : "", d->permission);
	}
}
