/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/child.h"
#include "base/file.h"
#include "base/hash.h"
#include "rescue/claim.h"

#include <errno.h>
#include <stdlib.h>

#define AT_ONCE 64 /* of the 1000 a second that EBS allows an account */
#define GIB	(1ull << 30)

struct put {
	struct child *child;
	struct ec2_op op;
	bool is_busy;
};

struct child {
	struct child_request request;
	struct snapshot_id id;
	struct ebs_started started;
	struct ec2_op op; /* StartSnapshot, CompleteSnapshot */
	bool is_busy;
	struct put puts[AT_ONCE];
	size_t begun, ended;
	struct sha256_stream *sums; /* of the blocks' sums, in their order */
	void *block;
	struct err err; /* the first */
};

static bool is_idle(const struct child *c)
{
	for (size_t i = 0; i < AT_ONCE; i++)
		if (c->puts[i].is_busy)
			return false;
	return true;
}

static void on_completed(struct ec2_op *op)
{
	struct child *c = op->arg;

	c->is_busy = false;
	c->request.done(c->request.arg, &c->id, op->err.code ? &op->err : NULL);
}

static void complete(struct child *c)
{
	struct ebs_complete request = { .snapshot = c->id,
					.changed_blocks = c->request.count,
					.sum = sha256_end(TAKE(c->sums)) };

	c->is_busy = true;
	c->op = (struct ec2_op){ .done = on_completed, .arg = c };
	ebs_complete_snapshot(c->request.ec2, &request, &c->op);
}

static void on_put(struct ec2_op *op);

static int put(struct child *c, struct put *put, uint64_t block, struct err *err)
{
	struct ebs_put_block request = { .snapshot = c->id,
					 .index = (int64_t)block,
					 .data = c->block,
					 .len = c->request.block_bytes };

	if (fd_pread_all(c->request.file, c->block, c->request.block_bytes,
			 block * c->request.block_bytes) < 0)
		return err_errno(err, errno, "the file for the blocks");
	request.sum = sha256_of(c->block, c->request.block_bytes);
	sha256_add(c->sums, request.sum.b, sizeof(request.sum.b));
	put->is_busy = true;
	put->op = (struct ec2_op){ .done = on_put, .arg = put };
	ebs_put_snapshot_block(c->request.ec2, &request, &put->op);
	return 0;
}

/* Starts what can be started; the sums are taken in the order of the blocks, the answers come in any. */
static void go_on(struct child *c)
{
	for (size_t i = 0; i < AT_ONCE && !c->err.code && c->begun < c->request.count; i++)
		if (!c->puts[i].is_busy &&
		    put(c, &c->puts[i], c->request.blocks[c->begun], &c->err) == 0)
			c->begun++;
	if (c->err.code && is_idle(c))
		c->request.done(c->request.arg, &c->id, &c->err);
	else if (!c->err.code && c->ended == c->request.count)
		complete(c);
}

static void on_put(struct ec2_op *op)
{
	struct put *put = op->arg;
	struct child *c = put->child;

	put->is_busy = false;
	c->ended++;
	if (op->err.code && !c->err.code)
		c->err = op->err;
	go_on(c);
}

static void on_started(struct ec2_op *op)
{
	struct child *c = op->arg;
	struct err err = op->err;

	c->is_busy = false;
	if (!err.code && c->started.block_bytes != c->request.block_bytes)
		err_set(&err, ERR_UNSUPPORTED, "%s has blocks of %lld bytes, its parent %s of %u",
			c->started.id.s, (long long)c->started.block_bytes, c->request.parent.s,
			c->request.block_bytes);
	if (err.code) {
		c->request.done(c->request.arg, NULL, &err);
		return;
	}
	c->id = c->started.id;
	go_on(c);
}

struct child *child_start(const struct child_request *request)
{
	struct child *c = mem_alloc(sizeof(*c));
	cleanup(free) char *text = mem_printf("ec2-rescue: repaired, %s", request->run);
	cleanup(free) char *token = NULL;
	uint64_t attempt;
	struct ec2_tag_pair tags[] = { { CLAIM_RUN_TAG, request->run }, { "Name", text } };
	struct ebs_start start = { .parent = request->parent,
				   .volume_gib = (int64_t)(request->size_bytes / GIB),
				   .description = text,
				   .tags = tags,
				   .tag_count = ARRAY_LEN(tags) };

	/* Blocks of an attempt that was cut off are in the snapshot of that attempt: this is another. */
	random_bytes(&attempt, sizeof(attempt));
	token = mem_printf("%s-%016llx", request->run, (unsigned long long)attempt);
	start.client_token = token;
	c->request = *request;
	c->sums = sha256_begin();
	c->block = mem_alloc(request->block_bytes);
	for (size_t i = 0; i < AT_ONCE; i++)
		c->puts[i].child = c;
	c->is_busy = true;
	c->op = (struct ec2_op){ .done = on_started, .arg = c };
	ebs_start_snapshot(request->ec2, &start, &c->started, &c->op);
	return c;
}

void child_free(struct child *c)
{
	if (!c)
		return;
	if (c->is_busy)
		ec2_cancel(c->request.ec2, &c->op);
	for (size_t i = 0; i < AT_ONCE; i++)
		if (c->puts[i].is_busy)
			ec2_cancel(c->request.ec2, &c->puts[i].op);
	if (c->sums)
		(void)sha256_end(c->sums);
	ebs_started_done(&c->started);
	free(c->block);
	free(c);
}
