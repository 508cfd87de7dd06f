/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_ROOT_H
#define FS_ROOT_H

#include "fs/tree.h"

/* How much does this tree look like the root of a Linux system? 0: it is none. The root is told by
 * what is in it, never by its place on the disk; a fault may have taken any one of the files. */
unsigned root_score(struct tree *);

#endif
