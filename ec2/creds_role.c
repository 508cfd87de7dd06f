/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Roles: a profile with role_arn, whose base is another profile or a named source; and web
 * identities. */
#include "ec2/actions.h"
#include "ec2/lookup.h"
#include "base/file.h"
#include "base/secrets.h"

#define MAX_ROLES 16
#define MAX_TOKEN 65536

/* ---- assumed roles ---- */

struct role {
	struct lookup *lookup;		 /* ours */
	struct lookup *base;		 /* the search for what the first role is assumed with */
	const char *profiles[MAX_ROLES]; /* role profiles, the wanted one first; texts of config */
	size_t count;
	struct creds creds; /* so far */
	struct sts_credentials reply;
	struct ec2_op op;
};

static const struct creds_source *const profile_sources[] = {
	&source_web_identity, &source_sso,	   &source_credentials_file,
	&source_process,      &source_config_file, NULL,
};
static const struct {
	const char *name;
	const struct creds_source *sources[2];
} named_sources[] = {
	{ "Environment", { &source_environment, NULL } },
	{ "Ec2InstanceMetadata", { &source_imds, NULL } },
	{ "EcsContainer", { &source_container, NULL } },
};

static void stop_role(struct lookup *lookup)
{
	struct role *role = lookup->state;

	ec2_cancel(lookup->ec2, &role->op);
	lookup_free(role->base);
	creds_done(&role->creds);
	xmlmap_free(action_assume_role.reply, &role->reply, sizeof(role->reply));
	free(role);
}

/* Session names are [\w+=,.@-]{2,64}. */
static char *session_name(const struct lookup *lookup, const char *configured)
{
	return configured ? mem_strdup(configured)
			  : mem_printf("ec2-rescue-%lld", (long long)ec2_now_s(lookup->ec2));
}

static void take_reply(struct sts_credentials *reply, struct creds *ret)
{
	creds_done(ret);
	*ret = (struct creds){ .expires_s = reply->expires };
	ret->key_id = TAKE(reply->key_id);
	ret->secret = TAKE(reply->secret);
	ret->token = TAKE(reply->token);
	creds_know(ret);
}

static void assume_next(struct role *role);

static void on_assumed(struct ec2_op *op)
{
	struct role *role = op->arg;

	if (op->err.code) {
		lookup_fail(role->lookup, &op->err);
		return;
	}
	take_reply(&role->reply, &role->creds);
	role->count--;
	assume_next(role);
}

/* The role of the last profile in the list, with what there is so far. */
static void assume_next(struct role *role)
{
	struct lookup *lookup = role->lookup;
	const struct aws_config *config = &lookup->ec2->config;
	const char *profile = role->count ? role->profiles[role->count - 1] : NULL, *duration;
	cleanup(free) char *session = NULL;
	struct assume_role_request request;
	struct call_spec spec = { .action = &action_assume_role,
				  .request = &request,
				  .ret = &role->reply,
				  .as = &role->creds };
	struct creds creds;
	struct err why = ERR_INIT;

	if (!profile) {
		creds = role->creds;
		role->creds = (struct creds){ 0 };
		lookup_found(lookup, &creds, "assumed role, profile %s", lookup->profile);
		return;
	}
	if (config_value(config, profile, "mfa_serial")) {
		err_set(&why, ERR_CREDENTIALS,
			"the profile %s wants an MFA code, which is not asked for here; open a "
			"session first: eval \"$(aws configure export-credentials --format env "
			"--profile %s)\"",
			profile, profile);
		lookup_fail(lookup, &why);
		return;
	}
	session = session_name(lookup, config_value(config, profile, "role_session_name"));
	duration = config_value(config, profile, "duration_seconds");
	request = (struct assume_role_request){
		.role_arn = config_value(config, profile, "role_arn"),
		.session_name = session,
		.external_id = config_value(config, profile, "external_id"),
		.duration_s = duration ? strtoll(duration, NULL, 10) : 0,
	};
	role->op = (struct ec2_op){ .done = on_assumed, .arg = role };
	call_start(lookup->ec2, &spec, &role->op);
}

static void on_base(void *arg, struct creds *creds, const struct err *err)
{
	struct role *role = arg;
	struct err why;

	role->base = NULL;
	if (!creds) {
		why = *err;
		err_in(&why, "for the role of the profile %s", role->lookup->profile);
		lookup_fail(role->lookup, &why);
		return;
	}
	role->creds = *creds;
	assume_next(role);
}

static void find_base(struct role *role, const struct creds_source *const *sources,
		      const char *profile)
{
	role->base = lookup_new(role->lookup->ec2, sources, profile, on_base, role);
	role->base->env = sources == profile_sources ? ENV_IGNORED : ENV_COUNTS;
	lookup_go(role->base);
}

static bool is_listed(const struct role *role, const char *profile)
{
	for (size_t i = 0; i < role->count; i++)
		if (str_eq(role->profiles[i], profile))
			return true;
	return false;
}

static bool has_keys(const struct aws_config *config, const char *profile)
{
	return config_value(config, profile, "aws_access_key_id");
}

/* A profile assumes a role when it has a role_arn that is not for a web identity. */
static bool is_role(const struct aws_config *config, const char *profile)
{
	return config_value(config, profile, "role_arn") &&
	       !config_value(config, profile, "web_identity_token_file");
}

static int find_named_source(const char *name, const struct creds_source *const **ret,
			     const char *profile, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(named_sources); i++) {
		if (!str_eq(named_sources[i].name, name))
			continue;
		*ret = named_sources[i].sources;
		return 0;
	}
	return err_set(err, ERR_CREDENTIALS,
		       "the profile %s has an unknown credential_source; known are Environment, "
		       "Ec2InstanceMetadata and EcsContainer",
		       profile);
}

/* Follows source_profile from profile to profile: the roles on the way, and what to begin with. */
static int plan(struct role *role, const struct creds_source *const **ret_sources,
		const char **ret_profile, struct err *err)
{
	const struct aws_config *config = &role->lookup->ec2->config;
	const char *profile = role->lookup->profile, *source, *next;

	for (;;) {
		role->profiles[role->count++] = profile;
		source = config_value(config, profile, "credential_source");
		next = config_value(config, profile, "source_profile");
		if (!source == !next)
			return err_set(err, ERR_CREDENTIALS,
				       "the profile %s has role_arn and so needs one of "
				       "source_profile and credential_source",
				       profile);
		*ret_profile = profile;
		if (source)
			return find_named_source(source, ret_sources, profile, err);
		if (!config_has_profile(config, next))
			return err_set(err, ERR_CREDENTIALS,
				       "the source_profile %s of the profile %s does not exist",
				       next, profile);
		*ret_sources = profile_sources;
		*ret_profile = next;
		/* A profile may name itself: then its own keys are meant. */
		if (has_keys(config, next) || !is_role(config, next))
			return 0;
		if (is_listed(role, next) || role->count == MAX_ROLES)
			return err_set(err, ERR_CREDENTIALS,
				       "source_profile leads from %s back to %s", profile, next);
		profile = next;
	}
}

static void from_role(struct lookup *lookup)
{
	const struct creds_source *const *sources = NULL;
	const char *profile = NULL;
	struct err why = ERR_INIT;
	struct role *role;

	if (!is_role(&lookup->ec2->config, lookup->profile)) {
		lookup_none(lookup, "assumed role: the profile %s has no role_arn",
			    lookup->profile);
		return;
	}
	role = mem_alloc(sizeof(*role));
	role->lookup = lookup;
	lookup->state = role;
	lookup->stop = stop_role;
	if (plan(role, &sources, &profile, &why) < 0)
		lookup_fail(lookup, &why);
	else
		find_base(role, sources, profile);
}

/* ---- web identity ---- */

struct web_identity {
	struct lookup *lookup;
	struct sts_credentials reply;
	struct ec2_op op;
};

static void stop_web_identity(struct lookup *lookup)
{
	struct web_identity *web = lookup->state;

	ec2_cancel(lookup->ec2, &web->op);
	xmlmap_free(action_assume_role.reply, &web->reply, sizeof(web->reply));
	free(web);
}

static void on_web_identity(struct ec2_op *op)
{
	struct web_identity *web = op->arg;
	struct creds creds = { 0 };

	if (op->err.code) {
		lookup_fail(web->lookup, &op->err);
		return;
	}
	take_reply(&web->reply, &creds);
	lookup_found(web->lookup, &creds, "web identity");
}

/* The environment first, then the profile. */
static const char *web_value(const struct lookup *lookup, const char *variable, const char *key)
{
	const char *value = lookup->env == ENV_COUNTS ? env_value(variable) : NULL;

	return value ? value : lookup_value(lookup, key);
}

static void start_web_identity(struct lookup *lookup, const char *role_arn, const char *token)
{
	struct web_identity *web = mem_alloc(sizeof(*web));
	cleanup(free) char *session = session_name(
		lookup, web_value(lookup, "AWS_ROLE_SESSION_NAME", "role_session_name"));
	struct assume_role_request request = { .role_arn = role_arn,
					       .session_name = session,
					       .web_identity_token = token };
	struct call_spec spec = { .action = &action_assume_role_with_web_identity,
				  .request = &request,
				  .ret = &web->reply };

	web->lookup = lookup;
	lookup->state = web;
	lookup->stop = stop_web_identity;
	web->op = (struct ec2_op){ .done = on_web_identity, .arg = web };
	call_start(lookup->ec2, &spec, &web->op);
}

static void from_web_identity(struct lookup *lookup)
{
	const char *file =
		web_value(lookup, "AWS_WEB_IDENTITY_TOKEN_FILE", "web_identity_token_file");
	const char *role_arn = web_value(lookup, "AWS_ROLE_ARN", "role_arn");
	struct str token = STR_INIT;
	struct err why = ERR_INIT;

	if (!file) {
		lookup_none(lookup, "web identity: AWS_WEB_IDENTITY_TOKEN_FILE is not set");
		return;
	}
	if (!role_arn) {
		err_set(&why, ERR_CREDENTIALS, "there is a token file, but no role_arn with it");
		lookup_fail(lookup, &why);
		return;
	}
	if (file_read(file, MAX_TOKEN, &token, &why) < 0) {
		lookup_fail(lookup, &why);
	} else {
		while (token.len && strchr(" \r\n\t", token.s[token.len - 1]))
			token.s[--token.len] = '\0';
		secrets_know(token.s);
		start_web_identity(lookup, role_arn, token.s);
	}
	if (token.len)
		explicit_bzero(token.s, token.len);
	str_done(&token);
}

const struct creds_source source_role = { "the assumed role", from_role };
const struct creds_source source_web_identity = { "the web identity", from_web_identity };
