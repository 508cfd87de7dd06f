/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tool-download SNAPSHOT FILE: the whole snapshot through the EBS direct APIs, 64 requests at once: what an audit that
 * reads on demand is measured against. Endpoint and credentials from the environment. */
#include "ec2/calls.h"
#include "base/file.h"

#include <stdio.h>

#define AT_ONCE 64

static struct download {
	struct ec2 *ec2;
	struct snapshot_id snapshot;
	struct ebs_blocks list;
	size_t next, done;
	int fd;
	struct slot {
		struct ec2_op op;
		struct str bytes;
		int64_t index;
	} slots[AT_ONCE];
} d;

static void __attribute__((noreturn)) die(const char *text)
{
	fprintf(stderr, "tool-download: %s\n", text);
	exit(1);
}

static void on_block(struct ec2_op *op);

static void go_on(struct slot *slot)
{
	const struct ebs_block *block;

	if (d.next == d.list.blocks.count)
		return;
	block = &d.list.blocks.items[d.next++];
	slot->index = block->index;
	slot->op = (struct ec2_op){ .done = on_block, .arg = slot };
	ebs_get_snapshot_block(d.ec2,
			       &(struct ebs_get_block){ d.snapshot, block->index, block->token },
			       &slot->bytes, &slot->op);
}

static void on_block(struct ec2_op *op)
{
	struct slot *slot = op->arg;

	if (op->err.code || fd_pwrite_all(d.fd, slot->bytes.s, slot->bytes.len,
					  (uint64_t)(slot->index * d.list.block_bytes)) < 0)
		die(op->err.code ? op->err.text : "the file cannot be written");
	d.done++;
	go_on(slot);
}

int main(int argc, char **argv)
{
	const struct ec2_settings settings = { 0 };
	struct ec2_op op = { 0 };
	struct err err = ERR_INIT;
	struct loop *loop;

	if (argc != 3 || snapshot_id_parse(argv[1], &d.snapshot, &err) < 0)
		die("usage: tool-download SNAPSHOT FILE");
	d.fd = open(argv[2], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (d.fd < 0 || loop_open(&loop, &err) < 0 || ec2_open(loop, &settings, &d.ec2, &err) < 0)
		die(err.text);
	ebs_list_snapshot_blocks(d.ec2, &d.snapshot, &d.list, &op);
	if (ec2_wait(d.ec2, &op, &err) < 0)
		die(err.text);
	for (size_t i = 0; i < AT_ONCE; i++) {
		d.slots[i].bytes = (struct str)STR_INIT;
		go_on(&d.slots[i]);
	}
	while (d.done < d.list.blocks.count)
		if (loop_step(loop, -1, &err) < 0)
			die(err.text);
	for (size_t i = 0; i < AT_ONCE; i++)
		str_done(&d.slots[i].bytes);
	ebs_blocks_done(&d.list);
	ec2_close(d.ec2);
	loop_close(loop);
	close(d.fd);
	return 0;
}
