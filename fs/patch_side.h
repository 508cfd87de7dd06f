/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_PATCH_SIDE_H
#define FS_PATCH_SIDE_H

/* The state of one path, read from a tree and made in a tree; what patches are made of. */

#include "fs/edit.h"

void patch_side_done(struct patch_side *side);
DEFINE_CLEANUP_DONE(struct patch_side, patch_side_done)
void patch_side_copy(struct patch_side *to, const struct patch_side *from);
/* Same type, mode, owner, flags and, where both have them, bytes; labels do not count. */
bool patch_side_eq(const struct patch_side *a, const struct patch_side *b);
/* The path as it is now, not followed; exists is false when nothing is there. A directory has no
 * bytes. ERR_MALFORMED for a device, FIFO or socket. `ret` is to be released in every case. */
int patch_side_read(struct tree *, const char *path, struct patch_side *ret, struct err *);
/* The same without the contents of a file. */
int patch_side_read_bare(struct tree *, const char *path, struct patch_side *ret, struct err *);
/* Makes a path that is as `from` to be as `to`. What is immutable or append-only, itself or the
 * directory that a name comes into or leaves, is made changeable for the time of the change. */
int patch_side_go(struct tree *, const char *path, const struct patch_side *from,
		  const struct patch_side *to, struct err *);
int patch_side_is_at(struct tree *, const char *path, const struct patch_side *side, bool *ret,
		     struct err *);

#endif
