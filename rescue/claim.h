/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_CLAIM_H
#define RESCUE_CLAIM_H

/* The claim: one tag with the same value on the instance and on its root volume, set by one
 * CreateTags call. It refuses a second rescue of the same instance, and it holds the essence of the
 * way home, so that `ec2-rescue resume i-…` works on another machine when this one is lost.
 *
 *   ec2-rescue = RUN INSTANCE VOLUME DEVICE dot=0|1|? ran=0|1 standby=0|1 kind=K via=V to=VOLUME|-
 *                surgery=S until=TIME by=WHO
 *
 * Whoever takes the run of another machine home says so first, in the tag CLAIM_HOME_TAG = RUN on
 * both. The run's own machine stops when it sees that: there are never two that decide.
 *
 * 256 characters at most, and only those that EC2 allows in tag values everywhere. The snapshot
 * carries CLAIM_RUN_TAG = RUN, which finds it again after a lost reply; so do a repaired snapshot and the
 * volume that is made of one. CLAIM_KEPT_TAG = RUN is on a root volume that another one took the place of. */

#include "rescue/record.h"

#define CLAIM_TAG	"ec2-rescue"
#define CLAIM_RUN_TAG	"ec2-rescue-run"
#define CLAIM_HOME_TAG	"ec2-rescue-home"
#define CLAIM_KEPT_TAG	"ec2-rescue-kept"
#define CLAIM_VALUE_MAX 256
/* Longer than any rescue: an expired claim is one whose owner died and was never resumed. */
#define CLAIM_LASTS_S (6 * 3600l)

enum claim_surgery {
	CLAIM_UNTOUCHED,  /* not one byte of the volume was written */
	CLAIM_COMMITTING, /* the volume may be half written; the records are on the helper */
	CLAIM_COMMITTED,  /* written in whole */
};

struct claim {
	char run[RUN_ID_SIZE];
	struct instance_id instance;
	struct volume_id volume;
	char device[DEVICE_NAME_SIZE];
	enum ec2_bool delete_on_termination;
	bool was_running, uses_standby;
	enum rescue_kind kind;
	enum rescue_via via;
	struct volume_id
		to; /* the volume that an undo puts in the root's place; none: not such a one */
	enum claim_surgery surgery;
	int64_t until; /* seconds since the epoch */
	char by[64];
};

void claim_of(const struct record *, enum claim_surgery, struct claim *ret);
void claim_write(const struct claim *, char ret[CLAIM_VALUE_MAX + 1]);
/* Hostile: anybody may write tags. ERR_MALFORMED. */
int claim_parse(const char *value, struct claim *ret, struct err *err)
	__attribute__((warn_unused_result));
/* The claim among these tags: 1 and *ret, 0 when there is none; -1 when it cannot be read. */
int claim_find(const struct ec2_tags *, struct claim *ret, struct err *err)
	__attribute__((warn_unused_result));
/* Does another machine take this run home? */
bool claim_is_taken_home(const struct ec2_tags *tags, const char *run);
/* Is this the snapshot that the run took of the volume, by its tag? A server may list others when it
 * was asked for this one. */
bool claim_took_snapshot(const struct ec2_snapshot *, const struct volume_id *, const char *run);
/* What a person needs for finding home by hand from a claim. */
void record_of_claim(const struct claim *, struct record *ret);

#endif
