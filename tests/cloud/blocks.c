/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/file.h"
#include "base/hash.h"
#include "tests/cloud/blocks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* EBS direct: a snapshot's blocks. A block is listed when its file holds data there. A token names
 * snapshot, block and the list that it comes from: a later list of the same snapshot makes it invalid,
 * and so does its age. Source: EBS user guide, "Read snapshots" and "FAQ for the EBS direct APIs". */

#define BLOCK_TOKEN_S	(7 * 86400)
#define PAGE_TOKEN_S	3600
#define LEAST_A_PAGE	100
#define MOST_A_PAGE	10000
#define TOKEN_MAC_BYTES 12

/* ---- tokens: base64 of MAC and text */

static struct sha256 mac_of(struct sim *sim, const char *text)
{
	return hmac_sha256(&sim->seed, sizeof(sim->seed), text, strlen(text));
}

static char *token_make(struct sim *sim, char kind, const struct res *snap, json_int_t index,
			double until)
{
	cleanup(free) char *text =
		mem_printf("%c:%s:%lld:%lld:%.0f", kind, snap->id, (long long)index,
			   (long long)ji(snap->truth, "lists"), until);
	struct sha256 mac = mac_of(sim, text);
	cleanup(str_done) struct str bytes = STR_INIT;
	struct str token = STR_INIT;

	str_add_bytes(&bytes, (char *)mac.b, TOKEN_MAC_BYTES);
	str_add(&bytes, text);
	str_add_base64(&token, bytes.s, bytes.len);
	return str_take(&token);
}

/* False: forged, of another kind or snapshot, of an older list, or too old. */
static bool token_read(struct sim *sim, const char *token, char kind, const struct res *snap,
		       json_int_t *ret_index)
{
	cleanup(str_done) struct str bytes = STR_INIT;
	long long index, list;
	char is_kind, id[40];
	double until;
	struct sha256 mac;

	if (str_add_from_base64(&bytes, token, strlen(token)) < 0 || bytes.len <= TOKEN_MAC_BYTES)
		return false;
	mac = mac_of(sim, bytes.s + TOKEN_MAC_BYTES);
	if (memcmp(mac.b, bytes.s, TOKEN_MAC_BYTES) ||
	    sscanf(bytes.s + TOKEN_MAC_BYTES, "%c:%39[^:]:%lld:%lld:%lf", &is_kind, id, &index,
		   &list, &until) != 5)
		return false;
	*ret_index = index;
	return is_kind == kind && str_eq(id, snap->id) && list == ji(snap->truth, "lists") &&
	       until >= sim->now;
}

/* ---- */

struct res *blocks_snapshot(struct call *call, const char *name)
{
	const char *id = param(call, name);
	struct res *snap;

	if (!id_is_well_formed(id, "snap-")) {
		rest_fail(call, "ValidationException", "INVALID_SNAPSHOT_ID",
			  "The snapshot ID '%s' is not valid", id);
		return NULL;
	}
	snap = world_get(call->sim, id);
	if (!snap || snap->kind != &kind_snapshot || !world_shown(call->sim, snap) ||
	    jb(snap->truth, "gone")) {
		rest_fail(call, "ResourceNotFoundException", "SNAPSHOT_NOT_FOUND",
			  "The snapshot '%s' does not exist.", id);
		return NULL;
	}
	return snap;
}

void blocks_sum(struct str *into, const void *data, size_t len)
{
	struct sha256 hash = sha256_of(data, len);

	str_add_base64(into, hash.b, sizeof(hash.b));
}

static struct res *find_readable(struct call *call, const char *name)
{
	struct res *snap = blocks_snapshot(call, name);

	if (snap && !js_is(snap->truth, "state", "completed")) {
		rest_fail(call, "ValidationException", "INVALID_SNAPSHOT_ID",
			  "The snapshot '%s' is in the %s state and cannot be read", snap->id,
			  js(snap->truth, "state"));
		return NULL;
	}
	return snap;
}

static int open_snapshot(struct call *call, const struct res *snap)
{
	cleanup(free) char *path = snapshot_path(call->sim, snap->id);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		rest_fail(call, "InternalServerException", NULL, "%s", strerror(errno));
	return fd;
}

/* Number of the first block at or after `index` that holds data; -1: there is none. */
static json_int_t next_data(int fd, json_int_t index)
{
	off_t at = lseek(fd, (off_t)index * BLOCK_BYTES, SEEK_DATA);

	return at < 0 ? -1 : at / BLOCK_BYTES < index ? index : at / BLOCK_BYTES;
}

static json_int_t page_size(struct call *call)
{
	json_int_t wanted = param_int(call, "maxResults", LEAST_A_PAGE);

	return wanted < LEAST_A_PAGE ? LEAST_A_PAGE : wanted > MOST_A_PAGE ? MOST_A_PAGE : wanted;
}

void list_snapshot_blocks(struct call *call)
{
	struct res *snap = find_readable(call, "SnapshotId");
	cleanup(fd_close) int fd = snap ? open_snapshot(call, snap) : -1;
	double until = call->sim->now + BLOCK_TOKEN_S;
	json_int_t index = param_int(call, "startingBlockIndex", 0), room = page_size(call);
	json_t *blocks;

	if (fd < 0)
		return;
	if (!*param(call, "pageToken")) {
		jset_i(snap->truth, "lists", ji(snap->truth, "lists") + 1);
		world_touch(snap);
	} else if (!token_read(call->sim, param(call, "pageToken"), 'p', snap, &index)) {
		rest_fail(call, "ValidationException", "INVALID_PAGE_TOKEN",
			  "The page token is not valid or has expired");
		return;
	}
	blocks = json_array();
	for (index = next_data(fd, index); index >= 0 && room--; index = next_data(fd, index + 1)) {
		cleanup(free) char *token = token_make(call->sim, 'b', snap, index, until);
		json_t *block = json_object();

		jset_i(block, "BlockIndex", index);
		jset_s(block, "BlockToken", token);
		json_array_append_new(blocks, block);
	}
	jset(call->out, "Blocks", blocks);
	jset_i(call->out, "BlockSize", BLOCK_BYTES);
	jset_i(call->out, "VolumeSize", ji(snap->truth, "size"));
	jset_n(call->out, "ExpiryTime", until);
	if (index >= 0) {
		cleanup(free) char *next =
			token_make(call->sim, 'p', snap, index, call->sim->now + PAGE_TOKEN_S);

		jset_s(call->out, "NextToken", next);
	}
}

void get_snapshot_block(struct call *call)
{
	struct res *snap = find_readable(call, "SnapshotId");
	cleanup(fd_close) int fd = snap ? open_snapshot(call, snap) : -1;
	cleanup(str_done) struct str block = STR_INIT, sum = STR_INIT;
	cleanup(free) char *bytes = NULL;
	json_int_t index = strtoll(param(call, "BlockIndex"), NULL, 10), of_token;

	if (fd < 0)
		return;
	if (!token_read(call->sim, param(call, "blockToken"), 'b', snap, &of_token) ||
	    of_token != index) {
		rest_fail(call, "ValidationException", "INVALID_BLOCK_TOKEN",
			  "The block token is not valid or has expired");
		return;
	}
	/* The file may end within the last block, or before the volume does. */
	bytes = mem_alloc(BLOCK_BYTES);
	if (pread(fd, bytes, BLOCK_BYTES, (off_t)index * BLOCK_BYTES) < 0) {
		rest_fail(call, "InternalServerException", NULL, "%s", strerror(errno));
		return;
	}
	str_add_bytes(&block, bytes, BLOCK_BYTES);
	blocks_sum(&sum, block.s, block.len);
	rest_header(call, "x-amz-Data-Length", "524288");
	rest_header(call, "x-amz-Checksum", sum.s);
	rest_header(call, "x-amz-Checksum-Algorithm", "SHA256");
	rest_bytes(call, &block);
}
