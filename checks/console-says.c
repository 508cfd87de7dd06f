/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/console_rules.h"

static unsigned count(const struct console_rule *rule, const char *text)
{
	unsigned times = 0;
	size_t len;

	for (const char *line; (line = console_match(rule, text, &len)); text = line + len)
		times++;
	return times;
}

static bool is_told(const struct findings *notes, size_t from, const char *cause)
{
	for (size_t i = from; i < notes->count; i++)
		if (str_starts(notes->items[i].message, cause))
			return true;
	return false;
}

/* What a check can explain is that check's to tell. */
static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const char *console = machine_console(machine);
	size_t before = out->count;

	(void)err;
	for (size_t i = 0; console && i < console_rule_count; i++) {
		const struct console_rule *rule = &console_rules[i];
		cleanup(str_done) struct str quoted = STR_INIT;
		const char *line;
		unsigned lines;
		size_t len;

		if (rule->checks || is_told(out, before, rule->cause))
			continue;
		line = console_match(rule, console, &len);
		if (!line)
			continue;
		console_quote(line, len, &quoted);
		lines = count(rule, console);
		finding_add(out, SEVERITY_NOTE, REPAIR_NONE, "69", NULL, 0,
			    "%s, says the console (\"%s\", %u such line%s in its last boot); "
			    "nothing on "
			    "the volume explains it",
			    rule->cause, quoted.s, lines, lines == 1 ? "" : "s");
	}
	return 0;
}

const struct check check_console_says = {
	.name = "console-says",
	.title = "the console complains of what no file on the volume explains",
	.explain =
		"A failing volume, a device that did not connect, a full connection table, a "
		"kernel "
		"that crashes or does not fit the instance type: the console of the last boot "
		"shows "
		"it, and no setting on the volume is the cause, so nothing is repaired. Each is a "
		"note with the line as it was found; another instance type, another kernel or a "
		"restored volume helps. Lines of earlier boots do not count, and what another "
		"check "
		"can find the cause of is left to that check.",
	.source = "EC2 User Guide, \"Troubleshoot system log errors for Linux instances\"; the "
		  "kernel's "
		  "messages; drbd",
	.rows = "69",
	.repair = REPAIR_NONE,
	.needs = NEEDS_CONSOLE,
	.examine = examine,
};
