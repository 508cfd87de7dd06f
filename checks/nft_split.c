/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/nft.h"

#include <ctype.h>

struct splitter {
	const char *s;
	size_t len, at;
	uint32_t line;
	uint16_t file;
	struct nft_tokens *into;
};

static void push(struct splitter *x, enum nft_token_kind kind, size_t start, size_t len)
{
	vec_push(x->into, ((struct nft_token){ kind, x->file, x->line, start,
					       mem_strndup(x->s + start, len) }));
}

/* The length of an address with colons (IPv6, MAC) with its prefix; 0: it is none. "22:drop" has one
 * colon only. */
static size_t colon_address(const struct splitter *x)
{
	size_t n = 0;
	unsigned colons = 0;

	while (x->at + n < x->len &&
	       (isxdigit((unsigned char)x->s[x->at + n]) || strchr(":.", x->s[x->at + n]))) {
		if (!x->s[x->at + n])
			return 0;
		colons += x->s[x->at + n] == ':';
		n++;
	}
	if (colons < 2)
		return 0;
	if (x->at + n < x->len && x->s[x->at + n] == '/')
		for (n++; x->at + n < x->len && isdigit((unsigned char)x->s[x->at + n]);)
			n++;
	return n;
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("_-/.*", c)) || (c & 0x80);
}

static void split_word(struct splitter *x)
{
	size_t n = colon_address(x);

	while (x->at + n < x->len && is_word(x->s[x->at + n]))
		n++;
	push(x, NFT_WORD, x->at, n);
	x->at += n;
}

static bool split_string(struct splitter *x)
{
	char quote = x->s[x->at];
	size_t start = x->at + 1, end = start;

	while (end < x->len && x->s[end] != quote && x->s[end] != '\n')
		end++;
	if (end == x->len || x->s[end] != quote)
		return false;
	push(x, NFT_STRING, start, end - start);
	x->into->items[x->into->count - 1].at = start - 1;
	x->at = end + 1;
	return true;
}

static void split_symbol(struct splitter *x)
{
	static const char *const pairs[] = { "!=", "==", "<=", ">=", "<<", ">>" };
	size_t n = 1;

	for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
		if (x->len - x->at >= 2 && !memcmp(x->s + x->at, pairs[i], 2))
			n = 2;
	push(x, x->s[x->at] == ';' ? NFT_END : NFT_SYMBOL, x->at, n);
	x->at += n;
}

/* Anything that is no blank, comment or line end. */
static bool split_one(struct splitter *x)
{
	char c = x->s[x->at];
	size_t n = 1;

	if (c == '"' || c == '\'')
		return split_string(x);
	if (c == '$') {
		while (x->at + n < x->len &&
		       (isalnum((unsigned char)x->s[x->at + n]) || x->s[x->at + n] == '_'))
			n++;
		push(x, NFT_VARIABLE, x->at + 1, n - 1);
		x->at += n;
		return true;
	}
	/* "." alone joins keys; a "-" alone is of a range with blanks. */
	if ((is_word(c) && c != '.') || (c == ':' && colon_address(x)))
		split_word(x);
	else
		split_symbol(x);
	return true;
}

bool nft_split(const struct str *text, uint16_t file, struct nft_tokens *into,
	       const char **ret_problem, uint32_t *ret_line)
{
	struct splitter x = { text->s, text->len, 0, 1, file, into };

	while (x.at < x.len && into->count < NFT_TOKENS_MAX) {
		char c = x.s[x.at];

		if (c == '#') {
			while (x.at < x.len && x.s[x.at] != '\n')
				x.at++;
		} else if (c == '\\' && x.at + 1 < x.len && x.s[x.at + 1] == '\n') {
			x.at += 2;
			x.line++;
		} else if (c == '\n') {
			push(&x, NFT_END, x.at++, 1);
			x.line++;
		} else if (c == ' ' || c == '\t' || c == '\r') {
			x.at++;
		} else if (!split_one(&x)) {
			*ret_problem = "a quote that is not closed";
			*ret_line = x.line;
			return false;
		}
	}
	push(&x, NFT_END, x.at, 0);
	return true;
}

void nft_tokens_done(struct nft_tokens *tokens)
{
	vec_foreach (token, tokens)
		free(token->text);
	vec_done(tokens);
}
