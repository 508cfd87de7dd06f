/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EC2_ACTIONS_H
#define EC2_ACTIONS_H

/* The actions' rows, and the request structs that the typed calls fill for them where the public
 * one has another shape than the wire. */

#include "ec2/action.h"

struct attribute_request {
	struct instance_id instance;
	const char *attribute;
};
struct power_request {
	struct instance_id instance;
	bool is_forced;
	enum ec2_dry_run dry_run;
};
struct snapshot_request {
	struct ec2_create_snapshot snapshot;
	const struct ec2_create_snapshot *specs; /* itself when it has tags */
	size_t spec_count;
};
struct volume_tags_request {
	struct ec2_create_volume volume;
	const struct ec2_create_volume *specs; /* itself when it has tags */
	size_t spec_count;
};
struct snapshots_request {
	struct ec2_create_snapshots snapshots;
	const struct ec2_create_snapshots *specs; /* itself when it has tags */
	size_t spec_count;
};
struct ec2_delete_volume {
	struct volume_id volume;
};
struct ec2_delete_snapshot {
	struct snapshot_id snapshot;
};
struct run_request {
	struct ec2_run_instance run;
	struct run_tags {
		const char *resource;
		const struct ec2_tag_pair *tags;
		size_t count;
	} spec_rows[2];
	const struct run_tags *specs; /* of the instance and its volume, when there are tags */
	size_t spec_count;
	const char *data; /* base64 */
	bool is_public;
};
struct launch_request {
	struct ec2_launch launch;
	struct run_tags specs[2];
	size_t spec_count;
	const struct run_tags *spec_rows;
	const char *market, *spot_type, *interruption;
};
struct associate_request {
	const char *allocation;
	struct instance_id instance;
};
struct attach_eni_request {
	const char *eni;
	struct instance_id instance;
	int64_t device_index;
};
struct group_request {
	struct ec2_create_security_group group;
	const struct ec2_create_security_group *specs;
	size_t spec_count;
};
struct rule_request {
	struct ec2_rule rule;
	const char *cidr4, *cidr6; /* one of both */
	const char *from, *to;	   /* NULL: of all protocols */
};
struct prefix_list_request {
	const char *id;
};
struct acl_entry_request {
	struct ec2_acl_rule entry;
	const char *cidr4, *cidr6;		       /* one of both */
	const char *from, *to, *icmp_type, *icmp_code; /* as the protocol has them; else NULL */
};
struct source_check_request {
	const char *eni;
	bool is_on;
};
struct ec2_delete_group {
	const char *group;
};
struct ec2_deregister_image {
	const char *image;
};
struct console_request {
	struct instance_id instance;
	bool is_latest;
};
struct asg_request {
	const char *const *ids;
	size_t count;
};
struct assume_role_request {
	const char *role_arn, *session_name, *external_id, *web_identity_token;
	int64_t duration_s;
};
struct sts_credentials {
	char *key_id, *secret, *token;
	int64_t expires;
};

extern const struct ec2_action action_describe_instances, action_describe_volumes,
	action_describe_snapshots, action_describe_instance_status, action_describe_instance_types,
	action_describe_subnets, action_describe_vpcs, action_get_ebs_encryption_by_default,
	action_describe_spot_requests, action_describe_instance_attribute,
	action_get_console_output, action_stop_instances, action_start_instances,
	action_modify_device, action_create_tags, action_delete_tags, action_attach_volume,
	action_detach_volume, action_create_snapshot, action_create_volume,
	action_describe_asg_instances, action_enter_standby, action_exit_standby,
	action_get_caller_identity, action_assume_role, action_assume_role_with_web_identity,
	action_delete_snapshot, action_list_snapshot_blocks, action_get_snapshot_block,
	action_start_snapshot, action_put_snapshot_block, action_complete_snapshot,
	action_describe_key, action_describe_images, action_describe_replace_tasks,
	action_register_image, action_deregister_image, action_create_replace_task,
	action_run_instances, action_terminate_instances, action_create_security_group,
	action_authorize_ingress, action_delete_security_group, action_describe_security_groups,
	action_get_parameter, action_create_snapshots, action_launch, action_describe_addresses,
	action_associate_address, action_describe_enis, action_attach_eni, action_delete_volume,
	action_describe_route_tables, action_describe_acls, action_describe_internet_gateways,
	action_describe_peerings, action_get_prefix_list, action_get_public_block,
	action_describe_public_exclusions, action_authorize_egress, action_revoke_ingress,
	action_revoke_egress, action_create_acl_entry, action_delete_acl_entry, action_create_route,
	action_replace_route, action_delete_route, action_modify_source_check;
/* Every one of them, NULL at the end: for the list of permissions that a policy needs, and for
 * tests. */
extern const struct ec2_action *const all_actions[];

#endif
