/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A source whose bytes another process brings: whatever is read is what was brought, whoever reads; a
 * block that cannot come is an error, and so is a bringer that is gone. */
#include "fs/served.h"
#include "base/file.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#define BLOCK  8192u
#define SIZE   (37u * BLOCK + 1234) /* ends within a block */
#define BLOCKS ((SIZE - 1) / BLOCK + 1)
#define BAD    20u /* never comes */

static uint8_t truth[SIZE];
static char dir[64];
static struct bringer bringer;
static pid_t bringing;

static uint64_t rnd(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Every second flush fails. */
static void end_flush(void)
{
	static unsigned flushes;
	struct err full = ERR_INIT;

	err_set(&full, ERR_BUSY, "it is full");
	bringer_flushed(&bringer, flushes++ % 2 ? &full : NULL);
}

/* Blocks that are divisible by 5 are zeros. Answers come in another order than they were asked for. */
static void __attribute__((noreturn)) bring(void)
{
	uint64_t waiting[8], count = 0, state = 7, block;
	struct err err = ERR_INIT, lost = ERR_INIT;

	err_set(&lost, ERR_DENIED, "it is lost");
	for (;;) {
		bool is_over;
		const struct served_message *m = bringer_next(&bringer, &is_over);

		if (is_over)
			_exit(0);
		if (m && m->kind == SERVED_WRITE && bringer_write(&bringer, m, &err) < 0)
			_exit(1);
		if (m && m->kind == SERVED_FLUSH)
			end_flush();
		if (m && m->kind == SERVED_ASK)
			waiting[count++] = m->at;
		if (m && count < 8)
			continue;
		if (!count) {
			struct pollfd link = { .fd = bringer.link, .events = POLLIN };

			poll(&link, 1, -1);
			continue;
		}
		block = rnd(&state) % count;
		uint64_t now = waiting[block];
		waiting[block] = waiting[--count];
		size_t len = now == BLOCKS - 1 ? SIZE - now * BLOCK : BLOCK;
		if (now == BAD)
			bringer_fail(&bringer, now, &lost);
		else if (now % 5 == 0)
			bringer_has_zeros(&bringer, now);
		else if (bringer_bring(&bringer, now, truth + now * BLOCK, len, &err) < 0)
			_exit(1);
	}
}

static int set_up_as(bool is_writable)
{
	const struct bringer_spec spec = { .work_dir = dir,
					   .size_bytes = SIZE,
					   .block_bytes = BLOCK,
					   .is_writable = is_writable };
	uint64_t seed = 42;
	struct err err = ERR_INIT;

	strcpy(dir, "/tmp/served-test.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	for (size_t i = 0; i < SIZE; i++)
		truth[i] = i / BLOCK % 5 ? (uint8_t)rnd(&seed) : 0;
	if (bringer_open(&spec, &bringer, &err) < 0)
		fail_msg("%s", err.text);
	bringing = fork();
	if (!bringing) {
		close(bringer.other);
		bring();
	}
	close(bringer.link);
	bringer.link = -1;
	return 0;
}

static int set_up(void **state)
{
	(void)state;
	return set_up_as(false);
}

static int set_up_writable(void **state)
{
	(void)state;
	return set_up_as(true);
}

static int tear_down(void **state)
{
	(void)state;
	kill(bringing, SIGKILL);
	waitpid(bringing, NULL, 0);
	bringer_done(&bringer);
	assert_int_equal(rmdir(dir), 0); /* the files have no names any more */
	return 0;
}

static struct source *open_source(struct served **ret_served)
{
	struct err err = ERR_INIT;

	if (served_open(TAKE_FD(bringer.other), ret_served, &err) < 0)
		fail_msg("%s", err.text);
	return served_source(*ret_served, "snap");
}

static bool has_bad(size_t len, uint64_t at)
{
	return len && at / BLOCK <= BAD && (at + len - 1) / BLOCK >= BAD;
}

/* 0: everything as it should be. */
static int read_at_random(struct source *source, uint64_t seed, unsigned times)
{
	static uint8_t data[SIZE];

	while (times--) {
		uint64_t at = rnd(&seed) % SIZE;
		size_t len = rnd(&seed) % (times % 8 ? 3 * BLOCK : SIZE) % (SIZE - at + 1);
		struct err err = ERR_INIT;
		int rc = source_pread(source, data, len, at, &err);

		if (has_bad(len, at)
			    ? !rc || err.code != ERR_DENIED || !strstr(err.text, "it is lost")
			    : rc || memcmp(data, truth + at, len)) {
			fprintf(stderr, "%zu bytes at %llu: %d %s\n", len, (unsigned long long)at,
				rc, err.text);
			return 1;
		}
	}
	return 0;
}

static void test_reads(void **state)
{
	struct served *served;
	struct source *source = open_source(&served);
	struct err err = ERR_INIT;
	uint8_t byte;

	(void)state;
	assert_int_equal(source->size_bytes, SIZE);
	assert_int_equal(read_at_random(source, 1, 400), 0);
	assert_int_equal(source_pread(source, &byte, 1, SIZE, &err), -1);
	assert_int_equal(source_make_writable(source, &err), -1);
	assert_int_equal(source_unchanged(source, &err), 0);
	source_close(source);
	served_close(served);
}

/* The children that a surgeon forks (export, nbd) ask over the same socket. */
static void test_many_askers(void **state)
{
	struct served *served;
	struct source *source = open_source(&served);
	pid_t children[8];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(children); i++) {
		children[i] = fork();
		if (!children[i])
			_exit(read_at_random(source, 100 + i, 200));
	}
	for (size_t i = 0; i < ARRAY_LEN(children); i++) {
		int status;

		waitpid(children[i], &status, 0);
		assert_int_equal(status, 0);
	}
	source_close(source);
	served_close(served);
}

/* Those who wait notice that nobody is left, and what came before stays readable. */
static void test_bringer_dies(void **state)
{
	struct served *served;
	struct source *source = open_source(&served);
	struct err err = ERR_INIT;
	uint8_t data[BLOCK];

	(void)state;
	assert_int_equal(source_pread(source, data, BLOCK, 3ull * BLOCK, &err), 0);
	kill(bringing, SIGSTOP);
	pid_t killer = fork();
	if (!killer) {
		usleep(300000);
		kill(bringing, SIGKILL);
		_exit(0);
	}
	assert_int_equal(source_pread(source, data, BLOCK, 7ull * BLOCK, &err), -1);
	assert_non_null(strstr(err.text, "nobody brings"));
	waitpid(killer, NULL, 0);
	err = (struct err)ERR_INIT;
	assert_int_equal(source_pread(source, data, BLOCK, 8ull * BLOCK, &err), -1);
	assert_int_equal(source_pread(source, data, BLOCK, 3ull * BLOCK, &err), 0);
	assert_memory_equal(data, truth + 3ull * BLOCK, BLOCK);
	source_close(source);
	served_close(served);
}

/* What was written and flushed is read, by everybody, and the rest stays as it was; a write that did not
 * reach its place in a flush is an error of that flush. */
static void test_writes(void **state)
{
	struct served *served;
	struct source *source = open_source(&served);
	uint64_t seed = 5;
	struct err err = ERR_INIT;
	pid_t reader;
	int status;

	(void)state;
	assert_int_equal(source_make_writable(source, &err), 0);
	for (unsigned round = 0; round < 40; round++) {
		uint64_t at = rnd(&seed) % SIZE;
		size_t len = 1 + rnd(&seed) % (SIZE - at);

		if (has_bad(len, at)) {
			assert_int_equal(source_pwrite(source, truth + at, len, at, &err), -1);
			assert_int_equal(err.code, ERR_DENIED);
			err_clear(&err);
			continue;
		}
		for (size_t i = 0; i < len; i++)
			truth[at + i] = (uint8_t)rnd(&seed);
		assert_int_equal(source_pwrite(source, truth + at, len, at, &err), 0);
	}
	assert_int_equal(source_flush(source, &err), 0);
	assert_int_equal(read_at_random(source, 3, 200), 0);
	reader = fork();
	if (!reader)
		_exit(read_at_random(source, 4, 100));
	waitpid(reader, &status, 0);
	assert_int_equal(status, 0);
	assert_int_equal(source_flush(source, &err), -1);
	assert_int_equal(err.code, ERR_BUSY);
	assert_string_equal(err.text, "snap: it is full");
	source_close(source);
	served_close(served);
}

/* Whatever comes over the socket: what makes no sense is passed over, and nothing outside the volume is
 * written. */
static void test_nonsense(void **state)
{
	unsigned char room[sizeof(struct served_message) + 64];
	struct served_message *m = (struct served_message *)room;
	const struct {
		uint32_t kind, len;
		uint64_t at;
		size_t sent;
	} rows[] = {
		{ SERVED_ASK, 0, BLOCKS, sizeof(*m) },
		{ SERVED_ASK, 1, 0, sizeof(*m) + 1 },
		{ SERVED_WRITE, 1, SIZE, sizeof(*m) + 1 },
		{ SERVED_WRITE, 2, SIZE - 1, sizeof(*m) + 2 },
		{ SERVED_WRITE, 1, UINT64_MAX, sizeof(*m) + 1 },
		{ SERVED_WRITE, 0, 0, sizeof(*m) },
		{ SERVED_WRITE, 60, 0, sizeof(*m) + 59 },
		{ SERVED_FLUSH, 1, 0, sizeof(*m) + 1 },
		{ 7, 0, 0, sizeof(*m) },
		{ SERVED_ASK, 0, 0, sizeof(*m) - 1 },
		{ SERVED_ASK, 0, 0, 1 },
	};
	bool is_over;

	(void)state;
	kill(bringing, SIGKILL); /* this process looks at the messages itself */
	waitpid(bringing, NULL, 0);
	for (int is_writable = 0; is_writable < 2; is_writable++) {
		const struct bringer_spec spec = { .work_dir = dir,
						   .size_bytes = SIZE,
						   .block_bytes = BLOCK,
						   .is_writable = is_writable };
		struct bringer b;
		struct err err = ERR_INIT;

		assert_int_equal(bringer_open(&spec, &b, &err), 0);
		memset(room, 0, sizeof(room));
		for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
			*m = (struct served_message){ rows[i].kind, rows[i].len, rows[i].at };
			assert_int_equal(send(b.other, m, rows[i].sent, 0), rows[i].sent);
			assert_null(bringer_next(&b, &is_over));
			assert_false(is_over);
		}
		*m = (struct served_message){ SERVED_WRITE, 1, SIZE - 1 };
		assert_int_equal(send(b.other, m, sizeof(*m) + 1, 0), sizeof(*m) + 1);
		assert_int_equal(bringer_next(&b, &is_over) != NULL, is_writable);
		close(b.other);
		b.other = -1;
		assert_null(bringer_next(&b, &is_over));
		assert_true(is_over);
		bringer_done(&b);
	}
}

static void test_no_volume(void **state)
{
	const struct bringer_spec specs[] = { { dir, 0, BLOCK, false },
					      { dir, SIZE, 1000, false },
					      { dir, UINT64_MAX, BLOCK, false },
					      { "/nonexistent", SIZE, BLOCK, false } };
	struct bringer none;
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(specs); i++)
		assert_int_equal(bringer_open(&specs[i], &none, &err), -1);
}

/* What is no board is refused. */
static void test_no_board(void **state)
{
	struct served *served;
	struct err err = ERR_INIT;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(send(pair[0], "x", 1, 0), 1);
	assert_int_equal(served_open(pair[1], &served, &err), -1);
	close(pair[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_reads, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_many_askers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bringer_dies, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_writes, set_up_writable, tear_down),
		cmocka_unit_test_setup_teardown(test_nonsense, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_volume, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_board, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
