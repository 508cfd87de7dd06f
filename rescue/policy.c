/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/policy.h"
#include "base/str.h"
#include "ec2/actions.h"
#include "rescue/claim.h"
#include "rescue/command.h"
#include "rescue/record.h"
#include "rescue/spot_set.h"
#include "rescue/temporary.h"

#define USE_WAYS (USE_SELF | USE_HELPER | USE_SNAPSHOT | USE_REPLACE)
#define USE_RUNS (USE_WAYS | USE_UNDO | USE_RESUME)
#define USE_ALL	 (~0u)

static const struct {
	const char *command;
	unsigned uses;
} policy_commands[] = {
	{ "rescue", USE_WAYS },
	{ "audit", USE_AUDIT },
	{ "net", USE_NET }, /* with --fix-cloud also USE_FIX */
	{ "undo", USE_UNDO },
	{ "resume", USE_RESUME },
	{ "spot save", USE_SAVE },
	{ "spot watch", USE_SAVE }, /* each of its saves is a `spot save` */
	{ "spot restore", USE_RESTORE },
	{ "spot swap", USE_SWAP },
	{ "spot list", USE_LIST },
	{ "spot prune", USE_PRUNE },
};

/* One statement of the document each, in this order. What is changed or deleted only because the program made it is
 * allowed only where its tag says so; a preflight that asks of ids that do not exist could not tell of the others
 * whether they are allowed. */
enum statement {
	LOOK,
	PUBLIC_PARAMETERS,
	CHANGE,
	MADE_BY_RUN,
	TEMPORARY,
	SAVED_STATE,
	TAG_AT_CREATION,
	BLOCKS,
	KEYS,
	KEY_GRANTS,
	PASS_ROLE,
	STATEMENTS,
};
static const struct {
	const char *sid, *resource;
	const char *operator, * key, *value; /* the condition; NULL: none */
} statements[STATEMENTS] = {
	[LOOK] = { .sid = "Look" },
	/* Of the account's own parameters nothing is read. */
	[PUBLIC_PARAMETERS] = { .sid = "PublicParameters",
				.resource = "arn:aws*:ssm:*::parameter/aws/service/*" },
	[CHANGE] = { .sid = "Change" },
	[MADE_BY_RUN] = { "MadeByARun", NULL, "Null", "aws:ResourceTag/" CLAIM_RUN_TAG, "false" },
	[TEMPORARY] = { "Temporary", NULL, "Null", "aws:ResourceTag/" TEMPORARY_TAG, "false" },
	[SAVED_STATE] = { "SavedState", NULL, "Null", "aws:ResourceTag/" SPOT_TAG, "false" },
	[TAG_AT_CREATION] = { "TagAtCreation", NULL, "Null", "ec2:CreateAction", "false" },
	[BLOCKS] = { .sid = "SnapshotBlocks" },
	[KEYS] = { .sid = "EncryptedVolumes" },
	[KEY_GRANTS] = { "EncryptedVolumesInUse", NULL, "Bool", "kms:GrantIsForAWSResource",
			 "true" },
	[PASS_ROLE] = { "InstanceProfile", NULL, "StringEquals", "iam:PassedToService",
			"ec2.amazonaws.com" },
};

struct grant {
	const struct ec2_action *action;
	const char *
		implied; /* by calls of the program, and none of them itself; NULL: the action's own */
	enum statement statement;
	unsigned uses;
};
#define GRANT(name, statement, uses)                  \
	{                                             \
		&action_##name, NULL, statement, uses \
	}
#define IMPLIED(permission, statement, uses)      \
	{                                         \
		NULL, permission, statement, uses \
	}

static const struct grant grants[] = {
	GRANT(describe_instances, LOOK, USE_ALL & ~(USE_LIST | USE_PRUNE)),
	GRANT(describe_volumes, LOOK, USE_ALL & ~(USE_LIST | USE_PRUNE | USE_NET | USE_FIX)),
	GRANT(describe_snapshots, LOOK, USE_ALL & ~USE_SAVE),
	GRANT(describe_instance_status, LOOK, USE_RUNS | USE_NET),
	GRANT(describe_instance_types, LOOK, USE_RUNS | USE_RESTORE | USE_NET),
	GRANT(describe_instance_attribute, LOOK, USE_RUNS),
	GRANT(describe_subnets, LOOK, USE_RUNS | USE_RESTORE | USE_NET),
	GRANT(describe_vpcs, LOOK, USE_RUNS | USE_NET),
	GRANT(describe_spot_requests, LOOK, USE_RUNS | USE_RESTORE),
	GRANT(describe_asg_instances, LOOK, USE_RUNS),
	GRANT(describe_security_groups, LOOK, USE_RUNS | USE_RESTORE | USE_NET),
	GRANT(describe_images, LOOK, USE_REPLACE | USE_RESUME | USE_RESTORE),
	GRANT(describe_replace_tasks, LOOK, USE_REPLACE | USE_RESUME),
	GRANT(describe_addresses, LOOK, USE_RESTORE),
	GRANT(describe_enis, LOOK, USE_WAYS | USE_RESTORE | USE_NET),
	GRANT(describe_route_tables, LOOK, USE_WAYS | USE_NET),
	GRANT(describe_acls, LOOK, USE_WAYS | USE_NET),
	GRANT(describe_internet_gateways, LOOK, USE_WAYS | USE_NET),
	GRANT(describe_peerings, LOOK, USE_WAYS | USE_NET),
	GRANT(get_prefix_list, LOOK, USE_WAYS | USE_NET),
	GRANT(get_public_block, LOOK, USE_WAYS | USE_NET),
	GRANT(describe_public_exclusions, LOOK, USE_WAYS | USE_NET),
	GRANT(get_console_output, LOOK, USE_RUNS),
	GRANT(get_ebs_encryption_by_default, LOOK, USE_SNAPSHOT | USE_REPLACE),
	GRANT(get_parameter, PUBLIC_PARAMETERS, USE_HELPER | USE_UNDO),

	GRANT(stop_instances, CHANGE, USE_RUNS | USE_RESTORE),
	GRANT(start_instances, CHANGE, USE_RUNS | USE_RESTORE),
	GRANT(attach_volume, CHANGE, USE_RUNS | USE_SWAP | USE_RESTORE),
	GRANT(detach_volume, CHANGE,
	      USE_SELF | USE_HELPER | USE_SNAPSHOT | USE_UNDO | USE_RESUME | USE_RESTORE),
	GRANT(modify_device, CHANGE, USE_RUNS),
	/* A restore tags in StartSnapshot, of which EC2 does not say whether it is a CreateAction. */
	GRANT(create_tags, CHANGE, USE_RUNS | USE_RESTORE),
	GRANT(delete_tags, CHANGE, USE_RUNS | USE_RESTORE | USE_SWAP),
	GRANT(create_snapshot, CHANGE, USE_RUNS | USE_AUDIT),
	GRANT(create_snapshots, CHANGE, USE_SAVE),
	GRANT(create_volume, CHANGE, USE_SNAPSHOT | USE_UNDO | USE_RESUME | USE_SWAP | USE_RESTORE),
	GRANT(enter_standby, CHANGE, USE_RUNS),
	GRANT(exit_standby, CHANGE, USE_RUNS),
	GRANT(register_image, CHANGE, USE_REPLACE | USE_RESUME | USE_RESTORE),
	GRANT(deregister_image, CHANGE, USE_REPLACE | USE_RESUME | USE_RESTORE),
	GRANT(create_replace_task, CHANGE, USE_REPLACE | USE_RESUME),
	GRANT(run_instances, CHANGE, USE_HELPER | USE_UNDO | USE_RESUME),
	GRANT(launch, CHANGE, USE_RESTORE),
	GRANT(create_security_group, CHANGE, USE_HELPER | USE_UNDO | USE_RESUME),
	GRANT(associate_address, CHANGE, USE_RESTORE),
	GRANT(attach_eni, CHANGE, USE_RESTORE),

	GRANT(authorize_ingress, CHANGE, USE_FIX),
	GRANT(authorize_egress, CHANGE, USE_FIX),
	GRANT(create_acl_entry, CHANGE, USE_FIX),
	GRANT(create_route, CHANGE, USE_FIX),
	/* What a change that fails leaves is taken back at once. */
	GRANT(revoke_ingress, CHANGE, USE_FIX | USE_UNDO | USE_RESUME),
	GRANT(revoke_egress, CHANGE, USE_FIX | USE_UNDO | USE_RESUME),
	GRANT(delete_acl_entry, CHANGE, USE_FIX | USE_UNDO | USE_RESUME),
	GRANT(delete_route, CHANGE, USE_FIX | USE_UNDO | USE_RESUME),
	GRANT(replace_route, CHANGE, USE_FIX | USE_UNDO | USE_RESUME),
	GRANT(modify_source_check, CHANGE, USE_FIX | USE_UNDO | USE_RESUME),

	GRANT(authorize_ingress, MADE_BY_RUN, USE_HELPER | USE_UNDO | USE_RESUME),
	GRANT(delete_security_group, MADE_BY_RUN, USE_HELPER | USE_UNDO | USE_RESUME),
	GRANT(terminate_instances, MADE_BY_RUN, USE_HELPER | USE_UNDO | USE_RESUME),
	GRANT(delete_snapshot, MADE_BY_RUN, USE_SNAPSHOT | USE_REPLACE | USE_RESUME | USE_RESTORE),
	GRANT(delete_snapshot, TEMPORARY, USE_AUDIT | USE_RESUME),
	GRANT(delete_snapshot, SAVED_STATE, USE_PRUNE),
	GRANT(delete_volume, SAVED_STATE, USE_RESTORE | USE_SWAP),

	GRANT(list_snapshot_blocks, BLOCKS,
	      USE_SNAPSHOT | USE_REPLACE | USE_UNDO | USE_AUDIT | USE_RESTORE | USE_RESUME |
		      USE_NET),
	GRANT(get_snapshot_block, BLOCKS,
	      USE_SNAPSHOT | USE_REPLACE | USE_AUDIT | USE_RESTORE | USE_RESUME | USE_NET),
	GRANT(start_snapshot, BLOCKS, USE_SNAPSHOT | USE_REPLACE | USE_RESTORE | USE_RESUME),
	GRANT(put_snapshot_block, BLOCKS, USE_SNAPSHOT | USE_REPLACE | USE_RESTORE | USE_RESUME),
	GRANT(complete_snapshot, BLOCKS,
	      USE_SNAPSHOT | USE_REPLACE | USE_UNDO | USE_RESTORE | USE_RESUME),
	GRANT(describe_key, LOOK, USE_RUNS),

	/* Tags in the call that makes a thing are an action of their own. */
	IMPLIED("ec2:CreateTags", TAG_AT_CREATION, USE_AUDIT | USE_SAVE | USE_SWAP),
	/* Of the instance that is brought back: what profile it had is in the saved state. */
	IMPLIED("iam:PassRole", PASS_ROLE, USE_RESTORE),
	/* EC2 asks KMS in the name of whoever attaches, creates or starts, where a volume is encrypted: "Permissions
	 * for Amazon EBS encryption"; of blocks likewise: "Control access to EBS direct APIs". */
	IMPLIED("kms:Decrypt", KEYS, USE_RUNS | USE_AUDIT | USE_RESTORE | USE_SWAP | USE_NET),
	IMPLIED("kms:GenerateDataKey*", KEYS, USE_RUNS | USE_RESTORE | USE_SWAP),
	IMPLIED("kms:ReEncrypt*", KEYS, USE_RUNS | USE_RESTORE | USE_SWAP),
	IMPLIED("kms:CreateGrant", KEY_GRANTS, USE_RUNS | USE_RESTORE | USE_SWAP),
};

/* As the table of commands has it, or with a hyphen, so that it is one word of a shell. */
static bool is_named(const char *name, const char *as_typed)
{
	cleanup(free) char *hyphened = mem_strdup(name);

	for (char *c = hyphened; *c; c++)
		*c = *c == ' ' ? '-' : *c;
	return str_eq(name, as_typed) || str_eq(hyphened, as_typed);
}

static int narrow(const char *via, unsigned *uses, struct err *err)
{
	static const unsigned of[] = { [VIA_SELF] = USE_SELF,
				       [VIA_HELPER] = USE_HELPER,
				       [VIA_SNAPSHOT] = USE_SNAPSHOT,
				       [VIA_REPLACE] = USE_REPLACE };
	enum rescue_via way;

	if (!via || str_eq(via, "auto") || !(*uses & USE_WAYS))
		return 0;
	if (rescue_via_parse(via, &way) < 0)
		return err_set(err, ERR_USAGE,
			       "--via is auto, self, helper, snapshot or replace, not \"%s\"", via);
	*uses &= of[way];
	return 0;
}

int policy_uses(const char *command, const char *via, unsigned *ret, struct err *err)
{
	unsigned uses = 0;

	for (size_t i = 0; i < ARRAY_LEN(policy_commands); i++)
		if (is_named(policy_commands[i].command, command))
			uses = policy_commands[i].uses;
	for (size_t i = 0; !uses && i < command_count; i++)
		if (is_named(commands[i].name, command))
			return err_set(err, ERR_USAGE,
				       "`ec2-rescue %s` calls nothing of AWS and needs no policy",
				       commands[i].name);
	if (!uses)
		return err_set(err, ERR_USAGE,
			       "there is no command \"%s\"; `ec2-rescue --help` lists them (a "
			       "command of two words is one argument: spot-save)",
			       command);
	if (narrow(via, &uses, err) < 0)
		return -1;
	*ret = uses;
	return 0;
}

static const char *permission(const struct grant *grant)
{
	return grant->action ? grant->action->iam : grant->implied;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Is it allowed without a condition already? */
static bool is_granted_anyway(const char *wanted, enum statement in, unsigned uses)
{
	for (size_t i = 0; i < ARRAY_LEN(grants); i++)
		if (in != CHANGE && grants[i].statement == CHANGE && grants[i].uses & uses &&
		    str_eq(permission(&grants[i]), wanted))
			return true;
	return false;
}

/* Sorted, each once. */
static json_t *actions_of(enum statement statement, unsigned uses)
{
	const char *found[ARRAY_LEN(grants)];
	size_t count = 0;
	json_t *list = json_array();

	for (size_t i = 0; i < ARRAY_LEN(grants); i++)
		if (grants[i].statement == statement && grants[i].uses & uses &&
		    !is_granted_anyway(permission(&grants[i]), statement, uses))
			found[count++] = permission(&grants[i]);
	qsort(found, count, sizeof(*found), compare);
	for (size_t i = 0; i < count; i++)
		if (!i || !str_eq(found[i], found[i - 1]))
			json_array_append_new(list, json_string(found[i]));
	return list;
}

json_t *policy_make(unsigned uses)
{
	json_t *list = json_array();

	for (enum statement s = 0; s < STATEMENTS; s++) {
		json_t *actions = actions_of(s, uses);
		json_t *row = json_pack("{s:s, s:s, s:o, s:s}", "Sid", statements[s].sid, "Effect",
					"Allow", "Action", actions, "Resource",
					statements[s].resource ?: "*");

		if (statements[s].operator)
			json_object_set_new(row, "Condition",
					    json_pack("{s:{s:s}}", statements[s].operator,
						      statements[s].key, statements[s].value));
		if (json_array_size(actions))
			json_array_append(list, row);
		json_decref(row);
	}
	return json_pack("{s:s, s:o}", "Version", "2012-10-17", "Statement", list);
}
