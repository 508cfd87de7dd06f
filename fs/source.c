/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/source.h"
#include "base/mem.h"

#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>

struct source *source_new(const struct source_ops *ops, void *private, const char *name,
			  uint64_t size_bytes)
{
	struct source *source = mem_alloc(sizeof(*source));
	void *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED)
		abort();
	*source = (struct source){
		.ops = ops,
		.private = private,
		.name = mem_strdup(name),
		.size_bytes = size_bytes,
		.read_bytes = shared,
	};
	return source;
}

void source_close(struct source *source)
{
	if (!source)
		return;
	if (source->ops->close)
		source->ops->close(source->private);
	munmap(source->read_bytes, 4096);
	free(source->name);
	free(source);
}

static int check_range(const struct source *source, size_t len, uint64_t offset_bytes,
		       struct err *err)
{
	if (offset_bytes > source->size_bytes || len > source->size_bytes - offset_bytes)
		return err_set(err, ERR_IO, "%s: byte %llu is past its end", source->name,
			       (unsigned long long)offset_bytes + len);
	return 0;
}

int source_pread(struct source *source, void *data, size_t len, uint64_t offset_bytes,
		 struct err *err)
{
	if (check_range(source, len, offset_bytes, err) < 0)
		return -1;
	if (source->ops->pread(source->private, data, len, offset_bytes, err) < 0)
		return err_in(err, "%s", source->name);
	atomic_fetch_add_explicit(source->read_bytes, len, memory_order_relaxed);
	return 0;
}

static int read_only(const struct source *source, struct err *err)
{
	return err_set(err, ERR_UNSUPPORTED, "%s can only be read", source->name);
}

int source_pwrite(struct source *source, const void *data, size_t len, uint64_t offset_bytes,
		  struct err *err)
{
	if (check_range(source, len, offset_bytes, err) < 0)
		return -1;
	if (!source->ops->pwrite)
		return read_only(source, err);
	if (source->ops->pwrite(source->private, data, len, offset_bytes, err) < 0)
		return err_in(err, "%s", source->name);
	return 0;
}

int source_flush(struct source *source, struct err *err)
{
	if (!source->ops->flush)
		return 0; /* nothing was written */
	return source->ops->flush(source->private, err) < 0 ? err_in(err, "%s", source->name) : 0;
}

int source_make_writable(struct source *source, struct err *err)
{
	return source->ops->make_writable ? source->ops->make_writable(source->private, err)
					  : read_only(source, err);
}

int source_unchanged(struct source *source, struct err *err)
{
	return source->ops->unchanged(source->private, err);
}
