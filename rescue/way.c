/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/inventory.h"

/* The way to the volume's blocks. Where a stop would lose data for good, the one that does without it.
 * Else, where this machine can have the volume attached, that is the shortest: no snapshot has to be
 * completed, and the root volume stays the same one. */

int way_check(const struct options *options, struct err *err)
{
	bool launches = options->helper && str_eq(options->helper, "launch");
	enum rescue_via via;

	if (!options->via || str_eq(options->via, "auto"))
		return 0;
	if (rescue_via_parse(options->via, &via) < 0)
		return err_set(err, ERR_USAGE,
			       "--via: \"%s\" is not auto, self, helper, snapshot or replace",
			       options->via);
	if (via_swaps(via) && options->no_snapshot)
		return err_set(err, ERR_USAGE,
			       "--via %s needs the snapshot that --no-snapshot forbids",
			       options->via);
	if (via_swaps(via) && options->helper)
		return err_set(err, ERR_USAGE, "--via %s needs no helper; leave --helper out",
			       options->via);
	if (via == VIA_SELF && launches)
		return err_set(err, ERR_USAGE,
			       "--via self attaches the volume to this machine; leave --helper "
			       "launch out");
	return 0;
}

char *way_not_self(const struct inventory *inv, const struct patient *p)
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

static void take(struct patient *p, enum rescue_via via, char *why)
{
	p->via = via;
	p->via_why = why;
}

/* Who names a helper wants the volume there, and hears why it cannot be. */
static bool choose_as_told(const struct inventory *inv, const char *via, struct patient *p)
{
	enum rescue_via named;

	if (via && rescue_via_parse(via, &named) == 0)
		take(p, named, mem_strdup("as --via says"));
	else if (inv->wants_launch || inv->is_helper_elsewhere)
		take(p, VIA_HELPER, mem_strdup("as --helper says"));
	else if (inv->names_helper)
		take(p, VIA_SELF, mem_strdup("as --helper says"));
	return p->via_why;
}

void way_choose(const struct inventory *inv, const char *via, struct patient *p)
{
	cleanup(free) char *why = NULL, *why_no_helper = NULL;

	free(TAKE(p->via_why));
	if (choose_as_told(inv, via, p) || (!inv->takes_no_snapshot && choose_replace(p)))
		return;
	why = way_not_self(inv, p);
	if (!why) {
		take(p, VIA_SELF,
		     mem_strdup("this machine can have it attached, which is the shortest way"));
		return;
	}
	why_no_helper = helper_not_launched(inv, p);
	if (!why_no_helper)
		take(p, VIA_HELPER, mem_printf("%s; a helper is launched for it", why));
	else if (inv->takes_no_snapshot) /* refused, with the reason */
		take(p, VIA_SELF, mem_strdup(why));
	else
		take(p, VIA_SNAPSHOT,
		     mem_printf("%s, and no helper can be launched: %s", why, why_no_helper));
}
