/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLOUD_KINDS_H
#define CLOUD_KINDS_H

/* What a row of kinds.c points at; each trio lives in the file of its kind. */

#include "tests/cloud/call.h"

#define KIND_FUNCTIONS(name)                                           \
	json_t *name##_render(struct sim *sim, const json_t *v);       \
	int name##_load(struct sim *sim, json_t *in, struct err *err); \
	extern const struct filter name##_filters[];
KIND_FUNCTIONS(instance)
KIND_FUNCTIONS(volume)
KIND_FUNCTIONS(snapshot)
KIND_FUNCTIONS(image)
KIND_FUNCTIONS(vpc)
KIND_FUNCTIONS(subnet)
KIND_FUNCTIONS(security_group)
KIND_FUNCTIONS(route_table)
KIND_FUNCTIONS(address)
KIND_FUNCTIONS(network_acl)
KIND_FUNCTIONS(internet_gateway)
KIND_FUNCTIONS(nat_gateway)
KIND_FUNCTIONS(peering)
KIND_FUNCTIONS(prefix_list)
KIND_FUNCTIONS(spot)
KIND_FUNCTIONS(eni)
KIND_FUNCTIONS(replace)
void vpc_furnish(struct sim *sim, const char *vpc, const json_t *subnets);
int asg_load(struct sim *sim, json_t *in, struct err *err);

void instance_timer(struct sim *sim, struct res *inst, const char *name);
void volume_timer(struct sim *sim, struct res *vol, const char *name);
void replace_timer(struct sim *sim, struct res *task, const char *name);
void snapshot_timer(struct sim *sim, struct res *snap, const char *name);

#endif
