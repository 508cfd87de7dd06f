/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_SPOT_CHOOSE_H
#define RESCUE_SPOT_CHOOSE_H

#include "rescue/spot_set.h"

/* The newest complete set; at not NULL: of those that are not younger, "2026-11-22T07:00:00Z" or a day. NULL with
 * ERR_NOTFOUND or ERR_USAGE: there is none. */
const struct spot_set *spot_choose(const struct spot_sets *, const char *name, const char *at,
				   struct err *err);

#endif
