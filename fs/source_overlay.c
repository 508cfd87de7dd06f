/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An overlay as the source of another one: what the upper one changes, the lower one never sees. */
#include "fs/overlay.h"

static int do_pread(void *private, void *data, size_t len, uint64_t offset, struct err *err)
{
	return overlay_pread(private, data, len, offset, err);
}

static int unchanged(void *private, struct err *err)
{
	return source_unchanged(overlay_source(private), err);
}

struct source *overlay_as_source(struct overlay *overlay)
{
	static const struct source_ops ops = { .pread = do_pread, .unchanged = unchanged };

	return source_new(&ops, overlay, overlay_source(overlay)->name, overlay_size(overlay));
}
