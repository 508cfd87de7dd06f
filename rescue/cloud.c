/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/cloud.h"

#include <stdlib.h>

/* Tests that run thousands of rescues let this program's own waiting pass faster, as the embedded
 * cloud's clock does. */
double cloud_pace(void)
{
	const char *text = getenv("EC2_RESCUE_PACE");
	double times = text ? strtod(text, NULL) : 1;

	return times > 1 && times <= 400 ? times : 1;
}

/* Where a network is slow, or a test wants to see silence end. 0: as usual. */
static uint32_t call_timeout_s(void)
{
	const char *text = getenv("EC2_RESCUE_CALL_TIMEOUT");
	long seconds = text ? strtol(text, NULL, 10) : 0;

	return seconds >= 1 && seconds <= 600 ? (uint32_t)seconds : 0;
}

int cloud_open(struct loop *loop, const struct options *options, const char *region,
	       const char *endpoint, struct ec2 **ret, struct err *err)
{
	const struct ec2_settings settings = {
		.region = options->region || !region || !region[0] ? options->region : region,
		.profile = options->profile,
		.endpoint_url = options->endpoint_url || !endpoint || !endpoint[0]
					? options->endpoint_url
					: endpoint,
		.total_timeout_s = call_timeout_s(),
	};

	return ec2_open(loop, &settings, ret, err);
}
