/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Credentials from an address: the container agent's and the instance metadata's. */
#include "base/file.h"
#include "base/secrets.h"
#include "ec2/fetch.h"
#include "ec2/imds.h"
#include "ec2/lookup.h"

#include <arpa/inet.h>
#include <strings.h>

#define CONTAINER_HOST	   "http://169.254.170.2"
#define CONTAINER_TIMEOUT  2000
#define CONTAINER_ATTEMPTS 3
#define MAX_TOKEN	   16384

static const struct creds_names names = { "AccessKeyId", "SecretAccessKey", "Token", "Expiration" };

/* Both answer the same JSON. */
static void take_json(struct lookup *lookup, const char *text, const char *source)
{
	json_t *json = json_loads(text, 0, NULL);
	const char *code = json_string_value(json_object_get(json, "Code"));
	cleanup(free) char *said = code ? mem_strdup(code) : NULL; /* creds_from_json wipes all */
	struct creds creds = { 0 };
	struct err why = ERR_INIT;
	int rc = -1;

	if (!json_is_object(json))
		err_set(&why, ERR_CREDENTIALS, "the answer is not JSON");
	else
		rc = creds_from_json(json, &names, &creds, &why);
	if (said && strcasecmp(said, "Success") != 0) {
		creds_done(&creds);
		rc = err_set(&why, ERR_CREDENTIALS, "the answer says %.40s instead of Success",
			     said);
	}
	json_decref(json);
	if (rc < 0)
		lookup_fail(lookup, &why);
	else
		lookup_found(lookup, &creds, "%s", source);
}

/* ---- container ---- */

static void stop_container(struct lookup *lookup)
{
	fetch_cancel(lookup->state);
}

static void on_container(void *arg, struct http_reply *reply)
{
	struct lookup *lookup = arg;
	struct err why = reply->err;

	lookup->stop = NULL;
	if (!why.code && reply->status != 200)
		err_set(&why, ERR_CREDENTIALS, "the answer is HTTP %d", reply->status);
	if (why.code)
		lookup_fail(lookup, &why);
	else
		take_json(lookup, reply->body.s, "container");
}

/* Plain HTTP only to this machine and the two agents' link-local addresses: the answer is a
 * secret. */
static bool is_allowed_host(const char *host)
{
	static const char *const known[] = { "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]",
					     "localhost", "[::1]" };
	cleanup(free) char *name = mem_strdup(host);
	struct in_addr address;
	char *port = strrchr(name, ':');

	if (port && !strchr(port, ']'))
		*port = '\0';
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_eq(name, known[i]))
			return true;
	return inet_pton(AF_INET, name, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

static int container_url(char **ret, struct err *err)
{
	const char *relative = env_value("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	const char *full = env_value("AWS_CONTAINER_CREDENTIALS_FULL_URI");
	cleanup(free) char *base = NULL;
	cleanup(endpoint_done) struct endpoint endpoint = { 0 };

	*ret = NULL;
	if (!relative && !full)
		return 0;
	if (relative) {
		*ret = mem_printf(CONTAINER_HOST "%s%s", *relative == '/' ? "" : "/", relative);
		return 0;
	}
	base = mem_strndup(full, strcspn(full, "?"));
	if (endpoint_parse(base, &endpoint, err) < 0)
		return err_in(err, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
	if (str_starts(endpoint.url, "http:") && !is_allowed_host(endpoint.host))
		return err_set(err, ERR_CREDENTIALS,
			       "AWS_CONTAINER_CREDENTIALS_FULL_URI is plain http to %s; that is "
			       "allowed only to this machine and the container agents",
			       endpoint.host);
	*ret = mem_strdup(full);
	return 0;
}

/* The token for the agent; a file is read anew each time and wins. */
static int container_token(struct str *ret, struct err *err)
{
	const char *file = env_value("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
	const char *token = env_value("AWS_CONTAINER_AUTHORIZATION_TOKEN");

	if (file && file_read(file, MAX_TOKEN, ret, err) < 0)
		return -1;
	if (!file && token)
		str_add(ret, token);
	while (ret->len && strchr(" \r\n", ret->s[ret->len - 1]))
		ret->s[--ret->len] = '\0';
	secrets_know(ret->s);
	if (ret->len && strpbrk(ret->s, "\r\n"))
		return err_set(err, ERR_CREDENTIALS,
			       "the container's authorization token has a line break");
	return 0;
}

static void from_container(struct lookup *lookup)
{
	cleanup(free) char *url = NULL;
	struct str token = STR_INIT;
	struct fetch_spec spec = { .method = "GET",
				   .timeout_ms = CONTAINER_TIMEOUT,
				   .attempts = CONTAINER_ATTEMPTS,
				   .flags = HTTP_DIRECT };
	struct err why = ERR_INIT;

	if (container_url(&url, &why) < 0 || (url && container_token(&token, &why) < 0)) {
		str_done(&token);
		lookup_fail(lookup, &why);
		return;
	}
	if (!url) {
		lookup_none(lookup, "container: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and "
				    "_FULL_URI are not set");
		return;
	}
	spec.url = url;
	spec.headers[0] = (struct http_header){ "Accept", "application/json" };
	if (token.len)
		spec.headers[1] = (struct http_header){ "Authorization", token.s };
	lookup->state = fetch_start(lookup->ec2, &spec, on_container, lookup);
	lookup->stop = stop_container;
	if (token.len)
		explicit_bzero(token.s, token.len);
	str_done(&token);
}

/* ---- instance metadata ---- */

#define ROLES "/latest/meta-data/iam/security-credentials/"

static void stop_imds(struct lookup *lookup)
{
	imds_cancel(lookup->state);
}

static void on_imds_creds(void *arg, const char *text, int http_status, const struct err *err)
{
	struct lookup *lookup = arg;

	(void)http_status;
	lookup->stop = NULL;
	if (text)
		take_json(lookup, text, "instance metadata");
	else
		lookup_fail(lookup, err);
}

static void on_imds_role(void *arg, const char *text, int http_status, const struct err *err)
{
	struct lookup *lookup = arg;
	cleanup(free) char *role = text ? mem_strndup(text, strcspn(text, "\r\n")) : NULL;
	cleanup(free) char *path = NULL;
	struct err why = ERR_INIT;

	lookup->stop = NULL;
	if (http_status == 404 || (role && !*role)) {
		lookup_none(lookup, "instance metadata: no role is attached to this instance");
	} else if (!role && !http_status) {
		lookup_none(lookup, "instance metadata: %.150s", err->text);
	} else if (!role) {
		lookup_fail(lookup, err);
	} else if (strspn(role, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				"+=,.@_-") != strlen(role)) {
		err_set(&why, ERR_CREDENTIALS, "it names a role that cannot be one");
		lookup_fail(lookup, &why);
	} else {
		path = mem_printf(ROLES "%s", role);
		lookup->state = imds_get(lookup->ec2, path, on_imds_creds, lookup);
		lookup->stop = stop_imds;
	}
}

static void from_imds(struct lookup *lookup)
{
	lookup->state = imds_get(lookup->ec2, ROLES, on_imds_role, lookup);
	lookup->stop = stop_imds;
}

const struct creds_source source_container = { "the container", from_container };
const struct creds_source source_imds = { "the instance metadata", from_imds };
