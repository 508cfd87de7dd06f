/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_SSHD_PEOPLE_H
#define CHECKS_SSHD_PEOPLE_H

/* Who can log in, and what stops them: every user with a login shell is led through sshd's gates
 * in turn, with the values that count for that user (Match blocks included). What depends on
 * facts that nobody has offline (the client's address, a directory service) is GATE_UNSURE and
 * never the ground of a sure repair.
 *
 * Source: sshd_config(5), sshd(8) "LOGIN PROCESS" and "AUTHORIZED_KEYS FILE FORMAT"; the order of
 * OpenSSH's allowed_user() and user_key_allowed(). */

#include "checks/check.h"
#include "checks/sshd_conf.h"

enum gate_verdict { GATE_PASS, GATE_UNSURE, GATE_FAIL };

enum gate {
	GATE_LISTS,   /* AllowUsers, DenyUsers, AllowGroups, DenyGroups */
	GATE_ROOT,    /* PermitRootLogin, for root alone */
	GATE_LOCKED,  /* UsePAM no and a locked password */
	GATE_PUBKEY,  /* PubkeyAuthentication */
	GATE_METHODS, /* AuthenticationMethods */
	GATE_KEYTYPE, /* PubkeyAcceptedAlgorithms and every key's type */
	GATE_REVOKED, /* RevokedKeys cannot be read, or names every key */
	GATE_FILE,    /* AuthorizedKeysFile leads elsewhere */
	GATE_KEYS,    /* no usable key */
	GATE_MODES,   /* StrictModes, and whether the user's own process can read the file */
	GATE_SESSION, /* ForceCommand, ChrootDirectory, MaxSessions */
	GATE_COUNT
};

/* A usable line of an authorized_keys file. */
struct key_line {
	char *path;
	uint32_t line;
	char *type;    /* "ssh-ed25519" */
	char *options; /* NULL: none */
	char *blob;    /* base64 */
};
VEC_TYPE(key_lines, struct key_line);
/* A line that is meant as a key and is none. */
struct key_damage {
	char *path;
	uint32_t line, count; /* count > 1: these lines joined make a key */
	const char *what;
	char *repaired; /* the line as it must be, with its line end; NULL: nobody can tell */
};
VEC_TYPE(key_damages, struct key_damage);

/* Does nothing when the file is not there. */
void key_lines_read(const struct machine *, const char *path, struct key_lines *,
		    struct key_damages *);
/* The one line of a file that ssh-keygen made (NAME.pub), without its line end: type, key, comment.
 * ERR_USAGE: it is something else, and the text says what. The caller frees. */
int public_key_read(const struct str *text, char **ret_line, struct err *err)
	__attribute__((warn_unused_result));
void key_lines_done(struct key_lines *);
void key_damages_done(struct key_damages *);
/* Has the option list this option ("command", "from", "cert-authority")? NULL: no; else its value
 * or "" . The caller frees. */
char *key_option(const char *options, const char *wanted);
/* Is its expiry-time before the newest day that the volume has seen? */
bool key_is_expired(const struct machine *, const struct key_line *);
/* Bits of an RSA key's modulus; 0 for other kinds. */
uint32_t key_rsa_bits(const struct key_line *);
/* The line's options without those of the name; NULL when none are left. The caller frees. */
char *key_options_without(const char *options, const char *wanted);

struct person {
	const struct machine_user *user;
	VEC(char *) groups; /* names, the primary one first */
	VEC(uint32_t) gids; /* of the same */
	bool is_admin;	    /* uid 0, or sudo is theirs */
	bool is_default;    /* the user that the cloud image was made with */
	bool has_password, is_locked, shadow_is_known;
	struct key_lines keys;	    /* in the files that sshd reads for them */
	struct key_lines home_keys; /* in ~/.ssh/authorized_keys and authorized_keys2 */
	struct key_damages damages; /* in both */
	VEC(char *) key_files;	    /* AuthorizedKeysFile expanded for them */
	enum gate_verdict gates[GATE_COUNT];
	const struct sshd_directive *blame[GATE_COUNT]; /* what decided; NULL: a default, or no
							   directive */
};

struct people {
	VEC(struct person) persons;
	struct person *primary; /* who is to be let in; NULL: nobody has a login shell and a trace
				   of a key */
	bool somebody_gets_in;	/* an admin (or, without any, another user) passes every gate */
	bool somebody_may;	/* or passes them as far as can be told */
	bool others_possible;	/* users of a directory service, of whom nothing is known here */
	bool has_instance_connect;
	bool keys_elsewhere; /* AuthorizedKeysCommand or certificates may let people in */
};
int people_load(const struct machine *, const struct sshd_conf *, struct people *ret, struct err *)
	__attribute__((warn_unused_result));
void people_done(struct people *);
DEFINE_CLEANUP_DONE(struct people, people_done)

/* The primary, when nobody gets in and this gate is (one of) what stops them; else NULL. */
const struct person *people_stopped(const struct people *, enum gate);
/* Sure when nobody else can be let in. */
enum repair_class people_repair(const struct people *);

/* --- by user -------------------------------------------------------------------------------- */

/* Does the scope's chain of Match blocks apply to the user? */
enum gate_verdict scope_applies(const struct sshd_conf *, const struct machine *, uint32_t scope,
				const struct person *);
/* Every directive that may decide `key` for the person, in order; NULL as the last one stands for
 * sshd's default. More than one: what decides depends on unknown facts. */
struct directive_list {
	const struct sshd_directive **items;
	size_t count, room;
};
void person_values(const struct sshd_conf *, const struct machine *, const struct person *,
		   const char *key, struct directive_list *ret);
/* The same for keywords whose lines add up; *is_unsure when some depend on unknown facts. */
void person_lists(const struct sshd_conf *, const struct machine *, const struct person *,
		  const char *key, struct directive_list *ret, bool *is_unsure);

/* The gates; each sets verdict and blame of its own. */
void gate_lists(const struct sshd_conf *, const struct machine *, struct person *);
void gate_auth(const struct sshd_conf *, const struct machine *, struct person *);
void gate_keys(const struct sshd_conf *, const struct machine *, struct person *,
	       const struct people *);
void gate_modes(const struct sshd_conf *, const struct machine *, struct person *);
void gate_session(const struct sshd_conf *, const struct machine *, struct person *);
/* One of ForceCommand, ChrootDirectory, MaxSessions (lower case) alone. */
void gate_session_of(const struct sshd_conf *, const struct machine *, struct person *,
		     const char *key);

/* A path whose mode or owner sshd refuses for the person: what it is and what it must be. */
struct mode_fault {
	char *path;
	struct tree_stat now;
	uint32_t mode, uid, gid;
	const char *why;
};
VEC_TYPE(mode_faults, struct mode_fault);
/* Of one file on the way to the person's keys, from / down. */
void mode_faults_find(const struct sshd_conf *, const struct machine *, const struct person *,
		      const char *key_file, struct mode_faults *ret);
void mode_faults_done(struct mode_faults *);
DEFINE_CLEANUP_DONE(struct mode_faults, mode_faults_done)

/* --- repairs --------------------------------------------------------------------------------- */

/* Appends the edit that makes the directive's line a comment, with the reason behind it. Does
 * nothing for sshd's command line. */
void sshd_edit_comment(struct edits *, const struct sshd_directive *);
/* The same for every line that says what this one says and would count for the person next. */
void sshd_edit_comment_all(struct edits *, const struct sshd_conf *, const struct machine *,
			   const struct person *, const struct sshd_directive *first);
/* Puts a word in front of the directive's arguments. */
void sshd_edit_add_word(struct edits *, const struct sshd_directive *, const char *word);
/* Row 80 belongs to the finding too where an included file decides. */
const char *sshd_rows(const struct sshd_conf *, const struct sshd_directive *, const char *alone,
		      const char *in_drop_in);
/* Without an edit there is no repair. */
void sshd_finding_end(struct finding *);
/* May a repair touch this directive: a line of a file under /etc? (The vendor's files and
 * generated crypto policies are not ours to edit.) */
bool sshd_directive_is_ours(const struct sshd_directive *);

/* Both worked out once for all checks. ret_conf NULL: there is no sshd_config. ret_people NULL with
 * it; ret_people may be omitted (NULL) by who needs the configuration alone. Borrowed. */
int sshd_model(const struct machine *, const struct sshd_conf **ret_conf,
	       const struct people **ret_people, struct err *err)
	__attribute__((warn_unused_result));

#endif
