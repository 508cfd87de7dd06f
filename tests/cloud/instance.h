/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLOUD_INSTANCE_H
#define CLOUD_INSTANCE_H

/* Between the files of instances. */

#include "tests/cloud/call.h"

void instance_stop(struct sim *sim, struct res *inst, bool force);
void instance_start(struct sim *sim, struct res *inst);
/* stateReason and stateTransitionReason; code NULL clears both. */
void instance_reason(struct sim *sim, struct res *inst, const char *code, const char *message);
/* Fills in what a description leaves out: network, interface, reservation, groups, times. */
void instance_complete(struct sim *sim, json_t *in);

/* Console output and listeners of an instance that a world description shows running. */
int boot_load(struct sim *sim, json_t *in, struct err *err) __attribute__((warn_unused_result));
int console_read(struct sim *sim, const char *id, struct str *into); /* the last 64 KiB; -1: none */
void interface_render(struct sim *sim, const json_t *inst, const json_t *eni, json_t *out);

/* Spot (spot.c). */
void spot_request_of(struct sim *sim, struct res *inst);
void spot_state(struct sim *sim, struct res *inst, const char *state, const char *code);
void spot_ended(struct sim *sim, struct res *inst);
void spot_interrupt(struct sim *sim, struct res *inst, const json_t *how);
void spot_interrupted(struct sim *sim, struct res *inst);
void spot_items(const json_t *inst, json_t *tree);

bool spot_refuses(struct call *call, const char *type,
		  const char *zone); /* no capacity, too dear, too many */

void enis_release(struct sim *sim,
		  struct res *inst); /* those that were made by themselves (moves.c) */

/* Auto Scaling (asg.c). A stopped member counts as unhealthy. */
void asg_notice(struct sim *sim, struct res *inst);
void asg_moved(struct sim *sim, struct res *inst); /* into standby, or back in service */

struct res *default_subnet(struct sim *sim, const char *zone); /* made when there is none */
struct res *default_group(struct sim *sim, const char *vpc);

/* What is known of an instance type by its name (types.c). */
struct instance_type {
	char name[32];
	bool is_nitro, is_metal, is_arm, is_old, has_store, is_known;
	int vcpus;
	json_int_t memory_mib;
};
struct instance_type instance_type_of(const char *name);

#endif
