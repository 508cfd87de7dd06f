/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/nft_terms.h"

#define EMITTED_MAX  2048u
#define SELECTOR_MAX 5u

static enum nft_op read_op(struct nft_reading *x)
{
	static const char *const names[] = { "==", "!=", "<", ">", "<=", ">=" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (nft_take(x, names[i]))
			return (enum nft_op)i;
	return NFT_EQ;
}

/* Values behind the operator, without their braces. */
static struct nft_span read_values(struct nft_reading *x)
{
	struct nft_span values;

	if (nft_next_is(x, "{")) {
		values.from = x->at + 1;
		nft_skip_block(x);
		values.to = x->at - 1;
		return values;
	}
	values.from = x->at;
	nft_skip(x, 1);
	while (x->at < x->to && (nft_is(x->at, ",") || nft_is(x->at, "-") || nft_is(x->at, "|") ||
				 nft_is(x->at, ".") || nft_is(x->at, "/")))
		nft_skip(x, 2);
	values.to = x->at;
	return values;
}

/* Braces within braces, as a variable that is a set leaves them, do not matter: they are taken for
 * separators. Elements of maps and concatenations. */
static void read_element(struct nft_reading *x, const struct nft_selector *selectors, size_t count,
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

static void read_elements(struct nft_reading *x, const struct nft_selector *selectors, size_t count,
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
static bool find_set(struct nft_reading *x, struct nft_span *ret)
{
	const struct nft_set *set;

	if (!nft_take(x, "@") || x->at >= x->to)
		return false;
	set = nft_set_find(x->r, x->chain->table, x->at->text);
	nft_skip(x, 1);
	x->r->ret->rules.has_opaque |= !set; /* nft refuses it, unless something else makes it */
	x->r->work += set ? set->elements.count : 0;
	if (!set || set->is_unsure || !set->elements.count || x->r->work > NFT_WORK_MAX)
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
static void read_bits(struct nft_reading *x, const struct nft_selector *selector)
{
	static const char *const names[] = { "fin", "syn", "rst", "psh", "ack", "urg" };
	uint32_t mask = 0, value = 0, *into = &mask;
	bool is_known = selector->kind == NFT_TCP_FLAGS, is_not = false;
	struct nft_term *term = vec_add(&x->terms);
	struct ipt_cond *cond;

	for (nft_skip(x, 1); x->at < x->to; x->at++) {
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

static void read_one_selector(struct nft_reading *x, const struct nft_selector *selector)
{
	enum nft_op op = read_op(x);
	struct nft_span values;

	if (nft_next_is(x, "@")) {
		if (!find_set(x, &values)) {
			nft_maybe(x);
			return;
		}
		if (has_token(values, "comment") || has_token(values, "counter")) {
			if (op == NFT_EQ)
				read_elements(x, selector, 1, values);
			else
				nft_maybe(x);
			return;
		}
	} else
		values = read_values(x);
	nft_term_values(x->r, selector, op, &values, vec_add(&x->terms));
}

bool nft_match_read(struct nft_reading *x)
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
	} while (count < SELECTOR_MAX && nft_take(x, "."));
	if (count == 1 && (nft_next_is(x, "&") || nft_next_is(x, "and") || nft_next_is(x, "!") ||
			   nft_next_is(x, "|") || nft_next_is(x, "<<") || nft_next_is(x, ">>"))) {
		read_bits(x, &selectors[0]);
		return true;
	}
	if (nft_take(x, "vmap")) {
		bool is_known = nft_next_is(x, "@") ? find_set(x, &values) : nft_next_is(x, "{");

		if (is_known && nft_next_is(x, "{"))
			values = read_values(x);
		if (!is_known) {
			nft_maybe(x);
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
		nft_maybe(x);
	} else if (nft_next_is(x, "@")) {
		if (find_set(x, &values))
			read_elements(x, selectors, count, values);
		else
			nft_maybe(x);
	} else
		read_elements(x, selectors, count, read_values(x));
	return true;
}

void nft_skip_unknown(struct nft_reading *x)
{
	x->r->ret->rules.has_opaque = true;
	nft_maybe(x);
	for (nft_skip(x, 1); x->at < x->to; nft_skip(x, 1)) {
		if (nft_is(x->at, "vmap") || nft_is(x->at, "set")) {
			x->target = IPT_SOMETHING;
			x->sets_mark = x->has_verdict = x->is_done = true;
			return;
		}
		if (nft_is(x->at, "{")) {
			nft_skip_block(x);
			x->at--;
			continue;
		}
		if (is_statement(x->at))
			return;
	}
}
