/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/nft.h"
#include "fs/lines.h"

#define STEPS_MAX 8u

static bool is_blocked(const struct ipt_reach *reach)
{
	return reach->outside == IPT_BLOCKED && reach->inside == IPT_BLOCKED &&
	       reach->other == IPT_BLOCKED;
}

/* --- the repair --------------------------------------------------------------------------- */

struct repair {
	const struct machine *machine;
	struct nft_files *files;
	const struct ipt_host *host;
	uint16_t port;
	bool is_v6;
	unsigned steps;
};

/* One more rule against what stops the connection now. False: nothing to do, or no way. */
static bool step(struct repair *r, struct ipt_reach *ret)
{
	cleanup(nft_rules_done) struct nft_rules rules = { 0 };
	const struct ipt_stop *stop = &ret->stop;
	cleanup(free) char *rule = NULL;
	uint16_t ignored;

	nft_read(r->machine, r->files, r->is_v6, &rules);
	ipt_reach_sshd(&rules.rules, r->host, ret, &ignored);
	if (rules.problem || !is_blocked(ret) || !stop->packet || stop->is_away ||
	    r->steps++ == STEPS_MAX)
		return false;
	rule = mem_printf("tcp %cport %u accept comment \"ec2-rescue\"",
			  stop->packet == 2 ? 's' : 'd', r->port);
	return nft_put(r->files, &(struct nft_place){ stop->table, stop->chain, stop->rule }, rule);
}

static void add_edits(const struct machine *machine, const struct nft_files *files,
		      struct edits *edits)
{
	struct err ignored = ERR_INIT;

	vec_foreach (file, files) {
		const struct str *old = machine_file(machine, file->path, &ignored);

		if (old && (old->len != file->text.len || memcmp(old->s, file->text.s, old->len)))
			lines_edit_text(edits, file->path, old, &file->text);
	}
}

/* --- what is said ------------------------------------------------------------------------- */

static void describe(const struct machine *machine, const struct nft_files *files,
		     const struct ipt_stop *stop, struct str *into)
{
	const struct ipt_rule *rule = stop->inner ? stop->inner : stop->rule;
	cleanup(str_done) struct str text = STR_INIT;
	const struct str *file;
	size_t blanks;

	str_add(into, ipt_stop_words(stop));
	if (!rule) {
		str_addf(into, "the policy drop of the chain %s in the table %s",
			 machine_quote(machine, stop->chain->name, strlen(stop->chain->name)),
			 stop->table->name);
		return;
	}
	file = &files->items[rule->file].text;
	lines_copy(file->s, file->len, rule->line, 1, &text);
	blanks = strspn(text.s, " \t");
	str_addf(into, "line %u, %s", rule->line,
		 machine_quote(machine, text.s + blanks, strcspn(text.s + blanks, "\r\n")));
}

/* iptables over nf_tables keeps its rules in tables of these names, and fills them anew; it leaves
 * alone what is in any other. */
static bool is_of_iptables(const struct ipt_table *table)
{
	static const char *const names[] = { "filter", "nat", "mangle", "raw", "security" };
	const char *name = strchr(table->name, ' ');

	if (!name || (!str_starts(table->name, "ip ") && !str_starts(table->name, "ip6 ")))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq(name + 1, names[i]))
			return true;
	return false;
}

static void report(const struct machine *machine, const struct nft_loaded *load,
		   const struct nft_files *files, const struct nft_rules *rules,
		   const struct ipt_stop *stop, const struct ipt_host *host, uint16_t port,
		   struct findings *out)
{
	cleanup(nft_files_done) struct nft_files mended = { 0 };
	cleanup(str_done) struct str why = STR_INIT;
	struct repair r = { machine, &mended, host, port, rules->rules.is_v6, 0 };
	const struct ipt_rule *rule = stop->inner ? stop->inner : stop->rule;
	bool is_contested =
		load->is_contested || (load->has_iptables && is_of_iptables(stop->table));
	struct ipt_reach after;
	struct finding *finding;

	describe(machine, files, stop, &why);
	nft_files_start(machine, load->path, &mended);
	while (step(&r, &after))
		;
	/* A word that this program does not know may be one that nft refuses. */
	finding = finding_add(
		out, SEVERITY_BLOCKS_LOGIN,
		is_contested || rules->rules.has_opaque ? REPAIR_OFFERED : REPAIR_SURE, "124",
		files->items[rule ? rule->file : stop->chain->file].path,
		rule ? rule->line : stop->chain->line,
		"%s loads this rule set at boot, and no address at all can reach sshd on "
		"port %u: %s",
		load->unit, port, why.s);
	if (!is_blocked(&after))
		add_edits(machine, &mended, &finding->edits);
	if (!finding->edits.count)
		finding->repair = REPAIR_NONE;
}

static int look_at(const struct machine *machine, const struct nft_loaded *load,
		   const struct ipt_host_facts *facts, struct findings *out, struct err *err)
{
	cleanup(nft_files_done) struct nft_files files = { 0 };
	cleanup(nft_rules_done) struct nft_rules rules = { 0 };
	struct ipt_reach reach;
	uint16_t port;

	nft_files_start(machine, load->path, &files);
	if (!files.count)
		return 0;
	nft_read(machine, &files, facts->is_v6_only, &rules);
	if (rules.problem) {
		finding_add(
			out, SEVERITY_NOTE, REPAIR_NONE, "124",
			files.items[rules.problem_file].path, rules.problem_line,
			"nft refuses this line (%s) and loads nothing of the rule set: nobody is "
			"locked out, and nothing is protected",
			rules.problem);
		return 0;
	}
	if (rules.rules.is_odd)
		return err_set(
			err, ERR_COULD_NOT_TELL,
			"%s: line %u changes rules in a way that this program does not follow",
			load->path, rules.rules.odd_line);
	ipt_reach_sshd(&rules.rules, &facts->host, &reach, &port);
	if (is_blocked(&reach) && reach.stop.packet)
		report(machine, load, &files, &rules, &reach.stop, &facts->host, port, out);
	return 0;
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	cleanup(nft_loads_done) struct nft_loads loads = { 0 };
	cleanup(ipt_host_facts_done) struct ipt_host_facts facts = { 0 };
	int status = 0;

	nft_loads_find(machine, &loads);
	if (!loads.count)
		return 0;
	if (ipt_host_facts(machine, &facts, err) < 0)
		return -1;
	vec_foreach (load, &loads)
		if (facts.host.port_count && look_at(machine, load, &facts, out, err) < 0)
			status = -1;
	return status;
}

const struct check check_nftables_ssh = {
	.name = "nftables-ssh",
	.title = "the nftables rule set locks everybody out of sshd",
	.explain =
		"What nftables.service loads at boot is read with its includes and definitions and "
		"followed for a connection to sshd's ports: the first packet, the answer and what "
		"comes after, through all base chains in the order of their priorities, sets, maps "
		"of verdicts and jumps included. What this program does not understand may let "
		"anybody in, and a fault is claimed only when no address at all gets through. The "
		"repair puts one accept for the port before the rule that drops it, or at the end "
		"of a chain whose policy does; security groups still apply.",
	.source = "nft(8)",
	.rows = "124",
	.repair = REPAIR_SURE,
	.needs = NEEDS_CLOUD,
	.examine = examine,
};
