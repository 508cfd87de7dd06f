/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/nbd.h"
#include "base/log.h"

#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define MAGIC	      0x4e42444d41474943ull /* "NBDMAGIC" */
#define MAGIC_OPTION  0x49484156454f5054ull /* "IHAVEOPT" */
#define MAGIC_REPLY   0x0003e889045565a9ull
#define MAGIC_REQUEST 0x25609513u
#define MAGIC_ANSWER  0x67446698u
#define OPTION_MAX    65536u
#define CHUNK	      (256u << 10)
#define READ_MAX      (32u << 20)

enum { FIXED_NEWSTYLE = 1, NO_ZEROES = 2 };
enum { OPT_EXPORT_NAME = 1, OPT_ABORT = 2, OPT_INFO = 6, OPT_GO = 7 };
enum { REP_ACK = 1, REP_INFO = 3 };
#define REP_ERR_UNSUP 0x80000001u
enum { CMD_READ, CMD_WRITE, CMD_DISC, CMD_FLUSH, CMD_TRIM, CMD_CACHE, CMD_WRITE_ZEROES };
enum { FLAG_HAS_FLAGS = 1, FLAG_FLUSH = 4, FLAG_FUA = 8, FLAG_TRIM = 32, FLAG_ZEROES = 64 };
#define FLAGS (FLAG_HAS_FLAGS | FLAG_FLUSH | FLAG_FUA | FLAG_TRIM | FLAG_ZEROES)

struct nbd {
	pid_t child;
	VEC(int) clients; /* the ends that are handed over */
};

/* One disk in the child. What arrives is the wish of a program that a hostile guest may have taken
 * over: lengths are capped, offsets are the overlay's to judge. */
struct disk {
	int fd;
	struct overlay *overlay;
	bool is_ready; /* the negotiation is over */
};

struct serving {
	char *buffer; /* CHUNK */
	uint64_t left;
};

static int take(int fd, void *data, size_t len)
{
	while (len) {
		ssize_t got = recv(fd, data, len, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -1;
		data = (char *)data + got;
		len -= (size_t)got;
	}
	return 0;
}

static int give(int fd, const void *data, size_t len)
{
	while (len) {
		ssize_t put = send(fd, data, len, MSG_NOSIGNAL);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return -1;
		data = (const char *)data + put;
		len -= (size_t)put;
	}
	return 0;
}

static int drop(struct serving *s, int fd, size_t len)
{
	while (len) {
		size_t part = len < CHUNK ? len : CHUNK;

		if (take(fd, s->buffer, part) < 0)
			return -1;
		len -= part;
	}
	return 0;
}

/* --- negotiation --- */

static int answer_option(int fd, uint32_t option, uint32_t type, const void *data, uint32_t len)
{
	struct {
		uint64_t magic;
		uint32_t option, type, len;
	} __attribute__((packed))
	head = { htobe64(MAGIC_REPLY), htobe32(option), htobe32(type), htobe32(len) };

	return give(fd, &head, sizeof(head)) < 0 ? -1 : give(fd, data, len);
}

static int inform(const struct disk *disk, uint32_t option)
{
	struct {
		uint16_t type;
		uint64_t size;
		uint16_t flags;
	} __attribute__((packed))
	info = { htobe16(0), htobe64(overlay_size(disk->overlay)), htobe16(FLAGS) };

	if (answer_option(disk->fd, option, REP_INFO, &info, sizeof(info)) < 0)
		return -1;
	return answer_option(disk->fd, option, REP_ACK, NULL, 0);
}

static int export_by_name(const struct disk *disk, bool wants_zeroes)
{
	struct {
		uint64_t size;
		uint16_t flags;
		char zeroes[124];
	} __attribute__((packed))
	start = { .size = htobe64(overlay_size(disk->overlay)), .flags = htobe16(FLAGS) };

	return give(disk->fd, &start, wants_zeroes ? sizeof(start) : 10);
}

static int one_option(struct serving *s, struct disk *disk, bool wants_zeroes)
{
	struct {
		uint64_t magic;
		uint32_t option, len;
	} __attribute__((packed)) head;
	uint32_t option;

	if (take(disk->fd, &head, sizeof(head)) < 0 || be64toh(head.magic) != MAGIC_OPTION ||
	    be32toh(head.len) > OPTION_MAX || drop(s, disk->fd, be32toh(head.len)) < 0)
		return -1;
	option = be32toh(head.option);
	switch (option) {
	case OPT_EXPORT_NAME:
		disk->is_ready = true;
		return export_by_name(disk, wants_zeroes);
	case OPT_GO:
		disk->is_ready = true;
		return inform(disk, option);
	case OPT_INFO:
		return inform(disk, option);
	case OPT_ABORT:
		(void)!answer_option(disk->fd, option, REP_ACK, NULL, 0);
		return -1;
	default:
		return answer_option(disk->fd, option, REP_ERR_UNSUP, NULL, 0);
	}
}

static int negotiate(struct serving *s, struct disk *disk)
{
	struct {
		uint64_t magic, option;
		uint16_t flags;
	} __attribute__((packed))
	hello = { htobe64(MAGIC), htobe64(MAGIC_OPTION), htobe16(FIXED_NEWSTYLE | NO_ZEROES) };
	uint32_t flags;

	if (give(disk->fd, &hello, sizeof(hello)) < 0 || take(disk->fd, &flags, sizeof(flags)) < 0)
		return -1;
	while (!disk->is_ready)
		if (one_option(s, disk, !(be32toh(flags) & NO_ZEROES)) < 0)
			return -1;
	return 0;
}

/* --- transmission --- */

static int answer(int fd, uint64_t cookie, uint32_t error)
{
	struct {
		uint32_t magic, error;
		uint64_t cookie;
	} __attribute__((packed)) head = { htobe32(MAGIC_ANSWER), htobe32(error), cookie };

	return give(fd, &head, sizeof(head));
}

/* A reply says at its beginning whether it succeeded, and large reads go out in pieces: what fails
 * behind the first piece ends the connection. */
static int do_read(struct serving *s, struct disk *disk, uint64_t cookie, uint64_t at, uint32_t len)
{
	struct err err = ERR_INIT;
	bool is_begun = false;

	if (len > READ_MAX)
		return answer(disk->fd, cookie, EINVAL);
	while (len || !is_begun) {
		uint32_t part = len < CHUNK ? len : CHUNK;

		if (overlay_pread(disk->overlay, s->buffer, part, at, &err) < 0) {
			log_debug("nbd", "%s", err.text);
			return is_begun ? -1 : answer(disk->fd, cookie, EIO);
		}
		if ((!is_begun && answer(disk->fd, cookie, 0) < 0) ||
		    give(disk->fd, s->buffer, part) < 0)
			return -1;
		is_begun = true;
		at += part;
		len -= part;
	}
	return 0;
}

/* Its bytes must be taken from the socket also when they are not wanted. */
static int do_write(struct serving *s, struct disk *disk, uint64_t cookie, uint64_t at,
		    uint32_t len, bool has_bytes)
{
	uint32_t error = len > s->left ? ENOSPC : 0;
	struct err err = ERR_INIT;

	s->left -= error ? 0 : len;
	if (!has_bytes)
		memset(s->buffer, 0, CHUNK);
	while (len) {
		uint32_t part = len < CHUNK ? len : CHUNK;

		if (has_bytes && take(disk->fd, s->buffer, part) < 0)
			return -1;
		if (!error && overlay_pwrite(disk->overlay, s->buffer, part, at, &err) < 0) {
			log_debug("nbd", "%s", err.text);
			error = EIO;
		}
		at += part;
		len -= part;
	}
	return answer(disk->fd, cookie, error);
}

static int one_request(struct serving *s, struct disk *disk)
{
	struct {
		uint32_t magic;
		uint16_t flags, type;
		uint64_t cookie, at;
		uint32_t len;
	} __attribute__((packed)) head;
	uint64_t at;
	uint32_t len;

	if (take(disk->fd, &head, sizeof(head)) < 0 || be32toh(head.magic) != MAGIC_REQUEST)
		return -1;
	at = be64toh(head.at);
	len = be32toh(head.len);
	switch (be16toh(head.type)) {
	case CMD_READ:
		return do_read(s, disk, head.cookie, at, len);
	case CMD_WRITE:
		return do_write(s, disk, head.cookie, at, len, true);
	case CMD_WRITE_ZEROES:
		return do_write(s, disk, head.cookie, at, len, false);
	case CMD_FLUSH: /* thrown away with this process */
	case CMD_TRIM:
		return answer(disk->fd, head.cookie, 0);
	case CMD_DISC:
		return -1;
	default:
		return answer(disk->fd, head.cookie, EINVAL);
	}
}

static void __attribute__((noreturn)) serve(const struct nbd *nbd, struct overlay *const *overlays,
					    const int *ends, uint64_t max_bytes, pid_t parent)
{
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGTSTP };
	struct serving s = { .buffer = mem_alloc(CHUNK), .left = max_bytes };
	size_t count = nbd->clients.count, open_count = count;
	struct disk *disks = mem_array(count, sizeof(*disks));
	struct pollfd *polls = mem_array(count, sizeof(*polls));

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
		signal(ignored[i], SIG_IGN);
	prctl(PR_SET_NAME, "rescue-nbd");
	vec_foreach (fd, &nbd->clients)
		close(*fd);
	for (size_t i = 0; i < count; i++) {
		disks[i] = (struct disk){ .fd = ends[i], .overlay = overlays[i] };
		polls[i] = (struct pollfd){ .fd = ends[i], .events = POLLIN };
		/* It speaks first, and the socket holds that until somebody reads. */
	}
	for (size_t i = 0; i < count; i++)
		if (negotiate(&s, &disks[i]) < 0)
			_exit(1);
	while (open_count) {
		if (poll(polls, count, -1) < 0 && errno != EINTR)
			_exit(1);
		for (size_t i = 0; i < count; i++)
			if (polls[i].fd >= 0 && polls[i].revents &&
			    one_request(&s, &disks[i]) < 0) {
				close(polls[i].fd);
				polls[i].fd = -1;
				open_count--;
			}
	}
	_exit(0);
}

int nbd_open(struct overlay *const *overlays, size_t count, uint64_t max_bytes, struct nbd **ret,
	     struct err *err)
{
	cleanup(nbd_close) struct nbd *nbd = mem_alloc(sizeof(*nbd));
	cleanup(free) int *ends = mem_array(count, sizeof(*ends));
	pid_t parent = getpid();
	size_t made = 0;

	nbd->child = -1;
	for (; made < count; made++) {
		int pair[2];

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
			break;
		ends[made] = pair[0];
		vec_push(&nbd->clients, pair[1]);
	}
	if (made == count)
		nbd->child = fork();
	if (!nbd->child)
		serve(nbd, overlays, ends, max_bytes, parent);
	for (size_t i = 0; i < made; i++)
		close(ends[i]);
	if (nbd->child < 0)
		return err_errno(err, errno, "the disks could not be served");
	*ret = TAKE(nbd);
	return 0;
}

int nbd_socket(const struct nbd *nbd, size_t disk)
{
	return nbd->clients.items[disk];
}

void nbd_close(struct nbd *nbd)
{
	if (!nbd)
		return;
	vec_foreach (fd, &nbd->clients)
		close(*fd);
	vec_done(&nbd->clients);
	if (nbd->child > 0) {
		kill(nbd->child, SIGKILL);
		while (waitpid(nbd->child, NULL, 0) < 0 && errno == EINTR)
			;
	}
	free(nbd);
}
