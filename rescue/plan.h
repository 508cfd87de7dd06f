/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_PLAN_H
#define RESCUE_PLAN_H

/* The plan of a rescue: rows of things that are borrowed. A step acts, and the way home is the undo
 * of what was borrowed, in reverse; success, failure, ^C and resume walk the same way home. Nothing
 * here blocks: act and undo start exactly one operation, and `holds` is a pure function of the
 * observed world (ec2/watch.h) and of what this process knows. */

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

struct rescue;
struct ec2_op;

enum way { WAY_OUT, WAY_HOME };

/* Is the world as the step wants it on this way? */
enum held {
	HELD_UNSEEN,  /* no look that is younger than our own last change */
	HELD_NO,      /* not so: act */
	HELD_NOT_YET, /* on its way there, or not ready for the act */
	HELD_YES,
	HELD_NEVER, /* cannot become so: instance terminated, claimed by another, ... (err says) */
};

enum step_kind {
	STEP_BORROW, /* undone always */
	STEP_OWE,    /* nothing to do on the way out; to be made good on the way home */
	STEP_KEEP,   /* undone only after a failure; undo NULL: never */
	STEP_WAIT,   /* waits for the world; borrows nothing */
};

enum {
	STEP_VOLATILE = 1, /* does not outlive the process: resume does it again */
	STEP_OPTIONAL = 2, /* a failure costs a warning */
	STEP_CUT = 4,	   /* ^C does not wait for its end */
	STEP_SILENT = 8,   /* not worth a word when there is nothing to do */
	STEP_REPAIRS = 16, /* an undo passes it over */
};

enum started { STARTED_OP, STARTED_NOTHING };

struct step {
	const char *name; /* stable, kebab-case: the key in the journal */
	enum step_kind kind;
	unsigned flags;
	unsigned vias; /* 1 << enum rescue_via: only that one's; 0: everybody's */
	/* Deadlines for holds() to become true after act() (0: --stop-timeout) and undo(). */
	uint32_t out_s, home_s;
	/* One sentence without a full stop, with real ids: what is done (or, for WAY_HOME, is left
	 * to be done). */
	void (*describe)(const struct rescue *, enum way, struct str *out);
	enum held (*holds)(const struct rescue *, enum way, struct err *err);
	/* Start one operation through rescue->call (STARTED_OP) or one that tells of itself
	 * (STARTED_NOTHING: surgery). act NULL: only waits. -1: refused here. */
	int (*act)(struct rescue *, struct err *err);
	int (*undo)(struct rescue *, struct err *err);
	/* act's call was refused for good, or the server does not know that of undo: true when the
	 * step knows another way (it is tried again, or holds from now on). NULL: no. */
	bool (*refused)(struct rescue *, const struct ec2_op *op);
	/* The deadline on the way out passed: true when something else is tried now and the
	 * deadline begins anew. NULL: no. */
	bool (*late)(struct rescue *);
	/* undo is not to be had: its deadline passed, or the server does not know its call. True
	 * when the step said so in a warning and the way home goes on without it. NULL: no. */
	bool (*leave)(struct rescue *);
};

extern const struct step *const rescue_plan[];
extern const size_t rescue_plan_count;
#define VIAS_SWAP  (1u << VIA_SNAPSHOT | 1u << VIA_REPLACE)
#define VIAS_WRITE (1u << VIA_SELF | 1u << VIA_HELPER)
#define PLAN_NONE  ((size_t)-1)
size_t plan_index(const char *name); /* PLAN_NONE: there is no such step */

/* Rows that others must find. */
enum step_index {
	STEP_CLAIM,
	STEP_CHILD,
	STEP_IMAGE,
	STEP_GROUP,
	STEP_HELPER,
	STEP_STANDBY,
	STEP_STOP,
	STEP_SNAPSHOT,
	STEP_READABLE,
	STEP_LINK,
	STEP_DOT,
	STEP_DETACH,
	STEP_RESTORE,
	STEP_REPLACE,
	STEP_ATTACH,
	STEP_DEVICE,
	STEP_EXAMINE,
	STEP_MARK,
	STEP_REPAIR,
	STEP_USABLE,
	STEP_SEAL,
};
/* Does this rescue take the row on its way out? Others are passed over; home goes what is owed. */
bool plan_has(const struct rescue *, size_t at);

/* Rows of plan_claim.c, plan_helper.c, plan_instance.c, plan_volume.c, plan_snapshot.c, plan_restore.c,
 * plan_replace.c and plan_surgery.c. */
extern const struct step claim_step, child_step, image_step, group_step, helper_step, standby_step,
	stop_step, snapshot_step, readable_step, link_step, dot_step, detach_step, restore_step,
	replace_step, attach_step, device_step, examine_step, mark_step, repair_step, usable_step,
	seal_step;

#endif
