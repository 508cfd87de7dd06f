/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/remote.h"

#include "base/log.h"
#include "rescue/sftp.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define BLOCK_BYTES (256u << 10)
#define PARTS	    (BLOCK_BYTES / SFTP_PART)

enum {
	BLOCKS_AT_ONCE = 16,
	WRITES_AT_ONCE = 128,  /* parts of 32 KiB: what fills a way of 4 MiB */
	AHEAD_MAX = 8,	       /* blocks that are fetched before they are asked for */
	BACKLOG_MAX = 8 << 20, /* bytes to be sent, beyond which no more writes are taken */
	INPUT_KEPT = 1 << 20,
};
enum { UNDER_WAY = 0x80 }; /* beside enum served_state */

/* One block that is fetched: its parts come in any order and may be short. */
struct fetch_block {
	uint64_t block;
	uint32_t len; /* less than a block at the volume's end */
	uint32_t missing;
	unsigned char *bytes; /* NULL: idle */
};

/* A request under way; its id is its place and a number that no other one of that place had. */
struct pending {
	enum { IDLE, OPENS, READS, WRITES, SYNCS } kind;
	uint32_t serial;
	struct fetch_block *fetch; /* READS */
	uint32_t at, len;	   /* within the block */
};
enum { PENDING_MAX = BLOCKS_AT_ONCE * PARTS + WRITES_AT_ONCE + 2 };
_Static_assert(PENDING_MAX <= 1024, "ten bits of an id");

struct remote {
	struct remote_request request;
	char *path;
	bool is_said; /* ready() ran */
	bool has_version;
	struct sftp_handle handle;
	struct sftp_in in;
	struct str out;
	size_t out_at;
	struct pending pending[PENDING_MAX];
	uint32_t busy; /* of them */
	uint32_t writing;
	uint32_t serial;
	struct bringer bringer;
	bool is_open;
	uint8_t *states;
	VEC(uint64_t) wait; /* asked for; a stack: what is wanted last is needed first */
	VEC(uint64_t) ahead;
	uint64_t next; /* the block after the one that was asked for last */
	uint32_t window;
	struct fetch_block fetches[BLOCKS_AT_ONCE];
	uint64_t fetched, fetched_bytes, written_bytes;
	bool wants_flush, is_link_over;
	struct served_message *stalled; /* a write that waits for room */
	struct err dead;		/* the connection is of no more use */
	struct err no_write;		/* a write failed: no flush succeeds any more */
	struct err failure;		/* the first block that was missed */
};

static void go_on(struct remote *r);
static void on_stream(void *arg, int fd, uint32_t events);
static void on_silence(void *arg);

static void arm(struct remote *r)
{
	bool is_waiting = (r->busy || !r->has_version) && !r->dead.code;
	int64_t at = loop_now_ms(r->request.loop) + (int64_t)r->request.silence_s * 1000;

	loop_timer(r->request.loop, is_waiting ? at : -1, on_silence, r);
}

static void say_ready(struct remote *r, const struct err *err)
{
	if (r->is_said)
		return;
	r->is_said = true;
	r->request.ready(r->request.arg, err);
}

static void fail_block(struct remote *r, uint64_t block, const struct err *why)
{
	r->states[block] = SERVED_FAILED;
	if (!r->failure.code)
		r->failure = *why;
	bringer_fail(&r->bringer, block, why);
}

static void end_flush(struct remote *r, const struct err *err)
{
	r->wants_flush = false;
	bringer_flushed(&r->bringer, err && err->code ? err : NULL);
}

/* From now on nothing more comes. Whoever waits is told. */
static void die(struct remote *r, const struct err *why)
{
	if (r->dead.code)
		return;
	r->dead = *why;
	log_debug("remote", "%s", why->text);
	loop_watch(r->request.loop, r->request.fd, 0, NULL, NULL);
	if (!r->no_write.code && (r->writing || r->wants_flush))
		r->no_write = *why;
	for (size_t i = 0; i < BLOCKS_AT_ONCE; i++) {
		struct fetch_block *fetch = &r->fetches[i];

		if (fetch->bytes)
			fail_block(r, fetch->block, why);
		free(TAKE(fetch->bytes));
	}
	while (r->wait.count)
		fail_block(r, r->wait.items[--r->wait.count], why);
	if (r->wants_flush)
		end_flush(r, &r->no_write);
	memset(r->pending, 0, sizeof(r->pending));
	r->busy = r->writing = 0;
	arm(r);
	say_ready(r, why);
}

static void on_silence(void *arg)
{
	struct remote *r = arg;
	struct err why = ERR_INIT;

	err_set(&why, ERR_TIMEOUT, "the helper said nothing for %u s", r->request.silence_s);
	die(r, &why);
}

/* ---- sending */

static size_t backlog(const struct remote *r)
{
	return r->out.len - r->out_at;
}

static void send_out(struct remote *r)
{
	struct err why = ERR_INIT;

	while (!r->dead.code && backlog(r)) {
		ssize_t sent = send(r->request.fd, r->out.s + r->out_at, backlog(r),
				    MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent > 0) {
			r->out_at += (size_t)sent;
		} else if (errno == EAGAIN) {
			break;
		} else if (errno != EINTR) {
			err_set(&why, ERR_IO, "the connection to the helper broke");
			die(r, &why);
		}
	}
	if (!backlog(r)) {
		str_clear(&r->out);
		r->out_at = 0;
	}
	if (!r->dead.code)
		loop_watch(r->request.loop, r->request.fd, EPOLLIN | (backlog(r) ? EPOLLOUT : 0u),
			   on_stream, r);
}

/* There is always one: what is started is counted. */
static struct pending *begin(struct remote *r, int kind, uint32_t *ret_id)
{
	for (uint32_t i = 0; i < PENDING_MAX; i++) {
		struct pending *p = &r->pending[i];

		if (p->kind != IDLE)
			continue;
		*p = (struct pending){ .serial = ++r->serial & 0x3fffff };
		p->kind = (__typeof__(p->kind))kind;
		r->busy++;
		*ret_id = p->serial << 10 | i;
		return p;
	}
	abort();
}

static struct pending *find_pending(struct remote *r, uint32_t id)
{
	uint32_t at = id & 1023;
	struct pending *p = at < PENDING_MAX ? &r->pending[at] : NULL;

	return p && p->kind != IDLE && p->serial == id >> 10 ? p : NULL;
}

static void end_pending(struct remote *r, struct pending *p)
{
	p->kind = IDLE;
	r->busy--;
}

static void ask_part(struct remote *r, struct fetch_block *fetch, uint32_t at, uint32_t len)
{
	uint32_t id;
	struct pending *p = begin(r, READS, &id);

	p->fetch = fetch;
	p->at = at;
	p->len = len;
	sftp_put_read(&r->out, id, &r->handle, fetch->block * BLOCK_BYTES + at, len);
}

/* ---- blocks */

static void start_fetch(struct remote *r, struct fetch_block *fetch, uint64_t block)
{
	uint64_t left = r->request.size_bytes - block * BLOCK_BYTES;

	*fetch = (struct fetch_block){ .block = block,
				       .len = left < BLOCK_BYTES ? (uint32_t)left : BLOCK_BYTES };
	fetch->missing = fetch->len;
	fetch->bytes = mem_alloc(fetch->len);
	r->states[block] = UNDER_WAY;
	for (uint32_t at = 0; at < fetch->len; at += SFTP_PART)
		ask_part(r, fetch, at, fetch->len - at < SFTP_PART ? fetch->len - at : SFTP_PART);
}

static struct fetch_block *idle_fetch(struct remote *r)
{
	for (size_t i = 0; i < BLOCKS_AT_ONCE; i++)
		if (!r->fetches[i].bytes)
			return &r->fetches[i];
	return NULL;
}

static void start_reads(struct remote *r)
{
	struct fetch_block *fetch;

	while (r->wait.count && (fetch = idle_fetch(r)))
		start_fetch(r, fetch, r->wait.items[--r->wait.count]);
	while (r->ahead.count && (fetch = idle_fetch(r))) {
		uint64_t block = r->ahead.items[--r->ahead.count];

		if (r->states[block] == SERVED_AWAY)
			start_fetch(r, fetch, block);
	}
}

/* Who reads on from block to block is expected to go on so. */
static void look_ahead(struct remote *r, uint64_t block)
{
	r->window = block != r->next ? 0 : r->window ? r->window * 2 : 1;
	if (r->window > AHEAD_MAX)
		r->window = AHEAD_MAX;
	r->next = block + 1;
	r->ahead.count = 0;
	for (uint64_t n = r->window; n; n--)
		if (block + n < r->bringer.blocks && r->states[block + n] == SERVED_AWAY)
			vec_push(&r->ahead, block + n);
}

static void want(struct remote *r, uint64_t block)
{
	if (r->states[block] == SERVED_AWAY && r->dead.code) {
		fail_block(r, block, &r->dead);
	} else if (r->states[block] == SERVED_AWAY) {
		r->states[block] = UNDER_WAY;
		vec_push(&r->wait, block);
		look_ahead(r, block);
	} else if (block == r->next) { /* it was fetched ahead */
		look_ahead(r, block);
	}
}

/* ---- writes */

static bool has_room(const struct remote *r, uint32_t len)
{
	return r->dead.code ||
	       (r->writing + len / SFTP_PART + 1 < WRITES_AT_ONCE && backlog(r) < BACKLOG_MAX);
}

static void take_write(struct remote *r, const struct served_message *m)
{
	uint64_t first = m->at / BLOCK_BYTES, last = (m->at + m->len - 1) / BLOCK_BYTES;

	for (uint64_t block = first; block <= last; block++)
		if (r->states[block] != SERVED_HERE)
			err_set(&r->no_write, ERR_INTERNAL,
				"block %llu was written before it was read",
				(unsigned long long)block);
	if (r->dead.code && !r->no_write.code)
		r->no_write = r->dead;
	if (r->no_write.code || bringer_write(&r->bringer, m, &r->no_write) < 0)
		return;
	for (uint32_t at = 0; at < m->len; at += SFTP_PART) {
		uint32_t len = m->len - at < SFTP_PART ? m->len - at : SFTP_PART, id;

		begin(r, WRITES, &id);
		r->writing++;
		sftp_put_write(&r->out, id, &r->handle, m->at + at, m->data + at, len);
	}
	r->written_bytes += m->len;
}

/* All that was written before it is acknowledged. */
static void start_flush(struct remote *r)
{
	uint32_t id;

	if (!r->wants_flush || r->writing)
		return;
	if (r->no_write.code || r->dead.code) {
		end_flush(r, r->no_write.code ? &r->no_write : &r->dead);
		return;
	}
	for (size_t i = 0; i < PENDING_MAX; i++)
		if (r->pending[i].kind == SYNCS)
			return;
	begin(r, SYNCS, &id);
	sftp_put_fsync(&r->out, id, &r->handle);
}

/* ---- what the surgeon asks */

static struct served_message *copy_message(const struct served_message *m)
{
	struct served_message *copy = mem_alloc(sizeof(*m) + m->len);

	memcpy(copy, m, sizeof(*m) + m->len);
	return copy;
}

/* False: it has to wait, and everything after it. */
static bool take_request(struct remote *r, const struct served_message *m)
{
	if (m->kind == SERVED_ASK) {
		want(r, m->at);
	} else if (m->kind == SERVED_FLUSH) {
		r->wants_flush = true;
	} else if (has_room(r, m->len)) {
		take_write(r, m);
	} else {
		return false;
	}
	return true;
}

static void on_request(void *arg, int fd, uint32_t events);

static void take_requests(struct remote *r)
{
	const struct served_message *m;
	bool is_over = false;

	if (r->stalled) {
		if (!take_request(r, r->stalled))
			return;
		free(TAKE(r->stalled));
	}
	while (!r->stalled && !r->is_link_over && (m = bringer_next(&r->bringer, &is_over)))
		if (!take_request(r, m))
			r->stalled = copy_message(m);
	r->is_link_over |= is_over;
	loop_watch(r->request.loop, r->bringer.link, r->stalled || r->is_link_over ? 0 : EPOLLIN,
		   on_request, r);
}

/* Whatever can be done now. */
static void go_on(struct remote *r)
{
	if (r->is_open)
		take_requests(r);
	if (r->is_open && !r->dead.code)
		start_reads(r);
	if (r->is_open)
		start_flush(r);
	if (!r->dead.code)
		send_out(r);
	arm(r);
}

static void on_request(void *arg, int fd, uint32_t events)
{
	(void)fd;
	(void)events;
	go_on(arg);
}

/* ---- what the server answers */

/* A refusal as an error. */
static int refuse(const struct sftp_packet *packet, const char *what, struct err *err)
{
	cleanup(str_done) struct str words = STR_INIT;
	uint32_t status;

	if (packet->type != SFTP_STATUS)
		return err_set(err, ERR_MALFORMED, "%s: the helper's answer is of another kind",
			       what);
	if (sftp_take_status(packet, &status, &words, err) < 0)
		return -1;
	return err_set(err,
		       status == SFTP_NO_SUCH_FILE	  ? ERR_NOTFOUND
		       : status == SFTP_PERMISSION_DENIED ? ERR_DENIED
							  : ERR_IO,
		       "%s: the helper says: %s", what, words.len ? words.s : "failure");
}

static int opened(struct remote *r, const struct sftp_packet *packet, struct err *err)
{
	const struct bringer_spec spec = { .work_dir = r->request.work_dir,
					   .size_bytes = r->request.size_bytes,
					   .block_bytes = BLOCK_BYTES,
					   .is_writable = r->request.may_write };

	if (packet->type != SFTP_HANDLE)
		return refuse(packet, r->path, err);
	if (sftp_take_handle(packet, &r->handle, err) < 0 ||
	    bringer_open(&spec, &r->bringer, err) < 0)
		return -1;
	r->states = mem_alloc(r->bringer.blocks);
	r->is_open = true;
	loop_watch(r->request.loop, r->bringer.link, EPOLLIN, on_request, r);
	say_ready(r, NULL);
	return 0;
}

static int fetched(struct remote *r, struct pending *p, const struct sftp_packet *packet,
		   struct err *err)
{
	struct fetch_block *fetch = p->fetch;
	const unsigned char *data;
	size_t len;
	uint32_t at = p->at, wanted = p->len, status;

	if (packet->type == SFTP_STATUS) {
		cleanup(str_done) struct str words = STR_INIT;

		if (sftp_take_status(packet, &status, &words, err) < 0)
			return -1;
		if (status == SFTP_EOF)
			return err_set(err, ERR_IO,
				       "%s ends before the volume does, which has %llu bytes",
				       r->path, (unsigned long long)r->request.size_bytes);
	}
	if (packet->type != SFTP_DATA)
		return refuse(packet, "reading", err);
	if (sftp_take_data(packet, &data, &len, err) < 0)
		return -1;
	if (!len || len > wanted)
		return err_set(err, ERR_MALFORMED,
			       "the helper sent %zu bytes where %u were asked for", len, wanted);
	memcpy(fetch->bytes + at, data, len);
	fetch->missing -= (uint32_t)len;
	end_pending(r, p);
	if (len < wanted)
		ask_part(r, fetch, at + (uint32_t)len, wanted - (uint32_t)len);
	if (fetch->missing)
		return 0;
	if (bringer_bring(&r->bringer, fetch->block, fetch->bytes, fetch->len, err) < 0)
		return -1;
	r->states[fetch->block] = SERVED_HERE;
	r->fetched++;
	r->fetched_bytes += fetch->len;
	free(TAKE(fetch->bytes));
	return 0;
}

/* Of a write or a flush. A refusal costs the flush, not the connection. */
static int acknowledged(struct remote *r, struct pending *p, const struct sftp_packet *packet,
			struct err *err)
{
	cleanup(str_done) struct str words = STR_INIT;
	bool is_flush = p->kind == SYNCS;
	uint32_t status;

	if (packet->type != SFTP_STATUS)
		return refuse(packet, is_flush ? "flushing" : "writing", err);
	if (sftp_take_status(packet, &status, &words, err) < 0)
		return -1;
	if (status != SFTP_OK && !r->no_write.code)
		(void)refuse(packet, is_flush ? "flushing" : "writing", &r->no_write);
	end_pending(r, p);
	if (is_flush)
		end_flush(r, &r->no_write);
	else
		r->writing--;
	return 0;
}

static int take_version(struct remote *r, const struct sftp_packet *packet, struct err *err)
{
	uint32_t id;

	if (packet->type != SFTP_VERSION || packet->id < 3)
		return err_set(err, ERR_MALFORMED, "what answers there does not speak SFTP");
	r->has_version = true;
	if (r->request.may_write && !sftp_has_fsync(packet))
		return err_set(err, ERR_UNSUPPORTED,
			       "the helper's SFTP server cannot flush a device "
			       "(fsync@openssh.com, OpenSSH 6.5); take another helper");
	begin(r, OPENS, &id);
	sftp_put_open(&r->out, id, r->path, r->request.may_write);
	return 0;
}

static int take_packet(struct remote *r, const struct sftp_packet *packet, struct err *err)
{
	struct pending *p;

	if (!r->has_version)
		return take_version(r, packet, err);
	p = find_pending(r, packet->id);
	if (!p)
		return err_set(err, ERR_MALFORMED, "the helper answered what was not asked");
	switch (p->kind) {
	case OPENS:
		end_pending(r, p);
		return opened(r, packet, err);
	case READS:
		return fetched(r, p, packet, err);
	default:
		return acknowledged(r, p, packet, err);
	}
}

/* -1: the connection is over, err says why. */
static int receive(struct remote *r, struct err *err)
{
	char buf[65536];
	ssize_t got = recv(r->request.fd, buf, sizeof(buf), MSG_DONTWAIT);
	struct sftp_packet packet;
	int rc;

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (got <= 0)
		return err_set(err, ERR_IO, "the connection to the helper broke");
	str_add_bytes(&r->in.bytes, buf, (size_t)got);
	while ((rc = sftp_next(&r->in, &packet, err)) > 0)
		if (take_packet(r, &packet, err) < 0)
			return -1;
	if (r->in.at == r->in.bytes.len) {
		str_clear(&r->in.bytes);
		r->in.at = 0;
	} else if (r->in.at > INPUT_KEPT) {
		memmove(r->in.bytes.s, r->in.bytes.s + r->in.at, r->in.bytes.len - r->in.at);
		r->in.bytes.len -= r->in.at;
		r->in.at = 0;
	}
	return rc;
}

static void on_stream(void *arg, int fd, uint32_t events)
{
	struct remote *r = arg;
	struct err err = ERR_INIT;

	(void)fd;
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && receive(r, &err) < 0)
		die(r, &err);
	go_on(r);
}

struct remote *remote_start(const struct remote_request *request)
{
	struct remote *r = mem_alloc(sizeof(*r));

	r->request = *request;
	r->path = mem_strdup(request->path);
	r->request.work_dir = mem_strdup(request->work_dir);
	r->bringer = (struct bringer)BRINGER_INIT;
	r->in.bytes = r->out = (struct str)STR_INIT;
	sftp_put_init(&r->out);
	loop_watch(r->request.loop, r->request.fd, EPOLLIN | EPOLLOUT, on_stream, r);
	arm(r);
	return r;
}

void remote_free(struct remote *r)
{
	if (!r)
		return;
	loop_timer(r->request.loop, -1, on_silence, r);
	loop_watch(r->request.loop, r->request.fd, 0, NULL, NULL);
	if (r->is_open)
		loop_watch(r->request.loop, r->bringer.link, 0, NULL, NULL);
	close(r->request.fd);
	bringer_done(&r->bringer);
	for (size_t i = 0; i < BLOCKS_AT_ONCE; i++)
		free(r->fetches[i].bytes);
	sftp_in_done(&r->in);
	str_done(&r->out);
	vec_done(&r->wait);
	vec_done(&r->ahead);
	free(r->stalled);
	free(r->states);
	free(r->path);
	free((char *)(uintptr_t)r->request.work_dir);
	free(r);
}

int remote_link(const struct remote *r)
{
	return r->bringer.other;
}

void remote_release_link(struct remote *r)
{
	fd_close(r->bringer.other);
	r->bringer.other = -1;
}

const struct err *remote_failure(const struct remote *r)
{
	return &r->failure;
}

struct remote_figures remote_figures(const struct remote *r)
{
	return (struct remote_figures){ .size_bytes = r->request.size_bytes,
					.volume_blocks = r->bringer.blocks,
					.fetched = r->fetched,
					.fetched_bytes = r->fetched_bytes,
					.written_bytes = r->written_bytes };
}
