/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/iptables_files.h"
#include "fs/lines.h"

#define ROUNDS_MAX 50u

static bool lacks_commit(const struct ipt_rules *rules)
{
	return rules->tables.count && !rules->tables.items[rules->tables.count - 1]->commit_line &&
	       rules->problems.count == 1;
}

/* The text with the refused lines as comments, or with the COMMIT that it lacks. */
static void mend(const struct ipt_rules *rules, const struct str *text, struct str *into)
{
	uint32_t lines = lines_count(text->s, text->len), line = 0;
	cleanup(free) bool *is_refused = mem_array(lines + 1, sizeof(*is_refused));
	size_t len;

	if (!lacks_commit(rules))
		vec_foreach (problem, &rules->problems)
			if (problem->line <= lines)
				is_refused[problem->line] = true;
	for (size_t at = 0; at < text->len; at += len) {
		const char *end = memchr(text->s + at, '\n', text->len - at);

		len = end ? (size_t)(end + 1 - text->s) - at : text->len - at;
		if (is_refused[++line])
			str_add(into, "# ");
		str_add_bytes(into, text->s + at, len);
	}
	if (lacks_commit(rules)) {
		if (into->len && into->s[into->len - 1] != '\n')
			str_add_char(into, '\n');
		str_add(into, "COMMIT\n");
	}
}

/* A text that loads; false: none was found. What comes out must still let somebody reach sshd, for
 * a file that is refused locks nobody out, and one that loads may. */
static bool find_repair(const struct machine *machine, const struct ipt_file *file,
			struct str *text)
{
	cleanup(ipt_host_facts_done) struct ipt_host_facts facts = { 0 };
	struct err ignored = ERR_INIT;

	for (unsigned round = 0; round < ROUNDS_MAX; round++) {
		cleanup(ipt_rules_done) struct ipt_rules rules = { 0 };
		struct str next = STR_INIT;

		ipt_file_read(machine, file, text, &rules);
		if (!rules.problems.count) {
			struct ipt_reach reach;
			uint16_t port;

			if (rules.is_odd || ipt_host_facts(machine, &facts, &ignored) < 0)
				return false;
			if (file->is_v6 != facts.is_v6_only)
				return true;
			ipt_reach_sshd(&rules, &facts.host, &reach, &port);
			return reach.outside != IPT_BLOCKED || reach.inside != IPT_BLOCKED;
		}
		if (memmem(text->s, text->len, "\r\n", 2))
			lines_drop_crs(text, &next);
		else
			mend(&rules, text, &next);
		str_done(text);
		*text = next;
	}
	return false;
}

static void look_at(const struct machine *machine, const struct ipt_file *file,
		    struct findings *out)
{
	cleanup(ipt_rules_done) struct ipt_rules rules = { 0 };
	cleanup(str_done) struct str text = STR_INIT;
	const struct ipt_problem *problem;
	struct finding *finding;
	size_t loaded = 0;
	const char *effect;
	bool can;

	ipt_file_read(machine, file, file->text, &rules);
	if (!rules.problems.count)
		return;
	problem = &rules.problems.items[0];
	vec_foreach (table, &rules.tables)
		loaded += (*table)->is_loaded;
	effect = file->is_vital ? "its loader fails, and what requires it is not started"
		 : loaded	? "that table and what follows is not loaded"
			  : "nothing of the file is loaded: nobody is locked out, and nothing "
			    "is protected";
	str_add_bytes(&text, file->text->s, file->text->len);
	can = find_repair(machine, file, &text);
	finding = finding_add(out, file->is_vital ? SEVERITY_BLOCKS_LOGIN : SEVERITY_NOTE,
			      !can	       ? REPAIR_NONE
			      : file->is_vital ? REPAIR_SURE
					       : REPAIR_OFFERED,
			      "123", file->path, problem->line, "%s refuses this line (%s); %s",
			      file->is_v6 ? "ip6tables-restore" : "iptables-restore", problem->text,
			      effect);
	if (can)
		edit_replace(&finding->edits, file->path, file->text, &text);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	cleanup(ipt_files_done) struct ipt_files files = { 0 };

	if (ipt_files_find(machine, &files, err) < 0)
		return -1;
	vec_foreach (file, &files)
		look_at(machine, file, out);
	return 0;
}

const struct check check_iptables_syntax = {
	.name = "iptables-syntax",
	.title = "saved iptables rules that iptables-restore refuses",
	.explain =
		"iptables-restore loads a table only as a whole. One line that it refuses, and the "
		"table is not there: nobody is locked out, but nothing is protected either, and "
		"where "
		"sshd or the network requires the service that failed, they do not start. Named is "
		"what "
		"both backends (legacy and nf_tables) refuse. The repair puts a # before such "
		"lines, "
		"adds a missing COMMIT or takes CR line ends away; it is offered only when the "
		"rules "
		"that then load leave sshd reachable.",
	.source = "iptables-restore(8); iptables 1.8.9, both backends",
	.rows = "123",
	.repair = REPAIR_SURE,
	.needs = NEEDS_CLOUD,
	.examine = examine,
};
