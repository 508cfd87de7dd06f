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

static void start(const char *path, struct nft_files *files, const struct machine *machine)
{
	struct err ignored = ERR_INIT;
	const struct str *text = machine_file(machine, path, &ignored);
	struct nft_file *file;

	if (!text)
		return;
	file = vec_add(files);
	file->path = mem_strdup(path);
	file->text = (struct str)STR_INIT;
	str_add_bytes(&file->text, text->s, text->len);
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

/* Before a lone "}" a rule is one step further in: as far as the line above it, where that is a rule. */
static void add_step(struct str *into, const char *text, size_t line, size_t blanks)
{
	size_t above = line ? line - 1 : 0;

	while (above > 0 && text[above - 1] != '\n')
		above--;
	size_t has = strspn(text + above, " \t");
	if (has > blanks && above + has < line)
		str_add_bytes(into, text + above + blanks, has - blanks);
	else
		str_add(into, blanks && text[line] == ' ' ? "    " : "\t");
}

/* Puts a rule in at an offset: as a line of its own where the statement begins one, else before it in
 * the same line. */
static void put_in(struct str *text, size_t at, bool is_end, const char *rule)
{
	struct str next = STR_INIT;
	size_t line = at, blanks;

	while (line > 0 && text->s[line - 1] != '\n')
		line--;
	blanks = at - line;
	str_add_bytes(&next, text->s, at);
	if (strspn(text->s + line, " \t") >= blanks) {
		if (is_end)
			add_step(&next, text->s, line, blanks);
		str_addf(&next, "%s\n", rule);
		str_add_bytes(&next, text->s + line, blanks);
	} else
		str_addf(&next, "%s%s; ", is_end ? "; " : "", rule);
	str_add_bytes(&next, text->s + at, text->len - at);
	str_done(text);
	*text = next;
}

/* The chain's own block has no end when its rules are added by commands: then the rule is one too. */
static bool put_in_command(struct repair *r, const struct ipt_stop *stop, const char *rule)
{
	const struct ipt_rule *by = stop->rule;
	struct nft_file *file = &r->files->items[by ? by->file : stop->chain->file];
	cleanup(free) char *line = NULL;
	const char *command = by ? file->text.s + by->at : NULL;
	size_t at = by ? by->at : file->text.len;

	if (by) { /* the statement behind "add rule inet filter input" */
		while (at > 0 && file->text.s[at - 1] != '\n')
			at--;
		if (!strstr(file->text.s + at, "rule ") ||
		    strstr(file->text.s + at, "rule ") > command)
			return false;
		line = mem_printf("%.*s%s\n", (int)(command - (file->text.s + at)),
				  file->text.s + at, rule);
	} else
		line = mem_printf("add rule %s %s %s\n", stop->table->name, stop->chain->name,
				  rule);
	{
		struct str next = STR_INIT;

		str_add_bytes(&next, file->text.s, at);
		if (next.len && next.s[next.len - 1] != '\n')
			str_add_char(&next, '\n');
		str_add(&next, line);
		str_add_bytes(&next, file->text.s + at, file->text.len - at);
		str_done(&file->text);
		file->text = next;
	}
	return true;
}

/* One more rule against what stops the connection now. False: nothing to do, or no way. */
static bool step(struct repair *r, struct ipt_reach *ret)
{
	cleanup(nft_rules_done) struct nft_rules rules = { 0 };
	const struct ipt_stop *stop = &ret->stop;
	cleanup(free) char *rule = NULL;
	struct nft_file *file;
	uint16_t ignored;

	nft_read(r->machine, r->files, r->is_v6, &rules);
	ipt_reach_sshd(&rules.rules, r->host, ret, &ignored);
	if (rules.problem || !is_blocked(ret) || !stop->packet || stop->is_away ||
	    r->steps++ == STEPS_MAX)
		return false;
	rule = mem_printf("tcp %cport %u accept comment \"ec2-rescue\"",
			  stop->packet == 2 ? 's' : 'd', r->port);
	if (!stop->chain->end_at || (stop->rule && stop->rule->at > stop->chain->end_at) ||
	    (stop->rule && stop->rule->file != stop->chain->file))
		return put_in_command(r, stop, rule);
	file = &r->files->items[stop->chain->file];
	put_in(&file->text, stop->rule ? stop->rule->at : stop->chain->end_at, !stop->rule, rule);
	return true;
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
	start(load->path, &mended, machine);
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

	start(load->path, &files, machine);
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
