/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ec2/calls.h"
#include "ec2/actions.h"
#include "ec2/engine.h"
#include "base/encode.h"

#include <stdio.h>

#define MAX_FILTER_VALUES 200

static void start(struct ec2 *ec2, const struct ec2_action *action, const void *request, void *ret,
		  struct ec2_op *op)
{
	struct call_spec spec = { .action = action, .request = request, .ret = ret };

	call_start(ec2, &spec, op);
}

static void describe(struct ec2 *ec2, const struct ec2_action *action,
		     const struct ec2_describe *request, void *ret, struct ec2_op *op)
{
	struct call_spec spec = { .action = action, .request = request, .ret = ret };
	struct err why = ERR_INIT;

	spec.is_whole = !request->id_count && !request->filter_count;
	for (size_t i = 0; i < request->filter_count; i++) {
		if (request->filters[i].value_count <= MAX_FILTER_VALUES)
			continue;
		err_set(&why, ERR_USAGE, "%s: the filter %s has %zu values; EC2 takes %d",
			action->name, request->filters[i].name, request->filters[i].value_count,
			MAX_FILTER_VALUES);
		spec.refuse = &why;
	}
	call_start(ec2, &spec, op);
}

#define DESCRIBE(function, rows, list)                                                       \
	void function(struct ec2 *ec2, const struct ec2_describe *request, struct list *ret, \
		      struct ec2_op *op)                                                     \
	{                                                                                    \
		describe(ec2, &action_##rows, request, ret, op);                             \
	}
DESCRIBE(ec2_describe_instances, describe_instances, ec2_instances)
DESCRIBE(ec2_describe_volumes, describe_volumes, ec2_volumes)
DESCRIBE(ec2_describe_snapshots, describe_snapshots, ec2_snapshots)
DESCRIBE(ec2_describe_instance_status, describe_instance_status, ec2_instance_statuses)
DESCRIBE(ec2_describe_instance_types, describe_instance_types, ec2_instance_types)
DESCRIBE(ec2_describe_subnets, describe_subnets, ec2_subnets)
DESCRIBE(ec2_describe_vpcs, describe_vpcs, ec2_vpcs)
DESCRIBE(ec2_describe_spot_requests, describe_spot_requests, ec2_spot_requests)
DESCRIBE(ec2_describe_images, describe_images, ec2_images)
DESCRIBE(ec2_describe_replace_tasks, describe_replace_tasks, ec2_replace_tasks)
DESCRIBE(ec2_describe_addresses, describe_addresses, ec2_elastic_ips)
DESCRIBE(ec2_describe_enis, describe_enis, ec2_enis)
DESCRIBE(ec2_describe_security_groups, describe_security_groups, ec2_security_groups)
DESCRIBE(ec2_describe_route_tables, describe_route_tables, ec2_route_tables)
DESCRIBE(ec2_describe_acls, describe_acls, ec2_acls)
DESCRIBE(ec2_describe_internet_gateways, describe_internet_gateways, ec2_internet_gateways)
DESCRIBE(ec2_describe_peerings, describe_peerings, ec2_peerings)
DESCRIBE(ec2_describe_public_exclusions, describe_public_exclusions, ec2_public_exclusions)

void ec2_run_instance(struct ec2 *ec2, const struct ec2_run_instance *request,
		      struct ec2_instances *ret, struct ec2_op *op)
{
	cleanup(str_done) struct str data = STR_INIT;
	struct run_request wire = {
		.run = *request,
		.spec_rows = { { "instance", request->tags, request->tag_count },
			       { "volume", request->volume_tags, request->volume_tag_count } },
		.spec_count =
			(request->tag_count ? 1u : 0u) + (request->volume_tag_count ? 1u : 0u),
		.is_public = request->is_public
	};

	str_add_base64(&data, request->user_data, strlen(request->user_data));
	wire.specs = wire.spec_rows;
	wire.data = data.s;
	start(ec2, &action_run_instances, &wire, ret, op);
}

void ec2_launch(struct ec2 *ec2, const struct ec2_launch *request, struct ec2_instances *ret,
		struct ec2_op *op)
{
	struct launch_request wire = { .launch = *request,
				       .specs = { { "instance", request->tags, request->tag_count },
						  { "volume", request->tags, request->tag_count } },
				       .spec_count = request->tag_count ? 2 : 0,
				       .market = request->is_spot ? "spot" : NULL };
	bool is_lasting = request->is_spot && request->may_stop;

	wire.spot_type = is_lasting ? "persistent" : NULL;
	wire.interruption = is_lasting ? "stop" : NULL;

	wire.spec_rows = wire.specs;
	start(ec2, &action_launch, &wire, ret, op);
}

void ec2_associate_address(struct ec2 *ec2, const char *allocation,
			   const struct instance_id *instance, struct ec2_op *op)
{
	start(ec2, &action_associate_address, &(struct associate_request){ allocation, *instance },
	      NULL, op);
}

void ec2_attach_eni(struct ec2 *ec2, const char *eni, const struct instance_id *instance,
		    int64_t device_index, struct ec2_op *op)
{
	start(ec2, &action_attach_eni, &(struct attach_eni_request){ eni, *instance, device_index },
	      NULL, op);
}

void ec2_terminate_instance(struct ec2 *ec2, const struct instance_id *instance,
			    enum ec2_dry_run dry_run, struct ec2_state_changes *ret,
			    struct ec2_op *op)
{
	struct power_request wire = { *instance, false, dry_run };

	start(ec2, &action_terminate_instances, &wire, ret, op);
}

void ec2_create_security_group(struct ec2 *ec2, const struct ec2_create_security_group *request,
			       struct ec2_security_group *ret, struct ec2_op *op)
{
	struct group_request wire = { *request, request, request->tag_count ? 1 : 0 };

	start(ec2, &action_create_security_group, &wire, ret, op);
}

/* Ports are nothing to "-1", and 0 is one of them. */
static void fill_ports(const char *protocol, int64_t from, int64_t to, char ret[2][24])
{
	bool is_any = str_eq(protocol, "-1");

	snprintf(ret[0], sizeof(ret[0]), "%lld", (long long)(is_any ? -1 : from));
	snprintf(ret[1], sizeof(ret[1]), "%lld", (long long)(is_any ? -1 : to));
}

static void change_rule(struct ec2 *ec2, const struct ec2_action *action,
			const struct ec2_rule *rule, struct ec2_op *op)
{
	bool is_v6 = strchr(rule->cidr, ':'), is_any = str_eq(rule->protocol, "-1");
	char ports[2][24];
	struct rule_request wire = { .rule = *rule,
				     .cidr4 = is_v6 ? NULL : rule->cidr,
				     .cidr6 = is_v6 ? rule->cidr : NULL,
				     .from = is_any ? NULL : ports[0],
				     .to = is_any ? NULL : ports[1] };

	fill_ports(rule->protocol, rule->from, rule->to, ports);
	start(ec2, action, &wire, NULL, op);
}

void ec2_authorize_rule(struct ec2 *ec2, const struct ec2_rule *rule, struct ec2_op *op)
{
	change_rule(ec2, rule->is_egress ? &action_authorize_egress : &action_authorize_ingress,
		    rule, op);
}

void ec2_revoke_rule(struct ec2 *ec2, const struct ec2_rule *rule, struct ec2_op *op)
{
	change_rule(ec2, rule->is_egress ? &action_revoke_egress : &action_revoke_ingress, rule,
		    op);
}

void ec2_get_prefix_list(struct ec2 *ec2, const char *id, struct ec2_prefix_list *ret,
			 struct ec2_op *op)
{
	start(ec2, &action_get_prefix_list, &(struct prefix_list_request){ id }, ret, op);
}

void ec2_get_public_block(struct ec2 *ec2, struct ec2_public_block *ret, struct ec2_op *op)
{
	start(ec2, &action_get_public_block, NULL, ret, op);
}

void ec2_create_acl_rule(struct ec2 *ec2, const struct ec2_acl_rule *rule, struct ec2_op *op)
{
	bool is_v6 = strchr(rule->cidr, ':');
	bool is_icmp = str_eq(rule->protocol, "1") || str_eq(rule->protocol, "58");
	bool has_ports = str_eq(rule->protocol, "6") || str_eq(rule->protocol, "17");
	char ports[2][24];
	struct acl_entry_request wire = { .entry = *rule,
					  .cidr4 = is_v6 ? NULL : rule->cidr,
					  .cidr6 = is_v6 ? rule->cidr : NULL,
					  .from = has_ports ? ports[0] : NULL,
					  .to = has_ports ? ports[1] : NULL,
					  .icmp_type = is_icmp ? ports[0] : NULL,
					  .icmp_code = is_icmp ? ports[1] : NULL };

	fill_ports(rule->protocol, rule->from, rule->to, ports);
	start(ec2, &action_create_acl_entry, &wire, NULL, op);
}

void ec2_delete_acl_rule(struct ec2 *ec2, const struct ec2_acl_rule *rule, struct ec2_op *op)
{
	start(ec2, &action_delete_acl_entry, rule, NULL, op);
}

void ec2_modify_source_check(struct ec2 *ec2, const char *eni, enum ec2_source_check check,
			     struct ec2_op *op)
{
	start(ec2, &action_modify_source_check,
	      &(struct source_check_request){ eni, check == EC2_SOURCE_CHECK_ON }, NULL, op);
}

void ec2_create_route(struct ec2 *ec2, const struct ec2_route_change *route, struct ec2_op *op)
{
	start(ec2, &action_create_route, route, NULL, op);
}

void ec2_replace_route(struct ec2 *ec2, const struct ec2_route_change *route, struct ec2_op *op)
{
	start(ec2, &action_replace_route, route, NULL, op);
}

void ec2_delete_route(struct ec2 *ec2, const struct ec2_route_change *route, struct ec2_op *op)
{
	start(ec2, &action_delete_route, route, NULL, op);
}

void ec2_delete_security_group(struct ec2 *ec2, const char *id, struct ec2_op *op)
{
	const struct ec2_delete_group request = { id };

	start(ec2, &action_delete_security_group, &request, NULL, op);
}

void ec2_register_image(struct ec2 *ec2, const struct ec2_register_image *request,
			struct ec2_image *ret, struct ec2_op *op)
{
	start(ec2, &action_register_image, request, ret, op);
}

void ec2_deregister_image(struct ec2 *ec2, const char *id, struct ec2_op *op)
{
	const struct ec2_deregister_image request = { id };

	start(ec2, &action_deregister_image, &request, NULL, op);
}

void ec2_replace_root(struct ec2 *ec2, const struct ec2_replace_root *request,
		      struct ec2_replace_task *ret, struct ec2_op *op)
{
	start(ec2, &action_create_replace_task, request, ret, op);
}

void asg_enter_standby(struct ec2 *ec2, const struct asg_standby *request, struct ec2_op *op)
{
	start(ec2, &action_enter_standby, request, NULL, op);
}

void asg_exit_standby(struct ec2 *ec2, const struct asg_standby *request, struct ec2_op *op)
{
	start(ec2, &action_exit_standby, request, NULL, op);
}

void asg_describe_instances(struct ec2 *ec2, const char *const *ids, size_t count,
			    struct asg_instances *ret, struct ec2_op *op)
{
	start(ec2, &action_describe_asg_instances, &(struct asg_request){ ids, count }, ret, op);
}

void ec2_describe_instance_attribute(struct ec2 *ec2, const struct instance_id *instance,
				     const char *attribute, struct ec2_attribute *ret,
				     struct ec2_op *op)
{
	struct attribute_request request = { *instance, attribute };

	start(ec2, &action_describe_instance_attribute, &request, ret, op);
}

void ec2_modify_device(struct ec2 *ec2, const struct ec2_modify_device *request, struct ec2_op *op)
{
	start(ec2, &action_modify_device, request, NULL, op);
}

void ec2_stop_instance(struct ec2 *ec2, const struct ec2_power *request,
		       struct ec2_state_changes *ret, struct ec2_op *op)
{
	struct power_request wire = { request->instance, request->kind == EC2_STOP_FORCE,
				      request->dry_run };

	start(ec2, &action_stop_instances, &wire, ret, op);
}

void ec2_start_instance(struct ec2 *ec2, const struct ec2_power *request,
			struct ec2_state_changes *ret, struct ec2_op *op)
{
	struct power_request wire = { request->instance, false, request->dry_run };

	start(ec2, &action_start_instances, &wire, ret, op);
}

void ec2_attach_volume(struct ec2 *ec2, const struct ec2_attach *request,
		       struct ec2_attachment *ret, struct ec2_op *op)
{
	start(ec2, &action_attach_volume, request, ret, op);
}

void ec2_detach_volume(struct ec2 *ec2, const struct ec2_attach *request,
		       struct ec2_attachment *ret, struct ec2_op *op)
{
	start(ec2, &action_detach_volume, request, ret, op);
}

void ec2_create_snapshot(struct ec2 *ec2, const struct ec2_create_snapshot *request,
			 struct ec2_snapshot *ret, struct ec2_op *op)
{
	struct snapshot_request wire = { *request, request, request->tag_count ? 1 : 0 };

	start(ec2, &action_create_snapshot, &wire, ret, op);
}

void ec2_create_snapshots(struct ec2 *ec2, const struct ec2_create_snapshots *request,
			  struct ec2_snapshots *ret, struct ec2_op *op)
{
	struct snapshots_request wire = { *request, request, request->tag_count ? 1 : 0 };

	start(ec2, &action_create_snapshots, &wire, ret, op);
}

void ec2_delete_snapshot(struct ec2 *ec2, const struct snapshot_id *snapshot, struct ec2_op *op)
{
	struct ec2_delete_snapshot request = { *snapshot };

	start(ec2, &action_delete_snapshot, &request, NULL, op);
}

void ec2_create_volume(struct ec2 *ec2, const struct ec2_create_volume *request,
		       struct ec2_volume *ret, struct ec2_op *op)
{
	struct volume_tags_request wire = { *request, request, request->tag_count ? 1 : 0 };

	start(ec2, &action_create_volume, &wire, ret, op);
}

void ec2_delete_volume(struct ec2 *ec2, const struct volume_id *volume, struct ec2_op *op)
{
	struct ec2_delete_volume request = { *volume };

	start(ec2, &action_delete_volume, &request, NULL, op);
}

void ec2_create_tags(struct ec2 *ec2, const struct ec2_change_tags *request, struct ec2_op *op)
{
	start(ec2, &action_create_tags, request, NULL, op);
}

void ec2_delete_tags(struct ec2 *ec2, const struct ec2_change_tags *request, struct ec2_op *op)
{
	start(ec2, &action_delete_tags, request, NULL, op);
}

#define BLOCKS_A_PAGE "10000"

static void rest(struct ec2 *ec2, const struct ec2_action *action,
		 const struct rest_request *request, void *ret, struct ec2_op *op)
{
	struct call_spec spec = { .action = action, .rest = request, .ret = ret };

	call_start(ec2, &spec, op);
}

/* No body and no headers. */
static void rest_get(struct ec2 *ec2, const struct ec2_action *action, const char *path,
		     const struct str *query, void *ret, struct ec2_op *op)
{
	const struct rest_request request = { .path = path, .query = query->s };

	rest(ec2, action, &request, ret, op);
}

void ebs_list_snapshot_blocks(struct ec2 *ec2, const struct snapshot_id *snapshot,
			      struct ebs_blocks *ret, struct ec2_op *op)
{
	cleanup(free) char *path = mem_printf("snapshots/%s/blocks", snapshot->s);
	cleanup(str_done) struct str query = STR_INIT;

	form_add(&query, "maxResults", BLOCKS_A_PAGE);
	rest_get(ec2, &action_list_snapshot_blocks, path, &query, ret, op);
}

void ebs_get_snapshot_block(struct ec2 *ec2, const struct ebs_get_block *get, struct str *ret,
			    struct ec2_op *op)
{
	cleanup(free) char *path =
		mem_printf("snapshots/%s/blocks/%lld", get->snapshot.s, (long long)get->index);
	cleanup(str_done) struct str query = STR_INIT;

	form_add(&query, "blockToken", get->token);
	rest_get(ec2, &action_get_snapshot_block, path, &query, ret, op);
}

void ebs_start_snapshot(struct ec2 *ec2, const struct ebs_start *start, struct ebs_started *ret,
			struct ec2_op *op)
{
	json_t *tags = json_array(), *body;
	cleanup(free) char *text = NULL;
	struct rest_request request = { .path = "snapshots",
					.query = "",
					.headers = { { "Content-Type", "application/json" } },
					.header_count = 1 };

	for (size_t i = 0; i < start->tag_count; i++)
		json_array_append_new(tags, json_pack("{s:s, s:s}", "Key", start->tags[i].key,
						      "Value", start->tags[i].value));
	body = json_pack("{s:I, s:s*, s:s*, s:s, s:o}", "VolumeSize", (json_int_t)start->volume_gib,
			 "ParentSnapshotId", id_none(&start->parent) ? NULL : start->parent.s,
			 "Description", start->description, "ClientToken", start->client_token,
			 "Tags", tags);
	text = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(body);
	request.body = text;
	request.body_len = text ? strlen(text) : 0;
	rest(ec2, &action_start_snapshot, &request, ret, op);
}

void ebs_put_snapshot_block(struct ec2 *ec2, const struct ebs_put_block *put, struct ec2_op *op)
{
	cleanup(free) char *path =
		mem_printf("snapshots/%s/blocks/%lld", put->snapshot.s, (long long)put->index);
	cleanup(free) char *length = mem_printf("%zu", put->len);
	cleanup(str_done) struct str sum = STR_INIT;
	struct rest_request request = { .path = path,
					.query = "",
					.header_count = 4,
					.body = put->data,
					.body_len = put->len };

	str_add_base64(&sum, put->sum.b, sizeof(put->sum.b));
	request.headers[0] = (struct http_header){ "Content-Type", "application/octet-stream" };
	request.headers[1] = (struct http_header){ "x-amz-Data-Length", length };
	request.headers[2] = (struct http_header){ "x-amz-Checksum", sum.s };
	request.headers[3] = (struct http_header){ "x-amz-Checksum-Algorithm", "SHA256" };
	rest(ec2, &action_put_snapshot_block, &request, NULL, op);
}

void ebs_complete_snapshot(struct ec2 *ec2, const struct ebs_complete *complete, struct ec2_op *op)
{
	cleanup(free) char *path = mem_printf("snapshots/completion/%s", complete->snapshot.s);
	cleanup(free) char *count =
		mem_printf("%llu", (unsigned long long)complete->changed_blocks);
	cleanup(str_done) struct str sum = STR_INIT;
	struct rest_request request = { .path = path, .query = "", .header_count = 4 };

	str_add_base64(&sum, complete->sum.b, sizeof(complete->sum.b));
	request.headers[0] = (struct http_header){ "x-amz-ChangedBlocksCount", count };
	request.headers[1] = (struct http_header){ "x-amz-Checksum", sum.s };
	request.headers[2] = (struct http_header){ "x-amz-Checksum-Algorithm", "SHA256" };
	request.headers[3] = (struct http_header){ "x-amz-Checksum-Aggregation-Method", "LINEAR" };
	rest(ec2, &action_complete_snapshot, &request, NULL, op);
}

/* JSON 1.1: the action stands in a header. Takes the body over. */
static void json_call(struct ec2 *ec2, const struct ec2_action *action, const char *target,
		      json_t *body, void *ret, struct ec2_op *op)
{
	cleanup(free) char *text = json_dumps(body, JSON_COMPACT);
	const struct rest_request request = {
		.path = "",
		.query = "",
		.headers = { { "Content-Type", "application/x-amz-json-1.1" },
			     { "X-Amz-Target", target } },
		.header_count = 2,
		.body = text,
		.body_len = text ? strlen(text) : 0,
	};

	json_decref(body);
	rest(ec2, action, &request, ret, op);
}

void kms_describe_key(struct ec2 *ec2, const char *arn, struct kms_key *ret, struct ec2_op *op)
{
	json_call(ec2, &action_describe_key, "TrentService.DescribeKey",
		  json_pack("{s:s}", "KeyId", arn), ret, op);
}

void ssm_get_parameter(struct ec2 *ec2, const char *name, struct ssm_parameter *ret,
		       struct ec2_op *op)
{
	json_call(ec2, &action_get_parameter, "AmazonSSM.GetParameter",
		  json_pack("{s:s}", "Name", name), ret, op);
}

void ec2_get_ebs_encryption_by_default(struct ec2 *ec2, struct ec2_default_encryption *ret,
				       struct ec2_op *op)
{
	start(ec2, &action_get_ebs_encryption_by_default, NULL, ret, op);
}

void sts_get_caller_identity(struct ec2 *ec2, struct sts_identity *ret, struct ec2_op *op)
{
	start(ec2, &action_get_caller_identity, NULL, ret, op);
}

#define DONE(function, rows, type)                                       \
	void function(struct type *value)                                \
	{                                                                \
		xmlmap_free(action_##rows.reply, value, sizeof(*value)); \
	}
DONE(kms_key_done, describe_key, kms_key)
DONE(ebs_started_done, start_snapshot, ebs_started)
DONE(ebs_blocks_done, list_snapshot_blocks, ebs_blocks)
DONE(ec2_instances_done, describe_instances, ec2_instances)
DONE(ec2_volumes_done, describe_volumes, ec2_volumes)
DONE(ec2_snapshots_done, describe_snapshots, ec2_snapshots)
DONE(ec2_instance_statuses_done, describe_instance_status, ec2_instance_statuses)
DONE(ec2_instance_types_done, describe_instance_types, ec2_instance_types)
DONE(ec2_subnets_done, describe_subnets, ec2_subnets)
DONE(ec2_vpcs_done, describe_vpcs, ec2_vpcs)
DONE(ec2_spot_requests_done, describe_spot_requests, ec2_spot_requests)
DONE(ec2_images_done, describe_images, ec2_images)
DONE(ec2_image_done, register_image, ec2_image)
DONE(ec2_replace_tasks_done, describe_replace_tasks, ec2_replace_tasks)
DONE(ec2_replace_task_done, create_replace_task, ec2_replace_task)
DONE(ec2_elastic_ips_done, describe_addresses, ec2_elastic_ips)
DONE(ec2_enis_done, describe_enis, ec2_enis)
DONE(ec2_security_groups_done, describe_security_groups, ec2_security_groups)
DONE(ec2_route_tables_done, describe_route_tables, ec2_route_tables)
DONE(ec2_acls_done, describe_acls, ec2_acls)
DONE(ec2_internet_gateways_done, describe_internet_gateways, ec2_internet_gateways)
DONE(ec2_peerings_done, describe_peerings, ec2_peerings)
DONE(ec2_prefix_list_done, get_prefix_list, ec2_prefix_list)
DONE(ec2_public_block_done, get_public_block, ec2_public_block)
DONE(ec2_public_exclusions_done, describe_public_exclusions, ec2_public_exclusions)
DONE(ec2_security_group_done, create_security_group, ec2_security_group)
DONE(ssm_parameter_done, get_parameter, ssm_parameter)
DONE(asg_instances_done, describe_asg_instances, asg_instances)
DONE(ec2_state_changes_done, stop_instances, ec2_state_changes)
DONE(ec2_attachment_done, attach_volume, ec2_attachment)
DONE(ec2_snapshot_done, create_snapshot, ec2_snapshot)
DONE(ec2_volume_done, create_volume, ec2_volume)
DONE(ec2_console_done, get_console_output, ec2_console)
DONE(ec2_attribute_done, describe_instance_attribute, ec2_attribute)
DONE(sts_identity_done, get_caller_identity, sts_identity)
