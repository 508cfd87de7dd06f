/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_LOCAL_H
#define RESCUE_LOCAL_H

/* Surgery on a target that is already here, to its end, for the commands audit, repair and undo. */

#include "rescue/command.h"
#include "rescue/surgery.h"
#include "rescue/target.h"

struct snapshot_source;
struct local {
	const struct options *options;
	struct report *report;
	/* Every event of the surgeon; takes it over. NULL: to the report as it is. */
	void (*event)(struct local *, json_t *event);
	/* The rehearsal is over: write it? Runs while nothing else does, and may ask. */
	bool (*consent)(struct local *);
	/* What brings the volume's blocks (rescue/snapshot_source.h). NULL: the target is here, nobody is
	 * asked for anything, and this process drops its credentials. */
	struct snapshot_source *source;
	struct ec2_op *temporary_op; /* rescue/temporary.c's own: what it waits for */
	void *arg;
	struct surgery_result result; /* afterwards */
};

/* job: mode, record_dir and direction; the rest comes from the options. Signals: the first one ends
 * the surgery, or lets a commit finish; the second one leaves. -1: failed, err says why. */
int local_surgery(struct local *, const struct surgery_job *wanted, struct err *err)
	__attribute__((warn_unused_result));

/* Runs the loop until it is done, or ERR_INTERRUPTED. */
int local_wait(struct local *, struct loop *, bool (*is_done)(const struct local *),
	       struct err *err) __attribute__((warn_unused_result));

/* What a repair that was cut off left behind: RECORD_COMMITTING records of the target. For commands
 * that write nothing: ERR_BUSY, and the text says what to type. */
int local_refuse_halves(struct target *, const char *path, struct err *)
	__attribute__((warn_unused_result));
/* Brings such a target to one side, and says so. */
int local_recover(struct local *, struct target *, enum record_direction, struct err *)
	__attribute__((warn_unused_result));

/* The surgeon's scratch: mount points, and an overlay of what the file system's log changes. A new directory in TMPDIR,
 * else /var/tmp; malloc'd, and the caller's to remove. NULL: err. */
char *local_work_dir(struct err *);

/* As the options have it; console_path NULL: no boot. */
struct boot_wish local_boot_wish(const struct options *, const char *console_path);

/* "ec2-rescue undo TARGET" as it has to be typed here. */
char *local_command(const struct options *, const char *command) __attribute__((returns_nonnull));

/* The target as it is shown: a file of any name can be one. */
char *local_target(const struct options *) __attribute__((returns_nonnull));

/* Reports the error; its exit status. */
int local_fail(struct local *, const struct err *err);

#endif
