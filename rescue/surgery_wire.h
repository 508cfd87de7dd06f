/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_SURGERY_WIRE_H
#define RESCUE_SURGERY_WIRE_H

/* What passes between the process with credentials and its surgeon: JSON, one message a line.
 *
 *   to the surgeon    the job; then {"do": "commit"} or {"do": "decline"}
 *   from the surgeon  {"event": ...} for the report; {"state": "ready", "result"};
 *                     {"state": "ended", "result", "error": null | {"code", "text"}}, and its exit
 *
 * Whatever comes from the surgeon may have been made up by a hostile volume. */

#include "rescue/surgery.h"

#define SURGERY_LINE_MAX   (4u << 20)	/* longest message, bytes */
#define SURGERY_EVENTS_MAX 20000u	/* in one surgery */
#define SURGERY_TEXT_MAX   (256u << 10) /* longest diff that travels whole */

/* A job with what it points to. */
struct surgery_order {
	struct surgery_job job;
	VEC(char *) strings;
	struct words fix, more;
	struct cloud_facts cloud;
};
json_t *surgery_job_to_json(const struct surgery_job *);
int surgery_order_from_json(const json_t *, struct surgery_order *ret, struct err *)
	__attribute__((warn_unused_result));
void surgery_order_done(struct surgery_order *);
DEFINE_CLEANUP_DONE(struct surgery_order, surgery_order_done)

/* err and state do not travel in it. */
json_t *surgery_result_to_json(const struct surgery_result *);
int surgery_result_from_json(const json_t *, struct surgery_result *ret, struct err *)
	__attribute__((warn_unused_result));

/* ERR_MALFORMED unless this is an event that a surgeon may send: a known kind, its members there,
 * and flat. Escapes what a terminal would obey. */
int surgery_event_judge(json_t *, struct err *) __attribute__((warn_unused_result));

#endif
