/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cloud/rest.h"

#include <stdio.h>

/* Token buckets of the EC2 API, one an action (one account, one region here), refilled by the
 * simulated clock. Source: Amazon EC2 developer guide, "Request throttling". */

#define RESOURCE_BUCKET 1000

static const struct {
	double size, refill_s;
} sizes[] = {
	[BUCKET_READ] = { 100, 20 },	    [BUCKET_READ_PLAIN] = { 100, 20 },
	[BUCKET_WRITE] = { 50, 5 },	    [BUCKET_RUN] = { 5, 2 },
	[BUCKET_OWN_5] = { 100, 5 },	    [BUCKET_OWN_10] = { 100, 10 },
	[BUCKET_BLOCK_LISTS] = { 50, 50 },  [BUCKET_BLOCKS] = { 1000, 1000 },
	[BUCKET_BLOCK_STARTS] = { 10, 10 },
};

static int take(struct sim *sim, const char *name, double size, double refill_s, double tokens)
{
	struct bucket *bucket = NULL;

	vec_foreach (b, &sim->buckets)
		if (str_eq(b->name, name))
			bucket = b;
	if (!bucket) {
		bucket = vec_add(&sim->buckets);
		*bucket = (struct bucket){ mem_strdup(name), size, sim->now };
	}
	bucket->tokens += (sim->now - bucket->at) * refill_s;
	bucket->at = sim->now;
	if (bucket->tokens > size)
		bucket->tokens = size;
	if (bucket->tokens < tokens)
		return -1;
	bucket->tokens -= tokens;
	return 0;
}

/* Neither a filter, nor a page size, nor ids: the half-sized bucket. */
static bool is_plain(const struct call *call)
{
	return call->action->bucket == BUCKET_READ_PLAIN && !param_count(call, "Filter") &&
	       !param_has(call, "MaxResults") &&
	       !(call->action->ids && param_count(call, call->action->ids));
}

int throttle_check(struct call *call)
{
	struct sim *sim = call->sim;
	const struct action *action = call->action;
	const json_t *config = setting(sim, "throttle"),
		     *own = jget(jget(config, "buckets"), action->name);
	double size = sizes[action->bucket].size, refill_s = sizes[action->bucket].refill_s;
	unsigned count = action->ids ? 0 : param_count(call, "InstanceId");
	cleanup(free) char *name = mem_strdup(action->name);
	int result;

	if (!jb(config, "enabled") || (action->bucket == BUCKET_NONE && !own))
		return 0;
	if (is_plain(call)) {
		free(name);
		name = mem_printf("%s (plain)", action->name);
		size = 50;
		refill_s = 10;
	}
	if (own) {
		size = json_number_value(json_array_get(own, 0));
		refill_s = json_number_value(json_array_get(own, 1));
	}
	result = take(sim, name, size, refill_s, 1);
	if (!result && action->resource_tokens_s > 0) {
		cleanup(free) char *resource = mem_printf("%s (resources)", action->name);

		if (str_eq(action->name, "RunInstances"))
			count = (unsigned)param_int(call, "MaxCount", 1);
		result = take(sim, resource, RESOURCE_BUCKET, action->resource_tokens_s, count);
	}
	if (result) {
		json_t *throttled = jget(sim->counters, "throttled");

		jset_i(throttled, action->name, ji(throttled, action->name) + 1);
		if (call->is_rest)
			rest_fail(call, "RequestThrottledException", "ACCOUNT_THROTTLED",
				  "The account's requests are throttled");
		else
			call_fail(call, "RequestLimitExceeded", "Request limit exceeded.");
	}
	return result;
}
