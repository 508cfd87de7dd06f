/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EC2_CLIENT_H
#define EC2_CLIENT_H

/* The only road to AWS: encode -> token bucket -> sign -> send -> decode -> classify -> maybe
 * retry.
 *
 * Every call is asynchronous on the event loop: the caller owns a `struct ec2_op`, starts a typed
 * call (ec2/calls.h) with it, and is told through `done` (or waits with ec2_wait). Any number may
 * be under way; nothing here blocks. */

#include "base/err.h"
#include "base/loop.h"
#include "ec2/types.h"

struct ec2;
struct ec2_action; /* one row of an action table, ec2/action.h */

/* Where to reach AWS and as whom. NULL means: find it as the AWS SDKs do (EC2.md section 10). */
struct ec2_settings {
	const char *region, *profile, *endpoint_url; /* from the command line */
	uint32_t connect_timeout_s, total_timeout_s; /* a call's limits; 0: 5 and 60 */
	/* Nothing but the instance metadata service will be asked: no library for anything else is loaded, and no region
	 * is needed. */
	bool is_metadata_only;
	uint32_t max_attempts; /* 0: AWS_MAX_ATTEMPTS, max_attempts or 3 */
	/* For tests: CLOCK_REALTIME in seconds, uniform random number in [0,1); NULL: the real
	 * ones. */
	int64_t (*now_s)(void *arg);
	double (*random)(void *arg);
	void *test_arg;
	struct transport *transport; /* for tests (ec2/http.h): instead of libcurl; taken over */
};

/* Reads configuration only; no request is made before the first call, but where no region is
 * configured the instance metadata of this machine is asked for its own (about a second).
 * ERR_CREDENTIALS when no region can be found. Credentials are looked up (and later refreshed) when
 * the first call needs them. */
int ec2_open(struct loop *loop, const struct ec2_settings *settings, struct ec2 **ret,
	     struct err *err) __attribute__((warn_unused_result));
/* Cancels what is under way (their done functions do not run; their replies are released), wipes
 * credentials. */
void ec2_close(struct ec2 *ec2);
DEFINE_CLEANUP(struct ec2 *, ec2_close)
const char *ec2_region(const struct ec2 *ec2);
/* Counters for `make bench` and tests: requests sent, by kind. */
struct ec2_counters {
	uint64_t requests, describes, retries, throttled;
};
struct ec2_counters ec2_counters(const struct ec2 *ec2);

struct ec2_op;
typedef void ec2_done_func(struct ec2_op *op);
struct ec2_op {
	ec2_done_func *done; /* optional; runs in the loop when the call has ended */
	void *arg;	     /* the caller's */
	/* Set by the client: */
	bool is_done;
	struct err err;	   /* err.code ERR_NONE: success, the reply is filled */
	char aws_code[64]; /* "IncorrectState", "" when there was no AWS error */
	char request_id[64];
	int http_status;   /* 0: no answer */
	bool was_for_real; /* DryRun was asked for, and the server did it all the same */
	void *private;	   /* the client's; NULL when idle */
};
/* Was the call made? Only then can it be waited for. */
bool ec2_is_begun(const struct ec2_op *op);
/* Runs the loop until op has ended; 0 or -1 with op's error copied. */
int ec2_wait(struct ec2 *ec2, struct ec2_op *op, struct err *err)
	__attribute__((warn_unused_result));
/* Forgets a call that is under way; its done function does not run, what its reply holds already is
 * released. Idle ops are fine. */
void ec2_cancel(struct ec2 *ec2, struct ec2_op *op);

/* Error classes (one table, EC2 code -> enum err_code): throttling -> ERR_THROTTLED;
 * Incorrect*State, VolumeInUse, ... -> ERR_BUSY; *.NotFound -> ERR_NOTFOUND; *.Malformed,
 * InvalidParameter* -> ERR_USAGE; UnauthorizedOperation, OperationNotPermitted -> ERR_DENIED (the
 * text names the missing IAM action); AuthFailure, ExpiredToken, ... -> ERR_CREDENTIALS;
 * UnknownAction/InvalidAction/501 -> ERR_UNSUPPORTED; a reply that never came or a 5xx, for an
 * action whose effect is not idempotent -> ERR_INDOUBT (the step's holds() decides); otherwise
 * ERR_NETWORK / ERR_TIMEOUT; anything else ERR_CLOUD. A successful DryRun is success. The text has
 * action, HTTP status, code, message and request id. */

#endif
