/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sshd_people.h"

#include <arpa/inet.h>
#include <strings.h>

/* Which Match blocks count for a user, and which value wins. */

#define SCOPE_DEPTH_MAX 64

/* An address list: "*" and the whole Internet surely hold, loopback alone surely does not, the rest
 * depends on where the client is. */
static enum gate_verdict address_applies(const char *list)
{
	bool all = false, only_loopback = true;
	cleanup(free) char *copy = mem_strdup(list);
	char *rest = copy;

	for (char *p; (p = strsep(&rest, ","));) {
		all |= str_eq(p, "*") || str_eq(p, "0.0.0.0/0");
		only_loopback &= str_starts(p, "127.") || str_starts(p, "::1");
		if (*p == '!')
			return GATE_UNSURE;
	}
	return all ? GATE_PASS : only_loopback ? GATE_FAIL : GATE_UNSURE;
}

static enum gate_verdict local_address_applies(const struct machine *machine, const char *list)
{
	const struct cloud_facts *cloud = machine_cloud(machine);
	size_t known = 0, matched = 0;

	for (size_t i = 0; cloud && i < cloud->interface_count; i++)
		for (size_t k = 0; k < cloud->interfaces[i].private_ip_count; k++, known++)
			matched += sshd_pattern_list(list, cloud->interfaces[i].private_ips[k]) > 0;
	if (str_eq(list, "*") || (known && matched == known))
		return GATE_PASS;
	return known && !matched && !strchr(list, '/') ? GATE_FAIL : GATE_UNSURE;
}

static enum gate_verdict port_applies(const struct sshd_conf *conf, const struct machine *machine,
				      const char *arg)
{
	int32_t wanted = sshd_port(arg, machine);
	size_t ports = 0, equal = 0;

	vec_foreach (d, &conf->directives) {
		if (!sshd_directive_is(d, "port") || d->fatal)
			continue;
		ports++;
		equal += sshd_port(sshd_directive_arg(d), machine) == wanted;
	}
	if (!ports)
		return wanted == 22 ? GATE_PASS : GATE_FAIL;
	return equal == ports ? GATE_PASS : equal ? GATE_UNSURE : GATE_FAIL;
}

static enum gate_verdict groups_apply(const struct person *person, const char *list)
{
	enum gate_verdict verdict = GATE_FAIL;

	vec_foreach (group, &person->groups) {
		int match = sshd_pattern_list(list, *group);
		if (match < 0)
			return GATE_FAIL;
		if (match > 0)
			verdict = GATE_PASS;
	}
	return verdict;
}

static enum gate_verdict criterion_applies(const struct sshd_conf *conf,
					   const struct machine *machine,
					   const struct person *person, const char *name,
					   const char *arg)
{
	if (!strcasecmp(name, "user"))
		return sshd_pattern_list(arg, person->user->name) > 0 ? GATE_PASS : GATE_FAIL;
	if (!strcasecmp(name, "group"))
		return groups_apply(person, arg);
	if (!strcasecmp(name, "address"))
		return address_applies(arg);
	if (!strcasecmp(name, "host"))
		return str_eq(arg, "*") ? GATE_PASS : GATE_UNSURE;
	if (!strcasecmp(name, "localaddress"))
		return local_address_applies(machine, arg);
	if (!strcasecmp(name, "localport"))
		return port_applies(conf, machine, arg);
	return GATE_UNSURE;
}

static enum gate_verdict conditions_apply(const struct sshd_conf *conf,
					  const struct machine *machine,
					  const struct sshd_directive *match,
					  const struct person *person)
{
	cleanup(free) char *copy = mem_strdup(match->rest);
	char *rest = copy;
	enum gate_verdict verdict = GATE_PASS;

	if (match->fatal)
		return GATE_UNSURE;
	for (char *name; (name = sshd_strdelim(&rest)) && *name && *name != '#';) {
		if (!strcasecmp(name, "all"))
			return verdict;
		if (!strcasecmp(name, "invalid-user"))
			return GATE_FAIL;
		char *arg = sshd_strdelim(&rest);
		if (!arg)
			return GATE_UNSURE;
		enum gate_verdict one = criterion_applies(conf, machine, person, name, arg);
		verdict = one > verdict ? one : verdict;
	}
	return verdict;
}

enum gate_verdict scope_applies(const struct sshd_conf *conf, const struct machine *machine,
				uint32_t scope, const struct person *person)
{
	enum gate_verdict verdict = GATE_PASS;

	for (unsigned depth = 0; scope && depth < SCOPE_DEPTH_MAX; depth++) {
		const struct sshd_scope *s = &conf->scopes.items[scope];
		enum gate_verdict one = conditions_apply(
			conf, machine, &conf->directives.items[s->directive], person);
		verdict = one > verdict ? one : verdict;
		scope = s->parent;
	}
	return verdict;
}

void person_values(const struct sshd_conf *conf, const struct machine *machine,
		   const struct person *person, const char *key, struct directive_list *ret)
{
	vec_foreach (d, &conf->directives) {
		if (!d->scope || d->fatal || !sshd_directive_is(d, key))
			continue;
		enum gate_verdict verdict = scope_applies(conf, machine, d->scope, person);
		if (verdict == GATE_FAIL)
			continue;
		vec_push(ret, d);
		if (verdict == GATE_PASS)
			return;
	}
	vec_push(ret, sshd_conf_global(conf, key));
}

void person_lists(const struct sshd_conf *conf, const struct machine *machine,
		  const struct person *person, const char *key, struct directive_list *ret,
		  bool *is_unsure)
{
	vec_foreach (d, &conf->directives) {
		if (!d->scope || d->fatal || !sshd_directive_is(d, key))
			continue;
		enum gate_verdict verdict = scope_applies(conf, machine, d->scope, person);
		*is_unsure |= verdict == GATE_UNSURE;
		if (verdict == GATE_PASS)
			vec_push(ret, d);
	}
	if (ret->count)
		return;
	vec_foreach (d, &conf->directives)
		if (!d->scope && !d->fatal && sshd_directive_is(d, key))
			vec_push(ret, d);
}
