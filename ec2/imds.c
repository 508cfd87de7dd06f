/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ec2/imds.h"
#include "ec2/fetch.h"
#include "base/secrets.h"

#include <strings.h>

#define TOKEN_TTL_S  "21600" /* the longest allowed */
#define TOKEN_KEEP_S 21000
#define MAX_TOKEN    1024 /* one has 56 bytes */

struct imds_get {
	struct ec2 *ec2;
	char *path;
	struct fetch *fetch;
	bool is_token_old; /* it came from an earlier get, so a 401 is no verdict yet */
	imds_func *done;
	void *arg;
};

static void imds_free(struct imds_get *get);
static void say_disabled(void *arg);

static void finish(struct imds_get *get, const char *text, int http_status, const struct err *err)
{
	imds_func *done = get->done;
	void *arg = get->arg;

	imds_free(get);
	done(arg, text, http_status, err);
}

static void imds_free(struct imds_get *get)
{
	loop_timer(get->ec2->loop, -1, say_disabled, get);
	fetch_cancel(get->fetch);
	free(get->path);
	free(get);
}

void imds_cancel(struct imds_get *get)
{
	if (get)
		imds_free(get);
}

static char *imds_url(const struct ec2 *ec2, const char *path)
{
	const struct aws_config *config = &ec2->config;
	const char *base = env_value("AWS_EC2_METADATA_SERVICE_ENDPOINT");
	const char *mode = env_value("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
	size_t len;

	if (!base)
		base = config_value(config, config->profile, "ec2_metadata_service_endpoint");
	if (!mode)
		mode = config_value(config, config->profile, "ec2_metadata_service_endpoint_mode");
	if (!base)
		base = mode && !strcasecmp(mode, "ipv6") ? "http://[fd00:ec2::254]"
							 : "http://169.254.169.254";
	len = strlen(base);
	return mem_printf("%.*s%s", (int)(len - (len && base[len - 1] == '/')), base, path);
}

static void imds_fetch(struct imds_get *get, struct fetch_spec *spec, const char *path,
		       http_done_func *done)
{
	cleanup(free) char *url = imds_url(get->ec2, path);

	spec->url = url;
	spec->timeout_ms = 1000 * env_number("AWS_METADATA_SERVICE_TIMEOUT", 1);
	spec->attempts = env_number("AWS_METADATA_SERVICE_NUM_ATTEMPTS", 1);
	spec->flags = HTTP_DIRECT;
	get->fetch = fetch_start(get->ec2, spec, done, get);
}

static void ask_token(struct imds_get *get);

/* What a refusal means; 0 when the item is there. */
static int check_reply(const struct imds_get *get, const struct http_reply *reply, struct err *err)
{
	if (reply->err.code)
		return err_set(err, ERR_NOTFOUND,
			       "no instance metadata service answers (%s); in a container its hop "
			       "limit must be 2",
			       reply->err.text);
	if (reply->status == 403)
		return err_set(err, ERR_NOTFOUND,
			       "the instance metadata service is switched off (HTTP 403)");
	if (reply->status == 404)
		return err_set(err, ERR_NOTFOUND, "the instance metadata has no %s", get->path);
	if (reply->status != 200)
		return err_set(err, ERR_NETWORK, "the instance metadata service answers HTTP %d",
			       reply->status);
	return 0;
}

static void on_item(void *arg, struct http_reply *reply)
{
	struct imds_get *get = arg;
	struct err why = ERR_INIT;

	get->fetch = NULL;
	if (reply->status == 401 && get->is_token_old) {
		ask_token(get);
		return;
	}
	if (check_reply(get, reply, &why) < 0)
		finish(get, NULL, reply->err.code || reply->status == 403 ? 0 : reply->status,
		       &why);
	else
		finish(get, reply->body.s, reply->status, NULL);
}

static void ask_item(struct imds_get *get)
{
	struct fetch_spec spec = {
		.method = "GET", .headers = { { "X-aws-ec2-metadata-token", get->ec2->imds_token } }
	};

	imds_fetch(get, &spec, get->path, on_item);
}

static void on_token(void *arg, struct http_reply *reply)
{
	struct imds_get *get = arg;
	struct ec2 *ec2 = get->ec2;
	struct err why = ERR_INIT;

	get->fetch = NULL;
	if (check_reply(get, reply, &why) < 0) {
		finish(get, NULL, 0, &why);
		return;
	}
	while (reply->body.len && strchr("\r\n", reply->body.s[reply->body.len - 1]))
		reply->body.s[--reply->body.len] = '\0';
	if (reply->body.len > MAX_TOKEN || strlen(reply->body.s) != reply->body.len ||
	    !http_is_token(reply->body.s)) {
		err_set(&why, ERR_MALFORMED,
			"the instance metadata service gives no token that can be one");
		finish(get, NULL, 0, &why);
		return;
	}
	secret_free(ec2->imds_token);
	ec2->imds_token = mem_strdup(reply->body.s);
	secrets_know(ec2->imds_token);
	ec2->imds_token_until_ms = loop_now_ms(ec2->loop) + TOKEN_KEEP_S * 1000LL;
	get->is_token_old = false;
	ask_item(get);
}

static void ask_token(struct imds_get *get)
{
	struct fetch_spec spec = { .method = "PUT",
				   .headers = { { "X-aws-ec2-metadata-token-ttl-seconds",
						  TOKEN_TTL_S } } };

	imds_fetch(get, &spec, "/latest/api/token", on_token);
}

static void say_disabled(void *arg)
{
	struct err why = ERR_INIT;

	err_set(&why, ERR_NOTFOUND, "AWS_EC2_METADATA_DISABLED is set");
	finish(arg, NULL, 0, &why);
}

struct imds_get *imds_get(struct ec2 *ec2, const char *path, imds_func *done, void *arg)
{
	struct imds_get *get = mem_alloc(sizeof(*get));

	*get = (struct imds_get){ .ec2 = ec2, .path = mem_strdup(path), .done = done, .arg = arg };
	get->is_token_old = ec2->imds_token && loop_now_ms(ec2->loop) < ec2->imds_token_until_ms;
	if (is_true(env_value("AWS_EC2_METADATA_DISABLED")))
		loop_timer(ec2->loop, loop_now_ms(ec2->loop), say_disabled, get);
	else if (get->is_token_old)
		ask_item(get);
	else
		ask_token(get);
	return get;
}
