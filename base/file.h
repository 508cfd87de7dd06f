/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_FILE_H
#define BASE_FILE_H

/* Files of this machine (state directory, configuration), never of a patient's volume: that is fs/.
 */

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>
#include <sys/types.h>

/* Whole contents appended to `into`. ERR_MALFORMED when longer than max_bytes. */
int file_read(const char *path, size_t max_bytes, struct str *into, struct err *err)
	__attribute__((warn_unused_result));
/* Replaces the file atomically and durably: temporary name, fsync, rename, fsync of the directory.
 */
int file_replace(const char *path, const void *data, size_t len, mode_t mode, struct err *err)
	__attribute__((warn_unused_result));
/* mkdir -p with mode 0700 for what is made. Every entry that was made, here or by a run that was killed
 * before, is synced. */
int dir_make(const char *path, struct err *err) __attribute__((warn_unused_result));
/* fsync of a directory, so that a name made or removed in it survives power loss. */
int dir_sync(const char *path, struct err *err) __attribute__((warn_unused_result));
/* Removes a directory and what is in it; best effort: what cannot be removed stays. Follows no
 * symbolic link and enters no other file system. */
void dir_remove_all(const char *path);
/* All of len, at offset, whatever the kernel splits. -1 with errno; a short file is EIO for
 * reading. */
int fd_pread_all(int fd, void *data, size_t len, uint64_t offset_bytes)
	__attribute__((warn_unused_result));
int fd_pwrite_all(int fd, const void *data, size_t len, uint64_t offset_bytes)
	__attribute__((warn_unused_result));
int fd_write_all(int fd, const void *data, size_t len) __attribute__((warn_unused_result));

#endif
