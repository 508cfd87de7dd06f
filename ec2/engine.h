/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EC2_ENGINE_H
#define EC2_ENGINE_H

/* The inside of the client, shared by its own files: what is under way, and how a call is made. */

#include "ec2/action.h"
#include "ec2/creds.h"
#include "ec2/find.h"
#include "ec2/http.h"
#include "ec2/message.h"
#include "ec2/pace.h"

/* Something that an ec2_op waits for; op->private points to it. Kinds embed it first. */
struct task {
	struct ec2 *ec2;
	struct ec2_op *op;
	void (*free)(struct task *task); /* stops it and frees all, without telling op */
	struct task *next;
};

/* How things are looked up by id (ec2/find.h): in this order, until one way has led to something.
 */
enum find_way { FIND_BY_FILTER, FIND_BY_ID, FIND_IN_ALL };
struct find_memory {
	enum find_way way;
	bool is_proven;
};

struct ec2 {
	struct loop *loop;
	struct aws_config config;
	struct ec2_settings settings; /* texts in it are not kept; see config */
	struct transport *transport;
	struct creds_chain *chain;
	struct pace pace;
	int64_t skew_s;	  /* AWS's clock minus ours, once a refusal showed that ours is wrong */
	char *imds_token; /* secret; see ec2/imds.c */
	int64_t imds_token_until_ms;
	struct task *tasks;
	struct find_memory ways[EC2_WHATS];
	bool is_aws; /* an answer in the form of AWS has come: the endpoint is right */
	struct ec2_counters counters;
};

/* Our clock, corrected. */
int64_t ec2_now_s(const struct ec2 *ec2);
double ec2_random(const struct ec2 *ec2);

/* Resets op's outputs and binds the two. */
void task_begin(struct ec2 *ec2, struct task *task, struct ec2_op *op);
/* Unbinds, frees the task, and last tells op: with err NULL or its copy. op may be gone after. */
void task_end(struct task *task, const struct err *err);

struct call_spec {
	const struct ec2_action *action;
	const void *request; /* the struct that action->params reads; NULL: no parameters */
	const struct rest_request *rest; /* of an action with a method; copied */
	void *ret;			 /* the struct that action->reply fills */
	const struct creds *as;		 /* instead of the chain's: copied */
	bool is_whole;			 /* nothing narrows the list: page it */
	const struct err *refuse;	 /* wrong arguments: the call ends with this */
};
void call_start(struct ec2 *ec2, const struct call_spec *spec, struct ec2_op *op);

#endif
