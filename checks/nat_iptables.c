/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file of iptables-save in which the hosts of some ranges are translated and let through. */
#include "checks/nat_setup.h"
#include "fs/lines.h"

#include <stdio.h>

struct mending {
	const struct nat_plan *plan;
	struct str *text;
	struct ipt_rules rules; /* of the text as it is now */
	const struct ip_net *range;
	char net[IP_TEXT_MAX];
};
enum step { STEP_NONE, STEP_DONE, STEP_NO_WAY };

static void put_line(struct mending *m, uint32_t line, const char *new)
{
	bool is_end = line > lines_count(m->text->s, m->text->len);

	if (is_end && m->text->len && m->text->s[m->text->len - 1] != '\n')
		str_add_char(m->text, '\n');
	nat_text_replace(m->text, is_end ? m->text->len : lines_offset(m->text, line), 0, new);
}

/* A rule of the same form as the others, before the one that takes the packets, else at the end. */
static enum step put_rule(struct mending *m, const struct ipt_table *table,
			  const struct ipt_rule *before, const char *words)
{
	cleanup(free) char *line =
		mem_printf("%s%s\n", m->rules.has_counters ? "[0:0] " : "", words);

	if (!table->commit_line)
		return STEP_NO_WAY;
	put_line(m, before ? before->line : table->commit_line, line);
	return STEP_DONE;
}

/* The word behind one of the options in that line. */
static bool respell(struct mending *m, uint32_t line, const char *const options[], const char *new)
{
	size_t start = lines_offset(m->text, line);
	size_t end = start + strcspn(m->text->s + start, "\n");

	for (size_t i = 0; options[i]; i++) {
		cleanup(free) char *with_blank = mem_printf(" %s", options[i]);
		const char *at = strstr(m->text->s + start, with_blank);
		size_t value, len;

		if (!at || (size_t)(at - m->text->s) >= end)
			continue;
		value = (size_t)(at - m->text->s) + strlen(with_blank);
		if (!strchr(" \t=", m->text->s[value]))
			continue;
		value += strspn(m->text->s + value, " \t=");
		len = strcspn(m->text->s + value, " \t\r\n");
		nat_text_replace(m->text, value, len, new);
		return true;
	}
	return false;
}

static enum step correct(struct mending *m, const struct nat_slip *slip, struct nat_mended *mended)
{
	static const char *const sources[] = { "-s", "--source", "--src", NULL };
	static const char *const outs[] = { "-o", "--out-interface", NULL };

	nat_note_slip(m->plan, slip, mended);
	if ((slip->is_source && !respell(m, slip->rule->line, sources, m->net)) ||
	    (slip->is_out && !respell(m, slip->rule->line, outs, m->plan->out)))
		return STEP_NO_WAY;
	return STEP_DONE;
}

static enum step translate(struct mending *m, struct nat_mended *mended)
{
	const struct ipt_table *table = ipt_table_find(&m->rules, "nat");
	const struct ipt_chain *chain = table ? ipt_chain_find(table, "POSTROUTING") : NULL;
	const struct ipt_rule *taker = NULL;
	cleanup(free) char *words =
		mem_printf("-A POSTROUTING -s %s -o %s -j MASQUERADE", m->net, m->plan->out);
	struct nat_slip slip;
	enum nat_end end;

	if (!table) {
		cleanup(free) char *block =
			mem_printf("*nat\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
				   ":POSTROUTING ACCEPT [0:0]\n%s%s\nCOMMIT\n",
				   m->rules.has_counters ? "[0:0] " : "", words);

		put_line(m, UINT32_MAX, block);
		return STEP_DONE;
	}
	if (!chain)
		return STEP_NO_WAY;
	end = nat_walk(m->plan, m->range, false, chain, &taker);
	if (end == NAT_TRANSLATED)
		return STEP_NONE;
	if (nat_find_slip(m->plan, m->range, chain, &slip))
		return correct(m, &slip, mended);
	return put_rule(m, table, end == NAT_FALLS_OFF ? NULL : taker, words);
}

static enum step let_through(struct mending *m, bool is_answer)
{
	const struct ipt_table *table = ipt_table_find(&m->rules, "filter");
	const struct ipt_chain *chain = table ? ipt_chain_find(table, "FORWARD") : NULL;
	const struct ipt_rule *taker = NULL;
	cleanup(free) char *words = NULL;
	enum nat_end end;

	if (!chain)
		return STEP_NONE;
	end = nat_walk(m->plan, m->range, is_answer, chain, &taker);
	if (end != NAT_DROPPED && (end != NAT_FALLS_OFF || chain->policy != IPT_DROP))
		return STEP_NONE;
	words = is_answer ? mem_printf("-A FORWARD -m %s RELATED,ESTABLISHED -j ACCEPT",
				       strstr(m->text->s, "--ctstate") ? "conntrack --ctstate"
								       : "state --state")
			  : mem_printf("-A FORWARD -s %s -o %s -j ACCEPT", m->net, m->plan->out);
	return put_rule(m, table, end == NAT_DROPPED ? taker : NULL, words);
}

/* The first thing that is not as it has to be, for one range after the other. */
static enum step step(struct mending *m, struct nat_mended *mended)
{
	enum step done = STEP_NONE;

	if (m->rules.problems.count || m->rules.is_odd) {
		mended->why_not =
			m->rules.problems.count
				? "iptables-restore refuses the file as it is"
				: "it changes rules in a way that this program does not follow";
		return STEP_NO_WAY;
	}
	for (size_t i = 0; i < m->plan->ranges.count && done == STEP_NONE; i++) {
		m->range = &m->plan->ranges.items[i];
		nat_range_text(m->range, m->net);
		done = translate(m, mended);
		mended->did_not_translate |= done != STEP_NONE;
		if (done != STEP_NONE)
			continue;
		done = let_through(m, true);
		if (done == STEP_NONE)
			done = let_through(m, false);
		mended->was_shut |= done != STEP_NONE;
	}
	return done;
}

void nat_mend_iptables(const struct nat_plan *plan, const char *path, struct nat_mended *ret)
{
	const struct ipt_file file = { .path = (char *)(uintptr_t)path };
	struct mending m = { .plan = plan };
	enum step done = STEP_DONE;

	*ret = (struct nat_mended){ .why_not = NULL };
	nft_files_start(plan->machine, path, &ret->files);
	if (!ret->files.count)
		vec_push(&ret->files, ((struct nft_file){ mem_strdup(path), STR_INIT }));
	m.text = &ret->files.items[0].text;
	for (unsigned n = 0; n < NAT_STEPS_MAX && done == STEP_DONE; n++) {
		ipt_file_read(plan->machine, &file, m.text, &m.rules);
		done = step(&m, ret);
		ipt_rules_done(&m.rules);
	}
	if (done != STEP_NONE && !ret->why_not)
		ret->why_not = "its rules are of a form in which none can be put before another";
}
