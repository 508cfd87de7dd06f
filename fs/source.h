/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_SOURCE_H
#define FS_SOURCE_H

/* Where a volume's bytes come from and, after a commit, go to. Everything above reads and writes
 * through this table, so that a block device, an image file and a volume behind a network protocol
 * are the same thing. A source is read-only until source_make_writable. */

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum source_use {
	SOURCE_EXAMINE, /* others may examine it at the same time */
	SOURCE_CHANGE,	/* nobody else may hold it */
};

/* Without pwrite, flush and make_writable it can only be read; without descriptor there is none; without
 * close, private is borrowed. */
struct source_ops {
	int (*pread)(void *private, void *data, size_t len, uint64_t offset_bytes, struct err *);
	int (*pwrite)(void *private, const void *data, size_t len, uint64_t offset_bytes,
		      struct err *);
	int (*flush)(void *private, struct err *); /* what was written is durable */
	int (*make_writable)(void *private, struct err *);
	/* ERR_CONFLICT when this is certainly no longer the thing that was opened, or when it is
	 * known that somebody else wrote to it; 0 also means "cannot tell". */
	int (*unchanged)(void *private, struct err *);
	/* A descriptor that reads the same bytes at the same offsets, for libraries that want one;
	 * -1: none. */
	int (*descriptor)(void *private);
	void (*close)(void *private);
};
struct source {
	const struct source_ops *ops;
	void *private;
	char *name; /* for messages */
	uint64_t size_bytes;
	/* Bytes read so far. In memory shared with forked children, because they read too. */
	_Atomic uint64_t *read_bytes;
};

/* A block device or a raw image. `name` is what messages call it (NULL: the path).
 * ERR_NOTFOUND, ERR_DENIED; ERR_BUSY: mounted or in use here, or held by another run;
 * ERR_DAMAGED: empty; ERR_UNSUPPORTED: neither of the two. */
int source_open(const char *path, const char *name, enum source_use, struct source **ret,
		struct err *) __attribute__((warn_unused_result));
/* For other backends. Takes private over. */
struct source *source_new(const struct source_ops *, void *private, const char *name,
			  uint64_t size_bytes);
void source_close(struct source *);
static inline void source_close_cleanup(struct source **p)
{
	source_close(*p);
}

/* All of len or an error. Reading past the end is ERR_IO. */
int source_pread(struct source *, void *data, size_t len, uint64_t offset_bytes, struct err *)
	__attribute__((warn_unused_result));
int source_pwrite(struct source *, const void *data, size_t len, uint64_t offset_bytes,
		  struct err *) __attribute__((warn_unused_result));
int source_flush(struct source *, struct err *) __attribute__((warn_unused_result));
int source_make_writable(struct source *, struct err *) __attribute__((warn_unused_result));
int source_unchanged(struct source *, struct err *) __attribute__((warn_unused_result));

#endif
