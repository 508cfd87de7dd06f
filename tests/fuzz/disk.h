/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_FUZZ_DISK_H
#define TESTS_FUZZ_DISK_H

/* A disk in memory from a short input: u32 number of sectors; then pieces: u32 first sector, u16 number of
 * sectors, their bytes. What no piece says is zeros; the last piece may be cut short. */

#include "base/mem.h"
#include "fs/overlay.h"

/* NULL: no sectors. One at a time: the next call takes its memory. */
struct overlay *fuzz_disk(const uint8_t *data, size_t size);
void fuzz_disk_close(struct overlay *);
DEFINE_CLEANUP(struct overlay *, fuzz_disk_close)

#endif
