/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_TREE_COW_H
#define FS_TREE_COW_H

/* A copy-on-write tree over another one: reads fall through, changes stay in memory. Repairs are
 * rehearsed on it, round after round, whatever lies below: a mounted tree, which has no overlay of
 * its own, is not touched before the commit, and a rehearsal that goes wrong is thrown away.
 *
 * Limits: the contents of a hard-linked file change only under the name that was written; a new
 * object has the label it was given and no other extended attributes; immutable and append-only
 * flags do not stop a rehearsed change. */

#include "fs/tree.h"

/* `base` is borrowed and must outlive the tree. */
struct tree *tree_open_cow(struct tree *base) __attribute__((returns_nonnull, warn_unused_result));

#endif
