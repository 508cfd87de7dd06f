/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/file.h"
#include "rescue/local.h"

/* The boot itself is an operation of the surgeon (rescue/boot.h); here it is asked for. */
int cmd_boot(const struct options *options, struct report *report)
{
	const char *path = options->targets.items[0];
	struct local local = { .options = options, .report = report };
	cleanup(target_done) struct target target = TARGET_INIT;
	cleanup(free) char *console = NULL, *shown = local_target(options), *text = NULL;
	struct surgery_job job = { .mode = SURGERY_BOOT };
	struct err err = ERR_INIT;

	if (target_find(options, path, &target, &err) < 0 ||
	    local_refuse_halves(&target, path, &err) < 0 || target_lock(&target, &err) < 0)
		return local_fail(&local, &err);
	console = surgery_console_path(target_dir(&target));
	job.boot = local_boot_wish(options, console);
	if (local_surgery(&local, &job, &err) < 0)
		return local_fail(&local, &err);
	text = mem_printf("%s comes up; nothing was written", shown);
	report_say(report, NULL, "verdict", "{s:s, s:s}", "result", "boots", "text", text);
	return 0;
}
