/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/nft.h"

struct parser {
	struct nft_reader r;
	struct nft_tokens all; /* with includes and variables put in */
	const struct nft_token *at, *end;
};

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

/* --- commands ------------------------------------------------------------------------------ */

static bool is_set_word(const struct nft_token *token)
{
	return nft_is(token, "set") || nft_is(token, "map");
}

/* Between the braces of a table. */
static void read_table(struct parser *p, const char *table, const struct nft_token *at,
		       const struct nft_token *close)
{
	while (at < close) {
		const struct nft_token *end = nft_statement_end(at, close), *open = at;

		while (open < end && !nft_is(open, "{"))
			open++;
		if (at < end && nft_is(at, "chain") && open < end && at + 1 < open)
			nft_chain_read(&p->r, table, at + 1, open, nft_block_end(open, close) - 1);
		else if (at < end && is_set_word(at) && open < end && at + 1 < open)
			nft_set_read(&p->r, table, at[1].text, open + 1,
				     nft_block_end(open, close) - 1);
		else if (at + 1 < end && nft_is(at, "flags") && nft_is(at + 1, "dormant"))
			nft_odd(p->r.ret, at);
		if (at < end && end == close)
			nft_expect_end(&p->r, close);
		else if (open < end && nft_is(at, "chain") && nft_block_end(open, close) < end)
			nft_expect_end(&p->r, nft_block_end(open, close));
		at = end + 1;
	}
}

static void command_table(struct parser *p, bool is_delete)
{
	cleanup(free) char *key = read_table_key(p);

	if (!key)
		return;
	if (is_delete)
		nft_table_delete(&p->r, key);
	else if (p->at < p->end && nft_is(p->at, "{")) {
		const struct nft_token *behind = nft_block_end(p->at, p->end);

		read_table(p, key, p->at + 1, behind - 1);
		if (behind < p->end)
			nft_expect_end(&p->r, behind);
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
		nft_chain_read(&p->r, key, name, name + 1, nft_block_end(name + 1, p->end) - 1);
		/* Rules are added by commands, not in here. */
		vec_foreach (chain, &p->r.chains)
			if (str_eq(chain->table, key) && str_eq(chain->name, name->text))
				chain->chain->end_at = 0;
	} else
		nft_chain_read(&p->r, key, name, NULL, NULL);
}

static void command_rule(struct parser *p, bool is_insert)
{
	cleanup(free) char *key = read_table_key(p);
	struct nft_chain *chain =
		key && p->at < p->end ? nft_chain_find(&p->r, key, p->at->text) : NULL;

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
		nft_set_add(set, open + 1, nft_block_end(open, p->end) - 1);
}

static void command_set(struct parser *p)
{
	cleanup(free) char *key = read_table_key(p);

	if (key && p->at + 1 < p->end && nft_is(p->at + 1, "{"))
		nft_set_read(&p->r, key, p->at->text, p->at + 2,
			     nft_block_end(p->at + 1, p->end) - 1);
}

static void command_flush(struct parser *p)
{
	const struct nft_token *what = p->at++;
	cleanup(free) char *key = NULL;

	if (nft_is(what, "ruleset")) {
		nft_table_delete(&p->r, NULL);
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
				nft_chain_flush(&p->r, chain);
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
		p->end = nft_statement_end(at, end);
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
		struct nft_chain *to = nft_chain_find(&p->r, jump->table, jump->name);
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
	static void (*const steps[])(struct parser *) = { read_commands, resolve_jumps,
							  find_bases };
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
	for (size_t i = 0; i < ARRAY_LEN(steps) && !ret->problem; i++)
		steps[i](&p);
	reader_done(&p);
}

void nft_rules_done(struct nft_rules *rules)
{
	ipt_rules_done(&rules->rules);
	free(rules->problem);
}
