/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ec2/pace.h"

#define QUOTA	      500
#define SHARE	      0.9 /* of the account's buckets */
#define SLOWER	      0.7 /* a throttled bucket's rate, as in the SDKs' adaptive mode */
#define LEAST_RATE    0.5
#define RECOVER_S     60 /* seconds from the least rate back to the full one */
#define MAX_BACKOFF_S 20

static const struct {
	double size, per_s;
} limits[] = {
	[LIMIT_NONE] = { 0, 0 },	 [LIMIT_READ] = { 100, 20 },
	[LIMIT_CHANGE] = { 50, 5 },	 [LIMIT_START] = { 5, 2 },
	[LIMIT_SNAPSHOT] = { 100, 5 },	 [LIMIT_TAGS] = { 100, 10 },
	[LIMIT_CONSOLE] = { 100, 10 },	 [LIMIT_BLOCK_LISTS] = { 50, 50 },
	[LIMIT_BLOCKS] = { 1000, 1000 }, [LIMIT_BLOCK_STARTS] = { 10, 10 },
};

void pace_init(struct pace *pace)
{
	memset(pace, 0, sizeof(*pace));
	pace->quota = QUOTA;
}

void pace_done(struct pace *pace)
{
	vec_done(&pace->buckets);
}

static struct bucket *find_bucket(struct pace *pace, const struct ec2_action *action,
				  int64_t now_ms)
{
	struct bucket *bucket;

	vec_foreach (b, &pace->buckets)
		if (b->action == action)
			return b;
	bucket = vec_add(&pace->buckets);
	*bucket = (struct bucket){ action, limits[action->limit].size * SHARE,
				   limits[action->limit].per_s * SHARE, now_ms };
	return bucket;
}

static void refill(struct bucket *bucket, int64_t now_ms)
{
	double size = limits[bucket->action->limit].size * SHARE;
	double full_rate = limits[bucket->action->limit].per_s * SHARE;
	double passed_s = (double)(now_ms - bucket->at_ms) / 1000;

	bucket->tokens += bucket->rate * passed_s;
	if (bucket->tokens > size)
		bucket->tokens = size;
	bucket->rate += full_rate * passed_s / RECOVER_S;
	if (bucket->rate > full_rate)
		bucket->rate = full_rate;
	bucket->at_ms = now_ms;
}

int64_t pace_take(struct pace *pace, const struct ec2_action *action, int64_t now_ms)
{
	struct bucket *bucket;

	if (action->limit == LIMIT_NONE)
		return 0;
	bucket = find_bucket(pace, action, now_ms);
	refill(bucket, now_ms);
	bucket->tokens -= 1;
	return bucket->tokens >= 0 ? 0 : (int64_t)(-bucket->tokens / bucket->rate * 1000);
}

void pace_throttled(struct pace *pace, const struct ec2_action *action, int64_t now_ms)
{
	struct bucket *bucket;

	if (action->limit == LIMIT_NONE)
		return;
	bucket = find_bucket(pace, action, now_ms);
	refill(bucket, now_ms);
	bucket->rate *= SLOWER;
	if (bucket->rate < LEAST_RATE)
		bucket->rate = LEAST_RATE;
	if (bucket->tokens > 0)
		bucket->tokens = 0;
}

bool pace_retry(struct pace *pace, enum retry_cost cost)
{
	if (pace->quota < (unsigned)cost)
		return false;
	pace->quota -= (unsigned)cost;
	return true;
}

void pace_success(struct pace *pace, unsigned refund)
{
	pace->quota += refund ? refund : 1;
	if (pace->quota > QUOTA)
		pace->quota = QUOTA;
}

int64_t pace_backoff_ms(uint32_t n, double random)
{
	uint32_t most_s = n > 5 ? MAX_BACKOFF_S : 1U << (n - 1);

	return (int64_t)(random * 1000 * (most_s < MAX_BACKOFF_S ? most_s : MAX_BACKOFF_S));
}
