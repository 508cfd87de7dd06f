/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_FUZZ_TREE_MEM_H
#define TESTS_FUZZ_TREE_MEM_H

/* A tree in memory, to be read; what is to change it lays fs/tree_cow.h over it. */

#include "fs/tree.h"

struct tree *tree_open_mem(void); /* only "/" */

/* Adds an object, with its parents, and replaces one of that name; nothing happens where the path is none
 * that a tree can have, or leads through what is no directory. `mode` with type bits; links have their
 * target as bytes. */
void tree_mem_add(struct tree *, const char *path, uint32_t mode, const void *data, size_t len);
void tree_mem_own(struct tree *, const char *path, uint32_t mode, uint32_t uid, uint32_t gid);

/* Any tree from `dir` down as one text: names, modes, owners, bytes. */
void tree_snapshot(struct tree *, const char *dir, struct str *into);

#endif
