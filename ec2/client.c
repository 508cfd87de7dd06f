/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ec2/calls.h"
#include "ec2/engine.h"
#include "ec2/xml.h"
#include "base/hash.h"
#include "base/secrets.h"

#include <time.h>

int64_t ec2_now_s(const struct ec2 *ec2)
{
	int64_t now = ec2->settings.now_s ? ec2->settings.now_s(ec2->settings.test_arg)
					  : (int64_t)time(NULL);

	return now + ec2->skew_s;
}

double ec2_random(const struct ec2 *ec2)
{
	uint32_t bits;

	if (ec2->settings.random)
		return ec2->settings.random(ec2->settings.test_arg);
	random_bytes(&bits, sizeof(bits));
	return bits / 4294967296.0;
}

void task_begin(struct ec2 *ec2, struct task *task, struct ec2_op *op)
{
	task->ec2 = ec2;
	task->op = op;
	task->next = ec2->tasks;
	ec2->tasks = task;
	op->is_done = false;
	op->err = ERR_INIT;
	op->aws_code[0] = op->request_id[0] = '\0';
	op->http_status = 0;
	op->was_for_real = false;
	op->private = task;
}

static void unbind(struct task *task)
{
	struct task **at = &task->ec2->tasks;

	while (*at != task)
		at = &(*at)->next;
	*at = task->next;
	task->op->private = NULL;
}

void task_end(struct task *task, const struct err *err)
{
	struct ec2_op *op = task->op;

	if (err)
		op->err = *err;
	unbind(task);
	task->free(task);
	op->is_done = true;
	if (op->done)
		op->done(op);
}

void ec2_cancel(struct ec2 *ec2, struct ec2_op *op)
{
	struct task *task = op->private;

	(void)ec2;
	if (!task)
		return;
	unbind(task);
	task->free(task);
}

bool ec2_is_begun(const struct ec2_op *op)
{
	return op->private || op->is_done;
}

int ec2_wait(struct ec2 *ec2, struct ec2_op *op, struct err *err)
{
	if (!ec2_is_begun(op))
		return err_set(err, ERR_INTERNAL, "waiting for a call that was not started");
	while (!op->is_done)
		if (loop_step(ec2->loop, -1, err) < 0) {
			ec2_cancel(ec2, op); /* the caller thinks that it is over */
			return -1;
		}
	if (!op->err.code)
		return 0;
	*err = op->err;
	return -1;
}

static int open_transport(struct ec2 *ec2, struct err *err)
{
	if (ec2->transport)
		return 0;
	return curl_transport_open(ec2->loop, ec2->config.ca_bundle, &ec2->transport, err);
}

/* Nothing configured: this machine may be an instance, and then its own region is meant. */
static int find_region(struct ec2 *ec2, struct err *err)
{
	struct imds_self self = { 0 };
	struct err why = ERR_INIT;
	struct ec2_op op = { 0 };

	if (ec2->config.region)
		return 0;
	imds_get_self(ec2, &self, &op);
	if (ec2_wait(ec2, &op, &why) == 0 && self.region) {
		ec2->config.region = TAKE(self.region);
		imds_self_done(&self);
		return 0;
	}
	imds_self_done(&self);
	return err_set(
		err, ERR_CREDENTIALS,
		"no AWS region: give --region, set AWS_REGION, or write \"region = ...\" into "
		"the profile %s of %s (instance metadata: %s)",
		ec2->config.profile, ec2->config.config_path,
		why.code ? why.text : "no region in it");
}

int ec2_open(struct loop *loop, const struct ec2_settings *settings, struct ec2 **ret,
	     struct err *err)
{
	struct ec2 *ec2 = mem_alloc(sizeof(*ec2));

	secrets_may_come();
	ec2->loop = loop;
	ec2->settings = *settings;
	ec2->transport = settings->transport;
	if (!ec2->settings.connect_timeout_s)
		ec2->settings.connect_timeout_s = 5;
	if (!ec2->settings.total_timeout_s)
		ec2->settings.total_timeout_s = 60;
	pace_init(&ec2->pace);
	if (settings->is_metadata_only && !ec2->transport)
		ec2->transport = plain_transport_open(loop);
	if (config_load(settings, &ec2->config, err) < 0 ||
	    (!settings->is_metadata_only &&
	     (hash_load(err) < 0 || xml_load(err) < 0 || open_transport(ec2, err) < 0 ||
	      find_region(ec2, err) < 0))) {
		ec2_close(ec2);
		return -1;
	}
	ec2->chain = creds_open(ec2);
	*ret = ec2;
	return 0;
}

void ec2_close(struct ec2 *ec2)
{
	if (!ec2)
		return;
	while (ec2->tasks)
		ec2_cancel(ec2, ec2->tasks->op);
	creds_close(ec2->chain);
	transport_close(ec2->transport);
	pace_done(&ec2->pace);
	secret_free(ec2->imds_token);
	config_done(&ec2->config);
	free(ec2);
}

const char *ec2_region(const struct ec2 *ec2)
{
	return ec2->config.region;
}

struct ec2_counters ec2_counters(const struct ec2 *ec2)
{
	return ec2->counters;
}
