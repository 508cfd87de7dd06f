/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/nft_terms.h"

void nft_skip_block(struct nft_reading *x)
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

bool nft_verdict_read(const struct nft_token *at, const struct nft_token *to, enum ipt_target *ret,
		      const char **ret_jump, bool *ret_goto)
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
static void read_destination(struct nft_reading *x, bool has_address)
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

static bool read_nat(struct nft_reading *x)
{
	bool is_dnat = nft_next_is(x, "dnat"), is_redirect = nft_next_is(x, "redirect");

	if (nft_take(x, "masquerade") || nft_take(x, "snat"))
		x->target = IPT_NAT;
	else if (is_dnat || is_redirect) {
		x->at++;
		x->target = is_dnat ? IPT_DNAT : IPT_REDIRECT;
		if (!nft_take(x, "ip"))
			nft_take(x, "ip6");
		read_destination(x, is_dnat);
	} else
		return false;
	x->has_verdict = x->is_done = true;
	return true;
}

/* --- statements that do not decide --------------------------------------------------------- */

static void read_log(struct nft_reading *x)
{
	static const char *const with_value[] = { "prefix", "level", "group", "snaplen",
						  "queue-threshold" };
	bool more = true;

	while (more && x->at < x->to) {
		more = false;
		for (size_t i = 0; i < ARRAY_LEN(with_value); i++)
			if (nft_take(x, with_value[i])) {
				nft_skip(x, 1);
				more = true;
			}
		if (nft_take(x, "flags")) {
			if (nft_take(x, "tcp") || nft_take(x, "ip")) {
				nft_skip(x, 1);
				while (nft_take(x, ","))
					nft_skip(x, 1);
			} else
				nft_skip(x, 1);
			more = true;
		}
	}
}

static void read_limit(struct nft_reading *x)
{
	nft_maybe(x);
	if (!nft_take(x, "rate")) {
		nft_take(x, "name");
		nft_skip(x, 1);
		return;
	}
	nft_take(x, "over");
	nft_skip(x, 1);
	if (nft_take(x, "/"))
		nft_skip(x, 1);
	else if (x->at < x->to && x->at->kind == NFT_WORD && strstr(x->at->text, "bytes"))
		nft_skip(x, 1);
	if (nft_take(x, "burst")) {
		nft_skip(x, 1);
		if (x->at < x->to && (nft_is(x->at, "packets") || strstr(x->at->text, "bytes")))
			nft_skip(x, 1);
	}
}

/* "add @set { ip saddr limit rate 3/minute }": a condition, when something is counted in it. */
static void read_update(struct nft_reading *x)
{
	const struct nft_token *start = x->at;
	bool is_condition = false;

	nft_skip_block(x);
	for (; start < x->at; start++)
		is_condition |=
			nft_is(start, "limit") || nft_is(start, "count") || nft_is(start, "quota");
	if (is_condition)
		nft_maybe(x);
}

/* "meta mark set 1", "tcp option maxseg size set rt mtu" */
static bool read_assignment(struct nft_reading *x)
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
	nft_skip(x, set + 1);
	if (nft_next_is(x, "rt") || nft_next_is(x, "ct") || nft_next_is(x, "meta"))
		nft_skip(x, 1);
	nft_skip(x, 1);
	return true;
}

bool nft_statement_read(struct nft_reading *x)
{
	if (nft_verdict_read(x->at, x->to, &x->target, &x->jump_to, &x->is_goto)) {
		x->has_verdict = x->is_done = true;
		return true;
	}
	if (read_nat(x) || read_assignment(x))
		return true;
	if (nft_take(x, "counter")) {
		if (nft_take(x, "packets"))
			nft_skip(x, 3);
		else if (nft_take(x, "name"))
			nft_skip(x, 1);
	} else if (nft_take(x, "log"))
		read_log(x);
	else if (nft_take(x, "limit"))
		read_limit(x);
	else if (nft_take(x, "comment"))
		nft_skip(x, 1);
	else if (nft_take(x, "notrack"))
		x->is_notrack = true;
	else if (nft_next_is(x, "add") || nft_next_is(x, "update") || nft_next_is(x, "delete"))
		read_update(x);
	else if (nft_take(x, "meter")) {
		nft_maybe(x);
		nft_skip_block(x);
	} else if (nft_take(x, "flow"))
		nft_skip(x, 3);
	else if (nft_next_is(x, "queue") || nft_next_is(x, "tproxy") ||
		 nft_next_is(x, "synproxy") || nft_next_is(x, "fwd") || nft_next_is(x, "xt")) {
		x->target = IPT_SOMETHING;
		x->has_verdict = x->is_done = true;
	} else
		return false;
	return true;
}
