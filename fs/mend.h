/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_MEND_H
#define FS_MEND_H

/* Repairs below the files (EDIT_BLOCKS), on the overlays: nothing reaches the target before
 * volume_commit, which records the blocks' old bytes like those of every other change. */

#include "fs/edit.h"
#include "fs/volume.h"

/* Does the repairs in order, on overlays that hold nothing else: whatever was mounted is let go, and the
 * disks are looked at again. `report` gets the programs' words. On failure the overlays are empty again
 * and *ret_failed is the index of the repair that could not be made: ERR_DAMAGED when the program gave
 * up (a careful check leaves the reason in the row's state.check_error), ERR_TOOL when it is not
 * installed or this process may not export the volume, ERR_CONFLICT when the edit names no such thing. */
int volume_mend(struct volume *, const struct edits *, struct str *report, size_t *ret_failed,
		struct err *) __attribute__((warn_unused_result));

#endif
