/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A client whose questions are answered by anybody: the first byte says what is asked (credentials of a
 * container or of the instance metadata, who this instance is, calls of the API), texts that end in NUL are the
 * answers in turn, as in the case folders of tests/ec2. */
#include "ec2/calls.h"
#include "ec2/engine.h"
#include "tests/ec2/replay.h"
#include "tests/fuzz/fuzz.h"

#define ANSWERS_MAX 12
#define STEPS_MAX   200

enum question { CONTAINER, METADATA, SELF, INSTANCES, ATTACH, SNAPSHOT, CONSOLE, QUESTIONS };

static bool is_answered;

static int64_t fixed_now(void *arg)
{
	(void)arg;
	return 1795330800; /* 2026-11-22T07:00:00Z */
}

static double no_jitter(void *arg)
{
	(void)arg;
	return 0;
}

static void on_creds(void *arg, const struct creds *creds, const struct err *err)
{
	(void)arg;
	is_answered = true;
	if (!creds)
		fuzz_printable("an error", err->text, false);
	else if (!creds->key_id || !creds->secret || !*creds->key_id || !*creds->secret)
		fuzz_broken("credentials without a key");
}

static void on_done(struct ec2_op *op)
{
	is_answered = true;
	if (op->err.code)
		fuzz_printable("an error", op->err.text, false);
	fuzz_printable("an error's code", op->aws_code, false);
}

static void set_environment(enum question question)
{
	clearenv();
	setenv("HOME", "/nowhere", 1);
	if (question == CONTAINER)
		setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/creds", 1);
	if (question < INSTANCES)
		return;
	setenv("AWS_ACCESS_KEY_ID", "AKIDSTATIC", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "static-secret", 1);
}

union reply {
	struct ec2_instances instances;
	struct ec2_attachment attachment;
	struct ec2_snapshot snapshot;
	struct ec2_console console;
	struct imds_self self;
};

static void ask(struct ec2 *ec2, enum question question, union reply *ret, struct ec2_op *op)
{
	static const char *const ids[] = { "i-0123456789abcdef0" };
	const struct instance_id instance = { "i-0123456789abcdef0" };
	const struct volume_id volume = { "vol-0123456789abcdef0" };

	switch (question) {
	case SELF:
		imds_get_self(ec2, &ret->self, op);
		break;
	case INSTANCES:
		ec2_describe_instances(ec2, &(struct ec2_describe){ .ids = ids, .id_count = 1 },
				       &ret->instances, op);
		break;
	case ATTACH:
		ec2_attach_volume(
			ec2,
			&(struct ec2_attach){ volume, instance, "/dev/sdf", false, EC2_FOR_REAL },
			&ret->attachment, op);
		break;
	case SNAPSHOT:
		ec2_create_snapshot(
			ec2, &(struct ec2_create_snapshot){ .volume = volume, .description = "d" },
			&ret->snapshot, op);
		break;
	case CONSOLE:
		ec2_get_console_output(ec2, &instance, &ret->console, op);
		break;
	default:
		creds_get(ec2->chain, on_creds, op);
	}
}

static void forget(enum question question, union reply *reply)
{
	switch (question) {
	case SELF:
		imds_self_done(&reply->self);
		break;
	case INSTANCES:
		ec2_instances_done(&reply->instances);
		break;
	case ATTACH:
		ec2_attachment_done(&reply->attachment);
		break;
	case SNAPSHOT:
		ec2_snapshot_done(&reply->snapshot);
		break;
	case CONSOLE:
		ec2_console_done(&reply->console);
		break;
	default:
		break;
	}
}

static void add_answers(struct replay *replay, struct fuzz_input *in)
{
	for (int i = 0; in->size && i < ANSWERS_MAX; i++) {
		cleanup(free) char *text = fuzz_text(in);

		replay_add_text(replay, text, strlen(text));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	enum question question = fuzz_byte(&in) % QUESTIONS;
	struct ec2_op op = { .done = on_done };
	union reply reply = { 0 };
	struct loop *loop;
	struct err err;
	struct replay *replay;
	struct ec2 *ec2;

	set_environment(question);
	if (loop_open(&loop, &err) < 0)
		fuzz_broken("%s", err.text);
	replay = replay_new(loop);
	add_answers(replay, &in);
	if (ec2_open(loop,
		     &(struct ec2_settings){ .region = "eu-west-1",
					     .now_s = fixed_now,
					     .random = no_jitter,
					     .transport = &replay->base },
		     &ec2, &err) < 0)
		fuzz_broken("%s", err.text);
	is_answered = false;
	ask(ec2, question, &reply, &op);
	for (int i = 0; !is_answered && i < STEPS_MAX; i++)
		if (loop_step(loop, 5, &err) < 0)
			fuzz_broken("%s", err.text);
	ec2_close(ec2);
	if (is_answered)
		forget(question, &reply);
	replay_free(replay);
	loop_close(loop);
	return 0;
}
