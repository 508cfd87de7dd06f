/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/nft_terms.h"

#include <stdio.h>

#define EMITTED_MAX  2048u
#define SELECTOR_MAX 5u

/* One rule while it is read. */
struct reading {
	struct nft_reader *r;
	const struct nft_chain *chain;
	const struct nft_token *first, *at, *to;
	VEC(struct nft_term) terms;
	enum ipt_target target;
	const char *jump_to; /* IPT_CHAIN */
	bool is_goto, has_verdict, is_done;
	bool sets_mark, is_notrack;
	uint16_t port; /* of redirect, dnat */
	bool has_addr;
	struct ip addr;
};

static void maybe(struct reading *x)
{
	nft_term_maybe(vec_add(&x->terms));
}

static bool next_is(const struct reading *x, const char *text)
{
	return x->at < x->to && nft_is(x->at, text);
}

static bool take(struct reading *x, const char *text)
{
	bool is_it = next_is(x, text);

	x->at += is_it;
	return is_it;
}

static void skip(struct reading *x, size_t count)
{
	x->at += (size_t)(x->to - x->at) < count ? (size_t)(x->to - x->at) : count;
}

static void skip_block(struct reading *x)
{
	unsigned depth = 0;

	for (; x->at < x->to; x->at++) {
		depth += nft_is(x->at, "{");
		if (nft_is(x->at, "}") && (!depth || --depth == 0)) {
			x->at++;
			return;
		}
	}
}

/* --- verdicts and what nat does ----------------------------------------------------------- */

static bool read_verdict(const struct nft_token *at, const struct nft_token *to,
			 enum ipt_target *ret, const char **ret_jump, bool *ret_goto)
{
	static const struct {
		const char *name;
		enum ipt_target target;
	} verdicts[] = { { "accept", IPT_ACCEPT },
			 { "drop", IPT_DROP },
			 { "reject", IPT_DROP },
			 { "return", IPT_RETURN },
			 { "continue", IPT_GO_ON } };

	if (at >= to)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(verdicts); i++)
		if (nft_is(at, verdicts[i].name)) {
			*ret = verdicts[i].target;
			return true;
		}
	if (to - at < 2 || (!nft_is(at, "jump") && !nft_is(at, "goto")))
		return false;
	if (nft_is(at + 1, "{")) { /* rules in place of a chain's name */
		*ret = IPT_SOMETHING;
		return true;
	}
	*ret = IPT_CHAIN;
	*ret_goto = nft_is(at, "goto");
	*ret_jump = at[1].text;
	return true;
}

/* "to 10.0.0.5:22", "to :2222" */
static void read_destination(struct reading *x, bool has_address)
{
	bool is_colon = false;

	for (; x->at < x->to; x->at++) {
		if (nft_is(x->at, "map") || nft_is(x->at, "-") || strchr(x->at->text, '-'))
			x->target = IPT_SOMETHING;
		if (nft_is(x->at, ":")) {
			is_colon = true;
			continue;
		}
		if (has_address && !is_colon && !ip_parse(x->at->text, &x->addr))
			x->has_addr = true;
		else if ((is_colon || !has_address) && !nft_is(x->at, "to") &&
			 ipt_port(&x->r->reading, x->at->text, &x->port) != IPT_KNOWN)
			x->target = IPT_SOMETHING;
	}
	if (has_address && !x->has_addr)
		x->target = IPT_SOMETHING;
}

static bool read_nat(struct reading *x)
{
	bool is_dnat = next_is(x, "dnat"), is_redirect = next_is(x, "redirect");

	if (take(x, "masquerade") || take(x, "snat"))
		x->target = IPT_NAT;
	else if (is_dnat || is_redirect) {
		x->at++;
		x->target = is_dnat ? IPT_DNAT : IPT_REDIRECT;
		if (!take(x, "ip"))
			take(x, "ip6");
		read_destination(x, is_dnat);
	} else
		return false;
	x->has_verdict = x->is_done = true;
	return true;
}

/* --- statements that do not decide --------------------------------------------------------- */

static void read_log(struct reading *x)
{
	static const char *const with_value[] = { "prefix", "level", "group", "snaplen",
						  "queue-threshold" };
	bool more = true;

	while (more && x->at < x->to) {
		more = false;
		for (size_t i = 0; i < ARRAY_LEN(with_value); i++)
			if (take(x, with_value[i])) {
				skip(x, 1);
				more = true;
			}
		if (take(x, "flags")) {
			if (take(x, "tcp") || take(x, "ip")) {
				skip(x, 1);
				while (take(x, ","))
					skip(x, 1);
			} else
				skip(x, 1);
			more = true;
		}
	}
}

static void read_limit(struct reading *x)
{
	maybe(x);
	if (!take(x, "rate")) {
		take(x, "name");
		skip(x, 1);
		return;
	}
	take(x, "over");
	skip(x, 1);
	if (take(x, "/"))
		skip(x, 1);
	else if (x->at < x->to && x->at->kind == NFT_WORD && strstr(x->at->text, "bytes"))
		skip(x, 1);
	if (take(x, "burst")) {
		skip(x, 1);
		if (x->at < x->to && (nft_is(x->at, "packets") || strstr(x->at->text, "bytes")))
			skip(x, 1);
	}
}

/* "add @set { ip saddr limit rate 3/minute }": a condition, when something is counted in it. */
static void read_update(struct reading *x)
{
	const struct nft_token *start = x->at;
	bool is_condition = false;

	skip_block(x);
	for (; start < x->at; start++)
		is_condition |=
			nft_is(start, "limit") || nft_is(start, "count") || nft_is(start, "quota");
	if (is_condition)
		maybe(x);
}

/* "meta mark set 1", "tcp option maxseg size set rt mtu" */
static bool read_assignment(struct reading *x)
{
	size_t left = (size_t)(x->to - x->at), set = 0;

	for (size_t i = 1; i <= 2 && i < left; i++)
		if (nft_is(&x->at[i], "set") && !set)
			set = i;
	if (!set && left > 4 && nft_is(&x->at[1], "option") && nft_is(&x->at[4], "set"))
		set = 4;
	if (!set)
		return false;
	x->sets_mark |= nft_is(&x->at[set - 1], "mark");
	skip(x, set + 1);
	if (next_is(x, "rt") || next_is(x, "ct") || next_is(x, "meta"))
		skip(x, 1);
	skip(x, 1);
	return true;
}

static bool read_statement(struct reading *x)
{
	if (read_verdict(x->at, x->to, &x->target, &x->jump_to, &x->is_goto)) {
		x->has_verdict = x->is_done = true;
		return true;
	}
	if (read_nat(x) || read_assignment(x))
		return true;
	if (take(x, "counter")) {
		if (take(x, "packets"))
			skip(x, 3);
		else if (take(x, "name"))
			skip(x, 1);
	} else if (take(x, "log"))
		read_log(x);
	else if (take(x, "limit"))
		read_limit(x);
	else if (take(x, "comment"))
		skip(x, 1);
	else if (take(x, "notrack"))
		x->is_notrack = true;
	else if (next_is(x, "add") || next_is(x, "update") || next_is(x, "delete"))
		read_update(x);
	else if (take(x, "meter")) {
		maybe(x);
		skip_block(x);
	} else if (take(x, "flow"))
		skip(x, 3);
	else if (next_is(x, "queue") || next_is(x, "tproxy") || next_is(x, "synproxy") ||
		 next_is(x, "fwd") || next_is(x, "xt")) {
		x->target = IPT_SOMETHING;
		x->has_verdict = x->is_done = true;
	} else
		return false;
	return true;
}

/* --- matches ------------------------------------------------------------------------------ */

static enum nft_op read_op(struct reading *x)
{
	static const char *const names[] = { "==", "!=", "<", ">", "<=", ">=" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (take(x, names[i]))
			return (enum nft_op)i;
	return NFT_EQ;
}

/* Values behind the operator, without their braces. */
static struct nft_span read_values(struct reading *x)
{
	struct nft_span values;

	if (next_is(x, "{")) {
		values.from = x->at + 1;
		skip_block(x);
		values.to = x->at - 1;
		return values;
	}
	values.from = x->at;
	skip(x, 1);
	while (x->at < x->to && (nft_is(x->at, ",") || nft_is(x->at, "-") || nft_is(x->at, "|") ||
				 nft_is(x->at, ".") || nft_is(x->at, "/")))
		skip(x, 2);
	values.to = x->at;
	return values;
}

/* Braces within braces, as a variable that is a set leaves them, do not matter: they are taken for
 * separators. Elements of maps and concatenations. */
static void read_element(struct reading *x, const struct nft_selector *selectors, size_t count,
			 struct nft_span element, struct nft_term *term)
{
	const struct nft_token *colon = nft_next(element.from, element.to, ":");
	struct nft_alternative one = { 0 };
	const struct nft_token *at = element.from, *end = colon;
	static const char *const tails[] = { "comment", "timeout", "expires", "counter" };

	for (const struct nft_token *tail = at; tail < end; tail++)
		for (size_t i = 0; i < ARRAY_LEN(tails); i++)
			if (nft_is(tail, tails[i]) && tail > at)
				end = tail;
	for (size_t i = 0; i < count; i++) {
		const struct nft_token *dot = nft_next(at, end, ".");
		const struct nft_span key = { at, dot };

		nft_term_value(x->r, &selectors[i], &key, &one);
		at = dot < end ? dot + 1 : end;
	}
	if (colon < element.to)
		one.verdict = (struct nft_span){ colon + 1, element.to };
	vec_push(&term->any, one);
}

static void read_elements(struct reading *x, const struct nft_selector *selectors, size_t count,
			  struct nft_span values)
{
	struct nft_term *term = vec_add(&x->terms);

	for (const struct nft_token *at = values.from; at < values.to;) {
		const struct nft_token *end = nft_next(at, values.to, ",");

		if (end > at)
			read_element(x, selectors, count, (struct nft_span){ at, end }, term);
		at = end + 1;
		if (term->any.count > EMITTED_MAX)
			break;
	}
	if (!term->any.count)
		nft_term_maybe(term);
}

/* "@name": its elements. False: what is in it only the running system knows. */
static bool find_set(struct reading *x, struct nft_span *ret)
{
	const struct nft_set *set;

	if (!take(x, "@") || x->at >= x->to)
		return false;
	set = nft_set_find(x->r, x->chain->table, x->at->text);
	skip(x, 1);
	x->r->ret->rules.has_opaque |= !set; /* nft refuses it, unless something else makes it */
	if (!set || set->is_unsure || !set->elements.count)
		return false;
	*ret = (struct nft_span){ set->elements.items, set->elements.items + set->elements.count };
	return true;
}

static bool has_token(struct nft_span span, const char *text)
{
	for (const struct nft_token *at = span.from; at < span.to; at++)
		if (nft_is(at, text))
			return true;
	return false;
}

/* A word that begins a statement for sure. */
static bool is_statement(const struct nft_token *token)
{
	static const char *const words[] = { "accept",	 "drop",  "reject",   "return",
					     "continue", "jump",  "goto",     "counter",
					     "log",	 "queue", "comment",  "masquerade",
					     "snat",	 "dnat",  "redirect", "notrack" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (nft_is(token, words[i]))
			return true;
	return false;
}

/* "tcp flags & (fin|syn|rst|ack) == syn", and other arithmetic, which is not followed. */
static void read_bits(struct reading *x, const struct nft_selector *selector)
{
	static const char *const names[] = { "fin", "syn", "rst", "psh", "ack", "urg" };
	uint32_t mask = 0, value = 0, *into = &mask;
	bool is_known = selector->kind == NFT_TCP_FLAGS, is_not = false;
	struct nft_term *term = vec_add(&x->terms);
	struct ipt_cond *cond;

	for (skip(x, 1); x->at < x->to; x->at++) {
		bool is_flag = false;

		if (is_statement(x->at))
			break;
		for (size_t i = 0; i < ARRAY_LEN(names); i++)
			if (nft_is(x->at, names[i])) {
				*into |= 1u << i;
				is_flag = true;
			}
		if (nft_is(x->at, "==") || nft_is(x->at, "!=")) {
			is_not = nft_is(x->at, "!=");
			into = &value;
		} else if (into == &value && !is_flag &&
			   strspn(x->at->text, "0x") != strlen(x->at->text) &&
			   !nft_is(x->at, "|") && !nft_is(x->at, "(") && !nft_is(x->at, ")"))
			break;
		else if (into == &mask && !is_flag && x->at->kind == NFT_WORD)
			is_known = false;
	}
	if (!is_known || into == &mask) {
		nft_term_maybe(term);
		return;
	}
	nft_term_maybe(term);
	cond = &term->any.items[0].conds.items[0];
	cond->kind = IPT_TCP_FLAGS;
	cond->mask = mask;
	cond->value = value;
	cond->is_not = is_not;
}

static void read_one_selector(struct reading *x, const struct nft_selector *selector)
{
	enum nft_op op = read_op(x);
	struct nft_span values;

	if (next_is(x, "@")) {
		if (!find_set(x, &values)) {
			maybe(x);
			return;
		}
		if (has_token(values, "comment") || has_token(values, "counter")) {
			if (op == NFT_EQ)
				read_elements(x, selector, 1, values);
			else
				maybe(x);
			return;
		}
	} else
		values = read_values(x);
	nft_term_values(x->r, selector, op, &values, vec_add(&x->terms));
}

/* False: no selector that is known. */
static bool read_match(struct reading *x)
{
	struct nft_selector selectors[SELECTOR_MAX];
	const struct nft_token *next;
	struct nft_span values;
	size_t count = 0;

	do {
		next = nft_selector_read(x->r, x->at, x->to, &selectors[count]);
		if (!next)
			return false;
		count++;
		x->at = next;
	} while (count < SELECTOR_MAX && take(x, "."));
	if (count == 1 && (next_is(x, "&") || next_is(x, "and") || next_is(x, "!") ||
			   next_is(x, "|") || next_is(x, "<<") || next_is(x, ">>"))) {
		read_bits(x, &selectors[0]);
		return true;
	}
	if (take(x, "vmap")) {
		bool is_known = next_is(x, "@") ? find_set(x, &values) : next_is(x, "{");

		if (is_known && next_is(x, "{"))
			values = read_values(x);
		if (!is_known) {
			maybe(x);
			x->target = IPT_SOMETHING;
		} else
			read_elements(x, selectors, count, values);
		x->has_verdict = x->is_done = true;
		return true;
	}
	if (count == 1) {
		read_one_selector(x, &selectors[0]);
		return true;
	}
	if (read_op(x) != NFT_EQ) {
		read_values(x);
		maybe(x);
	} else if (next_is(x, "@")) {
		if (find_set(x, &values))
			read_elements(x, selectors, count, values);
		else
			maybe(x);
	} else
		read_elements(x, selectors, count, read_values(x));
	return true;
}

/* Something unknown: it may hold or not, up to the next word that begins a statement for sure. */
static void skip_unknown(struct reading *x)
{
	x->r->ret->rules.has_opaque = true;
	maybe(x);
	for (skip(x, 1); x->at < x->to; skip(x, 1)) {
		if (nft_is(x->at, "vmap") || nft_is(x->at, "set")) {
			x->target = IPT_SOMETHING;
			x->sets_mark = x->has_verdict = x->is_done = true;
			return;
		}
		if (nft_is(x->at, "{")) {
			skip_block(x);
			x->at--;
			continue;
		}
		if (is_statement(x->at))
			return;
	}
}

/* --- rules of the evaluator ---------------------------------------------------------------- */

static void copy_cond(struct ipt_rule *rule, const struct ipt_cond *cond)
{
	struct ipt_cond *copy = ipt_cond_add(rule, cond->kind, cond->is_not);

	*copy = *cond;
	memset(&copy->nets, 0, sizeof(copy->nets));
	memset(&copy->ranges, 0, sizeof(copy->ranges));
	vec_foreach (net, &cond->nets)
		vec_push(&copy->nets, *net);
	vec_foreach (range, &cond->ranges)
		vec_push(&copy->ranges, *range);
}

static struct ipt_rule *new_rule(struct reading *x, enum ipt_target target)
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

static void insert(struct reading *x, struct ipt_rule *rule, size_t *place)
{
	struct ipt_chain *chain = x->chain->chain;

	vec_push(&chain->rules, rule);
	memmove(chain->rules.items + *place + 1, chain->rules.items + *place,
		(chain->rules.count - 1 - *place) * sizeof(*chain->rules.items));
	chain->rules.items[(*place)++] = rule;
}

/* The rule for one choice of alternatives. */
static void emit(struct reading *x, const size_t *choice, enum ipt_target target, size_t *place)
{
	struct ipt_rule *rule = new_rule(x, target);
	const char *jump = x->jump_to;
	bool is_goto = x->is_goto;

	for (size_t i = 0; i < x->terms.count; i++) {
		const struct nft_alternative *a = &x->terms.items[i].any.items[choice[i]];

		vec_foreach (cond, &a->conds)
			copy_cond(rule, cond);
		if (a->verdict.from < a->verdict.to &&
		    !read_verdict(a->verdict.from, a->verdict.to, &rule->target, &jump, &is_goto))
			rule->target = IPT_SOMETHING;
	}
	if (rule->target == IPT_CHAIN && jump) {
		rule->is_goto = is_goto;
		vec_push(&x->r->jumps,
			 ((struct nft_jump){ rule, mem_strdup(x->chain->table), mem_strdup(jump),
					     rule->line, rule->file, x->r->command }));
	}
	insert(x, rule, place);
}

static void emit_all(struct reading *x, size_t *place)
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
	struct reading x = { .r = r, .chain = chain, .first = from, .at = from, .to = to };
	size_t place = is_insert ? 0 : chain->chain->rules.count;

	while (x.at < x.to && !x.is_done) {
		const struct nft_token *before = x.at;

		if (x.at->kind == NFT_END)
			x.at++;
		else if (!read_statement(&x)) {
			x.at = before;
			if (!read_match(&x)) {
				x.at = before;
				skip_unknown(&x);
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
