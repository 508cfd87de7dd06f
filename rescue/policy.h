/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_POLICY_H
#define RESCUE_POLICY_H

/* The least IAM policy that a command works with, from two tables: what a command is for (`policy_commands`) and
 * which of these uses calls which action (`grants` of rescue/policy.c). A new command is one value here, one row in
 * the first table, and its bit in the rows of the second. */

#include "base/err.h"

#include <jansson.h>

enum policy_use {
	USE_SELF = 1, /* a rescue, by its way to the root volume */
	USE_HELPER = 2,
	USE_SNAPSHOT = 4,
	USE_REPLACE = 8,
	USE_UNDO = 16,
	USE_RESUME = 32,
	USE_AUDIT = 64,
	USE_SAVE = 128,
	USE_RESTORE = 256,
	USE_SWAP = 512,
	USE_LIST = 1024,
	USE_PRUNE = 2048,
	USE_NET = 4096,
	USE_FIX = 8192, /* the changes of `net --fix-cloud` */
};

/* The uses of a command ("spot save", "spot-save"), narrowed by the way of a rescue (NULL: all ways). ERR_USAGE: there
 * is no such command, it calls nothing of AWS, or no such way. */
int policy_uses(const char *command, const char *via, unsigned *ret, struct err *err)
	__attribute__((warn_unused_result));
/* The document; new reference. */
json_t *policy_make(unsigned uses);

#endif
