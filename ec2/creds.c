/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ec2/creds.h"
#include "ec2/engine.h"
#include "ec2/when.h"
#include "base/log.h"

struct waiter {
	creds_func *func;
	void *arg;
};

struct creds_chain {
	struct ec2 *ec2;
	struct creds current; /* key_id NULL: none */
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

static bool from_environment(struct creds_chain *chain)
{
	struct creds found = { 0 };

	if (chain->ec2->config.is_profile_explicit || !env_value("AWS_ACCESS_KEY_ID") ||
	    !env_value("AWS_SECRET_ACCESS_KEY"))
		return false;
	found.key_id = (char *)(uintptr_t)env_value("AWS_ACCESS_KEY_ID");
	found.secret = (char *)(uintptr_t)env_value("AWS_SECRET_ACCESS_KEY");
	found.token = (char *)(uintptr_t)env_value("AWS_SESSION_TOKEN");
	creds_copy(&found, &chain->current);
	return true;
}

static bool from_profile(struct creds_chain *chain)
{
	const struct aws_config *config = &chain->ec2->config;
	struct creds found = { 0 };

	found.key_id =
		(char *)(uintptr_t)config_value(config, config->profile, "aws_access_key_id");
	found.secret =
		(char *)(uintptr_t)config_value(config, config->profile, "aws_secret_access_key");
	found.token = (char *)(uintptr_t)config_value(config, config->profile, "aws_session_token");
	if (!found.key_id || !found.secret)
		return false;
	creds_copy(&found, &chain->current);
	return true;
}

struct creds_chain *creds_open(struct ec2 *ec2)
{
	struct creds_chain *chain = mem_alloc(sizeof(*chain));

	chain->ec2 = ec2;
	return chain;
}

void creds_close(struct creds_chain *chain)
{
	if (!chain)
		return;
	creds_done(&chain->current);
	vec_done(&chain->waiters);
	free(chain);
}

void creds_get(struct creds_chain *chain, creds_func *func, void *arg)
{
	struct err why = ERR_INIT;

	if (chain->current.key_id || from_environment(chain) || from_profile(chain)) {
		func(arg, &chain->current, NULL);
		return;
	}
	err_set(&why, ERR_CREDENTIALS,
		"no AWS credentials: neither in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY nor in "
		"the profile %s",
		chain->ec2->config.profile);
	func(arg, NULL, &why);
}

void creds_forget(struct creds_chain *chain, void *arg)
{
	for (size_t i = 0; chain && i < chain->waiters.count; i++)
		if (chain->waiters.items[i].arg == arg)
			chain->waiters.items[i--] = chain->waiters.items[--chain->waiters.count];
}

void creds_expired(struct creds_chain *chain, const char *key_id)
{
	if (chain->current.key_id && str_eq(chain->current.key_id, key_id))
		creds_done(&chain->current);
}
