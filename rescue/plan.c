/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/plan.h"

#include "rescue/rescue.h"

/* The order is the dependency: each row may count on those above, and the way home goes upwards.
 * DeleteOnTermination is owed before the detachment that loses it, so it is given back right after
 * the volume is home again and before the instance starts. */
const struct step *const rescue_plan[] = {
	[STEP_CLAIM] = &claim_step,	  [STEP_CHILD] = &child_step,
	[STEP_IMAGE] = &image_step,	  [STEP_GROUP] = &group_step,
	[STEP_HELPER] = &helper_step,	  [STEP_STANDBY] = &standby_step,
	[STEP_STOP] = &stop_step,	  [STEP_SNAPSHOT] = &snapshot_step,
	[STEP_READABLE] = &readable_step, [STEP_LINK] = &link_step,
	[STEP_DOT] = &dot_step,		  [STEP_DETACH] = &detach_step,
	[STEP_RESTORE] = &restore_step,	  [STEP_REPLACE] = &replace_step,
	[STEP_ATTACH] = &attach_step,	  [STEP_DEVICE] = &device_step,
	[STEP_EXAMINE] = &examine_step,	  [STEP_MARK] = &mark_step,
	[STEP_REPAIR] = &repair_step,	  [STEP_USABLE] = &usable_step,
	[STEP_SEAL] = &seal_step,
};
const size_t rescue_plan_count = ARRAY_LEN(rescue_plan);
_Static_assert(ARRAY_LEN(rescue_plan) <= PLAN_MAX, "struct record keeps PLAN_MAX steps");

size_t plan_index(const char *name)
{
	for (size_t i = 0; i < rescue_plan_count; i++)
		if (str_eq(name, rescue_plan[i]->name))
			return i;
	return PLAN_NONE;
}

bool plan_has(const struct rescue *r, size_t at)
{
	unsigned vias = rescue_plan[at]->vias;

	if (r->record.kind == RESCUE_UNDO && rescue_plan[at]->flags & STEP_REPAIRS)
		return false;
	if ((at == STEP_GROUP || at == STEP_HELPER) && !r->record.launch.is_ours)
		return false;
	return !vias || vias & 1u << r->record.via;
}
