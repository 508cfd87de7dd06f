/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_BOOT_PAST_H
#define CHECKS_BOOT_PAST_H

/* What earlier boots left behind on the volume. */

#include "checks/machine.h"

/* The kernel's command line at the last boot that was logged: "BOOT_IMAGE=... root=... ro"; NULL: none
 * is found. From the text logs, else the journal, whose short messages are not compressed. Worked out
 * once and kept. Borrowed. */
const char *boot_past_cmdline(const struct machine *);

#endif
