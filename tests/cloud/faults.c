/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cloud/call.h"

/* Failures on demand. They live in the settings, so a restarted cloud still has them. A fault names
 * a call by its number or by its action; "nth" counts the calls of that action since the fault was
 * set, "times" is how many matching calls it hits (default 1, -1: all). */

/* A code that EC2 really gives for this action. */
static const struct {
	const char *action, *code, *message;
} plausible[] = {
	{ "StartInstances", "InsufficientInstanceCapacity",
	  "Insufficient capacity. (Service: Ec2, there is no capacity for this instance type in "
	  "the zone.)" },
	{ "RunInstances", "InsufficientInstanceCapacity",
	  "We currently do not have sufficient capacity in the Availability Zone you requested." },
	{ "StopInstances", "IncorrectInstanceState",
	  "This instance is not in a state from which it can be stopped." },
	{ "AttachVolume", "IncorrectState", "The volume is not 'available'." },
	{ "DetachVolume", "IncorrectState", "The volume is in a state that does not allow this." },
	{ "CreateSnapshot", "SnapshotCreationPerVolumeRateExceeded",
	  "The maximum per volume CreateSnapshot request rate has been exceeded. Use an increasing "
	  "or "
	  "variable sleep interval between requests." },
	{ "CreateVolume", "VolumeLimitExceeded",
	  "You have exceeded your maximum gp3 storage limit." },
	{ "CreateTags", "TagLimitExceeded",
	  "The maximum number of tags for this resource has been reached." },
	{ "ModifyInstanceAttribute", "IncorrectInstanceState",
	  "The instance is not in the 'stopped' state." },
};

static bool matches(json_t *fault, struct call *call)
{
	const char *action = js(fault, "action");
	json_int_t seen;

	if (jhas(fault, "call"))
		return ji(fault, "call") == (json_int_t)call->number;
	if (*action && !str_eq(action, "*") && !str_eq(action, call->name))
		return false;
	if (jhas(fault, "dry_run") && jb(fault, "dry_run") != param_true(call, "DryRun"))
		return false;
	seen = ji(fault, "seen") + 1;
	jset_i(fault, "seen", seen);
	world_touch(call->sim->settings);
	return !jhas(fault, "nth") || seen >= ji(fault, "nth");
}

static void complete(json_t *fault, const struct call *call)
{
	if (!js_is(fault, "kind", "refused"))
		return;
	for (size_t i = 0; i < ARRAY_LEN(plausible) && !*js(fault, "code"); i++) {
		if (!str_eq(plausible[i].action, call->name))
			continue;
		jset_s(fault, "code", plausible[i].code);
		jdefault(fault, "message", json_string(plausible[i].message));
	}
	if (!*js(fault, "code"))
		jset_s(fault, "code", "UnsupportedOperation");
	jdefault(fault, "message", json_string("The operation is not supported."));
}

json_t *fault_take(struct call *call)
{
	json_t *faults = setting(call->sim, "faults"), *fault, *hit = NULL;
	size_t i;

	json_array_foreach (faults, i, fault) {
		json_int_t times = jhas(fault, "times") ? ji(fault, "times") : 1;

		if (times >= 0 && ji(fault, "hits") >= times)
			continue;
		if (!matches(fault, call) || hit)
			continue;
		jset_i(fault, "hits", ji(fault, "hits") + 1);
		world_touch(call->sim->settings);
		hit = json_deep_copy(fault);
		complete(hit, call);
	}
	return hit;
}
