/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_NFT_TERMS_H
#define CHECKS_NFT_TERMS_H

/* Within the reader of nft's rules: one match as alternatives, of which one must hold. */

#include "checks/nft.h"

struct nft_span {
	const struct nft_token *from, *to;
};
enum nft_selector_kind {
	NFT_IIF,
	NFT_OIF,
	NFT_SADDR,
	NFT_DADDR,
	NFT_PROTO,
	NFT_SPORT,
	NFT_DPORT,
	NFT_STATE,
	NFT_MARK,
	NFT_DTYPE,
	NFT_STYPE,
	NFT_FAMILY, /* meta nfproto, meta protocol, ether type */
	NFT_TCP_FLAGS,
	NFT_UNKNOWN, /* understood as a match, but not what it says of our packet */
};
struct nft_selector {
	enum nft_selector_kind kind;
	bool is_never; /* of another family or protocol: the rule is not for our packet */
	bool is_v6;    /* NFT_SADDR, NFT_DADDR */
};
/* The selector at `at`, of one to three words; NULL: none that is known. Otherwise past it. */
const struct nft_token *nft_selector_read(const struct nft_reader *, const struct nft_token *at,
					  const struct nft_token *to, struct nft_selector *ret);

struct nft_alternative {
	VEC(struct ipt_cond) conds; /* all must hold */
	struct nft_span verdict;    /* of a map; empty: none */
};
struct nft_term {
	VEC(struct nft_alternative) any;
};
void nft_term_done(struct nft_term *);
/* The condition that nothing is known. */
void nft_term_maybe(struct nft_term *);

enum nft_op { NFT_EQ, NFT_NE, NFT_LT, NFT_GT, NFT_LE, NFT_GE };
/* One selector against a list of values ("a, b-c, d"), as one alternative if it can be. */
void nft_term_values(const struct nft_reader *, const struct nft_selector *, enum nft_op,
		     const struct nft_span *values, struct nft_term *);
/* Appends conditions for one value to the alternative: keys of a concatenation, of a map. */
void nft_term_value(const struct nft_reader *, const struct nft_selector *,
		    const struct nft_span *value, struct nft_alternative *);

/* The next comma (or "." for keys) outside of braces, or the end. */
const struct nft_token *nft_next(const struct nft_token *at, const struct nft_token *to,
				 const char *separator);

/* One rule while it is read. */
struct nft_reading {
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

static inline void nft_maybe(struct nft_reading *x)
{
	nft_term_maybe(vec_add(&x->terms));
}

static inline bool nft_next_is(const struct nft_reading *x, const char *text)
{
	return x->at < x->to && nft_is(x->at, text);
}

static inline bool nft_take(struct nft_reading *x, const char *text)
{
	bool is_it = nft_next_is(x, text);

	x->at += is_it;
	return is_it;
}

static inline void nft_skip(struct nft_reading *x, size_t count)
{
	x->at += (size_t)(x->to - x->at) < count ? (size_t)(x->to - x->at) : count;
}
void nft_skip_block(struct nft_reading *); /* past the "}" of the next "{" */
/* The verdict at `at`; false: there is none. */
bool nft_verdict_read(const struct nft_token *at, const struct nft_token *to, enum ipt_target *ret,
		      const char **ret_jump, bool *ret_goto);
/* What does something; false: it is no statement that is known. */
bool nft_statement_read(struct nft_reading *);
/* What must hold; false: no selector that is known. */
bool nft_match_read(struct nft_reading *);
/* Something unknown: it may hold or not, up to the next word that begins a statement for sure. */
void nft_skip_unknown(struct nft_reading *);

#endif
