/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GetConsoleOutput: the latest output where EC2 has it (Nitro), else that of the last boot. */
#include "base/str.h"
#include "ec2/actions.h"
#include "ec2/engine.h"
#include "base/hash.h"

#define KEPT_BYTES 262144 /* of the end; EC2 keeps 64 KiB */

struct console {
	struct task task;
	struct ec2_op inner;
	struct instance_id instance;
	struct ec2_console *ret;
	bool is_latest;
};

static void console_free(struct task *task)
{
	struct console *console = (struct console *)task;

	ec2_cancel(task->ec2, &console->inner);
	free(console);
}

static void ask(struct console *console)
{
	struct console_request request = { console->instance, console->is_latest };
	struct call_spec spec = { .action = &action_get_console_output,
				  .request = &request,
				  .ret = console->ret };

	call_start(console->task.ec2, &spec, &console->inner);
}

/* The base64 text of the reply becomes the bytes; NULs would end them early. */
static int decode(struct ec2_console *ret, struct err *err)
{
	cleanup(str_done) struct str packed = STR_INIT;
	struct str bytes = STR_INIT;

	if (!ret->output)
		return 0;
	for (const char *p = ret->output; *p; p++)
		if (!strchr(" \t\r\n", *p))
			str_add_char(&packed, *p);
	if (str_add_from_base64(&bytes, packed.s, packed.len) < 0) {
		str_done(&bytes);
		ec2_console_done(ret);
		return err_set(err, ERR_MALFORMED, "GetConsoleOutput: the output is not base64");
	}
	for (size_t i = 0; i < bytes.len; i++)
		if (!bytes.s[i])
			bytes.s[i] = '?';
	if (bytes.len > KEPT_BYTES) {
		memmove(bytes.s, bytes.s + bytes.len - KEPT_BYTES, KEPT_BYTES + 1);
		bytes.len = KEPT_BYTES;
	}
	free(ret->output);
	ret->output = bytes.len ? str_take(&bytes) : NULL;
	return 0;
}

/* Latest=true is refused where the instance is not on Nitro or the server does not know it. */
static bool is_latest_refused(const struct ec2_op *op)
{
	return op->err.code == ERR_UNSUPPORTED || op->err.code == ERR_USAGE ||
	       str_eq(op->aws_code, "UnsupportedOperation");
}

static void on_done(struct ec2_op *inner)
{
	struct console *console = inner->arg;
	struct ec2_op *op = console->task.op;
	struct err err = inner->err;

	if (console->is_latest && is_latest_refused(inner)) {
		console->is_latest = false;
		ask(console);
		return;
	}
	memcpy(op->aws_code, inner->aws_code, sizeof(op->aws_code));
	memcpy(op->request_id, inner->request_id, sizeof(op->request_id));
	op->http_status = inner->http_status;
	if (!err.code)
		(void)!decode(console->ret, &err);
	task_end(&console->task, err.code ? &err : NULL);
}

void ec2_get_console_output(struct ec2 *ec2, const struct instance_id *instance,
			    struct ec2_console *ret, struct ec2_op *op)
{
	struct console *console = mem_alloc(sizeof(*console));

	console->task.free = console_free;
	console->inner.done = on_done;
	console->inner.arg = console;
	console->instance = *instance;
	console->ret = ret;
	console->is_latest = true;
	task_begin(ec2, &console->task, op);
	ask(console);
}
