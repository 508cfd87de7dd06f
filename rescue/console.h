/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_CONSOLE_H
#define RESCUE_CONSOLE_H

/* What the serial console says. Text of an earlier boot gives false alarms, so only the last boot
 * is read; serial output may lose its last lines, so a match is a suspicion and never a finding. */

#include "base/str.h"
#include "rescue/report.h"

/* The output since the last boot: without escape sequences and carriage returns, lines that GRUB
 * wrapped at 80 columns joined again. `raw` is hostile; NULL is nothing. */
void console_last_boot(const char *raw, struct str *out);

struct console_rule {
	const char *text;  /* fragments within one line, "…" between them; case counts */
	const char *cause; /* "fstab names a device that does not exist" */
};
extern const struct console_rule console_rules[];
extern const size_t console_rule_count;
/* The first line of `text` that the rule matches: its start and *ret_len. NULL: none. */
const char *console_match(const struct console_rule *rule, const char *text, size_t *ret_len);

/* Reports what the last boot suggests, as facts; at most a handful. */
void console_suspect(struct report *report, const char *instance, const char *raw);
/* Reports the last lines of the last boot. */
void console_show(struct report *report, const char *instance, const char *raw);

#endif
