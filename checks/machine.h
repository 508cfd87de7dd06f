/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_MACHINE_H
#define CHECKS_MACHINE_H

/* The system on the volume, as the checks see it: what was given (tree, disks, cloud, console),
 * files read once, and a few facts worked out once. Facts, not distribution names, decide in
 * checks. */

#include "checks/facts.h"
#include "fs/disks.h"
#include "fs/tree.h"

struct machine;

/* What the operator asks for: a public key that shall open somebody's account. */
struct wanted_key {
	const char
		*line; /* "ssh-ed25519 AAAA… comment", without a line end; NULL: nothing is asked */
	const char *user; /* NULL: the one that the image was made with */
	const char *file; /* where the operator had it from, for messages */
};

/* What the operator asks for: that the instance translates addresses for the hosts behind it. */
struct wanted_nat {
	const char *range; /* of those hosts, "10.0.0.0/16", or "vpc": those of the VPC; NULL:
			      nothing is asked */
};

/* Whose connection is asked about: does the firewall of the volume let it in? */
struct wanted_client {
	const char *address; /* IPv4 or IPv6; NULL: nothing is asked */
	uint32_t port;	     /* TCP; 0: where sshd listens */
};

struct machine_given {
	struct tree *tree;		 /* borrowed, as all here */
	const struct disks *disks;	 /* NULL: unknown */
	const struct cloud_facts *cloud; /* NULL: unknown */
	const char *console;		 /* as it came; NULL: none */
	struct wanted_key key;
	struct wanted_nat nat;
	struct wanted_client client;
};
struct machine *machine_new(const struct machine_given *given);
void machine_free(struct machine *);
DEFINE_CLEANUP(struct machine *, machine_free)

/* What a check may look at besides the files; the tests hold each check's own word against
 * machine_used. */
enum machine_need {
	NEEDS_TREE = 1,
	NEEDS_DISKS = 2,   /* what is on the disks of the system */
	NEEDS_CLOUD = 4,   /* what only the cloud knows of the instance */
	NEEDS_CONSOLE = 8, /* the console since the last boot */
	NEEDS_KEY = 16,	   /* the key that the operator wants to get in with */
	NEEDS_NAT = 32,	   /* the range for which the operator wants addresses translated */
	NEEDS_CLIENT = 64, /* the address from which a connection comes */
};
unsigned machine_used(const struct machine *); /* bits of what was asked for until now */

struct tree *machine_tree(const struct machine *);
const struct disks *machine_disks(const struct machine *);	 /* NULL: unknown */
const struct cloud_facts *machine_cloud(const struct machine *); /* NULL: unknown */
/* The last boot's, as checks/console_rules.h has it; NULL: none. */
const char *machine_console(const struct machine *);
const struct wanted_key *machine_wanted_key(const struct machine *); /* NULL: none is asked for */
const struct wanted_client *machine_wanted_client(const struct machine *); /* NULL: not asked for */
const struct wanted_nat *machine_wanted_nat(const struct machine *);	   /* NULL: not asked for */

/* A file's contents, read once and kept; NULL and ERR_NOTFOUND when it is not there, NULL and
 * another code when it cannot be read. Borrowed. Larger than TREE_FILE_MAX is ERR_MALFORMED. */
const struct str *machine_file(const struct machine *, const char *path, struct err *err);

/* The same as programs see it that read lines as C strings: a line ends at its first NUL, of which a crash leaves
 * some even in text. */
const char *machine_text(const struct machine *, const char *path, struct err *err);

/* From os-release (or the older release files): "debian", "ubuntu", "amzn", "rhel", "centos",
 * "sles",
 * ...; "" when nothing tells. id_like is the space separated list. */
struct machine_os {
	char id[32], id_like[128], version_id[32], pretty_name[128];
};
const struct machine_os *machine_os(const struct machine *);
bool machine_os_is_like(const struct machine *, const char *id); /* id or one of id_like */

struct machine_user {
	char *name, *home, *shell;
	uint32_t uid, gid;
	bool has_login_shell; /* shell exists in the tree, is executable, and is no nologin/false */
	uint32_t line;	      /* in /etc/passwd */
};
struct machine_users {
	struct machine_user *items;
	size_t count, room;
};
const struct machine_users *
machine_users(const struct machine *); /* /etc/passwd; empty when unreadable */
const struct machine_user *machine_user(const struct machine *, const char *name);

/* Names in a directory, listed once and kept; empty when it is not there, NULL when that cannot be
 * told. */
const struct tree_names *machine_list(const struct machine *, const char *path);
/* False: the name is certainly not in the directory. Most names are in most directories not there:
 * one list answers for all of them. */
bool machine_may_be_in(const struct machine *, const char *dir, const char *name);
bool machine_has_systemd(const struct machine *); /* its program is there, in whatever state */
/* The root of a system and no excerpt of one, which says nothing of what it lacks. */
bool machine_is_whole(const struct machine *);

/* Text as found on the volume, for a message: escaped, in double quotes, cut at 120 bytes. The
 * result lives as long as the machine. */
const char *machine_quote(const struct machine *, const char *bytes, size_t len);

/* What several checks work out from the same files is worked out once and kept with the machine.
 * `key` is any address that stands for it. */
void *machine_kept(const struct machine *, const void *key); /* NULL: not yet */
void machine_keep(const struct machine *, const void *key, void *value, void (*free_value)(void *));

#endif
