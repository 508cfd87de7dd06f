/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_SUDOERS_PARSE_H
#define CHECKS_SUDOERS_PARSE_H

/* Between the two files of the grammar of sudoers. Functions that read return false when sudo would
 * complain; the problem is noted then. */

#include "checks/sudoers.h"

struct sudoers_parser {
	struct sudoers_reader *reader;
	struct sudoers_scan scan;
	enum sudoers_token token; /* the one that is looked at */
	uint32_t first;		  /* line on which the entry begins */
	size_t problems_before;
	/* of the entry, until it is known to be good */
	struct sudoers_members who;
	VEC(struct sudoers_privilege) privileges;
	VEC(struct sudoers_default) defaults;
	char *include;
	uint32_t include_line;
	bool include_is_dir;
};

/* A list of users, hosts or groups. */
enum list { LIST_USERS, LIST_HOSTS, LIST_GROUPS };

void sudoers_next(struct sudoers_parser *p);
bool sudoers_fail(struct sudoers_parser *p, const char *what);
bool sudoers_expect(struct sudoers_parser *p, enum sudoers_token token);
void sudoers_members_done(struct sudoers_members *members);
void sudoers_privilege_done(struct sudoers_privilege *privilege);
bool sudoers_read_list(struct sudoers_parser *p, enum list list, struct sudoers_members *ret);
bool sudoers_read_commands(struct sudoers_parser *p, struct sudoers_members *ret);
bool sudoers_read_privilege(struct sudoers_parser *p, struct sudoers_privilege *ret);

#endif
