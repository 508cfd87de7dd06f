/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The credentials in use: cached, refreshed by one look-up whoever asks, wiped when replaced. */
#include "ec2/lookup.h"
#include "base/log.h"
#include "base/secrets.h"

#define ADVISORY_S  900 /* so long before the end they are refreshed beside the calls */
#define MANDATORY_S 600 /* and so long before it calls wait for the new ones */
#define PAUSE_S	    60	/* between refreshes, while the old ones still work */

struct waiter {
	creds_func *func;
	void *arg;
};

struct creds_chain {
	struct ec2 *ec2;
	struct creds current; /* key_id NULL: none */
	bool is_refused;      /* AWS says that they have expired */
	bool has_looked;
	int64_t no_refresh_until_s;
	struct lookup *lookup;
	struct err err; /* of the last look-up */
	VEC(struct waiter) waiters;
};

void creds_copy(const struct creds *from, struct creds *ret)
{
	*ret = *from;
	ret->key_id = from->key_id ? mem_strdup(from->key_id) : NULL;
	ret->secret = from->secret ? mem_strdup(from->secret) : NULL;
	ret->token = from->token ? mem_strdup(from->token) : NULL;
}

void creds_done(struct creds *creds)
{
	secret_free(creds->key_id);
	secret_free(creds->secret);
	secret_free(creds->token);
	memset(creds, 0, sizeof(*creds));
}

void creds_know(const struct creds *creds)
{
	secrets_know(creds->key_id);
	secrets_know(creds->secret);
	secrets_know(creds->token);
}

struct creds_chain *creds_open(struct ec2 *ec2)
{
	struct creds_chain *chain = mem_alloc(sizeof(*chain));

	chain->ec2 = ec2;
	return chain;
}

static void serve(void *arg);

void creds_close(struct creds_chain *chain)
{
	if (!chain)
		return;
	loop_timer(chain->ec2->loop, -1, serve, chain);
	lookup_free(chain->lookup);
	creds_done(&chain->current);
	vec_done(&chain->waiters);
	free(chain);
}

static int64_t seconds_left(const struct creds_chain *chain)
{
	if (!chain->current.key_id || chain->is_refused)
		return -1;
	if (!chain->current.expires_s)
		return INT64_MAX;
	return chain->current.expires_s - ec2_now_s(chain->ec2);
}

/* One waiter a turn of the loop, and it is told last: it may close everything. */
static void serve(void *arg)
{
	struct creds_chain *chain = arg;
	struct waiter waiter;

	if (chain->lookup || !chain->waiters.count)
		return;
	waiter = chain->waiters.items[0];
	chain->waiters.count--;
	memmove(chain->waiters.items, chain->waiters.items + 1,
		chain->waiters.count * sizeof(waiter));
	loop_timer(chain->ec2->loop, loop_now_ms(chain->ec2->loop), serve, chain);
	if (seconds_left(chain) > 0)
		waiter.func(waiter.arg, &chain->current, NULL);
	else
		waiter.func(waiter.arg, NULL, &chain->err);
}

static void on_lookup(void *arg, struct creds *creds, const struct err *err)
{
	struct creds_chain *chain = arg;

	chain->lookup = NULL;
	if (creds) {
		creds_done(&chain->current);
		chain->current = *creds;
		chain->is_refused = false;
		if (seconds_left(chain) <= 0)
			err_set(&chain->err, ERR_CREDENTIALS,
				"AWS credentials from %s have expired already",
				chain->current.source);
	} else {
		log_debug("ec2", "%s", err->text);
		chain->err = *err;
	}
	/* Also after a success: what lives for less than ADVISORY_S is not fetched all the time. */
	chain->no_refresh_until_s = ec2_now_s(chain->ec2) + PAUSE_S;
	loop_timer(chain->ec2->loop, loop_now_ms(chain->ec2->loop), serve, chain);
}

/* The files may have been written anew since (another program keeps session keys there). */
static void refresh(struct creds_chain *chain)
{
	struct ec2 *ec2 = chain->ec2;

	if (chain->has_looked)
		config_reload(&ec2->config);
	chain->has_looked = true;
	chain->lookup = lookup_new(ec2, all_sources, ec2->config.profile, on_lookup, chain);
	chain->lookup->env = ec2->config.is_profile_explicit ? ENV_IGNORED : ENV_COUNTS;
	lookup_go(chain->lookup);
}

void creds_get(struct creds_chain *chain, creds_func *func, void *arg)
{
	int64_t left = seconds_left(chain);
	bool may_refresh = ec2_now_s(chain->ec2) >= chain->no_refresh_until_s;

	if (left > ADVISORY_S || (left > 0 && !may_refresh)) {
		func(arg, &chain->current, NULL);
		return;
	}
	if (!chain->lookup)
		refresh(chain);
	if (left > MANDATORY_S)
		func(arg, &chain->current, NULL);
	else
		vec_push(&chain->waiters, ((struct waiter){ func, arg }));
}

void creds_forget(struct creds_chain *chain, void *arg)
{
	for (size_t i = 0; chain && i < chain->waiters.count; i++) {
		if (chain->waiters.items[i].arg != arg)
			continue;
		chain->waiters.count--;
		memmove(chain->waiters.items + i, chain->waiters.items + i + 1,
			(chain->waiters.count - i) * sizeof(struct waiter));
		i--;
	}
}

void creds_expired(struct creds_chain *chain, const char *key_id)
{
	if (chain->current.key_id && str_eq(chain->current.key_id, key_id))
		chain->is_refused = true;
}
