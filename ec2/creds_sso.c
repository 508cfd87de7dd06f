/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IAM Identity Center ("SSO"): the token that `aws sso login` left behind buys role credentials. A
 * token that has expired is renewed where the login allows it, and written back, because the
 * renewal may use up the old one. Source: AWS SDKs reference guide, "IAM Identity Center credential
 * provider". */
#include "base/file.h"
#include "base/hash.h"
#include "base/secrets.h"
#include "ec2/fetch.h"
#include "ec2/lookup.h"
#include "ec2/param.h"
#include "ec2/when.h"

#define MAX_CACHE_BYTES 65536
#define TIMEOUT_MS	10000
#define ATTEMPTS	3
#define LEAST_LEFT_S	60		 /* a token that ends sooner is renewed first */
#define LONGEST_S	INT64_C(7776000) /* 90 days, the longest session there is */

struct sso {
	struct lookup *lookup;
	const char *region, *account, *role; /* texts of config */
	char *cache_path;
	json_t *cache;
	struct fetch *fetch;
};

static void stop_sso(struct lookup *lookup)
{
	struct sso *sso = lookup->state;

	fetch_cancel(sso->fetch);
	json_wipe(sso->cache);
	json_decref(sso->cache);
	free(sso->cache_path);
	free(sso);
}

static const char *cached(const struct sso *sso, const char *member)
{
	return json_string_value(json_object_get(sso->cache, member));
}

static void know_cache(const struct sso *sso)
{
	secrets_know(cached(sso, "accessToken"));
	secrets_know(cached(sso, "refreshToken"));
	secrets_know(cached(sso, "clientSecret"));
}

static void fail_login(struct sso *sso, const char *why)
{
	struct err err = ERR_INIT;

	err_set(&err, ERR_CREDENTIALS, "%s; log in again: aws sso login --profile %s", why,
		sso->lookup->profile);
	lookup_fail(sso->lookup, &err);
}

/* ---- the role's credentials ---- */

static void on_role(void *arg, struct http_reply *reply)
{
	static const struct creds_names names = { "accessKeyId", "secretAccessKey", "sessionToken",
						  "expiration" };
	struct sso *sso = arg;
	struct lookup *lookup = sso->lookup;
	struct creds creds = { 0 };
	struct err why = reply->err;
	json_t *json;

	sso->fetch = NULL;
	if (!why.code && reply->status == 401) {
		fail_login(sso, "the single sign-on token is no longer accepted");
		return;
	}
	if (!why.code && reply->status != 200)
		err_set(&why, ERR_CREDENTIALS,
			"HTTP %d for the role %s of the account %s; is it assigned to you?",
			reply->status, sso->role, sso->account);
	if (why.code) {
		lookup_fail(lookup, &why);
		return;
	}
	json = json_loadb(reply->body.s, reply->body.len, 0, NULL);
	if (creds_from_json(json_object_get(json, "roleCredentials"), &names, &creds, &why) < 0)
		lookup_fail(lookup, &why);
	else
		lookup_found(lookup, &creds, "SSO, profile %s", lookup->profile);
	json_decref(json);
}

static int sso_url(const struct sso *sso, const struct aws_service *service, const char *path,
		   struct str *ret, struct err *err)
{
	cleanup(endpoint_done) struct endpoint endpoint = { 0 };

	if (check_region(sso->region, err) < 0 ||
	    endpoint_find_in(&sso->lookup->ec2->config, service, sso->region, &endpoint, err) < 0)
		return -1;
	str_addf(ret, "%s%s", endpoint.url, path);
	return 0;
}

static void ask_role(struct sso *sso)
{
	cleanup(str_done) struct str url = STR_INIT;
	struct fetch_spec spec = { .method = "GET",
				   .timeout_ms = TIMEOUT_MS,
				   .attempts = ATTEMPTS };
	struct err why = ERR_INIT;

	if (sso_url(sso, &service_sso_portal, "federation/credentials?role_name=", &url, &why) <
	    0) {
		lookup_fail(sso->lookup, &why);
		return;
	}
	uri_encode(&url, sso->role, strlen(sso->role));
	str_add(&url, "&account_id=");
	uri_encode(&url, sso->account, strlen(sso->account));
	spec.url = url.s;
	spec.headers[0] =
		(struct http_header){ "x-amz-sso_bearer_token", cached(sso, "accessToken") };
	sso->fetch = fetch_start(sso->lookup->ec2, &spec, on_role, sso);
}

/* ---- renewing the token ---- */

static void save_cache(const struct sso *sso)
{
	char *text = json_dumps(sso->cache, JSON_COMPACT);
	struct err ignored = ERR_INIT;

	/* Not being able to write it costs a login later, nothing now. */
	if (text && file_replace(sso->cache_path, text, strlen(text), 0600, &ignored) < 0)
		err_clear(&ignored);
	secret_free(text);
}

static void on_renewed(void *arg, struct http_reply *reply)
{
	struct sso *sso = arg;
	json_t *json = json_loadb(reply->body.s, reply->body.len, 0, NULL);
	json_t *access = json_object_get(json, "accessToken");
	json_t *refresh = json_object_get(json, "refreshToken");
	int64_t lasts = json_integer_value(json_object_get(json, "expiresIn"));
	char expires[21];

	sso->fetch = NULL;
	if (reply->err.code || reply->status != 200 || !json_is_string(access) ||
	    !http_is_token(json_string_value(access)) || lasts < 0 || lasts > LONGEST_S) {
		json_decref(json);
		fail_login(sso, "the single sign-on token has expired and was not renewed");
		return;
	}
	when_iso8601(ec2_now_s(sso->lookup->ec2) + lasts, expires);
	json_object_set(sso->cache, "accessToken", access);
	json_object_set_new(sso->cache, "expiresAt", json_string(expires));
	if (json_is_string(refresh))
		json_object_set(sso->cache, "refreshToken", refresh);
	json_decref(json);
	know_cache(sso);
	save_cache(sso);
	ask_role(sso);
}

static void renew(struct sso *sso)
{
	cleanup(str_done) struct str url = STR_INIT;
	struct fetch_spec spec = { .method = "POST", .timeout_ms = TIMEOUT_MS, .attempts = 1 };
	struct err why = ERR_INIT;
	json_t *body;
	char *text;

	if (sso_url(sso, &service_sso_oidc, "token", &url, &why) < 0) {
		lookup_fail(sso->lookup, &why);
		return;
	}
	body = json_pack("{s:s, s:s, s:s, s:s}", "grantType", "refresh_token", "clientId",
			 cached(sso, "clientId"), "clientSecret", cached(sso, "clientSecret"),
			 "refreshToken", cached(sso, "refreshToken"));
	text = json_dumps(body, JSON_COMPACT);
	json_wipe(body);
	json_decref(body);
	spec.url = url.s;
	spec.body = text;
	spec.headers[0] = (struct http_header){ "Content-Type", "application/json" };
	sso->fetch = fetch_start(sso->lookup->ec2, &spec, on_renewed, sso);
	secret_free(text);
}

/* ---- the login's cache ---- */

static bool has_time_left(const struct sso *sso, const char *member)
{
	const char *text = cached(sso, member);
	int64_t until;

	return text && when_parse_iso8601(text, &until) == 0 &&
	       until - ec2_now_s(sso->lookup->ec2) > LEAST_LEFT_S;
}

/* The cache file is named after the session, or the start URL where there is none. */
static char *cache_path(const char *name)
{
	cleanup(str_done) struct str hex = STR_INIT;
	cleanup(free) char *home = expand_home("~");
	uint8_t hash[20];

	sha1_of(name, strlen(name), hash);
	str_add_hex(&hex, hash, sizeof(hash));
	return mem_printf("%s/.aws/sso/cache/%s.json", home, hex.s);
}

static int read_cache(struct sso *sso)
{
	struct str text = STR_INIT;
	struct err ignored = ERR_INIT;

	if (file_read(sso->cache_path, MAX_CACHE_BYTES, &text, &ignored) == 0)
		sso->cache = json_loadb(text.s, text.len, 0, NULL);
	if (text.len)
		explicit_bzero(text.s, text.len);
	str_done(&text);
	know_cache(sso);
	return cached(sso, "accessToken") ? 0 : -1;
}

static void use_token(struct sso *sso)
{
	if (read_cache(sso) < 0)
		fail_login(sso, "there is no single sign-on token");
	else if (has_time_left(sso, "expiresAt"))
		ask_role(sso);
	else if (cached(sso, "refreshToken") && cached(sso, "clientId") &&
		 cached(sso, "clientSecret") && has_time_left(sso, "registrationExpiresAt"))
		renew(sso);
	else
		fail_login(sso, "the single sign-on token has expired");
}

static void from_sso(struct lookup *lookup)
{
	const struct aws_config *config = &lookup->ec2->config;
	const char *session = lookup_value(lookup, "sso_session");
	const struct ini_section *section =
		session ? config_section(config, "sso-session", session) : NULL;
	const char *url = lookup_value(lookup, "sso_start_url");
	const char *account = lookup_value(lookup, "sso_account_id");
	const char *role = lookup_value(lookup, "sso_role_name");
	const char *region =
		session ? ini_value(section, "sso_region") : lookup_value(lookup, "sso_region");
	struct err why = ERR_INIT;
	struct sso *sso;

	if (!session && !url) {
		lookup_none(lookup, "SSO: the profile %s has no sso_session", lookup->profile);
		return;
	}
	if (!account || !role || !region) {
		err_set(&why, ERR_CREDENTIALS,
			"the profile %s needs sso_account_id, sso_role_name and sso_region%s",
			lookup->profile,
			session && !section ? ", and its sso-session section does not exist" : "");
		lookup_fail(lookup, &why);
		return;
	}
	sso = mem_alloc(sizeof(*sso));
	*sso = (struct sso){ .lookup = lookup,
			     .region = region,
			     .account = account,
			     .role = role,
			     .cache_path = cache_path(session ? session : url) };
	lookup->state = sso;
	lookup->stop = stop_sso;
	use_token(sso);
}

const struct creds_source source_sso = { "single sign-on", from_sso };
