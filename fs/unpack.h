/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_UNPACK_H
#define FS_UNPACK_H

/* The compressions that the kernel takes an initramfs in, as streams in memory: no files, no threads, no
 * other programs, so that the examiner can use it.
 *
 * Source: lib/decompress.c of Linux, compressed_formats. */

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

enum unpack_kind {
	UNPACK_GZIP,
	UNPACK_XZ,
	UNPACK_LZMA,
	UNPACK_ZSTD,
	UNPACK_LZ4,   /* the legacy frame, which is the kernel's */
	UNPACK_OTHER, /* bzip2, lzop: known to the kernel, not read here */
	UNPACK_NONE,  /* nothing that the kernel would know */
};
enum unpack_kind unpack_kind_of(const unsigned char *head, size_t len);

/* Unpacks what `read` gives, in pieces, to `write`, until the stream ends or `write` has enough. */
struct unpack_io {
	void *context;
	/* Appends the next piece; nothing at the end. */
	int (*read)(void *context, struct str *into, struct err *);
	/* false: enough. */
	bool (*write)(void *context, const void *data, size_t len);
};
/* ERR_MALFORMED: damaged or cut off there. ERR_UNSUPPORTED: a kind, or a size, that is not read here.
 * Other codes: from `read`. */
int unpack(enum unpack_kind, const struct unpack_io *, struct err *)
	__attribute__((warn_unused_result));

#endif
