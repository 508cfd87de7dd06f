/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_ACCOUNTS_H
#define CHECKS_ACCOUNTS_H

/* passwd, shadow and group as glibc reads them, line by line, and edits of one field.
 *
 * Source: passwd(5), shadow(5), group(5); glibc's parsers, which skip a line without a word: what
 * has no valid numbers is no account, fields that are missing at the end of passwd are empty. */

#include "checks/sshd_people.h"

enum account_file { ACCOUNT_PASSWD, ACCOUNT_SHADOW, ACCOUNT_GROUP };
#define SHADOW_FIELDS 9
enum shadow_field {
	SHADOW_NAME,
	SHADOW_PASSWORD,
	SHADOW_CHANGED,
	SHADOW_MIN,
	SHADOW_MAX,
	SHADOW_WARN,
	SHADOW_INACTIVE,
	SHADOW_EXPIRE,
	SHADOW_FLAG
};

struct account_line {
	uint32_t line;
	char *text;	 /* without its line end */
	char *name;	 /* what is before the first colon, leading blanks taken away */
	bool is_account; /* false: glibc skips it */
	bool is_ignored; /* empty, a comment, or one for NIS ("+"): nothing is wrong with it */
};
VEC_TYPE(account_lines, struct account_line);
void account_lines_read(enum account_file, const struct str *text, struct account_lines *ret);
void account_lines_done(struct account_lines *);
DEFINE_CLEANUP_DONE(struct account_lines, account_lines_done)
/* The account of that name, or (is_account false) a line that was to be it; NULL: none. */
const struct account_line *account_find(const struct account_lines *, const char *name);

/* A field's number; -1: empty or not there. */
int64_t account_number(const struct account_line *, unsigned field);
/* Replaces one field of the line. */
void account_edit_field(const struct account_line *, const char *path, const struct str *text,
			unsigned field, const char *value, struct edits *);

/* Replaces the field and all behind it: passwd's shell takes the rest of the line. */
void account_edit_rest(const struct account_line *, const char *path, const struct str *text,
		       unsigned field, const char *value, struct edits *edits);

/* The newest day that the volume has seen, in days since 1970: the clock will not be behind it. */
int64_t accounts_newest_day(const struct machine *);

/* As sshd_model(), but also without an sshd_config: then by sshd's defaults. *ret_conf may be NULL
 * as an argument. */
int accounts_people(const struct machine *, const struct sshd_conf **ret_conf,
		    const struct people **ret, struct err *err) __attribute__((warn_unused_result));
/* Keys, a password, or the cloud image's own user: somebody who is to log in. */
bool account_has_way_in(const struct person *);
/* Does sshd ask PAM? True without an sshd_config. */
bool accounts_use_pam(const struct machine *);

#endif
