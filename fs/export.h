/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_EXPORT_H
#define FS_EXPORT_H

/* Overlays as plain files: a FUSE file system served by a forked child, one flat directory of
 * read-write files, each a window of an overlay. Loop devices, e2fsck, xfs_repair and btrfs work on
 * their paths. Everything bypasses the page cache (direct I/O), so nothing is held twice and the
 * overlay always has the latest bytes. */

#include "base/mem.h"
#include "fs/overlay.h"

struct export_file {
	char name[32];
	struct overlay *overlay; /* borrowed; must outlive the export */
	uint64_t offset_bytes, size_bytes;
};
VEC_TYPE(export_files, struct export_file);

struct export;

/* Mounts on `dir` (an empty directory) and serves until export_close. The child dies with this
 * process. As root the mount is made directly (be in a private mount namespace, so that nothing can
 * be left behind); otherwise by fusermount3. ERR_TOOL: no FUSE here. */
int export_open(const char *dir, const struct export_files *, struct export **ret, struct err *)
	__attribute__((warn_unused_result));
/* Unmounts, waits for the child and removes the directory. After it the overlays hold all that was
 * written. */
void export_close(struct export *);
static inline void export_close_cleanup(struct export **p)
{
	export_close(*p);
}
const char *export_dir(const struct export *);

#endif
