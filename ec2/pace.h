/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EC2_PACE_H
#define EC2_PACE_H

/* Pacing. EC2 has token buckets per account, region and action; this process keeps to a share of
 * each of them, so that a hundred rescues queue here instead of being refused there and the
 * account's other programs still get through. Time is loop time. */

#include "ec2/action.h"

struct bucket {
	const struct ec2_action *action;
	double tokens; /* below 0: so many calls wait already */
	double rate;   /* tokens a second; falls when EC2 throttles, grows back */
	int64_t at_ms; /* when `tokens` was true */
};
struct pace {
	VEC(struct bucket) buckets;
	double quota; /* retry quota of the SDKs' standard mode */
};
void pace_init(struct pace *pace);
void pace_done(struct pace *pace);

/* Takes a token; milliseconds until the call may be sent. First come, first served. */
int64_t pace_take(struct pace *pace, const struct ec2_action *action, int64_t now_ms);
/* EC2 said that this action is throttled: others use the account too. */
void pace_throttled(struct pace *pace, const struct ec2_action *action, int64_t now_ms);

/* The quota keeps a failing service from being hammered: a retry costs, a success gives back. */
enum retry_cost { RETRY_COST = 5, RETRY_COST_TIMEOUT = 10 };
bool pace_retry(struct pace *pace, enum retry_cost cost); /* false: the quota is used up */
void pace_success(struct pace *pace, unsigned refund); /* what the call's last retry cost, or 0 */

/* Wait before retry number n (from 1): random of [0, min(2^(n-1), 20)) seconds. */
int64_t pace_backoff_ms(uint32_t n, double random);

#endif
