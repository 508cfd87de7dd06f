/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The overlay against a plain buffer: any read after any writes, also those of a forked child, and
 * the source is never touched. */
#include "base/file.h"
#include "fs/overlay.h"
#include "unit.h"

#include <stdio.h>
#include <sys/wait.h>

#define SIZE   (300u * 4096u + 700u) /* the last granule is short */
#define ROUNDS 600

struct fixture {
	char dir[32];
	char *path;
	struct source *source;
	struct overlay *overlay;
	unsigned char *model, *original;
};

static uint32_t seed = 1;
static uint32_t pick(uint32_t below)
{
	seed = seed * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)seed * below >> 32);
}

static int set_up(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));
	struct err err = ERR_INIT;
	int fd;

	strcpy(f->dir, "/tmp/rescue-overlay.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->path = mem_printf("%s/image", f->dir);
	f->original = mem_alloc(SIZE);
	for (size_t i = 0; i < SIZE; i++)
		f->original[i] = (unsigned char)pick(256);
	f->model = mem_dup(f->original, SIZE);
	fd = open(f->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(fd_write_all(fd, f->original, SIZE), 0);
	close(fd);
	assert_int_equal(source_open(f->path, NULL, SOURCE_EXAMINE, &f->source, &err), 0);
	assert_int_equal(overlay_open(f->source, f->dir, &f->overlay, &err), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	overlay_close(f->overlay);
	source_close(f->source);
	unlink(f->path);
	rmdir(f->dir);
	free(f->path);
	free(f->model);
	free(f->original);
	free(f);
	return 0;
}

static void write_somewhere(struct fixture *f, struct err *err)
{
	uint32_t at = pick(SIZE), len = pick(3) ? pick(5000) : pick(40000);
	unsigned char byte = (unsigned char)pick(256);

	if (len > SIZE - at)
		len = SIZE - at;
	memset(f->model + at, byte, len);
	assert_int_equal(overlay_pwrite(f->overlay, f->model + at, len, at, err), 0);
}

static void same_as_model(struct fixture *f)
{
	unsigned char *now = mem_alloc(SIZE);
	struct err err = ERR_INIT;

	assert_int_equal(overlay_pread(f->overlay, now, SIZE, 0, &err), 0);
	assert_memory_equal(now, f->model, SIZE);
	for (int i = 0; i < 50; i++) {
		uint32_t at = pick(SIZE), len = pick(9000);

		if (len > SIZE - at)
			len = SIZE - at;
		assert_int_equal(overlay_pread(f->overlay, now, len, at, &err), 0);
		assert_memory_equal(now, f->model + at, len);
	}
	free(now);
}

static void source_is_untouched(struct fixture *f)
{
	unsigned char *now = mem_alloc(SIZE);
	struct err err = ERR_INIT;

	assert_int_equal(source_pread(f->source, now, SIZE, 0, &err), 0);
	assert_memory_equal(now, f->original, SIZE);
	free(now);
}

static void random_writes(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	uint64_t count = 0;

	for (int round = 0; round < ROUNDS; round++) {
		write_somewhere(f, &err);
		if (round % 50 == 0)
			same_as_model(f);
	}
	same_as_model(f);
	source_is_untouched(f);
	/* The map has every granule that differs, in order. */
	for (uint64_t g = 0; (g = overlay_next_changed(f->overlay, g)) != UINT64_MAX; g++)
		count++;
	assert_int_equal(count, overlay_changed_count(f->overlay));
	for (uint64_t g = 0; g * OVERLAY_GRANULE < SIZE; g++) {
		uint64_t at = g * OVERLAY_GRANULE;
		size_t len = SIZE - at < OVERLAY_GRANULE ? SIZE - at : OVERLAY_GRANULE;

		if (memcmp(f->model + at, f->original + at, len))
			assert_true(overlay_is_changed(f->overlay, at, len));
	}
	overlay_reset(f->overlay);
	assert_int_equal(overlay_changed_count(f->overlay), 0);
	memcpy(f->model, f->original, SIZE);
	same_as_model(f);
	write_somewhere(f, &err); /* what was there before the reset does not shine through */
	same_as_model(f);
}

static void a_child_writes(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	pid_t child = fork();
	int status;

	memset(f->model + 5000, 7, 20000);
	if (!child)
		_exit(overlay_pwrite(f->overlay, f->model + 5000, 20000, 5000, &err) < 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	same_as_model(f);
	assert_int_equal(overlay_changed_count(f->overlay), 6);
}

static void past_the_end(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	char byte = 0;

	assert_int_equal(overlay_pwrite(f->overlay, &byte, 1, SIZE, &err), -1);
	assert_int_equal(err.code, ERR_IO);
	assert_int_equal(overlay_pread(f->overlay, &byte, 1, UINT64_MAX, &err), -1);
	assert_int_equal(overlay_pwrite(f->overlay, &byte, 0, SIZE, &err), 0);
	assert_int_equal(overlay_changed_count(f->overlay), 0);
}

/* A map of 8 TiB is looked through without being filled in. */
static void a_large_volume(void **state)
{
	struct fixture *f = *state;
	cleanup(free) char *path = mem_printf("%s/large", f->dir);
	cleanup(source_close) struct source *source = NULL;
	cleanup(overlay_close) struct overlay *overlay = NULL;
	struct err err = ERR_INIT;
	uint64_t size = 8ull << 40, far = size - 12345;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	bool is_possible = !ftruncate(fd, (off_t)size);

	close(fd);
	if (!is_possible) {
		unlink(path);
		skip();
	}
	assert_int_equal(source_open(path, NULL, SOURCE_EXAMINE, &source, &err), 0);
	unlink(path);
	assert_int_equal(overlay_open(source, f->dir, &overlay, &err), 0);
	assert_int_equal(overlay_next_changed(overlay, 0), UINT64_MAX);
	assert_int_equal(overlay_pwrite(overlay, "x", 1, far, &err), 0);
	assert_int_equal(overlay_next_changed(overlay, 0), far / OVERLAY_GRANULE);
	assert_int_equal(overlay_changed_count(overlay), 1);
	assert_true(overlay_is_changed(overlay, far - 100, 4096));
	assert_false(overlay_is_changed(overlay, 0, far - 8192));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(random_writes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_child_writes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(past_the_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_large_volume, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
