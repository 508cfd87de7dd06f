/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_EC2_FIXTURE_H
#define TESTS_EC2_FIXTURE_H

/* A client whose answers are replayed, with a clock that stands still. */

#include "tests/ec2/replay.h"
#include "ec2/engine.h"
#include "ec2/watch.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define START_S 1795330800 /* 2026-11-22T07:00:00Z */

static struct fixture {
	struct loop *loop;
	struct replay *replay;
	struct ec2 *ec2;
	int64_t now_s;
	int ended;
} fx;

static inline int64_t fake_now(void *arg)
{
	(void)arg;
	return fx.now_s;
}

static inline double no_jitter(void *arg)
{
	(void)arg;
	return 0;
}

static inline int set_up(void **state)
{
	struct ec2_settings settings = { .region = "us-east-1",
					 .now_s = fake_now,
					 .random = no_jitter };
	struct err err = ERR_INIT;

	(void)state;
	fx.now_s = START_S;
	fx.ended = 0;
	if (loop_open(&fx.loop, &err) < 0)
		return -1;
	fx.replay = replay_new(fx.loop);
	settings.transport = &fx.replay->base;
	return ec2_open(fx.loop, &settings, &fx.ec2, &err);
}

static inline int tear_down(void **state)
{
	(void)state;
	ec2_close(fx.ec2);
	replay_free(fx.replay);
	loop_close(fx.loop);
	unsetenv("AWS_ACCESS_KEY_ID");
	unsetenv("AWS_SECRET_ACCESS_KEY");
	unsetenv("AWS_SESSION_TOKEN");
	return 0;
}

static inline void use_static_keys(void)
{
	setenv("AWS_ACCESS_KEY_ID", "AKIDSTATIC", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "static-secret", 1);
}

#define EMPTY "<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>"
static inline void answer_empty(int times)
{
	while (times--)
		replay_add(fx.replay, 200, NULL, EMPTY);
}

#endif
