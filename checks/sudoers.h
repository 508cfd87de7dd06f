/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_SUDOERS_H
#define CHECKS_SUDOERS_H

/* sudoers the way the volume's own sudo reads it, and who may become root by it.
 *
 * Source: sudoers(5); the behaviour of sudo's scanner and grammar (plugins/sudoers) by version:
 * since 1.9.3 an entry with a syntax error is dropped and the rest counts, before that sudo refuses
 * to run; the last rule that matches wins; files of an include directory are read in the order of
 * their names, without those that hold a dot or end in '~'. */

#include "checks/check.h"
#include "checks/sshd_people.h"

#include <regex.h>

/* --- which sudo ---------------------------------------------------------------------------- */

/* major * 10000 + minor * 100 + patch: 1.9.13 is 10913; 0: unknown. */
uint32_t sudo_version(const struct machine *);
/* Is sudo on the volume at all? The path of its program; NULL: it is not. Borrowed. */
const char *sudo_program(const struct machine *);
/* The first version that goes on behind a syntax error. */
#define SUDO_RECOVERS 10903u
/* Does it here? True also when the version is unknown: then a broken line is no certain lock-out. */
bool sudo_recovers(const struct machine *);

/* --- scanner ------------------------------------------------------------------------------- */

enum sudoers_token {
	SUDOERS_END,
	SUDOERS_NEWLINE,
	SUDOERS_BAD, /* no token at all; `what` may say why */
	SUDOERS_COMMAND,
	SUDOERS_ALIAS,
	SUDOERS_DEFVAR,
	SUDOERS_NETWORK,
	SUDOERS_NETGROUP,
	SUDOERS_GROUP,
	SUDOERS_WORD,
	SUDOERS_DIGEST,
	SUDOERS_INCLUDE,
	SUDOERS_INCLUDEDIR,
	SUDOERS_DEFAULTS,
	SUDOERS_DEFAULTS_USER,
	SUDOERS_DEFAULTS_RUNAS,
	SUDOERS_DEFAULTS_HOST,
	SUDOERS_DEFAULTS_CMND,
	SUDOERS_TAG,
	SUDOERS_ALL,
	SUDOERS_HOST_ALIAS,
	SUDOERS_CMND_ALIAS,
	SUDOERS_USER_ALIAS,
	SUDOERS_RUNAS_ALIAS,
	SUDOERS_OPTION, /* CWD, CHROOT, TIMEOUT, NOTBEFORE, NOTAFTER, ROLE, TYPE */
	SUDOERS_SHA,
	SUDOERS_COLON,
	SUDOERS_EQUALS,
	SUDOERS_COMMA,
	SUDOERS_NOT,
	SUDOERS_PLUS,
	SUDOERS_MINUS,
	SUDOERS_OPEN,
	SUDOERS_CLOSE,
};
struct sudoers_scan {
	const char *p, *start, *end;
	uint32_t version; /* known: an unknown one is taken for the newest */
	uint32_t line;	  /* on which the next token is looked for */
	uint32_t token_line;
	enum sudoers_state {
		SCAN_INITIAL,
		SCAN_GOTDEFS,
		SCAN_STARTDEFS,
		SCAN_INDEFS,
		SCAN_COMMAND,
		SCAN_REGEX,
		SCAN_STRING,
		SCAN_DIGEST,
		SCAN_INCLUDE,
		SCAN_PATH,
	} state,
		before; /* `before`: of a string, or of an expected path */
	bool is_continued, at_line_start, has_args;
	size_t digest_len;
	struct str text;   /* of a token that has one, quotes and escapes taken away */
	const char *what;  /* of SUDOERS_BAD; NULL: nothing special */
	regex_t four, six; /* addresses; made when the first one may be there */
	bool has_four, has_six;
};
void sudoers_scan_init(struct sudoers_scan *, const struct str *text, uint32_t version);
enum sudoers_token sudoers_scan_next(struct sudoers_scan *);
void sudoers_scan_done(struct sudoers_scan *);
DEFINE_CLEANUP_DONE(struct sudoers_scan, sudoers_scan_done)

/* --- grammar ------------------------------------------------------------------------------- */

struct sudoers_member {
	enum sudoers_token kind; /* ALIAS, ALL, NETGROUP, GROUP, NETWORK, WORD or COMMAND */
	char *name;		 /* "" for ALL; of a command: the path and its arguments */
	bool is_negated;
};
VEC_TYPE(sudoers_members, struct sudoers_member);
struct sudoers_command {
	struct sudoers_members users; /* Runas; empty: root */
	bool has_runas, has_runas_group_only;
	int nopasswd; /* 1 NOPASSWD, 0 PASSWD, -1 neither */
	struct sudoers_member command;
};
VEC_TYPE(sudoers_commands, struct sudoers_command);
struct sudoers_privilege {
	struct sudoers_members hosts;
	struct sudoers_commands commands;
};
struct sudoers_rule {
	const char *path; /* one of sudoers.files */
	uint32_t line, line_count;
	struct sudoers_members users;
	VEC(struct sudoers_privilege) privileges;
};
struct sudoers_alias {
	enum sudoers_token kind; /* SUDOERS_USER_ALIAS, ... */
	char *name;
	struct sudoers_members members;
};
struct sudoers_default {
	const char *path;
	uint32_t line, line_count;
	enum sudoers_token kind; /* SUDOERS_DEFAULTS, ... */
	struct sudoers_members who;
	char *name, *value; /* value NULL: none */
	bool is_off;	    /* "!name" */
};
struct sudoers_problem {
	const char *path;
	uint32_t line;		 /* where sudo sees it */
	uint32_t first, count;	 /* lines of the whole entry */
	const char *what;	 /* "syntax error" */
	bool is_missing_include; /* the entry is in order, the file that it names is not there */
};
struct sudoers_file {
	char *path;
	bool is_refused; /* because of its mode or owner; nothing of it counts */
	bool is_from_directory;
};
struct sudoers {
	VEC(struct sudoers_file *) files;
	VEC(struct sudoers_rule) rules;
	VEC(struct sudoers_alias) aliases;
	VEC(struct sudoers_default) defaults;
	VEC(struct sudoers_problem) problems; /* in the order of reading */
	VEC(char *) directories;	      /* that an includedir names, as resolved */
	bool is_refused;		      /* the main file is, or is not there */
	bool is_incomplete;   /* too many files, or one that cannot be read: rules may be missing */
	uint32_t *steps_left; /* of working out who may; none left: perhaps they do */
};
/* One file and no other: includes are not followed. For comparing with visudo. */
void sudoers_parse(const struct str *text, uint32_t version, struct sudoers *ret);
/* /etc/sudoers (or the vendor's) with all that it includes. Worked out once and kept. Never NULL. */
const struct sudoers *sudoers_model(const struct machine *);
/* "/etc/sudoers", or the one in /usr/etc where that alone is there. */
const char *sudoers_path(const struct machine *);
void sudoers_init(struct sudoers *);
void sudoers_done(struct sudoers *);
DEFINE_CLEANUP_DONE(struct sudoers, sudoers_done)
/* Not one line of the main file is any that sudo would take: it is no sudoers at all. */
bool sudoers_is_garbage(const struct sudoers *);
/* Would sudo refuse a file with this owner and mode? */
bool sudoers_mode_is_refused(const struct tree_stat *);

/* Between the files of the parser. `into` collects; include (may be NULL) is told of includes. */
struct sudoers_reader {
	struct sudoers *into;
	uint32_t version;
	const char *path; /* lives as long as `into` */
	void (*include)(void *arg, const char *from, const char *name, bool is_dir, uint32_t line);
	void *arg;
};
void sudoers_read_text(struct sudoers_reader *, const struct str *text);

/* --- who may ------------------------------------------------------------------------------- */

enum sudo_right {
	SUDO_NOTHING,
	SUDO_SOME, /* some commands, or perhaps: it depends on the host or a directory service */
	SUDO_PASSWORD, /* everything as root, with a password that the account does not have */
	SUDO_ROOT,     /* everything as root */
};
struct sudo_verdict {
	enum sudo_right right;
	const struct sudoers_rule *rule; /* the last one that counts; NULL: none */
};
struct sudo_verdict sudoers_verdict(const struct sudoers *, const struct machine *,
				    const struct person *);

/* Does the name of a user or group stand in a rule as it is, and mean just that? Not with characters
 * that would have to be escaped, not where it would be read as an alias (capitals alone: sudoers(5), Aliases). */
bool sudoers_is_name(const char *name);

/* What a broken entry was to say, and of whom. */
struct sudoers_intent {
	char *name;	   /* "%wheel", "admin" */
	bool is_for_admin; /* it is the admin, or a group of theirs, and is a name for a rule */
	bool is_clear;	   /* everything, as root, and nothing else */
	bool is_without_password, has_group;
};
void sudoers_intent_read(const struct machine *, const struct sudoers_problem *,
			 const struct person *admin, struct sudoers_intent *ret);
void sudoers_intent_done(struct sudoers_intent *);
DEFINE_CLEANUP_DONE(struct sudoers_intent, sudoers_intent_done)

/* Those who are meant to get in and to become root. */
struct sudo_people {
	const struct people *people; /* NULL: nothing is known */
	const struct person *admin;  /* who ought to: the default user, or whoever logs in; NULL */
	bool root_logs_in;	     /* then sudo is not the only way */
	bool somebody_may;	     /* become root, or perhaps */
};
/* Would this text, alone, make the person root (or perhaps)? */
bool sudoers_text_grants(const struct machine *, const struct str *text, const struct person *);
int sudo_people_load(const struct machine *, const struct sudoers *, struct sudo_people *ret,
		     struct err *err) __attribute__((warn_unused_result));

#endif
