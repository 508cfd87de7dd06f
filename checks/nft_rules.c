/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/nft.h"

#include <stdio.h>

#define CHAINS_MAX 4096u

struct parser {
	struct nft_reader r;
	struct nft_tokens all; /* with includes and variables put in */
	const struct nft_token *at, *end;
};

/* --- blocks ------------------------------------------------------------------------------- */

/* Past the "}" that belongs to the "{" at `at`; NULL: there is none. */
static const struct nft_token *block_end(const struct nft_token *at, const struct nft_token *end)
{
	unsigned depth = 0;

	for (; at < end; at++) {
		depth += nft_is(at, "{");
		if (nft_is(at, "}") && --depth == 0)
			return at + 1;
	}
	return NULL;
}

/* The end of the statement at `at`, braces in it included. */
static const struct nft_token *statement_end(const struct nft_token *at,
					     const struct nft_token *end)
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

static bool is_family(const struct nft_token *token)
{
	static const char *const known[] = { "ip", "ip6", "inet", "arp", "bridge", "netdev" };

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (nft_is(token, known[i]))
			return true;
	return false;
}

/* "[family] name" at p->at, as one key; moves on. NULL: there is no name. */
static char *read_table_key(struct parser *p)
{
	const char *family = "ip";

	if (p->at < p->end && is_family(p->at) && p->at + 1 < p->end)
		family = p->at++->text;
	if (p->at == p->end || (p->at->kind != NFT_WORD && p->at->kind != NFT_STRING))
		return NULL;
	return mem_printf("%s %s", family, p->at++->text);
}

struct nft_set *nft_set_find(struct nft_reader *r, const char *table, const char *name)
{
	vec_foreach (set, &r->sets)
		if (str_eq(set->table, table) && str_eq(set->name, name))
			return set;
	return NULL;
}

static struct nft_chain *find_chain(struct nft_reader *r, const char *table, const char *name)
{
	vec_foreach (chain, &r->chains)
		if (str_eq(chain->table, table) && str_eq(chain->name, name))
			return chain;
	return NULL;
}

static struct ipt_table *add_table(struct parser *p, const char *key)
{
	struct ipt_table *table;

	vec_foreach (chain, &p->r.chains)
		if (str_eq(chain->table, key))
			return chain->in;
	table = mem_alloc(sizeof(*table));
	snprintf(table->name, sizeof(table->name), "%s", key);
	table->is_loaded = true;
	vec_push(&p->r.ret->rules.tables, table);
	return table;
}

static struct nft_chain *add_chain(struct parser *p, const char *table, const char *name)
{
	struct nft_chain *chain = find_chain(&p->r, table, name);
	bool is_v6 = p->r.ret->rules.is_v6;
	struct ipt_table *in;

	if (chain || p->r.chains.count == CHAINS_MAX)
		return chain;
	in = add_table(p, table);
	chain = vec_add(&p->r.chains);
	*chain = (struct nft_chain){ .table = mem_strdup(table),
				     .name = mem_strdup(name),
				     .in = in,
				     .command = p->r.command,
				     .chain = mem_alloc(sizeof(*chain->chain)) };
	snprintf(chain->chain->name, sizeof(chain->chain->name), "%s", name);
	chain->chain->policy = IPT_ACCEPT;
	chain->is_used = str_starts(table, "inet ") || str_starts(table, "netdev ") ||
			 str_starts(table, is_v6 ? "ip6 " : "ip ");
	vec_push(&in->chains, chain->chain);
	return chain;
}

static void flush_chain(struct parser *p, struct nft_chain *chain)
{
	vec_foreach (rule, &chain->chain->rules) {
		vec_foreach (jump, &p->r.jumps)
			if (jump->rule == *rule)
				jump->rule = NULL;
		ipt_rule_free(*rule);
	}
	chain->chain->rules.count = 0;
}

/* As if it had never been there: nobody can see chains that belong to no hook. NULL: all tables. */
static void delete_table(struct parser *p, const char *table)
{
	vec_foreach (chain, &p->r.chains)
		if (!table || str_eq(chain->table, table)) {
			flush_chain(p, chain);
			chain->is_base = false;
			free(chain->name);
			chain->name = mem_strdup("");
		}
	vec_foreach (set, &p->r.sets)
		if (!table || str_eq(set->table, table)) {
			free(set->name);
			set->name = mem_strdup("");
		}
}

/* --- sets --------------------------------------------------------------------------------- */

static void add_elements(struct parser *p, struct nft_set *set, const struct nft_token *from,
			 const struct nft_token *to)
{
	if (set->elements.count)
		nft_token_push(&set->elements,
			       &(struct nft_token){ .kind = NFT_SYMBOL, .text = (char[]){ "," } });
	for (; from < to; from++)
		if (from->kind != NFT_END)
			nft_token_push(&set->elements, from);
	set->is_unsure |= set->elements.count > NFT_TOKENS_MAX / 4;
	(void)p;
}

/* "{ type …; flags …; elements = { … } }": [from, to) lies between the braces. */
static void read_set(struct parser *p, const char *table, const char *name,
		     const struct nft_token *from, const struct nft_token *to)
{
	struct nft_set *set = nft_set_find(&p->r, table, name);

	if (!set) {
		set = vec_add(&p->r.sets);
		set->table = mem_strdup(table);
		set->name = mem_strdup(name);
	}
	for (; from < to; from++) {
		if (nft_is(from, "dynamic") || nft_is(from, "timeout"))
			set->is_unsure = true;
		if (nft_is(from, "elements") && from + 2 < to && nft_is(from + 1, "=") &&
		    nft_is(from + 2, "{")) {
			const struct nft_token *end = block_end(from + 2, to);

			if (!end)
				return;
			add_elements(p, set, from + 3, end - 1);
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
static void read_hook(struct parser *p, struct nft_chain *chain, const struct nft_token *at,
		      const struct nft_token *end)
{
	static const struct {
		const char *name;
		enum ipt_hook hook;
	} hooks[] = { { "ingress", IPT_BEFORE },
		      { "prerouting", IPT_BEFORE },
		      { "input", IPT_INWARD },
		      { "output", IPT_OUTWARD },
		      { "postrouting", IPT_OUTWARD } };
	bool is_nat = at + 1 < end && nft_is(at + 1, "nat"), is_ingress = false;

	chain->is_base = true;
	chain->is_kept = false;
	for (; at < end; at++) {
		for (size_t i = 0; i < ARRAY_LEN(hooks); i++)
			if (nft_is(at, hooks[i].name) && nft_is(at - 1, "hook")) {
				chain->hook = hooks[i].hook;
				chain->is_kept = !is_nat || nft_is(at, "prerouting");
				is_ingress = i == 0;
			}
		if (nft_is(at, "priority"))
			chain->priority = read_priority(at + 1, end);
		if (nft_is(at, "device") || nft_is(at, "devices"))
			bind_devices(chain, at, end);
	}
	if (is_nat)
		chain->hook = IPT_TRANSLATE;
	else if (is_ingress)
		chain->priority -= 1000000;
	else if (chain->hook == IPT_BEFORE && chain->priority > -100)
		chain->hook = IPT_INWARD, chain->priority -= 1000000; /* sees what was translated */
	(void)p;
}

static void read_chain_line(struct parser *p, struct nft_chain *chain, const struct nft_token *at,
			    const struct nft_token *end)
{
	if (nft_is(at, "type") && at + 2 < end && nft_is(at + 2, "hook"))
		read_hook(p, chain, at, end);
	else if (nft_is(at, "policy") && at + 1 < end)
		chain->chain->policy = nft_is(at + 1, "drop") ? IPT_DROP : IPT_ACCEPT;
	else if (!nft_is(at, "comment") && !nft_is(at, "flags"))
		nft_rule_read(&p->r, chain, at, end, false);
}

/* Chains, and what is in a chain, end with a line or a ";". */
static void expect_end(struct parser *p, const struct nft_token *at)
{
	nft_problem(p->r.ret, at, "a line end or ; is missing before %s", at->text);
}

static void read_chain(struct parser *p, const char *table, const struct nft_token *name,
		       const struct nft_token *open, const struct nft_token *close)
{
	struct nft_chain *chain = add_chain(p, table, name->text);

	if (!chain) {
		nft_odd(p->r.ret, name);
		return;
	}
	chain->chain->line = name->line;
	if (!open)
		return;
	chain->chain->file = close->file;
	chain->chain->end_at = close->at;
	for (const struct nft_token *at = open + 1; at < close;) {
		const struct nft_token *end = statement_end(at, close);

		if (end > at)
			read_chain_line(p, chain, at, end);
		if (end > at && end == close)
			expect_end(p, close);
		at = end + 1;
	}
}

/* --- tables and commands ------------------------------------------------------------------- */

static bool is_set_word(const struct nft_token *token)
{
	return nft_is(token, "set") || nft_is(token, "map");
}

/* Between the braces of a table. */
static void read_table(struct parser *p, const char *table, const struct nft_token *at,
		       const struct nft_token *close)
{
	while (at < close) {
		const struct nft_token *end = statement_end(at, close), *open = at;

		while (open < end && !nft_is(open, "{"))
			open++;
		if (at < end && nft_is(at, "chain") && open < end && at + 1 < open)
			read_chain(p, table, at + 1, open, block_end(open, close) - 1);
		else if (at < end && is_set_word(at) && open < end && at + 1 < open)
			read_set(p, table, at[1].text, open + 1, block_end(open, close) - 1);
		else if (at + 1 < end && nft_is(at, "flags") && nft_is(at + 1, "dormant"))
			nft_odd(p->r.ret, at);
		if (at < end && end == close)
			expect_end(p, close);
		else if (open < end && nft_is(at, "chain") && block_end(open, close) < end)
			expect_end(p, block_end(open, close));
		at = end + 1;
	}
}

static void command_table(struct parser *p, bool is_delete)
{
	cleanup(free) char *key = read_table_key(p);

	if (!key)
		return;
	if (is_delete)
		delete_table(p, key);
	else if (p->at < p->end && nft_is(p->at, "{")) {
		const struct nft_token *behind = block_end(p->at, p->end);

		read_table(p, key, p->at + 1, behind - 1);
		if (behind < p->end)
			expect_end(p, behind);
	}
}

static void command_chain(struct parser *p, bool is_delete)
{
	cleanup(free) char *key = read_table_key(p);
	const struct nft_token *name = p->at;

	if (!key || name >= p->end)
		return;
	if (is_delete) {
		nft_odd(p->r.ret, name);
		return;
	}
	if (name + 1 < p->end && nft_is(name + 1, "{")) {
		read_chain(p, key, name, name + 1, block_end(name + 1, p->end) - 1);
		/* Rules are added by commands, not in here. */
		vec_foreach (chain, &p->r.chains)
			if (str_eq(chain->table, key) && str_eq(chain->name, name->text))
				chain->chain->end_at = 0;
	} else
		read_chain(p, key, name, NULL, NULL);
}

static void command_rule(struct parser *p, bool is_insert)
{
	cleanup(free) char *key = read_table_key(p);
	struct nft_chain *chain =
		key && p->at < p->end ? find_chain(&p->r, key, p->at->text) : NULL;

	if (!chain) {
		bool is_known = false;

		vec_foreach (other, &p->r.chains)
			is_known |= key && str_eq(other->table, key) && other->name[0];
		if (!is_known) /* of a table that something else loads */
			nft_odd(p->r.ret, p->at);
		else if (p->at < p->end)
			nft_problem(p->r.ret, p->at, "there is no chain %s in the table %s",
				    p->at->text, key);
		return;
	}
	p->at++;
	if (p->at < p->end &&
	    (nft_is(p->at, "handle") || nft_is(p->at, "position") || nft_is(p->at, "index"))) {
		nft_odd(p->r.ret, p->at);
		return;
	}
	nft_rule_read(&p->r, chain, p->at, p->end, is_insert);
}

static void command_element(struct parser *p, bool is_delete)
{
	cleanup(free) char *key = read_table_key(p);
	struct nft_set *set = key && p->at < p->end ? nft_set_find(&p->r, key, p->at->text) : NULL;
	const struct nft_token *open = p->at + 1;

	if (!set || open >= p->end || !nft_is(open, "{"))
		return;
	if (is_delete)
		set->is_unsure = true;
	else
		add_elements(p, set, open + 1, block_end(open, p->end) - 1);
}

static void command_set(struct parser *p)
{
	cleanup(free) char *key = read_table_key(p);

	if (key && p->at + 1 < p->end && nft_is(p->at + 1, "{"))
		read_set(p, key, p->at->text, p->at + 2, block_end(p->at + 1, p->end) - 1);
}

static void command_flush(struct parser *p)
{
	const struct nft_token *what = p->at++;
	cleanup(free) char *key = NULL;

	if (nft_is(what, "ruleset")) {
		delete_table(p, NULL);
		return;
	}
	key = read_table_key(p);
	if (!key)
		return;
	if (nft_is(what, "table") || nft_is(what, "chain"))
		vec_foreach (chain, &p->r.chains)
			if (str_eq(chain->table, key) &&
			    (nft_is(what, "table") ||
			     (p->at < p->end && str_eq(chain->name, p->at->text))))
				flush_chain(p, chain);
}

static void read_command(struct parser *p)
{
	const struct nft_token *first = p->at;
	bool is_delete = nft_is(first, "delete") || nft_is(first, "destroy");
	bool is_insert = nft_is(first, "insert");

	if (nft_is(first, "flush") && p->at + 1 < p->end) {
		p->at++;
		command_flush(p);
		return;
	}
	if (nft_is(first, "replace") || nft_is(first, "reset") || nft_is(first, "rename") ||
	    (is_delete && p->at + 1 < p->end && nft_is(p->at + 1, "rule"))) {
		nft_odd(p->r.ret, first);
		return;
	}
	if (is_delete || is_insert || nft_is(first, "add") || nft_is(first, "create"))
		p->at++;
	if (p->at == p->end)
		return;
	first = p->at++;
	if (nft_is(first, "table"))
		command_table(p, is_delete);
	else if (nft_is(first, "chain"))
		command_chain(p, is_delete);
	else if (nft_is(first, "rule"))
		command_rule(p, is_insert);
	else if (nft_is(first, "element"))
		command_element(p, is_delete);
	else if (is_set_word(first) && !is_delete)
		command_set(p);
}

static void read_commands(struct parser *p)
{
	const struct nft_token *end = p->all.items + p->all.count;
	long depth = 0;

	for (const struct nft_token *at = p->all.items; at < end; at++) {
		depth += nft_is(at, "{") ? 1 : nft_is(at, "}") ? -1 : 0;
		if (depth < 0) {
			nft_problem(p->r.ret, at, "a } that closes nothing");
			return;
		}
	}
	if (depth > 0) {
		nft_problem(p->r.ret, end - 1, "a { that is not closed");
		return;
	}
	for (const struct nft_token *at = p->all.items; at < end;) {
		p->at = at;
		p->end = statement_end(at, end);
		at = p->end + 1;
		p->r.command++;
		if (p->at < p->end)
			read_command(p);
	}
}

/* --- put together -------------------------------------------------------------------------- */

static void resolve_jumps(struct parser *p)
{
	vec_foreach (jump, &p->r.jumps) {
		struct nft_chain *to = find_chain(&p->r, jump->table, jump->name);
		const struct nft_token at = { .line = jump->line, .file = jump->file };

		if (!jump->rule)
			continue;
		/* Within one command chains come first, whatever their order. */
		if (!to || to->command > jump->command)
			nft_problem(p->r.ret, &at, "there is no chain %s in the table %s%s",
				    jump->name, jump->table, to ? " yet" : "");
		else
			jump->rule->to = to->chain;
	}
}

static int by_priority(const void *a, const void *b)
{
	const struct nft_chain *const *x = a, *const *y = b;

	if ((*x)->priority != (*y)->priority)
		return (*x)->priority < (*y)->priority ? -1 : 1;
	return *x < *y ? -1 : *x > *y;
}

static void find_bases(struct parser *p)
{
	VEC(const struct nft_chain *) bases = { 0 };

	vec_foreach (chain, &p->r.chains)
		if (chain->is_base && chain->is_kept && chain->is_used)
			vec_push(&bases, chain);
	if (bases.count)
		qsort(bases.items, bases.count, sizeof(*bases.items), by_priority);
	vec_foreach (chain, &bases)
		vec_push(&p->r.ret->rules.bases[(*chain)->hook],
			 ((struct ipt_base){ (*chain)->in, (*chain)->chain }));
	vec_done(&bases);
}

static void reader_done(struct parser *p)
{
	vec_foreach (set, &p->r.sets) {
		free(set->table);
		free(set->name);
		nft_tokens_done(&set->elements);
	}
	vec_foreach (chain, &p->r.chains) {
		free(chain->table);
		free(chain->name);
	}
	vec_foreach (jump, &p->r.jumps) {
		free(jump->table);
		free(jump->name);
	}
	vec_done(&p->r.sets);
	vec_done(&p->r.chains);
	vec_done(&p->r.jumps);
	nft_tokens_done(&p->all);
}

void nft_read(const struct machine *machine, struct nft_files *files, bool is_v6,
	      struct nft_rules *ret)
{
	struct err ignored = ERR_INIT;
	struct parser p = { .r = { .machine = machine, .ret = ret } };

	*ret = (struct nft_rules){ .rules = { .is_v6 = is_v6 } };
	p.r.reading = (struct ipt_reading){
		.text = "",
		.is_v6 = is_v6,
		.services = machine_file(machine, "/etc/services", &ignored),
		.protocols = machine_file(machine, "/etc/protocols", &ignored),
	};
	nft_load(machine, files, ret, &p.all);
	if (!ret->problem)
		read_commands(&p);
	if (!ret->problem)
		resolve_jumps(&p);
	if (!ret->problem)
		find_bases(&p);
	reader_done(&p);
}

void nft_rules_done(struct nft_rules *rules)
{
	ipt_rules_done(&rules->rules);
	free(rules->problem);
}
