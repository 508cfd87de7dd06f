/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cloud/instance.h"
#include "tests/cloud/kinds.h"

#include <arpa/inet.h>

/* Security groups that are made, opened and deleted, and what they let through: a real sshd (machine.c) is behind
 * them. A rule is {"protocol", "from", "to", "cidr"}. */

void create_security_group(struct call *call)
{
	const char *name = param(call, "GroupName"), *vpc = param(call, "VpcId");
	cleanup(free) char *id = NULL;

	if (*vpc && !call_find(call, &kind_vpc, vpc))
		return;
	if (!*vpc)
		vpc = js(default_subnet(call->sim, "")->truth, "vpc");
	sim_foreach (group, call->sim, &kind_security_group)
		if (js_is(group->truth, "name", name) && js_is(group->truth, "vpc", vpc) &&
		    !jb(group->truth, "gone")) {
			call_fail(call, "InvalidGroup.Duplicate",
				  "The security group '%s' already exists for VPC '%s'", name, vpc);
			return;
		}
	id = id_new(call->sim, "sg-");
	world_add(call->sim, &kind_security_group, id,
		  json_pack("{s:s,s:s,s:s,s:s,s:[],s:[{s:s,s:s}],s:o}", "id", id, "name", name,
			    "vpc", vpc, "description", param(call, "GroupDescription"), "ingress",
			    "egress", "protocol", "-1", "cidr", "0.0.0.0/0", "tags",
			    param_tags(call, "security-group")));
	json_array_append_new(call->new_ids, json_string(id));
	jset_b(call->out, "return", true);
	jset_s(call->out, "groupId", id);
}

static json_t *rule_at(struct call *call, unsigned n)
{
	const char *cidr = param_at(call, "IpPermissions.%u.IpRanges.1.CidrIp", n);
	const char *from = param_at(call, "IpPermissions.%u.FromPort", n);
	json_t *rule = json_pack(
		"{s:s,s:s}", "protocol", param_at(call, "IpPermissions.%u.IpProtocol", n), "cidr",
		*cidr ? cidr : param_at(call, "IpPermissions.%u.Ipv6Ranges.1.CidrIpv6", n));

	if (*from) {
		jset_i(rule, "from", strtoll(from, NULL, 10));
		jset_i(rule, "to", strtoll(param_at(call, "IpPermissions.%u.ToPort", n), NULL, 10));
	}
	return rule;
}

static bool find_rule(const json_t *rules, const json_t *rule, size_t *ret)
{
	const json_t *known;

	size_t i;

	json_array_foreach (rules, i, known) {
		*ret = i;
		if (json_equal(known, rule))
			return true;
	}
	return false;
}

static json_t *rules_of(struct res *group, const char *side)
{
	if (!jhas(group->truth, side))
		jset(group->truth, side, json_array());
	return jget(group->truth, side);
}

static void authorize(struct call *call, const char *side)
{
	struct res *group = call_find(call, &kind_security_group, param(call, "GroupId"));
	size_t at;

	if (!group)
		return;
	for (unsigned n = 1; n <= param_count(call, "IpPermissions"); n++) {
		json_t *rule = rule_at(call, n);

		if (find_rule(rules_of(group, side), rule, &at)) {
			call_fail(call, "InvalidPermission.Duplicate",
				  "the specified rule \"peer: %s\" already exists",
				  js(rule, "cidr"));
			json_decref(rule);
			return;
		}
		json_array_append_new(rules_of(group, side), rule);
	}
	world_touch(group);
	jset_b(call->out, "return", true);
}

static void revoke_rules(struct call *call, const char *side)
{
	struct res *group = call_find(call, &kind_security_group, param(call, "GroupId"));
	size_t at;

	if (!group)
		return;
	for (unsigned n = 1; n <= param_count(call, "IpPermissions"); n++) {
		json_t *rule = rule_at(call, n);
		bool is_there = find_rule(rules_of(group, side), rule, &at);

		json_decref(rule);
		if (!is_there) {
			call_fail(call, "InvalidPermission.NotFound",
				  "The specified rule does not exist in this security group.");
			return;
		}
		json_array_remove(rules_of(group, side), at);
	}
	world_touch(group);
	jset_b(call->out, "return", true);
}

void authorize_security_group_ingress(struct call *call)
{
	authorize(call, "ingress");
}

void authorize_security_group_egress(struct call *call)
{
	authorize(call, "egress");
}

void revoke_security_group_ingress(struct call *call)
{
	revoke_rules(call, "ingress");
}

void revoke_security_group_egress(struct call *call)
{
	revoke_rules(call, "egress");
}

void delete_security_group(struct call *call)
{
	struct res *group = call_find(call, &kind_security_group, param(call, "GroupId"));
	const json_t *id;
	size_t i;

	if (!group)
		return;
	sim_foreach (inst, call->sim, &kind_instance) {
		if (js_is(inst->truth, "state", "terminated") || jb(inst->truth, "gone"))
			continue;
		json_array_foreach (jget(inst->truth, "groups"), i, id)
			if (str_eq(json_string_value(id), group->id)) {
				call_fail(call, "DependencyViolation",
					  "resource %s has a dependent object", group->id);
				return;
			}
	}
	jset_b(group->truth, "gone", true);
	world_touch(group);
	jset_b(call->out, "return", true);
}

static bool is_within(const char *cidr, struct in_addr address)
{
	const char *slash = strchr(cidr, '/');
	cleanup(free) char *base = mem_strndup(cidr, slash ? (size_t)(slash - cidr) : strlen(cidr));
	unsigned bits = slash ? (unsigned)strtoul(slash + 1, NULL, 10) : 32;
	uint32_t mask = bits ? ~0u << (32 - bits) : 0;
	struct in_addr net;

	return bits <= 32 && inet_pton(AF_INET, base, &net) == 1 &&
	       (ntohl(net.s_addr) & mask) == (ntohl(address.s_addr) & mask);
}

bool groups_admit(struct sim *sim, const struct res *inst, struct in_addr from, unsigned port)
{
	const json_t *id, *rule;
	size_t i, k;

	json_array_foreach (jget(inst->truth, "groups"), i, id) {
		const struct res *group = world_get(sim, json_string_value(id));

		json_array_foreach (group ? jget(group->truth, "ingress") : NULL, k, rule) {
			bool is_all = js_is(rule, "protocol", "-1");

			if ((is_all || (js_is(rule, "protocol", "tcp") &&
					ji(rule, "from") <= port && ji(rule, "to") >= port)) &&
			    is_within(js(rule, "cidr"), from))
				return true;
		}
	}
	return false;
}
