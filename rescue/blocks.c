/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/blocks.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define AT_ONCE	      64 /* requests under way: of 1000 a second that EBS allows an account */
#define BLOCK_BYTES   (512u << 10)
#define GIB	      (1ull << 30)
#define MOST_GIB      65536 /* more can only be bytes */
#define TOKENS_EXPIRE 3	    /* so often is the list taken anew */

struct fetch_op {
	struct blocks *blocks;
	struct ec2_op op;
	struct str bytes;
	uint64_t block;
	bool is_busy;
};

struct blocks {
	struct blocks_request request;
	char *work_dir;
	struct ebs_blocks list; /* sorted by index */
	struct ec2_op list_op;
	struct bringer bringer;
	bool is_open;
	uint8_t *states;    /* our own: enum served_state, whether it is under way, was written */
	VEC(uint64_t) wait; /* asked for; a stack: what is wanted last is needed first */
	struct fetch_op fetches[AT_ONCE];
	unsigned lists; /* taken anew */
	bool is_listing;
	uint64_t fetched, fetched_bytes;
	struct err failure;    /* the first */
	struct err no_write;   /* why a write before this flush failed */
	VEC(uint64_t) changed; /* blocks that were written */
	struct child *child;
	bool has_child;
};

enum { UNDER_WAY = 0x80, WRITTEN = 0x40 };

static int by_index(const void *a, const void *b)
{
	const struct ebs_block *x = a, *y = b;

	return x->index < y->index ? -1 : x->index > y->index;
}

static const struct ebs_block *find_block(const struct blocks *b, uint64_t block)
{
	const struct ebs_block key = { .index = (int64_t)block };

	return b->list.blocks.count ? bsearch(&key, b->list.blocks.items, b->list.blocks.count,
					      sizeof(key), by_index)
				    : NULL;
}

static void settle(struct blocks *b, uint64_t block, enum served_state state)
{
	b->states[block] = (uint8_t)state;
}

static void fail_block(struct blocks *b, uint64_t block, const struct err *err)
{
	settle(b, block, SERVED_FAILED);
	if (!b->failure.code)
		b->failure = *err;
	bringer_fail(&b->bringer, block, err);
}

static void go_on(struct blocks *b);
static void take_list(struct blocks *b);

/* A token of a list that is no longer good. */
static bool is_stale(const struct blocks *b, const struct ec2_op *op)
{
	return op->err.code == ERR_USAGE && str_eq(op->aws_code, "ValidationException") &&
	       b->lists < TOKENS_EXPIRE;
}

static void on_block(struct ec2_op *op)
{
	struct fetch_op *fetch = op->arg;
	struct blocks *b = fetch->blocks;
	struct err err = op->err;

	fetch->is_busy = false;
	if (is_stale(b, op)) {
		vec_push(&b->wait, fetch->block);
		if (!b->is_listing)
			take_list(b);
		return;
	}
	if (err.code ||
	    bringer_bring(&b->bringer, fetch->block, fetch->bytes.s, fetch->bytes.len, &err) < 0) {
		fail_block(b, fetch->block, &err);
	} else {
		settle(b, fetch->block, SERVED_HERE);
		b->fetched++;
		b->fetched_bytes += fetch->bytes.len;
	}
	go_on(b);
}

static struct fetch_op *idle_fetch(struct blocks *b)
{
	for (size_t i = 0; i < AT_ONCE; i++)
		if (!b->fetches[i].is_busy)
			return &b->fetches[i];
	return NULL;
}

/* Starts what can be started. */
static void go_on(struct blocks *b)
{
	struct fetch_op *fetch;

	while (!b->is_listing && b->wait.count && (fetch = idle_fetch(b))) {
		uint64_t block = b->wait.items[--b->wait.count];
		const struct ebs_block *row = find_block(b, block);
		struct ebs_get_block get = { .snapshot = b->request.snapshot,
					     .index = (int64_t)block };

		if (!row) {
			settle(b, block, SERVED_HERE);
			bringer_has_zeros(&b->bringer, block);
			continue;
		}
		get.token = row->token;
		fetch->is_busy = true;
		fetch->block = block;
		fetch->op = (struct ec2_op){ .done = on_block, .arg = fetch };
		ebs_get_snapshot_block(b->request.ec2, &get, &fetch->bytes, &fetch->op);
	}
}

/* ---- what the surgeon writes */

static void end_flush(struct blocks *b, const struct err *err)
{
	if (err && err->code)
		log_debug("blocks", "the flush failed: %s", err->text);
	bringer_flushed(&b->bringer, err && err->code ? err : NULL);
}

static void on_child(void *arg, const struct snapshot_id *id, const struct err *failure)
{
	struct blocks *b = arg;
	struct err err = ERR_INIT;

	if (failure)
		err = *failure;
	else if (b->request.written(b->request.arg, id, &err) == 0)
		b->has_child = true;
	child_free(TAKE(b->child));
	end_flush(b, &err);
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* One flush makes the child; after it there is nothing to write to. */
static void flush(struct blocks *b)
{
	struct child_request request = {
		.ec2 = b->request.ec2,
		.run = b->request.run,
		.parent = b->request.snapshot,
		.size_bytes = b->bringer.size_bytes,
		.block_bytes = b->bringer.block_bytes,
		.blocks = b->changed.items,
		.count = b->changed.count,
		.file = b->bringer.cache,
		.done = on_child,
		.arg = b,
	};

	if (b->no_write.code || b->has_child || !b->changed.count) {
		end_flush(b, &b->no_write);
		return;
	}
	qsort(b->changed.items, b->changed.count, sizeof(*b->changed.items), by_number);
	log_debug("blocks", "%zu of %s were written", b->changed.count, b->request.snapshot.s);
	b->child = child_start(&request);
}

static void take_write(struct blocks *b, const struct served_message *m)
{
	uint64_t first = m->at / BLOCK_BYTES, last = (m->at + m->len - 1) / BLOCK_BYTES;

	for (uint64_t block = first; block <= last; block++)
		if ((b->states[block] & ~WRITTEN) != SERVED_HERE)
			err_set(&b->no_write, ERR_INTERNAL,
				"block %llu was written before it was read",
				(unsigned long long)block);
	if (b->child || b->has_child)
		err_set(&b->no_write, ERR_INTERNAL, "a write after the flush");
	if (b->no_write.code || bringer_write(&b->bringer, m, &b->no_write) < 0)
		return;
	for (uint64_t block = first; block <= last; block++) {
		if (!(b->states[block] & WRITTEN))
			vec_push(&b->changed, block);
		b->states[block] |= WRITTEN;
	}
}

static void on_request(void *arg, int fd, uint32_t events)
{
	struct blocks *b = arg;
	const struct served_message *message;
	bool is_over;

	(void)events;
	while ((message = bringer_next(&b->bringer, &is_over))) {
		if (message->kind == SERVED_WRITE) {
			take_write(b, message);
		} else if (message->kind == SERVED_FLUSH) {
			flush(b);
		} else if (b->states[message->at] == SERVED_AWAY) {
			b->states[message->at] = UNDER_WAY;
			vec_push(&b->wait, message->at);
		}
	}
	if (is_over)
		loop_watch(b->request.loop, fd, 0, NULL, NULL);
	go_on(b);
}

/* The guide says GiB, an example of it bytes. */
static uint64_t size_of(const struct ebs_blocks *list)
{
	uint64_t size = list->volume_size > 0 ? (uint64_t)list->volume_size : 0;

	return size <= MOST_GIB ? size * GIB : size;
}

static int open_list(struct blocks *b, struct err *err)
{
	const struct bringer_spec spec = { .work_dir = b->work_dir,
					   .size_bytes = size_of(&b->list),
					   .block_bytes = BLOCK_BYTES,
					   .is_writable = b->request.run };

	if (b->list.block_bytes != BLOCK_BYTES)
		return err_set(err, ERR_MALFORMED, "%s has blocks of %lld bytes, which is unknown",
			       b->request.snapshot.s, (long long)b->list.block_bytes);
	if (b->list.blocks.count)
		qsort(b->list.blocks.items, b->list.blocks.count, sizeof(*b->list.blocks.items),
		      by_index);
	if (b->is_open)
		return 0;
	if (bringer_open(&spec, &b->bringer, err) < 0)
		return err_in(err, "%s", b->request.snapshot.s);
	b->states = mem_alloc(b->bringer.blocks);
	b->is_open = true;
	loop_watch(b->request.loop, b->bringer.link, EPOLLIN, on_request, b);
	return 0;
}

/* Those who wait are told the reason. */
static void fail_all(struct blocks *b, const struct err *err)
{
	while (b->wait.count)
		fail_block(b, b->wait.items[--b->wait.count], err);
}

static void on_list(struct ec2_op *op)
{
	struct blocks *b = op->arg;
	struct err err = op->err;
	bool is_first = !b->is_open;

	b->is_listing = false;
	if (!err.code)
		open_list(b, &err);
	if (is_first) {
		b->request.ready(b->request.arg, err.code ? &err : NULL);
		return;
	}
	if (err.code)
		fail_all(b, &err);
	go_on(b);
}

static void take_list(struct blocks *b)
{
	b->is_listing = true;
	b->lists++;
	log_debug("blocks", "the list of %s, %u", b->request.snapshot.s, b->lists);
	ebs_blocks_done(&b->list);
	b->list_op = (struct ec2_op){ .done = on_list, .arg = b };
	ebs_list_snapshot_blocks(b->request.ec2, &b->request.snapshot, &b->list, &b->list_op);
}

struct blocks *blocks_start(const struct blocks_request *request)
{
	struct blocks *b = mem_alloc(sizeof(*b));

	b->request = *request;
	b->work_dir = mem_strdup(request->work_dir);
	b->bringer = (struct bringer)BRINGER_INIT;
	for (size_t i = 0; i < AT_ONCE; i++) {
		b->fetches[i].blocks = b;
		b->fetches[i].bytes = (struct str)STR_INIT;
	}
	take_list(b);
	return b;
}

void blocks_free(struct blocks *b)
{
	if (!b)
		return;
	if (b->is_listing)
		ec2_cancel(b->request.ec2, &b->list_op);
	for (size_t i = 0; i < AT_ONCE; i++) {
		if (b->fetches[i].is_busy)
			ec2_cancel(b->request.ec2, &b->fetches[i].op);
		str_done(&b->fetches[i].bytes);
	}
	if (b->is_open)
		loop_watch(b->request.loop, b->bringer.link, 0, NULL, NULL);
	child_free(b->child);
	bringer_done(&b->bringer);
	ebs_blocks_done(&b->list);
	vec_done(&b->wait);
	vec_done(&b->changed);
	free(b->states);
	free(b->work_dir);
	free(b);
}

int blocks_link(const struct blocks *b)
{
	return b->bringer.other;
}

void blocks_release_link(struct blocks *b)
{
	fd_close(b->bringer.other);
	b->bringer.other = -1;
}

const struct err *blocks_failure(const struct blocks *b)
{
	return &b->failure;
}

struct blocks_figures blocks_figures(const struct blocks *b)
{
	return (struct blocks_figures){ .size_bytes = b->bringer.size_bytes,
					.volume_blocks = b->bringer.blocks,
					.data_blocks = b->list.blocks.count,
					.fetched = b->fetched,
					.fetched_bytes = b->fetched_bytes,
					.written = b->changed.count };
}
