/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EC2_FIND_H
#define EC2_FIND_H

/* Looking things up by id, whatever the server makes of it.
 *
 * EC2 takes ids as a filter, where one that does not exist fails nobody else's look. Other servers
 * know fewer filters, or none: they refuse them, ignore them and list everything, or find nothing.
 * So as long as no filter has led to a wanted thing, an answer without any is followed by the same
 * question with a list of ids, and if that is refused, too, by one for everything; what worked is
 * remembered. */

#include "ec2/calls.h"

enum ec2_what {
	EC2_INSTANCES,
	EC2_VOLUMES,
	EC2_SNAPSHOTS,
	EC2_STATUSES,
	EC2_MEMBERS,
	EC2_SECURITY_GROUPS,
	EC2_WHATS
};

/* A list reply, whatever its items. */
union ec2_list {
	struct any_vec any;
	struct ec2_instances instances;
	struct ec2_volumes volumes;
	struct ec2_snapshots snapshots;
	struct ec2_instance_statuses statuses;
	struct ec2_security_groups groups; /* by what they carry, never by their ids */
	struct asg_instances members;	   /* of Auto Scaling groups, by their instances' ids */
};

/* Those of these ids that exist (one at least, any number, copied); others may be in the list as well, so
 * pick by id. An id that does not exist is no error. As with all typed calls `ret` is filled on
 * success only. */
void ec2_find(struct ec2 *, enum ec2_what, const char *const *ids, size_t count,
	      union ec2_list *ret, struct ec2_op *op);
/* Those that the filter selects (borrowed for the call of the function), and perhaps all others:
 * where the server does not know the filter, so look at what it selects by. */
void ec2_find_where(struct ec2 *, enum ec2_what, const struct ec2_filter *filter,
		    union ec2_list *ret, struct ec2_op *op);
void ec2_list_done(enum ec2_what, union ec2_list *);

#endif
