/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EC2_WATCH_H
#define EC2_WATCH_H

/* Observation: the state of the watched instances, volumes and snapshots, seen for all rescues at
 * once. One DescribeInstances, one DescribeVolumes and one DescribeSnapshots a tick, whatever the
 * count (more than 200 ids take one more page of calls). A kind with nothing to watch is not asked
 * about. Snapshots and status checks are comforts, which another EC2-compatible server may not have
 * and a policy may not grant: a look does not wait for them. */

#include "ec2/find.h"

struct ec2_watch;

/* `changed` runs after every finished look (also a failed one: see ec2_watch_err), and when comforts
 * have come. */
typedef void ec2_watch_func(void *arg);
int ec2_watch_open(struct ec2 *ec2, struct loop *loop, ec2_watch_func *changed, void *arg,
		   struct ec2_watch **ret, struct err *err) __attribute__((warn_unused_result));
void ec2_watch_close(struct ec2_watch *watch);
DEFINE_CLEANUP(struct ec2_watch *, ec2_watch_close)

/* Adding is idempotent and counted: each add needs one drop. */
void ec2_watch_instance(struct ec2_watch *, const struct instance_id *);
void ec2_watch_volume(struct ec2_watch *, const struct volume_id *);
void ec2_watch_snapshot(struct ec2_watch *, const struct snapshot_id *);
void ec2_watch_status(struct ec2_watch *,
		      const struct instance_id *); /* DescribeInstanceStatus too */
void ec2_watch_member(struct ec2_watch *,
		      const struct instance_id *); /* of an Auto Scaling group */
void ec2_unwatch_member(struct ec2_watch *, const struct instance_id *);
void ec2_unwatch_instance(struct ec2_watch *, const struct instance_id *);
void ec2_unwatch_volume(struct ec2_watch *, const struct volume_id *);
void ec2_unwatch_snapshot(struct ec2_watch *, const struct snapshot_id *);
void ec2_unwatch_status(struct ec2_watch *, const struct instance_id *);

/* Asks for a look not later than at_ms (loop time). Requests of all rescues merge into one look; a
 * look starts at the earliest wanted time, but not within min_gap_ms of the last one's start. */
void ec2_watch_want(struct ec2_watch *, int64_t at_ms);
void ec2_watch_set_min_gap(struct ec2_watch *, uint32_t min_gap_ms); /* default 250 */

/* What the newest look showed. NULL: never seen (or no longer there). Borrowed until the next look.
 * looked_at_ms: start time of the look it stems from, so that a caller can demand a view that is
 * younger than its own change (eventual consistency: require the transition to be seen). */
const struct ec2_instance *ec2_seen_instance(const struct ec2_watch *, const struct instance_id *);
const struct ec2_volume *ec2_seen_volume(const struct ec2_watch *, const struct volume_id *);
const struct ec2_snapshot *ec2_seen_snapshot(const struct ec2_watch *, const struct snapshot_id *);
const struct ec2_instance_status *ec2_seen_status(const struct ec2_watch *,
						  const struct instance_id *);
const struct asg_instance *ec2_seen_member(const struct ec2_watch *, const struct instance_id *);
int64_t
ec2_looked_at_ms(const struct ec2_watch *); /* start of the newest complete look; -1: none yet */
/* The error of the newest look; NULL when it succeeded. Looks go on by themselves after errors. */
const struct err *ec2_watch_err(const struct ec2_watch *);
/* Why snapshots or status checks cannot be seen, once that is clear; NULL when they can. */
const struct err *ec2_watch_missing(const struct ec2_watch *, enum ec2_what);

#endif
