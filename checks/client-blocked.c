/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/iptables_files.h"
#include "checks/nft.h"
#include "checks/ufw.h"
#include "checks/units.h"
#include "fs/lines.h"

/* The one client that is asked about, before one set of rules. */
struct ask {
	const struct machine *machine;
	const struct ipt_host *host;
	struct ip from;
	const char *address;
	uint16_t port; /* 0: any of sshd's does */
	struct findings *out;
};

static enum ipt_verdict ask_ports(const struct ask *a, struct ipt_rules *rules, uint16_t *ret_port,
				  struct ipt_stop *ret_stop)
{
	enum ipt_verdict best = IPT_BLOCKED;

	*ret_port = a->port;
	if (a->port)
		return ipt_ask(rules, a->host, a->port, &a->from, ret_stop);
	for (size_t i = 0; i < a->host->port_count; i++) {
		struct ipt_stop stop = { 0 };
		enum ipt_verdict verdict =
			ipt_ask(rules, a->host, a->host->ports[i], &a->from, &stop);

		if (i && verdict <= best)
			continue;
		best = verdict;
		*ret_port = a->host->ports[i];
		*ret_stop = stop;
	}
	return a->host->port_count ? best : IPT_UNSURE;
}

/* text: of the file that the rule is in, or that the chain is made in. */
static void report(const struct ask *a, const char *row, const char *path, const struct str *text,
		   const struct ipt_stop *stop, uint16_t port)
{
	const struct ipt_rule *rule = stop->inner ?: stop->rule;
	cleanup(str_done) struct str why = STR_INIT, line = STR_INIT;
	size_t blanks;

	str_add(&why, ipt_stop_words(stop));
	if (rule) {
		lines_copy(text->s, text->len, rule->line, 1, &line);
		blanks = strspn(line.s, " \t");
		str_addf(&why, "line %u, %s", rule->line,
			 machine_quote(a->machine, line.s + blanks,
				       strcspn(line.s + blanks, "\r\n")));
	} else {
		str_addf(&why, "the policy of the chain %s",
			 machine_quote(a->machine, stop->chain->name, strlen(stop->chain->name)));
	}
	finding_add(a->out, SEVERITY_BLOCKS_LOGIN, REPAIR_NONE, row, path,
		    rule ? rule->line : stop->chain->line,
		    "a connection from %s to port %u is stopped: %s", a->address, port, why.s);
}

static bool is_stopped(enum ipt_verdict verdict, const struct ipt_stop *stop)
{
	return verdict == IPT_BLOCKED && stop->packet && stop->chain;
}

static int ask_iptables(const struct ask *a, struct err *err)
{
	cleanup(ipt_files_done) struct ipt_files files = { 0 };

	if (ipt_files_find(a->machine, &files, err) < 0)
		return -1;
	vec_foreach (file, &files) {
		cleanup(ipt_rules_done) struct ipt_rules rules = { 0 };
		struct ipt_stop stop = { 0 };
		uint16_t port;

		if (file->is_v6 != a->from.is_v6)
			continue;
		ipt_file_read(a->machine, file, file->text, &rules);
		if (rules.is_odd)
			return err_set(err, ERR_COULD_NOT_TELL,
				       "%s: line %u changes rules in a way that this program does "
				       "not follow",
				       file->path, rules.odd_line);
		if (is_stopped(ask_ports(a, &rules, &port, &stop), &stop))
			report(a, "123", file->path, file->text, &stop, port);
	}
	return 0;
}

static void ask_nft(const struct ask *a)
{
	struct nft_loads loads = { 0 };

	nft_loads_find(a->machine, &loads);
	vec_foreach (load, &loads) {
		cleanup(nft_files_done) struct nft_files files = { 0 };
		cleanup(nft_rules_done) struct nft_rules rules = { 0 };
		const struct ipt_rule *rule;
		struct ipt_stop stop = { 0 };
		uint16_t port, file;

		nft_files_start(a->machine, load->path, &files);
		nft_read(a->machine, &files, a->from.is_v6, &rules);
		if (rules.problem || !is_stopped(ask_ports(a, &rules.rules, &port, &stop), &stop))
			continue;
		rule = stop.inner ?: stop.rule;
		file = rule ? rule->file : stop.chain->file;
		report(a, "124", files.items[file].path, &files.items[file].text, &stop, port);
	}
	nft_loads_done(&loads);
}

/* Programs that make the rules when they start. */
static int ask_others(const struct ask *a, struct err *err)
{
	cleanup(ufw_done) struct ufw ufw = { 0 };

	if (ufw_read(a->machine, a->from.is_v6, &ufw, err) < 0)
		return -1;
	if (!ufw.is_started && machine_unit(a->machine, "firewalld.service") != UNIT_ENABLED)
		return 0;
	return err_set(err, ERR_COULD_NOT_TELL,
		       "%s makes the rules; whether they let %s in is not followed",
		       ufw.is_started ? "ufw" : "firewalld", a->address);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct wanted_client *client = machine_wanted_client(machine);
	cleanup(ipt_host_facts_done) struct ipt_host_facts facts = { 0 };
	struct ask a = { .machine = machine, .host = &facts.host, .out = out };

	if (!client || ip_parse(client->address, &a.from) < 0)
		return 0;
	if (ipt_host_facts(machine, &facts, err) < 0)
		return -1;
	a.address = client->address;
	a.port = (uint16_t)client->port;
	ask_nft(&a);
	if (ask_iptables(&a, err) < 0)
		return -1;
	return ask_others(&a, err);
}

const struct check check_client_blocked = {
	.name = "client-blocked",
	.title = "the volume's firewall keeps out the client that is asked about",
	.explain = "`ec2-rescue net` asks of one client, by its address, and of one port: its "
		   "connection is followed through the rules that iptables or nft load at boot, as "
		   "for "
		   "iptables-ssh. Rules that let others in are somebody's intention, so nothing is "
		   "repaired: the rule is named. Without that question this check is silent.",
	.source = "iptables(8); iptables-extensions(8); nft(8)",
	.rows = "123,124",
	.repair = REPAIR_NONE,
	.needs = NEEDS_CLOUD | NEEDS_CLIENT,
	.examine = examine,
};
