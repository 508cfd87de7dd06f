/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/admit.h"
#include "rescue/boot.h"
#include "rescue/command.h"
#include "rescue/inventory.h"

VEC_TYPE(instance_ids, struct instance_id);

/* The targets, each once. */
static int parse_targets(const struct options *options, struct instance_ids *ret, struct err *err)
{
	vec_foreach (target, &options->targets) {
		struct instance_id id;
		bool is_known = false;

		if (instance_id_parse(*target, &id, err) < 0)
			return -1;
		vec_foreach (known, ret)
			is_known |= id_eq(known, &id);
		if (!is_known)
			vec_push(ret, id);
	}
	return 0;
}

static int rescue_all(struct runner *runner, const struct instance_ids *ids, struct err *err)
{
	struct admission admission = { .ids = ids->items,
				       .count = ids->count,
				       .kind = RESCUE_REPAIR };
	int refused, status;

	if (admit(runner, &admission, &refused, err) < 0)
		return -1;
	status = runner->rescues.count ? runner_run(runner) : 0;
	return status == ERR_AWAY || refused <= 1 ? status : refused;
}

int cmd_rescue(const struct options *options, struct report *report)
{
	cleanup(runner_close) struct runner runner = RUNNER_INIT;
	struct instance_ids ids = { 0 };
	struct err err = ERR_INIT;
	int status = -1;

	if (parse_targets(options, &ids, &err) == 0 && way_check(options, &err) == 0 &&
	    (!options->rehearse_boot || boot_tools_are_here(&err) == 0) &&
	    runner_open(&runner, options, report, NULL, NULL, &err) == 0)
		status = rescue_all(&runner, &ids, &err);
	vec_done(&ids);
	if (status >= 0)
		return status;
	report_err(report, NULL, &err);
	return (int)err.code;
}
