/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/iptables_rules.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

#define LINE_BYTES_MAX 10239u /* of iptables-restore's buffer */
#define WORDS_MAX      254u
#define CHAINS_MAX     4096u
#define PROBLEMS_MAX   200u
#define DEPTH_MAX      64u

bool ipt_words_split(const char *line, struct ipt_words *ret)
{
	cleanup(str_done) struct str word = STR_INIT;
	bool is_quoted = false, is_escaped = false;

	*ret = (struct ipt_words){ 0 };
	for (const char *p = line;; p++) {
		if (is_quoted && *p && (is_escaped || *p != '"')) {
			if (!is_escaped && *p == '\\') {
				is_escaped = true;
				continue;
			}
			is_escaped = false;
			str_add_char(&word, *p);
			continue;
		}
		if (*p == '"' && !is_quoted) {
			is_quoted = true;
			continue;
		}
		if (*p && *p != '"' && *p != ' ' && *p != '\t' && *p != '\n') {
			str_add_char(&word, *p);
			continue;
		}
		if (ret->count == WORDS_MAX)
			return false;
		/* A closing quote ends the word, also an empty one. */
		if (word.len || is_quoted)
			vec_push(ret, str_take(&word));
		is_quoted = false;
		if (!*p)
			return true;
	}
}

void ipt_words_done(struct ipt_words *words)
{
	vec_foreach (word, words)
		free(*word);
	vec_done(words);
}

struct ipt_table *ipt_table_find(const struct ipt_rules *rules, const char *name)
{
	for (size_t i = rules->tables.count; i > 0; i--)
		if (str_eq(rules->tables.items[i - 1]->name, name))
			return rules->tables.items[i - 1];
	return NULL;
}

struct ipt_chain *ipt_chain_find(const struct ipt_table *table, const char *name)
{
	vec_foreach (chain, &table->chains)
		if (str_eq((*chain)->name, name))
			return *chain;
	return NULL;
}

struct parser {
	const struct ipt_reading *reading;
	struct ipt_rules *rules;
	struct ipt_table *table; /* NULL: between tables */
	uint32_t line, rule_count;
	bool is_over; /* refused: nothing after this is looked at by iptables-restore */
};

static void __attribute__((format(printf, 2, 3))) refuse(struct parser *p, const char *fmt, ...)
{
	struct ipt_problem problem = { .line = p->line };
	cleanup(str_done) struct str text = STR_INIT;
	char raw[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	if (p->rules->problems.count == PROBLEMS_MAX)
		return;
	str_add_escaped(&text, raw, strlen(raw));
	problem.text = str_take(&text);
	vec_push(&p->rules->problems, problem);
}

static void odd(struct parser *p)
{
	if (!p->rules->is_odd)
		p->rules->odd_line = p->line;
	p->rules->is_odd = true;
}

static struct ipt_chain *add_chain(struct parser *p, const char *name)
{
	struct ipt_chain *chain;

	if (p->table->chains.count == CHAINS_MAX) {
		odd(p);
		return NULL;
	}
	chain = mem_alloc(sizeof(*chain));
	snprintf(chain->name, sizeof(chain->name), "%s", name);
	chain->is_builtin = ipt_is_builtin(p->table->name, name);
	chain->policy = IPT_ACCEPT;
	vec_push(&p->table->chains, chain);
	return chain;
}

static void begin_table(struct parser *p, const char *line)
{
	static const char *const builtins[] = { "PREROUTING", "INPUT", "FORWARD", "OUTPUT",
						"POSTROUTING" };
	char name[16] = "";

	/* "*filter": the name ends at a blank. */
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(line + 1, " \t\n"), line + 1);
	if (!ipt_is_table(name))
		refuse(p, "there is no table \"%.*s\"", (int)strcspn(line + 1, " \t\n"), line + 1);
	p->table = mem_alloc(sizeof(*p->table));
	memcpy(p->table->name, name, sizeof(name));
	p->table->line = p->line;
	vec_push(&p->rules->tables, p->table);
	p->is_over = !ipt_is_table(name);
	for (size_t i = 0; i < ARRAY_LEN(builtins); i++)
		if (ipt_is_builtin(name, builtins[i]))
			add_chain(p, builtins[i]);
}

/* ":INPUT DROP [0:0]" */
static void read_chain_line(struct parser *p, char *line)
{
	char *save = NULL, *name = strtok_r(line + 1, " \t\n", &save);
	const char *policy = strtok_r(NULL, " \t\n", &save);
	struct ipt_chain *chain;

	if (!name) {
		refuse(p, "a chain without a name");
		return;
	}
	if (strlen(name) > 28) {
		refuse(p, "the chain name \"%s\" is longer than 28 characters", name);
		return;
	}
	if (!policy) {
		refuse(p, "the chain %s has no policy", name);
		return;
	}
	chain = ipt_chain_find(p->table, name);
	if (!chain)
		chain = add_chain(p, name);
	if (!chain)
		return;
	chain->line = p->line;
	if (chain->is_builtin && str_eq(policy, "DROP"))
		chain->policy = IPT_DROP;
	else if (chain->is_builtin && str_eq(policy, "ACCEPT"))
		chain->policy = IPT_ACCEPT;
	else if (chain->is_builtin && !str_eq(policy, "-"))
		refuse(p, "\"%s\" is no policy for %s", policy, name);
}

static void insert_rule(struct parser *p, struct ipt_chain *chain, struct ipt_rule *rule, size_t at)
{
	if (at > chain->rules.count) {
		refuse(p, "-I %s %zu: the chain has only %zu rules", chain->name, at + 1,
		       chain->rules.count);
		ipt_rule_free(rule);
		return;
	}
	vec_push(&chain->rules, rule);
	memmove(chain->rules.items + at + 1, chain->rules.items + at,
		(chain->rules.count - 1 - at) * sizeof(*chain->rules.items));
	chain->rules.items[at] = rule;
}

/* A later command takes the chain's rules away again. */
static void flush_chain(struct ipt_chain *chain)
{
	vec_foreach (rule, &chain->rules)
		ipt_rule_free(*rule);
	chain->rules.count = 0;
}

/* -A, -I, and of the others what may stand in such a file. */
static void read_command(struct parser *p, const struct ipt_words *words)
{
	const char *command = words->items[0];
	const char *name = words->count > 1 ? words->items[1] : NULL;
	bool is_append = str_eq(command, "-A") || str_eq(command, "--append");
	bool is_insert = str_eq(command, "-I") || str_eq(command, "--insert");
	struct ipt_chain *chain = name ? ipt_chain_find(p->table, name) : NULL;
	struct ipt_rule_reader r = { .reading = p->reading,
				     .rules = p->rules,
				     .table = p->table,
				     .chain = chain,
				     .problem = STR_INIT };
	struct ipt_rule *rule;
	size_t from = 2, at = 0;

	if (str_eq(command, "-F") || str_eq(command, "--flush")) {
		vec_foreach (each, &p->table->chains)
			if (!name || *each == chain)
				flush_chain(*each);
		return;
	}
	if ((str_eq(command, "-N") || str_eq(command, "--new-chain")) && name) {
		if (chain)
			refuse(p, "-N %s: the chain is there already", name);
		else if (strlen(name) <= 28)
			add_chain(p, name);
		return;
	}
	if ((str_eq(command, "-P") || str_eq(command, "--policy")) && words->count == 3 && chain &&
	    chain->is_builtin &&
	    (str_eq(words->items[2], "ACCEPT") || str_eq(words->items[2], "DROP"))) {
		chain->policy = words->items[2][0] == 'A' ? IPT_ACCEPT : IPT_DROP;
		return;
	}
	if (!is_append && !is_insert) {
		odd(p); /* -D, -R, -X, a command in another place, ... */
		return;
	}
	if (!chain) {
		refuse(p,
		       name ? "there is no chain \"%s\" in the table %s"
			    : "%.0s-A and -I need a chain (table %s)",
		       name ? name : "", p->table->name);
		return;
	}
	if (is_insert && words->count > 2 && isdigit((unsigned char)words->items[2][0])) {
		at = (size_t)strtoul(words->items[2], NULL, 10);
		at -= at > 0;
		from = 3;
	}
	rule = mem_alloc(sizeof(*rule));
	rule->line = p->line;
	ipt_rule_read(&r, words, from, rule);
	if (r.problem.len) {
		refuse(p, "%s", r.problem.s);
		ipt_rule_free(rule);
	} else
		insert_rule(p, chain, rule, is_append ? chain->rules.count : at);
	str_done(&r.problem);
}

static void read_rule_line(struct parser *p, const char *line)
{
	cleanup(ipt_words_done) struct ipt_words words = { 0 };
	const char *close;

	if (++p->rule_count > IPT_RULES_MAX) {
		odd(p);
		return;
	}
	if (line[0] == '[') {
		close = strchr(line, ']');
		if (!close) {
			refuse(p, "the counters before the rule are not closed by ]");
			return;
		}
		p->rules->has_counters = true;
		line = close + 1;
	}
	if (!ipt_words_split(line, &words)) {
		odd(p);
		return;
	}
	if (!words.count)
		refuse(p, "a line of blanks holds no command");
	else if (words.items[0][0] != '-')
		refuse(p, "\"%s\" is no command; a rule begins with -A", words.items[0]);
	else
		read_command(p, &words);
}

static void read_line(struct parser *p, char *line)
{
	size_t problems = p->rules->problems.count;

	if (line[0] == '\n' || line[0] == '#')
		return;
	/* The last line may lack its end; the nf_tables backend takes it then. */
	if (p->table && (str_eq(line, "COMMIT\n") || str_eq(line, "COMMIT"))) {
		p->table->commit_line = p->line;
		p->table->is_loaded = !p->rules->problems.count;
		p->table = NULL;
		return;
	}
	if (!p->table && line[0] == '*')
		begin_table(p, line);
	else if (!p->table)
		refuse(p, "%.60s stands outside of a table", line);
	else if (line[0] == ':')
		read_chain_line(p, line);
	else
		read_rule_line(p, line);
	/* Outside of a table there is no end to what would be refused next; one problem is enough.
	 */
	if (p->rules->problems.count > problems && !p->table)
		p->is_over = true;
}

/* Chains that lead back into themselves are refused by the kernel. */
static bool has_loop(struct ipt_chain *chain, unsigned depth, uint32_t generation,
		     const struct ipt_chain **ret)
{
	if (chain->is_being_walked || depth == DEPTH_MAX) {
		*ret = chain;
		return chain->is_being_walked;
	}
	if (chain->generation == generation)
		return false;
	chain->is_being_walked = true;
	vec_foreach (rule, &chain->rules)
		if ((*rule)->to && has_loop((*rule)->to, depth + 1, generation, ret)) {
			chain->is_being_walked = false;
			return true;
		}
	chain->is_being_walked = false;
	chain->generation = generation;
	return false;
}

static void look_for_loops(struct parser *p)
{
	vec_foreach (table, &p->rules->tables) {
		uint32_t generation = ++p->rules->generation;

		vec_foreach (chain, &(*table)->chains) {
			const struct ipt_chain *at = NULL;

			if (!has_loop(*chain, 0, generation, &at) || !at)
				continue;
			p->line = at->line ? at->line : (*table)->line;
			refuse(p, "the chain %s leads back into itself", at->name);
			(*table)->is_loaded = false;
			return;
		}
	}
}

/* The hook order of netfilter. */
static void find_bases(struct ipt_rules *rules)
{
	static const struct {
		enum ipt_hook hook;
		const char *table, *chain;
	} order[] = {
		{ IPT_BEFORE, "raw", "PREROUTING" },	  { IPT_BEFORE, "mangle", "PREROUTING" },
		{ IPT_TRANSLATE, "nat", "PREROUTING" },	  { IPT_INWARD, "mangle", "INPUT" },
		{ IPT_INWARD, "filter", "INPUT" },	  { IPT_INWARD, "security", "INPUT" },
		{ IPT_OUTWARD, "raw", "OUTPUT" },	  { IPT_OUTWARD, "mangle", "OUTPUT" },
		{ IPT_OUTWARD, "filter", "OUTPUT" },	  { IPT_OUTWARD, "security", "OUTPUT" },
		{ IPT_OUTWARD, "mangle", "POSTROUTING" },
	};

	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		struct ipt_table *table = ipt_table_find(rules, order[i].table);
		struct ipt_chain *chain = table ? ipt_chain_find(table, order[i].chain) : NULL;

		if (chain && table->is_loaded)
			vec_push(&rules->bases[order[i].hook], ((struct ipt_base){ table, chain }));
	}
}

void ipt_rules_read(const struct ipt_reading *reading, struct ipt_rules *ret)
{
	struct parser p = { .reading = reading, .rules = ret };

	*ret = (struct ipt_rules){ .is_v6 = reading->is_v6 };
	for (size_t at = 0; at < reading->len && !p.is_over;) {
		const char *start = reading->text + at;
		const char *end = memchr(start, '\n', reading->len - at);
		size_t len = end ? (size_t)(end - start) + 1 : reading->len - at;
		cleanup(free) char *line = mem_strndup(start, len);

		p.line++;
		at += len;
		if (len > LINE_BYTES_MAX || strlen(line) != len)
			odd(&p);
		else
			read_line(&p, line);
	}
	if (p.table && !p.is_over) {
		p.line = p.table->line;
		refuse(&p, "the table %s has no COMMIT", p.table->name);
	}
	look_for_loops(&p);
	find_bases(ret);
}

static void free_chain(struct ipt_chain *chain)
{
	flush_chain(chain);
	vec_done(&chain->rules);
	free(chain);
}

void ipt_rules_done(struct ipt_rules *rules)
{
	vec_foreach (table, &rules->tables) {
		vec_foreach (chain, &(*table)->chains)
			free_chain(*chain);
		vec_done(&(*table)->chains);
		free(*table);
	}
	vec_foreach (problem, &rules->problems)
		free(problem->text);
	for (size_t i = 0; i < IPT_HOOKS; i++)
		vec_done(&rules->bases[i]);
	vec_done(&rules->tables);
	vec_done(&rules->problems);
}
