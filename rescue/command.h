/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_COMMAND_H
#define RESCUE_COMMAND_H

/* The command table. Dispatch, usage, completion and the man page's list come from these rows; a
 * new command is one file (rescue/cmd_NAME.c) and one row in rescue/command.c. */

#include "rescue/options.h"
#include "rescue/report.h"

struct command {
	const char *name;
	const char *args;  /* "<instance-id>..." */
	unsigned min, max; /* number of targets */
	const char *help;  /* one line */
	unsigned options;  /* groups of options it takes: OPT_* of command.c */
	/* Exit status: 0 healthy or rescued, 1 faults found or remaining, else an err_code, which
	 * the command has already reported. */
	int (*run)(const struct options *, struct report *);
};
extern const struct command commands[];
extern const size_t command_count;

int cmd_rescue(const struct options *, struct report *);
int cmd_audit(const struct options *, struct report *);
int cmd_repair(const struct options *, struct report *);
int cmd_undo(const struct options *, struct report *); /* a target, an instance id, or a run id */
/* The undo of a whole rescue, by instance or run id; cmd_undo leaves these to it. */
int undo_rescue(const struct options *, struct report *);
int cmd_resume(const struct options *, struct report *);
int cmd_runs(const struct options *, struct report *);
int cmd_boot(const struct options *, struct report *);
int cmd_drill(const struct options *, struct report *);
int cmd_net(const struct options *, struct report *);
int cmd_spot_save(const struct options *, struct report *);
int cmd_spot_watch(const struct options *, struct report *);
int cmd_spot_restore(const struct options *, struct report *);
int cmd_spot_swap(const struct options *, struct report *);
int cmd_spot_list(const struct options *, struct report *);
int cmd_spot_prune(const struct options *, struct report *);
int cmd_policy(const struct options *, struct report *);
int cmd_checks(const struct options *, struct report *);

#endif
