/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ec2/endpoint.h"
#include "base/str.h"
#include "ec2/libcurl.h"

#include <ctype.h>

const struct aws_service service_ec2 = { "ec2", "EC2", "2016-11-15", true, false };
const struct aws_service service_sts = { "sts", "STS", "2011-06-15", true, false };
const struct aws_service service_sso_portal = { "portal.sso", "SSO", "", false, true };
const struct aws_service service_sso_oidc = { "oidc", "SSO_OIDC", "", false, true };
const struct aws_service service_ebs = { "ebs", "EBS", "2019-11-02", false, false };
const struct aws_service service_kms = { "kms", "KMS", "2014-11-01", false, false };
const struct aws_service service_ssm = { "ssm", "SSM", "2014-11-06", true, false };
const struct aws_service service_autoscaling = { "autoscaling", "AUTO_SCALING", "2011-01-01", true,
						 false };

static const struct partition {
	const char *prefix, *name, *suffix, *dual_suffix; /* dual_suffix NULL: has none */
} partitions[] = {
	{ "cn-", "aws-cn", "amazonaws.com.cn", "api.amazonwebservices.com.cn" },
	{ "us-gov-", "aws-us-gov", "amazonaws.com", "api.aws" },
	{ "us-isob-", "aws-iso-b", "sc2s.sgov.gov", NULL },
	{ "us-isof-", "aws-iso-f", "csp.hci.ic.gov", NULL },
	{ "eu-isoe-", "aws-iso-e", "cloud.adc-e.uk", NULL },
	{ "us-iso-", "aws-iso", "c2s.ic.gov", NULL },
	{ "eusc-", "aws-eusc", "amazonaws.eu", NULL },
	{ "", "aws", "amazonaws.com", "api.aws" },
};

static const struct partition *partition_of(const char *region)
{
	const struct partition *p = partitions;

	while (!str_starts(region, p->prefix))
		p++;
	return p;
}

/* The profile's `services` section: "[services mine]" with "ec2 =" and an indented endpoint_url. */
static char *from_services(const struct aws_config *config, const char *service_id)
{
	const char *name = config_value(config, config->profile, "services");
	const struct ini_section *section = name ? config_section(config, "services", name) : NULL;
	cleanup(free) char *key = mem_strdup(service_id);

	for (char *p = key; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return ini_nested(ini_value(section, key), "endpoint_url");
}

/* An address of AWS itself (a VPC endpoint, say) speaks one service; another server may speak all.
 */
static bool is_aws_host(const char *url)
{
	size_t scheme = strcspn(url, ":"), len;
	const char *host = url[scheme] ? url + scheme + strspn(url + scheme, ":/") : url;
	cleanup(free) char *name = mem_strndup(host, strcspn(host, ":/"));

	for (size_t i = 0; i < ARRAY_LEN(partitions); i++) {
		const char *suffixes[] = { partitions[i].suffix, partitions[i].dual_suffix };

		for (size_t j = 0; j < ARRAY_LEN(suffixes); j++) {
			len = suffixes[j] ? strlen(name) - strlen(suffixes[j]) : 0;
			if (suffixes[j] && str_ends(name, suffixes[j]) && len &&
			    name[len - 1] == '.')
				return true;
		}
	}
	return false;
}

static char *maybe_strdup(const char *s)
{
	return s ? mem_strdup(s) : NULL;
}

char *endpoint_configured(const struct aws_config *config, const struct aws_service *service)
{
	cleanup(free) char *variable = mem_printf("AWS_ENDPOINT_URL_%s", service->id);
	const char *flag = config->endpoint_url, *url;
	char *nested;

	if (flag && !service->is_flag_ignored && (service == &service_ec2 || !is_aws_host(flag)))
		return mem_strdup(flag);
	if (config->ignore_endpoints)
		return NULL;
	url = env_value(variable);
	if (!url)
		url = env_value("AWS_ENDPOINT_URL");
	if (url)
		return mem_strdup(url);
	nested = from_services(config, service->id);
	return nested ? nested
		      : maybe_strdup(config_value(config, config->profile, "endpoint_url"));
}

static char *url_part(CURLU *url, CURLUPart part)
{
	char *value = NULL, *copy = NULL;

	if (curl.url_get(url, part, &value, 0) == CURLUE_OK && value)
		copy = mem_strdup(value);
	curl.free(value);
	return copy;
}

static bool is_clean(const char *url)
{
	for (const char *p = url; *p; p++)
		if (*p <= ' ' || *p == 0x7f)
			return false;
	return true;
}

static int take_apart(const char *text, struct endpoint *ret, struct err *err)
{
	CURLU *url = curl.url();
	bool is_good =
		url && is_clean(text) && curl.url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK;
	cleanup(free) char *scheme = is_good ? url_part(url, CURLUPART_SCHEME) : NULL;
	cleanup(free) char *host = is_good ? url_part(url, CURLUPART_HOST) : NULL;
	cleanup(free) char *port = is_good ? url_part(url, CURLUPART_PORT) : NULL;
	cleanup(free) char *path = is_good ? url_part(url, CURLUPART_PATH) : NULL;
	cleanup(free) char *user = is_good ? url_part(url, CURLUPART_USER) : NULL;
	cleanup(free) char *query = is_good ? url_part(url, CURLUPART_QUERY) : NULL;
	cleanup(str_done) struct str quoted = STR_INIT;

	curl.url_cleanup(url);
	if (!host || !path || user || query ||
	    (!str_eq(scheme, "http") && !str_eq(scheme, "https"))) {
		str_add_escaped(&quoted, text, strnlen(text, 200));
		return err_set(err, ERR_USAGE,
			       "\"%s\" is not an endpoint URL: http:// or https:// and a host",
			       quoted.s);
	}
	if (port && str_eq(port, str_eq(scheme, "http") ? "80" : "443")) {
		free(port);
		port = NULL;
	}
	ret->path = mem_strdup(*path ? path : "/");
	ret->host = mem_printf("%s%s%s", host, port ? ":" : "", port ? port : "");
	ret->url = mem_printf("%s://%s%s", scheme, ret->host, ret->path);
	return 0;
}

int endpoint_parse(const char *text, struct endpoint *ret, struct err *err)
{
	return libcurl_load(err) < 0 ? -1 : take_apart(text, ret, err);
}

int endpoint_find_in(const struct aws_config *config, const struct aws_service *service,
		     const char *region, struct endpoint *ret, struct err *err)
{
	const struct partition *partition = partition_of(region);
	cleanup(free) char *configured = endpoint_configured(config, service);
	const char *suffix = config->use_dual_stack ? partition->dual_suffix : partition->suffix;
	cleanup(free) char *url = NULL;
	bool is_fips = config->use_fips;

	if (configured)
		return endpoint_parse(configured, ret, err);
	if (!suffix)
		return err_set(err, ERR_USAGE,
			       "the partition %s has no dual-stack endpoints; unset "
			       "AWS_USE_DUALSTACK_ENDPOINT (use_dualstack_endpoint)",
			       partition->name);
	if (service->is_gov_host_fips && str_eq(partition->name, "aws-us-gov") &&
	    !config->use_dual_stack)
		is_fips = false;
	url = mem_printf("https://%s%s.%s.%s", service->name, is_fips ? "-fips" : "", region,
			 suffix);
	return endpoint_parse(url, ret, err);
}

int endpoint_find(const struct aws_config *config, const struct aws_service *service,
		  struct endpoint *ret, struct err *err)
{
	return endpoint_find_in(config, service, config->region, ret, err);
}

void endpoint_done(struct endpoint *endpoint)
{
	free(endpoint->url);
	free(endpoint->host);
	free(endpoint->path);
	memset(endpoint, 0, sizeof(*endpoint));
}
