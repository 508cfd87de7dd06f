/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/helper.h"
#include "rescue/inventory.h"

/* DryRun of every later call. EC2 answers a permission before the state of things, so that an error
 * about a state means: permitted. */

static const struct {
	const char *permission;
	bool is_needed; /* without it no rescue */
} rows[DRY_CALLS] = {
	[DRY_TAG] = { "ec2:CreateTags", false },
	[DRY_UNTAG] = { "ec2:DeleteTags", false },
	[DRY_DETACH] = { "ec2:DetachVolume", true },
	[DRY_ATTACH] = { "ec2:AttachVolume", true },
	[DRY_MODIFY] = { "ec2:ModifyInstanceAttribute", false },
	[DRY_SNAPSHOT] = { "ec2:CreateSnapshot", true },
	[DRY_STOP] = { "ec2:StopInstances", true },
	[DRY_START] = { "ec2:StartInstances", true },
	[DRY_VOLUME] = { "ec2:CreateVolume", true },
	[DRY_IMAGE] = { "ec2:RegisterImage", true },
	[DRY_REPLACE] = { "ec2:CreateReplaceRootVolumeTask", true },
	[DRY_RUN_INSTANCE] = { "ec2:RunInstances", true },
	[DRY_GROUP] = { "ec2:CreateSecurityGroup", true },
	[DRY_LIST_BLOCKS] = { "ebs:ListSnapshotBlocks", true },
	[DRY_COMPLETE] = { "ebs:CompleteSnapshot", true },
};

static struct ec2_op *dry(struct patient *p, enum dry_call call)
{
	p->dry[call].is_asked = true;
	return &p->dry[call].op;
}

static const struct ec2_device *root_device(const struct ec2_instance *i)
{
	vec_foreach (d, &i->devices)
		if (d->device_name && i->root_device_name &&
		    str_eq(d->device_name, i->root_device_name))
			return d;
	return NULL;
}

/* A claim that is there is written as it is, in case the server does it. */
static const char *claim_value(const struct patient *p)
{
	const char *value = ec2_tag_value(&p->instance->tags, CLAIM_TAG);

	return value ? value : "dry-run";
}

static void ask_tags(struct ec2 *ec2, struct patient *p, enum dry_call call,
		     enum ec2_dry_run dry_run)
{
	const char *resources[] = { p->id.s };
	struct ec2_tag_pair tag = { CLAIM_TAG, call == DRY_TAG ? claim_value(p) : NULL };
	struct ec2_change_tags change = { .resources = resources,
					  .resource_count = ARRAY_LEN(resources),
					  .tags = &tag,
					  .tag_count = 1,
					  .dry_run = dry_run };

	(call == DRY_TAG ? ec2_create_tags : ec2_delete_tags)(ec2, &change, dry(p, call));
}

/* What it is already. */
static void ask_flag(struct ec2 *ec2, struct patient *p, const struct ec2_device *root)
{
	struct ec2_modify_device modify = {
		.instance = p->id,
		.device = root->device_name,
		.delete_on_termination = root->delete_on_termination == EC2_TRUE,
		.dry_run = EC2_DRY_RUN,
	};

	ec2_modify_device(ec2, &modify, dry(p, DRY_MODIFY));
}

void preflight_start(struct ec2 *ec2, const struct inventory *inv, struct patient *p)
{
	const struct ec2_device *root = root_device(p->instance);
	struct ec2_power power = { .instance = p->id, .dry_run = EC2_DRY_RUN };

	if (!inv->knows_dry_run)
		return;
	ask_tags(ec2, p, DRY_TAG, EC2_DRY_RUN);
	if (root && root->delete_on_termination != EC2_BOOL_ABSENT)
		ask_flag(ec2, p, root);
	/* What is stopped will not be started; starting what runs does nothing. */
	if (p->instance->state == INSTANCE_RUNNING)
		ec2_start_instance(ec2, &power, &p->dry_power[0], dry(p, DRY_START));
}

/* An id of the same form that nothing has. */
static void make_nil(char id[ID_SIZE])
{
	char *digits = strchr(id, '-');

	for (char *c = digits ? digits + 1 : id; *c; c++)
		*c = '0';
}

static void ask_volume(struct ec2 *ec2, const struct inventory *inv, struct patient *p,
		       const struct ec2_attach *detach)
{
	struct ec2_attach attach = *detach;
	struct ec2_tag_pair tag = { CLAIM_RUN_TAG, "dry-run" };
	struct ec2_create_snapshot snapshot = {
		.volume = detach->volume,
		.description = "ec2-rescue",
		.tags = &tag,
		.tag_count = 1,
		.dry_run = detach->dry_run,
	};

	attach.device = "/dev/sdf";
	if (!id_none(&inv->helper))
		attach.instance = inv->helper;
	if (p->via != VIA_REPLACE) {
		ec2_detach_volume(ec2, detach, &p->dry_attachment[0], dry(p, DRY_DETACH));
		ec2_attach_volume(ec2, &attach, &p->dry_attachment[1], dry(p, DRY_ATTACH));
	}
	if (!inv->takes_no_snapshot)
		ec2_create_snapshot(ec2, &snapshot, &p->dry_snapshot, dry(p, DRY_SNAPSHOT));
}

/* The EBS direct APIs know no DryRun: a snapshot that does not exist is asked for, of which a permission is
 * judged first. */
static void ask_blocks(struct ec2 *ec2, const struct inventory *inv, struct patient *p)
{
	cleanup(free) char *token = mem_printf("dry-run-%s", p->id.s);
	struct ec2_create_volume volume = {
		.snapshot = { "snap-00000000000000000" },
		.zone = p->root->zone,
		.client_token = token,
		.dry_run = EC2_DRY_RUN,
	};
	struct ebs_complete complete = { .snapshot = volume.snapshot };
	struct ec2_register_image image = { .name = "ec2-rescue dry-run",
					    .architecture = p->instance->architecture,
					    .root_device = p->root_device->device_name,
					    .snapshot = volume.snapshot,
					    .dry_run = EC2_DRY_RUN };
	struct ec2_replace_root replace = { .instance = p->id,
					    .image = "ami-00000000000000000",
					    .client_token = token,
					    .dry_run = EC2_DRY_RUN };

	if (inv->knows_dry_run && p->via == VIA_SNAPSHOT) {
		ec2_create_volume(ec2, &volume, &p->dry_volume, dry(p, DRY_VOLUME));
	} else if (inv->knows_dry_run) {
		ec2_register_image(ec2, &image, &p->dry_image, dry(p, DRY_IMAGE));
		ec2_replace_root(ec2, &replace, &p->dry_task, dry(p, DRY_REPLACE));
	}
	ebs_list_snapshot_blocks(ec2, &volume.snapshot, &p->dry_blocks, dry(p, DRY_LIST_BLOCKS));
	ebs_complete_snapshot(ec2, &complete, dry(p, DRY_COMPLETE));
}

/* Not whether it may be terminated: a policy allows that by the tag (rescue/policy.c), and as long as there is no
 * helper there is nothing with the tag to ask about. It switches itself off, too. */
static void ask_launch(struct ec2 *ec2, const struct inventory *inv, struct patient *p)
{
	cleanup(free) char *token = mem_printf("dry-run-%s", p->id.s);
	struct launch launch;
	struct ec2_tag_pair tag = { CLAIM_RUN_TAG, "dry-run" };
	struct ec2_run_instance run = { .client_token = token,
					.user_data = "#cloud-config\n",
					.tags = &tag,
					.tag_count = 1,
					.dry_run = EC2_DRY_RUN };
	struct ec2_create_security_group group = { .name = "ec2-rescue dry-run",
						   .description = "ec2-rescue",
						   .tags = &tag,
						   .tag_count = 1,
						   .dry_run = EC2_DRY_RUN };

	helper_fill(inv, p, &launch);
	run.image = launch.image;
	run.type = launch.type[0] ? launch.type : helper_types[0];
	run.subnet = launch.subnet[0] ? launch.subnet : NULL;
	group.vpc = launch.vpc[0] ? launch.vpc : NULL;
	ec2_run_instance(ec2, &run, &p->dry_instance, dry(p, DRY_RUN_INSTANCE));
	ec2_create_security_group(ec2, &group, &p->dry_group, dry(p, DRY_GROUP));
}

static void ask_rest(struct ec2 *ec2, const struct inventory *inv, struct patient *p)
{
	struct ec2_attach detach = { .instance = p->id, .dry_run = EC2_DRY_RUN };
	struct ec2_power power = { .instance = p->id, .dry_run = EC2_DRY_RUN };
	bool was_running =
		p->instance->state == INSTANCE_RUNNING || p->instance->state == INSTANCE_PENDING;

	if (!p->root_device || (!inv->knows_dry_run && !inv->may_probe))
		return;
	detach.volume = p->root_device->volume;
	if (inv->knows_dry_run) {
		ask_tags(ec2, p, DRY_UNTAG, EC2_DRY_RUN);
	} else {
		make_nil(detach.volume.s);
		make_nil(power.instance.s);
		detach.dry_run = power.dry_run = EC2_FOR_REAL;
	}
	ask_volume(ec2, inv, p, &detach);
	if (via_swaps(p->via))
		ask_blocks(ec2, inv, p);
	if (p->via == VIA_HELPER && !inv->names_helper && inv->knows_dry_run)
		ask_launch(ec2, inv, p);
	if (!was_running || p->via == VIA_REPLACE)
		return; /* it will not be started either */
	if (inv->knows_dry_run)
		ec2_stop_instance(ec2, &power, &p->dry_power[1], dry(p, DRY_STOP));
	if (!p->dry[DRY_START].is_asked)
		ec2_start_instance(ec2, &power, &p->dry_power[0], dry(p, DRY_START));
}

static void wait_all(struct ec2 *ec2, struct inventory *inv)
{
	struct err judged_later = ERR_INIT;

	vec_foreach (p, &inv->patients)
		for (size_t i = 0; i < DRY_CALLS; i++)
			if ((*p)->dry[i].is_asked &&
			    ec2_wait(ec2, &(*p)->dry[i].op, &judged_later) < 0)
				judged_later = ERR_INIT;
}

/* A server that knows DryRun in looks and not in changes: what it did is nothing, but for a tag. */
static void take_back(struct ec2 *ec2, struct inventory *inv, struct report *report)
{
	bool was_for_real = false;

	vec_foreach (p, &inv->patients) {
		for (size_t i = 0; i < DRY_LIST_BLOCKS; i++)
			was_for_real |= (*p)->dry[i].is_asked && (*p)->dry[i].op.was_for_real;
		if ((*p)->dry[DRY_TAG].op.was_for_real &&
		    !ec2_tag_value(&(*p)->instance->tags, CLAIM_TAG))
			ask_tags(ec2, *p, DRY_UNTAG, EC2_FOR_REAL);
	}
	if (!was_for_real)
		return;
	inv->knows_dry_run = false;
	report_say(report, NULL, "warning", "{s:s}", "text",
		   "this server executes what it is asked with DryRun (a tag was written and is "
		   "taken back); nothing more is asked with DryRun");
	wait_all(ec2, inv);
}

void preflight_finish(struct ec2 *ec2, struct inventory *inv, struct report *report)
{
	size_t asked = 0;

	wait_all(ec2, inv);
	take_back(ec2, inv, report);
	vec_foreach (p, &inv->patients)
		if ((*p)->instance && asked++ < PREFLIGHT_PATIENTS)
			ask_rest(ec2, inv, *p);
	wait_all(ec2, inv);
}

void preflight_missing(const struct patient *p, struct str *out)
{
	for (size_t i = 0; i < DRY_CALLS; i++) {
		const struct dry_run *d = &p->dry[i];

		/* OperationNotPermitted is a protection, which the hazards name. */
		if (d->is_asked && d->op.err.code == ERR_DENIED &&
		    !str_eq(d->op.aws_code, "OperationNotPermitted"))
			str_addf(out, "%s%s", out->len ? ", " : "", rows[i].permission);
	}
}

const struct ec2_op *preflight_unknown(const struct inventory *inv, enum dry_call *ret)
{
	vec_foreach (p, &inv->patients) {
		for (size_t i = 0; i < DRY_CALLS; i++) {
			const struct dry_run *d = &(*p)->dry[i];

			if (!d->is_asked || !rows[i].is_needed || d->op.was_for_real ||
			    d->op.err.code != ERR_UNSUPPORTED)
				continue;
			*ret = (enum dry_call)i;
			return &d->op;
		}
	}
	return NULL;
}
