/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EC2_CREDS_H
#define EC2_CREDS_H

/* Credentials: found in the order of the AWS SDKs, kept, refreshed before they expire. Secrets are
 * wiped when dropped; what is said is rid of them. */

#include "ec2/client.h"

struct creds {
	char *key_id, *secret, *token; /* token NULL: a permanent key */
	int64_t expires_s;	       /* 0: never */
	char source[64];	       /* "environment", "profile default", ... */
};
void creds_copy(const struct creds *from, struct creds *ret);
void creds_done(struct creds *creds);	    /* wipes */
void creds_know(const struct creds *creds); /* as secrets that must not come out (base/secrets.h) */

struct creds_chain;
struct creds_chain *creds_open(struct ec2 *ec2);
void creds_close(struct creds_chain *chain);
DEFINE_CLEANUP(struct creds_chain *, creds_close)

/* `creds` is borrowed for the call, NULL when there are none: then `err` says why, source by
 * source. May run from inside creds_get. */
typedef void creds_func(void *arg, const struct creds *creds, const struct err *err);
/* Any number may ask at once: one look-up serves them all. */
void creds_get(struct creds_chain *chain, creds_func *func, void *arg);
void creds_forget(struct creds_chain *chain, void *arg); /* func of this arg will not run */
/* AWS said that this key has expired: the next creds_get looks for new ones. */
void creds_expired(struct creds_chain *chain, const char *key_id);

#endif
