/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_OVERLAY_H
#define FS_OVERLAY_H

/* Copy-on-write over a source, in granules of 4 KiB. Which granules are changed is a bit map in
 * shared memory and their bytes are in an unlinked sparse file, at the offset that they have on the
 * source; so a forked child may serve the overlay and its parent sees what it changed. A granule is
 * in use by one writer at a time: the parent does not write while a child serves it. */

#include "fs/source.h"

#define OVERLAY_GRANULE 4096u

struct overlay;

/* The source stays the caller's and must outlive the overlay. work_dir: where the sparse file is
 * made (and unlinked at once); it must hold as much as will be changed. */
int overlay_open(struct source *, const char *work_dir, struct overlay **ret, struct err *)
	__attribute__((warn_unused_result));
void overlay_close(struct overlay *);
static inline void overlay_close_cleanup(struct overlay **p)
{
	overlay_close(*p);
}

struct source *overlay_source(const struct overlay *);
uint64_t overlay_size(const struct overlay *); /* bytes, that of the source */

int overlay_pread(struct overlay *, void *data, size_t len, uint64_t offset_bytes, struct err *)
	__attribute__((warn_unused_result));
int overlay_pwrite(struct overlay *, const void *data, size_t len, uint64_t offset_bytes,
		   struct err *) __attribute__((warn_unused_result));

/* Number of the first changed granule at or after `granule`; UINT64_MAX: there is none. */
uint64_t overlay_next_changed(const struct overlay *, uint64_t granule);
uint64_t overlay_changed_count(const struct overlay *); /* granules */
/* Was anything in these bytes changed? */
bool overlay_is_changed(const struct overlay *, uint64_t offset_bytes, uint64_t size_bytes);
/* Forgets every change: the overlay shows the source again. */
void overlay_reset(struct overlay *);

/* What it shows, as something that another overlay can be laid over. Borrows it. */
struct source *overlay_as_source(struct overlay *);

#endif
