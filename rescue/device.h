/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_DEVICE_H
#define RESCUE_DEVICE_H

/* The block device of an attached EBS volume on this machine. */

#include "ec2/ids.h"

/* Path of the whole-disk device whose name in `dir` holds the volume id, with or without its dash
 * (nvme-Amazon_Elastic_Block_Store_vol0123456789abcdef0); malloc'd. NULL: not there (yet). Device
 * names are not stable, the id in the NVMe serial is. Source: EBS user guide, "NVMe device names".
 */
char *device_find(const char *dir, const struct volume_id *volume);

#endif
