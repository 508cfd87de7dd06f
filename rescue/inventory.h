/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_INVENTORY_H
#define RESCUE_INVENTORY_H

/* The inventory: what each instance is, what must be given back, what would be lost. Everything is
 * asked for all instances at once and side by side. Nothing is changed. */

#include "ec2/find.h"
#include "rescue/claim.h"
#include "rescue/net_first.h"
#include "rescue/options.h"
#include "rescue/report.h"
#include "checks/facts.h"

enum hazard_weight {
	HAZARD_NOTE,	/* said, not asked */
	HAZARD_CONSENT, /* done only with consent */
	HAZARD_REFUSAL, /* not done at all */
};
struct hazard {
	enum hazard_weight weight;
	enum err_code code; /* of a refusal */
	const char *costs;  /* "data", "money", "address", "downtime", "nothing" */
	char *text;
};
VEC_TYPE(hazards, struct hazard);

/* One call with DryRun: would it be permitted? */
enum dry_call {
	DRY_TAG,
	DRY_UNTAG,
	DRY_DETACH,
	DRY_ATTACH,
	DRY_MODIFY,
	DRY_SNAPSHOT,
	DRY_STOP,
	DRY_START,
	DRY_VOLUME,
	DRY_IMAGE,
	DRY_REPLACE,
	DRY_RUN_INSTANCE,
	DRY_GROUP,
	DRY_LIST_BLOCKS,
	DRY_COMPLETE,
	DRY_CALLS
};
struct dry_run {
	struct ec2_op op;
	bool is_asked;
};

struct patient {
	struct instance_id id;
	struct err err; /* it cannot be rescued: refused, or not there */
	/* Borrowed from the inventory's replies; NULL: there is none. */
	const struct ec2_instance *instance;
	const struct ec2_device *root_device;
	struct ec2_device guessed_root; /* for root_device, where no mapping holds it */
	bool is_root_guessed;		/* the server does not name the root device */
	size_t volume_count;		/* attached to it, as far as the server shows */
	const struct ec2_volume *root;
	const struct ec2_instance_type *type;
	const struct asg_instance *asg;
	const struct ec2_spot_request *spot;
	struct ec2_attribute stop_protection, shutdown_behavior;
	struct ec2_console console;
	struct ec2_op stop_op, shutdown_op, console_op;
	struct dry_run dry[DRY_CALLS];
	struct ec2_state_changes dry_power[2];
	struct ec2_attachment dry_attachment[2];
	struct ec2_snapshot dry_snapshot;
	struct ec2_volume dry_volume;
	struct ebs_blocks dry_blocks;
	struct ec2_image dry_image;
	struct ec2_replace_task dry_task;
	struct ec2_instances dry_instance;
	struct ec2_security_group dry_group;
	struct hazards hazards;
	enum rescue_via via;
	char *net_text, *net_stop; /* rescue/net_first.h; NULL: nothing is said, nothing stops it */
	char *via_why;		   /* one clause, for a person */
	char overwrites[RUN_ID_SIZE]; /* an expired claim that would be overwritten */
};
VEC_TYPE(patients, struct patient *);

/* A key that a volume of a patient is encrypted with, asked for once. */
struct volume_key {
	const char *arn; /* borrowed from the volume */
	struct kms_key key;
	struct ec2_op op;
};
VEC_TYPE(volume_keys, struct volume_key *);

/* What a helper would be launched with. */
struct helper_offer {
	bool is_asked;
	struct err why_not; /* it cannot be; ERR_NONE: it can */
	struct ec2_op image_op, address_op;
	struct ssm_parameter image;	/* by Systems Manager */
	struct ec2_own_address address; /* this machine's on the internet */
};

struct inventory {
	struct patients patients;
	struct volume_keys keys;
	struct instance_id helper;
	struct instance_id self; /* this machine by its metadata; none: unknown */
	const struct ec2_instance *helper_instance;
	struct ec2_instances instances;
	struct ec2_volumes volumes;
	struct ec2_instance_types types;
	struct ec2_instance_statuses statuses;
	struct ec2_subnets subnets;
	struct ec2_vpcs vpcs;
	struct ec2_spot_requests spots;
	struct ec2_default_encryption encryption;
	struct ec2_op encryption_op;
	union ec2_list asg;		     /* members */
	bool has_types, has_asg, has_status; /* the server answered */
	bool knows_dry_run;
	bool may_probe; /* where it does not: ask for ids that do not exist */
	int64_t now;	/* seconds since the epoch, for claims */
	bool takes_no_snapshot;
	bool names_helper;	  /* --helper, of an instance */
	bool is_helper_elsewhere; /* that instance is another machine, which ssh leads to */
	bool wants_launch;	  /* --helper launch */
	const struct options *options;
	struct helper_offer offer;
	struct net_first net;
	char *region;
	bool asks_net; /* set by the caller: does the network let ssh through? */
};

/* Fills `ret` for these instances; ERR_* only when nothing can be known at all (no credentials, no
 * network, DescribeInstances refused). A single instance's trouble is in its patient's err or
 * hazards. What is optional and missing is warned about through report. */
int inventory_take(struct ec2 *ec2, const struct options *options, struct report *report,
		   const struct instance_id *ids, size_t count, struct inventory *ret,
		   struct err *err) __attribute__((warn_unused_result));
void inventory_done(struct inventory *);
DEFINE_CLEANUP_DONE(struct inventory, inventory_done)

/* All that is attached to it, by its mapping and by its volumes. What the items point to is
 * borrowed: release the list with vec_done. */
void devices_of(const struct inventory *inventory, const struct patient *p,
		struct ec2_devices *ret);
/* Does its Auto Scaling group count on it? */
bool patient_is_in_service(const struct patient *p);
/* Which of its devices is the root, from what the server shows of its volumes and of itself. */
void patient_find_root(const struct inventory *inventory, struct patient *p);

/* DryRun calls of everything that the rescue will ask for later. Start asks what would do no harm on
 * a server that executes it all the same; finish, with the roots known, waits and asks the rest.
 * Where DryRun is not known and a rescue is meant, what comes after the stop is asked for ids that
 * do not exist, which tells at least what the server does not know. */
enum { PREFLIGHT_PATIENTS = 5 }; /* of many instances, the first few tell enough */
void preflight_start(struct ec2 *ec2, const struct inventory *inventory, struct patient *p);
void preflight_finish(struct ec2 *ec2, struct inventory *inventory, struct report *report);
/* Their verdict: the missing permissions as one list in `out`, "" when none is missing. */
void preflight_missing(const struct patient *p, struct str *out);
/* The first call that a rescue needs and the server does not know; NULL: none. */
const struct ec2_op *preflight_unknown(const struct inventory *inventory, enum dry_call *ret);

/* The keys of everything that is attached to the patients, each once; the answers are waited for. */
void keys_ask(struct ec2 *ec2, struct inventory *inventory);
void keys_wait(struct ec2 *ec2, struct inventory *inventory);
/* Must a snapshot that is written be encrypted, though the root volume is not? Asked where it matters. */
void encryption_ask(struct ec2 *ec2, struct inventory *inventory);
/* NULL: it was not asked for. */
const struct volume_key *keys_find(const struct inventory *inventory, const char *arn);
void keys_done(struct volume_keys *);

/* Can a helper be launched, and with what? Asked where a patient may need one; the answers are waited for. */
void helper_ask(struct ec2 *ec2, struct inventory *inventory);
/* For this patient; NULL (malloc'd: why not): it cannot. */
char *helper_not_launched(const struct inventory *, const struct patient *);
void helper_fill(const struct inventory *, const struct patient *, struct launch *ret);

/* Which way the surgeon takes to the volume's blocks, by --via (NULL: auto): the way that loses least and
 * takes least time, of those that are open. Pure. */
void way_choose(const struct inventory *inventory, const char *via, struct patient *p);
/* Why this machine cannot have its root volume attached, malloc'd; NULL: it can, as far as is known. */
char *way_not_self(const struct inventory *inventory, const struct patient *p);
/* Why EC2 does not replace the root volume while the instance runs, malloc'd; NULL: it does. */
char *way_not_replace(const struct patient *p);
/* Would a stop lose the data of its instance-store disks? What is not known counts as no. */
bool patient_loses_store(const struct patient *p);
/* ERR_USAGE: --via names no way, or one that other options contradict. */
int way_check(const struct options *, struct err *err) __attribute__((warn_unused_result));

/* Fills p->hazards from what is known. Pure. */
void hazards_find(const struct inventory *inventory, struct patient *p);
/* What a swap of the root volume costs besides; kept: the volume that its undo puts back, or NULL. */
void hazards_add_swap(const struct inventory *, struct patient *, const struct volume_id *kept);
void hazards_done(struct hazards *);
/* The first refusal as an error: 0 when there is none. */
int hazards_refusal(const struct hazards *, struct err *err) __attribute__((warn_unused_result));
bool hazards_need_consent(const struct hazards *);

/* What the checks may know of the cloud. */
void cloud_facts_of(const struct inventory *inventory, const struct patient *p,
		    struct cloud_facts *ret);
/* What the rescue must give back. The run id is not set. */
void record_of_patient(const struct inventory *inventory, const struct patient *p,
		       struct record *ret);

#endif
