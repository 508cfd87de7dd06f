/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_SPOT_RESTORE_H
#define RESCUE_SPOT_RESTORE_H

/* An instance made of a saved set. Nothing is kept on this machine: what is under way carries SPOT_RESTORING_TAG = SET,
 * the temporary image is named after the set, a repaired root has CLAIM_RUN_TAG = SET; so a restore that was cut off is
 * gone on with by the same command, from anywhere. */

#include "rescue/spot_mend.h"

#define SPOT_RESTORING_TAG SPOT_TAG "-restoring"
#define SPOT_FROM_TAG	   SPOT_TAG "-from" /* the set that an instance was made of */
/* Of an instance that has another root yet: the snapshot that its root is to be made of. */
#define SPOT_ROOT_TAG SPOT_TAG "-root"

/* Of what one launch made: nothing but that is ever deleted, for a tag may be left on what somebody uses since. */
#define SPOT_LAUNCH_TAG SPOT_TAG "-launch"

/* What there still is of what the set names. */
struct spot_place {
	struct ec2_subnets subnets; /* of its VPC */
	struct ec2_security_groups groups;
	struct ec2_elastic_ips addresses;
	struct ec2_enis enis;
	struct ec2_instance_types types;
	struct ec2_instances others;		  /* whose state it is */
	struct ec2_instances siblings;		  /* that carry its name: of other restores */
	struct ec2_spot_requests requests;	  /* that it was launched for */
	struct ec2_instances unfinished;	  /* of a restore of this set that was cut off */
	bool has_groups, has_addresses, has_enis; /* what there is was told */
};
void spot_place_done(struct spot_place *);

struct spot_restore {
	struct spot *spot;
	const struct spot_set *set;
	struct spot_place place;
	struct spot_mended mended;
	char image[ID_SIZE];
	const char *
		own_image; /* of the saved instance, where no image can be made; NULL: `image` is */
	struct instance_id instance;
	char launch[SPOT_ID_SIZE]; /* the newest launch's client token, and SPOT_LAUNCH_TAG */
	struct snapshot_id root;   /* it still has to be given; none: it was launched of it */
	bool is_continued;	   /* it was launched by a restore that was cut off */
	char *private_ip, *public_ip, *zone, *type; /* of the instance, in the end */
	VEC(struct volume_id) volumes;		    /* of the instance */
	size_t deviations;			    /* from what was saved; each was said */
};
void spot_restore_done(struct spot_restore *);

/* Says what is not as it was. */
void spot_deviates(struct spot_restore *, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- rescue/spot_place.c */
int spot_place_find(struct spot_restore *, struct err *err) __attribute__((warn_unused_result));
const struct ec2_subnet *spot_subnet(const struct spot_restore *, const char *id); /* NULL: gone */
/* What the checks are told of the instance that will be. */
void spot_facts(const struct spot_restore *, const char *type, const char *subnet,
		struct cloud_facts *ret);

/* ---- rescue/spot_launch.c */
/* The image, and the instance of it on the first of the places that can be had. */
int spot_launch(struct spot_restore *, struct err *err) __attribute__((warn_unused_result));
/* Where the first attempt would go. */
void spot_first_place(const struct spot_restore *, const char **ret_type, const char **ret_subnet);
/* ---- rescue/spot_root.c */
/* The root of the instance, which was launched of another image, becomes one of this snapshot; then it runs. */
int spot_root_swap(struct spot_restore *, const struct snapshot_id *, struct err *err)
	__attribute__((warn_unused_result));

/* ---- rescue/spot_launch.c */
/* The image and a repaired root are of no use afterwards; after a failure also volumes that nobody has. */
void spot_clean_up(struct spot_restore *, const struct err *why);

#endif
