/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every folder of tests/ec2/cases is one typed call: `call` says which, with what; N.reply is what
 * the server answers to the N-th request; the requests as sent and the outcome must be those of
 * N.request and `expect` (UPDATE=1 writes those two anew). */
#include "tests/ec2/replay.h"
#include "ec2/actions.h"

#include <glob.h>
#include <jansson.h>
#include <libgen.h>

static int failures;

struct run {
	const char *dir;
	json_t *call;
	struct ec2 *ec2;
	struct ec2_op op;
	const struct ec2_action *action; /* whose reply map prints `ret`; NULL: no result */
	struct str block;		 /* of get-snapshot-block */
	union {
		struct ec2_instances instances;
		struct ec2_console console;
		struct imds_self self;
		struct ec2_own_address own;
		char bytes[512];
	} ret;
};

static const char *text(const struct run *run, const char *key)
{
	return json_string_value(json_object_get(run->call, key));
}

static bool flag(const struct run *run, const char *key)
{
	return json_is_true(json_object_get(run->call, key));
}

static enum ec2_dry_run dry_run(const struct run *run)
{
	return flag(run, "dry_run") ? EC2_DRY_RUN : EC2_FOR_REAL;
}

static struct instance_id instance(const struct run *run)
{
	struct instance_id id = { 0 };

	if (text(run, "instance"))
		strncpy(id.s, text(run, "instance"), sizeof(id.s) - 1);
	return id;
}

static struct volume_id volume(const struct run *run)
{
	struct volume_id id = { 0 };

	if (text(run, "volume"))
		strncpy(id.s, text(run, "volume"), sizeof(id.s) - 1);
	return id;
}

/* A JSON array of strings as C array; the strings stay JSON's. */
static size_t texts(const json_t *array, const char *ret[8])
{
	size_t n = json_array_size(array);

	for (size_t i = 0; i < n && i < 8; i++)
		ret[i] = json_string_value(json_array_get(array, i));
	return n;
}

static void describe(struct run *run)
{
	static const struct {
		const char *name;
		const struct ec2_action *action;
		void (*call)(struct ec2 *, const struct ec2_describe *, void *, struct ec2_op *);
	} kinds[] = {
#define KIND(name, rows, function) { name, &action_##rows, (void *)(function) }
		KIND("describe-instances", describe_instances, ec2_describe_instances),
		KIND("describe-volumes", describe_volumes, ec2_describe_volumes),
		KIND("describe-snapshots", describe_snapshots, ec2_describe_snapshots),
		KIND("describe-instance-status", describe_instance_status,
		     ec2_describe_instance_status),
		KIND("describe-instance-types", describe_instance_types,
		     ec2_describe_instance_types),
		KIND("describe-subnets", describe_subnets, ec2_describe_subnets),
		KIND("describe-vpcs", describe_vpcs, ec2_describe_vpcs),
		KIND("describe-spot-requests", describe_spot_requests, ec2_describe_spot_requests),
		KIND("describe-images", describe_images, ec2_describe_images),
		KIND("describe-replace-tasks", describe_replace_tasks, ec2_describe_replace_tasks),
		KIND("describe-security-groups", describe_security_groups,
		     ec2_describe_security_groups),
		KIND("describe-route-tables", describe_route_tables, ec2_describe_route_tables),
		KIND("describe-acls", describe_acls, ec2_describe_acls),
		KIND("describe-internet-gateways", describe_internet_gateways,
		     ec2_describe_internet_gateways),
		KIND("describe-peerings", describe_peerings, ec2_describe_peerings),
		KIND("describe-enis", describe_enis, ec2_describe_enis),
		KIND("describe-public-exclusions", describe_public_exclusions,
		     ec2_describe_public_exclusions),
	};
	const char *ids[8], *values[8];
	struct ec2_filter filter = { text(run, "filter"), values, 0 };
	struct ec2_describe request = { .ids = ids, .filters = &filter, .dry_run = dry_run(run) };

	request.id_count = texts(json_object_get(run->call, "ids"), ids);
	filter.value_count = texts(json_object_get(run->call, "values"), values);
	request.filter_count = filter.name ? 1 : 0;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (!str_eq(kinds[i].name, text(run, "call")))
			continue;
		run->action = kinds[i].action;
		kinds[i].call(run->ec2, &request, &run->ret, &run->op);
	}
}

static void power(struct run *run)
{
	struct ec2_power request = { instance(run),
				     flag(run, "force") ? EC2_STOP_FORCE : EC2_STOP_GRACEFUL,
				     dry_run(run) };

	run->action = &action_stop_instances;
	if (str_eq(text(run, "call"), "stop-instance"))
		ec2_stop_instance(run->ec2, &request, (void *)&run->ret, &run->op);
	else
		ec2_start_instance(run->ec2, &request, (void *)&run->ret, &run->op);
}

static void attach(struct run *run)
{
	struct ec2_attach request = { volume(run), instance(run), text(run, "device"),
				      flag(run, "force"), dry_run(run) };

	run->action = &action_attach_volume;
	if (str_eq(text(run, "call"), "attach-volume"))
		ec2_attach_volume(run->ec2, &request, (void *)&run->ret, &run->op);
	else
		ec2_detach_volume(run->ec2, &request, (void *)&run->ret, &run->op);
}

static size_t tags(const struct run *run, struct ec2_tag_pair ret[8])
{
	size_t n = 0;
	const char *key;
	json_t *value;

	json_object_foreach (json_object_get(run->call, "tags"), key, value)
		ret[n++] = (struct ec2_tag_pair){ key, json_string_value(value) };
	return n;
}

static void create_snapshot(struct run *run)
{
	struct ec2_tag_pair pairs[8];
	struct ec2_create_snapshot request = { volume(run), text(run, "description"), pairs,
					       tags(run, pairs), dry_run(run) };

	run->action = &action_create_snapshot;
	ec2_create_snapshot(run->ec2, &request, (void *)&run->ret, &run->op);
}

static void create_snapshots(struct run *run)
{
	struct ec2_tag_pair pairs[8];
	const char *excluded = text(run, "excluded");
	struct ec2_create_snapshots request = { .instance = instance(run),
						.is_without_root = flag(run, "without_root"),
						.excluded = &excluded,
						.excluded_count = excluded ? 1 : 0,
						.description = text(run, "description"),
						.tags = pairs,
						.tag_count = tags(run, pairs) };

	run->action = &action_create_snapshots;
	ec2_create_snapshots(run->ec2, &request, (void *)&run->ret, &run->op);
}

/* What a restore asks for beside. */
static void restore(struct run *run)
{
	const char *call = text(run, "call"), *group = text(run, "group");
	struct instance_id id = instance(run);
	struct ec2_tag_pair pairs[8];
	struct ec2_launch_device devices[] = {
		{ .device = "/dev/xvda", .type = "gp3" },
		{ .device = "/dev/sdf", .type = "io2", .iops = 4000 }
	};
	struct ec2_launch launch = { .image = text(run, "image"),
				     .type = text(run, "type"),
				     .subnet = text(run, "subnet"),
				     .private_ip = text(run, "private_ip"),
				     .key_name = text(run, "key"),
				     .profile = text(run, "profile"),
				     .groups = &group,
				     .group_count = group ? 1 : 0,
				     .devices = devices,
				     .device_count = ARRAY_LEN(devices),
				     .is_spot = flag(run, "spot"),
				     .max_price = text(run, "max_price"),
				     .client_token = text(run, "token"),
				     .tags = pairs,
				     .tag_count = tags(run, pairs) };
	struct volume_id volume_id = volume(run);

	if (str_eq(call, "launch")) {
		strncpy(devices[1].snapshot.s, text(run, "snapshot"),
			sizeof(devices[1].snapshot.s) - 1);
		run->action = &action_launch;
		ec2_launch(run->ec2, &launch, (void *)&run->ret, &run->op);
	} else if (str_eq(call, "associate-address")) {
		ec2_associate_address(run->ec2, text(run, "address"), &id, &run->op);
	} else if (str_eq(call, "attach-eni")) {
		ec2_attach_eni(run->ec2, text(run, "eni"), &id, 1, &run->op);
	} else {
		ec2_delete_volume(run->ec2, &volume_id, &run->op);
	}
}

static void create_volume(struct run *run)
{
	struct ec2_tag_pair pairs[8];
	struct ec2_create_volume request = { .outpost = text(run, "outpost"),
					     .zone = text(run, "zone"),
					     .type = text(run, "type"),
					     .iops = json_integer_value(
						     json_object_get(run->call, "iops")),
					     .client_token = text(run, "token"),
					     .tags = pairs,
					     .tag_count = tags(run, pairs) };

	strncpy(request.snapshot.s, text(run, "snapshot"), sizeof(request.snapshot.s) - 1);
	run->action = &action_create_volume;
	ec2_create_volume(run->ec2, &request, (void *)&run->ret, &run->op);
}

static void blocks(struct run *run)
{
	struct ebs_get_block get = { .index = json_integer_value(
					     json_object_get(run->call, "index")),
				     .token = text(run, "token") };

	strncpy(get.snapshot.s, text(run, "snapshot"), sizeof(get.snapshot.s) - 1);
	if (str_eq(text(run, "call"), "get-snapshot-block")) {
		ebs_get_snapshot_block(run->ec2, &get, &run->block, &run->op);
		return;
	}
	run->action = &action_list_snapshot_blocks;
	ebs_list_snapshot_blocks(run->ec2, &get.snapshot, (void *)&run->ret, &run->op);
}

static void write_blocks(struct run *run)
{
	const char *call = text(run, "call"), *data = text(run, "data") ? text(run, "data") : "";
	struct sha256 sum = sha256_of(data, strlen(data));
	struct ec2_tag_pair pairs[8];
	struct snapshot_id snapshot = { 0 };
	struct ebs_start start = { .volume_gib =
					   json_integer_value(json_object_get(run->call, "gib")),
				   .client_token = text(run, "token"),
				   .tags = pairs,
				   .tag_count = tags(run, pairs) };
	struct ebs_put_block put = { .index = json_integer_value(
					     json_object_get(run->call, "index")),
				     .data = data,
				     .len = strlen(data),
				     .sum = sum };
	struct ebs_complete complete = { .changed_blocks = (uint64_t)json_integer_value(
						 json_object_get(run->call, "count")),
					 .sum = sum };

	strncpy(snapshot.s, text(run, "snapshot"), sizeof(snapshot.s) - 1);
	start.parent = put.snapshot = complete.snapshot = snapshot;
	if (str_eq(call, "start-snapshot")) {
		run->action = &action_start_snapshot;
		ebs_start_snapshot(run->ec2, &start, (void *)&run->ret, &run->op);
	} else if (str_eq(call, "put-snapshot-block")) {
		ebs_put_snapshot_block(run->ec2, &put, &run->op);
	} else {
		ebs_complete_snapshot(run->ec2, &complete, &run->op);
	}
}

static void change_tags(struct run *run)
{
	struct ec2_tag_pair pairs[8];
	const char *resources[8];
	struct ec2_change_tags request = {
		resources, texts(json_object_get(run->call, "resources"), resources), pairs,
		tags(run, pairs), dry_run(run)
	};

	if (str_eq(text(run, "call"), "create-tags"))
		ec2_create_tags(run->ec2, &request, &run->op);
	else
		ec2_delete_tags(run->ec2, &request, &run->op);
}

static void other(struct run *run)
{
	struct ec2_modify_device modify = { instance(run), text(run, "device"),
					    flag(run, "delete_on_termination"), dry_run(run) };
	struct instance_id id = instance(run);
	const char *call = text(run, "call");
	void *ret = &run->ret;

	if (str_eq(call, "modify-device")) {
		ec2_modify_device(run->ec2, &modify, &run->op);
	} else if (str_eq(call, "describe-instance-attribute")) {
		run->action = &action_describe_instance_attribute;
		ec2_describe_instance_attribute(run->ec2, &id, text(run, "attribute"), ret,
						&run->op);
	} else if (str_eq(call, "get-console-output")) {
		run->action = &action_get_console_output;
		ec2_get_console_output(run->ec2, &id, ret, &run->op);
	} else if (str_eq(call, "describe-asg-instances")) {
		run->action = &action_describe_asg_instances;
		asg_describe_instances(run->ec2, (const char *[]){ id.s }, 1, ret, &run->op);
	} else if (str_eq(call, "enter-standby")) {
		asg_enter_standby(run->ec2, &(struct asg_standby){ id, text(run, "group") },
				  &run->op);
	} else if (str_eq(call, "exit-standby")) {
		asg_exit_standby(run->ec2, &(struct asg_standby){ id, text(run, "group") },
				 &run->op);
	} else if (str_eq(call, "get-caller-identity")) {
		run->action = &action_get_caller_identity;
		sts_get_caller_identity(run->ec2, ret, &run->op);
	} else if (str_eq(call, "register-image")) {
		struct ec2_register_image request = { .name = text(run, "name"),
						      .architecture = text(run, "architecture"),
						      .root_device = text(run, "root_device"),
						      .boot_mode = text(run, "boot_mode"),
						      .has_ena = flag(run, "ena"),
						      .dry_run = dry_run(run) };

		if (snapshot_id_parse(text(run, "snapshot"), &request.snapshot, &run->op.err) < 0)
			exit(2);
		run->action = &action_register_image;
		ec2_register_image(run->ec2, &request, ret, &run->op);
	} else if (str_eq(call, "deregister-image")) {
		ec2_deregister_image(run->ec2, text(run, "image"), &run->op);
	} else if (str_eq(call, "replace-root")) {
		struct ec2_replace_root request = { id, text(run, "image"),
						    text(run, "client_token"), dry_run(run) };

		run->action = &action_create_replace_task;
		ec2_replace_root(run->ec2, &request, ret, &run->op);
	} else if (str_eq(call, "get-ebs-encryption-by-default")) {
		run->action = &action_get_ebs_encryption_by_default;
		ec2_get_ebs_encryption_by_default(run->ec2, ret, &run->op);
	} else if (str_eq(call, "describe-key")) {
		run->action = &action_describe_key;
		kms_describe_key(run->ec2, text(run, "key"), ret, &run->op);
	} else if (str_eq(call, "imds-self")) {
		imds_get_self(run->ec2, ret, &run->op);
	}
}

/* What a helper takes. */
static void helper(struct run *run)
{
	const char *call = text(run, "call");
	struct ec2_tag_pair pairs[8];
	struct instance_id id = instance(run);
	void *ret = &run->ret;

	if (str_eq(call, "run-instance")) {
		struct ec2_run_instance request = { .image = text(run, "image"),
						    .type = text(run, "type"),
						    .subnet = text(run, "subnet"),
						    .group = text(run, "group"),
						    .is_public = flag(run, "public"),
						    .user_data = text(run, "user_data"),
						    .client_token = text(run, "client_token"),
						    .tags = pairs,
						    .tag_count = tags(run, pairs),
						    .volume_tags = pairs,
						    .volume_tag_count =
							    flag(run, "volume_tags") ? 1 : 0,
						    .dry_run = dry_run(run) };

		run->action = &action_run_instances;
		ec2_run_instance(run->ec2, &request, ret, &run->op);
	} else if (str_eq(call, "terminate-instance")) {
		run->action = &action_terminate_instances;
		ec2_terminate_instance(run->ec2, &id, dry_run(run), ret, &run->op);
	} else if (str_eq(call, "create-security-group")) {
		struct ec2_create_security_group request = { .name = text(run, "name"),
							     .description =
								     text(run, "description"),
							     .vpc = text(run, "vpc"),
							     .tags = pairs,
							     .tag_count = tags(run, pairs),
							     .dry_run = dry_run(run) };

		run->action = &action_create_security_group;
		ec2_create_security_group(run->ec2, &request, ret, &run->op);
	} else if (str_eq(call, "authorize-ssh")) {
		struct ec2_rule request = { .group = text(run, "group"),
					    .protocol = "tcp",
					    .cidr = text(run, "cidr"),
					    .from = 22,
					    .to = 22 };

		ec2_authorize_rule(run->ec2, &request, &run->op);
	} else if (str_eq(call, "delete-security-group")) {
		ec2_delete_security_group(run->ec2, text(run, "group"), &run->op);
	} else if (str_eq(call, "get-parameter")) {
		run->action = &action_get_parameter;
		ssm_get_parameter(run->ec2, text(run, "name"), ret, &run->op);
	} else {
		ec2_get_own_address(run->ec2, ret, &run->op);
	}
}

static int64_t number(const struct run *run, const char *key)
{
	return json_integer_value(json_object_get(run->call, key));
}

static void rules(struct run *run)
{
	const struct ec2_rule rule = { text(run, "group"),    flag(run, "egress"),
				       text(run, "protocol"), text(run, "cidr"),
				       number(run, "from"),   number(run, "to") };
	const struct ec2_acl_rule entry = { text(run, "acl"),	 number(run, "number"),
					    flag(run, "egress"), text(run, "protocol"),
					    text(run, "cidr"),	 number(run, "from"),
					    number(run, "to") };

	if (str_eq(text(run, "call"), "authorize-rule"))
		ec2_authorize_rule(run->ec2, &rule, &run->op);
	else if (str_eq(text(run, "call"), "revoke-rule"))
		ec2_revoke_rule(run->ec2, &rule, &run->op);
	else if (str_eq(text(run, "call"), "create-acl-rule"))
		ec2_create_acl_rule(run->ec2, &entry, &run->op);
	else
		ec2_delete_acl_rule(run->ec2, &entry, &run->op);
}

static void routes(struct run *run)
{
	const struct ec2_route_change route = { text(run, "table"), text(run, "cidr"),
						text(run, "gateway"), text(run, "nat_gateway"),
						text(run, "eni") };

	if (str_eq(text(run, "call"), "create-route"))
		ec2_create_route(run->ec2, &route, &run->op);
	else if (str_eq(text(run, "call"), "replace-route"))
		ec2_replace_route(run->ec2, &route, &run->op);
	else if (str_eq(text(run, "call"), "delete-route"))
		ec2_delete_route(run->ec2, &route, &run->op);
	else
		ec2_modify_source_check(
			run->ec2, text(run, "eni"),
			flag(run, "on") ? EC2_SOURCE_CHECK_ON : EC2_SOURCE_CHECK_OFF, &run->op);
}

static void network(struct run *run)
{
	if (str_eq(text(run, "call"), "get-prefix-list")) {
		run->action = &action_get_prefix_list;
		ec2_get_prefix_list(run->ec2, text(run, "list"), (void *)&run->ret, &run->op);
	} else {
		run->action = &action_get_public_block;
		ec2_get_public_block(run->ec2, (void *)&run->ret, &run->op);
	}
}

static const struct {
	const char *prefix;
	void (*start)(struct run *run);
} calls[] = {
	{ "authorize-rule", rules },
	{ "revoke-rule", rules },
	{ "create-acl-rule", rules },
	{ "delete-acl-rule", rules },
	{ "create-route", routes },
	{ "replace-route", routes },
	{ "delete-route", routes },
	{ "modify-source-check", routes },
	{ "get-prefix-list", network },
	{ "get-public-block", network },
	{ "describe-instance-attribute", other },
	{ "describe-asg", other },
	{ "describe-key", other },
	{ "get-ebs", other },
	{ "register-image", other },
	{ "deregister-image", other },
	{ "replace-root", other },
	{ "run-instance", helper },
	{ "terminate-instance", helper },
	{ "create-security-group", helper },
	{ "authorize-ssh", helper },
	{ "delete-security-group", helper },
	{ "get-parameter", helper },
	{ "get-own-address", helper },
	{ "describe-", describe },
	{ "stop-instance", power },
	{ "start-instance", power },
	{ "attach-volume", attach },
	{ "detach-volume", attach },
	{ "launch", restore },
	{ "associate-address", restore },
	{ "attach-eni", restore },
	{ "delete-volume", restore },
	{ "create-snapshots", create_snapshots },
	{ "create-snapshot", create_snapshot },
	{ "create-volume", create_volume },
	{ "start-snapshot", write_blocks },
	{ "put-snapshot-block", write_blocks },
	{ "complete-snapshot", write_blocks },
	{ "list-snapshot-blocks", blocks },
	{ "get-snapshot-block", blocks },
	{ "create-tags", change_tags },
	{ "delete-tags", change_tags },
	{ "", other },
};

static json_t *result(const struct run *run)
{
	const struct imds_self *self = &run->ret.self;
	const char *values[] = { self->instance, self->zone, self->region, self->type };
	json_t *array;

	if (run->op.err.code)
		return NULL;
	if (run->action)
		return xmlmap_json(run->action->reply, &run->ret);
	if (str_eq(text(run, "call"), "get-snapshot-block"))
		return json_stringn(run->block.s, run->block.len);
	if (str_eq(text(run, "call"), "get-own-address"))
		return json_string(run->ret.own.text);
	if (!str_eq(text(run, "call"), "imds-self"))
		return NULL;
	array = json_array();
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		json_array_append_new(array, values[i] ? json_string(values[i]) : json_null());
	return array;
}

/* The outcome as text, stable. */
static char *outcome(const struct run *run)
{
	json_t *json = json_object(), *value = result(run);
	const struct ec2_op *op = &run->op;
	char *dump, *line;

	if (value)
		json_object_set_new(json, "result", value);
	if (op->err.code) {
		json_object_set_new(json, "error", json_string(err_name(op->err.code)));
		json_object_set_new(json, "text", json_string(op->err.text));
	}
	if (op->aws_code[0])
		json_object_set_new(json, "aws_code", json_string(op->aws_code));
	if (op->request_id[0])
		json_object_set_new(json, "request_id", json_string(op->request_id));
	json_object_set_new(json, "http_status", json_integer(op->http_status));
	dump = json_dumps(json, JSON_INDENT(1) | JSON_SORT_KEYS);
	line = mem_printf("%s\n", dump);
	free(dump);
	json_decref(json);
	return line;
}

static int64_t fixed_now(void *arg)
{
	(void)arg;
	return 1795330800; /* 2026-11-22T07:00:00Z */
}

static double no_jitter(void *arg)
{
	(void)arg;
	return 0;
}

static bool run_case(struct run *run, struct loop *loop)
{
	struct replay *replay = replay_new(loop);
	struct ec2_settings settings = { .region = "us-east-1",
					 .now_s = fixed_now,
					 .random = no_jitter,
					 .transport = &replay->base };
	struct err err = ERR_INIT;
	bool is_good;
	size_t i = 0;

	run->block = (struct str)STR_INIT;
	replay_load(replay, run->dir);
	if (ec2_open(loop, &settings, &run->ec2, &err) < 0) {
		fprintf(stderr, "%s: %s\n", run->dir, err.text);
		return false;
	}
	while (!str_starts(text(run, "call"), calls[i].prefix))
		i++;
	calls[i].start(run);
	(void)!ec2_wait(run->ec2, &run->op, &err);
	is_good = replay_same(replay, run->dir);
	{
		cleanup(free) char *got = outcome(run);

		is_good &= case_same(run->dir, "expect", got);
	}
	if (run->action)
		xmlmap_free(run->action->reply, &run->ret, run->action->reply_size);
	else if (str_eq(text(run, "call"), "imds-self"))
		imds_self_done(&run->ret.self);
	else if (str_eq(text(run, "call"), "get-own-address"))
		ec2_own_address_done(&run->ret.own);
	str_done(&run->block);
	ec2_close(run->ec2);
	replay_free(replay);
	return is_good;
}

int main(void)
{
	const char *top = getenv("SRC");
	struct err err = ERR_INIT;
	struct loop *loop;
	glob_t found;

	setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret", 1);
	setenv("AWS_CONFIG_FILE", "/nonexistent", 1);
	setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent", 1);
	if (chdir(top ? top : ".") < 0 || loop_open(&loop, &err) < 0 ||
	    glob("tests/ec2/cases/*", 0, NULL, &found)) {
		printf("1..1\nnot ok 1 - no cases\n");
		return 1;
	}
	printf("1..%zu\n", found.gl_pathc);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct run run = { .dir = found.gl_pathv[i] };
		cleanup(free) char *path = mem_printf("%s/call", run.dir);
		json_error_t why;
		bool is_good;

		run.call = json_load_file(path, 0, &why);
		is_good = text(&run, "call") && run_case(&run, loop);
		if (!run.call)
			fprintf(stderr, "%s: %s\n", path, why.text);
		printf("%sok %zu - %s\n", is_good ? "" : "not ", i + 1,
		       basename(found.gl_pathv[i]));
		failures += !is_good;
		json_decref(run.call);
	}
	globfree(&found);
	loop_close(loop);
	return failures ? 1 : 0;
}
