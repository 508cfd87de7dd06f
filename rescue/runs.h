/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_RUNS_H
#define RESCUE_RUNS_H

/* The runs on record in the state directory. */

#include "rescue/record.h"

struct run {
	struct record record;
	char *dir;
	bool is_locked; /* a process works on it at this moment */
	struct err err; /* its journal cannot be read; record.run is set even so */
};
VEC_TYPE(runs, struct run);

/* All runs, oldest first. Runs that died before they wrote anything down are left out. */
int runs_load(const struct options *, struct runs *ret, struct err *err)
	__attribute__((warn_unused_result));
void runs_done(struct runs *);
DEFINE_CLEANUP_DONE(struct runs, runs_done)

/* The newest run that `target` names (a run id or an instance id) and `fits`; NULL: none. */
const struct run *runs_find(const struct runs *, const char *target,
			    bool (*fits)(const struct run *));
bool run_is_unfinished(const struct run *);
bool run_can_be_undone(const struct run *); /* wrote the volume, for a repair */

#endif
