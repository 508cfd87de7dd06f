/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/command.h"
#include "rescue/policy.h"

#include <stdio.h>

int cmd_policy(const struct options *options, struct report *report)
{
	const char *const rescue = "rescue";
	const struct words *words = &options->targets;
	cleanup(free) char *text = NULL;
	struct err err = ERR_INIT;
	unsigned uses = 0;
	json_t *policy;

	for (size_t i = 0; i < (words->count ?: 1); i++) {
		unsigned more;

		if (policy_uses(words->count ? words->items[i] : rescue, options->via, &more,
				&err) < 0) {
			report_err(report, NULL, &err);
			return (int)err.code;
		}
		uses |= more;
	}
	if (options->fix_cloud && !(uses & USE_NET)) {
		err_set(&err, ERR_USAGE, "--fix-cloud is of the command net, which is not named");
		report_err(report, NULL, &err);
		return (int)err.code;
	}
	if (options->fix_cloud)
		uses |= USE_FIX;
	policy = policy_make(uses);
	text = json_dumps(policy, JSON_INDENT(2));
	json_decref(policy);
	puts(text);
	return 0;
}
