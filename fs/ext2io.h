/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_EXT2IO_H
#define FS_EXT2IO_H

/* libext2fs on a window of an overlay. */

#include "fs/overlay.h"

#include <ext2fs/ext2fs.h>

enum ext2io_mode {
	EXT2IO_READ,
	EXT2IO_WRITE,
	EXT2IO_RECOVER, /* read-only, checksums not believed: before its journal is replayed */
};
/* Bitmaps are not read. The overlay must outlive the file system; close with ext2fs_close_free.
 * ERR_DAMAGED, ERR_UNSUPPORTED (features that this libext2fs does not know). */
int ext2io_open(struct overlay *, uint64_t offset_bytes, uint64_t size_bytes, enum ext2io_mode,
		ext2_filsys *ret, struct err *) __attribute__((warn_unused_result));

/* ext2fs_lookup() that remembers names which were found, until something is written to the file system:
 * the few directories that everything is in are searched, and their checksums verified, only once. */
errcode_t ext2io_lookup(ext2_filsys, ext2_ino_t dir, const char *name, ext2_ino_t *ret)
	__attribute__((warn_unused_result));

/* err from a libext2fs error; returns -1. */
int ext2io_err(struct err *err, errcode_t code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
