/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EC2_LOOKUP_H
#define EC2_LOOKUP_H

/* One search for credentials: sources are tried in order until one has some. A source that is not
 * set up says why and the next is tried; one that is set up but fails ends the search, because a
 * later source would be somebody else. */

#include "ec2/creds.h"
#include "ec2/engine.h"

struct lookup;
struct creds_source {
	const char *name;
	/* Ends with exactly one of lookup_found, _none and _fail, now or from the loop. What it
	 * needs meanwhile is `state`, and `stop` frees that. */
	void (*start)(struct lookup *lookup);
};
extern const struct creds_source source_environment, source_role, source_web_identity, source_sso,
	source_credentials_file, source_process, source_config_file, source_container, source_imds;

/* `creds` (owned by the receiver) or `err`. The lookup is gone by then. */
typedef void lookup_func(void *arg, struct creds *creds, const struct err *err);
struct lookup {
	struct ec2 *ec2;
	const struct creds_source *const *sources; /* the next one; ends with NULL */
	const char *profile;			   /* owned */
	enum { ENV_COUNTS, ENV_IGNORED } env;	   /* the environment's keys and role */
	struct str whys;			   /* what the sources so far said */
	void *state;
	void (*stop)(struct lookup *lookup); /* frees state and stops what it waits for */
	lookup_func *done;
	void *arg;
};
extern const struct creds_source *const all_sources[];

struct lookup *lookup_new(struct ec2 *ec2, const struct creds_source *const *sources,
			  const char *profile, lookup_func *done, void *arg);
void lookup_go(struct lookup *lookup);	 /* may end at once */
void lookup_free(struct lookup *lookup); /* stops it; NULL is fine */

/* For sources. `creds` is taken; its `source` is set from the format. */
void lookup_found(struct lookup *lookup, struct creds *creds, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void lookup_none(struct lookup *lookup, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void lookup_fail(struct lookup *lookup, const struct err *err);
/* A key of the lookup's profile; NULL when it has none. */
const char *lookup_value(const struct lookup *lookup, const char *key);

/* The four members that every JSON answer with credentials has, under its own names. */
struct creds_names {
	const char *key_id, *secret, *token, *expires;
};
/* ERR_CREDENTIALS when key or secret is missing or the expiry is no time. The expiry may be ISO
 * 8601 text or milliseconds since the epoch. Wipes the texts inside `json`. */
int creds_from_json(json_t *json, const struct creds_names *names, struct creds *ret,
		    struct err *err) __attribute__((warn_unused_result));
/* Overwrites every text inside. */
void json_wipe(json_t *json);

#endif
