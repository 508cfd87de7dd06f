/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A tree in use: somebody else exchanges names in it all the time while things are made there. Nothing
 * outside changes, whatever is behind a name between two of our calls. */
#include "../unit/unit.h"

#include "base/file.h"
#include "fs/tree.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#define SECONDS	     1
#define OUTSIDE_MODE 0600u

struct place {
	char top[40];
	int fd;
	_Atomic bool is_over;
	struct tree *tree;
};

static int setup(void **state)
{
	struct place *p = mem_alloc(sizeof(*p));
	struct err err = ERR_INIT;
	char path[80];
	int fd;

	strcpy(p->top, "/tmp/tree-swap-XXXXXX");
	assert_non_null(mkdtemp(p->top));
	snprintf(path, sizeof(path), "%s/outside", p->top);
	fd = open(path, O_WRONLY | O_CREAT, OUTSIDE_MODE);
	assert_int_equal(fchmod(fd, OUTSIDE_MODE), 0);
	close(fd);
	snprintf(path, sizeof(path), "%s/tree", p->top);
	assert_int_equal(mkdir(path, 0755), 0);
	p->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(symlinkat("../outside", p->fd, "aside"), 0);
	assert_int_equal(tree_open_dir(p->fd, &p->tree, &err), 0);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	cleanup(free) char *command = mem_printf("rm -rf '%s'", p->top);

	tree_close(p->tree);
	close(p->fd);
	assert_int_equal(system(command), 0);
	free(p);
	return 0;
}

static void *exchange(void *arg)
{
	struct place *p = arg;

	while (!p->is_over)
		renameat2(p->fd, "new", p->fd, "aside", RENAME_EXCHANGE);
	return NULL;
}

static uint32_t mode_outside(const struct place *p)
{
	struct stat st;

	assert_int_equal(fstatat(p->fd, "../outside", &st, 0), 0);
	return st.st_mode & 07777;
}

static void nothing_outside_changes(struct place *p, int (*make)(struct place *, struct err *))
{
	time_t end = time(NULL) + SECONDS + 1;
	unsigned made = 0;
	pthread_t other;

	assert_int_equal(pthread_create(&other, NULL, exchange, p), 0);
	while (time(NULL) < end) {
		struct err err = ERR_INIT;

		made += !make(p, &err);
		assert_int_equal(mode_outside(p), OUTSIDE_MODE);
		unlinkat(p->fd, "new", 0);
		unlinkat(p->fd, "new", AT_REMOVEDIR);
		unlinkat(p->fd, "aside", 0);
		unlinkat(p->fd, "aside", AT_REMOVEDIR);
		(void)!symlinkat("../outside", p->fd, "aside");
	}
	p->is_over = true;
	pthread_join(other, NULL);
	assert_true(made > 0);
}

static const struct tree_new as = { .mode = 0777 };

static int make_file(struct place *p, struct err *err)
{
	return tree_create(p->tree, "/new", &as, "x\n", 2, err);
}

static int make_dir(struct place *p, struct err *err)
{
	return tree_mkdir(p->tree, "/new", &as, err);
}

static int make_link(struct place *p, struct err *err)
{
	return tree_symlink(p->tree, "/new", "nowhere", &as, err);
}

static int make_and_change(struct place *p, struct err *err)
{
	(void)!make_file(p, err);
	return tree_chmod(p->tree, "/new", 0777, err);
}

static void files(void **state)
{
	nothing_outside_changes(*state, make_file);
}

static void directories(void **state)
{
	nothing_outside_changes(*state, make_dir);
}

static void links(void **state)
{
	nothing_outside_changes(*state, make_link);
}

static void modes(void **state)
{
	nothing_outside_changes(*state, make_and_change);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(files, setup, teardown),
		cmocka_unit_test_setup_teardown(directories, setup, teardown),
		cmocka_unit_test_setup_teardown(links, setup, teardown),
		cmocka_unit_test_setup_teardown(modes, setup, teardown),
	};

	if (geteuid()) { /* owners are set */
		puts("1..1\nok 1 - a tree in use # SKIP needs root");
		return 0;
	}
	return cmocka_run_group_tests_name("a tree in use", tests, NULL, NULL);
}
