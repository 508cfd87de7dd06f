/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EC2_ENDPOINT_H
#define EC2_ENDPOINT_H

/* Where a service of a region is reached: partitions, FIPS, dual-stack and the many ways to name
 * another server. Source: botocore's endpoints.json; AWS SDKs reference guide, "Service-specific
 * endpoints". */

#include "ec2/config.h"

struct aws_service {
	const char *name;      /* host label and name in the signature: "ec2" */
	const char *id;	       /* in AWS_ENDPOINT_URL_<ID> and, lower-case, in [services]: "EC2" */
	const char *version;   /* of the API */
	bool is_gov_host_fips; /* in GovCloud the plain host name is the FIPS one */
	bool is_flag_ignored;  /* the command line's endpoint is not for this one */
};
/* The two of SSO keep to AWS unless the environment or the files say otherwise: the command line's
 * endpoint is not meant for the user's single sign-on token. */
extern const struct aws_service service_ec2, service_sts, service_autoscaling, service_ebs,
	service_kms, service_ssm, service_sso_portal, service_sso_oidc;

struct endpoint {
	char *url;  /* ends with '/' */
	char *host; /* for the Host header: with the port when it is not the scheme's own */
	char *path; /* of the URL: begins and ends with '/' */
};

/* ERR_USAGE: a malformed URL, or a combination that the partition does not have. */
int endpoint_find(const struct aws_config *config, const struct aws_service *service,
		  struct endpoint *ret, struct err *err) __attribute__((warn_unused_result));
/* The same for another region than the configured one. */
int endpoint_find_in(const struct aws_config *config, const struct aws_service *service,
		     const char *region, struct endpoint *ret, struct err *err)
	__attribute__((warn_unused_result));
int endpoint_parse(const char *text, struct endpoint *ret, struct err *err)
	__attribute__((warn_unused_result));
void endpoint_done(struct endpoint *endpoint);
DEFINE_CLEANUP_DONE(struct endpoint, endpoint_done)
/* The URL configured for a service by flag, environment or files; NULL when none is. */
char *endpoint_configured(const struct aws_config *config, const struct aws_service *service);

#endif
