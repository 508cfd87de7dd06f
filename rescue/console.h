/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_CONSOLE_H
#define RESCUE_CONSOLE_H

/* The serial console (checks/console_rules.h) before a person. */

#include "checks/console_rules.h"
#include "rescue/examiner.h"
#include "rescue/report.h"

/* Reports what the last boot suggests, as facts; at most a handful. */
void console_suspect(struct report *report, const char *instance, const char *raw);
/* Reports the last lines of the last boot. */
void console_show(struct report *report, const char *instance, const char *raw);
/* Tells what the last boot complained of although no check that would find the cause found anything;
 * `event` owns what it gets. */
void console_tell_unexplained(const char *raw, const struct examination *,
			      void (*event)(void *arg, json_t *event), void *arg);
/* What the last boot suggests, one call each; at most a handful. */
void console_each(const char *raw,
		  void (*tell)(void *arg, const struct console_rule *, const char *quoted),
		  void *arg);
/* The last `want` lines of the last boot, escaped, each with a line end; nothing when there are
 * none. */
void console_tail(const char *raw, unsigned want, struct str *out);

#endif
