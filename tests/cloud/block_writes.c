/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/file.h"
#include "base/hash.h"
#include "tests/cloud/blocks.h"

#include <errno.h>
#include <stdlib.h>

/* EBS direct: a snapshot that is written block by block. It begins as its parent, or as nothing; it becomes
 * `error` when nothing is written to it for its time-out, and `completed` some time after CompleteSnapshot.
 * Source: EBS user guide, "Write snapshots" and "Use checksums with the EBS direct APIs". */

#define LEAST_TIMEOUT_MIN 10
#define MOST_TIMEOUT_MIN  4320
#define TIMEOUT_MIN	  60
#define MOST_PENDING	  100
#define MOST_GIB	  65536

static const char *header(const struct call *call, const char *name)
{
	const char *value = header_get(&call->req->headers, name);

	return value ? value : "";
}

static void be_patient(struct res *snap, double now)
{
	timer_set(snap, "abandoned", now + jd(snap->truth, "timeout_min") * 60);
	world_touch(snap);
}

/* ---- StartSnapshot */

static json_t *tags_of(const struct call *call)
{
	json_t *body = json_loadb(call->req->body.s, call->req->body.len, 0, NULL);
	json_t *tags = json_object(), *tag;
	size_t i;

	json_array_foreach (jget(body, "Tags"), i, tag)
		jset_s(tags, js(tag, "Key"), js(tag, "Value"));
	json_decref(body);
	return tags;
}

static void describe(struct call *call, const struct res *snap)
{
	json_t *tags = json_array(), *value;
	const char *key;

	json_object_foreach (jget(snap->truth, "tags"), key, value)
		json_array_append_new(tags, json_pack("{s:s, s:O}", "Key", key, "Value", value));
	jset_s(call->out, "SnapshotId", snap->id);
	jset_s(call->out, "OwnerId", sim_account(call->sim));
	jset_s(call->out, "Status", js(snap->truth, "state"));
	jset_n(call->out, "StartTime", jd(snap->truth, "start_time"));
	jset_i(call->out, "VolumeSize", ji(snap->truth, "size"));
	jset_i(call->out, "BlockSize", BLOCK_BYTES);
	jset_s(call->out, "Description", js(snap->truth, "description"));
	if (*js(snap->truth, "parent"))
		jset_s(call->out, "ParentSnapshotId", js(snap->truth, "parent"));
	jset(call->out, "Tags", tags);
	call->status_ok = 201;
}

struct starting {
	struct call *call;
	char *id;
};

static void add_snapshot(struct call *call, const char *id)
{
	const char *parent = param(call, "ParentSnapshotId");
	struct res *from = *parent ? world_get(call->sim, parent) : NULL;
	json_t *truth = json_object();
	struct res *snap;

	jset_s(truth, "id", id);
	jset_s(truth, "volume", "vol-ffffffff"); /* as of every snapshot that is no volume's */
	jset_s(truth, "state", "pending");
	jset_s(truth, "progress", "");
	jset_s(truth, "description", param(call, "Description"));
	jset_i(truth, "size", param_int(call, "VolumeSize", 0));
	jset_b(truth, "encrypted",
	       param_true(call, "Encrypted") || (from && jb(from->truth, "encrypted")));
	jset_s(truth, "parent", parent);
	jset_n(truth, "start_time", call->sim->now);
	jset_n(truth, "timeout_min", (double)param_int(call, "Timeout", TIMEOUT_MIN));
	jset(truth, "sums", json_object());
	jset(truth, "tags", tags_of(call));
	snap = world_add(call->sim, &kind_snapshot, id, truth);
	json_array_append_new(call->new_ids, json_string(id));
	token_keep(call);
	be_patient(snap, call->sim->now);
	describe(call, snap);
}

static void copied(struct sim *sim, void *arg, int status)
{
	struct starting *starting = arg;
	struct call *call = starting->call;

	if (status || sim->stopping)
		rest_fail(call, "InternalServerException", NULL, "An internal error occurred");
	else
		add_snapshot(call, starting->id);
	free(starting->id);
	free(starting);
	call_finish(call);
}

static bool is_too_many(struct call *call)
{
	unsigned pending = 0;

	sim_foreach (snap, call->sim, &kind_snapshot)
		pending += jhas(snap->truth, "sums") && js_is(snap->truth, "state", "pending");
	if (pending < MOST_PENDING)
		return false;
	rest_fail(call, "ConcurrentLimitExceededException", NULL,
		  "You have reached the limit for concurrent pending snapshots");
	return true;
}

static bool is_valid(struct call *call, const struct res *parent)
{
	json_int_t size = param_int(call, "VolumeSize", 0);
	json_int_t timeout = param_int(call, "Timeout", TIMEOUT_MIN);

	if (size < 1 || size > MOST_GIB || (parent && size < ji(parent->truth, "size")))
		rest_fail(call, "ValidationException", "INVALID_VOLUME_SIZE",
			  "The volume size is not valid");
	else if (timeout < LEAST_TIMEOUT_MIN || timeout > MOST_TIMEOUT_MIN)
		rest_fail(call, "ValidationException", "INVALID_PARAMETER_VALUE",
			  "The timeout is not valid");
	else if (parent && !jb(parent->truth, "encrypted") && encrypts_by_default(call->sim))
		rest_fail(call, "ValidationException", "INVALID_SNAPSHOT_ID",
			  "The parent snapshot is not encrypted, and encryption by default is on");
	else if (parent && !js_is(parent->truth, "state", "completed"))
		rest_fail(call, "ValidationException", "INVALID_SNAPSHOT_ID",
			  "The parent snapshot is not completed");
	return !call_failed(call) && !is_too_many(call);
}

void start_snapshot(struct call *call)
{
	struct res *parent = NULL, *known;
	struct starting *starting;
	cleanup(free) char *to = NULL, *from = NULL;
	json_t *ids;
	int is_known = token_find(call, &ids);

	if (is_known < 0)
		return;
	if (is_known && (known = world_get(call->sim, json_string_value(json_array_get(ids, 0))))) {
		describe(call, known);
		return;
	}
	if (*param(call, "ParentSnapshotId") &&
	    !(parent = blocks_snapshot(call, "ParentSnapshotId")))
		return;
	if (!is_valid(call, parent))
		return;
	starting = mem_alloc(sizeof(*starting));
	*starting = (struct starting){ call, id_new(call->sim, "snap-") };
	to = snapshot_path(call->sim, starting->id);
	from = parent ? snapshot_path(call->sim, parent->id) : mem_strdup("/dev/null");
	call->is_waiting = true;
	job_copy(call->sim, from, to, (uint64_t)param_int(call, "VolumeSize", 0) << 30, copied,
		 starting);
}

/* ---- PutSnapshotBlock */

static struct res *find_open(struct call *call)
{
	struct res *snap = blocks_snapshot(call, "SnapshotId");

	if (snap && (!jhas(snap->truth, "sums") || !js_is(snap->truth, "state", "pending") ||
		     jb(snap->truth, "is_closed"))) {
		rest_fail(call, "ValidationException", "INVALID_SNAPSHOT_ID",
			  "The snapshot '%s' cannot be written to", snap->id);
		return NULL;
	}
	return snap;
}

void put_snapshot_block(struct call *call)
{
	struct res *snap = find_open(call);
	const struct str *body = &call->req->body;
	json_int_t index = strtoll(param(call, "BlockIndex"), NULL, 10);
	cleanup(str_done) struct str sum = STR_INIT;
	cleanup(free) char *path = NULL;
	cleanup(fd_close) int fd = -1;

	if (!snap)
		return;
	blocks_sum(&sum, body->s, body->len);
	if (index < 0 || (index + 1) * BLOCK_BYTES > ji(snap->truth, "size") << 30)
		rest_fail(call, "ValidationException", "INVALID_BLOCK",
			  "The block index is not valid");
	else if (body->len != BLOCK_BYTES ||
		 strtoull(header(call, "x-amz-Data-Length"), NULL, 10) != BLOCK_BYTES)
		rest_fail(call, "ValidationException", "INVALID_BLOCK", "A block has 524288 bytes");
	else if (!str_eq(header(call, "x-amz-Checksum-Algorithm"), "SHA256") ||
		 !str_eq(header(call, "x-amz-Checksum"), sum.s))
		rest_fail(call, "ValidationException", "INVALID_BLOCK",
			  "The checksum does not match the block");
	if (call_failed(call))
		return;
	path = snapshot_path(call->sim, snap->id);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || fd_pwrite_all(fd, body->s, body->len, (uint64_t)index * BLOCK_BYTES) < 0) {
		rest_fail(call, "InternalServerException", NULL, "%s", strerror(errno));
		return;
	}
	jset_s(jget(snap->truth, "sums"), param(call, "BlockIndex"), sum.s);
	be_patient(snap, call->sim->now);
	rest_header(call, "x-amz-Checksum", sum.s);
	rest_header(call, "x-amz-Checksum-Algorithm", "SHA256");
	call->status_ok = 201;
}

/* ---- CompleteSnapshot */

static int by_number(const void *a, const void *b)
{
	long long x = strtoll(*(const char *const *)a, NULL, 10);
	long long y = strtoll(*(const char *const *)b, NULL, 10);

	return x < y ? -1 : x > y;
}

/* The sum of the blocks' sums, as bytes, in the order of the blocks. */
static void sum_of_sums(const json_t *sums, struct str *into)
{
	cleanup(str_done) struct str bytes = STR_INIT;
	VEC(const char *) indices = { 0 };
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)sums, key, value)
		vec_push(&indices, key);
	if (indices.count)
		qsort(indices.items, indices.count, sizeof(*indices.items), by_number);
	vec_foreach (index, &indices) {
		const char *sum = js(sums, *index);

		(void)!str_add_from_base64(&bytes, sum, strlen(sum));
	}
	vec_done(&indices);
	blocks_sum(into, bytes.s, bytes.len);
}

void complete_snapshot(struct call *call)
{
	struct res *snap = find_open(call);
	cleanup(str_done) struct str sum = STR_INIT;
	const char *given = header(call, "x-amz-Checksum");
	double takes_s;

	if (!snap)
		return;
	sum_of_sums(jget(snap->truth, "sums"), &sum);
	if (strtoull(header(call, "x-amz-ChangedBlocksCount"), NULL, 10) !=
	    json_object_size(jget(snap->truth, "sums")))
		rest_fail(call, "ValidationException", "INVALID_PARAMETER_VALUE",
			  "The number of changed blocks does not match the blocks that were put");
	else if (*given && (!str_eq(header(call, "x-amz-Checksum-Algorithm"), "SHA256") ||
			    !str_eq(header(call, "x-amz-Checksum-Aggregation-Method"), "LINEAR") ||
			    !str_eq(given, sum.s)))
		rest_fail(call, "ValidationException", "INVALID_PARAMETER_VALUE",
			  "The checksum does not match the blocks that were put");
	if (call_failed(call))
		return;
	takes_s = latency(call->sim, snap, "written_snapshot");
	timer_drop(snap, "abandoned");
	jset_b(snap->truth, "is_closed", true);
	jset_n(snap->truth, "complete_time", call->sim->now + takes_s);
	timer_set(snap, "complete", call->sim->now + takes_s);
	world_touch(snap);
	jset_s(call->out, "Status", "pending");
	call->status_ok = 202;
}
