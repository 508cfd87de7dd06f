/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_REHEARSAL_H
#define RESCUE_REHEARSAL_H

/* The operation rehearsed: examine, choose repairs, apply them to a copy-on-write tree, examine
 * again, until nothing is left that may be repaired; the rounds become one patch. The tree itself
 * is not changed. */

#include "rescue/examiner.h"
#include "rescue/options.h"

struct rehearsal_request {
	struct examiner_job examiner; /* examiner.tree is the tree */
	const struct words *fix; /* names of checks whose offered repairs are wanted; NULL: none */
	enum { REHEARSE_NOTHING, REHEARSE_REPAIRS } what; /* NOTHING: examine only */
	/* Every event for the report, in order (finding, could_not_tell, warning); the callee owns.
	 */
	void (*event)(void *arg, json_t *event);
	void *arg;
};

struct rehearsal {
	struct patch patch;		/* of all rounds together */
	struct examination first, last; /* last: after the repairs; empty when there were none */
	size_t findings;		/* all that were reported */
	size_t repairs;			/* of which are repaired by the patch */
	size_t faults;			/* above "note" that remain */
	size_t could_not_tell;
};
void rehearsal_done(struct rehearsal *);
DEFINE_CLEANUP_DONE(struct rehearsal, rehearsal_done)

/* A repair that conflicts with another one waits for the next round. A repair that does not make
 * its finding go away is left out, and a warning says so. */
int rehearse(const struct rehearsal_request *, struct rehearsal *ret, struct err *)
	__attribute__((warn_unused_result));
/* After the patch was applied for real: is everything as the rehearsal ended? ERR_CONFLICT if not.
 */
int rehearsal_prove(const struct rehearsal_request *, const struct rehearsal *, struct err *)
	__attribute__((warn_unused_result));

/* What makes two findings of different examinations the same one; the caller frees. */
char *finding_key(const struct finding *);
/* As an event for the report. */
json_t *finding_event(const struct finding *);
void rehearsal_tell_unknown(const struct could_not_tells *, void (*event)(void *, json_t *),
			    void *arg);

#endif
