/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLOUD_BLOCKS_H
#define CLOUD_BLOCKS_H

/* What the EBS direct handlers share. */

#include "tests/cloud/kinds.h"
#include "tests/cloud/rest.h"
#include "tests/cloud/volume.h"

#define BLOCK_BYTES 524288

/* The snapshot of a parameter: well formed, known, visible and owned; else rest_fail and NULL. */
struct res *blocks_snapshot(struct call *call, const char *name);
/* Base64 of the SHA-256, appended. */
void blocks_sum(struct str *into, const void *data, size_t len);

#endif
