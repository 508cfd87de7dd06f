/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/nft_terms.h"

#define EMITTED_MAX 2048u

static void copy_cond(struct nft_reader *r, struct ipt_rule *rule, const struct ipt_cond *cond)
{
	bool is_too_much = (r->work += cond->ranges.count) > NFT_WORK_MAX;
	struct ipt_cond *copy = ipt_cond_add(rule, cond->kind, cond->is_not);

	*copy = *cond;
	memset(&copy->nets, 0, sizeof(copy->nets));
	memset(&copy->ranges, 0, sizeof(copy->ranges));
	if (is_too_much) {
		copy->kind = IPT_MAYBE;
		copy->is_not = false;
		return;
	}
	vec_foreach (net, &cond->nets)
		vec_push(&copy->nets, *net);
	vec_foreach (range, &cond->ranges)
		vec_push(&copy->ranges, *range);
}

static struct ipt_rule *new_rule(struct nft_reading *x, enum ipt_target target)
{
	struct ipt_rule *rule = mem_alloc(sizeof(*rule));

	rule->line = x->first->line;
	rule->file = x->first->file;
	rule->at = x->first->at;
	rule->target = target;
	rule->port = x->port;
	rule->has_addr = x->has_addr;
	rule->addr = x->addr;
	return rule;
}

static void insert(struct nft_reading *x, struct ipt_rule *rule, size_t *place)
{
	struct ipt_chain *chain = x->chain->chain;

	vec_push(&chain->rules, rule);
	memmove(chain->rules.items + *place + 1, chain->rules.items + *place,
		(chain->rules.count - 1 - *place) * sizeof(*chain->rules.items));
	chain->rules.items[(*place)++] = rule;
}

/* The rule for one choice of alternatives. */
static void emit(struct nft_reading *x, const size_t *choice, enum ipt_target target, size_t *place)
{
	struct ipt_rule *rule = new_rule(x, target);
	const char *jump = x->jump_to;
	bool is_goto = x->is_goto;

	for (size_t i = 0; i < x->terms.count; i++) {
		const struct nft_alternative *a = &x->terms.items[i].any.items[choice[i]];

		vec_foreach (cond, &a->conds)
			copy_cond(x->r, rule, cond);
		if (a->verdict.from < a->verdict.to &&
		    !nft_verdict_read(a->verdict.from, a->verdict.to, &rule->target, &jump,
				      &is_goto))
			rule->target = IPT_SOMETHING;
	}
	if (rule->target == IPT_CHAIN && jump) {
		rule->is_goto = is_goto;
		vec_push(&x->r->jumps,
			 ((struct nft_jump){ x->chain->chain, rule, mem_strdup(x->chain->table),
					     mem_strdup(jump), rule->line, rule->file,
					     x->r->command }));
	}
	insert(x, rule, place);
}

static void emit_all(struct nft_reading *x, size_t *place)
{
	size_t choice[32] = { 0 }, total = 1;

	vec_foreach (term, &x->terms)
		if (total <= EMITTED_MAX)
			total *= term->any.count;
	x->r->rule_count += total;
	if (total > EMITTED_MAX || x->terms.count > ARRAY_LEN(choice) ||
	    x->r->rule_count > IPT_RULES_MAX) {
		struct ipt_rule *rule = new_rule(x, IPT_SOMETHING);

		ipt_cond_add(rule, IPT_MAYBE, false);
		insert(x, rule, place);
		return;
	}
	for (size_t n = 0; n < total; n++) {
		size_t rest = n;

		for (size_t i = x->terms.count; i-- > 0;) {
			choice[i] = rest % x->terms.items[i].any.count;
			rest /= x->terms.items[i].any.count;
		}
		if (x->sets_mark)
			emit(x, choice, IPT_SET_MARK, place);
		if (x->is_notrack)
			emit(x, choice, IPT_NOTRACK, place);
		emit(x, choice, x->target, place);
	}
}

void nft_rule_read(struct nft_reader *r, const struct nft_chain *chain,
		   const struct nft_token *from, const struct nft_token *to, bool is_insert)
{
	struct nft_reading x = { .r = r, .chain = chain, .first = from, .at = from, .to = to };
	size_t place = is_insert ? 0 : chain->chain->rules.count;

	while (x.at < x.to && !x.is_done) {
		const struct nft_token *before = x.at;

		if (x.at->kind == NFT_END)
			x.at++;
		else if (!nft_statement_read(&x)) {
			x.at = before;
			if (!nft_match_read(&x)) {
				x.at = before;
				nft_skip_unknown(&x);
			}
		}
		if (x.at == before && !x.is_done)
			x.at++;
	}
	emit_all(&x, &place);
	vec_foreach (term, &x.terms)
		nft_term_done(term);
	vec_done(&x.terms);
}
