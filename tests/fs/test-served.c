/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A source whose bytes another process brings: whatever is read is what was brought, whoever reads; a
 * block that cannot come is an error, and so is a bringer that is gone. */
#include "fs/served.h"
#include "base/file.h"

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

/* Blocks that are divisible by 5 are zeros. Answers come in another order than they were asked for. */
static void __attribute__((noreturn)) bring(void)
{
	uint64_t waiting[8], count = 0, state = 7, block;
	struct err err = ERR_INIT, lost = ERR_INIT;
	ssize_t got;

	err_set(&lost, ERR_DENIED, "it is lost");
	for (;;) {
		got = recv(bringer.link, &block, sizeof(block), count ? MSG_DONTWAIT : 0);
		if (!got)
			_exit(0);
		if (got == sizeof(block) && block < BLOCKS)
			waiting[count++] = block;
		if (got == sizeof(block) && count < 8)
			continue;
		if (!count)
			continue;
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

static int set_up(void **state)
{
	uint64_t seed = 42;
	struct err err = ERR_INIT;

	(void)state;
	strcpy(dir, "/tmp/served-test.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	for (size_t i = 0; i < SIZE; i++)
		truth[i] = i / BLOCK % 5 ? (uint8_t)rnd(&seed) : 0;
	if (bringer_open(dir, SIZE, BLOCK, &bringer, &err) < 0)
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

static void test_no_volume(void **state)
{
	struct bringer none;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(bringer_open(dir, 0, BLOCK, &none, &err), -1);
	assert_int_equal(bringer_open(dir, SIZE, 1000, &none, &err), -1);
	assert_int_equal(bringer_open(dir, UINT64_MAX, BLOCK, &none, &err), -1);
	assert_int_equal(bringer_open("/nonexistent", SIZE, BLOCK, &none, &err), -1);
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
		cmocka_unit_test_setup_teardown(test_no_volume, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_board, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
