/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/served.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#define MAX_BLOCKS  (1u << 26) /* 32 TiB in blocks of half a megabyte; EBS has 64 TiB at most */
#define LOOK_S	    1	       /* how often a waiter looks whether the bringer still lives */
#define MESSAGE_MAX (sizeof(struct served_message) + SERVED_WRITE_MAX)

static size_t board_bytes(uint64_t blocks)
{
	return sizeof(struct served_board) + blocks;
}

/* ---- the bringer ---- */

/* A file without a name: a descriptor that writes, and one that only reads. */
struct pair {
	int write, read;
};

static int open_pair(const char *work_dir, uint64_t size_bytes, struct pair *ret, struct err *err)
{
	cleanup(free) char *path = mem_printf("%s/blocks-XXXXXX", work_dir);

	*ret = (struct pair){ mkostemp(path, O_CLOEXEC), -1 };
	if (ret->write >= 0) {
		ret->read = open(path, O_RDONLY | O_CLOEXEC);
		unlink(path);
	}
	if (ret->read < 0 || ftruncate(ret->write, (off_t)size_bytes) < 0)
		return err_errno(err, errno, "a file for the blocks in %s", work_dir);
	return 0;
}

static void pair_done(struct pair *pair)
{
	fd_close(pair->write);
	fd_close(pair->read);
}

/* What the asker gets can only be read. */
static int send_hands(const struct bringer *b, int board, int cache, struct err *err)
{
	char room[CMSG_SPACE(2 * sizeof(int))] = { 0 }, byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = room,
				  .msg_controllen = sizeof(room) };
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	const int hands[] = { board, cache };

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(hands));
	memcpy(CMSG_DATA(head), hands, sizeof(hands));
	return sendmsg(b->link, &message, MSG_NOSIGNAL) == 1
		       ? 0
		       : err_errno(err, errno, "the blocks' board");
}

static int map_own_board(struct bringer *b, int fd, struct err *err)
{
	void *board = mmap(NULL, board_bytes(b->blocks), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (board == MAP_FAILED)
		return err_errno(err, errno, "the blocks' board");
	b->board = board;
	b->board->size_bytes = b->size_bytes;
	b->board->block_bytes = b->block_bytes;
	b->board->is_writable = b->is_writable;
	return 0;
}

static int open_files(struct bringer *b, const char *work_dir, struct err *err)
{
	struct pair board = { -1, -1 }, cache = { -1, -1 };
	int rc = open_pair(work_dir, board_bytes(b->blocks), &board, err);

	if (!rc)
		rc = open_pair(work_dir, b->size_bytes, &cache, err);
	if (!rc)
		rc = map_own_board(b, board.write, err);
	if (!rc)
		rc = send_hands(b, board.read, cache.read, err);
	if (!rc)
		b->cache = TAKE_FD(cache.write);
	pair_done(&board);
	pair_done(&cache);
	return rc;
}

int bringer_open(const struct bringer_spec *spec, struct bringer *ret, struct err *err)
{
	struct bringer b = BRINGER_INIT;
	int pair[2];

	if (!spec->size_bytes || spec->block_bytes < 4096 ||
	    spec->block_bytes & (spec->block_bytes - 1) ||
	    (spec->size_bytes - 1) / spec->block_bytes >= MAX_BLOCKS)
		return err_set(err, ERR_MALFORMED, "%llu bytes in blocks of %u are no volume",
			       (unsigned long long)spec->size_bytes, spec->block_bytes);
	b.size_bytes = spec->size_bytes;
	b.block_bytes = spec->block_bytes;
	b.is_writable = spec->is_writable;
	b.blocks = (b.size_bytes - 1) / b.block_bytes + 1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_errno(err, errno, "the blocks' link");
	b.link = pair[0];
	b.other = pair[1];
	if (open_files(&b, spec->work_dir, err) < 0) {
		bringer_done(&b);
		return -1;
	}
	b.message = mem_alloc(MESSAGE_MAX);
	*ret = b;
	return 0;
}

void bringer_done(struct bringer *b)
{
	if (b->board)
		munmap(b->board, board_bytes(b->blocks));
	fd_close(b->link);
	fd_close(b->other);
	fd_close(b->cache);
	free(b->message);
	*b = (struct bringer)BRINGER_INIT;
}

/* Nothing of it is believed but what is checked here. */
static bool makes_sense(const struct bringer *b, const struct served_message *m, size_t len)
{
	if (len < sizeof(*m) || len - sizeof(*m) != m->len)
		return false;
	switch (m->kind) {
	case SERVED_ASK:
		return !m->len && m->at < b->blocks;
	case SERVED_WRITE:
		return b->is_writable && m->len && m->at < b->size_bytes &&
		       m->len <= b->size_bytes - m->at;
	case SERVED_FLUSH:
		return b->is_writable && !m->len;
	default:
		return false;
	}
}

const struct served_message *bringer_next(struct bringer *b, bool *ret_is_over)
{
	*ret_is_over = false;
	for (;;) {
		ssize_t got = recv(b->link, b->message, MESSAGE_MAX, MSG_DONTWAIT | MSG_TRUNC);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			*ret_is_over = !got || errno != EAGAIN;
			return NULL;
		}
		if ((size_t)got <= MESSAGE_MAX && makes_sense(b, b->message, (size_t)got))
			return b->message;
	}
}

int bringer_write(struct bringer *b, const struct served_message *m, struct err *err)
{
	return fd_pwrite_all(b->cache, m->data, m->len, m->at) < 0
		       ? err_errno(err, errno, "the file for the blocks")
		       : 0;
}

static void wake(struct bringer *b)
{
	atomic_fetch_add(&b->board->turn, 1);
	syscall(SYS_futex, &b->board->turn, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void bringer_flushed(struct bringer *b, const struct err *err)
{
	b->board->flush_code = err ? err->code : ERR_NONE;
	escape_into(b->board->flush_why, sizeof(b->board->flush_why), err ? err->text : "",
		    err ? strlen(err->text) : 0);
	atomic_fetch_add(&b->board->flushes, 1);
	wake(b);
}

static void tell(struct bringer *b, uint64_t block, enum served_state state)
{
	atomic_store_explicit(&b->board->states[block], (uint8_t)state, memory_order_release);
	wake(b);
}

int bringer_bring(struct bringer *b, uint64_t block, const void *data, size_t len, struct err *err)
{
	uint64_t at = block * b->block_bytes;

	if (block >= b->blocks || len > b->block_bytes)
		return err_set(err, ERR_MALFORMED, "block %llu is none of the volume's",
			       (unsigned long long)block);
	if (len > b->size_bytes - at)
		len = (size_t)(b->size_bytes - at);
	if (fd_pwrite_all(b->cache, data, len, at) < 0)
		return err_errno(err, errno, "the file for the blocks");
	tell(b, block, SERVED_HERE);
	return 0;
}

void bringer_has_zeros(struct bringer *b, uint64_t block)
{
	if (block < b->blocks)
		tell(b, block, SERVED_HERE);
}

void bringer_fail(struct bringer *b, uint64_t block, const struct err *why)
{
	if (block >= b->blocks)
		return;
	escape_into(b->board->why, sizeof(b->board->why), why->text, strlen(why->text));
	b->board->code = why->code;
	tell(b, block, SERVED_FAILED);
}

/* ---- the asker ---- */

struct served {
	int link, cache;
	const struct served_board *board;
	size_t board_bytes;
};

/* The bringer's hands: two descriptors with one byte. */
static int take_hands(int link, int hands[2], struct err *err)
{
	char room[CMSG_SPACE(2 * sizeof(int))] = { 0 }, byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = room,
				  .msg_controllen = sizeof(room) };
	struct cmsghdr *head;

	if (recvmsg(link, &message, MSG_CMSG_CLOEXEC) != 1)
		return err_errno(err, errno, "the blocks' link");
	head = CMSG_FIRSTHDR(&message);
	if (!head || head->cmsg_type != SCM_RIGHTS || head->cmsg_len != CMSG_LEN(2 * sizeof(int)))
		return err_set(err, ERR_MALFORMED, "the blocks' link brings no board");
	memcpy(hands, CMSG_DATA(head), 2 * sizeof(int));
	return 0;
}

static int map_board(struct served *s, int fd, struct err *err)
{
	struct stat st;
	void *board;

	if (fstat(fd, &st) < 0 || (size_t)st.st_size <= sizeof(struct served_board))
		return err_set(err, ERR_MALFORMED, "the blocks' board is none");
	board = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (board == MAP_FAILED)
		return err_errno(err, errno, "the blocks' board");
	s->board = board;
	s->board_bytes = (size_t)st.st_size;
	if (!s->board->block_bytes || !s->board->size_bytes ||
	    board_bytes((s->board->size_bytes - 1) / s->board->block_bytes + 1) > s->board_bytes)
		return err_set(err, ERR_MALFORMED, "the blocks' board is too small");
	return 0;
}

int served_open(int link_fd, struct served **ret, struct err *err)
{
	struct served *s = mem_alloc(sizeof(*s));
	int hands[2] = { -1, -1 };
	int rc;

	*s = (struct served){ .link = link_fd, .cache = -1 };
	rc = take_hands(link_fd, hands, err);
	s->cache = hands[1];
	if (!rc)
		rc = map_board(s, hands[0], err);
	fd_close(hands[0]);
	if (rc < 0)
		served_close(s);
	else
		*ret = s;
	return rc;
}

void served_close(struct served *s)
{
	if (!s)
		return;
	if (s->board)
		munmap((void *)(uintptr_t)s->board, s->board_bytes);
	fd_close(s->link);
	fd_close(s->cache);
	free(s);
}

static enum served_state state_of(const struct served *s, uint64_t block)
{
	return atomic_load_explicit(&s->board->states[block], memory_order_acquire);
}

static int say(const struct served *s, const struct served_message *message, const void *data,
	       struct err *err)
{
	struct iovec parts[] = { { (void *)(uintptr_t)message, sizeof(*message) },
				 { (void *)(uintptr_t)data, message->len } };
	const struct msghdr whole = { .msg_iov = parts, .msg_iovlen = message->len ? 2 : 1 };
	ssize_t sent;

	do {
		sent = sendmsg(s->link, &whole, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	return sent == (ssize_t)(sizeof(*message) + message->len)
		       ? 0
		       : err_errno(err, errno, "nobody brings blocks any more");
}

static int ask(const struct served *s, uint64_t block, struct err *err)
{
	const struct served_message message = { .kind = SERVED_ASK, .at = block };

	return state_of(s, block) != SERVED_AWAY ? 0 : say(s, &message, NULL, err);
}

/* Has the bringer hung up? */
static bool is_alone(const struct served *s)
{
	char byte;
	ssize_t got = recv(s->link, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	return !got || (got < 0 && errno != EAGAIN && errno != EINTR);
}

/* Until the board has another turn than this one. */
static int await_turn(const struct served *s, uint32_t turn, struct err *err)
{
	const struct timespec look = { .tv_sec = LOOK_S };

	if (syscall(SYS_futex, &s->board->turn, FUTEX_WAIT, turn, &look, NULL, 0) < 0 &&
	    errno == ETIMEDOUT && is_alone(s))
		return err_set(err, ERR_IO, "nobody brings blocks any more");
	return 0;
}

static int read_why(uint32_t code, const char why[SERVED_WHY_MAX], struct err *err)
{
	return code ? err_set(err, (enum err_code)code, "%.*s", SERVED_WHY_MAX - 1, why) : 0;
}

static int await(const struct served *s, uint64_t block, struct err *err)
{
	for (;;) {
		uint32_t turn = atomic_load(&s->board->turn);

		switch (state_of(s, block)) {
		case SERVED_HERE:
			return 0;
		case SERVED_FAILED:
			return read_why(s->board->code, s->board->why, err);
		case SERVED_AWAY:
			break;
		}
		if (await_turn(s, turn, err) < 0)
			return -1;
	}
}

/* All that are wanted are asked for before the first is waited for. */
static int fetch(const struct served *s, size_t len, uint64_t offset, struct err *err)
{
	uint64_t first = offset / s->board->block_bytes;
	uint64_t last = (offset + (len ? len - 1 : 0)) / s->board->block_bytes;

	for (uint64_t block = first; block <= last; block++)
		if (ask(s, block, err) < 0)
			return -1;
	for (uint64_t block = first; block <= last; block++)
		if (await(s, block, err) < 0)
			return -1;
	return 0;
}

static int do_pread(void *private, void *data, size_t len, uint64_t offset, struct err *err)
{
	const struct served *s = private;

	if (fetch(s, len, offset, err) < 0)
		return -1;
	if (fd_pread_all(s->cache, data, len, offset) < 0)
		return err_errno(err, errno, "reading %zu bytes at %llu", len,
				 (unsigned long long)offset);
	return 0;
}

static int make_writable(void *private, struct err *err)
{
	const struct served *s = private;

	return s->board->is_writable
		       ? 0
		       : err_set(err, ERR_UNSUPPORTED, "a snapshot cannot be written");
}

/* What is written is a part of a block, the rest of which stays: it has to be there. */
static int do_pwrite(void *private, const void *data, size_t len, uint64_t offset, struct err *err)
{
	const struct served *s = private;

	if (fetch(s, len, offset, err) < 0)
		return -1;
	for (size_t at = 0; at < len;) {
		size_t part = len - at < SERVED_WRITE_MAX ? len - at : SERVED_WRITE_MAX;
		const struct served_message message = { .kind = SERVED_WRITE,
							.len = (uint32_t)part,
							.at = offset + at };

		if (say(s, &message, (const char *)data + at, err) < 0)
			return -1;
		at += part;
	}
	return 0;
}

static int do_flush(void *private, struct err *err)
{
	const struct served *s = private;
	const struct served_message message = { .kind = SERVED_FLUSH };
	uint32_t before = atomic_load(&s->board->flushes);

	if (say(s, &message, NULL, err) < 0)
		return -1;
	for (;;) {
		uint32_t turn = atomic_load(&s->board->turn);

		if (atomic_load(&s->board->flushes) != before)
			return read_why(s->board->flush_code, s->board->flush_why, err);
		if (await_turn(s, turn, err) < 0)
			return -1;
	}
}

static int unchanged(void *private, struct err *err)
{
	(void)private, (void)err;
	return 0; /* a snapshot does not change */
}

struct source *served_source(struct served *s, const char *name)
{
	/* No descriptor: a read of the file would show zeros where blocks are still away. */
	static const struct source_ops ops = { .pread = do_pread,
					       .pwrite = do_pwrite,
					       .flush = do_flush,
					       .make_writable = make_writable,
					       .unchanged = unchanged };

	return source_new(&ops, s, name, s->board->size_bytes);
}
