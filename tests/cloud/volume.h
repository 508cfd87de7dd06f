/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLOUD_VOLUME_H
#define CLOUD_VOLUME_H

/* Between the files of volumes, snapshots, images and instances. */

#include "tests/cloud/call.h"

void volume_detach_begin(struct sim *sim, struct res *vol, bool force);
int image_adopt(json_t *in, const char *path, struct err *err) __attribute__((warn_unused_result));
bool device_name_is_valid(const char *name);
bool snapshot_is_due(struct call *call, struct res *vol); /* else call_fail */

/* ClientToken: 0: go on; 1: it was used before, ids are what came of it (borrowed); -1: call_fail.
 */
int token_find(struct call *call, json_t **ret_ids);
void token_keep(struct call *call); /* call->new_ids belong to this token now */

#endif
