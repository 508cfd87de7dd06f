/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_RAM_H
#define CHECKS_RAM_H

/* How much memory the instance has at most, in bytes; 0: unknown. From its type where the cloud tells
 * it, else from what the kernel said at its last boot (console, checks/boot_past.h).
 *
 * Source: Amazon EC2 instance types: memory follows the family (GiB a vCPU) and the size; the kernel's
 * line "Memory: 983040K/1048180K available". */

#include "checks/machine.h"

uint64_t machine_ram_max(const struct machine *);

#endif
