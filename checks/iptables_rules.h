/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_IPTABLES_RULES_H
#define CHECKS_IPTABLES_RULES_H

/* Files of iptables-save read the way iptables-restore reads them.
 *
 * What is reported as an error is refused by both backends (legacy and nf_tables) of iptables 1.8;
 * where they differ, or where an old version accepts what a new one does not, nothing is claimed.
 * Source: iptables-restore(8), iptables(8), iptables-extensions(8); behaviour measured with 1.8.9.
 */

#include "base/str.h"
#include "base/ipaddr.h"

#define IPT_RULES_MAX 50000u
#define IPT_NAME_MAX  32

enum ipt_cond_kind {
	IPT_PROTO, /* value: protocol number, 0 is all */
	IPT_SRC,   /* nets */
	IPT_DST,
	IPT_IN, /* name, "eth+" for all that begin so */
	IPT_OUT,
	IPT_SPORT, /* ports */
	IPT_DPORT,
	IPT_PORT,      /* either */
	IPT_STATE,     /* value: bits of enum ipt_state */
	IPT_TCP_FLAGS, /* value and mask */
	IPT_MARK,
	IPT_DST_TYPE, /* value: bits of enum ipt_addr_type */
	IPT_SRC_TYPE,
	IPT_ORIGINAL, /* of the connection's first direction */
	IPT_ALWAYS,
	IPT_NEVER, /* for a whole TCP packet to this host */
	IPT_MAYBE, /* only the running system knows */
};
enum ipt_state {
	IPT_NEW = 1,
	IPT_ESTABLISHED = 2,
	IPT_RELATED = 4,
	IPT_INVALID = 8,
	IPT_UNTRACKED = 16,
	IPT_SNATED = 32,
	IPT_DNATED = 64,
};
enum ipt_addr_type { IPT_LOCAL = 1, IPT_UNICAST = 2, IPT_OTHER_TYPE = 4 };

/* An inclusive range of addresses, from a network without holes in its mask or a range. */
struct ipt_range {
	struct ip first, last;
};
struct ipt_cond {
	enum ipt_cond_kind kind;
	bool is_not;
	bool is_short; /* IPT_SRC: an address with less than four numbers, "10.0/16" */
	uint32_t value, mask;
	char name[16];
	VEC(struct ip_net) nets;
	VEC(struct ipt_range) ranges; /* nets without holes, and -m iprange */
	struct {
		uint16_t first, last;
	} ports[16];
	unsigned port_count;
};

enum ipt_target {
	IPT_NO_TARGET, /* counts and goes on */
	IPT_ACCEPT,
	IPT_DROP, /* and REJECT, TARPIT */
	IPT_RETURN,
	IPT_CHAIN,
	IPT_GO_ON,     /* LOG, MARK, ... */
	IPT_NOTRACK,   /* goes on; the packet's state is UNTRACKED */
	IPT_SET_MARK,  /* goes on; marks are unknown from there on */
	IPT_REDIRECT,  /* port; 0: unchanged */
	IPT_DNAT,      /* addr, when has_addr, and port */
	IPT_NAT,       /* SNAT, MASQUERADE: ends the nat table's chain */
	IPT_SOMETHING, /* NFQUEUE and what is not known: may end anyhow */
};
struct ipt_rule {
	uint32_t line;
	uint16_t file; /* of nft's files: which one, and where in it */
	size_t at;
	VEC(struct ipt_cond) conds;
	enum ipt_target target;
	char target_name[IPT_NAME_MAX];
	struct ipt_chain *to; /* IPT_CHAIN */
	bool is_goto;
	uint16_t port;
	bool has_addr;
	struct ip addr;
};
struct ipt_chain {
	char name[IPT_NAME_MAX];
	bool is_builtin;
	enum ipt_target policy; /* of a built-in one: IPT_ACCEPT or IPT_DROP */
	uint32_t line;		/* of its ":NAME" line; 0: none */
	uint16_t file;		/* of nft's files, and where its block ends; 0: it has none */
	size_t end_at;
	VEC(struct ipt_rule *) rules;
	/* For the evaluator: */
	uint32_t generation;
	unsigned outcome;
	bool is_being_walked;
};
struct ipt_table {
	char name[16];
	uint32_t line, commit_line; /* commit_line 0: there is none */
	VEC(struct ipt_chain *) chains;
	bool is_loaded; /* committed, and nothing before it is refused */
};
/* Where a packet of a connection to this host meets a chain. */
enum ipt_hook {
	IPT_BEFORE,    /* PREROUTING, but for nat */
	IPT_TRANSLATE, /* PREROUTING of nat */
	IPT_INWARD,    /* INPUT */
	IPT_OUTWARD,   /* OUTPUT, and POSTROUTING but for nat */
	/* Which a packet to this host does not meet, but those of other hosts; of nft's files only: */
	IPT_ONWARD,  /* FORWARD */
	IPT_LEAVING, /* POSTROUTING of nat */
	IPT_HOOKS,
};
struct ipt_base {
	struct ipt_table *table;
	struct ipt_chain *chain;
};
VEC_TYPE(ipt_bases, struct ipt_base);
struct ipt_problem {
	uint32_t line;
	char *text; /* why iptables-restore refuses it */
};
struct ipt_rules {
	bool is_v6;
	VEC(struct ipt_table *) tables;
	struct ipt_bases bases[IPT_HOOKS]; /* in the order in which a packet meets them */
	VEC(struct ipt_problem) problems;  /* certain ones, in the order of the file */
	bool has_counters;		   /* rules are written as "[0:0] -A ..." */
	bool is_odd;	     /* -D, -R and the like: the order of rules is not certain */
	uint32_t odd_line;   /* where */
	uint32_t generation; /* the walker's */
	bool has_opaque;     /* a match or target that this program does not know */
};

struct ipt_reading {
	const char *text;
	size_t len;
	bool is_v6;
	bool refuses_old_negation; /* "-s ! 10.0.0.0/8": old versions take it, 1.8.8 and later do
				      not */
	const struct str *services, *protocols; /* of the volume; NULL: it has none */
};
/* Never fails; what is wrong is in `problems`. */
void ipt_rules_read(const struct ipt_reading *reading, struct ipt_rules *ret);
void ipt_rules_done(struct ipt_rules *);
DEFINE_CLEANUP_DONE(struct ipt_rules, ipt_rules_done)

struct ipt_table *ipt_table_find(const struct ipt_rules *, const char *name); /* the last one */
struct ipt_chain *ipt_chain_find(const struct ipt_table *, const char *name);

/* --- within the reader -------------------------------------------------------------------- */

/* Words of one line; '"' quotes. At most 254; false: more. */
struct ipt_words {
	char **items;
	size_t count, room;
};
bool ipt_words_split(const char *line, struct ipt_words *ret);
void ipt_words_done(struct ipt_words *);
DEFINE_CLEANUP_DONE(struct ipt_words, ipt_words_done)

/* A rule's words behind the command ("-A INPUT") as conditions and target. `problem` gets one
 * sentence when both backends refuse it. */
struct ipt_rule_reader {
	const struct ipt_reading *reading;
	struct ipt_rules *rules;
	const struct ipt_table *table;
	const struct ipt_chain *chain;
	struct str problem;
};
void ipt_rule_read(struct ipt_rule_reader *, const struct ipt_words *, size_t from,
		   struct ipt_rule *ret);
void ipt_rule_free(struct ipt_rule *);
/* The condition appended to the rule. */
struct ipt_cond *ipt_cond_add(struct ipt_rule *, enum ipt_cond_kind kind, bool is_not);

/* Names. */
enum ipt_known { IPT_UNKNOWN, IPT_KNOWN, IPT_NOT_TOLD };
enum ipt_known ipt_port(const struct ipt_reading *, const char *text, uint16_t *ret);
enum ipt_known ipt_protocol(const struct ipt_reading *, const char *text, uint32_t *ret);
bool ipt_is_match(const char *name);			      /* some iptables has such a match */
bool ipt_target_kind(const char *name, enum ipt_target *ret); /* some iptables has it */
bool ipt_is_builtin(const char *table, const char *chain);
bool ipt_is_table(const char *name);

#endif
