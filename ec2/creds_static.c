/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys that are written down: in the environment, in the two files, or by a program. */
#include "ec2/lookup.h"
#include "ec2/when.h"
#include "base/proc.h"

#define PROCESS_DEADLINE_S 120 /* it may ask the user for something */

static char *copy(const char *text)
{
	return text ? mem_strdup(text) : NULL;
}

static void from_environment(struct lookup *lookup)
{
	const char *key_id = env_value("AWS_ACCESS_KEY_ID");
	const char *secret = env_value("AWS_SECRET_ACCESS_KEY");
	const char *token = env_value("AWS_SESSION_TOKEN");
	const char *expires = env_value("AWS_CREDENTIAL_EXPIRATION");
	struct creds creds = { 0 };
	struct err why = ERR_INIT;

	if (lookup->env == ENV_IGNORED) {
		lookup_none(lookup, "environment: not asked, a profile was named");
		return;
	}
	if (!key_id) {
		lookup_none(lookup, "environment: AWS_ACCESS_KEY_ID is not set");
		return;
	}
	if (!secret) {
		err_set(&why, ERR_CREDENTIALS,
			"AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not");
		lookup_fail(lookup, &why);
		return;
	}
	if (expires && when_parse_iso8601(expires, &creds.expires_s) < 0) {
		err_set(&why, ERR_CREDENTIALS, "AWS_CREDENTIAL_EXPIRATION is no ISO 8601 time");
		lookup_fail(lookup, &why);
		return;
	}
	creds.key_id = copy(key_id);
	creds.secret = copy(secret);
	creds.token = copy(token ? token : env_value("AWS_SECURITY_TOKEN"));
	lookup_found(lookup, &creds, "environment");
}

/* One of the files; a key without its secret is a slip that a later source must not paper over. */
static void from_section(struct lookup *lookup, const struct ini_section *section, const char *what,
			 const char *path)
{
	const char *key_id = ini_value(section, "aws_access_key_id");
	const char *secret = ini_value(section, "aws_secret_access_key");
	const char *token = ini_value(section, "aws_session_token");
	struct creds creds = { 0 };
	struct err why = ERR_INIT;

	if (!key_id || !*key_id) {
		lookup_none(lookup, "%s: no aws_access_key_id for the profile %s in %s", what,
			    lookup->profile, path);
		return;
	}
	if (!secret || !*secret) {
		err_set(&why, ERR_CREDENTIALS,
			"the profile %s in %s has aws_access_key_id but no aws_secret_access_key",
			lookup->profile, path);
		lookup_fail(lookup, &why);
		return;
	}
	creds.key_id = copy(key_id);
	creds.secret = copy(secret);
	creds.token = copy(token ? token : ini_value(section, "aws_security_token"));
	lookup_found(lookup, &creds, "%s, profile %s", what, lookup->profile);
}

static void from_credentials_file(struct lookup *lookup)
{
	const struct aws_config *config = &lookup->ec2->config;

	from_section(lookup, ini_section(&config->credentials, lookup->profile), "credentials file",
		     config->credentials_path);
}

static void from_config_file(struct lookup *lookup)
{
	const struct aws_config *config = &lookup->ec2->config;

	from_section(lookup, config_profile(config, lookup->profile), "config file",
		     config->config_path);
}

/* ---- credential_process ---- */

/* Splits as a shell would, without running one: blanks, '...', "...", backslash. -1: no end of a
 * quotation. */
static int split(const char *line, char *words[], size_t most)
{
	struct str word = STR_INIT;
	size_t count = 0;
	char quote = 0;

	for (const char *p = line + strspn(line, " \t\n"); *p && count < most;) {
		bool has_word = false;

		for (; *p && (quote || !strchr(" \t\n", *p)); p++, has_word = true) {
			if (*p == quote)
				quote = 0;
			else if (!quote && (*p == '\'' || *p == '"'))
				quote = *p;
			else if (*p == '\\' && quote != '\'' && p[1] &&
				 (!quote || strchr("\\\"", p[1])))
				str_add_char(&word, *++p);
			else
				str_add_char(&word, *p);
		}
		if (has_word)
			words[count++] = str_take(&word);
		p += strspn(p, " \t\n");
	}
	words[count] = NULL;
	str_done(&word);
	return quote ? -1 : 0;
}

static int read_output(const struct proc_result *result, struct creds *ret, struct err *err)
{
	static const struct creds_names names = { "AccessKeyId", "SecretAccessKey", "SessionToken",
						  "Expiration" };
	json_t *json;
	int rc;

	if (result->status)
		return err_set(err, ERR_CREDENTIALS, "the program ended with status %d",
			       result->status);
	json = json_loadb(result->out.s, result->out.len, 0, NULL);
	if (!json_is_object(json) || json_integer_value(json_object_get(json, "Version")) != 1)
		rc = err_set(err, ERR_CREDENTIALS,
			     "the program's output is not JSON with \"Version\": 1");
	else
		rc = creds_from_json(json, &names, ret, err);
	json_decref(json);
	return rc;
}

static void stop_process(struct lookup *lookup)
{
	proc_cancel(lookup->state);
}

static void on_process(void *arg, struct proc_result *result, const struct err *err)
{
	struct lookup *lookup = arg;
	struct creds creds = { 0 };
	struct err why = ERR_INIT;

	lookup->stop = NULL;
	if (err) {
		lookup_fail(lookup, err);
		return;
	}
	if (read_output(result, &creds, &why) < 0)
		lookup_fail(lookup, &why);
	else
		lookup_found(lookup, &creds, "credential_process, profile %s", lookup->profile);
	if (result->out.len)
		explicit_bzero(result->out.s, result->out.len);
}

static void from_process(struct lookup *lookup)
{
	const char *line = lookup_value(lookup, "credential_process");
	char *words[64 + 1] = { 0 };
	struct proc_run run = { .argv = (const char *const *)words,
				.env = (const char *const *)environ,
				.deadline_s = PROCESS_DEADLINE_S,
				.is_stderr_ours = true };
	struct proc_job *job = NULL;
	struct err why = ERR_INIT;

	if (!line) {
		lookup_none(lookup, "credential_process: the profile %s has none", lookup->profile);
		return;
	}
	if (split(line, words, ARRAY_LEN(words) - 1) < 0 || !words[0])
		err_set(&why, ERR_CREDENTIALS, "a quotation has no end in it");
	else if (proc_start(lookup->ec2->loop, &run, on_process, lookup, &job, &why) == 0) {
		lookup->state = job;
		lookup->stop = stop_process;
	}
	for (size_t i = 0; words[i]; i++)
		secret_free(words[i]);
	if (!job)
		lookup_fail(lookup, &why);
}

const struct creds_source source_environment = { "the environment", from_environment };
const struct creds_source source_credentials_file = { "the credentials file",
						      from_credentials_file };
const struct creds_source source_config_file = { "the config file", from_config_file };
const struct creds_source source_process = { "credential_process", from_process };
