/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_SPOT_CHOOSE_H
#define RESCUE_SPOT_CHOOSE_H

#include "rescue/spot.h"

/* The newest complete set of the state, or the newest that is not younger than --at: "2026-11-22T07:00:00Z" or a day. A
 * newer one that is not complete yet is waited for as long as --wait says, and said when it is not taken. ERR_NOTFOUND,
 * ERR_USAGE. */
int spot_choose(struct spot *, const char *name, struct spot_set *ret, struct err *err)
	__attribute__((warn_unused_result));

#endif
