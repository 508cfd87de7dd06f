/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_SURGERY_H
#define TESTS_SURGERY_H

/* A small directory as a patient, for the tests of this folder. */

#include "../unit/unit.h"

#include "fs/tree.h"

#include <sys/stat.h>

struct patient {
	char dir[40];
	int fd;
	struct tree *tree;
};

static inline void patient_put(const struct patient *p, const char *name, const char *text)
{
	cleanup(free) char *path = mem_printf("%s/%s", p->dir, name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static inline int patient_setup(void **state)
{
	struct patient *p = mem_alloc(sizeof(*p));
	struct err err = ERR_INIT;
	char etc[64];

	strcpy(p->dir, "/tmp/surgery-test-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(etc, sizeof(etc), "%s/etc", p->dir);
	assert_int_equal(mkdir(etc, 0755), 0);
	patient_put(p, "etc/os-release",
		    "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian 12\"\n");
	patient_put(p, "etc/motd", "hello\n");
	p->fd = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(tree_open_dir_with_attrs(p->fd, "", &p->tree, &err), 0);
	*state = p;
	return 0;
}

static inline int patient_teardown(void **state)
{
	struct patient *p = *state;
	cleanup(free) char *command = mem_printf("rm -rf '%s'", p->dir);

	tree_close(p->tree);
	close(p->fd);
	assert_int_equal(system(command), 0);
	free(p);
	return 0;
}

#endif
