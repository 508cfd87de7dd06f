/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FS_DIFF_H
#define FS_DIFF_H

#include "base/str.h"

/* Appends a unified diff (3 lines of context) of two texts, escaped for a terminal. */
void diff_unified(const char *path, const struct str *old, const struct str *new, struct str *into);

#endif
