/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EC2_WHEN_H
#define EC2_WHEN_H

/* Times as AWS writes them, in UTC seconds since the epoch. */

#include <stdint.h>

/* ISO 8601: 2026-11-22T07:00:00[.123](Z|+01:00|nothing = UTC). -1 when it is none. */
int when_parse_iso8601(const char *text, int64_t *ret) __attribute__((warn_unused_result));
/* "20261122T070000Z", the form of X-Amz-Date. */
void when_amz(int64_t time_s, char ret[17]);
/* "2026-11-22T07:00:00Z" */
void when_iso8601(int64_t time_s, char ret[21]);

#endif
