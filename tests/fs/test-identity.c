/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What says that a disk is the disk of a record: its identifiers, and nothing that a repair changes. */
#include "unit.h"

#include "base/mem.h"
#include "fs/witness.h"

#define SIZE (4u << 20)

struct fixture {
	char path[32];
	int fd;
	struct witness_places places;
};

static int setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));

	strcpy(f->path, "/tmp/identity-XXXXXX");
	f->fd = mkstemp(f->path);
	assert_true(f->fd >= 0);
	assert_int_equal(ftruncate(f->fd, SIZE), 0);
	*vec_add(&f->places) = (struct witness_place){ .type = "xfs", .size_bytes = SIZE };
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	close(f->fd);
	unlink(f->path);
	vec_done(&f->places);
	free(f);
	return 0;
}

static void put(struct fixture *f, off_t at, const char *bytes, size_t len)
{
	assert_int_equal(pwrite(f->fd, bytes, len, at), (ssize_t)len);
}

/* Is the disk still the same one after these bytes were written there? */
static bool is_same_after(struct fixture *f, off_t at, const char *bytes)
{
	cleanup(source_close) struct source *source = NULL;
	struct err err = ERR_INIT;
	json_t *identity;
	int rc;

	assert_int_equal(source_open(f->path, NULL, SOURCE_EXAMINE, &source, &err), 0);
	identity = witness_identity(source, &f->places, &err);
	assert_non_null(identity);
	put(f, at, bytes, strlen(bytes));
	rc = witness_check_identity(source, identity, &err);
	if (rc < 0)
		assert_int_equal(err.code, ERR_CONFLICT);
	json_decref(identity);
	return !rc;
}

/* Sector 1 of a bare XFS is the header of its first group; at 56 stands the longest free extent. */
static void free_space_is_no_identity(void **state)
{
	put(*state, 512, "XAGF", 4);
	assert_true(is_same_after(*state, 512 + 56, "longest"));
	assert_true(is_same_after(*state, 440, "code"));
}

static void identifiers_are(void **state)
{
	put(*state, 510, "\x55\xaa", 2);
	put(*state, 512, "EFI PART", 8);
	assert_false(is_same_after(*state, 512 + 56, "another GUID"));
	assert_false(is_same_after(*state, 440, "mbr!"));
	assert_false(is_same_after(*state, 32, "another UUID")); /* sb_uuid of XFS */
	assert_true(is_same_after(*state, 4096, "contents"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(free_space_is_no_identity, setup, teardown),
		cmocka_unit_test_setup_teardown(identifiers_are, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
