/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_UFW_H
#define CHECKS_UFW_H

/* What ufw loads at boot, put together as one text of iptables-restore, so that the reader and the
 * evaluator of iptables judge it.
 *
 * /lib/ufw/ufw-init makes ufw's own chains, loads before.rules, after.rules and user.rules one by one
 * (each table of a file as a whole or not at all; a file that fails does not stop the next), hooks
 * the user chains behind before.rules and sets the policies. Source: ufw-framework(8);
 * ufw-init-functions of ufw 0.36. */

#include "checks/iptables_files.h"

enum ufw_kind { UFW_BEFORE, UFW_AFTER, UFW_USER, UFW_FILES };

struct ufw_file {
	const char *path;
	bool is_there; /* and not empty: ufw-init skips an empty one */
	struct str text;
	struct ipt_rules alone; /* the file by itself, for its problems; lines are the file's */
};
struct ufw {
	const struct machine *machine;
	bool is_started; /* enabled as a unit and in ufw.conf */
	bool is_v6;
	const char *loader;
	char input[8], output[8], forward[8]; /* default policies */
	struct ufw_file files[UFW_FILES];
};
/* Reads the settings and, when it is started, the files. -1: a setting cannot be told. */
int ufw_read(const struct machine *, bool is_v6, struct ufw *ret, struct err *)
	__attribute__((warn_unused_result));
void ufw_done(struct ufw *);
DEFINE_CLEANUP_DONE(struct ufw, ufw_done)
/* The text of one file as it would be; judged anew. */
void ufw_set_text(struct ufw *, enum ufw_kind, const struct str *text);

struct ufw_line {
	enum ufw_kind file; /* UFW_FILES: a line that ufw makes itself */
	uint32_t line;
};
struct ufw_rules {
	struct ipt_rules rules;
	struct str text;
	VEC(struct ufw_line) lines; /* where each line of the text comes from */
};
void ufw_assemble(const struct ufw *, struct ufw_rules *ret);
void ufw_rules_done(struct ufw_rules *);
DEFINE_CLEANUP_DONE(struct ufw_rules, ufw_rules_done)

#endif
