/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_STATE_H
#define RESCUE_STATE_H

/* The state directory: what must outlive this process.
 *
 *   STATE/                 0700 (--state-dir; /var/lib/ec2-rescue, or XDG state when not root); where it
 *                          was open to others it is closed, with all that is in it: see state_close
 *     runs/RUN/            0700; one rescue of one instance. RUN: r20261122-073015-4f2a91
 *       journal            JSON lines, appended and synced before each act (rescue/journal.h);
 *                          locked (flock) by the process that works on the run
 *       records/           redo, undo and patch of the surgery (fs/)
 *       work/              scratch of the surgery; removed at the end
 *       console            console output as it was before the rescue
 *       boot-TIME.console  the console of a boot that was rehearsed (rescue/boot.h)
 *     targets/ID/          repairs of local targets (rescue/target.h) */

#include "base/mem.h"
#include "rescue/options.h"

#define RUN_ID_SIZE 32
#define RUN_ID_LEN  23 /* strlen of every run id */

VEC_TYPE(run_names, char *);
void run_names_done(struct run_names *);
DEFINE_CLEANUP_DONE(struct run_names, run_names_done)

/* The state directory to use; malloc'd. Nothing is made. */
char *state_dir(const struct options *);
/* Closes a state directory that is open to others, and what is in it. What it holds decides what is
 * written to a volume, so it is ERR_REFUSED when it, or anything that stood open in it, belongs to
 * another user; and when it holds other things as well, because then its mode may be meant. None there: fine. */
int state_close(const char *top, struct err *err) __attribute__((warn_unused_result));
/* STATE/runs/RUN and its records/ and work/, made 0700. ret: malloc'd path. */
int state_make_run(const struct options *, const char *run, char **ret, struct err *err)
	__attribute__((warn_unused_result));
char *state_run_dir(const struct options *, const char *run); /* only the name */
/* Names of all runs, oldest first. No directory: none. */
int state_list_runs(const struct options *, struct run_names *ret, struct err *err)
	__attribute__((warn_unused_result));
/* Removes RUN/work and what is in it; best effort. */
void state_clean_work(const char *run_dir);

/* A new run id: UTC time and 24 random bits. */
void run_id_make(char ret[RUN_ID_SIZE]);
bool run_id_is_valid(const char *text);

#endif
