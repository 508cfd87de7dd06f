/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_SPOT_DISKS_H
#define RESCUE_SPOT_DISKS_H

/* Which of this machine's block devices lie on which volumes: partitions, LVM, RAID and encryption on top of them
 * included. Source: sysfs, /sys/dev/block/MAJOR:MINOR with `partition` and `slaves`; EC2 user guide, "Device names
 * on Linux instances" (NVMe: the serial number is the volume's id; Xen: the name as it was attached). */

#include "rescue/spot_set.h"

/* Does the device lie on any of these? */
bool disk_is_on(const struct spot_volumes *, unsigned major, unsigned minor);

#endif
