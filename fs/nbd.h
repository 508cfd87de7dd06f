/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_NBD_H
#define FS_NBD_H

/* Overlays as network block devices, for a program that shall see a disk and hold no file: each disk
 * is one end of a socket pair, and a forked child answers on the other ends. Nobody can connect; the
 * end is handed over or it is of no use.
 *
 * Source: the NBD project's doc/proto.md (fixed newstyle negotiation, simple replies). */

#include "base/mem.h"
#include "fs/overlay.h"

struct nbd;

/* max_bytes: how much may be written to all of them together before "no space left". The overlays stay
 * the caller's, and nobody else writes to them until nbd_close. The child dies with this process. */
int nbd_open(struct overlay *const *overlays, size_t count, uint64_t max_bytes, struct nbd **ret,
	     struct err *err) __attribute__((warn_unused_result));
/* The client's end for a disk; stays ours. */
int nbd_socket(const struct nbd *, size_t disk);
/* Ends the child. NULL is fine. */
void nbd_close(struct nbd *);
DEFINE_CLEANUP(struct nbd *, nbd_close)

#endif
