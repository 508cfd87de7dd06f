/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EC2_TYPES_H
#define EC2_TYPES_H

/* What EC2 answers, as plain structs filled by the field tables (ec2/xmlmap.h). Names are EC2's
 * own. Strings are malloc'd, NULL where the reply has no such element (another EC2-compatible
 * server may leave fields out); times are seconds since the epoch, 0 when absent. Enumerations have
 * an _OTHER for names this program does not know and start with _ABSENT = 0. Everything in a reply
 * is owned by the reply and released by its *_done. */

#include "base/mem.h"
#include "ec2/ids.h"

#include <stdbool.h>
#include <stdint.h>

/* Tri-state for booleans whose absence must not read as "false". */
enum ec2_bool { EC2_BOOL_ABSENT, EC2_FALSE, EC2_TRUE };

enum ec2_instance_state {
	INSTANCE_STATE_ABSENT,
	INSTANCE_PENDING,
	INSTANCE_RUNNING,
	INSTANCE_SHUTTING_DOWN,
	INSTANCE_TERMINATED,
	INSTANCE_STOPPING,
	INSTANCE_STOPPED,
	INSTANCE_STATE_OTHER,
};
enum ec2_volume_status {
	VOLUME_STATUS_ABSENT,
	VOLUME_CREATING,
	VOLUME_AVAILABLE,
	VOLUME_IN_USE,
	VOLUME_DELETING,
	VOLUME_DELETED,
	VOLUME_ERROR,
	VOLUME_STATUS_OTHER,
};
enum ec2_attachment_status {
	ATTACHMENT_ABSENT,
	ATTACHMENT_ATTACHING,
	ATTACHMENT_ATTACHED,
	ATTACHMENT_DETACHING,
	ATTACHMENT_DETACHED,
	ATTACHMENT_BUSY,
	ATTACHMENT_OTHER,
};
enum ec2_snapshot_status {
	SNAPSHOT_STATUS_ABSENT,
	SNAPSHOT_PENDING,
	SNAPSHOT_COMPLETED,
	SNAPSHOT_ERROR,
	SNAPSHOT_RECOVERABLE,
	SNAPSHOT_RECOVERING,
	SNAPSHOT_STATUS_OTHER,
};
enum ec2_summary_status {
	SUMMARY_ABSENT,
	SUMMARY_OK,
	SUMMARY_IMPAIRED,
	SUMMARY_INSUFFICIENT_DATA,
	SUMMARY_NOT_APPLICABLE,
	SUMMARY_INITIALIZING,
	SUMMARY_OTHER,
};
/* EC2's own word ("in-use"); "?" for _ABSENT and _OTHER. */
const char *ec2_instance_state_name(enum ec2_instance_state state);
const char *ec2_volume_status_name(enum ec2_volume_status status);
const char *ec2_summary_status_name(enum ec2_summary_status status);

struct ec2_tag {
	char *key, *value;
};
VEC_TYPE(ec2_tags, struct ec2_tag);
/* Value of the tag, NULL when there is none. Borrowed. */
const char *ec2_tag_value(const struct ec2_tags *tags, const char *key);

struct ec2_device { /* item of an instance's blockDeviceMapping */
	char *device_name;
	struct volume_id volume;
	enum ec2_attachment_status status;
	enum ec2_bool delete_on_termination;
	int64_t attach_time;
};
VEC_TYPE(ec2_devices, struct ec2_device);

struct ec2_address { /* item of an interface's privateIpAddressesSet */
	char *private_ip, *public_ip;
	enum ec2_bool primary;
};
VEC_TYPE(ec2_address_list, struct ec2_address);
struct ec2_group {
	char *id, *name;
};
VEC_TYPE(ec2_groups, struct ec2_group);
VEC_TYPE(ec2_texts, char *);
struct ec2_interface {
	char *id, *subnet, *vpc, *mac, *private_ip, *public_ip, *public_ip_owner;
	int64_t device_index; /* -1 when absent */
	enum ec2_bool source_dest_check;
	struct ec2_address_list addresses;
	struct ec2_texts ipv6;
	struct ec2_groups groups;
};
VEC_TYPE(ec2_interfaces, struct ec2_interface);
struct ec2_product_code {
	char *code, *type; /* type: "devpay", "marketplace" */
};
VEC_TYPE(ec2_product_codes, struct ec2_product_code);

struct ec2_instance {
	struct instance_id id;
	enum ec2_instance_state state;
	char *type, *image, *key_name, *zone, *architecture, *hypervisor, *root_device_name;
	char *root_device_type;	       /* "ebs", "instance-store" */
	char *lifecycle;	       /* "spot", "scheduled"; NULL: on demand */
	char *spot_request, *platform; /* platform "windows" or NULL */
	char *vpc, *subnet, *private_ip, *public_ip, *outpost;
	char *profile;			  /* ARN of the instance profile */
	char *boot_mode, *virtualization; /* currentInstanceBootMode; "hvm", "paravirtual" */
	char *reason, *state_reason_code, *state_reason;
	int64_t launch_time;
	enum ec2_bool hibernation_configured, ena_support, ebs_optimized, source_dest_check;
	struct ec2_devices devices;
	struct ec2_interfaces interfaces;
	struct ec2_product_codes product_codes;
	struct ec2_groups groups;
	struct ec2_tags tags;
};
VEC_TYPE(ec2_instances, struct ec2_instance);
/* Terminated, or about to be. NULL: no. */
bool ec2_instance_is_gone(const struct ec2_instance *);

struct ec2_attachment {
	struct volume_id volume;
	struct instance_id instance;
	char *device;
	enum ec2_attachment_status status;
	enum ec2_bool delete_on_termination;
	int64_t attach_time;
};
VEC_TYPE(ec2_attachments, struct ec2_attachment);

struct ec2_volume {
	struct volume_id id;
	struct snapshot_id snapshot;
	enum ec2_volume_status status;
	char *zone, *type, *kms_key, *outpost;
	int64_t size_gib, iops, throughput; /* 0 when absent */
	enum ec2_bool encrypted, multi_attach;
	struct ec2_attachments attachments;
	struct ec2_tags tags;
};
VEC_TYPE(ec2_volumes, struct ec2_volume);

struct ec2_snapshot {
	struct snapshot_id id;
	struct volume_id volume;
	enum ec2_snapshot_status status;
	char *status_message, *progress, *description;
	int64_t start_time, size_gib;
	enum ec2_bool encrypted;
	struct ec2_tags tags;
};
VEC_TYPE(ec2_snapshots, struct ec2_snapshot);

/* Blocks of a snapshot that hold data, in the order of their index; the others are zeros. */
struct ebs_block {
	int64_t index; /* in blocks from the beginning of the volume */
	char *token;   /* names the block to GetSnapshotBlock until `expires` */
};
struct ebs_blocks {
	int64_t block_bytes, volume_size; /* volume_size: GiB, or bytes from some servers */
	int64_t expires;
	VEC(struct ebs_block) blocks;
};

struct ebs_started { /* reply of StartSnapshot */
	struct snapshot_id id;
	char *status;
	int64_t block_bytes, volume_size;
};

struct ec2_instance_status {
	struct instance_id id;
	enum ec2_instance_state state;
	enum ec2_summary_status instance_status, system_status;
};
VEC_TYPE(ec2_instance_statuses, struct ec2_instance_status);

struct ec2_state_change { /* item of StopInstances and StartInstances */
	struct instance_id id;
	enum ec2_instance_state current, previous;
};
VEC_TYPE(ec2_state_changes, struct ec2_state_change);

struct ec2_instance_type {
	char *type, *hypervisor;
	enum ec2_bool bare_metal, instance_storage, current_generation;
	int64_t instance_storage_gb;
	int64_t memory_mib;
};
VEC_TYPE(ec2_instance_types, struct ec2_instance_type);

struct ec2_permission { /* item of ipPermissions and ipPermissionsEgress: allows, whatever matches one of the lists */
	char *protocol;	  /* "tcp", "udp", "icmp", "icmpv6", "-1" for all, or a number */
	int64_t from, to; /* ports; of ICMP type and code; -1: any, or absent */
	struct ec2_texts cidrs, cidrs_v6, prefix_lists;
	struct ec2_groups groups; /* ids of groups; the sender is a member of one */
};
VEC_TYPE(ec2_permissions, struct ec2_permission);
struct ec2_security_group {
	char *id, *name, *vpc;
	struct ec2_tags tags;
	struct ec2_permissions ingress, egress;
};
VEC_TYPE(ec2_security_groups, struct ec2_security_group);

struct ec2_subnet {
	char *id, *vpc, *zone, *cidr, *outpost;
	enum ec2_bool map_public_ip;
	struct ec2_texts cidrs_v6;
};
VEC_TYPE(ec2_subnets, struct ec2_subnet);
struct ec2_vpc {
	char *id, *cidr;
	struct ec2_texts cidrs, cidrs_v6; /* all that are associated */
};
VEC_TYPE(ec2_vpcs, struct ec2_vpc);

struct ec2_route {
	char *cidr, *cidr_v6, *prefix_list; /* to where: one of these */
	/* By what: one of these. gateway: "local", "igw-...", "vgw-...", "vpce-..." */
	char *gateway, *nat_gateway, *instance, *eni, *transit_gateway, *peering, *egress_gateway,
		*carrier_gateway, *local_gateway, *core_network;
	char *state;  /* "active", "blackhole" */
	char *origin; /* "CreateRouteTable", "CreateRoute", "EnableVgwRoutePropagation" */
};
struct ec2_association { /* of a route table */
	enum ec2_bool is_main;
	char *subnet, *gateway; /* neither: it is the main one's */
};
struct ec2_route_table {
	char *id, *vpc;
	VEC(struct ec2_association) associations;
	VEC(struct ec2_route) routes;
};
VEC_TYPE(ec2_route_tables, struct ec2_route_table);

struct ec2_acl_entry {
	int64_t number; /* the least is asked first; 32767 is what is left */
	char *protocol; /* a number; "-1" for all */
	char *action;	/* "allow", "deny" */
	enum ec2_bool is_egress;
	char *cidr, *cidr_v6;
	int64_t from, to;	      /* ports; -1: absent, all */
	int64_t icmp_type, icmp_code; /* -1: any, or absent */
};
struct ec2_acl { /* network ACL */
	char *id, *vpc;
	struct ec2_texts subnets;
	VEC(struct ec2_acl_entry) entries;
};
VEC_TYPE(ec2_acls, struct ec2_acl);

struct ec2_gateway_attachment {
	char *vpc, *state; /* "available", ... */
};
struct ec2_internet_gateway {
	char *id;
	VEC(struct ec2_gateway_attachment) attachments;
};
VEC_TYPE(ec2_internet_gateways, struct ec2_internet_gateway);

struct ec2_peer { /* one side of a peering connection */
	char *vpc, *region, *owner, *cidr;
	struct ec2_texts cidrs, cidrs_v6;
};
struct ec2_peering {
	char *id, *status, *message; /* "active", "pending-acceptance", "deleted", ... */
	struct ec2_peer accepter, requester;
};
VEC_TYPE(ec2_peerings, struct ec2_peering);

struct ec2_prefix_list { /* the entries of one */
	struct ec2_texts cidrs;
};

/* Of the account in the region: what VPC Block Public Access keeps out, whatever routes and rules say. */
struct ec2_public_block {
	char *mode; /* "off", "block-ingress", "block-bidirectional" */
	char *state;
};
struct ec2_public_exclusion { /* a VPC or a subnet of which it does not hold */
	char *resource;	      /* ARN */
	char *mode;	      /* "allow-bidirectional", "allow-egress" */
	char *state;
};
VEC_TYPE(ec2_public_exclusions, struct ec2_public_exclusion);

struct ec2_elastic_ip {
	char *allocation, *public_ip, *association; /* association: NULL while it is nobody's */
	struct instance_id instance;
};
VEC_TYPE(ec2_elastic_ips, struct ec2_elastic_ip);
struct ec2_eni {		  /* a network interface by itself */
	char *id, *zone, *status; /* "available", "in-use", ... */
	char *subnet, *vpc, *private_ip;
	char *description, *requester; /* requester: whose it is, of a service's */
	enum ec2_bool source_dest_check;
	struct instance_id instance; /* that it is attached to; none: a service's, or nobody's */
	struct ec2_address_list addresses;
	struct ec2_texts ipv6;
	struct ec2_groups groups;
};
VEC_TYPE(ec2_enis, struct ec2_eni);

struct ec2_spot_request {
	char *id;
	struct instance_id instance; /* launched for it; none: not yet */
	char *type, *state, *status; /* "one-time", "persistent"; "active", ...; the status' code */
};
VEC_TYPE(ec2_spot_requests, struct ec2_spot_request);

struct kms_key { /* of DescribeKey */
	char *arn;
	char *state;	    /* "Enabled", "Disabled", "PendingDeletion", "Unavailable", ... */
	int64_t deleted_at; /* of a pending deletion; 0: none */
};

struct ec2_image { /* of one's own */
	char *id, *name;
	char *state; /* "pending", "available", "failed", ...; of a registration: NULL */
};
VEC_TYPE(ec2_images, struct ec2_image);

struct ec2_replace_task { /* of a root volume */
	char *id;
	struct instance_id instance;
	char *state; /* "pending", "in-progress", "succeeded", "failed", "failed-detached", ... */
};
VEC_TYPE(ec2_replace_tasks, struct ec2_replace_task);

struct ec2_default_encryption { /* of GetEbsEncryptionByDefault */
	enum ec2_bool is_on;
};

struct asg_instance { /* item of DescribeAutoScalingInstances */
	struct instance_id id;
	char *group, *lifecycle_state;
};
VEC_TYPE(asg_instances, struct asg_instance);

#endif
