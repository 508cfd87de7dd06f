/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An overlay as the source of another one: what the upper one changes, the lower one never sees. */
#include "fs/overlay.h"

static int do_pread(void *private, void *data, size_t len, uint64_t offset, struct err *err)
{
	return overlay_pread(private, data, len, offset, err);
}

static int refuse(struct err *err)
{
	return err_set(err, ERR_INTERNAL, "what an overlay shows is not written to through it");
}

static int do_pwrite(void *private, const void *data, size_t len, uint64_t offset, struct err *err)
{
	(void)private, (void)data, (void)len, (void)offset;
	return refuse(err);
}

static int do_flush(void *private, struct err *err)
{
	(void)private, (void)err;
	return 0;
}

static int make_writable(void *private, struct err *err)
{
	(void)private;
	return refuse(err);
}

static int unchanged(void *private, struct err *err)
{
	return source_unchanged(overlay_source(private), err);
}

static int no_descriptor(void *private)
{
	(void)private;
	return -1;
}

static void let_go(void *private)
{
	(void)private; /* borrowed */
}

struct source *overlay_as_source(struct overlay *overlay)
{
	static const struct source_ops ops = { .pread = do_pread,
					       .pwrite = do_pwrite,
					       .flush = do_flush,
					       .make_writable = make_writable,
					       .unchanged = unchanged,
					       .descriptor = no_descriptor,
					       .close = let_go };

	return source_new(&ops, overlay, overlay_source(overlay)->name, overlay_size(overlay));
}
