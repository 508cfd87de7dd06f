/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_SECRETS_H
#define BASE_SECRETS_H

/* Whether this process can hold a credential. Until its environment was wiped it can, and once it
 * has looked for credentials it can for good. A child that touches a volume is only forked from a
 * process that cannot; from any other it is executed anew (rescue/surgery.c). */

#include <stdbool.h>

/* Overwrites every variable that is not in `keep` (names, NULL-terminated) where it lies in memory,
 * and removes it. */
void secrets_wipe_environment(const char *const *keep);
/* To be called before credentials are looked for. */
void secrets_may_come(void);
bool secrets_are_absent(void);

#endif
