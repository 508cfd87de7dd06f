/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_NFT_H
#define CHECKS_NFT_H

/* Files of nft(8) commands, as far as rule sets go that people write, turned into the chains and
 * conditions that the evaluator of iptables follows.
 *
 * Understood are tables of all families (of which those that a TCP packet over IP meets are kept),
 * base chains by hook and priority, jump, goto, return, sets, maps of verdicts, concatenations,
 * intervals, definitions, includes, the commands flush, delete, add, insert. What is not understood
 * is a rule that may do anything, so it never makes a packet certainly lost; a command that is not
 * makes the whole "odd". Source: nft(8) of 1.0.6; verdicts compared with the kernel's. */

#include "checks/iptables_files.h"

#define NFT_FILES_MAX  64u
#define NFT_TOKENS_MAX 300000u
#define NFT_WORK_MAX   2000000u

enum nft_token_kind {
	NFT_WORD,
	NFT_STRING,
	NFT_SYMBOL,
	NFT_VARIABLE,
	NFT_END /* of a statement */
};
struct nft_token {
	enum nft_token_kind kind;
	uint16_t file;
	uint32_t line;
	size_t at;  /* in the file */
	char *text; /* NFT_SYMBOL: one or two characters; NFT_VARIABLE: without its $ */
};
VEC_TYPE(nft_tokens, struct nft_token);

struct nft_file {
	char *path;
	struct str text;
};
struct nft_files {
	struct nft_file *items; /* the first one is what is loaded; the others are included */
	size_t count, room;
};
/* The file as it is on the volume, if it is there: the first of `ret`. */
void nft_files_start(const struct machine *, const char *path, struct nft_files *ret);
void nft_files_done(struct nft_files *);
DEFINE_CLEANUP_DONE(struct nft_files, nft_files_done)

struct nft_rules {
	struct ipt_rules rules; /* of one family; `file` and `at` of its rules and chains are set */
	char *problem;		/* nft certainly refuses the file: nothing of it is loaded */
	uint32_t problem_line;
	uint16_t problem_file;
};
/* The text that is loaded, with `known` texts instead of those on the volume (the first is the file
 * itself), and for one family. Files that are included are appended to `files`. */
void nft_read(const struct machine *, struct nft_files *files, bool is_v6, struct nft_rules *ret);
void nft_rules_done(struct nft_rules *);
DEFINE_CLEANUP_DONE(struct nft_rules, nft_rules_done)

struct nft_place {
	const struct ipt_table *table;
	const struct ipt_chain *chain;
	const struct ipt_rule *before; /* a rule of the chain; NULL: behind all of them */
};
/* Puts a rule into the texts from which the chain was read: a line of its own where the others have
 * one. False: there is no way. */
bool nft_put(struct nft_files *, const struct nft_place *, const char *rule);

/* Paths that `nft -f` loads at boot, and by what; appended, to be freed. */
struct nft_loaded {
	char *path, *unit;
	bool is_contested; /* firewalld is started too, and one stops the other */
	bool has_iptables; /* rules of iptables are loaded too, perhaps into tables of nft */
};
VEC_TYPE(nft_loads, struct nft_loaded);
void nft_loads_find(const struct machine *, struct nft_loads *ret);
/* Those that it would load, if nftables.service was started. */
void nft_loads_would(const struct machine *, struct nft_loads *ret);
void nft_loads_done(struct nft_loads *);
DEFINE_CLEANUP_DONE(struct nft_loads, nft_loads_done)

/* --- within the reader -------------------------------------------------------------------- */

/* Appends the file's tokens. False: a problem, set in *ret (NULL text on success). */
bool nft_split(const struct str *text, uint16_t file, struct nft_tokens *into,
	       const char **ret_problem, uint32_t *ret_line);
void nft_tokens_done(struct nft_tokens *);

static inline bool nft_is(const struct nft_token *token, const char *text)
{
	return token->kind != NFT_STRING && token->kind != NFT_VARIABLE && token->kind != NFT_END &&
	       str_eq(token->text, text);
}
void nft_token_push(struct nft_tokens *into, const struct nft_token *token); /* a copy */
/* The first problem and the first odd place count. */
void nft_problem(struct nft_rules *, const struct nft_token *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void nft_odd(struct nft_rules *, const struct nft_token *at);
/* One stream of tokens: the first of the files, with what it includes and its variables put in. */
void nft_load(const struct machine *, struct nft_files *, struct nft_rules *ret,
	      struct nft_tokens *all);

struct nft_set {
	char *table, *name;	    /* table: "inet filter" */
	bool is_unsure;		    /* filled while the system runs */
	struct nft_tokens elements; /* tokens between the braces; texts are owned */
};
struct nft_chain {
	char *table, *name;
	struct ipt_table *in;
	struct ipt_chain *chain;
	bool is_used;	/* its table is one that our packet meets */
	size_t command; /* the number of the one that makes it */
	/* Of a base chain: */
	bool is_base;
	enum ipt_hook hook;
	long priority;
	bool is_kept; /* its hook is one that our packet passes */
};
struct nft_jump {
	const struct ipt_chain *from;
	struct ipt_rule *rule; /* NULL: flushed */
	char *table, *name;
	uint32_t line;
	uint16_t file;
	size_t command;
};
struct nft_reader {
	const struct machine *machine;
	struct nft_rules *ret;
	struct ipt_reading reading; /* names of ports and protocols */
	VEC(struct nft_set) sets;
	VEC(struct nft_chain) chains;
	VEC(struct nft_jump) jumps;
	size_t rule_count;
	size_t command; /* which one is read */
	size_t work;	/* elements of sets put into rules; past NFT_WORK_MAX nothing is sure */
};
/* Past the "}" that belongs to the first "{" from `at` on; NULL: there is none. */
const struct nft_token *nft_block_end(const struct nft_token *at, const struct nft_token *end);
/* The end of the statement at `at`, braces in it included. */
const struct nft_token *nft_statement_end(const struct nft_token *at, const struct nft_token *end);
/* Chains, and what is in a chain, end with a line or a ";": not so at `at`. */
void nft_expect_end(struct nft_reader *, const struct nft_token *at);
void nft_table_delete(struct nft_reader *, const char *table); /* NULL: all */
struct nft_chain *nft_chain_find(struct nft_reader *, const char *table, const char *name);
void nft_chain_flush(struct nft_reader *, struct nft_chain *);
/* A chain's block between `open` and `close`; open NULL: it has none. */
void nft_chain_read(struct nft_reader *, const char *table, const struct nft_token *name,
		    const struct nft_token *open, const struct nft_token *close);
/* "{ type …; flags …; elements = { … } }": [from, to) lies between the braces. */
void nft_set_read(struct nft_reader *, const char *table, const char *name,
		  const struct nft_token *from, const struct nft_token *to);
void nft_set_add(struct nft_set *, const struct nft_token *from, const struct nft_token *to);
struct nft_set *nft_set_find(struct nft_reader *, const char *table, const char *name);
/* One rule's tokens [from, to), as one or more rules at the end of (or before) the chain's. */
void nft_rule_read(struct nft_reader *, const struct nft_chain *, const struct nft_token *from,
		   const struct nft_token *to, bool is_insert);

#endif
