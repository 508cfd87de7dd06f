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

#define MAX_BLOCKS (1u << 26) /* 32 TiB in blocks of half a megabyte; EBS has 64 TiB at most */
#define LOOK_S	   1	      /* how often a waiter looks whether the bringer still lives */

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

int bringer_open(const char *work_dir, uint64_t size_bytes, uint32_t block_bytes,
		 struct bringer *ret, struct err *err)
{
	struct bringer b = BRINGER_INIT;
	int pair[2];

	if (!size_bytes || block_bytes < 4096 || block_bytes & (block_bytes - 1) ||
	    (size_bytes - 1) / block_bytes >= MAX_BLOCKS)
		return err_set(err, ERR_MALFORMED, "%llu bytes in blocks of %u are no volume",
			       (unsigned long long)size_bytes, block_bytes);
	b.size_bytes = size_bytes;
	b.block_bytes = block_bytes;
	b.blocks = (size_bytes - 1) / block_bytes + 1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_errno(err, errno, "the blocks' link");
	b.link = pair[0];
	b.other = pair[1];
	if (open_files(&b, work_dir, err) < 0) {
		bringer_done(&b);
		return -1;
	}
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
	*b = (struct bringer)BRINGER_INIT;
}

static void tell(struct bringer *b, uint64_t block, enum served_state state)
{
	atomic_store_explicit(&b->board->states[block], (uint8_t)state, memory_order_release);
	atomic_fetch_add(&b->board->turn, 1);
	syscall(SYS_futex, &b->board->turn, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
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

static int ask(const struct served *s, uint64_t block, struct err *err)
{
	ssize_t sent;

	if (state_of(s, block) != SERVED_AWAY)
		return 0;
	do {
		sent = send(s->link, &block, sizeof(block), MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	return sent == sizeof(block) ? 0 : err_errno(err, errno, "nobody brings blocks any more");
}

/* Has the bringer hung up? */
static bool is_alone(const struct served *s)
{
	char byte;
	ssize_t got = recv(s->link, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	return !got || (got < 0 && errno != EAGAIN && errno != EINTR);
}

static int await(const struct served *s, uint64_t block, struct err *err)
{
	const struct timespec look = { .tv_sec = LOOK_S };

	for (;;) {
		uint32_t turn = atomic_load(&s->board->turn);
		char why[SERVED_WHY_MAX];

		switch (state_of(s, block)) {
		case SERVED_HERE:
			return 0;
		case SERVED_FAILED:
			memcpy(why, s->board->why, sizeof(why));
			why[sizeof(why) - 1] = '\0';
			return err_set(err, (enum err_code)s->board->code, "%s", why);
		case SERVED_AWAY:
			break;
		}
		if (syscall(SYS_futex, &s->board->turn, FUTEX_WAIT, turn, &look, NULL, 0) < 0 &&
		    errno == ETIMEDOUT && is_alone(s))
			return err_set(err, ERR_IO, "nobody brings blocks any more");
	}
}

/* All that are wanted are asked for before the first is waited for. */
static int do_pread(void *private, void *data, size_t len, uint64_t offset, struct err *err)
{
	const struct served *s = private;
	uint64_t first = offset / s->board->block_bytes;
	uint64_t last = (offset + (len ? len - 1 : 0)) / s->board->block_bytes;

	for (uint64_t block = first; block <= last; block++)
		if (ask(s, block, err) < 0)
			return -1;
	for (uint64_t block = first; block <= last; block++)
		if (await(s, block, err) < 0)
			return -1;
	if (fd_pread_all(s->cache, data, len, offset) < 0)
		return err_errno(err, errno, "reading %zu bytes at %llu", len,
				 (unsigned long long)offset);
	return 0;
}

static int unchanged(void *private, struct err *err)
{
	(void)private, (void)err;
	return 0; /* a snapshot does not change */
}

struct source *served_source(struct served *s, const char *name)
{
	/* No descriptor: a read of the file would show zeros where blocks are still away. */
	static const struct source_ops ops = { .pread = do_pread, .unchanged = unchanged };

	return source_new(&ops, s, name, s->board->size_bytes);
}
