/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_REPORT_H
#define RESCUE_REPORT_H

/* What a person or a program sees. Everything said is an event, a JSON object with an "event" member;
 * report.c alone decides how it looks: a board on a terminal, plain lines elsewhere, the objects
 * themselves (one a line, on stdout) with --json. Results go to stdout, progress to stderr.
 *
 * Events ("rescue": instance id, where the event belongs to one of several rescues):
 *   run            run, instances                          a run began
 *   fact           name, text                              inventory, suspicion from the console
 *   hazard         text, costs, needs_consent              costs: data, money, address, downtime
 *   plan           steps [name, text]                      a name that comes again is its way home
 *   step           name, state, text                       state: begun, done, skipped, failed, returning, returned
 *   waiting        name, text, deadline_s                  what is being waited for now
 *   machine        id, version_id, pretty_name             what the volume holds
 *   finding        check, severity, class, path, line, message, repairable, rows
 *   diff           path, text
 *   could_not_tell check, message
 *   examined       findings, repairs, blocks, bytes
 *   repaired       edits, blocks, undo
 *   console        text
 *   warning        text                                    says what happens next
 *   error          code, exit_status, text
 *   verdict        result, text, run, down_s, snapshot, next   result: rescued, healthy, repaired, faults, returned,
 *                                                          unverified, away, undone, could-not-tell, saved, restored, pruned,
 *                                                          planned
 *   net            instance, role, from, to, port, verdict, text, hops [leg, standing, place, text, remedy, command]
 *   audit          the whole object of `audit --json`, printed as it is */

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>

struct report;

enum report_style { REPORT_AUTO, REPORT_JSON };
struct report *report_open(enum report_style style);
void report_close(struct report *);

/* Takes over the event. `rescue` (may be NULL) is the instance id it belongs to. */
void report_event(struct report *, const char *rescue, json_t *event);
/* json_pack without the ceremony: report_say(report, id, "warning", "{s:s}", "text", text). */
void report_say(struct report *, const char *rescue, const char *kind, const char *pack_format,
		...);
void report_err(struct report *, const char *rescue, const struct err *err); /* an "error" event */
/* Redraws elapsed times; called about once a second while something waits. */
void report_tick(struct report *);
/* Asks on the terminal (stdin and stderr must be one). ret: the answer was yes. Without a terminal:
 * false at once, and the text of what option would consent is the caller's to print. */
bool report_ask(struct report *, const char *question);
bool report_can_ask(const struct report *);

#endif
