/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EC2_ROWS_H
#define EC2_ROWS_H

/* What the action files share: abbreviations of their rows, and maps that more than one reply has.
 * Source of all rows: the service models of EC2 2016-11-15, STS 2011-06-15 and Auto Scaling
 * 2011-01-01. */

#include "ec2/actions.h"

#define EC2_(name_)	  .name = name_, .service = &service_ec2, .iam = "ec2:" name_
#define REPLY_(map, type) .reply = (map), .reply_size = sizeof(type)
#define LIST_(map, type, size)                                                                  \
	REPLY_(map, type), .retry = RETRY_READ, .limit = LIMIT_READ, .next_token = "nextToken", \
			   .page_size = size

#define DESCRIBE_PARAMS(id_name)                                                                  \
	PARAM_TEXTS(struct ec2_describe, ids, id_count, id_name),                                 \
		PARAM_ITEMS(struct ec2_describe, filters, filter_count, "Filter", filter_params), \
		PARAM_DRY_RUN(struct ec2_describe)

extern const struct param filter_params[], tag_params[], run_tags_params[];
extern const struct xmlmap tag_map[], attachment_map[], snapshot_map[], volume_map[],
	instance_map[], state_changes_map[], launched_map[], group_map[], address_map[];

#endif
