/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ec2/config.h"
#include "base/file.h"
#include "base/secrets.h"

#include <pwd.h>
#include <strings.h>

#define MAX_FILE_BYTES 1048576

const char *env_value(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

bool is_true(const char *value)
{
	return value &&
	       (!strcasecmp(value, "true") || !strcasecmp(value, "yes") || str_eq(value, "1"));
}

static int parse_number(const char *text, uint32_t *ret)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (!*text || *end || *text == '-' || value > 1000000)
		return -1;
	*ret = (uint32_t)value;
	return 0;
}

uint32_t env_number(const char *name, uint32_t fallback)
{
	const char *text = env_value(name);
	uint32_t value;

	return text && parse_number(text, &value) == 0 ? value : fallback;
}

char *expand_home(const char *path)
{
	const char *home = env_value("HOME");

	if (path[0] != '~' || (path[1] && path[1] != '/'))
		return mem_strdup(path);
	if (!home) {
		const struct passwd *me = getpwuid(getuid());

		home = me ? me->pw_dir : "/root";
	}
	return mem_printf("%s%s", home, path + 1);
}

int check_region(const char *region, struct err *err)
{
	cleanup(str_done) struct str quoted = STR_INIT;
	size_t len = strnlen(region, 65);

	if (len && len < 64 && region[0] != '-' && region[len - 1] != '-' &&
	    strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-") == len)
		return 0;
	str_add_escaped(&quoted, region, len);
	return err_set(err, ERR_USAGE, "\"%s\" is not the name of a region, such as eu-central-1",
		       quoted.s);
}

/* Before anything can be wrong with the configuration, and be said. */
static void know_environment(void)
{
	static const char *const names[] = { "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
					     "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN",
					     "AWS_CONTAINER_AUTHORIZATION_TOKEN" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		secrets_know(env_value(names[i]));
	for (char **variable = environ; *variable; variable++) {
		size_t name = strcspn(*variable, "=");
		const char *value = *variable + name + ((*variable)[name] == '=');
		bool is_proxy = name > 6 && !strncasecmp(value - 7, "_proxy", 6);

		/* libcurl takes a proxy without a scheme, too. */
		if (is_proxy || (str_starts(*variable, "AWS_") && strstr(value, "://")))
			secrets_know_url(value);
	}
}

static void know_ini(const struct ini *ini)
{
	static const char *const keys[] = { "aws_access_key_id", "aws_secret_access_key",
					    "aws_session_token", "aws_security_token" };

	vec_foreach (section, &ini->sections) {
		for (size_t i = 0; i < ARRAY_LEN(keys); i++)
			secrets_know(ini_value(section, keys[i]));
		vec_foreach (pair, &section->pairs)
			if (strstr(pair->value, "://"))
				secrets_know_url(pair->value);
	}
}

/* An absent file is an empty one; one that may not be read is an error of its own. */
static int read_ini(const char *path, struct ini *ret, struct err *err)
{
	struct str text = STR_INIT;
	struct err why = ERR_INIT;

	if (access(path, F_OK) < 0)
		return 0;
	if (file_read(path, MAX_FILE_BYTES, &text, &why) < 0) {
		str_done(&text);
		return err_set(err, ERR_CREDENTIALS, "AWS configuration: %s", why.text);
	}
	ini_parse(text.s, text.len, ret);
	know_ini(ret);
	if (text.len)
		explicit_bzero(text.s, text.len);
	str_done(&text);
	return 0;
}

static int load_file(const char *variable, const char *fallback, char **ret_path, struct ini *ret,
		     struct err *err)
{
	const char *named = env_value(variable);

	*ret_path = expand_home(named ? named : fallback);
	return read_ini(*ret_path, ret, err);
}

static void reload_file(const char *path, struct ini *ini)
{
	struct err ignored = ERR_INIT;
	struct ini fresh = { 0 };

	if (read_ini(path, &fresh, &ignored) < 0)
		return;
	ini_done(ini);
	*ini = fresh;
}

void config_reload(struct aws_config *config)
{
	reload_file(config->config_path, &config->config);
	reload_file(config->credentials_path, &config->credentials);
}

/* Does "[kind name]" or "[kind "name"]" name this section? */
static bool is_named(const char *section, const char *kind, const char *name)
{
	size_t kind_len = strlen(kind), len = strlen(name);

	if (!str_starts(section, kind) || !strchr(" \t", section[kind_len]) || !section[kind_len])
		return false;
	section += kind_len + strspn(section + kind_len, " \t");
	if (*section == '"' || *section == '\'')
		return !strncmp(section + 1, name, len) && section[len + 1] == *section &&
		       !section[len + 2];
	return str_eq(section, name);
}

const struct ini_section *config_section(const struct aws_config *config, const char *kind,
					 const char *name)
{
	vec_foreach (section, &config->config.sections)
		if (is_named(section->name, kind, name))
			return section;
	return NULL;
}

const struct ini_section *config_profile(const struct aws_config *config, const char *profile)
{
	const struct ini_section *section = config_section(config, "profile", profile);

	if (!section && str_eq(profile, "default"))
		section = ini_section(&config->config, "default");
	return section;
}

bool config_has_profile(const struct aws_config *config, const char *profile)
{
	return config_profile(config, profile) || ini_section(&config->credentials, profile);
}

const char *config_value(const struct aws_config *config, const char *profile, const char *key)
{
	const char *value = ini_value(ini_section(&config->credentials, profile), key);

	if (!value || !*value)
		value = ini_value(config_profile(config, profile), key);
	return value && *value ? value : NULL;
}

static int choose_profile(const struct ec2_settings *settings, struct aws_config *config,
			  struct err *err)
{
	const char *named = settings->profile;

	config->is_profile_explicit = named;
	if (!named)
		named = env_value("AWS_PROFILE");
	if (!named)
		named = env_value("AWS_DEFAULT_PROFILE");
	config->profile = mem_strdup(named ? named : "default");
	if (named && !config_has_profile(config, named)) {
		cleanup(str_done) struct str quoted = STR_INIT;

		str_add_escaped(&quoted, named, strnlen(named, 80));
		return err_set(err, ERR_CREDENTIALS,
			       "the profile \"%s\" is neither in %s nor in %s", quoted.s,
			       config->config_path, config->credentials_path);
	}
	return 0;
}

static const char *first_of(const char *a, const char *b, const char *c, const char *d)
{
	return a ? a : b ? b : c ? c : d;
}

static int choose_attempts(const struct ec2_settings *settings, struct aws_config *config,
			   struct err *err)
{
	const char *text =
		first_of(env_value("AWS_MAX_ATTEMPTS"),
			 config_value(config, config->profile, "max_attempts"), "3", NULL);

	config->max_attempts = settings->max_attempts;
	if (config->max_attempts)
		return 0;
	if (parse_number(text, &config->max_attempts) < 0 || !config->max_attempts)
		return err_set(err, ERR_USAGE,
			       "AWS_MAX_ATTEMPTS (or max_attempts) should be a number from 1");
	return 0;
}

static bool switch_on(const struct aws_config *config, const char *variable, const char *key)
{
	const char *value = env_value(variable);

	return is_true(value ? value : config_value(config, config->profile, key));
}

static char *maybe_strdup(const char *s)
{
	return s ? mem_strdup(s) : NULL;
}

/* "fips-us-gov-west-1" and "us-east-1-fips": old names for a region and the FIPS switch. */
static void split_fips_region(struct aws_config *config)
{
	char *region = config->region;
	size_t len = region ? strlen(region) : 0;

	if (len && str_starts(region, "fips-")) {
		memmove(region, region + 5, len - 4);
		config->use_fips = true;
	} else if (len && str_ends(region, "-fips")) {
		region[len - 5] = '\0';
		config->use_fips = true;
	}
}

int config_load(const struct ec2_settings *settings, struct aws_config *ret, struct err *err)
{
	const char *ca_bundle, *region;

	memset(ret, 0, sizeof(*ret));
	know_environment();
	secrets_know_url(settings->endpoint_url);
	if (load_file("AWS_CONFIG_FILE", "~/.aws/config", &ret->config_path, &ret->config, err) <
		    0 ||
	    load_file("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials", &ret->credentials_path,
		      &ret->credentials, err) < 0 ||
	    choose_profile(settings, ret, err) < 0 || choose_attempts(settings, ret, err) < 0)
		goto fail;
	region =
		first_of(settings->region, env_value("AWS_REGION"), env_value("AWS_DEFAULT_REGION"),
			 config_value(ret, ret->profile, "region"));
	ret->region = maybe_strdup(region);
	ret->use_fips = switch_on(ret, "AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint");
	ret->use_dual_stack =
		switch_on(ret, "AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint");
	ret->ignore_endpoints = switch_on(ret, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
					  "ignore_configured_endpoint_urls");
	split_fips_region(ret);
	if (ret->region && check_region(ret->region, err) < 0)
		goto fail;
	ret->endpoint_url = maybe_strdup(settings->endpoint_url);
	ca_bundle = first_of(env_value("AWS_CA_BUNDLE"),
			     config_value(ret, ret->profile, "ca_bundle"), NULL, NULL);
	ret->ca_bundle = ca_bundle ? expand_home(ca_bundle) : NULL;
	return 0;
fail:
	config_done(ret);
	return -1;
}

void config_done(struct aws_config *config)
{
	ini_done(&config->config);
	ini_done(&config->credentials);
	free(config->config_path);
	free(config->credentials_path);
	free(config->profile);
	free(config->region);
	free(config->endpoint_url);
	free(config->ca_bundle);
	memset(config, 0, sizeof(*config));
}
