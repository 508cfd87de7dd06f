/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_JBD2_H
#define FS_JBD2_H

/* Replay of an ext3/ext4 journal into the overlay, as the kernel does it at mount: libext2fs has
 * none to offer. Orphaned inodes are left for the kernel or e2fsck. */

#include "fs/overlay.h"

/* Does nothing when the file system was unmounted cleanly. ERR_UNSUPPORTED: an external journal,
 * fast commits, or features from after this code. ERR_DAMAGED: the journal cannot be followed. */
int jbd2_replay(struct overlay *, uint64_t offset_bytes, uint64_t size_bytes, bool *ret_was_dirty,
		struct err *) __attribute__((warn_unused_result));

#endif
