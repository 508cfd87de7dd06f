/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/iptables_files.h"
#include "fs/shellvars.h"
#include "fs/lines.h"

#define INSERTIONS_MAX 8u

/* Rules put into the text one after the other, each judged before the next. */
struct repair {
	const struct machine *machine;
	const struct ipt_file *file;
	const struct ipt_host *host;
	struct str text;		/* as it would be */
	uint32_t lines[INSERTIONS_MAX]; /* of the new rules, in `text` */
	unsigned count;
};

static bool is_blocked(const struct ipt_reach *reach)
{
	return reach->outside == IPT_BLOCKED && reach->inside == IPT_BLOCKED;
}

/* Where a rule for the chain of `stop` has to stand: before the rule that drops, or, under a policy
 * that drops, behind the chain's last rule. */
static uint32_t place(const struct ipt_stop *stop)
{
	uint32_t last = 0;

	if (stop->rule)
		return stop->rule->line;
	vec_foreach (rule, &stop->chain->rules)
		last = (*rule)->line > last ? (*rule)->line : last;
	return last ? last + 1 : stop->table->commit_line;
}

static void insert_line(struct repair *r, uint32_t line, const char *new)
{
	struct str text = STR_INIT;
	uint32_t lines = lines_count(r->text.s, r->text.len);

	lines_copy(r->text.s, r->text.len, 1, line - 1, &text);
	if (text.len && text.s[text.len - 1] != '\n')
		str_add_char(&text, '\n');
	str_add(&text, new);
	lines_copy(r->text.s, r->text.len, line, lines, &text);
	str_done(&r->text);
	r->text = text;
	for (unsigned i = 0; i < r->count; i++)
		r->lines[i] += r->lines[i] >= line;
	r->lines[r->count++] = line;
}

/* One more rule against what stops the connection now. False: nothing to do, or no way. */
static bool step(struct repair *r, uint16_t port, struct ipt_reach *ret)
{
	cleanup(ipt_rules_done) struct ipt_rules rules = { 0 };
	cleanup(free) char *new = NULL;
	const struct ipt_stop *stop = &ret->stop;
	uint16_t ignored;
	uint32_t line;

	ipt_file_read(r->machine, r->file, &r->text, &rules);
	ipt_reach_sshd(&rules, r->host, ret, &ignored);
	if (!is_blocked(ret) || !stop->packet || r->count == INSERTIONS_MAX)
		return false;
	line = place(stop);
	new = mem_printf("%s-A %s -p tcp -m tcp --%cport %u -j ACCEPT\n",
			 rules.has_counters ? "[0:0] " : "", stop->chain->name,
			 stop->packet == 2 ? 's' : 'd', port);
	insert_line(r, line, new);
	return true;
}

/* The insertions as edits of the file as it is. */
static void add_edits(const struct repair *r, struct edits *edits)
{
	for (unsigned i = 0; i < r->count; i++) {
		cleanup(str_done) struct str new = STR_INIT;
		uint32_t original = r->lines[i];

		for (unsigned j = 0; j < r->count; j++)
			original -= r->lines[j] < r->lines[i];
		lines_copy(r->text.s, r->text.len, r->lines[i], 1, &new);
		edit_lines(edits, r->file->path, original, 0, "", new.s);
	}
}

static void describe_stop(const struct machine *machine, const struct ipt_file *file,
			  const struct ipt_stop *stop, struct str *into)
{
	cleanup(str_done) struct str text = STR_INIT;
	const struct ipt_rule *rule = stop->inner ? stop->inner : stop->rule;

	str_add(into, ipt_stop_words(stop));
	if (rule) {
		lines_copy(file->text->s, file->text->len, rule->line, 1, &text);
		str_addf(into, "line %u, %s", rule->line,
			 machine_quote(machine, text.s, strcspn(text.s, "\r\n")));
	} else
		str_addf(into, "the policy DROP of %s in the table %s", stop->chain->name,
			 stop->table->name);
}

/* The rule that lets in only a network written with less than four numbers. */
static const struct ipt_rule *find_short(const struct ipt_rules *rules)
{
	vec_foreach (table, &rules->tables)
		vec_foreach (chain, &(*table)->chains)
			vec_foreach (rule, &(*chain)->rules)
				vec_foreach (cond, &(*rule)->conds)
					if (cond->is_short && (*rule)->target == IPT_ACCEPT)
						return *rule;
	return NULL;
}

/* Nobody gets in: the fault. */
static void report_blocked(const struct machine *machine, const struct ipt_file *file,
			   const struct ipt_host *host, uint16_t port, struct findings *out)
{
	cleanup(ipt_rules_done) struct ipt_rules rules = { 0 };
	cleanup(str_done) struct str why = STR_INIT;
	struct repair r = { .machine = machine, .file = file, .host = host, .text = STR_INIT };
	struct ipt_reach reach, after;
	uint16_t ignored;
	bool is_sure, is_away;
	uint32_t line;
	struct finding *finding;

	ipt_file_read(machine, file, file->text, &rules);
	ipt_reach_sshd(&rules, host, &reach, &ignored);
	is_away = reach.stop.is_away && reach.stop.inner && reach.stop.inner->has_addr;
	is_sure = !file->is_contested && !is_away && reach.other == IPT_BLOCKED;
	line = reach.stop.inner ? reach.stop.inner->line : reach.stop.chain->line;
	describe_stop(machine, file, &reach.stop, &why);
	str_add_bytes(&r.text, file->text->s, file->text->len);
	while (step(&r, port, &after))
		;
	if (reach.other == IPT_BLOCKED)
		finding =
			finding_add(out, SEVERITY_BLOCKS_LOGIN,
				    is_sure ? REPAIR_SURE : REPAIR_OFFERED, "123", file->path, line,
				    "no address at all can reach sshd on port %u: %s", port, why.s);
	else {
		cleanup(str_done) struct str text = STR_INIT;
		const struct ipt_rule *rule = find_short(&rules);

		line = rule ? rule->line : line;
		lines_copy(file->text->s, file->text->len, line, 1, &text);
		finding = finding_add(
			out, SEVERITY_BLOCKS_LOGIN, REPAIR_OFFERED, "123", file->path, line,
			"neither the Internet nor the instance's own network can reach sshd on "
			"port "
			"%u, only another network, written with less than four numbers, which "
			"iptables fills up with zeros: %s",
			port, machine_quote(machine, text.s, strcspn(text.s, "\r\n")));
	}
	if (!is_blocked(&after))
		add_edits(&r, &finding->edits);
	if (!finding->edits.count)
		finding->repair = REPAIR_NONE;
	str_done(&r.text);
}

static int look_at(const struct machine *machine, const struct ipt_file *file,
		   const struct ipt_host *host, struct findings *out, struct err *err)
{
	cleanup(ipt_rules_done) struct ipt_rules rules = { 0 };
	struct ipt_reach reach;
	uint16_t port;

	ipt_file_read(machine, file, file->text, &rules);
	if (rules.is_odd)
		return err_set(
			err, ERR_COULD_NOT_TELL,
			"%s: line %u changes rules in a way that this program does not follow",
			file->path, rules.odd_line);
	ipt_reach_sshd(&rules, host, &reach, &port);
	if (is_blocked(&reach) && reach.stop.packet &&
	    (reach.other == IPT_BLOCKED || reach.is_short)) {
		report_blocked(machine, file, host, port, out);
		return 0;
	}
	if (reach.outside == IPT_UNSURE && reach.inside == IPT_UNSURE && rules.has_opaque)
		return err_set(err, ERR_COULD_NOT_TELL,
			       "%s: whether sshd can be reached depends on a target that hands "
			       "packets to something outside the rules",
			       file->path);
	return 0;
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	cleanup(ipt_files_done) struct ipt_files files = { 0 };
	cleanup(ipt_host_facts_done) struct ipt_host_facts facts = { 0 };
	int status = 0;

	if (ipt_files_find(machine, &files, err) < 0)
		return -1;
	if (!files.count)
		return 0;
	if (ipt_host_facts(machine, &facts, err) < 0)
		return -1;
	vec_foreach (file, &files)
		if (file->is_v6 == facts.is_v6_only && facts.host.port_count &&
		    look_at(machine, file, &facts.host, out, err) < 0)
			status = -1;
	return status;
}

const struct check check_iptables_ssh = {
	.name = "iptables-ssh",
	.title = "the saved iptables rules lock everybody out of sshd",
	.explain = "The rules that are loaded at boot are followed for a connection to the ports "
		   "on which "
		   "sshd listens: the first packet, the answer and what comes after, through raw, "
		   "mangle, "
		   "nat and filter, user chains included, for clients outside and inside the VPC. "
		   "A fault "
		   "is claimed only when no address at all can get through; rules that let some "
		   "addresses "
		   "in are somebody's intention. The repair inserts one ACCEPT for the port before "
		   "the "
		   "rule that drops it; security groups still apply.",
	.source = "iptables(8); iptables-extensions(8); iptables-restore(8)",
	.rows = "123",
	.repair = REPAIR_SURE,
	.needs = NEEDS_CLOUD,
	.examine = examine,
};
