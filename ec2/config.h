/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EC2_CONFIG_H
#define EC2_CONFIG_H

/* What the command line, the environment and the AWS files say, in the SDKs' order. Read once. */

#include "ec2/client.h"
#include "ec2/ini.h"

struct aws_config {
	struct ini config, credentials;
	char *config_path, *credentials_path;
	char *profile;
	bool is_profile_explicit; /* from the command line: then the environment's keys do not count
				   */
	char *region;		  /* NULL: only the instance metadata can know */
	char *endpoint_url;	  /* from the command line; NULL: see ec2/endpoint.h */
	char *ca_bundle;
	bool use_fips, use_dual_stack, ignore_endpoints;
	uint32_t max_attempts;
};

/* ERR_CREDENTIALS: a profile was named that is nowhere; ERR_USAGE: a malformed value. */
int config_load(const struct ec2_settings *settings, struct aws_config *ret, struct err *err)
	__attribute__((warn_unused_result));
/* Reads the two files again; what can no longer be read stays as it was. Borrowed values are gone.
 */
void config_reload(struct aws_config *config);
void config_done(struct aws_config *config); /* wipes */

bool config_has_profile(const struct aws_config *config, const char *profile);
/* A key of a profile; the credentials file wins over the config file. NULL when absent or empty.
 * Borrowed. */
const char *config_value(const struct aws_config *config, const char *profile, const char *key);
/* The profile's section of the config file; NULL when there is none. */
const struct ini_section *config_profile(const struct aws_config *config, const char *profile);
/* A section "[kind name]" of the config file, with or without quotes; NULL when there is none. */
const struct ini_section *config_section(const struct aws_config *config, const char *kind,
					 const char *name);

/* Value of an environment variable; NULL when unset or empty. */
const char *env_value(const char *name);
/* "true", "1", "yes", whatever the case. */
bool is_true(const char *value);
/* A number of an environment variable or `fallback` when it is unset or no number. */
uint32_t env_number(const char *name, uint32_t fallback);
/* `path` with a leading ~ replaced. Caller frees. */
char *expand_home(const char *path);
/* Letters, digits and dashes, as it becomes part of a host name. */
int check_region(const char *region, struct err *err) __attribute__((warn_unused_result));

#endif
