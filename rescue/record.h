/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_RECORD_H
#define RESCUE_RECORD_H

/* What is on record about one run: what must be given back and how far it came. Made by the
 * inventory, written to the journal, read back by resume, undo and runs; its essence is in the
 * claim tag (rescue/claim.h), from which another machine makes it again. */

#include "base/str.h"
#include "ec2/types.h"
#include "rescue/state.h"

#include <jansson.h>

#define PLAN_MAX 24
/* Linux device names in EC2 are short; the API allows 32 bytes. */
#define DEVICE_NAME_SIZE 64

enum rescue_kind {
	RESCUE_REPAIR, /* examine and repair */
	RESCUE_UNDO,   /* take the repair of an earlier run back */
	RESCUE_HOME,   /* from the tags of another machine's run: only home */
	RESCUE_AUDIT,  /* a temporary snapshot (rescue/temporary.h); no rescue */
	RESCUE_NET,    /* changes of the network around it (rescue/net_fix.h); no rescue */
};
const char *rescue_kind_name(enum rescue_kind kind);

/* How the surgeon gets at the volume's blocks. */
enum rescue_via {
	VIA_SELF,     /* the volume is attached to this machine */
	VIA_SNAPSHOT, /* through the EBS direct APIs; the root volume is swapped, not written */
	VIA_REPLACE,  /* so too, and EC2 swaps it while the instance runs on */
	VIA_HELPER,   /* it is attached to another machine, over SSH */
};
static inline bool via_swaps(enum rescue_via via)
{
	return via == VIA_SNAPSHOT || via == VIA_REPLACE;
}
const char *rescue_via_name(enum rescue_via via);
/* -1: none of these. */
int rescue_via_parse(const char *name, enum rescue_via *ret) __attribute__((warn_unused_result));

enum step_state { STEP_NONE, STEP_FOUND, STEP_BEGUN, STEP_DONE };
const char *step_state_name(enum step_state state);

struct step_record {
	enum step_state state;
	bool is_returned;
	double begun_at; /* seconds since the epoch; 0: never */
};

/* Of VIA_HELPER: what is launched. */
struct launch {
	bool is_ours;	/* this run launches it, or took it over, and removes it */
	bool is_kept;	/* not in the end: --keep-helper */
	bool is_public; /* gets a public address, and is spoken to there */
	char image[ID_SIZE], type[32] /* "": helper_types */, subnet[ID_SIZE], vpc[ID_SIZE];
	char from[64];		/* who may ssh in: CIDR */
	char keys[RUN_ID_SIZE]; /* the run whose keys open it; "": the person's own */
	char group[ID_SIZE];	/* its security group, once there is one */
	uint32_t tries;		/* launches that were begun; each has a token of its own */
};

struct record {
	char run[RUN_ID_SIZE];
	enum rescue_kind kind;
	enum rescue_via via;
	struct instance_id instance, helper; /* VIA_HELPER: once there is one */
	struct launch launch;
	struct volume_id volume;
	struct snapshot_id snapshot; /* once there is one */
	char home_device[DEVICE_NAME_SIZE], away_device[DEVICE_NAME_SIZE];
	enum ec2_bool delete_on_termination; /* _ABSENT: the server does not say */
	bool was_running;
	bool uses_standby;		/* its Auto Scaling group is to leave it alone meanwhile */
	bool has_no_tags;		/* the server has none, so there is no claim; warned */
	bool has_stray_tags;		/* but ours may be there all the same */
	char region[64], endpoint[256]; /* "" unless given on the command line */
	/* The root is made anew from it: RESCUE_HOME after a write that was cut off, a swap once the
	 * repaired snapshot is written. */
	struct snapshot_id restore_from;
	/* The volume that takes the root's place, once there is one; of the undo of a swap the one that was
	 * kept. */
	struct volume_id restored;
	char undo_of[RUN_ID_SIZE]; /* RESCUE_UNDO: the run to take back */
	uint32_t boot_s; /* RESCUE_REPAIR: a boot is rehearsed for at most so long; 0: none */
	bool boot_may_fail, boot_no_kvm;
	struct step_record steps[PLAN_MAX]; /* by index in rescue_plan */
	bool has_turned;		    /* the way home began */
	struct err turn;		    /* why; ERR_NONE: everything worked */
	bool was_marked;    /* as being written: another machine may have replaced it since */
	bool was_committed; /* the volume has been changed */
	uint32_t repairs, faults, could_not_tell, ssh_port; /* of the examination */
	bool was_examined;
	char result[32]; /* "" while unfinished */
	double begun_at, ended_at;
};

/* The "run" record of the journal. */
json_t *record_to_json(const struct record *);
/* Replays a journal. ERR_MALFORMED when the records make no sense. Steps of names that this version
 * does not know are an error as well: they may have borrowed something. */
int record_replay(const json_t *records, struct record *ret, struct err *err)
	__attribute__((warn_unused_result));
/* Of a swap: from now on the way home leads over the volume that takes the root's place; or, when it
 * cannot be had, over the root after all. */
void record_swap(struct record *);
void record_stay(struct record *);
/* Is anything recorded as borrowed and not returned? */
bool record_is_finished(const struct record *);

#endif
