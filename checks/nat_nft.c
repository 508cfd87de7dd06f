/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of nft commands in which the hosts of some ranges are translated and let through. */
#include "checks/nat_setup.h"
#include "fs/lines.h"

#include <ctype.h>

struct mending {
	const struct nat_plan *plan;
	struct nft_files *files;
	struct nft_rules rules; /* of the texts as they are now */
	const struct ip_net *range;
	char net[IP_TEXT_MAX];
};
enum step { STEP_NONE, STEP_DONE, STEP_NO_WAY };

/* The word behind the key becomes another, where it is one as it is meant: no set, no variable. Up to the
 * end of the statement at `at`. */
static bool respell(struct str *text, size_t at, const char *key, const char *new)
{
	cleanup(free) char *with_blank = mem_printf("%s ", key);
	const char *end = text->s + at + strcspn(text->s + at, ";}\n");
	const char *found = strstr(text->s + at, with_blank);
	size_t len;

	if (!found || found >= end)
		return false;
	found += strlen(with_blank);
	found += strspn(found, " \t");
	len = strcspn(found, " \t\r\n;}");
	if (!len || !(isalnum((unsigned char)*found) || *found == '"'))
		return false;
	nat_text_replace(text, (size_t)(found - text->s), len, new);
	return true;
}

static bool respell_out(struct str *text, size_t at, const char *name)
{
	cleanup(free) char *quoted = mem_printf("\"%s\"", name);

	return respell(text, at, "oifname", quoted) || respell(text, at, "oif", quoted);
}

/* nft refuses the file for a network of less than four numbers, in a rule that translates. */
static enum step lengthen(struct mending *m)
{
	struct str *text = &m->files->items[m->rules.problem_file].text;
	size_t at = lines_offset(text, m->rules.problem_line);
	cleanup(free) char *line = mem_strndup(text->s + at, strcspn(text->s + at, "\n"));
	const char *source = strstr(line, "saddr "), *value = source ? source + 6 : "";
	size_t len, dots = 0;

	value += strspn(value, " \t");
	len = strspn(value, "0123456789.");
	for (size_t i = 0; i < len; i++)
		dots += value[i] == '.';
	if ((!strstr(line, "masquerade") && !strstr(line, "snat")) || value[len] != '/' ||
	    dots == 0 || dots > 2)
		return STEP_NO_WAY;
	nat_range_text(&m->plan->ranges.items[0], m->net);
	return respell(text, at, "saddr", m->net) ? STEP_DONE : STEP_NO_WAY;
}

static enum step put(struct mending *m, const struct ipt_base *base, const struct ipt_rule *before,
		     const char *rule)
{
	const struct nft_place place = { base->table, base->chain, before };

	return nft_put(m->files, &place, rule) ? STEP_DONE : STEP_NO_WAY;
}

/* A table of its own, behind everything else. Chains for both directions, which kernels before 4.18 want. */
static void add_table(struct mending *m, const char *rule)
{
	struct str *text = &m->files->items[0].text;

	if (text->len && text->s[text->len - 1] != '\n')
		str_add_char(text, '\n');
	str_addf(text,
		 "\ntable ip nat {\n"
		 "\tchain prerouting {\n"
		 "\t\ttype nat hook prerouting priority -100; policy accept;\n"
		 "\t}\n"
		 "\tchain postrouting {\n"
		 "\t\ttype nat hook postrouting priority 100; policy accept;\n"
		 "\t\t%s\n"
		 "\t}\n"
		 "}\n",
		 rule);
}

static enum step translate(struct mending *m, struct nat_mended *mended)
{
	const struct ipt_bases *bases = &m->rules.rules.bases[IPT_LEAVING];
	cleanup(free) char *rule =
		mem_printf("ip saddr %s oifname \"%s\" masquerade", m->net, m->plan->out);
	const struct ipt_rule *taker = NULL;

	vec_foreach (base, bases)
		if (nat_walk(m->plan, m->range, false, base->chain, NULL) == NAT_TRANSLATED)
			return STEP_NONE;
	vec_foreach (base, bases) {
		struct nat_slip slip;
		struct str *text;

		if (!nat_find_slip(m->plan, m->range, base->chain, &slip))
			continue;
		nat_note_slip(m->plan, &slip, mended);
		text = &m->files->items[slip.rule->file].text;
		if ((!slip.is_source || respell(text, slip.rule->at, "saddr", m->net)) &&
		    (!slip.is_out || respell_out(text, slip.rule->at, m->plan->out)))
			return STEP_DONE;
	}
	if (!bases->count) {
		add_table(m, rule);
		return STEP_DONE;
	}
	if (nat_walk(m->plan, m->range, false, bases->items[0].chain, &taker) == NAT_FALLS_OFF)
		taker = NULL;
	return put(m, &bases->items[0], taker, rule);
}

/* Each chain of the hook has its say. */
static enum step let_through(struct mending *m, bool is_answer)
{
	cleanup(free) char *rule =
		is_answer ? mem_strdup("ct state established,related accept")
			  : mem_printf("ip saddr %s oifname \"%s\" accept", m->net, m->plan->out);

	vec_foreach (base, &m->rules.rules.bases[IPT_ONWARD]) {
		const struct ipt_rule *taker = NULL;
		enum nat_end end = nat_walk(m->plan, m->range, is_answer, base->chain, &taker);

		if (end == NAT_DROPPED)
			return put(m, base, taker, rule);
		if (end == NAT_FALLS_OFF && base->chain->policy == IPT_DROP)
			return put(m, base, NULL, rule);
	}
	return STEP_NONE;
}

static enum step step(struct mending *m, struct nat_mended *mended)
{
	enum step done = STEP_NONE;

	if (m->rules.problem) {
		done = lengthen(m);
		mended->did_not_translate = true;
		if (done == STEP_NO_WAY)
			mended->why_not = "nft refuses it as it is";
		return done;
	}
	if (m->rules.rules.is_odd) {
		mended->why_not = "it changes rules in a way that this program does not follow";
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

void nat_mend_nft(const struct nat_plan *plan, const char *path, struct nat_mended *ret)
{
	struct mending m = { .plan = plan, .files = &ret->files };
	enum step done = STEP_DONE;

	*ret = (struct nat_mended){ .why_not = NULL };
	nft_files_start(plan->machine, path, &ret->files);
	if (!ret->files.count) {
		struct nft_file *file = vec_add(&ret->files);

		file->path = mem_strdup(path);
		file->text = (struct str)STR_INIT;
		str_add(&file->text, "#!/usr/sbin/nft -f\n\nflush ruleset\n");
	}
	for (unsigned n = 0; n < NAT_STEPS_MAX && done == STEP_DONE; n++) {
		nft_read(plan->machine, &ret->files, false, &m.rules);
		done = step(&m, ret);
		nft_rules_done(&m.rules);
	}
	if (done != STEP_NONE && !ret->why_not)
		ret->why_not = "its rules are of a form in which none can be put before another";
}
