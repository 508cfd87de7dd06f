/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/hash.h"
#include "tests/cloud/instance.h"

#include <stdio.h>
#include <strings.h>

/* The instance metadata service, version 2, of the instance named in "imds". A token is wanted
 * unless "token_required" is false; "disabled": true answers 403 to all. */

#define MAX_TTL_S 21600

static struct sha256 token_mac(struct sim *sim, const char *expiry)
{
	cleanup(free) char *key = mem_printf("imds/%llu", (unsigned long long)sim->seed);

	return hmac_sha256(key, strlen(key), expiry, strlen(expiry));
}

/* EXPIRY.MAC: nothing has to be remembered. */
static void token_new(struct sim *sim, long ttl_s, struct str *out)
{
	cleanup(free) char *expiry = mem_printf("%.0f", real_now() + (double)ttl_s);
	struct sha256 mac = token_mac(sim, expiry);

	str_addf(out, "%s.", expiry);
	str_add_hex(out, mac.b, sizeof(mac.b));
}

static bool token_is_good(struct sim *sim, const char *token)
{
	const char *dot = strchr(token, '.');
	cleanup(free) char *expiry = dot ? mem_strndup(token, (size_t)(dot - token)) : NULL;
	cleanup(str_done) struct str hex = STR_INIT;
	struct sha256 mac;

	if (!expiry || strtod(expiry, NULL) < real_now())
		return false;
	mac = token_mac(sim, expiry);
	str_add_hex(&hex, mac.b, sizeof(mac.b));
	return str_eq(hex.s, dot + 1);
}

/* ---- the tree: path -> text */
static void add_identity(struct sim *sim, const json_t *v, json_t *tree)
{
	cleanup(free) char *when = time_text(jd(v, "launch_time"));
	const char *kept = strrchr(when, '.');
	json_t *doc = json_object();
	char *text;

	jset_s(doc, "accountId", sim_account(sim));
	jset_s(doc, "architecture", js(v, "architecture"));
	jset_s(doc, "availabilityZone", js(v, "zone"));
	jset_s(doc, "imageId", js(v, "image"));
	jset_s(doc, "instanceId", js(v, "id"));
	jset_s(doc, "instanceType", js(v, "type"));
	jset(doc, "pendingTime", json_sprintf("%.*sZ", (int)(kept ? kept - when : 0), when));
	jset_s(doc, "privateIp", js(v, "private_ip"));
	jset_s(doc, "region", sim_region(sim));
	jset_s(doc, "version", "2017-09-30");
	text = json_dumps(doc, JSON_INDENT(2));
	jset_s(tree, "dynamic/instance-identity/document", text);
	free(text);
	json_decref(doc);
}

static void add_mapping(const json_t *v, json_t *tree)
{
	const json_t *m;
	unsigned n = 0;
	size_t i;

	json_array_foreach (jget(v, "mapping"), i, m) {
		cleanup(free) char *path = NULL;
		const char *device = js(m, "device");

		if (str_eq(device, js(v, "root_device_name"))) {
			jset_s(tree, "meta-data/block-device-mapping/ami", device);
			jset_s(tree, "meta-data/block-device-mapping/root", device);
			continue;
		}
		path = mem_printf("meta-data/block-device-mapping/ebs%u", ++n);
		jset_s(tree, path, str_starts(device, "/dev/") ? device + 5 : device);
	}
}

static void add_interface(const json_t *v, json_t *tree)
{
	const json_t *eni = json_array_get(jget(v, "interfaces"), 0);
	static const struct {
		const char *item, *key;
		bool of_eni;
	} rows[] = {
		{ "interface-id", "id", true },
		{ "mac", "mac", true },
		{ "local-ipv4s", "private_ip", true },
		{ "subnet-id", "subnet", false },
		{ "vpc-id", "vpc", false },
		{ "public-ipv4s", "public_ip", false },
	};

	jset_s(tree, "meta-data/mac", js(eni, "mac"));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup(free) char *path = mem_printf("meta-data/network/interfaces/macs/%s/%s",
						      js(eni, "mac"), rows[i].item);
		const char *value = js(rows[i].of_eni ? eni : v, rows[i].key);

		if (*value)
			jset_s(tree, path, value);
	}
}

static void add_role(struct sim *sim, json_t *tree, bool is_asked)
{
	json_t *imds = setting(sim, "imds"), *cred;
	const char *role = js(imds, "role");
	cleanup(free) char *path = mem_printf("meta-data/iam/security-credentials/%s", role),
			   *arn = NULL;
	json_t *out;
	char *text;

	if (!*role)
		return;
	jset_s(tree, path, "");
	if (!is_asked)
		return;
	cred = credential_find(sim, js(imds, "access_key_id"));
	if (!cred || jd(cred, "expires") < real_now() + 300) {
		arn = mem_printf("arn:%s:sts::%s:assumed-role/%s/%s",
				 js(sim->settings->truth, "partition"), sim_account(sim), role,
				 js(imds, "instance"));
		credential_mint(sim, imds, arn, jhas(imds, "lasts_s") ? jd(imds, "lasts_s") : 21600,
				&cred);
		jset_s(imds, "access_key_id", js(cred, "access_key_id"));
	}
	out = json_pack("{s:s,s:s,s:s,s:s,s:s}", "Code", "Success", "Type", "AWS-HMAC",
			"AccessKeyId", js(cred, "access_key_id"), "SecretAccessKey",
			js(cred, "secret_access_key"), "Token", js(cred, "session_token"));
	jset(out, "LastUpdated", json_time(real_now()));
	jset(out, "Expiration", json_time(jd(cred, "expires")));
	text = json_dumps(out, JSON_INDENT(2));
	jset_s(tree, path, text);
	free(text);
	json_decref(out);
}

static json_t *tree_make(struct sim *sim, const json_t *v, const char *path)
{
	static const struct {
		const char *path, *key;
	} rows[] = {
		{ "meta-data/instance-id", "id" },
		{ "meta-data/instance-type", "type" },
		{ "meta-data/ami-id", "image" },
		{ "meta-data/placement/availability-zone", "zone" },
		{ "meta-data/local-ipv4", "private_ip" },
		{ "meta-data/local-hostname", "private_dns" },
		{ "meta-data/hostname", "private_dns" },
		{ "meta-data/public-ipv4", "public_ip" },
	};
	json_t *tree = json_object();
	const char *key;
	json_t *item;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (*js(v, rows[i].key))
			jset_s(tree, rows[i].path, js(v, rows[i].key));
	jset_s(tree, "meta-data/instance-life-cycle",
	       js_is(v, "lifecycle", "spot") ? "spot" : "on-demand");
	jset_s(tree, "meta-data/placement/region", sim_region(sim));
	jset_s(tree, "meta-data/services/domain", "amazonaws.com");
	jset_s(tree, "meta-data/services/partition", js(sim->settings->truth, "partition"));
	if (*js(v, "asg"))
		jset_s(tree, "meta-data/autoscaling/target-lifecycle-state", js(v, "asg_state"));
	add_identity(sim, v, tree);
	add_mapping(v, tree);
	add_interface(v, tree);
	add_role(sim, tree, str_starts(path, "meta-data/iam/security-credentials/"));
	spot_items(v, tree);
	/* Anything else by its whole path. */
	json_object_foreach (jget(setting(sim, "imds"), "items"), key, item)
		json_object_set(tree, key, item);
	return tree;
}

/* A leaf, or the names below a directory, those that are directories with a slash. */
static int tree_read(const json_t *tree, const char *path, struct str *out)
{
	size_t n = strlen(path);
	const json_t *leaf = jget(tree, path);
	cleanup(free) char *last = mem_strdup("");
	const char *key;
	json_t *v;

	if (leaf) {
		str_add(out, json_string_value(leaf) ? json_string_value(leaf) : "");
		return 0;
	}
	json_object_foreach ((json_t *)tree, key, v) {
		const char *rest = key + n + (n && path[n - 1] != '/');
		size_t len;
		char *name;

		if (strncmp(key, path, n) || (n && path[n - 1] != '/' && key[n] != '/'))
			continue;
		len = strcspn(rest, "/");
		name = mem_printf("%.*s%s", (int)len, rest, rest[len] ? "/" : "");
		if (!str_eq(name, last) && !strstr(out->s, name))
			str_addf(out, "%s%s", out->len ? "\n" : "", name);
		free(last);
		last = name;
	}
	return out->len ? 0 : -1;
}

static void answer(struct reply *reply, int status, const char *text)
{
	reply->status = status;
	reply->type = "text/plain";
	str_clear(&reply->body);
	str_add(&reply->body, text);
}

static void put_token(struct sim *sim, const struct request *req, struct reply *reply)
{
	const char *ttl = header_get(&req->headers, "X-aws-ec2-metadata-token-ttl-seconds");
	long seconds = ttl ? strtol(ttl, NULL, 10) : 0;
	cleanup(str_done) struct str token = STR_INIT;

	if (seconds < 1 || seconds > MAX_TTL_S) {
		answer(reply, 400, "");
		return;
	}
	if (header_get(&req->headers, "X-Forwarded-For")) {
		answer(reply, 403, "");
		return;
	}
	token_new(sim, seconds, &token);
	answer(reply, 200, token.s);
	vec_push(&reply->headers,
		 ((struct field){ mem_strdup("X-Aws-Ec2-Metadata-Token-Ttl-Seconds"),
				  mem_printf("%ld", seconds) }));
}

void imds_handle(struct sim *sim, const struct request *req, struct reply *reply)
{
	const json_t *imds = setting(sim, "imds");
	struct res *inst = world_get(sim, js(imds, "instance"));
	const char *token = header_get(&req->headers, "X-aws-ec2-metadata-token");
	const char *path = req->target + strlen("/latest");
	json_t *tree;

	path += *path == '/';
	if (!inst || jb(imds, "disabled")) {
		answer(reply, inst ? 403 : 404, "");
	} else if (str_eq(path, "api/token")) {
		if (str_eq(req->method, "PUT"))
			put_token(sim, req, reply);
		else
			answer(reply, 405, "");
	} else if (!token && !json_is_false(jget(imds, "token_required"))) {
		answer(reply, 401, "Unauthorized");
	} else if (token && !token_is_good(sim, token)) {
		answer(reply, 401, "Unauthorized");
	} else if (str_eq(path, "user-data")) {
		cleanup(str_done) struct str data = STR_INIT;
		const char *text = js(inst->truth, "user_data");

		if (!*text || str_add_from_base64(&data, text, strlen(text)))
			answer(reply, 404, "");
		else
			answer(reply, 200, data.s);
	} else {
		tree = tree_make(sim, inst->truth, path);
		answer(reply, 200, "");
		if (tree_read(tree, path, &reply->body))
			answer(reply, 404, "Not Found");
		json_decref(tree);
	}
}
