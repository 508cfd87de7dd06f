/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/nft.h"

#include <stdio.h>

#define CHAINS_MAX 4096u

const struct nft_token *nft_block_end(const struct nft_token *at, const struct nft_token *end)
{
	unsigned depth = 0;

	for (; at < end; at++) {
		depth += nft_is(at, "{");
		if (nft_is(at, "}") && --depth == 0)
			return at + 1;
	}
	return NULL;
}

const struct nft_token *nft_statement_end(const struct nft_token *at, const struct nft_token *end)
{
	unsigned depth = 0;

	for (; at < end; at++) {
		depth += nft_is(at, "{");
		if (nft_is(at, "}")) {
			if (!depth)
				return at;
			depth--;
		}
		if (at->kind == NFT_END && !depth)
			return at;
	}
	return end;
}

struct nft_set *nft_set_find(struct nft_reader *r, const char *table, const char *name)
{
	vec_foreach (set, &r->sets)
		if (str_eq(set->table, table) && str_eq(set->name, name))
			return set;
	return NULL;
}

struct nft_chain *nft_chain_find(struct nft_reader *r, const char *table, const char *name)
{
	vec_foreach (chain, &r->chains)
		if (str_eq(chain->table, table) && str_eq(chain->name, name))
			return chain;
	return NULL;
}

static struct ipt_table *add_table(struct nft_reader *r, const char *key)
{
	struct ipt_table *table;

	vec_foreach (chain, &r->chains)
		if (str_eq(chain->table, key))
			return chain->in;
	table = mem_alloc(sizeof(*table));
	snprintf(table->name, sizeof(table->name), "%s", key);
	table->is_loaded = true;
	vec_push(&r->ret->rules.tables, table);
	return table;
}

static struct nft_chain *add_chain(struct nft_reader *r, const char *table, const char *name)
{
	struct nft_chain *chain = nft_chain_find(r, table, name);
	bool is_v6 = r->ret->rules.is_v6;
	struct ipt_table *in;

	if (chain || r->chains.count == CHAINS_MAX)
		return chain;
	in = add_table(r, table);
	chain = vec_add(&r->chains);
	*chain = (struct nft_chain){ .table = mem_strdup(table),
				     .name = mem_strdup(name),
				     .in = in,
				     .command = r->command,
				     .chain = mem_alloc(sizeof(*chain->chain)) };
	snprintf(chain->chain->name, sizeof(chain->chain->name), "%s", name);
	chain->chain->policy = IPT_ACCEPT;
	chain->is_used = str_starts(table, "inet ") || str_starts(table, "netdev ") ||
			 str_starts(table, is_v6 ? "ip6 " : "ip ");
	vec_push(&in->chains, chain->chain);
	return chain;
}

void nft_chain_flush(struct nft_reader *r, struct nft_chain *chain)
{
	if (!chain->chain->rules.count)
		return;
	vec_foreach (jump, &r->jumps)
		if (jump->from == chain->chain)
			jump->rule = NULL;
	vec_foreach (rule, &chain->chain->rules)
		ipt_rule_free(*rule);
	chain->chain->rules.count = 0;
}

/* As if it had never been there: nobody can see chains that belong to no hook. NULL: all tables. */
void nft_table_delete(struct nft_reader *r, const char *table)
{
	vec_foreach (chain, &r->chains)
		if (!table || str_eq(chain->table, table)) {
			nft_chain_flush(r, chain);
			chain->is_base = false;
			free(chain->name);
			chain->name = mem_strdup("");
		}
	vec_foreach (set, &r->sets)
		if (!table || str_eq(set->table, table)) {
			free(set->name);
			set->name = mem_strdup("");
		}
}

/* --- sets --------------------------------------------------------------------------------- */

void nft_set_add(struct nft_set *set, const struct nft_token *from, const struct nft_token *to)
{
	if (set->elements.count)
		nft_token_push(&set->elements,
			       &(struct nft_token){ .kind = NFT_SYMBOL, .text = (char[]){ "," } });
	for (; from < to; from++)
		if (from->kind != NFT_END)
			nft_token_push(&set->elements, from);
	set->is_unsure |= set->elements.count > NFT_TOKENS_MAX / 4;
}

/* "{ type …; flags …; elements = { … } }": [from, to) lies between the braces. */
void nft_set_read(struct nft_reader *r, const char *table, const char *name,
		  const struct nft_token *from, const struct nft_token *to)
{
	struct nft_set *set = nft_set_find(r, table, name);

	if (!set) {
		set = vec_add(&r->sets);
		set->table = mem_strdup(table);
		set->name = mem_strdup(name);
	}
	for (; from < to; from++) {
		if (nft_is(from, "dynamic") || nft_is(from, "timeout"))
			set->is_unsure = true;
		if (nft_is(from, "elements") && from + 2 < to && nft_is(from + 1, "=") &&
		    nft_is(from + 2, "{")) {
			const struct nft_token *end = nft_block_end(from + 2, to);

			if (!end)
				return;
			nft_set_add(set, from + 3, end - 1);
			from = end - 1;
		}
	}
}

/* --- chains ------------------------------------------------------------------------------- */

static long read_priority(const struct nft_token *at, const struct nft_token *end)
{
	static const struct {
		const char *name;
		long value;
	} names[] = { { "raw", -300 }, { "mangle", -150 }, { "dstnat", -100 },
		      { "filter", 0 }, { "security", 50 }, { "srcnat", 100 } };
	long value = 0, sign = 1;

	for (; at < end && at->kind != NFT_END; at++) {
		char *rest;
		long number = strtol(at->text, &rest, 10);

		if (nft_is(at, "-") || nft_is(at, "+"))
			sign = nft_is(at, "-") ? -1 : 1;
		else if (!*rest && rest != at->text) {
			value += sign * number;
			sign = 1;
		}
		for (size_t i = 0; i < ARRAY_LEN(names); i++)
			if (nft_is(at, names[i].name))
				value += names[i].value;
	}
	return value;
}

/* A rule before all others for the devices to which the chain is not bound. */
static void bind_devices(struct nft_chain *chain, const struct nft_token *at,
			 const struct nft_token *end)
{
	struct ipt_rule *rule = mem_alloc(sizeof(*rule));

	rule->target = IPT_ACCEPT;
	for (at++; at < end && at->kind != NFT_END && !nft_is(at, "priority"); at++) {
		struct ipt_cond *cond;

		if (at->kind == NFT_SYMBOL)
			continue;
		cond = ipt_cond_add(rule, IPT_IN, true);
		snprintf(cond->name, sizeof(cond->name), "%s", at->text);
	}
	vec_push(&chain->chain->rules, rule);
}

/* "type filter hook input priority 0" */
static void read_hook(struct nft_chain *chain, const struct nft_token *at,
		      const struct nft_token *end)
{
	static const struct {
		const char *name;
		enum ipt_hook hook;
	} hooks[] = { { "ingress", IPT_BEFORE },      { "prerouting", IPT_BEFORE },
		      { "input", IPT_INWARD },	      { "output", IPT_OUTWARD },
		      { "postrouting", IPT_OUTWARD }, { "forward", IPT_ONWARD } };
	bool is_nat = at + 1 < end && nft_is(at + 1, "nat"), is_ingress = false;
	bool is_leaving = false;

	chain->is_base = true;
	chain->is_kept = false;
	for (; at < end; at++) {
		for (size_t i = 0; i < ARRAY_LEN(hooks); i++)
			if (nft_is(at, hooks[i].name) && nft_is(at - 1, "hook")) {
				chain->hook = hooks[i].hook;
				is_leaving = nft_is(at, "postrouting");
				chain->is_kept = !is_nat || is_leaving || nft_is(at, "prerouting");
				is_ingress = i == 0;
			}
		if (nft_is(at, "priority"))
			chain->priority = read_priority(at + 1, end);
		if (nft_is(at, "device") || nft_is(at, "devices"))
			bind_devices(chain, at, end);
	}
	if (is_nat)
		chain->hook = is_leaving ? IPT_LEAVING : IPT_TRANSLATE;
	else if (is_ingress)
		chain->priority -= 1000000;
	else if (chain->hook == IPT_BEFORE && chain->priority > -100)
		chain->hook = IPT_INWARD, chain->priority -= 1000000; /* sees what was translated */
}

static void read_chain_line(struct nft_reader *r, struct nft_chain *chain,
			    const struct nft_token *at, const struct nft_token *end)
{
	if (nft_is(at, "type") && at + 2 < end && nft_is(at + 2, "hook"))
		read_hook(chain, at, end);
	else if (nft_is(at, "policy") && at + 1 < end)
		chain->chain->policy = nft_is(at + 1, "drop") ? IPT_DROP : IPT_ACCEPT;
	else if (!nft_is(at, "comment") && !nft_is(at, "flags"))
		nft_rule_read(r, chain, at, end, false);
}

void nft_expect_end(struct nft_reader *r, const struct nft_token *at)
{
	nft_problem(r->ret, at, "a line end or ; is missing before %s", at->text);
}

void nft_chain_read(struct nft_reader *r, const char *table, const struct nft_token *name,
		    const struct nft_token *open, const struct nft_token *close)
{
	struct nft_chain *chain = add_chain(r, table, name->text);

	if (!chain) {
		nft_odd(r->ret, name);
		return;
	}
	chain->chain->line = name->line;
	if (!open)
		return;
	chain->chain->file = close->file;
	chain->chain->end_at = close->at;
	for (const struct nft_token *at = open + 1; at < close;) {
		const struct nft_token *end = nft_statement_end(at, close);

		if (end > at)
			read_chain_line(r, chain, at, end);
		if (end > at && end == close)
			nft_expect_end(r, close);
		at = end + 1;
	}
}
