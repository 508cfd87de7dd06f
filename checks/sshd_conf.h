/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_SSHD_CONF_H
#define CHECKS_SSHD_CONF_H

/* sshd_config the way the volume's own sshd reads it.
 *
 * Source: sshd_config(5) and the behaviour of OpenSSH's servconf.c and misc.c by version: the first
 * value wins, Include is expanded in place, a Match block ends at the next Match or the end of its
 * file, what a matching block sets overrides the global section, AllowUsers and its like collect
 * lines instead. Before 8.7 a '#' anywhere ended a line and words were split as in ssh(1); since
 * 8.7 words are split like a shell's. */

#include "checks/machine.h"

/* --- which sshd --------------------------------------------------------------------------- */

struct sshd_program {
	uint32_t version;	  /* major * 100 + minor: 9.2 is 902, 10.0 is 1000; 0: unknown */
	const struct str *binary; /* its bytes when it is an ELF file, NULL otherwise; borrowed */
};
struct sshd_program sshd_program(const struct machine *);
/* Does the binary hold this string (at least as the end of a longer one)? False without a binary.
 */
bool sshd_program_has(const struct sshd_program *, const char *string);

/* --- keywords and values ------------------------------------------------------------------ */

enum sshd_kind {
	SSHD_ANY,     /* arguments that this table does not judge */
	SSHD_IGNORED, /* read over with a notice at most */
	SSHD_FLAG,
	SSHD_CHOICE,	   /* one of `choices`, in any case */
	SSHD_EXACT_CHOICE, /* and in lower case */
	SSHD_INT,
	SSHD_TIME,
	SSHD_TIME_NONE,
	SSHD_PORT,
	SSHD_LISTEN,
	SSHD_WORD, /* one argument */
	SSHD_WORDS,
	SSHD_REST, /* the rest of the line */
	SSHD_COMMAND,
	SSHD_CIPHERS,
	SSHD_MACS,
	SSHD_KEX,
	SSHD_KEYALGS,
	SSHD_SUBSYSTEM,
	SSHD_MAXSTARTUPS,
	SSHD_NETBLOCK,
	SSHD_INT_NONE,
	SSHD_FACILITY,
	SSHD_LOGVERBOSE,
	SSHD_REKEY,
	SSHD_USERS,
	SSHD_GROUPS,
	SSHD_ACCEPTENV,
	SSHD_SETENV,
	SSHD_INCLUDE,
	SSHD_MATCH,
	SSHD_PERMITOPEN,
	SSHD_METHODS,
	SSHD_MASK,
	SSHD_IPQOS,
	SSHD_PUBKEYOPTIONS,
	SSHD_RDOMAIN,
	SSHD_CHANNELS,
};
#define SSHD_VENDOR UINT16_MAX
struct sshd_keyword {
	const char *name;  /* lower case */
	const char *alias; /* the name under which values are looked up; NULL: name */
	enum sshd_kind kind;
	uint16_t match_since; /* version since which a Match block may hold it; 0: always;
				 UINT16_MAX: never */
	uint16_t since;	      /* first version that knows it; 0: all; SSHD_VENDOR: some builds */
	uint16_t gone;	      /* version since which it is ignored with a notice; 0: never */
	const char *const *choices;
};
const struct sshd_keyword *sshd_keyword_find(const char *name); /* any case; NULL: unknown */
const struct sshd_keyword *sshd_keyword_next(const struct sshd_keyword *); /* NULL: the first */
const char *sshd_keyword_key(const struct sshd_keyword *);		   /* alias or name */

/* One line as words. `fatal` is what sshd would die of, NULL when nothing. Blank and comment lines
 * have no name. */
struct sshd_words {
	char *name, **args, *rest;
	size_t count;
	char *fatal;
};
/* `version` must be known (not 0). */
void sshd_words_split(const char *line, uint32_t version, struct sshd_words *ret);
void sshd_words_done(struct sshd_words *);
DEFINE_CLEANUP_DONE(struct sshd_words, sshd_words_done)
/* strdelim(3) of OpenSSH: the next word, separated by blanks, quotes and one '='; NULL at the end
 * and on an unfinished quote. Writes into the string. */
char *sshd_strdelim(char **s);

/* Why sshd of this version refuses the arguments; NULL: it does not. The caller frees. */
char *sshd_value_problem(const struct sshd_keyword *, const struct sshd_words *,
			 const struct sshd_program *, const struct machine *);
/* The same for a Match line's conditions. */
char *sshd_match_problem(const char *text, uint32_t version, const struct machine *);

/* Is this algorithm known to that sshd? `kind` is SSHD_CIPHERS, _MACS, _KEX or _KEYALGS. */
bool sshd_algorithm_known(enum sshd_kind kind, const char *name, const struct sshd_program *);
/* Whether the key algorithm list (NULL: the default) of that version accepts signatures by keys of
 * the type found in authorized_keys ("ssh-rsa", "ssh-ed25519", ...). */
bool sshd_keyalgs_accept(const char *list, const char *key_type, uint32_t version);
/* "4h", "90", "1m30s" in seconds; -1: not a time. */
int64_t sshd_time(const char *text);
/* ssh's patterns: '*' and '?' and nothing else. */
bool sshd_pattern(const char *pattern, const char *s);
/* A comma separated list of them: 1 matched, 0 not, -1 by one that is negated ("!..."). */
int sshd_pattern_list(const char *list, const char *s);
/* A whole decimal number from 0 to max; -1: not one. */
int64_t sshd_number(const char *text, int64_t max);
/* Does a comma separated list of addresses hold a network whose mask does not fit, or nothing? */
bool sshd_address_list_is_wrong(const char *list);
/* A port by number or by name in the volume's /etc/services; -1: none. */
int32_t sshd_port(const char *text, const struct machine *);

/* --- the configuration -------------------------------------------------------------------- */

struct sshd_directive {
	char *path;			    /* of the file it is in; NULL: sshd's command line */
	uint32_t line;			    /* 1-based */
	char *text;			    /* the line as found, with its line end */
	char *name;			    /* keyword as written */
	const struct sshd_keyword *keyword; /* NULL: not in the table */
	char **args;
	size_t arg_count;
	char *rest;	       /* everything behind the keyword */
	uint32_t scope;	       /* index into scopes */
	char *fatal;	       /* why sshd does not start with this line; NULL: it does */
	bool is_scope_problem; /* fatal only because a Match block above swallows the line */
	bool is_option; /* not of sshd_config: from sshd's command line, text is the line of path */
	bool has_nul;	/* a NUL byte hides the end of the line: text is not all of it */
	char *included; /* the dangling link that an Include dies of; NULL: none */
};
/* scopes[0] is the global section; others are Match blocks. */
struct sshd_scope {
	uint32_t parent;  /* scope of the Include that led to the block's file */
	size_t directive; /* its Match line */
	bool is_all;	  /* "Match all" outside any other block: global once more */
};
struct sshd_conf {
	char *path;	      /* the main file */
	bool has_port_option; /* -p is given: Port in files counts for nothing */
	struct sshd_program program;
	VEC(struct sshd_directive) directives; /* in the order in which sshd meets them */
	VEC(struct sshd_scope) scopes;
	VEC(char *) files; /* all that were read, the main one first */
};
/* Reads it. *ret is NULL where there is none: that is another check's finding. */
int sshd_conf_read(const struct machine *, struct sshd_conf **ret, struct err *err)
	__attribute__((warn_unused_result));
void sshd_conf_free(struct sshd_conf *);
DEFINE_CLEANUP(struct sshd_conf *, sshd_conf_free)

/* An empty one: all defaults. For what must be known of a machine without its sshd_config. */
struct sshd_conf *sshd_conf_new(const struct machine *);
/* What is in force: the file's, or all defaults where there is none. */
int sshd_conf_effective(const struct machine *, struct sshd_conf **ret, struct err *err)
	__attribute__((warn_unused_result));
/* What sshd would die of in this line of the global section; NULL: nothing. The caller frees. */
char *sshd_line_problem(const struct sshd_conf *, const struct machine *, const char *line);

/* Where sshd_config is, or belongs: /etc/ssh/sshd_config, or a vendor's /usr/etc/ssh one. */
const char *sshd_conf_path(const struct machine *);

/* First value in the global section (Match all included); NULL: sshd's default. `key` is lower
 * case. */
const struct sshd_directive *sshd_conf_global(const struct sshd_conf *, const char *key);
/* Not one line of the main file is any that sshd would take: it is no sshd_config at all. */
bool sshd_conf_is_garbage(const struct sshd_conf *);
bool sshd_directive_is(const struct sshd_directive *, const char *key);
/* Text of the first argument, "" when there is none. */
const char *sshd_directive_arg(const struct sshd_directive *);
/* Is the global flag on? `def` is sshd's default. */
bool sshd_conf_flag(const struct sshd_conf *, const char *key, bool def);

/* --- where it listens --------------------------------------------------------------------- */

struct sshd_listen {
	char *address; /* as written, without brackets; NULL: any; "::": any, but IPv6 alone */
	uint32_t port;
	char *path; /* of the file that says so; NULL: default */
	uint32_t line;
};
VEC_TYPE(sshd_listens, struct sshd_listen);
/* Addresses and ports on which the volume's sshd (or the systemd socket in front of it) listens:
 * Port, ListenAddress, -p and -o of the service's options, ssh.socket where that is what starts
 * sshd. Without any sshd_config: any address, port 22 (so it will be once it is restored). -1: the
 * configuration cannot be read. */
int sshd_listen(const struct machine *, struct sshd_listens *ret, struct err *)
	__attribute__((warn_unused_result));
void sshd_listens_done(struct sshd_listens *);
DEFINE_CLEANUP_DONE(struct sshd_listens, sshd_listens_done)

#endif
