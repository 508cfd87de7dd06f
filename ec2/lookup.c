/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ec2/lookup.h"
#include "ec2/when.h"
#include "base/log.h"
#include "base/secrets.h"

#include <stdarg.h>
#include <stdio.h>

/* botocore's order. Source: AWS SDKs reference guide, "Credential provider chain". */
const struct creds_source *const all_sources[] = {
	&source_environment,
	&source_role,
	&source_web_identity,
	&source_sso,
	&source_credentials_file,
	&source_process,
	&source_config_file,
	&source_container,
	&source_imds,
	NULL,
};

struct lookup *lookup_new(struct ec2 *ec2, const struct creds_source *const *sources,
			  const char *profile, lookup_func *done, void *arg)
{
	struct lookup *lookup = mem_alloc(sizeof(*lookup));

	*lookup = (struct lookup){ .ec2 = ec2,
				   .sources = sources,
				   .profile = mem_strdup(profile),
				   .whys = STR_INIT,
				   .done = done,
				   .arg = arg };
	return lookup;
}

static void stop(struct lookup *lookup)
{
	void (*func)(struct lookup *) = lookup->stop;

	lookup->stop = NULL;
	if (func)
		func(lookup);
	lookup->state = NULL;
}

void lookup_free(struct lookup *lookup)
{
	if (!lookup)
		return;
	stop(lookup);
	str_done(&lookup->whys);
	free((char *)(uintptr_t)lookup->profile);
	free(lookup);
}

static void finish(struct lookup *lookup, struct creds *creds, const struct err *err)
{
	lookup_func *done = lookup->done;
	void *arg = lookup->arg;

	lookup_free(lookup);
	done(arg, creds, err);
}

void lookup_go(struct lookup *lookup)
{
	struct err why = ERR_INIT;

	if (*lookup->sources) {
		(*lookup->sources)->start(lookup);
		return;
	}
	err_set(&why, ERR_CREDENTIALS, "no AWS credentials: %s", lookup->whys.s);
	finish(lookup, NULL, &why);
}

void lookup_none(struct lookup *lookup, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	stop(lookup);
	str_addf(&lookup->whys, "%s%s", lookup->whys.len ? "; " : "", text);
	log_debug("ec2", "no credentials from %s: %s", (*lookup->sources)->name, text);
	lookup->sources++;
	lookup_go(lookup);
}

void lookup_fail(struct lookup *lookup, const struct err *err)
{
	struct err why = *err;

	why.code = ERR_CREDENTIALS;
	err_in(&why, "AWS credentials from %s", (*lookup->sources)->name);
	stop(lookup);
	finish(lookup, NULL, &why);
}

void lookup_found(struct lookup *lookup, struct creds *creds, const char *fmt, ...)
{
	struct creds taken = *creds;
	struct err why = ERR_INIT;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(taken.source, sizeof(taken.source), fmt, ap);
	va_end(ap);
	memset(creds, 0, sizeof(*creds));
	if (taken.token && !*taken.token) {
		secret_free(taken.token);
		taken.token = NULL;
	}
	if (!http_is_token(taken.key_id) || (taken.token && !http_is_token(taken.token))) {
		creds_done(&taken);
		err_set(&why, ERR_CREDENTIALS,
			"the key or the token is empty or holds characters that no AWS key has");
		lookup_fail(lookup, &why);
		return;
	}
	log_debug("ec2", "credentials from %s", taken.source);
	stop(lookup);
	finish(lookup, &taken, NULL);
}

const char *lookup_value(const struct lookup *lookup, const char *key)
{
	return config_value(&lookup->ec2->config, lookup->profile, key);
}

void json_wipe(json_t *json)
{
	const char *key;
	json_t *value;
	size_t i;

	if (json_is_string(json))
		explicit_bzero((char *)(uintptr_t)json_string_value(json),
			       json_string_length(json));
	json_object_foreach (json, key, value)
		if (json_is_string(value) || json_is_object(value))
			json_wipe(value);
	json_array_foreach (json, i, value)
		if (json_is_string(value))
			json_wipe(value);
}

static int read_expiry(const json_t *value, int64_t *ret)
{
	*ret = 0;
	if (!value || json_is_null(value))
		return 0;
	if (json_is_integer(value)) {
		*ret = json_integer_value(value) / 1000;
		return 0;
	}
	return json_is_string(value) ? when_parse_iso8601(json_string_value(value), ret) : -1;
}

static char *member(const json_t *json, const char *name)
{
	const char *text = json_string_value(json_object_get(json, name));

	return text ? mem_strdup(text) : NULL;
}

int creds_from_json(json_t *json, const struct creds_names *names, struct creds *ret,
		    struct err *err)
{
	int rc = 0;

	memset(ret, 0, sizeof(*ret));
	ret->key_id = member(json, names->key_id);
	ret->secret = member(json, names->secret);
	ret->token = member(json, names->token);
	creds_know(ret);
	if (!ret->key_id || !ret->secret)
		rc = err_set(err, ERR_CREDENTIALS, "the answer has no %s or no %s", names->key_id,
			     names->secret);
	else if (read_expiry(json_object_get(json, names->expires), &ret->expires_s) < 0)
		rc = err_set(err, ERR_CREDENTIALS, "its %s is no time", names->expires);
	json_wipe(json);
	if (rc < 0)
		creds_done(ret);
	return rc;
}
