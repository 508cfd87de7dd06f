/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_NAT_SETUP_H
#define CHECKS_NAT_SETUP_H

/* What it takes to make a volume's system a NAT instance: kernel parameters, rules that translate and
 * let through, the service that loads them, and the interfaces that they speak of.
 *
 * Source: VPC user guide, "NAT instances"; iptables(8); nft(8); kernel: networking/ip-sysctl. */

#include "checks/check.h"
#include "checks/iptables_files.h"
#include "checks/nft.h"

#define NAT_OF_VPC "vpc" /* in the place of a range: whatever the cloud says of the VPC */

/* A private range as an operator writes it, "10.0.0.0/16". ERR_USAGE: a number or the length is
 * missing, or bits behind the length are set; the sentence says how to write it. */
int nat_range_read(const char *text, struct ip_net *ret, struct err *)
	__attribute__((warn_unused_result));
/* The other way round. */
void nat_range_text(const struct ip_net *, char ret[IP_TEXT_MAX]);

/* What is to be. */
struct nat_plan {
	const struct machine *machine;
	VEC(struct ip_net) ranges; /* of the hosts behind, never none */
	VEC(char *) names;	   /* of all cards, the one to the outside first */
	const char *out;	   /* the first of them */
	struct ipt_host_facts facts;
};
/* ERR_COULD_NOT_TELL: the ranges or the way out are not known. */
int nat_plan_make(const struct machine *, struct nat_plan *ret, struct err *)
	__attribute__((warn_unused_result));
void nat_plan_done(struct nat_plan *);
DEFINE_CLEANUP_DONE(struct nat_plan, nat_plan_done)

/* --- what rules do with the packets of the hosts behind ------------------------------------------ */

enum nat_end {
	NAT_FALLS_OFF, /* the end of the chain, where its policy counts */
	NAT_ACCEPTED,
	NAT_DROPPED,
	NAT_TRANSLATED,
	NAT_UNSURE, /* a program decides */
};
/* A packet of any host of the range to anywhere outside, or one that answers it. What ends it for sure;
 * rules that take only some of such packets are passed over, be it to accept or to drop them. *ret_rule:
 * which rule of this very chain (NULL: none). */
enum nat_end nat_walk(const struct nat_plan *, const struct ip_net *range, bool is_answer,
		      const struct ipt_chain *, const struct ipt_rule **ret_rule);
/* A rule of the chain that shall translate this range, and misses it: by its range, which is written with
 * less than four numbers or is only a part of it, or by its way out. NULL: none. */
struct nat_slip {
	const struct ipt_rule *rule;
	bool is_source, is_out; /* which words are wrong */
};
bool nat_find_slip(const struct nat_plan *, const struct ip_net *range, const struct ipt_chain *,
		   struct nat_slip *ret);
/* The words are condition and value alone, as far as such a rule goes. */
const struct ipt_cond *nat_cond(const struct ipt_rule *, enum ipt_cond_kind kind);

/* --- the rules of one file ------------------------------------------------------------------------- */

#define NAT_STEPS_MAX 24u /* changes of one file, each of which is judged anew */

struct nat_mended {
	struct nft_files files; /* as they have to be: the one that is loaded, what it includes */
	bool did_not_translate, was_shut; /* what was wrong with them; neither: nothing was */
	const char *why_not;		  /* they cannot be made so; NULL: they could */
	/* The rule that was nearly right, as the files were at first; NULL: there was none. */
	char *slip_path, *slip; /* " leads out of \"eth1\"" */
	uint32_t slip_line;
};
/* For the person: which rule is about to be corrected. */
void nat_note_slip(const struct nat_plan *, const struct nat_slip *, struct nat_mended *);
/* A file that is not there yet is made. */
void nat_mend_iptables(const struct nat_plan *, const char *path, struct nat_mended *ret);
void nat_mend_nft(const struct nat_plan *, const char *path, struct nat_mended *ret);
static inline void nat_mended_done(struct nat_mended *mended)
{
	nft_files_done(&mended->files);
	free(mended->slip_path);
	free(mended->slip);
}
DEFINE_CLEANUP_DONE(struct nat_mended, nat_mended_done)
/* In the text, the `len` bytes at `at` become others. */
void nat_text_replace(struct str *text, size_t at, size_t len, const char *new);
/* Would sshd be reached through them? Asked of rules that nothing loads yet. */
bool nat_lets_in(const struct nat_plan *, struct ipt_rules *);

/* --- who loads them ---------------------------------------------------------------------------------- */

struct nat_loader {
	char *path;
	const char *unit; /* NULL: something of the administrator's own, which is enabled */
	bool is_enabled, is_nft;
	uint32_t new_mode; /* of the file, when it is made */
};
/* 0, or 1: there is none, and one finding says so; -1: could not tell. */
int nat_loader_find(const struct nat_plan *, struct nat_loader *ret, struct findings *,
		    struct err *) __attribute__((warn_unused_result));
void nat_loader_done(struct nat_loader *);
DEFINE_CLEANUP_DONE(struct nat_loader, nat_loader_done)
/* The edits that start it at boot, as `systemctl enable` and `chkconfig` make them. */
void nat_loader_enable(const struct nat_plan *, const struct nat_loader *, struct edits *);

/* --- the rest of the system --------------------------------------------------------------------------- */

void nat_set_kernel(const struct nat_plan *, struct findings *);
/* false: what switches forwarding off cannot be changed, which is said. */
bool nat_set_networkd(const struct nat_plan *, struct findings *);
/* -1: the files of /etc/sysconfig cannot be read. */
int nat_set_interfaces(const struct nat_plan *, struct findings *, struct err *)
	__attribute__((warn_unused_result));
/* "10.0.0.0/16 and 10.1.0.0/16" */
void nat_ranges_text(const struct nat_plan *, struct str *into);

#endif
