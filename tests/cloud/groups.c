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

void authorize_security_group_ingress(struct call *call)
{
	struct res *group = call_find(call, &kind_security_group, param(call, "GroupId"));
	json_t *rules, *rule;
	const json_t *known;
	size_t i;

	if (!group)
		return;
	if (!jhas(group->truth, "ingress"))
		jset(group->truth, "ingress", json_array());
	rules = jget(group->truth, "ingress");
	for (unsigned n = 1; n <= param_count(call, "IpPermissions"); n++) {
		rule = json_pack(
			"{s:s,s:I,s:I,s:s}", "protocol",
			param_at(call, "IpPermissions.%u.IpProtocol", n), "from",
			(json_int_t)strtoll(param_at(call, "IpPermissions.%u.FromPort", n), NULL,
					    10),
			"to",
			(json_int_t)strtoll(param_at(call, "IpPermissions.%u.ToPort", n), NULL, 10),
			"cidr", param_at(call, "IpPermissions.%u.IpRanges.1.CidrIp", n));
		json_array_foreach (rules, i, known)
			if (json_equal(known, rule)) {
				call_fail(call, "InvalidPermission.Duplicate",
					  "the specified rule \"peer: %s\" already exists",
					  js(rule, "cidr"));
				json_decref(rule);
				return;
			}
		json_array_append_new(rules, rule);
	}
	world_touch(group);
	jset_b(call->out, "return", true);
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
