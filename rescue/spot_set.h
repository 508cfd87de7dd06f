/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_SPOT_SET_H
#define RESCUE_SPOT_SET_H

/* A saved state of an instance: snapshots of its volumes at one moment, and tags on each of them that say what a
 * restore has to know. One CreateSnapshots call makes all of it, with the same tags on each snapshot, so there is
 * no moment in which a snapshot is there and what it is of is not.
 *
 * Tags: SPOT_TAG is the name of the state, SPOT_TAG "-set" the set, SPOT_TAG "-at" the time; "-volumes", "-volumes2", ...
 * list the volumes as "vol-...=DEVICE:TYPE:GIB:IOPS:THROUGHPUT[:root][:goes]", blank separated; the rest is in the
 * rows of spot_set.c. EC2 takes 50 tags a resource with values of 256 characters. Characters that not every service
 * of AWS takes in a tag stand as "@" and two hexadecimal digits.
 * Source: EC2 user guide, "Tag your Amazon EC2 resources", "Tag restrictions". */

#include "ec2/calls.h"

#define SPOT_TAG       "ec2-rescue-spot"
#define SPOT_SET_TAG   SPOT_TAG "-set"
#define SPOT_NAME_SIZE 65 /* of a state: letters, digits and . _ - */
#define SPOT_ID_SIZE   32
#define SPOT_TAGS_MAX  50

struct spot_volume {
	struct volume_id id;
	char *device, *type;	       /* "/dev/xvda", "gp3" */
	int64_t gib, iops, throughput; /* 0: the type's own */
	bool is_root, goes;	       /* goes: DeleteOnTermination was on */
	/* What there is of it now; none: nothing. */
	struct snapshot_id snapshot;
	enum ec2_snapshot_status status;
	bool is_encrypted;
};
VEC_TYPE(spot_volumes, struct spot_volume);

enum spot_standing {
	SPOT_COMPLETE,
	SPOT_PENDING,	 /* every snapshot is there, and some are not completed yet */
	SPOT_INCOMPLETE, /* one is missing or in error, so nothing can be restored of it */
};

struct spot_set {
	char name[SPOT_NAME_SIZE], id[SPOT_ID_SIZE];
	int64_t at; /* seconds since the epoch */
	/* As they were then; NULL: unknown. Lists are blank separated. */
	char *instance, *zone, *type, *image, *architecture, *boot_mode, *ena, *root_device;
	char *key_name, *profile, *vpc, *subnet, *groups, *private_ip, *elastic_ip, *interfaces;
	char *lifecycle, *cmdline;
	struct spot_volumes volumes;
	VEC(struct snapshot_id) more; /* second ones of its volumes, of use to nobody */
};
VEC_TYPE(spot_sets, struct spot_set);
void spot_set_done(struct spot_set *);
DEFINE_CLEANUP_DONE(struct spot_set, spot_set_done)
void spot_sets_done(struct spot_sets *);
DEFINE_CLEANUP_DONE(struct spot_sets, spot_sets_done)

/* A new id: UTC time and 24 random bits. */
void spot_set_id(int64_t now, char ret[SPOT_ID_SIZE]);
bool spot_name_is_valid(const char *);

/* From the instance and its volumes as EC2 describes them: everything but name, id and time. `wanted` tells whether
 * a volume belongs to it. */
void spot_set_describe(const struct ec2_instance *, const struct ec2_volumes *,
		       bool (*wanted)(void *arg, const struct ec2_device *), void *arg,
		       struct spot_set *ret);

struct spot_tags {
	struct ec2_tag_pair pairs[SPOT_TAGS_MAX]; /* keys and values are owned */
	size_t count;
};
void spot_tags_done(struct spot_tags *);
DEFINE_CLEANUP_DONE(struct spot_tags, spot_tags_done)
/* ERR_UNSUPPORTED: more volumes than the tags have room for. The kernel's command line is cut to what is left. */
int spot_set_tags(const struct spot_set *, struct spot_tags *ret, struct err *err)
	__attribute__((warn_unused_result));

/* What a volume of that type may be given, and EC2 refuses for others. */
void spot_volume_rates(const struct spot_volume *, int64_t *ret_iops, int64_t *ret_throughput);
/* The sets that these snapshots make up, oldest first. Snapshots without the tags, or with tags that say nothing
 * of the kind, are nobody's. */
void spot_sets_of(const struct ec2_snapshots *, struct spot_sets *ret);
enum spot_standing spot_set_standing(const struct spot_set *);
const char *spot_standing_name(enum spot_standing);
const struct spot_volume *spot_set_root(const struct spot_set *); /* NULL: it has none */

#endif
