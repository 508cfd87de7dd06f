/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/inventory.h"

/* The way to the volume's blocks. Where a stop would lose data for good, the one that does without it.
 * Else, where this machine can have the volume attached, that is the shortest: no snapshot has to be
 * completed, and the root volume stays the same one. */

int way_check(const struct options *options, struct err *err)
{
	enum rescue_via via;

	if (!options->via || str_eq(options->via, "auto"))
		return 0;
	if (rescue_via_parse(options->via, &via) < 0)
		return err_set(err, ERR_USAGE,
			       "--via: \"%s\" is not auto, self, snapshot or replace",
			       options->via);
	if (via_swaps(via) && options->no_snapshot)
		return err_set(err, ERR_USAGE,
			       "--via %s needs the snapshot that --no-snapshot forbids",
			       options->via);
	if (via_swaps(via) && options->helper)
		return err_set(err, ERR_USAGE, "--via %s needs no helper; leave --helper out",
			       options->via);
	return 0;
}

/* Why this machine cannot have it attached; NULL: it can, as far as is known. */
static char *why_not_self(const struct inventory *inv, const struct patient *p)
{
	const struct ec2_instance *helper = inv->helper_instance;
	const struct ec2_volume *root = p->root;

	if (id_none(&inv->helper))
		return mem_printf("this machine is no EC2 instance");
	if (id_eq(&inv->helper, &p->id))
		return NULL; /* no way helps: refused, with a sentence of its own */
	if (!helper || !root)
		return mem_printf("the instance %s that this machine is does not exist in %s",
				  inv->helper.s, inv->region);
	if (root->zone && helper->zone && !str_eq(root->zone, helper->zone))
		return mem_printf("this machine is in %s, the volume in %s", helper->zone,
				  root->zone);
	if (root->outpost && (!helper->outpost || !str_eq(helper->outpost, root->outpost)))
		return mem_printf("the volume is on the Outpost %s, this machine is not",
				  root->outpost);
	return NULL;
}

char *way_not_replace(const struct patient *p)
{
	const struct ec2_instance *i = p->instance;

	if (i->state != INSTANCE_RUNNING)
		return mem_printf("%s is %s, not running", i->id.s,
				  ec2_instance_state_name(i->state));
	if (i->type && strstr(i->type, ".metal"))
		return mem_printf("%s is %s", i->id.s, i->type);
	if (i->product_codes.count)
		return mem_printf("%s carries product codes", i->id.s);
	if (i->virtualization && !str_eq(i->virtualization, "hvm"))
		return mem_printf("%s is %s", i->id.s, i->virtualization);
	if (p->root && p->root->outpost)
		return mem_printf("%s is on an Outpost", p->root->id.s);
	return NULL;
}

/* Nothing brings back what a stop takes from instance-store disks; what the instance writes to its old root
 * meanwhile is kept. */
static bool choose_replace(struct patient *p)
{
	cleanup(free) char *why_not = way_not_replace(p);

	if (!patient_loses_store(p) || why_not)
		return false;
	p->via = VIA_REPLACE;
	p->via_why = mem_strdup("a stop would lose what is on its instance-store disks");
	return true;
}

void way_choose(const struct inventory *inv, const char *via, struct patient *p)
{
	cleanup(free) char *why = NULL;

	free(TAKE(p->via_why));
	p->via = VIA_SELF;
	if (via && rescue_via_parse(via, &p->via) == 0) {
		p->via_why = mem_strdup("as --via says");
		return;
	}
	/* Who names a helper or forbids the snapshot wants the volume here, and hears why it cannot be. */
	if (!inv->names_helper && !inv->takes_no_snapshot) {
		if (choose_replace(p))
			return;
		why = why_not_self(inv, p);
	}
	if (!why) {
		p->via_why =
			mem_strdup("this machine can have it attached, which is the shortest way");
		return;
	}
	p->via = VIA_SNAPSHOT;
	p->via_why = TAKE(why);
}
