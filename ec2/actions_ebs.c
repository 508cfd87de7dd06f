/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The EBS direct APIs: the blocks of a snapshot, without a volume or an instance. Source: their service
 * model 2019-11-02; EBS user guide, "Use checksums with the EBS direct APIs". */
#include "base/hash.h"
#include "ec2/http.h"
#include "ec2/rows.h"

#include <stdlib.h>

#define EBS_(name_) .name = name_, .service = &service_ebs, .iam = "ebs:" name_

static const struct xmlmap block_map[] = {
	XML_INT_OR(struct ebs_block, index, "BlockIndex", -1),
	XML_TEXT_NEED(struct ebs_block, token, "BlockToken"),
	XML_END,
};
static const struct xmlmap blocks_map[] = {
	XML_INT(struct ebs_blocks, block_bytes, "BlockSize"),
	XML_INT(struct ebs_blocks, volume_size, "VolumeSize"),
	XML_TIME(struct ebs_blocks, expires, "ExpiryTime"),
	XML_ITEMS(struct ebs_blocks, blocks, block_map, "Blocks"),
	XML_END,
};
const struct ec2_action action_list_snapshot_blocks = {
	EBS_("ListSnapshotBlocks"),
	.retry = RETRY_READ,
	REPLY_(blocks_map, struct ebs_blocks),
	.limit = LIMIT_BLOCK_LISTS,
	.method = "GET",
	.next_token = "NextToken",
	.page_parameter = "pageToken",
	.is_reply_large = true,
};

/* The sum stands in the headers, and the block is what the body holds. */
static int read_block(const struct http_reply *reply, void *ret, struct err *err)
{
	const char *sum = http_reply_header(reply, "x-amz-checksum");
	const char *algorithm = http_reply_header(reply, "x-amz-checksum-algorithm");
	const char *length = http_reply_header(reply, "x-amz-data-length");
	struct sha256 hash = sha256_of(reply->body.s, reply->body.len);
	cleanup(str_done) struct str is = STR_INIT;
	struct str *block = ret;

	if (!sum || !algorithm || !str_eq(algorithm, "SHA256"))
		return err_set(err, ERR_MALFORMED, "the block comes without a SHA-256 checksum");
	if (length && strtoull(length, NULL, 10) != reply->body.len)
		return err_set(err, ERR_NETWORK, "%zu bytes of %.20s came", reply->body.len,
			       length);
	str_add_base64(&is, hash.b, sizeof(hash.b));
	if (!str_eq(is.s, sum))
		return err_set(err, ERR_NETWORK, "the block's checksum is wrong");
	str_clear(block);
	str_add_bytes(block, reply->body.s, reply->body.len);
	return 0;
}

const struct ec2_action action_get_snapshot_block = {
	EBS_("GetSnapshotBlock"), .retry = RETRY_READ, .limit = LIMIT_BLOCKS,
	.method = "GET",	  .read = read_block,
};

static const struct xmlmap started_map[] = {
	XML_ID_NEED(struct ebs_started, id, snapshot, "SnapshotId"),
	XML_TEXT(struct ebs_started, status, "Status"),
	XML_INT(struct ebs_started, block_bytes, "BlockSize"),
	XML_INT(struct ebs_started, volume_size, "VolumeSize"),
	XML_END,
};
/* With its ClientToken the same request twice is one snapshot; a block, and the end, may be said twice. */
const struct ec2_action action_start_snapshot = {
	EBS_("StartSnapshot"),	   REPLY_(started_map, struct ebs_started),
	.retry = RETRY_IDEMPOTENT, .limit = LIMIT_BLOCK_STARTS,
	.method = "POST",
};
const struct ec2_action action_put_snapshot_block = {
	EBS_("PutSnapshotBlock"),
	.retry = RETRY_IDEMPOTENT,
	.limit = LIMIT_BLOCKS,
	.method = "PUT",
};
const struct ec2_action action_complete_snapshot = {
	EBS_("CompleteSnapshot"),
	.retry = RETRY_IDEMPOTENT,
	.limit = LIMIT_BLOCK_STARTS,
	.method = "POST",
};
