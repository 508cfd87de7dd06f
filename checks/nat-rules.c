/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/nat.h"
#include "checks/nic_names.h"
#include "fs/lines.h"

struct look {
	const struct nat *nat;
	const struct nat_file *file;
	const struct ipt_host *host;
	struct findings *out;
};

static const struct ipt_cond *find_cond(const struct ipt_rule *rule, enum ipt_cond_kind kind)
{
	vec_foreach (cond, &rule->conds)
		if (cond->kind == kind)
			return cond;
	return NULL;
}

/* The word behind the option in the rule's line becomes another. */
static bool replace_word(const struct look *l, const struct ipt_rule *rule, const char *option,
			 const char *new, struct edits *edits)
{
	const struct str *text = l->file->file.text;
	cleanup(str_done) struct str line = STR_INIT, changed = STR_INIT;
	const char *at;
	size_t len;

	lines_copy(text->s, text->len, rule->line, 1, &line);
	at = strstr(line.s, option);
	if (!at)
		return false;
	at += strlen(option);
	len = strcspn(at, " \t\r\n");
	str_add_bytes(&changed, line.s, (size_t)(at - line.s));
	str_add(&changed, new);
	str_add_bytes(&changed, at + len, line.len - (size_t)(at - line.s) - len);
	lines_edit_replace(edits, l->file->file.path, text, rule->line, 1, changed.s);
	return true;
}

/* Row 130: out of an interface that this system does not have. Another rule that translates may be
 * the right one. */
static bool is_absent(const struct look *l, const struct ipt_rule *rule)
{
	const struct ipt_cond *out = find_cond(rule, IPT_OUT);
	size_t len = out ? strlen(out->name) : 0;

	if (!out || out->is_not || !len || out->name[len - 1] == '+' ||
	    (!str_starts(out->name, "eth") && !str_starts(out->name, "en")))
		return false;
	for (size_t i = 0; i < l->host->iface_count; i++)
		if (str_eq(out->name, l->host->ifaces[i]))
			return false;
	return true;
}

static void look_at_interfaces(const struct look *l)
{
	const struct cloud_facts *cloud = machine_cloud(l->nat->machine);
	const struct ipt_rule *first = nat_rule(&l->file->rules, NULL);
	struct finding *finding;

	/* The way out of what the operator wants is nat-setup's to say. */
	if (machine_wanted_nat(l->nat->machine))
		return;
	/* A card that nothing is configured for has a name, too. */
	if (!l->host->has_all_ifaces || !l->host->iface_count ||
	    (cloud && cloud->interface_count > l->host->iface_count))
		return;
	for (const struct ipt_rule *rule = first; rule; rule = nat_rule(&l->file->rules, rule))
		if (!is_absent(l, rule))
			return;
	/* Where a configured name fits no card, the card has one that no file knows. */
	for (size_t i = 0; i < l->host->iface_count; i++)
		if (!nic_name_is_card(l->host->ifaces[i]) ||
		    nic_name_is_impossible(l->nat->machine, l->host->ifaces[i]))
			return;
	for (const struct ipt_rule *rule = first; rule; rule = nat_rule(&l->file->rules, rule)) {
		const struct ipt_cond *cond = find_cond(rule, IPT_OUT);
		const char *name = cond ? cond->name : "";
		bool is_one = l->host->iface_count == 1;

		finding = finding_add(
			l->out, SEVERITY_DELAYS, REPAIR_SURE, "130", l->file->file.path, rule->line,
			"addresses are translated on the way out of %s, but there is no "
			"such interface here (there is %s%s): hosts behind this one have "
			"no way out",
			machine_quote(l->nat->machine, name, strlen(name)),
			machine_quote(l->nat->machine, l->host->ifaces[0],
				      strlen(l->host->ifaces[0])),
			is_one ? "" : ", and others");
		if (!is_one ||
		    (!replace_word(l, rule, "-o ", l->host->ifaces[0], &finding->edits) &&
		     !replace_word(l, rule, "--out-interface ", l->host->ifaces[0],
				   &finding->edits)))
			finding->repair = REPAIR_NONE;
	}
}

/* Row 129: iptables fills "10.1/16" up to 10.1.0.0; a network written so that is not of the VPC is a
 * slip, where a whole address might be a VPN's. */
static bool meets_vpc(const struct look *l, const struct ipt_rule *rule)
{
	const struct ipt_cond *src = find_cond(rule, IPT_SRC);

	if (!src || src->is_not)
		return true;
	vec_foreach (range, &src->ranges)
		for (size_t i = 0; i < l->host->vpc_count; i++) {
			struct ip first = ip_net_first(&l->host->vpc[i]);
			struct ip last = ip_net_last(&l->host->vpc[i]);

			if (!first.is_v6 && ip_cmp(&range->first, &last) <= 0 &&
			    ip_cmp(&range->last, &first) >= 0)
				return true;
		}
	return false;
}

static void look_at_sources(const struct look *l)
{
	const struct cloud_facts *cloud = machine_cloud(l->nat->machine);
	struct finding *finding;

	if (!cloud || !cloud->vpc_cidr_count || !l->host->vpc_count)
		return;
	for (const struct ipt_rule *rule = nat_rule(&l->file->rules, NULL); rule;
	     rule = nat_rule(&l->file->rules, rule))
		if (meets_vpc(l, rule))
			return;
	for (const struct ipt_rule *rule = nat_rule(&l->file->rules, NULL); rule;
	     rule = nat_rule(&l->file->rules, rule)) {
		const struct ipt_cond *src = find_cond(rule, IPT_SRC);

		if (!src || !src->is_short)
			continue;
		finding = finding_add(
			l->out, SEVERITY_DELAYS, REPAIR_OFFERED, "129", l->file->file.path,
			rule->line,
			"the source of what is translated is written with less than four numbers, "
			"which iptables fills up with zeros, and is then no part of the VPC (%s): "
			"its "
			"hosts have no way out",
			machine_quote(l->nat->machine, cloud->vpc_cidrs[0],
				      strlen(cloud->vpc_cidrs[0])));
		if (!replace_word(l, rule, "-s ", cloud->vpc_cidrs[0], &finding->edits))
			finding->repair = REPAIR_NONE;
	}
}

/* Row 131: nothing that is forwarded gets through the chain: it ends in a drop, and no rule before
 * that accepts, jumps or is not understood. */
static bool is_dead(const struct ipt_chain *chain, uint32_t *ret_line)
{
	vec_foreach (rule, &chain->rules) {
		if ((*rule)->target == IPT_DROP && !(*rule)->conds.count) {
			*ret_line = (*rule)->line;
			return true;
		}
		if ((*rule)->target != IPT_DROP && (*rule)->target != IPT_NO_TARGET &&
		    (*rule)->target != IPT_GO_ON)
			return false;
	}
	*ret_line = 0;
	return chain->policy == IPT_DROP;
}

static void look_at_forward(const struct look *l)
{
	const struct ipt_table *table = ipt_table_find(&l->file->rules, "filter");
	const struct ipt_chain *chain =
		table && table->is_loaded ? ipt_chain_find(table, "FORWARD") : NULL;
	const struct ipt_rule *rule = nat_rule(&l->file->rules, NULL);
	const struct ipt_cond *src = rule ? find_cond(rule, IPT_SRC) : NULL;
	cleanup(free) char *new = NULL;
	const char *zeros = l->file->rules.has_counters ? "[0:0] " : "";
	char net[IP_TEXT_MAX] = "";
	struct finding *finding;
	uint32_t line;

	if (!chain || !is_dead(chain, &line))
		return;
	finding =
		finding_add(l->out, SEVERITY_DELAYS, REPAIR_OFFERED, "131", l->file->file.path,
			    line ? line : chain->line,
			    "addresses are translated for other hosts, but the chain FORWARD drops "
			    "everything: they have no way out");
	if (!src || src->is_not || src->nets.count != 1) {
		finding->repair = REPAIR_NONE;
		return;
	}
	ip_text(&src->nets.items[0].addr, net);
	new = mem_printf("%s-A FORWARD -m state --state RELATED,ESTABLISHED -j ACCEPT\n"
			 "%s-A FORWARD -s %s/%d -j ACCEPT\n",
			 zeros, zeros, net, ip_mask_prefix(src->nets.items[0].mask, false));
	lines_edit_insert(&finding->edits, l->file->file.path, l->file->file.text,
			  line ? line : table->commit_line, new);
}

/* Row 128: the cloud lets the instance forward, the kernel forwards, the table is there and empty. */
static void look_at_missing(const struct look *l)
{
	const struct cloud_facts *cloud = machine_cloud(l->nat->machine);
	const struct ipt_table *table = ipt_table_find(&l->file->rules, "nat");
	cleanup(free) char *new = NULL;
	struct finding *finding;

	if (!l->nat->is_open_in_cloud || !cloud->vpc_cidr_count || cloud->interface_count != 1 ||
	    !table || !table->is_loaded)
		return;
	vec_foreach (chain, &table->chains)
		if ((*chain)->rules.count)
			return;
	finding = finding_add(
		l->out, SEVERITY_DELAYS, REPAIR_OFFERED, "128", l->file->file.path, table->line,
		"the kernel forwards and the source/destination check is off, but the "
		"table nat is empty: if this is a NAT instance, hosts behind it have no "
		"way out");
	new = mem_printf("%s-A POSTROUTING -s %s ! -d %s -j MASQUERADE\n",
			 l->file->rules.has_counters ? "[0:0] " : "", cloud->vpc_cidrs[0],
			 cloud->vpc_cidrs[0]);
	lines_edit_insert(&finding->edits, l->file->file.path, l->file->file.text,
			  table->commit_line, new);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	cleanup(nat_done) struct nat nat = { 0 };
	cleanup(ipt_host_facts_done) struct ipt_host_facts facts = { 0 };
	struct look l = { .nat = &nat, .host = &facts.host, .out = out };

	if (nat_read(machine, &nat, err) < 0)
		return -1;
	/* Or will forward, once that is repaired. */
	if (!nat.is_forwarding && !nat.was_allowed)
		return 0;
	l.file = nat_translating(&nat);
	if (!l.file && (nat.has_other || nat.loaded.count != 1 || !nat.files.items[0].is_loaded))
		return 0;
	if (ipt_host_facts(machine, &facts, err) < 0)
		return -1;
	if (!l.file) {
		l.file = &nat.files.items[0];
		look_at_missing(&l);
		return 0;
	}
	look_at_interfaces(&l);
	look_at_sources(&l);
	if (!nat.has_other)
		look_at_forward(&l);
	return 0;
}

const struct check check_nat_rules = {
	.name = "nat-rules",
	.title = "a NAT instance's rules translate or forward nothing",
	.explain = "On a machine that forwards (sysctl says so) and whose saved rules translate "
		   "addresses, every such rule may name an interface that is not here (eth0 where "
		   "it is "
		   "ens5), or a source that is no part of the VPC, or the chain FORWARD may drop "
		   "everything; or the table nat is empty though the source/destination check is "
		   "off. The instance itself stays reachable, so most repairs are offered: the "
		   "interface's name is corrected when there is only one, the source becomes the "
		   "VPC's, "
		   "two ACCEPTs go before the drop, one MASQUERADE into the empty table.",
	.source = "iptables(8); iptables-extensions(8), MASQUERADE; VPC user guide, NAT instances",
	.rows = "128,129,130,131",
	.repair = REPAIR_SURE,
	.needs = NEEDS_CLOUD | NEEDS_NAT | NEEDS_CONSOLE,
	.examine = examine,
};
