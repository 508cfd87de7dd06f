/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_BOOT_PAST_H
#define CHECKS_BOOT_PAST_H

/* What earlier boots left behind on the volume. */

#include "checks/machine.h"

/* The kernel's command line at the last boot that was logged: "BOOT_IMAGE=... root=... ro"; NULL: none
 * is found. From the text logs, else the journal, whose short messages are not compressed. Worked out
 * once and kept. Borrowed. */
const char *boot_past_cmdline(const struct machine *);
/* The memory that the kernel found then, in bytes; 0: it is not told. */
uint64_t boot_past_ram(const struct machine *);
/* The same, of a text such as a console: its last "Memory: 983040K/1048180K available". */
uint64_t boot_past_ram_in(const char *text, size_t len);

#endif
