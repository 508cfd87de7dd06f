/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_JOURNAL_H
#define RESCUE_JOURNAL_H

/* The journal of a run: JSON lines, append only. A record is on the disk (fsync) before the act it
 * announces, so that a death anywhere leaves at most one announced act in doubt. Every line has "v"
 * (format version, JOURNAL_VERSION), "t" (seconds since the epoch) and "event":
 *
 *   run    what is to be given back: {"run","kind","instance","volume","helper","home_device",
 *          "delete_on_termination","was_running","region","endpoint","undo_of"}; always the first
 *   step   {"name","state":"found"|"begun"|"done"|"returned"}
 *          found: it was so before us, never undone; begun: written before the act; undo covers
 *          begun as well as done
 *   note   facts learned on the way: {"snapshot"} {"away_device"} {"ssh_port"} {"examined"} ...
 *   turn   the way home began: {"code","text"}, code ERR_NONE when everything worked
 *   end    {"result"}; nothing is borrowed any more
 *
 * The last line may be torn by a crash; it is ignored, and cut off when the journal is opened for
 * appending. */

#include "base/err.h"
#include "base/mem.h"

#include <jansson.h>

#define JOURNAL_VERSION 1

struct journal;

/* A new journal in run_dir, locked; one without a whole record, whose process died, is made new. ERR_BUSY
 * when there is another. */
int journal_create(const char *run_dir, struct journal **ret, struct err *err)
	__attribute__((warn_unused_result));
/* Opens for appending and reads what is there (a JSON array, to be released with json_decref).
 * ERR_BUSY: another process works on this run. ERR_NOTFOUND: no journal or an empty one. */
int journal_open(const char *run_dir, struct journal **ret, json_t **ret_records, struct err *err)
	__attribute__((warn_unused_result));
/* Reads only; needs no lock. */
int journal_read(const char *run_dir, json_t **ret_records, struct err *err)
	__attribute__((warn_unused_result));
/* Appends one record (taken over, also on failure) and syncs it. */
int journal_add(struct journal *, json_t *record, struct err *err)
	__attribute__((warn_unused_result));
void journal_close(struct journal *); /* and unlocks */
DEFINE_CLEANUP(struct journal *, journal_close)

/* Is a process working on the run at this moment? */
bool journal_is_locked(const char *run_dir);

#endif
