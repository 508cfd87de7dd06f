/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_FACTS_H
#define CHECKS_FACTS_H

/* What only the cloud knows about the instance, as plain data. Everything may be absent. */

#include "base/err.h"
#include "base/mem.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Does the network drop what is not from or to an address of the interface? */
enum source_check { SOURCE_CHECK_UNKNOWN, SOURCE_CHECK_ON, SOURCE_CHECK_OFF };
struct cloud_interface {
	uint32_t device_index;
	char *mac;	    /* lower case, colons */
	char **private_ips; /* the primary one first */
	size_t private_ip_count;
	char *subnet_cidr; /* "10.0.1.0/24"; NULL: unknown */
	bool has_public_ip;
	enum source_check source_check;
};
struct cloud_volume {
	char *device, *volume; /* "/dev/sdf", "vol-0abc…" */
	uint64_t size_gib;
};
struct cloud_facts {
	bool is_known;				     /* false: nothing of this is (a local image) */
	char *instance, *instance_type, *hypervisor; /* "nitro", "xen", NULL */
	char *boot_mode; /* in which it starts: "legacy-bios", "uefi", NULL: not known */
	bool has_new_cards; /* the network cards are others than those that the volume knew; which is not known yet */
	struct cloud_interface *interfaces;
	size_t interface_count;
	char **vpc_cidrs;
	size_t vpc_cidr_count;
	struct cloud_volume *volumes; /* all that are attached at home, the root among them */
	size_t volume_count;
};

json_t *cloud_facts_to_json(const struct cloud_facts *);
int cloud_facts_from_json(const json_t *, struct cloud_facts *ret, struct err *)
	__attribute__((warn_unused_result));
void cloud_facts_done(struct cloud_facts *);
DEFINE_CLEANUP_DONE(struct cloud_facts, cloud_facts_done)

#endif
