/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_CONSOLE_RULES_H
#define CHECKS_CONSOLE_RULES_H

/* What the serial console says, and what it points at. Text of an earlier boot gives false alarms,
 * so only the last boot is read; serial output may lose its last lines, so a match is a suspicion
 * and never a fault: the checks that a rule names look for a second witness on the volume. */

#include "base/str.h"

#include <stdbool.h>

/* The output since the last boot: without escape sequences and carriage returns, lines that GRUB
 * wrapped at 80 columns joined again; where a program moved the cursor, a line begins. `raw` is
 * hostile; NULL is nothing. */
void console_last_boot(const char *raw, struct str *out);

enum console_kind {
	CONSOLE_NOTE,  /* worth knowing; the boot goes on */
	CONSOLE_FAILS, /* something that the boot or the login needs failed */
	CONSOLE_STOPS, /* nothing comes after it but a person or a reset */
};

struct console_rule {
	const char *text;  /* fragments within one line, "…" between them; case counts */
	const char *cause; /* "fstab names a device that does not exist" */
	enum console_kind kind;
	const char
		*checks; /* that find the cause on a volume, with blanks between; NULL: none does */
};
extern const struct console_rule console_rules[];
extern const size_t console_rule_count;

/* The first line of `text` that the rule matches: its start and *ret_len. NULL: none. */
const char *console_match(const struct console_rule *rule, const char *text, size_t *ret_len);
/* Is this check among those that the rule names? */
bool console_rule_names(const struct console_rule *rule, const char *check);
/* The line for a message: blanks at its ends and a time stamp of the kernel in front left out, cut
 * where it is long, escaped. */
void console_quote(const char *line, size_t len, struct str *out);

#endif
