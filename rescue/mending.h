/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_MENDING_H
#define RESCUE_MENDING_H

/* What comes before the files: the disks as such are examined, their repairs are done on the overlays,
 * and the volume is mounted. Only the checks of blocks run here (struct check, is_of_blocks); what they
 * find and is not repaired, the examination of the files finds again. */

#include "fs/mend.h"
#include "rescue/rehearsal.h"

struct mending_request {
	struct volume *volume;	      /* its disks are open; mounted when it succeeds */
	struct examiner_job examiner; /* tree and disks are filled in */
	const struct words *fix;      /* as in struct rehearsal_request, as are the rest */
	bool may_repair;
	void (*event)(void *arg, json_t *event);
	void *arg;
};

struct mending {
	struct edits done; /* on the overlays, in this order */
	size_t repairs;
};
void mending_done(struct mending *);

/* The error is that of the mount. All that was found in the disks was told before. */
int mending_run(const struct mending_request *, struct mending *ret, struct err *)
	__attribute__((warn_unused_result));
/* The same repairs on a volume that was opened anew, and the mount. */
int mending_again(struct volume *, const struct mending *, struct err *)
	__attribute__((warn_unused_result));

#endif
