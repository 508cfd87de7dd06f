/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_CLOUD_H
#define RESCUE_CLOUD_H

/* AWS as the command line says. */

#include "ec2/client.h"
#include "rescue/options.h"

/* region, endpoint: of a run that is gone on with; NULL or "": none. What the options say wins. */
int cloud_open(struct loop *loop, const struct options *options, const char *region,
	       const char *endpoint, struct ec2 **ret, struct err *err)
	__attribute__((warn_unused_result));

/* How much faster than usual this program's own waiting passes; 1. */
double cloud_pace(void);

#endif
