/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A block device over SFTP. With OpenSSH's own server: what is read and written is what is there. With something in
 * between that bends its answers, whichever and however: what is read is right or an error, a flush that succeeded
 * means that every byte is on the device, and nobody waits for ever. */
#include "rescue/remote.h"
#include "base/file.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#define SIZE	 (5u * (256u << 10) + 12345u) /* ends within a block */
#define SILENT_S 1

static const char *const servers[] = { "/usr/lib/openssh/sftp-server",
				       "/usr/libexec/openssh/sftp-server",
				       "/usr/lib/ssh/sftp-server", "/usr/libexec/sftp-server" };
static const char *server;
static char dir[64], device[80];
static uint8_t truth[SIZE];

static uint64_t rnd(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static int set_up(void **state)
{
	uint64_t seed = 99;
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(servers) && !server; i++)
		if (!access(servers[i], X_OK))
			server = servers[i];
	strcpy(dir, "/tmp/remote-test.XXXXXX");
	if (!server || !mkdtemp(dir))
		return -1;
	snprintf(device, sizeof(device), "%s/device", dir);
	for (size_t i = 0; i < SIZE; i++)
		truth[i] = (uint8_t)(rnd(&seed) >> 20);
	return file_replace(device, truth, SIZE, 0600, &err);
}

static int tear_down(void **state)
{
	(void)state;
	unlink(device);
	assert_int_equal(rmdir(dir), 0);
	return 0;
}

/* ---- what answers */

static pid_t start_server(int *ret_fd)
{
	int ends[2];
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	pid = fork();
	if (!pid) {
		dup2(ends[1], 0);
		dup2(ends[1], 1);
		execl(server, server, NULL);
		_exit(127);
	}
	close(ends[1]);
	*ret_fd = ends[0];
	return pid;
}

enum bend {
	BEND_NONE,
	BEND_DRIP,  /* a byte at a time */
	BEND_SHORT, /* DATA with fewer bytes than were asked for: allowed */
	BEND_ORDER, /* answers change places: allowed */
	BEND_ID,    /* an answer to what was not asked */
	BEND_TYPE,
	BEND_LENGTH, /* of the packet */
	BEND_STRING, /* of the string in it */
	BEND_REFUSE, /* a failure in its stead */
	BEND_EOF,    /* the device ends there */
	BEND_TWICE,
	BEND_CUT,     /* the connection, within the packet */
	BEND_SILENCE, /* from then on */
	BENDS,
};
static bool is_allowed(enum bend bend)
{
	return bend <= BEND_ORDER;
}

static uint32_t u32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put_u32(unsigned char *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(v >> (24 - 8 * i));
}

static void out(int fd, const void *data, size_t len)
{
	if (fd_write_all(fd, data, len) < 0)
		_exit(0);
}

static void status_packet(int fd, const unsigned char *id, uint32_t code)
{
	unsigned char packet[4 + 1 + 4 + 4 + 4 + 3 + 4] = { 0 };

	put_u32(packet, sizeof(packet) - 4);
	packet[4] = 101;
	memcpy(packet + 5, id, 4);
	put_u32(packet + 9, code);
	put_u32(packet + 13, 3);
	memcpy(packet + 17, "bad", 3);
	out(fd, packet, sizeof(packet));
}

/* One packet of the server, bent. */
static void bend_packet(int fd, unsigned char *p, size_t len, enum bend bend, uint64_t *seed)
{
	unsigned char extra[8];

	switch (bend) {
	case BEND_DRIP:
		for (size_t i = 0; i < len && i < 60; i++)
			out(fd, p + i, 1);
		if (len > 60)
			out(fd, p + 60, len - 60);
		return;
	case BEND_SHORT:
		if (p[4] == 103 && u32(p + 9) > 1) {
			uint32_t kept = 1 + (uint32_t)(rnd(seed) % (u32(p + 9) - 1));

			put_u32(p, 9 + kept);
			put_u32(p + 9, kept);
			len = 13 + kept;
		}
		break;
	case BEND_ID:
		p[5 + rnd(seed) % 4] ^= (unsigned char)(1 + rnd(seed) % 255);
		break;
	case BEND_TYPE:
		p[4] ^= (unsigned char)(1 + rnd(seed) % 255);
		break;
	case BEND_LENGTH:
		put_u32(p, rnd(seed) % 2 ? (uint32_t)rnd(seed) : (uint32_t)(rnd(seed) % 8));
		break;
	case BEND_STRING:
		put_u32(p + 9, (uint32_t)rnd(seed) | 0x10000u);
		break;
	case BEND_REFUSE:
		status_packet(fd, p + 5, 2 + (uint32_t)(rnd(seed) % 7));
		return;
	case BEND_EOF:
		status_packet(fd, p + 5, 1);
		return;
	case BEND_TWICE:
		out(fd, p, len);
		break;
	case BEND_CUT:
		out(fd, p, rnd(seed) % len);
		_exit(0);
	case BEND_SILENCE:
		for (;;)
			if (read(fd, extra, sizeof(extra)) <= 0)
				_exit(0);
	default:
		break;
	}
	out(fd, p, len);
}

/* Between the two: passes on what is asked, and bends the answers from the n-th on (or only that one). */
static void __attribute__((noreturn))
stand_between(int ours, int theirs, enum bend bend, unsigned nth, uint64_t seed)
{
	static unsigned char in[1 << 20], held[1 << 19];
	size_t have = 0, held_len = 0;
	unsigned count = 0;

	for (;;) {
		struct pollfd p[2] = { { .fd = ours, .events = POLLIN },
				       { .fd = theirs, .events = POLLIN } };
		unsigned char buf[65536];
		ssize_t got;

		if (poll(p, 2, held_len ? 20 : -1) == 0) {
			out(ours, held, held_len);
			held_len = 0;
			continue;
		}
		if (p[0].revents) {
			got = read(ours, buf, sizeof(buf));
			if (got <= 0)
				_exit(0);
			out(theirs, buf, (size_t)got);
		}
		if (!p[1].revents)
			continue;
		got = read(theirs, in + have, sizeof(in) - have);
		if (got <= 0)
			_exit(0);
		have += (size_t)got;
		while (have >= 4 && have >= 4 + u32(in)) {
			size_t len = 4 + (size_t)u32(in);
			bool is_bent = is_allowed(bend) ? rnd(&seed) % 2 : ++count == nth;

			if (bend == BEND_ORDER && is_bent && !held_len && len <= sizeof(held)) {
				memcpy(held, in, len);
				held_len = len;
			} else {
				bend_packet(ours, in, len, is_bent ? bend : BEND_NONE, &seed);
			}
			memmove(in, in + len, have - len);
			have -= len;
		}
	}
}

/* ---- the surgeon */

static bool on_device(const uint8_t *model)
{
	static uint8_t now[SIZE];
	FILE *f = fopen(device, "r");
	bool same = f && fread(now, 1, SIZE, f) == SIZE && !memcmp(now, model, SIZE);

	if (f)
		fclose(f);
	return same;
}

/* 0: all laws held. */
static int operate(int link, uint64_t seed, bool may_fail, bool may_write)
{
	static uint8_t model[SIZE], data[SIZE];
	bool has_flush_failed = false;
	bool is_dirty = false; /* a read sees what was written once it was flushed */
	struct served *served;
	struct source *source;
	struct err err = ERR_INIT;

	alarm(30);
	memcpy(model, truth, SIZE);
	if (served_open(link, &served, &err) < 0)
		return 1;
	source = served_source(served, "device");
	if (may_write && source_make_writable(source, &err) < 0)
		return 2;
	for (unsigned i = 0; i < 60; i++) {
		uint64_t at = rnd(&seed) % SIZE;
		size_t len = 1 + rnd(&seed) % (i % 9 ? 9000 : SIZE) % (SIZE - at);

		err = ERR_INIT;
		if (!may_write || i % 3) {
			if (source_pread(source, data, len, at, &err) < 0) {
				if (!may_fail)
					return 3;
			} else if (!has_flush_failed && !is_dirty &&
				   memcmp(data, model + at, len) != 0) {
				return 4;
			}
		} else if (i % 12 != 9) {
			is_dirty = true;
			for (size_t k = 0; k < len; k++)
				data[k] = (uint8_t)rnd(&seed);
			if (source_pwrite(source, data, len, at, &err) == 0)
				memcpy(model + at, data, len);
			else if (!may_fail)
				return 5;
			else
				has_flush_failed = true; /* what is there is not known any more */
		} else if (source_flush(source, &err) == 0) {
			if (has_flush_failed || !on_device(model))
				return 6;
			is_dirty = false;
		} else {
			if (!may_fail)
				return 7;
			has_flush_failed = true;
		}
	}
	source_close(source);
	served_close(served);
	return !may_write && !on_device(truth) ? 8 : 0;
}

/* ---- this process, between the two */

static struct err opened;
static bool is_ready;
static void on_ready(void *arg, const struct err *err)
{
	(void)arg;
	is_ready = true;
	opened = err ? *err : ERR_INIT;
}

struct situation {
	const char *path;
	uint64_t size_bytes, seed;
	enum bend bend;
	unsigned nth;
	bool may_write;
};

static int step(struct loop *loop)
{
	struct err err = ERR_INIT;

	return loop_step(loop, 100, &err);
}

/* The surgeon's status; -1: the device could not be opened. */
static int play(const struct situation *s, struct remote_figures *ret)
{
	struct remote_request request = { .path = s->path,
					  .size_bytes = s->size_bytes,
					  .work_dir = dir,
					  .may_write = s->may_write,
					  .silence_s = SILENT_S,
					  .ready = on_ready };
	int theirs, ends[2], status = 0;
	pid_t sftp = start_server(&theirs), between, surgeon;
	struct loop *loop;
	struct remote *remote;
	struct err err = ERR_INIT;

	assert_int_equal(loop_open(&loop, &err), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	between = fork();
	if (!between) {
		close(ends[0]);
		stand_between(ends[1], theirs, s->bend, s->nth, s->seed);
	}
	close(ends[1]);
	close(theirs);
	request.loop = loop;
	request.fd = ends[0];
	is_ready = false;
	remote = remote_start(&request);
	while (!is_ready)
		assert_int_equal(step(loop), 0);
	if (!opened.code) {
		surgeon = fork();
		if (!surgeon)
			_exit(operate(remote_link(remote), s->seed, !is_allowed(s->bend),
				      s->may_write));
		remote_release_link(remote);
		while (!waitpid(surgeon, &status, WNOHANG))
			assert_int_equal(step(loop), 0);
		status = WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
	}
	if (ret)
		*ret = remote_figures(remote);
	remote_free(remote);
	loop_close(loop);
	kill(between, SIGKILL);
	kill(sftp, SIGKILL);
	waitpid(between, NULL, 0);
	waitpid(sftp, NULL, 0);
	return opened.code ? -1 : status;
}

static void restore(void)
{
	struct err err = ERR_INIT;

	assert_int_equal(file_replace(device, truth, SIZE, 0600, &err), 0);
}

static void test_honest(void **state)
{
	(void)state;
	for (enum bend bend = BEND_NONE; is_allowed(bend); bend++)
		for (uint64_t seed = 1; seed < 4; seed++) {
			struct situation s = { device, SIZE, seed, bend, 0, seed != 2 };
			struct remote_figures n;

			restore();
			assert_int_equal(play(&s, &n), 0);
			assert_int_equal(n.volume_blocks, 6);
			assert_true(n.fetched <= 6 && (n.written_bytes > 0) == s.may_write);
		}
}

static void test_hostile(void **state)
{
	(void)state;
	for (enum bend bend = BEND_ID; bend < BENDS; bend++)
		for (unsigned n = 0; n < (bend == BEND_SILENCE ? 4 : 14); n++) {
			struct situation s = {
				device, SIZE, 1000 * bend + n, bend, 1 + n * n, true
			};
			int rc;

			restore();
			rc = play(&s, NULL);
			if (rc > 0)
				fail_msg("bend %d at %u: %d", (int)bend, s.nth, rc);
		}
}

static void test_refusals(void **state)
{
	const struct situation missing = { "/nonexistent/device", SIZE, 1, BEND_NONE, 0, true };
	const struct situation folder = { dir, SIZE, 1, BEND_NONE, 0, true };
	const struct situation too_short = { device, SIZE * 2ull, 1, BEND_EOF, 1u << 30, false };

	(void)state;
	restore();
	assert_int_equal(play(&missing, NULL), -1);
	assert_int_equal(opened.code, ERR_NOTFOUND);
	assert_int_equal(play(&folder, NULL), -1);
	assert_true(opened.code);
	/* A read beyond its end fails, and says so; what is before it may have come. */
	assert_int_not_equal(play(&too_short, NULL), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_honest),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests_name("remote", tests, set_up, tear_down);
}
